"""Estimates of memory are from above, and what does not fit is refused before it is allocated."""

import logging
from dataclasses import replace

import pytest
from helpers.faults import GRID
from helpers.monitors import LIMIT, MIB, PRICES, Machine, build_monitor, build_spec_of
from helpers.sweeps import prepared, sweep_with

import qmac
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.signals import find_all_crosses
from qmac.engine.sweep.worker import count_tile_bars
from qmac.engine.sweep.workspace import build_best_workspace
from qmac.errors import OptionError
from qmac.jobs import memory_model
from qmac.jobs.memory_model import before_compiling, finishing_bytes, tallies_bytes
from qmac.robustness.markets.resample_sweep import ResampleSweep
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.parts import Part
from qmac.strategy.request import check_request


def test_refused_before_anything_is_built(monkeypatch):
    built = []
    monkeypatch.setattr(Dataset, "build", lambda *_, **__: built.append(1))
    wide = qmac.Grid(windows=range(2, 299))
    monitor = build_monitor(Machine(int(0.88 * LIMIT)))
    with (
        pytest.raises(OptionError, match="Raise the limit to"),
        monitor.admitted(prepared(PRICES, wide), wide, build_spec_of(wide)),
    ):
        sweep_with(SerialExecutor(), PRICES, wide, monitor)
    assert not built


def test_a_machine_with_room_for_the_most_is_not_asked_by_a_sample(monkeypatch):
    taken, estimate = [], memory_model._estimate_crosses
    monkeypatch.setattr(
        memory_model, "_estimate_crosses", lambda *given: taken.append(1) or estimate(*given)
    )
    most = memory_model.most_dataset_bytes(prepared(PRICES, GRID), GRID)
    most += memory_model.loading_bytes()
    for used, sampled in ((0.9 * LIMIT - most - 1, 0), (0.9 * LIMIT - most + MIB, 2)):
        with build_monitor(Machine(int(used))).admitted(
            prepared(PRICES, GRID), GRID, build_spec_of()
        ):
            assert len(taken) == sampled


def test_a_kernel_to_be_compiled_is_asked_for_once(capsys):
    monitor = build_monitor(machine := Machine(int(0.6 * LIMIT)))
    compiler = logging.getLogger("qmac.compiler")
    before = compiler.level, list(compiler.filters)
    with monitor.admitted(prepared(PRICES, GRID), GRID, build_spec_of()):
        reads = machine.reads
        with pytest.raises(OptionError, match="needs 660 MiB"):
            compiler.info("compiling %s", "sweep_cells")
        machine.used = LIMIT  # by the compiler itself
        compiler.info("compiling %s", "another")
        assert machine.reads == reads + 1
    assert (compiler.level, compiler.filters) == before
    assert "another" not in capsys.readouterr().err  # what was silent stays so


@pytest.mark.parametrize(
    ("kind", "bars", "windows"),
    [("sma", 300, 100), ("ema", 300, 60), ("sma", 2000, 250), ("wma", 5000, 250)],
)
def test_the_estimate_of_a_dataset_is_from_above(kind, bars, windows, sample):
    prices, rules = sample.tail(bars), qmac.Rules(average=kind)
    grid = qmac.Grid(windows=range(2, windows))
    series = prepared(prices, grid, rules)
    rows = series.compute_averages(grid.windows)
    own = prepared(prices, grid, rules, rows)  # the same averages as the user's own
    for side in (grid.buys, grid.sells):
        crosses = int(
            find_all_crosses(rows, side.positions(grid.windows), series.period)[0].starts[-1]
        )
        estimated = memory_model._estimate_crosses(series, side)
        assert 0.8 * crosses < estimated < 1.25 * crosses
        assert memory_model._estimate_crosses(own, side) == estimated
    built = Dataset.build(series, grid, {"gain"})
    held = sum(nbytes(part) for part in (built.buys, built.sells, rows))
    estimated = memory_model.dataset_bytes(series, grid)
    assert held < estimated < 8 * held + MIB
    assert estimated < memory_model.most_dataset_bytes(series, grid)
    # a part of the bars: the averages are copied
    half = replace(rules, start=str(prices.index[bars // 2]))
    assert (
        memory_model.dataset_bytes(prepared(prices, grid, half), grid)
        > 8 * len(grid.windows) * bars * 1.5
    )


def nbytes(value):
    return sum(map(nbytes, value)) if isinstance(value, tuple) else getattr(value, "nbytes", 0)


@pytest.mark.parametrize(
    ("bars", "objective"),
    [
        (300, "total_return"),
        (2000, "sharpe_ratio"),
        (5031, "sortino_ratio"),
        (2000, "max_drawdown"),
    ],
)
def test_the_estimate_of_a_resample_is_from_above(sample, bars, objective):
    grid = qmac.Grid(windows=range(2, 100))
    request = check_request(grid, objective)
    sweep = ResampleSweep.build(sample.tail(bars), request, ("shuffle",), seed=1)
    dataset = Dataset.build(sweep.build_series(Part("shuffle", 0)), grid, sweep.spec.statistics)
    tile = count_tile_bars(dataset, sweep.spec)
    workspace = build_best_workspace(dataset, sweep.spec, tile)
    held = nbytes(tuple(dataset.buys)) + nbytes(tuple(dataset.sells)) + nbytes(tuple(workspace))
    estimated = memory_model.resample_bytes(sweep.series, grid, sweep.spec)
    assert held < estimated < 12 * held + 4 * MIB


def test_rows_take_more_the_more_they_are_and_the_longer_the_series():
    few, many = (finishing_bytes(bars=5000, windows=50, top=top) for top in (10, 100_000))
    assert many - few > 99_990 * 830  # bytes of a row, as measured
    assert finishing_bytes(bars=50_000, windows=50, top=10) > 9 * few


def test_tallies_grow_with_the_square_of_the_windows():
    small, large = (tallies_bytes(qmac.Grid(windows=range(2, last))) for last in (12, 22))
    assert large == 4 * small > 0


def test_an_error_before_compiling_ends_what_compiles():
    def refuse():
        raise OptionError("no room")

    with pytest.raises(OptionError, match="no room"), before_compiling(refuse):
        logging.getLogger("qmac.compiler").info("compiling %s", "sweep_cells")
