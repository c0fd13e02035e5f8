"""The best score alone equals the first of a whole sweep, to the bit."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import ohlc
from helpers.sweeps import custom_spec, dataset_of, prepared, run_sweep, whole_spec

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep import worker
from qmac.engine.sweep.best_score import compute_best_score
from qmac.engine.sweep.spec import SweepSpec
from qmac.robustness.markets.resample_sweep import ResampleSweep
from qmac.runtime.execution.parts import Part
from qmac.strategy.metrics import MEASURES, METRICS
from qmac.strategy.request import check_request

STOPS = [{}, {"stop_loss": 0.05, "max_bars": 30}]


class AllStatistics(SweepSpec):
    """A spec whose kernel keeps every statistic, so that tests of all metrics compile one."""

    statistics = frozenset[str]().union(*(metric.statistics for metric in METRICS.values()))


def best_of(prices, grid, rules, **options):
    """Return the best score alone, by the kernel of all statistics, with or without stops."""
    series = prepared(prices, grid, rules)
    spec = custom_spec(series, grid, **options)
    if rules.has_stops:
        spec = whole_spec(spec)
    else:
        spec = AllStatistics(**{name: getattr(spec, name) for name in spec.__dataclass_fields__})
    return compute_best_score(dataset_of(prices, grid, rules, spec.statistics), spec)


def first_of(prices, grid, rules, **options):
    """Return the first score of a whole sweep."""
    return run_sweep(prices, grid, rules, whole=True, top=1, **options).top_scores[0]


@pytest.mark.parametrize("objective", sorted(MEASURES))
@pytest.mark.parametrize("stops", STOPS)
def test_every_objective(market, objective, stops):
    prices, grid = market
    options = {"objective": objective, "constraints": {"total_trades": (2, None)}}
    for maximize in (True, False):
        sign = 1 if maximize else -1
        best = best_of(prices, grid, qmac.Rules(**stops), maximize=maximize, **options)
        first = first_of(prices, grid, qmac.Rules(**stops), maximize=maximize, **options)
        assert best == sign * first


@pytest.mark.parametrize("shared_windows", [False, True])
@pytest.mark.parametrize("conflict", ["ignore", "opposite"])
def test_conflicts_and_shared_windows(market, shared_windows, conflict):
    prices, _ = market
    grid = qmac.Grid(windows=[2, 3, 5, 8], shared_windows=shared_windows)
    for rules in (
        qmac.Rules(conflict=conflict, **stops) for stops in (STOPS if LONG else STOPS[:1])
    ):
        assert best_of(prices, grid, rules) == first_of(prices, grid, rules)


def test_tiles_of_time(market, monkeypatch):
    prices, grid = market
    whole = best_of(prices, grid, qmac.Rules())
    monkeypatch.setattr(worker, "WHOLE_BYTES", 1 << 12)
    monkeypatch.setattr(worker, "TILE_BYTES", 1 << 12)
    assert best_of(prices, grid, qmac.Rules()) == whole


def test_nothing_is_scored(market):
    prices, grid = market
    options = {"constraints": {"total_trades": (10_000, None)}}
    assert best_of(prices, grid, qmac.Rules(), **options) == -np.inf


def test_a_stop_ends_the_search(market):
    prices, grid = market
    series = prepared(prices, grid)
    spec = custom_spec(series, grid)
    dataset = dataset_of(prices, grid, qmac.Rules(), spec.statistics)
    assert compute_best_score(dataset, spec, np.ones(1, np.uint8)) is None


@pytest.mark.skipif(not LONG, reason="with make test-long")
@pytest.mark.parametrize("bars", [800, 2000, 5031])
@pytest.mark.parametrize("objective", ["total_return", "sharpe_ratio"])
def test_long_series(bars, objective):
    prices, grid = qmac.sample_prices().tail(bars), qmac.Grid(windows=range(2, 252, 5))
    assert best_of(prices, grid, qmac.Rules(), objective=objective) == first_of(
        prices, grid, qmac.Rules(), objective=objective
    )


@pytest.mark.skipif(not LONG, reason="with make test-long: kernels of wide codes are compiled")
@pytest.mark.parametrize("stops", STOPS)
@pytest.mark.parametrize("conflict", ["ignore", "opposite"])
def test_wide_codes_and_tiles(conflict, stops):
    prices = Prices.of(ohlc("random", 40_000, 5))
    for shared_windows in (False, True):
        grid = qmac.Grid(windows=[2, 3, 5, 8, 13, 60, 250], shared_windows=shared_windows)
        for objective in ("total_return", "sharpe_ratio", "max_drawdown"):
            rules = qmac.Rules(conflict=conflict, **stops)
            options = {"objective": objective, "constraints": {"exposure": (0.1, 0.6)}}
            best = best_of(prices, grid, rules, **options)
            assert best == first_of(prices, grid, rules, **options) and np.isfinite(best)


@pytest.mark.skipif(not LONG, reason="with make test-long: a kernel for each")
@pytest.mark.parametrize("objective", sorted(MEASURES))
def test_the_kernels_of_users(objective):
    """Those of ``qmac.optimize``, with the statistics of one objective."""
    prices, grid = qmac.sample_prices().tail(800), qmac.Grid(windows=range(2, 252, 10))
    sweep = ResampleSweep.build(prices, check_request(grid, objective), ("shuffle",), seed=1)
    for number in range(3):
        part = Part("shuffle", number)
        result = qmac.optimize(sweep.build_series(part).prices, grid, objective, top=1)
        score = sweep.compute_score(part, np.zeros(1, np.uint8))
        assert score == result.top_scores[0] * sweep.spec.objective.sign


PLAIN = """
from helpers.series import frame, series
import qmac
prices = qmac.Prices.of(frame(series("random", 90, 4)))
result = qmac.optimize(prices, qmac.Grid(windows=(2, 3, 5, 8)), "sharpe_ratio", top=1)
print(result.luck(19, threads=1).digest)
"""
PLAIN_STOPS = """
rules = qmac.Rules(stop_loss=0.03, take_profit=0.05, trailing_stop=0.04)
for objective in ("total_trades", "win_rate", "max_drawdown"):
    result = qmac.optimize(prices, qmac.Grid(windows=(2, 3, 5, 8)), objective, rules=rules, top=1)
    print(objective, result.digest)
"""


def run_python(code, *, is_plain):
    variables = os.environ | {"NUMBA_DISABLE_JIT": "1"} if is_plain else dict(os.environ)
    variables["PYTHONPATH"] = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
def test_plain_python():
    printed = run_python(PLAIN + PLAIN_STOPS, is_plain=True).splitlines()
    assert len(printed) == 4
    # the kinds of kernels of the others are compiled for nothing else
    is_compiled = 4 if LONG else 1
    compiled = run_python(PLAIN + PLAIN_STOPS * LONG, is_plain=False).splitlines()
    assert compiled == printed[:is_compiled]
