"""Tallies of whole sweeps, and what it takes for two to be the same."""

from dataclasses import replace

import numpy as np

import qmac
from qmac.engine.sweep import reductions, window_maps
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker, build_data
from qmac.strategy.objective import Objective


def spec_on(grid, metric="total_return", rules=None):
    traded = {"total_trades": (1.0, np.inf)}
    objective = Objective(metric, True, 1.0)
    return SweepSpec(rules or qmac.Rules(), objective, grid.shared_windows, 30, traded)


def swept(data, spec, scale, lanes=8):
    """Return the tally of all cells, and its maps."""
    spec = replace(spec, lanes=lanes)
    worker = Worker(data, spec, build_data(data, spec, scale))
    worker.evaluate((0, worker.cells))
    maps = window_maps.build_maps(worker.tally, data.buys, data.sells, spec.shared_windows)
    return worker.tally, maps


def assert_same(found, expected):
    (tally, maps), (other, other_maps) = found, expected
    for a, b in zip((*maps, *tally.totals[:3]), (*other_maps, *other.totals[:3]), strict=True):
        assert np.array_equal(a, b)
    assert tally.lowest == other.lowest
    assert reductions.sum_of_squares(tally) == reductions.sum_of_squares(other)
    for a, b in zip(reductions.ranked_top(tally), reductions.ranked_top(other), strict=True):
        assert np.array_equal(a, b)
