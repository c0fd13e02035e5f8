"""Counts of random markets: p, interval, stopping, verdict, against exact sums and SciPy."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
from helpers.faults import LONG
from hypothesis import given
from hypothesis import strategies as st

from qmac.robustness.luck import chance
from qmac.robustness.luck.chance import (
    Conclusion,
    Exceedances,
    Interval,
    adjust_holm,
    can_decide,
    choose_verdict,
    compute_interval,
    compute_p,
    conclude,
    count_exceedances,
    estimate_resamples,
    find_trend_power,
    invert_beta,
)


@pytest.mark.parametrize(
    ("resamples", "at_least", "is_stopped", "low", "high"),
    [
        (400, 20, True, 0.0308, 0.0734),
        (40, 20, True, 0.3380, 0.6522),
        (999, 0, False, 0, 0.0037),
        (999, 5, False, 0.0016, 0.0116),
        (199, 0, False, 0, 0.0184),
    ],
)
def test_interval_of_known_counts(resamples, at_least, is_stopped, low, high):
    interval = compute_interval(resamples, at_least, is_stopped=is_stopped)
    assert tuple(round(bound, 4) for bound in interval) == (low, high)


def test_intervals_at_the_borders():
    assert compute_interval(20, 20, is_stopped=True) == (pytest.approx(0.025 ** (1 / 20)), 1)
    assert compute_interval(19, 19, is_stopped=False) == (pytest.approx(0.025 ** (1 / 19)), 1)
    assert compute_interval(0, 0, is_stopped=False) == (0, 1)
    assert compute_interval(19, 0, is_stopped=False) == (0, pytest.approx(1 - 0.025 ** (1 / 19)))


parameters = st.integers(1, 200) | st.integers(1, 20_000)


@given(st.sampled_from([0.025, 0.975, 0.5]), parameters, parameters)
def test_quantiles_are_those_of_scipy(share, a, b):
    stats = pytest.importorskip("scipy.stats")
    assert abs(invert_beta(share, a, b) - stats.beta.ppf(share, a, b)) < 1e-12


def exact_tail(least, draws, p):
    return math.fsum(
        math.comb(draws, count) * p**count * (1 - p) ** (draws - count)
        for count in range(least, draws + 1)
    )


@given(st.sampled_from([0.025, 0.975]), st.integers(1, 30), st.integers(1, 30))
def test_quantiles_are_roots_of_binomial_tails(share, a, b):
    assert exact_tail(a, a + b - 1, invert_beta(share, a, b)) == pytest.approx(share, abs=1e-12)


def naive_count(scores, score, stop_after):
    counted = at_least = 0
    for each in scores:
        counted += 1
        at_least += each >= score
        if stop_after is not None and at_least == stop_after:
            return Exceedances(counted, at_least, is_stopped=True)
    return Exceedances(counted, at_least, is_stopped=False)


@given(
    st.lists(st.sampled_from([-math.inf, 0.1, 0.2, 0.3]), max_size=60),
    st.none() | st.integers(1, 20),
)
def test_counting_stops_at_the_first_resample_that_suffices(scores, stop_after):
    assert count_exceedances(scores, 0.2, stop_after) == naive_count(scores, 0.2, stop_after)
    assert count_exceedances(np.array(scores), 0.2, stop_after) == naive_count(
        scores, 0.2, stop_after
    )


def test_later_resamples_are_not_counted():
    scores = [1.0] * 25 + [0.0] * 75
    assert count_exceedances(scores, 0.5) == Exceedances(20, 20, is_stopped=True)
    assert count_exceedances(scores, 0.5, None) == Exceedances(100, 25, is_stopped=False)
    assert count_exceedances(scores, 0.5, 26) == Exceedances(100, 25, is_stopped=False)


def test_equal_scores_are_as_good_and_neighbours_are_not():
    score = 0.1 + 0.2
    scores = [score, math.nextafter(score, 0), math.nextafter(score, 1)]
    assert count_exceedances(scores, score, None).at_least == 2


def test_p():
    assert compute_p(40, 20, is_stopped=True) == 0.5
    assert compute_p(33, 20, is_stopped=True) == pytest.approx(0.606, abs=5e-4)
    assert compute_p(199, 0, is_stopped=False) == 0.005  # never 0
    assert compute_p(999, 9, is_stopped=False) == 0.01
    assert Exceedances(42, 20, is_stopped=True).p == 20 / 42
    assert Exceedances(400, 20, is_stopped=True).interval == compute_interval(
        400, 20, is_stopped=True
    )


def outcomes(resamples, stop_after):
    """Yield every count that resamples can end with, stopped ones last."""
    for at_least in range(stop_after):
        yield Exceedances(resamples, at_least, is_stopped=False)
    for counted in range(stop_after, resamples + 1):
        yield Exceedances(counted, stop_after, is_stopped=True)


def probabilities(resamples, stop_after, chance_of_next):
    """Chances of the outcomes, and the mean number of resamples, by sums over all paths."""
    states = np.zeros(stop_after)
    states[0] = 1
    stopped, mean = [], 0.0
    for counted in range(resamples):
        mean += states.sum()
        up = states * chance_of_next(np.arange(stop_after), counted)
        stopped.append(up[-1])
        states -= up
        states[1:] += up[:-1]
    return np.concatenate((states, stopped[stop_after - 1 :])), mean


@pytest.mark.parametrize("stop_after", [10, 20])
@pytest.mark.parametrize("resamples", [199, 999])
def test_size_of_the_sequential_p_is_exact(resamples, stop_after):
    """Without anything to find, the real market is one among the random ones, by rank."""
    by_rank = lambda at_least, counted: (at_least + 1) / (counted + 2)
    shares, mean = probabilities(resamples, stop_after, by_rank)
    ps = np.array([each.p for each in outcomes(resamples, stop_after)])
    assert shares.sum() == pytest.approx(1)
    for level in (0.01, 0.05, 0.1, 0.5):
        assert shares[ps <= level + 1e-12].sum() == pytest.approx(level, abs=1e-9)
    if (resamples, stop_after) == (999, 20):
        assert round(mean) == 98


TRUE_PS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.05, 0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
DESIGNS = [(199, 20), (999, 20), (999, 10), (4999, 20)] if LONG else [(199, 20), (399, 10)]


@pytest.mark.parametrize(("resamples", "stop_after"), DESIGNS)
def test_intervals_cover_the_true_p(resamples, stop_after):
    intervals = np.array([each.interval for each in outcomes(resamples, stop_after)])
    for p in TRUE_PS if LONG else TRUE_PS[::2]:
        shares, _ = probabilities(resamples, stop_after, lambda at_least, counted: p)
        covers = (intervals[:, 0] <= p) & (p <= intervals[:, 1])
        assert shares[covers].sum() >= 0.94, p


def test_size_by_simulation():
    """The path of the product: scores in, p out; three standard errors."""
    walks = 40_000 if LONG else 1500
    rng = np.random.default_rng(4)
    ps = np.array([count_exceedances(rng.random(999), rng.random()).p for _ in range(walks)])
    for level in (0.01, 0.05, 0.1):
        assert abs((ps <= level).mean() - level) < 3 * math.sqrt(level * (1 - level) / walks)


def test_the_larger_p_decides():
    shuffle, mirror = Exceedances(33, 20, is_stopped=True), Exceedances(42, 20, is_stopped=True)
    low, high = shuffle.interval
    expected = Conclusion(20 / 33, (low, high), "shuffle", "luck_alone_brings_this", None)
    assert conclude({"shuffle": shuffle, "mirror": mirror}) == expected
    assert conclude({"mirror": mirror, "shuffle": shuffle}) == expected
    assert (round(low, 2), round(high, 2)) == (0.42, 0.76)
    assert tuple(round(bound, 2) for bound in mirror.interval) == (0.32, 0.63)


def test_the_first_of_equal_ps_decides():
    same = Exceedances(40, 20, is_stopped=True)
    assert conclude({"mirror": same, "shuffle": same}).decided_by == "mirror"
    assert conclude({"shuffle": same, "mirror": same}).decided_by == "shuffle"


def test_searches_that_were_tried_multiply_p():
    few = {"shuffle": Exceedances(999, 0, is_stopped=False)}
    one, ten = conclude(few), conclude(few, tried=10)
    assert (one.verdict, ten.verdict) == ("hard_to_explain_by_luck", "unlikely_luck_alone")
    assert ten.p == pytest.approx(10 * one.p)
    assert ten.interval == pytest.approx([10 * bound for bound in one.interval])
    many = conclude({"mirror": Exceedances(40, 20, is_stopped=True)}, tried=3)
    assert (many.p, many.interval.high) == (1, 1)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0, 0.0037, "hard_to_explain_by_luck"),
        (0, 0.01, "hard_to_explain_by_luck"),
        (0, 0.0100001, "unlikely_luck_alone"),
        (0.0016, 0.0116, "unlikely_luck_alone"),
        (0.01, 0.05, "unlikely_luck_alone"),
        (0.01, 0.0500001, "open"),
        (0.05, 0.06, "open"),
        (0.0500001, 0.06, "luck_alone_brings_this"),
        (0.3380, 0.6522, "luck_alone_brings_this"),
    ],
)
def test_verdicts(low, high, verdict):
    assert choose_verdict(Interval(low, high)) == verdict
    assert verdict in chance.VERDICTS


def test_what_would_decide():
    assert estimate_resamples(0.04) == 1900  # 4 b (1 - b) / (p - b)^2, b = 0.05
    assert estimate_resamples(0.06) == 2096
    assert estimate_resamples(0.05) is None
    assert estimate_resamples(0.0512) is None
    assert estimate_resamples(0.052) == 48_495
    assert conclude({"shuffle": Exceedances(399, 15, is_stopped=False)}).resamples_to_decide == 1235
    # p is 0.05 by its step, 1 / (19 + 1); without an exceedance 72 decide
    assert conclude({"shuffle": Exceedances(19, 0, is_stopped=False)}) == Conclusion(
        0.05, (0, pytest.approx(0.1765, abs=1e-4)), "shuffle", "open", 76
    )
    assert conclude({"shuffle": Exceedances(72, 0, is_stopped=False)}).verdict != "open"


@pytest.mark.parametrize("tried", [1, 3, 7])
@pytest.mark.parametrize("resamples", [19, 20, 25, 39, 71, 99, 199, 999])
def test_what_would_decide_is_monotone_and_more_than_there_are(resamples, tried):
    """The nearer to the bound, the more; never fewer than left the verdict open, or p can show."""
    needed = {}
    for at_least in range(resamples // 3):
        counts = Exceedances(resamples, at_least, is_stopped=False)
        conclusion = conclude({"shuffle": counts}, tried)
        if conclusion.verdict == "open":
            distance = at_least / resamples - chance.SMALL_P / tried
            needed[distance] = conclusion.resamples_to_decide or math.inf
    assert needed
    below = [needed[distance] for distance in sorted(needed) if distance <= 0]
    above = [needed[distance] for distance in sorted(needed) if distance > 0]
    assert below == sorted(below) and above == sorted(above, reverse=True)
    for distance, number in needed.items():
        assert number > resamples
        if distance < 0:  # the smallest p of so many is small, once multiplied
            assert tried / (number + 1) <= chance.SMALL_P


@pytest.mark.parametrize("tried", [1, 7])
@pytest.mark.parametrize("p", [0.03, 0.075])
def test_with_so_many_resamples_it_is_decided(p, tried):
    p /= tried
    count = 2 * estimate_resamples(p, tried)
    settled = conclude({"shuffle": Exceedances(count, round(p * count), is_stopped=False)}, tried)
    assert settled.verdict != "open"
    short = count // 8
    early = conclude({"shuffle": Exceedances(short, round(p * short), is_stopped=False)}, tried)
    assert early.verdict == "open"


def naive_holm(ps):
    ranks = sorted(range(len(ps)), key=lambda place: ps[place])
    adjusted, largest = [0.0] * len(ps), 0.0
    for step, place in enumerate(ranks):
        largest = max(largest, min(1.0, (len(ps) - step) * ps[place]))
        adjusted[place] = largest
    return adjusted


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.005, 0.01]), max_size=30))
def test_holm(ps):
    assert adjust_holm(ps).tolist() == naive_holm(ps)


def test_holm_of_known_values():
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert adjust_holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    ps = [random.Random(3).random() for _ in range(9)]
    assert adjust_holm(ps[::-1]).tolist() == adjust_holm(ps)[::-1].tolist()


def test_too_few_resamples_for_many_series():
    assert can_decide(10, 199)
    assert not can_decide(11, 199)
    assert can_decide(50, 999)
    least = compute_p(199, 0, is_stopped=False)
    assert adjust_holm([least] + [1.0] * 10)[0] > chance.SMALL_P


def read_power_of_docs():
    """Return the rows of docs/truth.md, in which trends were looked for."""
    text = (Path(__file__).parents[3] / "docs" / "truth.md").read_text("utf-8")
    section = text.split("## Where there is something to find")[1].split("##")[0]
    head, _, *rows = [line.strip("| \n") for line in section.splitlines() if "|" in line]
    lengths = [int(cell.split()[0].replace(",", "")) for cell in head.split("|")[1:]]
    found = {}
    for row in rows:
        drift, *cells = row.split("|")
        for bars, cell in zip(lengths, cells, strict=True):
            shares = [int(number) / 100 for number in cell.split("/")]
            found[bars, float(drift.split()[0]) / 100] = shares
    return found


def test_power_of_planted_trends():
    """The table is that of the documentation, for all of its lengths."""
    documented = read_power_of_docs()
    assert {power.bars for power in chance.TREND_POWER} == {bars for bars, _ in documented}
    for power in chance.TREND_POWER:
        shares = [power.total_return, power.sharpe_ratio]
        assert shares == documented[power.bars, round(power.drift, 6)]
        assert power.duration == 60


@pytest.mark.parametrize(
    ("bars", "nearest"), [(2, 1000), (1400, 1000), (1500, 2000), (5031, 5000), (900_000, 5000)]
)
def test_power_is_that_of_the_nearest_length(bars, nearest):
    weak, strong = find_trend_power(bars)
    assert weak.bars == strong.bars == nearest
    assert weak.drift < strong.drift


def test_fewest_resamples():
    assert compute_p(chance.LEAST_RESAMPLES, 0, is_stopped=False) <= chance.SMALL_P
    assert compute_p(chance.LEAST_RESAMPLES - 1, 0, is_stopped=False) > chance.SMALL_P


def test_module_imports_little():
    import ast
    from pathlib import Path

    tree = ast.parse(Path(chance.__file__).read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    standard = {"__future__", "collections.abc", "dataclasses", "functools", "math", "typing"}
    assert names == standard | {"numpy"}
