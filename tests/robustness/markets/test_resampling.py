"""Random markets: what they leave as it is, where they end, and that they are the same bits."""

import hashlib
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.series import frame, ohlc, series
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.dataset.period import build_period
from qmac.errors import OptionError, PricesError
from qmac.robustness.markets import resampling
from qmac.robustness.markets.resampling import (
    COLUMNS,
    DRAWS,
    NULLS,
    STREAMS,
    Resampler,
    compute_root,
)

pytestmark = pytest.mark.slow

BARS, FIRST = 400, 60
MOVES = BARS - 1 - FIRST
PRICES = Prices.of(ohlc("random", BARS, 3).assign(Volume=1000.0), "SPY")
DIGEST = "1003c4cdbbb335939477c03afb4759cb8ffefbcf98578768b3abb25cf4431cc3"
"""Of six markets of the sample: any machine and any version has these bits."""


def build(null, number=0, prices=PRICES, first=FIRST, seed=1):
    return Resampler(prices, first, null, seed).build(number)


def table(prices):
    """Prices, ``(columns, T)``."""
    return np.array([prices.column(name) for name in COLUMNS if name in prices.frame])


def moves(prices, first=FIRST):
    values = table(prices)
    return values[:, first + 1 :] / values[-1, first:-1]


def constant_words(monkeypatch, words):
    monkeypatch.setattr(Resampler, "_draw", lambda self, number: np.asarray(words, np.uint64))


@pytest.fixture(params=NULLS)
def null(request):
    return request.param


def test_shuffled_moves_are_the_same_moves():
    random, real = moves(build("shuffle")), moves(PRICES)
    assert np.abs(np.sort(random[-1]) / np.sort(real[-1]) - 1).max() < 1e-15
    # whole bars: each has the open, the high and the low that it had
    order = real[-1].argsort()[random[-1].argsort().argsort()]
    assert np.abs(random / real[:, order] - 1).max() < 2e-15
    assert (order != np.arange(MOVES)).mean() > 0.95


def test_the_order_is_the_stable_order_of_random_words(monkeypatch):
    words = np.random.default_rng(2).integers(0, 50, MOVES)  # many are equal
    constant_words(monkeypatch, words)
    order = sorted(range(MOVES), key=lambda bar: words[bar])
    assert np.abs(moves(build("shuffle")) / moves(PRICES)[:, order] - 1).max() < 2e-15


def test_without_chance_a_market_is_the_real_one(monkeypatch, null):
    words = {"shuffle": np.arange(MOVES), "mirror": np.full(MOVES, 2**63 - 1, np.uint64)}[null]
    constant_words(monkeypatch, words)
    assert np.abs(table(build(null)) / table(PRICES) - 1).max() < 1e-12


def test_mirrored_moves_are_as_large_beside_the_drift(monkeypatch):
    mean = math.log(PRICES.close[-1] / PRICES.close[FIRST]) / MOVES
    monkeypatch.setattr(resampling, "compute_root", lambda value, degree: math.exp(mean))
    resampler = Resampler(PRICES, FIRST, "mirror", 1)
    real = np.log(moves(PRICES)) - mean
    words = resampler._draw(0)
    is_mirrored = words >> np.uint64(63) == 1
    monkeypatch.setattr(resampling, "compute_root", lambda value, degree: 1.0)  # nothing is pinned
    random = np.log(NULLS["mirror"](resampler._moves, words)) - mean
    assert np.abs(np.abs(random[-1]) - np.abs(real[-1])).max() < 1e-12
    opens, highs, lows, closes = real
    assert np.abs(random[:, ~is_mirrored] - real[:, ~is_mirrored]).max() < 1e-12
    turned = -np.array([opens, lows, highs, closes])
    assert np.abs(random[:, is_mirrored] - turned[:, is_mirrored]).max() < 1e-12
    assert 0.4 < is_mirrored.mean() < 0.6


def test_pinning_multiplies_every_move_by_one_number():
    resampler = Resampler(PRICES, FIRST, "mirror", 1)
    words = resampler._draw(0)
    drawn = np.where(words >= 2**63, resampler._moves.mirrored, resampler._moves.ratios)
    factors = NULLS["mirror"](resampler._moves, words) / drawn
    assert np.ptp(factors) < 1e-15
    target = Fraction(math.prod(map(Fraction, resampler._moves.ratios[-1])))
    exact = float(target / math.prod(map(Fraction, drawn[-1]))) ** (1 / MOVES)
    assert factors.mean() == pytest.approx(exact, rel=1e-14)
    assert abs(exact - 1) > 1e-6


@pytest.mark.parametrize("number", range(20))
def test_the_last_close_is_that_of_the_real_market(null, number):
    end = build(null, number).close[-1]
    assert abs(end / PRICES.close[-1] - 1) <= MOVES * 2.0**-52


@given(
    st.integers(31, 300),
    st.floats(1e-4, 0.2),
    st.floats(1e-4, 0.2),
    st.integers(0, 2**32),
    st.sampled_from(list(NULLS)),
)
def test_the_last_close_where_all_moves_round_alike(bars, rise, fall, seed, null):
    ups = np.random.default_rng(seed).random(bars - 1) < 0.5
    steps = np.concatenate(([0.0], np.where(ups, rise, -fall)))
    prices = Prices.of(frame(100 * np.exp(np.cumsum(steps))))
    if np.ptp(steps[1:]) == 0:
        return
    end = build(null, seed % 100, prices, first=0).close[-1]
    assert abs(end / prices.close[-1] - 1) <= (bars - 1) * 2.0**-52


@given(
    st.sampled_from(["random", "ticks", "up", "down", "zigzag"]),
    st.integers(0, 1000),
    st.sampled_from(list(NULLS)),
)
def test_bars_hold_their_open_and_close(kind, seed, null):
    prices = Prices.of(ohlc(kind, 90, seed))
    opens, highs, lows, closes = table(build(null, seed, prices, first=20))
    assert (lows <= np.minimum(opens, closes)).all()
    assert (highs >= np.maximum(opens, closes)).all()
    build_period(build(null, seed, prices, 20), qmac.Rules(stop_loss=0.1), (2, 3))


def test_bars_up_to_the_first_are_as_they_were(null):
    random = table(build(null))
    assert (random[:, : FIRST + 1] == table(PRICES)[:, : FIRST + 1]).all()
    assert (random[:, FIRST + 1 :] != table(PRICES)[:, FIRST + 1 :]).mean() > 0.9
    assert (table(build(null, first=0))[:, 0] == table(PRICES)[:, 0]).all()


def test_a_price_is_the_one_before_times_its_move(null):
    resampler = Resampler(PRICES, FIRST, null, 1)
    opens, _, _, closes = table(resampler.build(5))
    drawn = NULLS[null](resampler._moves, resampler._draw(5))
    close = float(PRICES.close[FIRST])
    for bar, (gap, move) in enumerate(zip(drawn[0].tolist(), drawn[-1].tolist(), strict=True)):
        assert opens[FIRST + 1 + bar] == close * gap
        close *= move
        assert closes[FIRST + 1 + bar] == close


@pytest.mark.parametrize("factor", [2.0, 2.0**-20])
def test_markets_scale_with_the_prices(null, factor):
    scaled = Prices.of(PRICES.frame * factor)
    for number in range(5):
        random = table(build(null, number))
        assert (table(build(null, number, scaled)) == random * factor).all()


def test_positions_and_signs_are_uniform():
    """120,000 of each; bounds at 1 in 10,000."""
    prices = Prices.of(frame(series("random", 41, 8)))
    count, moves = 3_000, 40
    places, signs = np.zeros((moves, moves)), np.zeros(moves)
    pairs = np.zeros((2, 2))
    shuffler, mirrorer = (Resampler(prices, 0, null, 7) for null in NULLS)
    for number in range(count):
        places[np.arange(moves), shuffler._draw(number).argsort(kind="stable")] += 1
        flags = mirrorer._draw(number) >> np.uint64(63)
        signs += flags
        np.add.at(pairs, (flags[:-1].astype(int), flags[1:].astype(int)), 1)
    expected = count / moves
    chi2 = ((places - expected) ** 2 / expected).sum()  # on 39^2 degrees of freedom
    assert abs(chi2 - 39**2) < 3.9 * math.sqrt(2 * 39**2)
    chi2_of_signs = ((2 * signs - count) ** 2 / count).sum()  # on 40
    assert 12 < chi2_of_signs < 84
    share = pairs / pairs.sum()  # one flag says nothing of the next
    assert np.abs(share - 0.25).max() < 4 * math.sqrt(0.25 * 0.75 / pairs.sum())


def digest(numbers):
    sha = hashlib.sha256()
    built = {
        (null, number): table(build(null, number, SAMPLE, 100, seed=5)).tobytes()
        for number in numbers
        for null in NULLS
    }
    for key in sorted(built):
        sha.update(built[key])
    return sha.hexdigest()


SAMPLE = qmac.sample_prices().tail(300)
OTHER_PROCESS = (
    "import sys; sys.path[:0] = {path!r}\nimport {name}\nprint({name}.digest([3, 0, 7]))"
)


def test_markets_are_the_same_bits_in_any_order_and_process():
    here = digest([7, 3, 0])
    test = Path(__file__)
    code = OTHER_PROCESS.format(path=[str(test.parent), *sys.path], name=test.stem)
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == here, done.stderr
    assert here == DIGEST


def test_threads_share_a_resampler(null):
    resampler = Resampler(PRICES, FIRST, null, 1)
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(resampler.build, range(40)))
    for number, random in enumerate(built):
        assert (table(random) == table(build(null, number))).all()


def test_seeds_nulls_and_numbers_have_streams_of_their_own():
    streams = {
        tuple(Resampler(PRICES, FIRST, null, seed)._draw(number).tolist())
        for null in DRAWS
        for seed in (0, 1, 2**32, 2**63 - 1)
        for number in (0, 1, 2)
    }
    assert len(streams) == 3 * 4 * 3


def test_null_hypotheses_have_their_numbers():
    bits = np.random.Philox(np.random.SeedSequence(9, spawn_key=(1, 4)))
    words = Resampler(PRICES, FIRST, "mirror", 9)._draw(4)
    assert (words == bits.random_raw(MOVES)).all()
    assert list(NULLS) == ["shuffle", "mirror"]
    assert STREAMS == {"shuffle": 0, "mirror": 1, "driftless": 2}
    assert list(DRAWS) == list(STREAMS)


def test_without_drift_the_mean_return_of_a_bar_is_0():
    random, real = build("driftless"), moves(PRICES)
    assert table(random)[:, : FIRST + 1].tolist() == table(PRICES)[:, : FIRST + 1].tolist()
    drawn, centred = moves(random)[-1], real[-1] / real[-1].mean()
    assert drawn.mean() == pytest.approx(1, abs=1e-14)
    assert np.sort(drawn) == pytest.approx(np.sort(centred), abs=1e-13)
    assert drawn != pytest.approx(centred, abs=1e-3)  # they are in another order
    assert (table(random)[1] >= random.close).all()


@pytest.mark.parametrize(
    "columns",
    [["Close"], ["Open", "Close"], ["High", "Close"], ["Low", "Close"], ["Open", "Low", "Close"]],
)
def test_columns_that_are_missing_stay_missing(null, columns):
    whole, part = PRICES, Prices.of(PRICES.frame[[*columns, "Volume"]])
    random = build(null, 2, part)
    assert list(random.frame.columns) == columns
    assert (random.close == build(null, 2, whole).close).all()
    # stops and fills take them from open and close, and they hold these
    build_period(random, qmac.Rules(stop_loss=0.1), (2, 3))


def test_what_is_built_are_prices_like_others(null):
    random = build(null)
    assert random.name == "SPY"
    assert random.index.equals(PRICES.index)
    assert random.bars_per_year == PRICES.bars_per_year
    checked = Prices.of(random.frame, "SPY")
    assert (table(checked) == table(random)).all()
    assert list(random.frame.columns) == list(COLUMNS)
    assert random.column("Volume") is None
    with pytest.raises(ValueError, match="read-only"):
        random.close[0] = 1
    assert len(random.tail(50)) == 50


def test_dates_are_not_looked_at_again(monkeypatch, null):
    resampler = Resampler(PRICES, FIRST, null, 1)
    resampler.build(0)
    monkeypatch.setattr("qmac.data.prices.infer_bars_per_year", None)
    assert resampler.build(1).bars_per_year.number == 252


def test_too_few_moves():
    build("shuffle", first=BARS - 31)
    for first, count in ((BARS - 30, 29), (BARS - 1, 0), (BARS + 7, 0)):
        with pytest.raises(PricesError, match=f"SPY has {count} moves .* at least 30. Use an ear"):
            build("shuffle", first=first)


@pytest.mark.parametrize("growth", [1.0, 1.003])
def test_equal_moves(null, growth):
    closes = 70 * np.cumprod(np.full(200, growth))
    with pytest.raises(PricesError, match="prices moves by the same factor in every bar"):
        build(null, prices=Prices.of(frame(closes)))
    closes[-1] *= 1.001
    build(null, prices=Prices.of(frame(closes)))


def test_bars_that_differ_beside_equal_closes(null):
    prices = Prices.of(ohlc("constant", 90, 1))
    random = build(null, prices=prices, first=0)
    assert (random.close == prices.close).all()
    assert (random.column("High") != prices.column("High")).any()


def test_moves_before_the_first_bar_do_not_count(null):
    closes = np.concatenate((series("random", FIRST, 1), np.full(100, 50.0)))
    with pytest.raises(PricesError, match="same factor"):
        build(null, prices=Prices.of(frame(closes)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"null": "miror"}, "null 'miror' is not known. Did you mean 'mirror'?"),
        ({"null": None}, "null None is not known. Known: shuffle, mirror, driftless."),
        ({"seed": -1}, "seed must be at least 0, got -1."),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5."),
        ({"seed": 2**63}, "seed must be at most 9223372036854775807, got 9223372036854775808."),
        ({"first": -1}, "first must be at least 0, got -1."),
        ({"number": -1}, "number must be at least 0, got -1."),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(OptionError) as error:
        build(**{"null": "shuffle", **arguments})
    assert str(error.value) == message


def test_prices_out_of_range_are_named(null):
    closes = np.cumprod(np.concatenate(([1.0], np.tile([1e8, 1e-8], 60))))
    prices = Prices.of(frame(closes), "wild")
    with pytest.raises(PricesError, match="wild: Close of resample 3 by ") as error:
        build(null, 3, prices, first=0)
    assert "Prices must be positive numbers, from 1e-30 to 1e+30. The moves" in str(error.value)
    row = int(str(error.value).split(" in row ")[1].split()[0])
    resampler = Resampler(prices, 0, null, 1)
    with np.errstate(all="ignore"):
        drawn = NULLS[null](resampler._moves, resampler._draw(3))
    path = np.cumprod(np.concatenate(([1.0], drawn[-1])))
    assert row == 1 + np.flatnonzero((path < 1e-30) | (path > 1e30))[0]
    assert str(prices.index[row - 1]) in str(error.value)


def test_the_column_that_is_out_of_range_is_named(null):
    frame = PRICES.frame.copy()
    frame.loc[frame.index[FIRST + 5 :], "High"] = 9e29
    frame.loc[frame.index[FIRST + 5 :], "Low"] = 2e-30
    with pytest.raises(PricesError, match=r"SPY: (High|Low) of resample 0 by .* in row"):
        build(null, 0, Prices.of(frame, "SPY"))


@pytest.mark.parametrize("size", [1e25, 1e59])
def test_moves_that_leave_float64_are_refused_too(null, size):
    """Upwards in some of the markets, downwards in others."""
    resampler = Resampler(Prices.of(frame(np.tile([1e-29, 1e-29 * size], 200))), 0, null, 1)
    for number in range(10):
        with pytest.raises(PricesError, match="in row"), np.errstate(all="raise"):
            resampler.build(number)


@given(st.floats(1e-250, 1e250), st.integers(1, 10_000))
def test_roots(value, degree):
    root = compute_root(value, degree)
    assert root == pytest.approx(value ** (1 / degree), rel=1e-12)
    if degree <= 20:  # exact: no neighbour is nearer
        below, above = (math.nextafter(root, end) for end in (0, math.inf))
        middles = [(Fraction(root) + Fraction(near)) / 2 for near in (below, above)]
        assert middles[0] ** degree <= Fraction(value) <= middles[1] ** degree


def test_roots_of_what_has_none():
    for value in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(OptionError, match="value must be a positive number"):
            compute_root(value, 3)


def test_roots_do_not_depend_on_a_context_of_decimal():
    import decimal

    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        assert compute_root(2.0, 2) == math.sqrt(2)
