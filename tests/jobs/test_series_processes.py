"""Series on processes: results, errors and directories are those of threads, whatever happens."""

import errno
import os
import pickle
import shutil
import signal
import threading
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.faults import Halt, slow
from helpers.series import frame, ohlc, series

import qmac
from qmac.data.prices import Prices
from qmac.errors import PricesError, Stopped, WriteError
from qmac.jobs import series_processes
from qmac.jobs.series_processes import (
    ProcessWork,
    SeriesProcesses,
    are_worth_starting,
    plan_batches,
)
from qmac.runs.directory import RunDirectory
from qmac.runtime.execution.parts import Part
from qmac.runtime.execution.processes import NoProcess, Processes, ProcessLost, can_start
from qmac.runtime.resources.probes import Reading
from qmac.strategy.request import check_request

pytestmark = pytest.mark.skipif(not can_start(), reason="no processes on this system")
GRID = qmac.Grid(windows=range(2, 12))
LENGTHS = {"A": 150, "B": 300, "C": 200, "D": 260, "E": 120, "F": 180}
FRAMES = {
    name: frame(series("random", bars, number))
    for number, (name, bars) in enumerate(LENGTHS.items())
} | {"G": ohlc("random", 300, 4), "H": frame(series("random", 170, 9))}


class ProcessesHere:
    """In place of processes: this one does their work, and may be lost."""

    alive = 1

    def __init__(self, work, _):
        self.work, self.computed, self.lost = work, [], []
        """Series in each message, and whether a process was waited for."""
        work.warm_up()
        type(self).last = self

    def compute(self, packed, stop, *, waits, listener):
        self.computed.append((len(pickle.loads(packed)), waits))
        if self.alive == 0:
            raise NoProcess
        if self.lost:
            raise self.lost.pop()
        listener(0.5)
        return self.work.compute(Part("", 0), stop, packed)

    def close(self):
        return True


@pytest.fixture(scope="module")
def digests():
    return {name: qmac.optimize(table, GRID, top=9).digest for name, table in FRAMES.items()}


@pytest.fixture(autouse=True)
def worth_it(monkeypatch):
    monkeypatch.setattr(series_processes, "LEAST_THREADS", 2)
    monkeypatch.setattr(series_processes, "LEAST_SECONDS", 0.0)


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr(series_processes, "Processes", ProcessesHere)


def optimize(**options):
    return qmac.optimize_many(FRAMES, GRID, **{"top": 9, "threads": 2, **options})


def digests_in(results):
    return {name: result.digest for name, result in results.items()}


def list_files(path):
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.name != "lock"}


def count_all(monkeypatch, threads=2):
    """Let no thread sweep, and return where answers are counted."""
    sweep, swept = SeriesProcesses.sweep, []

    def counted(processes, *arguments):
        deadline = time.monotonic() + 60
        while processes._processes.alive < threads and not swept:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        for task, answer in sweep(processes, *arguments):
            swept.append(task.name)
            yield task, answer

    monkeypatch.setattr(SeriesProcesses, "sweep", counted)
    return swept


def end_processes(monkeypatch, symbol, times):
    """End the process that is about to sweep a symbol, so many times."""
    take, choose = Processes._take, SeriesProcesses._choose_sent
    due, ended = threading.local(), []

    def marked(processes, task):
        due.symbol = task.symbol
        return choose(processes, task)

    def killed(processes, **options):
        process = take(processes, **options)
        if due.symbol == symbol and len(ended) < times:
            os.kill(process.pid, signal.SIGKILL)
            ended.append(process.pid)
        return process

    monkeypatch.setattr(SeriesProcesses, "_choose_sent", marked)
    monkeypatch.setattr(Processes, "_take", killed)
    return ended


@pytest.mark.slow
def test_a_job_in_memory_is_that_of_threads(digests, monkeypatch):
    swept, seen = count_all(monkeypatch), []
    results = optimize(progress=seen.append)
    assert digests_in(results) == digests and list(results) == list(FRAMES)
    assert sorted(swept) == sorted(FRAMES)
    assert results["B"].series.prices.close.tolist() == FRAMES["B"]["Close"].tolist()
    shares = [status.job_done for status in seen]
    assert shares == sorted(shares) and shares[-1] == 1


@pytest.mark.slow
def test_a_series_whose_process_ends_is_done_by_another_one(tmp_path, digests, monkeypatch):
    swept, ended = count_all(monkeypatch), end_processes(monkeypatch, "C", 1)
    results = optimize(out=tmp_path / "run")
    assert digests_in(results) == digests and len(ended) == 1
    assert "C" in swept  # with one process less, a thread sweeps again
    optimize(out=tmp_path / "one", threads=1)
    assert list_files(tmp_path / "run") == list_files(tmp_path / "one")


@pytest.mark.slow
def test_a_series_that_ends_two_processes_is_named(tmp_path, digests, monkeypatch):
    with monkeypatch.context() as patch:
        count_all(patch, 3)
        end_processes(patch, "C", 2)
        with pytest.raises(Stopped, match="two processes that swept C did not finish it"):
            optimize(out=tmp_path / "run", threads=3)
    assert digests_in(qmac.resume(tmp_path / "run", threads=1)) == digests


@pytest.mark.parametrize("writes", [False, True])
def test_what_a_process_does_is_what_a_thread_does(tmp_path, here, digests, writes):
    results = optimize(out=tmp_path / "run" if writes else None)
    assert digests_in(results) == digests
    computed = sorted(ProcessesHere.last.computed, reverse=True)  # threads begin side by side
    assert computed == [(size, False) for size in (4, 2, 1, 1)]
    assert results.winners.equals(optimize(threads=1).winners)


def test_how_far_a_series_is_comes_from_its_process(here, monkeypatch):
    slow(monkeypatch, 0.01)  # or all series are done within the first status
    seen = []
    optimize(progress=seen.append)
    first = [status.done for status in seen if status.name == "B"]
    assert first == sorted(first) and first[-1] == GRID.size
    assert any(0 < status.job_done < 1 for status in seen)
    last = ProcessesHere.last
    assert last.work.share in {size for size, _ in last.computed}  # all of the last message


def test_a_series_that_cannot_be_read_is_left_out_and_named(tmp_path, here, digests, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(TypeError):  # a directory without results
        patch.setattr("qmac.jobs.runner.started", None)
        optimize(out=path)
    (path / "prices" / "C.parquet").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="left out: C"):
        results = qmac.resume(path, threads=2)
    assert digests_in(results) == {name: digests[name] for name in FRAMES if name != "C"}


def test_what_cannot_be_written_ends_the_run(tmp_path, here, digests, monkeypatch):
    def refuse(*_):
        raise WriteError("the disk is full.")

    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(WriteError, match="the disk is full"):
        patch.setattr(series_processes, "write_beside", refuse)
        optimize(out=path)
    assert digests_in(qmac.resume(path, threads=2)) == digests


def test_what_was_written_by_a_lost_process_is_removed(tmp_path, here, digests, monkeypatch):
    write = series_processes.write_beside

    def lose(directory, task, result):
        written = write(directory, task, result)
        if task.symbol == "C" and not lost:
            lost.append(written.staged.scratch)
            raise ProcessLost("it ended")
        return written

    lost = []
    monkeypatch.setattr(series_processes, "write_beside", lose)
    assert digests_in(optimize(out=tmp_path / "run")) == digests
    names = [file.name for file in (tmp_path / "run" / "results").iterdir()]
    assert sorted(names) == sorted(FRAMES)
    assert len(lost) == 1
    assert ProcessesHere.last.computed.count((1, True)) == 4  # all that were in one message


def test_a_series_with_a_snapshot_is_swept_here(tmp_path, here, digests, monkeypatch):
    monkeypatch.setattr(RunDirectory, "list_saved", lambda _: {None})
    assert digests_in(optimize(out=tmp_path / "run")) == digests
    assert ProcessesHere.last.computed == []


def test_a_series_that_is_needed_no_more_ends_at_once():
    prices, stop = Prices.of(FRAMES["B"]), np.ones(1, np.uint8)
    work = ProcessWork(check_request(GRID), prices)
    assert work.compute(Part("", 0), stop, pickle.dumps([prices])) is None


class Looking:
    """In place of prices: looks how far a process says it is while it reads a message."""

    def __reduce__(self):
        return look, ()


def look():
    SHARES.append(ProcessesHere.last.work.share)
    return PricesError("no prices.")


SHARES = []


def test_a_message_that_is_read_counts_no_series_of_the_one_before(monkeypatch):
    prices, stop = Prices.of(FRAMES["B"]), np.zeros(1, np.uint8)
    work = ProcessWork(check_request(GRID), prices)
    monkeypatch.setattr(ProcessesHere, "last", SimpleNamespace(work=work), raising=False)
    assert work.compute(Part("", 0), stop, pickle.dumps([prices])) and work.share == 1
    assert work.compute(Part("", 0), stop, pickle.dumps([Looking()]))
    assert SHARES == [0]


def test_scores_on_disk_are_for_threads(tmp_path, monkeypatch, digests):
    monkeypatch.setattr(series_processes, "Processes", None)
    assert digests_in(optimize(out=tmp_path / "run", save_grid="float32")) == digests


def test_without_memory_for_processes_threads_sweep(monkeypatch, digests):
    monkeypatch.setattr(series_processes, "Processes", None)
    monkeypatch.setattr(series_processes, "PROCESS_BYTES", 2**45)
    assert digests_in(optimize()) == digests


def test_processes_that_do_not_start_are_said_to(here, digests, monkeypatch):
    monkeypatch.setattr(ProcessesHere, "alive", 0)
    monkeypatch.setattr(ProcessesHere, "close", lambda _: False)
    with pytest.warns(UserWarning, match="processes could not be started"):
        assert digests_in(optimize()) == digests


def test_without_open_files_for_processes_threads_sweep(digests, monkeypatch):
    def refused(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(series_processes, "Processes", refused)
    with pytest.warns(UserWarning, match=r"threads sweep all series \(Too many open files\)"):
        assert digests_in(optimize()) == digests


def test_few_threads_and_few_series_do_without(monkeypatch):
    monkeypatch.undo()
    grid, full = qmac.Grid(windows=range(2, 253, 5)), qmac.Grid(windows=range(2, 253))
    assert not are_worth_starting(grid, [2000] * 500, 2)
    assert not are_worth_starting(full, [2000] * 60, 60)
    assert are_worth_starting(grid, [2000] * 500, 60)
    assert are_worth_starting(full, [2000] * 500, 60)


@pytest.mark.parametrize("threads", [1, 2, 7, 60])
def test_batches_are_all_series_and_none_takes_long(threads):
    seconds = np.random.default_rng(threads).uniform(0.001, 0.4, 500).tolist()
    seconds.sort(reverse=True)
    sizes = plan_batches(seconds, threads)
    assert sum(sizes) == len(seconds) and min(sizes) == 1
    ends = np.cumsum(sizes)
    for end, size in zip(ends, sizes, strict=True):
        assert size == 1 or sum(seconds[end - size : end]) <= series_processes.BATCH_SECONDS
        assert size <= max(1, (500 - end + size) // threads)
    assert plan_batches([], threads) == []


@pytest.mark.parametrize("threads", [(1, 2), (2, 1)])
def test_a_job_goes_on_where_it_was_on_threads_and_on_processes(
    tmp_path, here, digests, monkeypatch, threads
):
    """With one thread there are no processes; what has a snapshot is for threads."""
    path = tmp_path / "run"
    first, second = threads

    def listen(status):
        if status.symbols_done or list((path / "snapshots").iterdir()):
            raise Halt

    with monkeypatch.context() as patch, pytest.raises(Halt):
        slow(patch, 0.01)
        optimize(out=path, threads=first, progress=listen)
    saved = RunDirectory.open(path).list_saved()
    assert None not in saved and bool(saved) == (first == 1)
    assert digests_in(qmac.resume(path, threads=second)) == digests
    if second == 2:
        sent = sum(size for size, _ in ProcessesHere.last.computed)
        assert 0 < sent <= len(FRAMES) - len(saved)


def test_a_directory_that_is_removed_ends_the_run(tmp_path, here, monkeypatch):
    compute = ProcessWork.compute

    def removed(*arguments):
        shutil.rmtree(path, ignore_errors=True)
        return compute(*arguments)

    path = tmp_path / "run"
    monkeypatch.setattr(ProcessWork, "compute", removed)
    with (
        warnings.catch_warnings(),
        pytest.raises(WriteError, match="run cannot be written: No such file"),
    ):
        warnings.simplefilter("error")
        optimize(out=path)


@pytest.mark.parametrize(("memory", "fits"), [(None, True), (2**30, False)])
def test_what_processes_share_counts_once_but_in_resident_memory(memory, fits):
    used, mib = 300 * 2**20, 2**20
    reading = Reading(
        moment=0, cpus=8, affinity=8, rss=used, memory_limit=1024 * mib, memory_used=used
    )
    governor = SimpleNamespace(limits=qmac.Limits(memory=memory), read_now=lambda: reading)
    work = ProcessWork(check_request(GRID), Prices.of(FRAMES["B"]))
    assert series_processes._fits(work, governor, 8) == fits
    assert not series_processes._fits(work, governor, 60)
