"""The sweep of one resample: a market in, its best score out."""

import copy
import pickle

import numpy as np
import pytest
from helpers.series import frame, ohlc, series

import qmac
from qmac.errors import PricesError
from qmac.robustness.markets.resample_sweep import REAL, RandomMarkets, ResampleSweep
from qmac.runtime.execution.parts import Part
from qmac.strategy.request import check_request

PRICES = qmac.Prices.of(ohlc("random", 300, 4), "SPY")
GRID = qmac.Grid(windows=range(2, 14))
NULLS = ("shuffle", "mirror")


def build(prices=PRICES, **options):
    return ResampleSweep.build(prices, check_request(GRID, **options), NULLS, seed=1)


def score(sweep, *part, stop=0):
    return sweep.compute_score(Part(*part), np.full(1, stop, np.uint8))


def test_the_real_market_has_the_best_of_the_plain_sweep():
    result = qmac.optimize(PRICES, GRID, top=1)
    assert score(build(), REAL, 0) == result.top_scores[0]


def test_a_stop_ends_it():
    assert score(build(), "mirror", 0, stop=1) is None


def test_bars_after_the_end_are_left_out():
    rules = qmac.Rules(start=PRICES.index[50], end=PRICES.index[200])
    sweep = build(rules=rules)
    prices = sweep.build_series(Part("shuffle", 0)).prices
    assert prices.index.equals(PRICES.index[:201])
    assert np.array_equal(prices.column("High")[:51], PRICES.column("High")[:51])
    assert prices.close[-1] == pytest.approx(PRICES.close[200], rel=1e-12)
    assert score(sweep, "shuffle", 0) == qmac.optimize(prices, GRID, rules=rules).top_scores[0]


def test_prices_within_range_are_not_all_built(monkeypatch):
    sweep, built = build(), []
    monkeypatch.setattr(ResampleSweep, "build_series", lambda _, part: built.append(part))
    sweep.check_prices(19)
    assert not built


def test_prices_that_may_leave_the_range_are_all_built(monkeypatch):
    wild = frame(series("random", 300, 4))
    wild["Close"] *= np.where(np.arange(300) % 2, 1.0, 2.0)
    sweep = build(qmac.Prices.of(wild, "wild"))
    try:
        sweep.check_prices(19)
    except PricesError as error:
        assert "row" in str(error)  # noqa: PT017 - either answer is right


def build_markets(seed=1):
    return RandomMarkets(PRICES, check_request(GRID), NULLS, seed)


def test_random_markets_are_built_anew_where_they_arrive():
    markets, part, stop = build_markets(), Part("mirror", 2), np.zeros(1, np.uint8)
    score, fingerprint = markets.compute(part, stop), markets.compute_fingerprint()
    sent = pickle.dumps(markets)
    assert len(sent) < 100 * len(PRICES)
    there = copy.deepcopy(pickle.loads(sent))
    assert "sweep" not in vars(there)
    assert there.compute_checksum() == markets.compute_checksum()
    assert there.compute_fingerprint() == fingerprint
    assert there.compute(part, stop) == score


def test_other_random_markets_have_another_checksum_and_fingerprint():
    markets, other = build_markets(), build_markets(seed=2)
    assert other.compute_checksum() != markets.compute_checksum()
    assert find_differences(other.compute_fingerprint(), markets.compute_fingerprint()) == {
        "the first market of shuffle",
        "the first market of mirror",
    }


def test_a_library_that_rounds_otherwise_has_another_fingerprint(monkeypatch):
    right, log = build_markets().compute_fingerprint(), np.log
    monkeypatch.setattr(np, "log", lambda values: np.nextafter(log(values), 9.0))
    there = build_markets().compute_fingerprint()
    assert "the first market of mirror" in find_differences(there, right)


def find_differences(one, other):
    return {name for name, value in one.items() if value != other[name]}
