"""A part of a wide grid says what the whole takes."""

import tracemalloc

import pytest
from helpers.sweeps import dataset_of, default_spec, prepared

import qmac
from qmac.engine.sweep.evaluator import Evaluator
from qmac.jobs import grid_part
from qmac.jobs.grid_part import Scale, choose_part


def build(prices, grid):
    spec = default_spec(prepared(prices, grid), grid)
    return Evaluator(dataset_of(prices, grid, spec.rules, spec.statistics), spec)


def split_work(evaluator, grid):
    """Steps of the cells that add combinations, and of those that take off."""
    shared = 0 if grid.shared_windows else 2 * len(grid.windows)
    count = evaluator.work.size - shared
    return evaluator.work[:count].sum(), evaluator.work[count:].sum()


def test_a_narrow_grid_is_its_own_part():
    grid = qmac.Grid(windows=range(2, 253))
    assert choose_part(grid, bars=5031) is grid
    assert choose_part(grid, bars=500_000) is not grid


def test_a_part_has_blocks_of_neighbours_of_every_role():
    grid = qmac.Grid(
        buy_fast=range(2, 900), buy_slow=(1000,), sell_fast=range(2, 600), sell_slow=range(5, 900)
    )
    part = choose_part(grid, bars=5031)
    assert part.buys.slow == (1000,)
    assert len(part.roles["sell_fast"]) <= 8 * 40
    assert part.sells.size <= 2 * grid_part.MOST_PAIRS
    apart = qmac.Grid(windows=(*range(2, 1000), 5000))
    assert choose_part(apart, bars=100_000).size > 0


def test_a_grid_of_a_million_windows_takes_no_memory():
    grid = qmac.Grid(windows=range(2, 30_002))
    tracemalloc.start()
    part = choose_part(grid, bars=31_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part.buys.size < 20_000 and peak < 4 * 2**20


@pytest.mark.parametrize(("bars", "shared"), [(800, False), (800, True), (2000, False)])
def test_the_work_of_the_whole_is_near(bars, shared, sample, monkeypatch):
    monkeypatch.setattr(grid_part, "MOST_PAIRS", 5_000)
    grid = qmac.Grid(windows=range(2, 302), shared_windows=shared)
    prices = sample.tail(bars)
    whole, part_grid = build(prices, grid), choose_part(grid, bars)
    part = build(prices, part_grid)
    scale = Scale.measure(grid, part_grid, part)
    added, taken_off = split_work(part, part_grid)
    true_added, true_taken_off = split_work(whole, grid)
    assert 0.6 < scale.added * added / true_added < 2.5
    if not shared:
        assert 0.5 < scale.taken_off * taken_off / true_taken_off < 2
    assert 0.7 < scale.cells / whole.work.size < 2
    assert scale.pairs == pytest.approx(grid.buys.size / part_grid.buys.size)


def test_the_whole_has_the_scale_of_one(sample):
    grid = qmac.Grid(windows=range(2, 32))
    evaluator = build(sample.tail(500), grid)
    assert Scale.measure(grid, grid, evaluator) == Scale(cells=evaluator.work.size)
