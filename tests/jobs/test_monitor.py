"""A monitor admits what fits, saves snapshots in time, shows progress and ends a run."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.faults import GRID
from helpers.monitors import LIMIT, MIB, PRICES, TASK, Machine, build_monitor, build_spec_of
from helpers.sweeps import dataset_of, done, ledger_of, prepared

from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import OptionError, Stopped, UnsavedError, WriteError
from qmac.jobs import monitor as monitors
from qmac.runs.creation import NewRun
from qmac.runs.directory import RunDirectory
from qmac.runs.score_store import is_complete
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.strategy.request import check_request

REQUEST = check_request(GRID, top=20)


@pytest.fixture(scope="module")
def evaluator():
    spec = build_spec_of()
    return Evaluator(dataset_of(PRICES, GRID, spec.rules, spec.statistics), spec)


class Folder:
    """A run directory that only counts."""

    save_grid = None

    def __init__(self, error=None):
        self.error, self.saved = error, 0

    def save_snapshot(self, about, ledger):
        self.saved += 1
        if self.error:
            raise self.error

    def has_snapshots(self, task):
        return True

    def load_snapshot(self, task, dataset, ledger):
        return None, []


# What is admitted


def test_what_was_allocated_since_the_last_reading_counts(evaluator):
    machine = Machine()
    monitor = build_monitor(machine)
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 8)
    assert monitor(ledger).threads == 8
    tally = sum(array.nbytes for array in reductions.named_arrays(ledger.tally).values())
    machine.used = int(0.9 * LIMIT) - tally - 3 * evaluator.worker_bytes - 1000
    monitor.begin(evaluator, ledger, 8)
    assert monitor(ledger).threads <= 3
    machine.used += 3 * evaluator.worker_bytes
    with pytest.raises(OptionError, match="The run needs .* with one thread"):
        monitor.begin(evaluator, ledger, 8)


@pytest.mark.parametrize("directory", [None, Folder()])
def test_the_tally_of_a_run_with_snapshots_is_held_from_the_start(evaluator, directory):
    made = []
    ledger = Ledger(
        evaluator.counts, evaluator.work, lambda: made.append(evaluator.empty()) or made[0]
    )
    build_monitor(directory=directory).begin(evaluator, ledger, 1)
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


# What is saved, and when


def clocked(monkeypatch):
    """Seconds that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(monitors.time, "perf_counter", lambda: now[0])
    return now


def test_snapshots_wait_for_workers_but_not_for_ever(evaluator, monkeypatch):
    now, ledger = clocked(monkeypatch), ledger_of(evaluator)
    monitor = build_monitor(directory=(folder := Folder()), threads=2)
    monitor.begin(evaluator, ledger, 2)
    now[0] += monitors.SNAPSHOT_SECONDS - 0.1
    monitor(ledger)
    assert (folder.saved, ledger.epoch) == (0, 0)
    now[0] += 0.2
    monitor(ledger)
    assert (folder.saved, ledger.epoch) == (0, 1)
    ledger.settled_by = {0, 1}
    monitor(ledger)
    assert folder.saved == 1
    now[0] += monitors.SNAPSHOT_SECONDS
    monitor(ledger)
    now[0] += monitors.CALL_SECONDS + 0.1
    monitor(ledger)  # nobody has settled
    assert folder.saved == 2


def sweep_for(evaluator, seconds, whole, cost, now, monitor, ledger):
    """Seconds at which snapshots are written of a sweep that takes ``whole``."""
    moments, folder = [], monitor.directory

    def save(*_):
        moments.append(round(now[0] - began, 1))
        now[0] += cost

    folder.save_snapshot = save
    monitor.begin(evaluator, ledger, 1)
    began = now[0]
    all_work = ledger.work.sum()
    while now[0] < began + seconds:
        now[0] += 0.1
        ledger.settled_by = set(range(8))
        ledger._swept = all_work * min(0.999, (now[0] - began) / whole)
        monitor(ledger)
    return moments


def test_the_first_snapshot_comes_soon_and_the_intervals_grow(evaluator, monkeypatch):
    now = clocked(monkeypatch)
    monitor = build_monitor(directory=Folder())
    moments = sweep_for(evaluator, 60, 600, 0.02, now, monitor, ledger_of(evaluator))
    assert moments[:5] == pytest.approx([1, 3, 7, 15, 25], abs=0.7)
    assert 8 < np.diff(moments[4:]).min() <= np.diff(moments[4:]).max() < 11


@pytest.mark.parametrize("cost", [0.02, 0.25, 1.0])
@pytest.mark.parametrize("whole", [120, 1000])
def test_early_snapshots_are_made_up_for(evaluator, monkeypatch, whole, cost):
    now = clocked(monkeypatch)
    monitor = build_monitor(directory=Folder())
    moments = sweep_for(evaluator, whole, whole, cost, now, monitor, ledger_of(evaluator))
    assert moments[0] < 1.5  # a kill after two seconds has gained one
    assert len(moments) == 1 or len(moments) * cost <= monitors.SNAPSHOT_COST * (whole + 2)


def test_a_sweep_of_seconds_writes_no_snapshot(evaluator, monkeypatch):
    now = clocked(monkeypatch)
    monitor = build_monitor(directory=Folder())
    assert not sweep_for(evaluator, 2.5, 2.5, 0.02, now, monitor, ledger_of(evaluator))


def test_slow_snapshots_are_rare(evaluator, monkeypatch):
    now, ledger, folder = clocked(monkeypatch), ledger_of(evaluator), Folder()
    monitor = build_monitor(directory=folder)
    monitor.begin(evaluator, ledger, 1)

    shares = []

    def slow(*_):
        now[0] += 2.0
        shares.append(2.0 * (len(shares) + 1) / (now[0] - 1000))

    folder.save_snapshot = slow
    for _ in range(20_000):
        now[0] += 0.1
        ledger.settled_by = set(range(8))
        monitor(ledger)
    assert len(shares) > 5
    assert max(shares[1:]) <= monitors.SNAPSHOT_COST  # the first tells how long they take


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(evaluator, monkeypatch):
    now, ledger = clocked(monkeypatch), ledger_of(evaluator)
    monitor = build_monitor(directory=(folder := Folder(OSError(28, "No space left on device"))))
    monitor.begin(evaluator, ledger, 1)
    now[0] += monitors.SNAPSHOT_SECONDS + monitors.CALL_SECONDS + 1
    for number in (1, 2):
        with pytest.warns(UserWarning, match="No space left on device.*the run continues"):
            monitor(ledger)
        assert folder.saved == number
        now[0] += monitors.SNAPSHOT_SECONDS + monitors.CALL_SECONDS + 1


def test_stopped_at_the_end(evaluator):
    monitor = build_monitor(directory=(folder := Folder()), limits=Limits(max_time=1e-9))
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    assert monitor(ledger).stop
    with pytest.raises(Stopped, match="max_time"):
        monitor.end(ledger)
    assert folder.saved == 0  # nothing is done yet
    ledger.done[:] = True
    assert monitor.end(ledger)[-1]["reason"].startswith("max_time")


def test_a_stop_without_a_snapshot_says_so(evaluator):
    folder = Folder(OSError(28, "No space left on device"))
    monitor = build_monitor(directory=folder, limits=Limits(max_time=1e-9))
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    assert monitor(ledger).stop
    with (
        pytest.warns(UserWarning, match="no snapshot could be written"),
        pytest.raises(Stopped, match="What was done since the last snapshot is lost") as stopped,
    ):
        monitor.end(ledger)
    assert isinstance(stopped.value, WriteError)  # exit code 74, not 75


def interrupt_end(monitor, ledger):
    """Return the interrupt that ended a run, as Ctrl-C does."""
    with pytest.raises(KeyboardInterrupt) as interrupted:
        try:
            raise KeyboardInterrupt
        finally:
            monitor.end(ledger)
    return interrupted.value


def test_a_signal_without_a_snapshot_says_so(evaluator):
    monitor = build_monitor(directory=(folder := Folder(OSError(28, "No space left on device"))))
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    ledger.settle(done(evaluator, (0, 1)), [(0, 1)])
    with pytest.warns(UserWarning, match="No space left on device.*is lost") as warned:
        error = interrupt_end(monitor, ledger)
    assert error.__notes__ == [monitors.LOST]
    assert not any("continues" in str(one.message) for one in warned)
    folder.error = None
    assert not hasattr(interrupt_end(monitor, ledger), "__notes__")


def test_a_replay_that_ends_without_a_snapshot_says_so(evaluator):
    def leave(_):
        raise KeyboardInterrupt

    monitor = build_monitor(directory=Folder(OSError(28, "")), limits=Limits(max_time=1e-9))
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    monitor._bars_to_finish = monitors.LONG_FINISH_BARS
    sweep_all(evaluator, ledger)
    with pytest.warns(UserWarning, match="no snapshot could be written"):
        monitor.end(ledger)
    with pytest.raises(UnsavedError, match=monitors.LOST):
        monitor.finishing(ledger, 0.25)
    monitor.listener = leave
    with pytest.raises(KeyboardInterrupt) as interrupted:
        monitor.finishing(ledger, 0.25)
    assert interrupted.value.__notes__ == [monitors.LOST]


def test_the_memory_that_is_shown_counts_against_the_limit(evaluator):
    said = []
    monitor = build_monitor(listener=said.append)
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 2)
    monitor(ledger)
    assert (said[-1].memory, said[-1].limit, said[-1].threads) == (
        100 * MIB,
        LIMIT,
        2 if monitor._fitting_threads == 2 else 8,
    )
    assert Governor(Limits(memory=200 * MIB), Machine(), 1).memory_used == 50 * MIB
    assert Governor(Limits(), Machine(), 1).memory_limit == LIMIT


def test_the_rate_is_that_of_now(evaluator, monkeypatch):
    now, ledger, said = clocked(monkeypatch), ledger_of(evaluator), []
    monitor = build_monitor(listener=said.append)
    monitor.begin(evaluator, ledger, 1)
    for cell in range(ledger.done.size // 2):  # half of it, a cell a second
        now[0] += 1.0
        ledger.record_swept((cell, cell + 1), 0.0)
        monitor(ledger)
    assert said[-1].rate == pytest.approx(GRID.size * ledger.work[0] / ledger.work.sum(), rel=0.2)
    for _ in range(120):  # and then a pause
        now[0] += 0.1
        monitor(ledger)
    assert said[-1].rate == 0


def test_time_and_work_of_earlier_processes_count(evaluator, tmp_path):
    directory = RunDirectory.create(tmp_path / "run", NewRun(REQUEST, {"close": PRICES}))
    first, ledger = build_monitor(directory=directory, threads=1), ledger_of(evaluator)
    first.begin(evaluator, ledger, 1)
    first.seconds_before = 100.0
    worker = evaluator.worker()
    worker.evaluate((0, 3))
    ledger.record_swept((0, 3), 0.0)
    ledger.settle(worker.tally, [(0, 3)])
    first.end(ledger)
    again, restored = build_monitor(directory=directory), ledger_of(evaluator)
    again.begin(evaluator, restored, 1)
    assert 100 <= again.seconds < 200
    assert restored.done[:3].all() and restored.share == ledger.share > 0
    assert threading.active_count() >= 1


# Many top rows


def test_memory_of_the_top_rows_is_admitted(evaluator):
    """Their replay and their table: 200,000 took hundreds of MiB that had not been admitted."""
    many = replace(build_spec_of(), top=200_000)
    with (
        pytest.raises(OptionError, match="The run needs .* MiB with one thread"),
        build_monitor(Machine(LIMIT - 280 * MIB)).admitted(prepared(PRICES, GRID), GRID, many),
    ):
        raise AssertionError
    kept = Evaluator(evaluator.dataset, many)
    ledger = ledger_of(kept)
    build_monitor(Machine(100 * MIB)).begin(kept, ledger, 1)
    with pytest.raises(OptionError, match="needs"):
        build_monitor(Machine(LIMIT - 280 * MIB)).begin(kept, ledger, 1)


def sweep_all(evaluator, ledger):
    worker = evaluator.worker()
    worker.evaluate((0, worker.cells))
    ledger.settle(worker.tally, [(0, worker.cells)])


@pytest.mark.parametrize(("top", "saved"), [(20, 0), (200_000, 1)])
def test_what_was_swept_is_saved_before_a_long_replay(evaluator, top, saved):
    monitor = build_monitor(directory=(folder := Folder()))
    kept = Evaluator(evaluator.dataset, replace(build_spec_of(), top=top))
    ledger = ledger_of(kept)
    monitor.begin(kept, ledger, 1)
    sweep_all(kept, ledger)
    monitor.end(ledger)
    assert folder.saved == saved


def test_what_was_swept_is_saved_where_an_interrupt_is_on_its_way(evaluator):
    monitor = build_monitor(directory=(folder := Folder()))
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    sweep_all(evaluator, ledger)
    with pytest.raises(KeyboardInterrupt):
        try:
            raise KeyboardInterrupt
        finally:
            monitor.end(ledger)
    assert folder.saved == 1


def test_a_long_replay_is_shown_and_can_be_stopped(evaluator):
    said = []
    monitor = build_monitor(listener=said.append, limits=Limits(max_time=1e-9))
    ledger = ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    with pytest.raises(Stopped, match="while finishing"):
        monitor.finishing(ledger, 0.25)
    assert "finishing 25%" in said[-1].text


def test_a_replay_longer_than_max_time_is_done_in_the_second_run(evaluator):
    """Which has nothing to sweep; else the command that goes on would never come to an end."""
    folder, ledger = Folder(), ledger_of(evaluator)
    sweep_all(evaluator, ledger)
    folder.load_snapshot = lambda *_: ({}, [])
    monitor = build_monitor(directory=folder, limits=Limits(max_time=1e-9))
    monitor.begin(evaluator, ledger, 1)
    monitor.finishing(ledger, 0.25)


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


def test_degradations_of_earlier_processes_are_in_the_result(evaluator, kept):
    last, reasons = evaluator.counts.size, []
    for number, batch in enumerate([(0, 3), (3, 6), (6, last)]):
        monitor, ledger = (
            build_monitor(
                directory=kept, limits=Limits(max_time=1e9 if batch[1] == last else 1e-9)
            ),
            ledger_of(evaluator),
        )
        monitor.begin(evaluator, ledger, 1)
        assert (evaluator.sink is None) == (number > 0)
        monitor(ledger)
        part(evaluator, ledger, batch)
        if number == 0:
            monitor._writer.drop("disk: 5 MiB are free")
        assert not kept.scores(TASK).exists()
        if batch[1] < last:
            with pytest.raises(Stopped):
                monitor.end(ledger)
        else:
            reasons = [record["reason"] for record in monitor.end(ledger)]
    assert sum(reason.startswith("max_time") for reason in reasons) == 2
    assert [reason for reason in reasons if "scores" in reason] == [
        "scores were not kept: disk: 5 MiB are free"
    ]


def test_scores_dropped_after_the_last_snapshot_are_noticed(evaluator, kept):
    monitor, ledger = build_monitor(directory=kept), ledger_of(evaluator)
    monitor.begin(evaluator, ledger, 1)
    part(evaluator, ledger, (0, 3))
    assert not monitor.end(ledger)  # the snapshot says that they are there
    monitor._writer.drop("disk: 5 MiB are free")  # and then the process was killed
    again, restored = build_monitor(directory=kept), ledger_of(evaluator)
    again.begin(evaluator, restored, 1)
    part(evaluator, restored, (3, evaluator.counts.size))
    assert [record["reason"] for record in again.end(restored)] == [
        "scores were not kept: an earlier process dropped them"
    ]


def test_scores_are_resumed_where_they_are_whole(evaluator, kept):
    for batch in ((0, 3), (3, evaluator.counts.size)):
        monitor, ledger = build_monitor(directory=kept), ledger_of(evaluator)
        monitor.begin(evaluator, ledger, 1)
        part(evaluator, ledger, batch)
        assert not monitor.end(ledger)
    assert is_complete(kept.scores(TASK))
