"""Maps of pairs: lists moved to their pairs, cells as they are shown, the best by brute force."""

import numpy as np
import pytest
from helpers.series import frame, series
from helpers.sweeps import dataset_of
from helpers.tallies import spec_on, swept

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.reductions import PAIRS
from qmac.kernels.signals.event_lists import Pairs
from qmac.kernels.sweep.pair_maps import add_lists, finish_cells
from qmac.kernels.sweep.tally import Cells
from qmac.strategy.grid import ROLES


def test_lists_move_to_each_of_their_pairs():
    fast, slow = np.array([0, 0, 1, 2], np.int32), np.array([1, 2, 2, 3], np.int32)
    pairs = Pairs(np.array([0, 2, 3, 4]), np.arange(4, dtype=np.int32), fast, slow)
    cells = Cells(np.array([0.5, -np.inf, 2.0]), np.array([7, 0, 9]), np.array([2, 0, 1]))
    into = Cells(np.full((4, 4), -np.inf), np.ones((4, 4), np.int64), np.zeros((4, 4), np.int64))
    into.best[0, 2] = 1.0
    add_lists(0, 2, pairs, cells, into)
    assert into.best[0, 1] == 0.5 and into.best[0, 2] == 1.0 and into.best[1, 2] == -np.inf
    assert into.sums[0, 1] == into.sums[0, 2] == 8 and into.sums[1, 2] == 1
    assert into.counts.sum() == 4
    assert cells.sums.tolist() == [0, 0, 9] and cells.counts.tolist() == [0, 0, 1]
    add_lists(2, 3, pairs, cells, into)
    assert (into.best[2, 3], into.sums[2, 3], into.counts[2, 3]) == (2.0, 10, 1)


def test_cells_are_shown_as_means_and_bests():
    best, sums = np.array([3.0, -np.inf, -1.5]), np.array([10, 0, -3])
    counts = np.array([4, 0, 2])
    finish_cells(best, sums, counts, sums.view(np.float64), -1.0, -0.5)
    assert np.array_equal(best, [-3.0, np.nan, 1.5], equal_nan=True)
    assert np.array_equal(sums.view(np.float64), [-1.25, np.nan, 0.75], equal_nan=True)


@pytest.mark.parametrize("kind", ["random", "zigzag", "steps"])
@pytest.mark.parametrize("shared_windows", [False, True])
def test_maps_are_those_of_all_combinations(kind, shared_windows):
    grid = qmac.Grid(windows=(2, 3, 4, 6, 9), shared_windows=shared_windows)
    spec = spec_on(grid)
    prices = Prices.of(frame(series(kind, 90, 3)))
    data = dataset_of(prices, grid, spec.rules, spec.statistics)
    evaluator = Evaluator(data, spec)
    _, maps = swept(data, spec, evaluator.scale)
    combinations = [grid.combination(index) for index in range(grid.size)]
    metrics = qmac.evaluate(prices, combinations)
    scores = np.log1p(metrics["total_return"]).where(metrics["total_trades"] > 0)
    places = np.searchsorted(grid.windows, metrics[list(ROLES)])
    for which, roles in enumerate(PAIRS):
        first, second = (places[:, ROLES.index(role)] for role in roles)
        best, counts = np.full((5, 5), -np.inf), np.zeros((5, 5), int)
        sums = np.zeros((5, 5))
        known = scores.notna().to_numpy()
        np.maximum.at(best, (first[known], second[known]), scores[known])
        np.add.at(counts, (first[known], second[known]), 1)
        np.add.at(sums, (first[known], second[known]), scores[known])
        assert np.array_equal(maps.counts[which], counts)
        assert maps.best[which][counts > 0] == pytest.approx(best[counts > 0], abs=1e-12)
        found = maps.sums[which] * 2.0**-evaluator.units.score_bits
        assert found == pytest.approx(sums, abs=1e-9)
