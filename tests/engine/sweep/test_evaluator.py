"""One answer for any number of threads, any tile and any lanes."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.sweeps import evaluator_of, run_sweep

import qmac
from qmac.engine.sweep.evaluator import Evaluator
from qmac.runtime.execution.threads import ThreadExecutor
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
    expected = run_sweep(prices, grid, qmac.Rules(**stops), lanes=8, **asked).digest
    for threads, lanes in ((3, 8), (2, 32)):
        if lanes == 8 or (LONG and not stops):  # two large kernels, which no other test needs
            executor = ThreadExecutor(threads)
            assert (
                run_sweep(prices, grid, qmac.Rules(**stops), executor, lanes=lanes, **asked).digest
                == expected
            )


@pytest.mark.parametrize("shared_windows", [False, True])
def test_cells_count_each_combination_once(shared_windows):
    prices = qmac.sample_prices().tail(300)
    grid = qmac.Grid(windows=range(2, 20), shared_windows=shared_windows)
    evaluator = evaluator_of(prices, grid)
    assert evaluator.counts.sum() == grid.size
    assert evaluator.counts.size == evaluator.work.size == evaluator.worker().cells
    assert (evaluator.work >= 0).all() and (evaluator.counts < 0).any() != shared_windows


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
