"""Series side by side: results, errors and directories are those of one after the other."""

import contextlib
import dataclasses
import errno
import json
import threading
import time
import warnings

import pytest
from helpers.faults import Halt, slow
from helpers.series import frame, ohlc, series

import qmac
from qmac.engine.sweep.worker import Worker
from qmac.errors import OptionError, ResultError, Stopped, UnsavedError, WriteError
from qmac.jobs import runner, side_by_side
from qmac.jobs.job import Job
from qmac.jobs.result_sink import DirectorySink
from qmac.jobs.series_progress import SeriesProgress
from qmac.runs.directory import RunDirectory
from qmac.runs.snapshot import read_about
from qmac.runs.tasks import Task
from qmac.runtime.execution import parts
from qmac.runtime.monitoring.status import JobProgress
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe

pytestmark = pytest.mark.slow

GRID = qmac.Grid(windows=range(2, 42), shared_windows=True)
CELLS = 25
FRAMES = {
    name: frame(series("random", bars, number))
    for number, (name, bars) in enumerate(
        {"A": 150, "B": 300, "C": 200, "D": 260, "E": 120}.items()
    )
} | {"F": ohlc("random", 300, 4)}
"""Five of different lengths, and one with all prices."""


@pytest.fixture(scope="module")
def digests():
    return {name: qmac.optimize(table, GRID, top=20).digest for name, table in FRAMES.items()}


@pytest.fixture
def slowly(monkeypatch):
    slow(monkeypatch, 0.012)
    monkeypatch.setattr(parts, "POLL_SECONDS", 0.005)


def limit(monkeypatch, is_due):
    """Let a limit end the run from the moment on at which something is so; return its steps."""
    tick, moments = Governor.tick, []

    def limited(governor):
        decision = tick(governor)
        if moments or is_due():
            moments.append(decision)
            return dataclasses.replace(decision, stop="max_time", reason="max_time: it is over")
        return decision

    monkeypatch.setattr(Governor, "tick", limited)
    return moments


def hold(monkeypatch, until):
    """Let no series get beyond its middle before something is so."""
    evaluate = Worker.evaluate

    def held(worker, batch):
        if worker.cells == CELLS and batch[0] == CELLS // 2:
            deadline = time.monotonic() + 60
            while not until():
                assert time.monotonic() < deadline
                time.sleep(0.005)
        return evaluate(worker, batch)

    monkeypatch.setattr(Worker, "evaluate", held)


def optimize(**options):
    return qmac.optimize_many(FRAMES, GRID, **{"top": 20, "threads": 2, **options})


def digests_in(results):
    return {name: result.digest for name, result in results.items()}


def saved(path):
    """Keys of the tasks of which there are snapshots."""
    keys = set()
    files = path / "snapshots"
    for file in files.iterdir() if files.is_dir() else ():
        with contextlib.suppress(ResultError):  # just removed
            keys.add(read_about(file)["task"])
    return keys


def shares_first_seen(path, **options):
    first = {}
    results = qmac.resume(
        path,
        progress=lambda status: first.setdefault(status.name, status.done / status.size),
        **options,
    )
    return first, results


@pytest.mark.parametrize("writes", [False, True])
def test_results_are_those_of_one_after_the_other(tmp_path, digests, writes):
    seen = []
    out = tmp_path / "run" if writes else None
    results = optimize(out=out, progress=seen.append)
    assert digests_in(results) == digests and list(results) == list(FRAMES)
    assert {result.threads for result in results.values()} == {1}
    shares = [status.job_done for status in seen]
    assert shares == sorted(shares) and {status.parts for status in seen} == {6}
    assert {status.threads for status in seen} <= {1, 2}
    if writes:
        assert list((out / "snapshots").iterdir()) == []
        assert digests_in(qmac.resume(out)) == digests
        one = tmp_path / "one"
        optimize(out=one, threads=1)
        names = [
            {str(file.relative_to(path)) for file in path.rglob("*") if file.name != "lock"}
            for path in (out, one)
        ]
        assert names[0] == names[1]


def test_the_last_few_are_swept_by_all_threads_unless_they_are_short(monkeypatch, digests):
    monkeypatch.setattr(runner, "SHORT_SECONDS", 0.0)
    frames = {name: FRAMES[name] for name in "ABCDE"}
    results = qmac.optimize_many(frames, GRID, top=20, threads=2)
    assert digests_in(results) == {name: digests[name] for name in frames}
    assert {name for name, result in results.items() if result.threads == 2} == {"E"}


def test_those_that_do_not_fit_side_by_side_have_all_threads(monkeypatch, digests):
    monkeypatch.setattr(
        runner, "series_bytes", lambda series, *_: 2**50 * (len(series.prices) > 270)
    )
    results = optimize()
    assert digests_in(results) == digests
    assert {name for name, result in results.items() if result.threads == 2} == {"B", "F"}


def test_what_does_not_fit_beside_others_is_swept_after_them(monkeypatch, digests):
    attempt = runner._TaskRunner._try_sweep

    def refused(one, task, patience):
        if one.is_beside and task.name in "BC":
            raise OptionError("no room")
        return attempt(one, task, patience)

    monkeypatch.setattr(runner._TaskRunner, "_try_sweep", refused)
    results = optimize()
    assert digests_in(results) == digests
    assert {name for name, result in results.items() if result.threads == 2} == {"B", "C"}


def test_kernels_are_compiled_on_the_thread_that_sees_an_interrupt(monkeypatch):
    def interrupted(_):
        threads.append(threading.current_thread())
        raise KeyboardInterrupt

    threads = []
    monkeypatch.setattr(runner, "check_kernel", interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimize()
    assert threads == [threading.main_thread()]


def test_without_the_memory_to_compile_they_are_swept_one_after_the_other(monkeypatch, digests):
    def refused(_):
        raise OptionError("no room")

    monkeypatch.setattr(runner, "check_kernel", refused)
    results = optimize()
    assert digests_in(results) == digests
    assert {result.threads for result in results.values()} == {2}


def damaged(monkeypatch):
    """Make the prices of D unreadable once a run has begun."""
    read = Job.series

    def prices(job, task):
        if task.symbol == "D":
            raise ResultError("D was changed.")
        return read(job, task)

    monkeypatch.setattr(Job, "series", prices)


def halt(_):
    raise Halt


def test_a_damaged_one_stops_no_other(tmp_path, monkeypatch, slowly, digests):
    path = tmp_path / "run"
    with pytest.raises(Halt):
        optimize(out=path, progress=halt)
    damaged(monkeypatch)
    with pytest.warns(UserWarning, match=r"left out: D: D was changed\."):
        results = qmac.resume(path, threads=2)
    others = {name: digest for name, digest in digests.items() if name != "D"}
    assert digests_in(results) == others and dict(results.left_out) == {"D": "D was changed."}


def test_a_damaged_one_stops_a_strict_job(tmp_path, monkeypatch, slowly):
    path = tmp_path / "run"
    damaged(monkeypatch)
    with pytest.raises(ResultError, match="D was changed"):
        optimize(out=path, strict=True)
    assert "D" not in saved(path)


def test_a_limit_stops_all_and_each_goes_on_where_it_was(tmp_path, slowly, digests):
    path = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        over = limit(patch, lambda: len(saved(path)) == 2)
        hold(patch, lambda: over)  # none ends before the limit is seen
        with pytest.raises(Stopped, match=r"^stopped at \d+\.\d% of all symbols: max_time: .*\.$"):
            optimize(out=path)
    under_way = saved(path)
    assert len(under_way) == 2
    first, results = shares_first_seen(path, threads=1)
    assert digests_in(results) == digests
    assert all(first[name] > 0 for name in under_way)


@pytest.fixture
def ended(monkeypatch):
    """Return the names of series that were counted as done, as they come."""
    names, end = [], JobProgress.end

    def counted(job, name, *best):
        end(job, name, *best)
        names.append(name)

    monkeypatch.setattr(JobProgress, "end", counted)
    return names


def test_results_that_were_done_come_with_the_stop(monkeypatch, slowly, digests, ended):
    limit(monkeypatch, lambda: bool(ended))
    with pytest.raises(Stopped) as caught:
        optimize()
    done = digests_in(caught.value.results)
    assert set(ended) <= set(done) < set(digests)
    assert all(digests[name] == digest for name, digest in done.items())


def test_results_that_were_done_come_with_an_interrupt(slowly, digests, ended):
    def listen(_):
        if ended:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        optimize(progress=listen)
    results = caught.value.results
    assert set(ended) <= set(results) and digests_in(results).items() <= digests.items()
    assert {*results, *results.missing} == set(digests)


@pytest.mark.parametrize("what", [Halt, KeyboardInterrupt])
def test_what_breaks_into_the_waiting_thread_leaves_snapshots_of_all(
    tmp_path, slowly, digests, what
):
    path, is_over = tmp_path / "run", threading.Event()

    def listen(status):
        assert threading.current_thread() is threading.main_thread()
        if len(saved(path)) == 2:
            threading.Timer(0.3, is_over.set).start()
            raise what

    with pytest.MonkeyPatch.context() as patch, pytest.raises(what):
        hold(patch, is_over.is_set)
        optimize(out=path, progress=listen)
    assert len(saved(path)) >= 2
    last = json.loads((path / "progress.jsonl").read_text().splitlines()[-1])
    assert last["state"] == "interrupted" and last["job_done"] > 0
    for share in (0.5, 0.8):

        def later(status, share=share):
            if status.job_done > share:
                raise what

        with pytest.raises(what):
            qmac.resume(path, threads=2, progress=later)
    assert digests_in(qmac.resume(path, threads=2)) == digests
    assert list((path / "snapshots").iterdir()) == []


def test_a_disk_that_refuses_a_result_ends_all_of_them(tmp_path, monkeypatch, slowly, digests):
    path = tmp_path / "run"
    store = DirectorySink.store

    def refuse(sink, task, result):
        raise WriteError("no room")

    monkeypatch.setattr(DirectorySink, "store", refuse)
    with pytest.raises(WriteError, match="no room"):
        optimize(out=path)
    monkeypatch.setattr(DirectorySink, "store", store)
    assert digests_in(qmac.resume(path, threads=2)) == digests


def test_lost_snapshots_count_most(tmp_path, monkeypatch, slowly):
    refused = []

    def refuse(*_):
        refused.append(errno.ENOSPC)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunDirectory, "save_snapshot", refuse)
    limit(monkeypatch, lambda: bool(refused))
    with warnings.catch_warnings(), pytest.raises(UnsavedError, match="is lost"):
        warnings.simplefilter("ignore")
        optimize(out=tmp_path / "run")


def test_a_loss_is_noted_where_the_run_is_broken_into():
    def sweep(tasks, stop):
        while governor.tick().stop is None:
            pass
        raise UnsavedError("stopped.")

    def interrupted(*_):
        raise KeyboardInterrupt

    governor = Governor(Limits(), Probe(), 2)
    progress = SeriesProgress(1, governor, JobProgress(halt, {"A": 1, "B": 1, "C": 1}))
    batches = [[Task("A")], [Task("B")], [Task("C")]]
    job = side_by_side.SideBySide(batches, sweep, governor, progress)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        patch.setattr(parts._PartThreads, "_supervise", interrupted)
        job.run(2)
    assert caught.value.__notes__ == [side_by_side.LOST]


def test_a_pause_holds_all_and_ends(monkeypatch, digests):
    """Half of the threads rest, then all of them."""
    tick, calls = Governor.tick, []

    def pausing(governor):
        decision = tick(governor)
        calls.append(threading.current_thread().name)
        if len(calls) < 10:
            return dataclasses.replace(decision, threads=1, pause=len(calls) > 5, reason="test")
        return decision

    monkeypatch.setattr(Governor, "tick", pausing)
    assert digests_in(optimize()) == digests
