import logging
import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.faults import GRID
from helpers.faults import PRICES as FRAME
from helpers.sweeps import dataset_of, default_spec, prepared, sweep_with

import qmac
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.signals import find_all_crosses
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import OptionError, Stopped
from qmac.jobs import memory_model
from qmac.jobs import monitor as keepers
from qmac.jobs.monitor import SweepMonitor
from qmac.runs.creation import NewRun
from qmac.runs.directory import RunDirectory
from qmac.runs.score_store import is_complete
from qmac.runs.tasks import Task
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Reading
from qmac.strategy.request import check_request

PRICES = qmac.Prices.of(FRAME)
MIB = 2**20
LIMIT = 600 * MIB
TASK, REQUEST = Task("close"), check_request(GRID, top=20)


class Machine:
    """A probe of a machine that is told how much is in use."""

    def __init__(self, used=100 * MIB):
        self.used, self.reads = used, 0

    def read(self):
        self.reads += 1
        return Reading(
            moment=0, cpus=8.0, affinity=8, rss=50 * MIB, memory_limit=LIMIT, memory_used=self.used,
            total=2**40, available=2**39,
        )  # fmt: skip


def spec(grid=GRID):
    return default_spec(prepared(PRICES, grid), grid)


@pytest.fixture(scope="module")
def evaluator():
    asked = spec()
    return Evaluator(dataset_of(PRICES, GRID, asked.rules, asked.statistics), asked)


def ledger_of(evaluator):
    return Ledger(evaluator.counts, evaluator.work, evaluator.empty)


def keeper_of(machine=None, limits=None, directory=None, listener=None, threads=8):
    governor = Governor(limits or Limits(), machine or Machine(), threads)
    return SweepMonitor(TASK, spec().objective, GRID.size, governor, listener, directory)


class Folder:
    """A run directory that only counts."""

    save_grid = None

    def __init__(self, error=None):
        self.error, self.saved = error, 0

    def save_snapshot(self, about, ledger):
        self.saved += 1
        if self.error:
            raise self.error

    def load_snapshot(self, task, dataset, ledger):
        return None, []


# What is let in


def test_what_was_allocated_since_the_last_reading_counts(evaluator):
    machine = Machine()
    keeper = keeper_of(machine)
    ledger = ledger_of(evaluator)
    keeper.begin(evaluator, ledger, 8)
    assert keeper(ledger).threads == 8
    tally = sum(array.nbytes for array in reductions.named_arrays(ledger.tally).values())
    machine.used = int(0.9 * LIMIT) - tally - 3 * evaluator.worker_bytes - 1000
    keeper.begin(evaluator, ledger, 8)
    assert keeper(ledger).threads <= 3
    machine.used += 3 * evaluator.worker_bytes
    with pytest.raises(OptionError, match="The run needs .* with one thread"):
        keeper.begin(evaluator, ledger, 8)


def test_refused_before_anything_is_built(monkeypatch):
    built = []
    monkeypatch.setattr(Dataset, "build", lambda *_, **__: built.append(1))
    wide = qmac.Grid(windows=range(2, 299))
    keeper = keeper_of(Machine(int(0.88 * LIMIT)))
    with (
        pytest.raises(OptionError, match="Raise the limit to"),
        keeper.admitted(prepared(PRICES, wide), wide, spec(wide)),
    ):
        sweep_with(SerialExecutor(), PRICES, wide, keeper)
    assert not built


def test_a_machine_with_room_for_the_most_is_not_asked_by_a_sample(monkeypatch):
    taken, estimate = [], memory_model._estimate_crosses
    monkeypatch.setattr(
        memory_model, "_estimate_crosses", lambda *given: taken.append(1) or estimate(*given)
    )
    most = memory_model.most_dataset_bytes(prepared(PRICES, GRID), GRID)
    most += memory_model.loading_bytes()
    for used, sampled in ((0.9 * LIMIT - most - 1, 0), (0.9 * LIMIT - most + MIB, 2)):
        with keeper_of(Machine(int(used))).admitted(prepared(PRICES, GRID), GRID, spec()):
            assert len(taken) == sampled


def test_a_kernel_to_be_compiled_is_asked_for_once(capsys):
    keeper = keeper_of(machine := Machine(int(0.6 * LIMIT)))
    compiler = logging.getLogger("qmac.compiler")
    before = compiler.level, list(compiler.filters)
    with keeper.admitted(prepared(PRICES, GRID), GRID, spec()):
        reads = machine.reads
        with pytest.raises(OptionError, match="needs 660 MiB"):
            compiler.info("compiling %s", "sweep_cells")
        machine.used = LIMIT  # by the compiler itself
        compiler.info("compiling %s", "another")
        assert machine.reads == reads + 1
    assert (compiler.level, compiler.filters) == before
    assert "another" not in capsys.readouterr().err  # what was silent stays so


@pytest.mark.parametrize("directory", [None, Folder()])
def test_the_tally_of_a_run_with_snapshots_is_held_from_the_start(evaluator, directory):
    made = []
    ledger = Ledger(
        evaluator.counts, evaluator.work, lambda: made.append(evaluator.empty()) or made[0]
    )
    keeper_of(directory=directory).begin(evaluator, ledger, 1)
    assert len(made) == (directory is not None)
    worker = evaluator.worker()
    worker.evaluate((0, 3))
    given = worker.tally
    assert (
        ledger.settle(given, [(0, 3)], may_keep=True)
        == (directory is None)
        == (ledger.tally is given)
    )
    for name, array in reductions.named_arrays(given).items():
        if not name.startswith("heap"):  # sorted, when merged
            assert np.array_equal(reductions.named_arrays(ledger.tally)[name], array), name


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
    return sum(map(nbytes, value)) if isinstance(value, tuple) else value.nbytes


# What it writes, and when


def clocked(monkeypatch):
    """Seconds that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(keepers.time, "perf_counter", lambda: now[0])
    return now


def test_snapshots_wait_for_workers_but_not_for_ever(evaluator, monkeypatch):
    now, ledger = clocked(monkeypatch), ledger_of(evaluator)
    keeper = keeper_of(directory=(folder := Folder()), threads=2)
    keeper.begin(evaluator, ledger, 2)
    now[0] += keepers.SNAPSHOT_SECONDS - 0.1
    keeper(ledger)
    assert (folder.saved, ledger.epoch) == (0, 0)
    now[0] += 0.2
    keeper(ledger)
    assert (folder.saved, ledger.epoch) == (0, 1)
    ledger.settled_by = {0, 1}
    keeper(ledger)
    assert folder.saved == 1
    now[0] += keepers.SNAPSHOT_SECONDS
    keeper(ledger)
    now[0] += keepers.CALL_SECONDS + 0.1
    keeper(ledger)  # nobody has settled
    assert folder.saved == 2


def test_slow_snapshots_are_rare(evaluator, monkeypatch):
    now, ledger, folder = clocked(monkeypatch), ledger_of(evaluator), Folder()
    keeper = keeper_of(directory=folder)
    keeper.begin(evaluator, ledger, 1)

    shares = []

    def slow(*_):
        now[0] += 2.0
        shares.append(2.0 * (len(shares) + 1) / (now[0] - 1000))

    folder.save_snapshot = slow
    for _ in range(20_000):
        now[0] += 0.1
        ledger.settled_by = set(range(8))
        keeper(ledger)
    assert len(shares) > 5
    assert max(shares[1:]) <= keepers.SNAPSHOT_COST  # the first tells how long they take


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(evaluator, monkeypatch):
    now, ledger = clocked(monkeypatch), ledger_of(evaluator)
    keeper = keeper_of(directory=(folder := Folder(OSError(28, "No space left on device"))))
    keeper.begin(evaluator, ledger, 1)
    now[0] += keepers.SNAPSHOT_SECONDS + keepers.CALL_SECONDS + 1
    for number in (1, 2):
        with pytest.warns(UserWarning, match="No space left on device.*computing goes on"):
            keeper(ledger)
        assert folder.saved == number
        now[0] += keepers.SNAPSHOT_SECONDS + keepers.CALL_SECONDS + 1


def test_stopped_at_the_end(evaluator):
    keeper = keeper_of(directory=(folder := Folder()), limits=Limits(max_time=1e-9))
    ledger = ledger_of(evaluator)
    keeper.begin(evaluator, ledger, 1)
    assert keeper(ledger).stop
    with pytest.raises(Stopped, match="max_time"):
        keeper.end(ledger)
    assert folder.saved == 0  # nothing is done yet
    ledger.done[:] = True
    assert keeper.end(ledger)[-1]["reason"].startswith("max_time")


def test_what_is_shown_of_memory_is_what_counts_against_the_limit(evaluator):
    said = []
    keeper = keeper_of(listener=said.append)
    ledger = ledger_of(evaluator)
    keeper.begin(evaluator, ledger, 2)
    keeper(ledger)
    assert (said[-1].memory, said[-1].limit, said[-1].threads) == (
        100 * MIB,
        LIMIT,
        2 if keeper._fitting_threads == 2 else 8,
    )
    assert Governor(Limits(memory=200 * MIB), Machine(), 1).memory_used == 50 * MIB
    assert Governor(Limits(), Machine(), 1).memory_limit == LIMIT


def test_the_rate_is_that_of_now(evaluator, monkeypatch):
    now, ledger, said = clocked(monkeypatch), ledger_of(evaluator), []
    keeper = keeper_of(listener=said.append)
    keeper.begin(evaluator, ledger, 1)
    for cell in range(ledger.done.size // 2):  # half of it, a cell a second
        now[0] += 1.0
        ledger.record_swept((cell, cell + 1), 0.0)
        keeper(ledger)
    assert said[-1].rate == pytest.approx(GRID.size * ledger.work[0] / ledger.work.sum(), rel=0.2)
    for _ in range(120):  # and then a pause
        now[0] += 0.1
        keeper(ledger)
    assert said[-1].rate == 0


def test_time_and_work_of_earlier_processes_count(evaluator, tmp_path):
    directory = RunDirectory.create(tmp_path / "run", NewRun(REQUEST, {"close": PRICES}))
    first, ledger = keeper_of(directory=directory, threads=1), ledger_of(evaluator)
    first.begin(evaluator, ledger, 1)
    first.seconds_before = 100.0
    worker = evaluator.worker()
    worker.evaluate((0, 3))
    ledger.record_swept((0, 3), 0.0)
    ledger.settle(worker.tally, [(0, 3)])
    first.end(ledger)
    again, restored = keeper_of(directory=directory), ledger_of(evaluator)
    again.begin(evaluator, restored, 1)
    assert 100 <= again.seconds < 200
    assert restored.done[:3].all() and restored.share == ledger.share > 0
    assert threading.active_count() >= 1


# Many rows to be kept


def test_what_kept_rows_take_is_asked_for(evaluator):
    """Their replay and their table: 200,000 took hundreds of MiB that nobody had asked for."""
    many = replace(spec(), top=200_000)
    with (
        pytest.raises(OptionError, match="The run needs .* MiB with one thread"),
        keeper_of(Machine(LIMIT - 280 * MIB)).admitted(prepared(PRICES, GRID), GRID, many),
    ):
        raise AssertionError
    kept = Evaluator(evaluator.dataset, many)
    ledger = ledger_of(kept)
    keeper_of(Machine(100 * MIB)).begin(kept, ledger, 1)
    with pytest.raises(OptionError, match="needs"):
        keeper_of(Machine(LIMIT - 280 * MIB)).begin(kept, ledger, 1)


def sweep_all(evaluator, ledger):
    worker = evaluator.worker()
    worker.evaluate((0, worker.cells))
    ledger.settle(worker.tally, [(0, worker.cells)])


@pytest.mark.parametrize(("top", "saved"), [(20, 0), (200_000, 1)])
def test_what_was_swept_is_saved_before_a_long_replay(evaluator, top, saved):
    keeper = keeper_of(directory=(folder := Folder()))
    kept = Evaluator(evaluator.dataset, replace(spec(), top=top))
    ledger = ledger_of(kept)
    keeper.begin(kept, ledger, 1)
    sweep_all(kept, ledger)
    keeper.end(ledger)
    assert folder.saved == saved


def test_what_was_swept_is_saved_where_an_interrupt_is_on_its_way(evaluator):
    keeper = keeper_of(directory=(folder := Folder()))
    ledger = ledger_of(evaluator)
    keeper.begin(evaluator, ledger, 1)
    sweep_all(evaluator, ledger)
    with pytest.raises(KeyboardInterrupt):
        try:
            raise KeyboardInterrupt
        finally:
            keeper.end(ledger)
    assert folder.saved == 1


def test_a_long_replay_is_shown_and_can_be_stopped(evaluator):
    said = []
    keeper = keeper_of(listener=said.append, limits=Limits(max_time=1e-9))
    ledger = ledger_of(evaluator)
    keeper.begin(evaluator, ledger, 1)
    with pytest.raises(Stopped, match="while finishing"):
        keeper.finishing(ledger, 0.25)
    assert "finishing 25%" in said[-1].text


def test_a_replay_longer_than_max_time_is_done_in_the_second_run(evaluator):
    """Which has nothing to sweep; else the command that goes on would never come to an end."""
    folder, ledger = Folder(), ledger_of(evaluator)
    sweep_all(evaluator, ledger)
    folder.load_snapshot = lambda *_: ({}, [])
    keeper = keeper_of(directory=folder, limits=Limits(max_time=1e-9))
    keeper.begin(evaluator, ledger, 1)
    keeper.finishing(ledger, 0.25)


def part(evaluator, ledger, batch):
    worker = evaluator.worker()
    worker.evaluate(batch)
    ledger.record_swept(batch, 0.0)
    ledger.settle(worker.tally, [batch])


@pytest.fixture
def kept(tmp_path):
    """A directory of a run that keeps every score."""
    run = NewRun(REQUEST, {"close": PRICES}, save_grid="float32")
    return RunDirectory.create(tmp_path / "run", run)


def test_what_earlier_processes_did_is_told_and_not_undone(evaluator, kept):
    last, reasons = evaluator.counts.size, []
    for number, batch in enumerate([(0, 3), (3, 6), (6, last)]):
        keeper, ledger = (
            keeper_of(directory=kept, limits=Limits(max_time=1e9 if batch[1] == last else 1e-9)),
            ledger_of(evaluator),
        )
        keeper.begin(evaluator, ledger, 1)
        assert (evaluator.sink is None) == (number > 0)
        keeper(ledger)
        part(evaluator, ledger, batch)
        if number == 0:
            keeper._writer.drop("disk: 5 MiB are free")
        assert not kept.scores(TASK).exists()
        if batch[1] < last:
            with pytest.raises(Stopped):
                keeper.end(ledger)
        else:
            reasons = [record["reason"] for record in keeper.end(ledger)]
    assert sum(reason.startswith("max_time") for reason in reasons) == 2
    assert [reason for reason in reasons if "scores" in reason] == [
        "scores were not kept: disk: 5 MiB are free"
    ]


def test_scores_that_were_dropped_behind_the_last_snapshot_are_known_to_be(evaluator, kept):
    keeper, ledger = keeper_of(directory=kept), ledger_of(evaluator)
    keeper.begin(evaluator, ledger, 1)
    part(evaluator, ledger, (0, 3))
    assert not keeper.end(ledger)  # the snapshot says that they are there
    keeper._writer.drop("disk: 5 MiB are free")  # and then the process was killed
    again, restored = keeper_of(directory=kept), ledger_of(evaluator)
    again.begin(evaluator, restored, 1)
    part(evaluator, restored, (3, evaluator.counts.size))
    assert [record["reason"] for record in again.end(restored)] == [
        "scores were not kept: an earlier process dropped them"
    ]


def test_scores_go_on_where_they_are_whole(evaluator, kept):
    for batch in ((0, 3), (3, evaluator.counts.size)):
        keeper, ledger = keeper_of(directory=kept), ledger_of(evaluator)
        keeper.begin(evaluator, ledger, 1)
        part(evaluator, ledger, batch)
        assert not keeper.end(ledger)
    assert is_complete(kept.scores(TASK))
