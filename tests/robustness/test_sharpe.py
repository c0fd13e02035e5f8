"""Sharpe ratios of the best of many tries: published vectors, and other packages."""

import math

import numpy as np
import pytest

from qmac.robustness.sharpe import (
    MOST_TRIES,
    NORMAL,
    SharpeRatio,
    compute_deflated_sharpe,
    compute_hurdle,
    compute_least_bars,
    compute_probabilistic_sharpe,
    expect_maximum,
    measure_sharpe_ratio,
    solve_tries,
)

MAXIMA = {
    2: 0.564190,
    5: 1.162964,
    10: 1.538753,
    45: 2.207720,
    100: 2.507594,
    1000: 3.241436,
    1e6: 4.862897,
    968_734_500: 6.082591,
}


@pytest.mark.parametrize(("tries", "maximum"), MAXIMA.items())
def test_mean_of_the_largest(tries, maximum):
    assert expect_maximum(tries) == pytest.approx(maximum, abs=1e-6)
    assert solve_tries(expect_maximum(tries)) == pytest.approx(tries, rel=1e-7)


def test_one_try_and_no_end():
    assert expect_maximum(1) == pytest.approx(0, abs=1e-15)
    assert expect_maximum(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-14)
    assert [solve_tries(z) for z in (0, -3, -math.inf)] == [1, 1, 1]
    assert solve_tries(1e-9) == pytest.approx(1, abs=1e-8)
    assert solve_tries(9) == math.inf
    assert solve_tries(8.8) < MOST_TRIES
    tries = [solve_tries(z) for z in np.linspace(0, 8.8, 50)]
    assert tries == sorted(tries)


def approximate_maximum(tries):
    """The formula of the paper of 2014, whose vectors use it."""
    gamma = 0.5772156649015329
    first, second = (NORMAL.inv_cdf(1 - 1 / n) for n in (tries, tries * math.e))
    return (1 - gamma) * first + gamma * second


@pytest.mark.parametrize(
    ("tries", "skewness", "kurtosis", "probability"),
    [(100, -3, 10, 0.900397), (46, -3, 10, 0.950502), (88, 0, 3, 0.950491)],
)
def test_deflated_ratios_of_the_paper(tries, skewness, kurtosis, probability):
    observed = SharpeRatio(2.5 / math.sqrt(250), 1250, skewness, kurtosis)
    hurdle = math.sqrt(1 / 2 / 250) * approximate_maximum(tries)
    actual = compute_probabilistic_sharpe(observed, hurdle)
    assert actual == pytest.approx(probability, abs=5e-7)
    excess = observed._replace(kurtosis=kurtosis - 3)  # the trap: 0.901779 of the first
    assert compute_probabilistic_sharpe(excess, hurdle) - actual > 9e-4


def test_probabilistic_ratios_of_the_paper():
    monthly = SharpeRatio(0.036 / 0.079, 24)
    assert compute_probabilistic_sharpe(monthly) == pytest.approx(0.981243, abs=5e-7)
    skewed = monthly._replace(skewness=-2.448, kurtosis=10.164)
    assert compute_probabilistic_sharpe(skewed) == pytest.approx(0.912709, abs=5e-7)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "years"),
    [(250, 0, 3, 2.731), (52, 0, 3, 2.829), (12, 0, 3, 3.240), (12, -0.72, 5.78, 4.991)],
)
def test_least_track_records_of_the_paper(per_year, skewness, kurtosis, years):
    root = math.sqrt(per_year)
    observed = SharpeRatio(2 / root, 0, skewness, kurtosis)
    bars = compute_least_bars(observed, 1 / root)
    assert bars / per_year == pytest.approx(years, abs=5e-4)
    long_enough = observed._replace(bars=bars)
    assert compute_probabilistic_sharpe(long_enough, 1 / root) == pytest.approx(0.95, abs=1e-12)


def test_the_hurdle_of_luck():
    observed = SharpeRatio(0.1, 500, -0.5, 6)
    assert compute_hurdle(500, 100) == pytest.approx(2.507594 / math.sqrt(499), abs=1e-7)
    one, more, most = (compute_deflated_sharpe(observed, tries) for tries in (1, 100, 1e9))
    assert one == pytest.approx(compute_probabilistic_sharpe(observed), abs=1e-12)
    assert one > more > most
    at_hurdle = observed._replace(ratio=compute_hurdle(500, 100))
    assert compute_deflated_sharpe(at_hurdle, 100) == pytest.approx(0.5)
    assert compute_least_bars(observed, 0.1) == math.inf


def test_moments():
    returns = np.random.default_rng(1).standard_t(5, 300) / 100 + 0.001
    returns[::3] = 0
    observed = measure_sharpe_ratio(returns)
    assert observed.ratio == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert observed.bars == 300
    normal = measure_sharpe_ratio(np.random.default_rng(1).normal(0.1, 1, 200_000))
    assert normal.skewness == pytest.approx(0, abs=0.03)
    assert normal.kurtosis == pytest.approx(3, abs=0.05)
    assert normal.spread == pytest.approx(math.sqrt(1 + normal.ratio**2 / 2), rel=0.01)


def test_returns_of_two_values_or_of_one():
    assert math.isnan(measure_sharpe_ratio(np.zeros(5)).ratio)
    certain = SharpeRatio(2.0, 10, 1.0, 2.0)  # 1 - 2 + 1
    assert certain.spread == 0
    assert [compute_probabilistic_sharpe(certain, hurdle) for hurdle in (1, 3)] == [1, 0]


def test_independent_strategies_are_as_many_tries_as_they_are():
    """100 of normal returns, 400 times: measured tries within 15 %."""
    random = np.random.default_rng(3)
    maxima = []
    for _ in range(400):
        returns = random.standard_normal((100, 252), np.float32)
        ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        maxima.append(ratios.max() * math.sqrt(252))
    assert solve_tries(np.mean(maxima)) == pytest.approx(100, rel=0.15)


def test_the_package_holdout_agrees():
    holdout = pytest.importorskip("holdout")
    returns = np.random.default_rng(5).standard_t(4, 500) / 100 + 0.001
    observed = measure_sharpe_ratio(returns)
    moments = {
        "skewness": holdout.skewness(returns),
        "kurtosis": holdout.kurtosis(returns),
    }
    ratio = holdout.sharpe_ratio(returns)
    assert observed == pytest.approx((ratio, 500, *moments.values()), rel=1e-12)
    assert compute_probabilistic_sharpe(observed, 0.01) == pytest.approx(
        holdout.probabilistic_sharpe_ratio(ratio, 500, benchmark=0.01, **moments), abs=1e-9
    )
    assert compute_least_bars(observed, 0.01) == pytest.approx(
        holdout.minimum_track_record_length(ratio, benchmark=0.01, **moments), rel=1e-9
    )
    assert expect_maximum(100) == pytest.approx(holdout.expected_maximum_normal(100), abs=1e-9)
    hurdle = holdout.expected_maximum_sharpe(100, 1 / 499, method="exact")
    assert compute_deflated_sharpe(observed, 100) == pytest.approx(
        holdout.probabilistic_sharpe_ratio(ratio, 500, benchmark=hurdle, **moments), abs=1e-9
    )
