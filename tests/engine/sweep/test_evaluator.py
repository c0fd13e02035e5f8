"""One answer for any number of threads, any tile and any lanes."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import ohlc
from helpers.sweeps import custom_spec, evaluator_of, prepared, run_sweep, whole_spec

import qmac
from qmac.data.prices import Prices
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.runtime.execution.threads import ThreadExecutor, compute_tally
from qmac.strategy import reference
from qmac.strategy.metrics import MEASURES


def test_digest_is_the_same_for_any_threads_and_tiles(market):
    prices, grid = market
    expected = run_sweep(prices, grid, qmac.Rules(), top=50).digest
    for threads in (1, 2, 3, 7):
        assert (
            run_sweep(prices, grid, qmac.Rules(), ThreadExecutor(threads), top=50).digest
            == expected
        )
    for lanes in (1, 8, 64) if LONG else (8,):
        assert run_sweep(prices, grid, qmac.Rules(), top=50, lanes=lanes).digest == expected


@pytest.mark.parametrize("objective", sorted(MEASURES))
@pytest.mark.parametrize("stops", [{}, {"stop_loss": 0.05, "max_bars": 30}])
def test_digest_of_every_objective_is_the_same_for_any_threads_and_tiles(market, objective, stops):
    prices, grid = market
    asked = {
        "objective": objective,
        "top": 50,
        "whole": True,
        "constraints": {"total_trades": (2, None)},
    }
    rules = qmac.Rules(**stops)
    expected = run_sweep(prices, grid, rules, **asked).digest
    for threads, lanes in ((3, 32), (2, 8)):
        if lanes == 32 or LONG:  # a large kernel, which no other test needs
            executor = ThreadExecutor(threads)
            assert run_sweep(prices, grid, rules, executor, lanes=lanes, **asked).digest == expected


@pytest.mark.parametrize("shared_windows", [False, True])
def test_cells_count_each_combination_once(shared_windows):
    prices = qmac.sample_prices().tail(300)
    grid = qmac.Grid(windows=range(2, 20), shared_windows=shared_windows)
    evaluator = evaluator_of(prices, grid)
    assert evaluator.counts.sum() == grid.size
    assert evaluator.counts.size == evaluator.work.size == evaluator.worker().cells
    assert (evaluator.work >= 0).all() and (evaluator.counts < 0).any() != shared_windows


def test_the_worker_that_was_measured_is_the_first_one_with_the_floors_of_all():
    evaluator = evaluator_of(qmac.sample_prices().tail(300), qmac.Grid(windows=range(2, 20)))
    assert evaluator.worker_bytes > 0
    (measured,), floors = evaluator._spares, evaluator.floors()
    first, second = evaluator.worker(floors), evaluator.worker(floors)
    assert first is measured and second is not measured
    assert first._workspace.floors is second._workspace.floors is floors


def test_values_of_lists_are_those_of_their_combinations():
    prices, grid = qmac.sample_prices().tail(300), qmac.Grid(windows=[2, 3, 5, 8, 13])
    evaluator = evaluator_of(prices, grid)
    buys, sells = evaluator.dataset.buys, evaluator.dataset.sells
    numbers = [np.arange(side.count, dtype=np.int32) for side in (buys, sells)]
    values = evaluator.compute_values(*numbers)
    assert values.shape == (buys.count, sells.count)
    for buy, sell in ((0, 1), (2, 0), (3, 3)):
        combination = (*first_pair(grid, buys, buy), *first_pair(grid, sells, sell))
        expected = qmac.evaluate(prices, [combination])["total_return"].iloc[0]
        assert values[buy, sell] == pytest.approx(expected, rel=1e-12)


def first_pair(grid, side, number):
    """Return the windows of the first pair of a list."""
    place = side.pairs.starts[number]
    return grid.windows[side.pairs.fast[place]], grid.windows[side.pairs.slow[place]]


def test_the_checksum_is_of_the_series_and_the_lanes():
    grid = qmac.Grid(windows=[2, 3, 5, 8])
    prices = qmac.sample_prices().tail(200)
    first, again = evaluator_of(prices, grid), evaluator_of(prices, grid)
    other = evaluator_of(qmac.sample_prices().tail(201), grid)
    assert len({each.compute_checksum() for each in (first, again, other)}) == 2
    assert first.compute_checksum() == again.compute_checksum()
    narrow = Evaluator(first.dataset, replace(first.spec, lanes=8))
    assert narrow.compute_checksum() != first.compute_checksum()


SUMS = ("total_return", "sharpe_ratio", "sortino_ratio", "omega_ratio", "annualized_volatility")
"""Objectives that are sums over bars."""


@pytest.mark.parametrize("fill", ["close", "next_open"])
@pytest.mark.parametrize("conflict", ["ignore", "opposite"])
@pytest.mark.parametrize("stops", [{}, {"stop_loss": 0.05, "max_bars": 30}])
def test_positions_are_carried_over_the_border(fill, conflict, stops):
    """A score counts the returns of the later bars of the very same account."""
    prices, grid = Prices.of(ohlc("ticks", 220, 7)), qmac.Grid(windows=(2, 3, 5, 8, 13))
    start, border = 20, 120
    rules = qmac.Rules(fill=fill, conflict=conflict, start=prices.index[start], fees=0.001, **stops)
    series = prepared(prices, grid, rules).counting_from(border)
    assert series.facts.bars == 100 == series.period.bars
    for objective in SUMS:
        spec = whole_spec(custom_spec(series, grid, objective))
        evaluator = Evaluator(Dataset.build(series, grid, spec.statistics), spec)
        scores, indices = reductions.ranked_top(compute_tally(evaluator, 2))
        found = dict(zip(indices.tolist(), scores.tolist(), strict=True))
        tolerance = 1e-12 if objective == "total_return" else 1e-9
        for index, row in enumerate(grid.combinations_at(np.arange(grid.buys.size**2))):
            if index not in found and len(set(row.tolist())) < 4:
                continue
            value = slice_metric(prices, row, rules, border - start, objective, series)
            if index in found:
                assert found[index] == pytest.approx(value, rel=1e-9, abs=tolerance)
            else:
                assert not np.isfinite(value)


def slice_metric(prices, combination, rules, border, objective, series):
    """Return a metric, by the reference, of what an account earned after a bar."""
    equity = qmac.backtest(prices, combination, rules).equity.to_numpy()
    if objective == "total_return":
        return np.log(equity[-1] / equity[border - 1])
    account = reference.Simulation(equity[border:].tolist(), [False] * (equity.size - border))
    rules = replace(rules, init_cash=float(equity[border - 1]))
    with np.errstate(all="ignore"):
        return reference.compute_metrics(account, rules, series.periods_per_year)[objective]


@pytest.mark.parametrize("maximize", [True, False])
def test_scores_above_a_line_are_counted_exactly(market, maximize):
    prices, grid = market
    series = prepared(prices, grid)
    spec = custom_spec(series, grid, maximize=maximize, top=1000)
    scores, _ = reductions.ranked_top(compute_tally(build(series, grid, spec), 2))
    scores = spec.objective.sign * scores
    for place in (0, 10, 999):
        line = float(scores[place])
        tally = compute_tally(build(series, grid, replace(spec, line=line)), 2)
        above = (
            (scores > line).sum() if maximize else tally.totals.counts[2] - (scores <= line).sum()
        )
        assert tally.totals.counts[3] == above


def build(series, grid, spec):
    return Evaluator(Dataset.build(series, grid, spec.statistics), spec)
