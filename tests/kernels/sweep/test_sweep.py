"""The sweep: tiles, cells and lanes change nothing, a histogram never overflows, a stop is met."""

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import frame, series
from helpers.sweeps import dataset_of
from helpers.tallies import assert_same, spec_on, swept

import qmac
from qmac.data.prices import Prices
from qmac.engine.dataset import dataset
from qmac.engine.sweep import worker as evaluation
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.signals.event_lists import MOST_PAIRS


def evaluator(shared_windows=False):
    grid = qmac.Grid(windows=range(2, 16), shared_windows=shared_windows)
    spec = spec_on(grid)
    prices = Prices.of(frame(series("random", 150, 9)))
    return Evaluator(dataset_of(prices, grid, spec.rules, spec.statistics), spec)


def test_any_number_of_lanes_gives_the_same():
    some = evaluator()
    whole = swept(some.dataset, some.spec, some.scale, lanes=8)
    assert_same(swept(some.dataset, some.spec, some.scale, lanes=32), whole)


def test_cells_add_up_to_the_grid():
    some = evaluator()
    counts = []
    for cell in range(some.worker().cells):
        worker = some.worker()
        worker.evaluate((cell, cell + 1))
        counts.append(int(worker.tally.totals.counts[0]))
    assert counts == some.counts.tolist() and min(counts) < 0 < max(counts)
    assert sum(counts) == qmac.Grid(windows=range(2, 16)).size


def test_a_stop_ends_the_sweep():
    some = evaluator()
    worker = some.worker()
    some.stop[0] = 1
    assert not worker.evaluate((0, worker.cells))
    assert worker.tally.totals.counts[1] == 0 and worker.tally.heap.size[0] == 0


RULES = [
    qmac.Rules(),
    qmac.Rules(trailing_stop=0.02, max_bars=40),
    qmac.Rules(conflict="opposite", stop_loss=0.1),
]


@pytest.mark.parametrize("rules", RULES if LONG else RULES[:2])
@pytest.mark.parametrize("tile_bytes", [1 << 11, 1 << 14])
def test_tiles_of_time_give_what_the_whole_series_gives(rules, tile_bytes, monkeypatch):
    prices, grid = qmac.sample_prices().tail(700), qmac.Grid(windows=range(2, 30))
    spec = spec_on(grid, rules=rules)
    data = dataset_of(prices, grid, rules, spec.statistics)
    scale = Evaluator(data, spec).scale
    whole = swept(data, spec, scale, lanes=32)
    assert evaluation.count_tile_bars(data, spec) == data.bars
    monkeypatch.setattr(evaluation, "WHOLE_BYTES", 0)
    monkeypatch.setattr(evaluation, "TILE_BYTES", tile_bytes)
    assert evaluation.count_tile_bars(data, spec) < data.bars / 3
    assert_same(swept(data, spec, scale, lanes=32), whole)


def test_a_histogram_is_folded_before_it_overflows(monkeypatch):
    """On a constant price all pairs have the empty list: one lane meets more than 2**32 of them."""
    monkeypatch.setattr(dataset, "limit_pairs", lambda windows: MOST_PAIRS)
    long, short = range(2, 1482), range(2, 92)
    grid = qmac.Grid(buy_fast=long, buy_slow=long, sell_fast=short, sell_slow=short)
    prices = Prices.of(frame(np.full(1500, 10.0)))
    result = qmac.optimize(
        prices, grid, rules=qmac.Rules(start=prices.index[-9]), min_trades=0, top=5, threads=1
    )
    assert grid.sells.size < MOST_PAIRS and grid.size > 2**32
    assert result.evaluated == result.scored == grid.size == result.distribution.counts.sum()
    assert result.distribution.min == result.distribution.max == 0
    assert [grid.index(row) for row in result.top.iloc[:, :4].to_numpy()] == [0, 1, 2, 3, 4]
