"""The kernel of the best score: lanes that are closed, lists whose pairs all share a window."""

import numpy as np
from helpers.series import frame, series
from helpers.sweeps import dataset_of, evaluator_of

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep.best_score import compute_best_score
from qmac.engine.sweep.worker import build_data
from qmac.engine.sweep.workspace import build_best_workspace
from qmac.kernels.sweep.best_score import find_best

PRICES = Prices.of(frame(series("random", 150, 9)))


def test_fewer_lists_than_lanes():
    evaluator = evaluator_of(PRICES, qmac.Grid(windows=[2, 3, 5, 8]))
    worker = evaluator.worker()
    assert worker.evaluate((0, worker.cells))
    scores, size = worker.tally.heap.scores, worker.tally.heap.size[0]
    assert compute_best_score(evaluator.dataset, evaluator.spec) == scores[:size].max()


def test_combinations_that_share_a_window_are_none():
    """Of three windows, every combination shares one."""
    evaluator = evaluator_of(PRICES, qmac.Grid(windows=[2, 5, 9], shared_windows=True))
    dataset, spec = evaluator.dataset, evaluator.spec
    assert np.isfinite(compute_best_score(dataset, spec))
    best, stop = np.full(1, -np.inf), np.zeros(1, np.uint8)
    data = build_data(dataset, spec, None, dataset.bars)
    data = data._replace(aim=data.aim._replace(shared_windows=False))
    workspace = build_best_workspace(dataset, spec, dataset.bars)
    assert find_best((0,) * spec.lanes, data, workspace, best, stop)
    assert best[0] == -np.inf


def test_a_stop_is_met():
    grid = qmac.Grid(windows=[2, 3, 5, 8])
    evaluator = evaluator_of(PRICES, grid)
    dataset = dataset_of(PRICES, grid, qmac.Rules(), evaluator.spec.statistics)
    assert compute_best_score(dataset, evaluator.spec, np.ones(1, np.uint8)) is None
