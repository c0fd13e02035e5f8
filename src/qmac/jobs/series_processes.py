"""Many short series on processes of this machine, each with an interpreter of its own.

A thread that does a series holds the interpreter for some milliseconds, and many threads wait for
each other. Processes prepare, sweep, finish and write as nodes of a cluster do; this one reads on,
shows progress and commits. Until they have started, and where one is not there, threads sweep.
"""

from __future__ import annotations

import functools
import math
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qmac.engine.dataset.series import Series
from qmac.errors import InputError, OptionError, Stopped, warn
from qmac.jobs.job import Job
from qmac.jobs.result_sink import DirectorySink, Reader, ResultSink, WrittenResult, write_beside
from qmac.jobs.series_leases import SeriesWork, pack, suits_nodes, unpack
from qmac.jobs.side_by_side import LostSeriesError
from qmac.results.result import Result, find_best_row
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.runtime.execution.parts import Part
from qmac.runtime.execution.processes import Processes, ProcessLost, can_start
from qmac.runtime.monitoring.status import Listener, Status
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import Governor
from qmac.strategy.grid import Grid

LEAST_THREADS = 8
"""With fewer threads the interpreter is not what they wait for."""
WAIT_SECONDS, SERIES_SECONDS, STEP_SECONDS = 0.010, 0.025, 6e-13
"""For the interpreter, a series on sixty threads (``benchmarks.many_series_threads``); and of its
sweep on one thread, with a part for each combination and bar."""
LEAST_SECONDS = 4.0
"""Twice what processes take to start: a job that takes less on threads ends without them."""
PROCESS_BYTES = 220 * 2**20
"""A process with its kernels; most is shared with others, but counts in each."""
NOT_STARTED = "processes could not be started, so threads sweep all series"
FEW_WINDOWS = 6
TRIES = 2


def are_worth_starting(grid: Grid, bars: Sequence[int], threads: int) -> bool:
    """Return whether series are swept sooner by processes, their start included.

    Parameters
    ----------
    grid : Grid
        Window sets.
    bars : sequence of int
        Bars of each series.
    threads : int
        Series that are swept at a time.

    Returns
    -------
    bool
        False on few threads, and for few series.

    Examples
    --------
    >>> grid = Grid(windows=range(2, 253, 5))
    >>> [are_worth_starting(grid, [2000] * count, 60) for count in (100, 500)]
    [False, True]
    """
    alone = math.fsum(SERIES_SECONDS + STEP_SECONDS * grid.size * count for count in bars)
    seconds = alone / threads + WAIT_SECONDS * len(bars)
    return threads >= LEAST_THREADS and seconds >= LEAST_SECONDS and can_start()


class Swept(NamedTuple):
    """What a process has made of a series."""

    best: float
    outcome: bytes | WrittenResult
    """A result, pickled and without its prices; or where it is written."""


@dataclass(frozen=True, eq=False)
class ProcessWork(SeriesWork):
    """What sweeps series of a job in a process of this machine."""

    path: Path | None = None
    """The run directory: prices are read from it, and results are written into it."""

    @functools.cached_property
    def _directory(self) -> RunDirectory:
        assert self.path is not None
        return RunDirectory.open(self.path)

    @property
    def share(self) -> float:
        """How far the present series is swept."""
        return float(self._share[0])

    def warm_up(self) -> None:
        """Load what sweeps need: the kernels, by a small sweep, and the run."""
        grid = Grid(windows=self.request.grid.windows[:FEW_WINDOWS], shared_windows=True)
        small = SeriesWork(replace(self.request, grid=grid), self.longest)
        small.compute(Part("", 0), np.zeros(1, np.uint8), pack(lambda: self.longest))
        _ = self._job, self._job.fingerprint
        if self.path is not None:
            import pyarrow.parquet

            assert pyarrow.parquet and self._directory

    def _do(self, packed: bytes, stop: np.ndarray) -> Swept:
        """Sweep a series, and write its result where there is a directory."""
        sent = pickle.loads(packed)  # noqa: S301, of the process that started this one
        if self.path is None:
            result = self._sweep(sent, stop)
            outcome: bytes | WrittenResult = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        else:
            result = self._sweep(self._directory.prices(sent.symbol), stop)
            outcome = write_beside(self._directory, sent, result)
        best = (find_best_row(result) or {}).get(result.objective, math.nan)
        return Swept(best, outcome)


class SeriesProcesses:
    """Series that processes sweep for the threads of this one.

    Parameters
    ----------
    job : Job
        Request and prices.
    sink : ResultSink
        Takes the results.
    governor : Governor
        Of the run.
    processes : Processes
        Do ``ProcessWork``.
    """

    def __init__(
        self, job: Job, sink: ResultSink, governor: Governor, processes: Processes
    ) -> None:
        self._job = job
        self._sink = sink
        self._governor = governor
        self._processes = processes

    def sweep(self, task: Task, listener: Listener, stop: np.ndarray) -> Reader | None:
        """Let a process sweep a series, and store its result.

        Parameters
        ----------
        task : Task
            The series.
        listener : callable
            Gets a status at its begin and its end, and about every second between.
        stop : ndarray
            ``(1,)`` uint8; ends the sweep once it is not 0.

        Returns
        -------
        callable or None
            Reads the result; None where this process is to sweep it.

        Raises
        ------
        InputError
            If the series is to be left out, or its result could not be written.
        Stopped
            If it was stopped; LostSeriesError if two processes ended that swept it.
        """
        if not self._is_suitable(task):
            return None
        began, size = time.perf_counter(), self._job.request.grid.size

        def show(share: float, best: float = math.nan) -> None:
            seconds = time.perf_counter() - began
            listener(self._build_status(task, round(size * share), seconds, best))

        show(0.0)
        answer = self._compute(task, stop, show)
        if answer is NotImplemented:
            return None
        if answer is None:
            raise Stopped("the series is needed no more.")
        swept: Swept | InputError = unpack(answer)  # type: ignore[assignment]
        if isinstance(swept, OptionError):  # this process says more of memory
            return None
        if isinstance(swept, InputError):
            raise swept
        reader = self._store(task, swept.outcome)
        show(1.0, swept.best)
        return reader

    def _is_suitable(self, task: Task) -> bool:
        """Return whether a process is there, and nothing of the series is done already."""
        directory = self._sink.directory
        is_new = directory is None or not (
            directory.is_set_aside(task) or directory.has_snapshots(task)
        )
        return is_new and self._processes.alive > 0

    def _compute(self, task: Task, stop: np.ndarray, show: Callable[[float], None]) -> Any:
        """Return the answer of a process, or of a second one where the first ended."""
        why = ""
        for number in range(TRIES):
            try:
                packed = self._pack(task)
                waits = number > 0
                return self._processes.compute(number, packed, stop, waits=waits, listener=show)
            except ProcessLost as error:
                why = str(error)
                if self._sink.directory is not None:
                    self._sink.directory.drop_result(task)
        raise LostSeriesError(
            f"two processes that swept {task.name} did not finish it ({why}). Sweep it alone to "
            "see why, or leave it out."
        )

    def _pack(self, task: Task) -> bytes:
        sent = task if self._sink.directory is not None else self._job.series(task)
        return pickle.dumps(sent, pickle.HIGHEST_PROTOCOL)

    def _store(self, task: Task, outcome: bytes | WrittenResult) -> Reader:
        if isinstance(outcome, WrittenResult):
            assert isinstance(self._sink, DirectorySink)
            return self._sink.add(task, outcome)
        source = self._job.build_source(task)
        return functools.partial(_read_result, outcome, source)

    def _build_status(self, task: Task, done: int, seconds: float, best: float) -> Status:
        return Status(
            done=done,
            size=self._job.request.grid.size,
            seconds=seconds,
            best=best,
            memory=self._governor.memory_used,
            rate=done / max(seconds, 1e-9),
            name=task.name,
            threads=1,
            limit=self._governor.memory_limit,
        )


@contextmanager
def started(
    job: Job, sink: ResultSink, governor: Governor, tasks: Sequence[Task], threads: int
) -> Iterator[SeriesProcesses | None]:
    """Start processes for series that are swept side by side, where that saves time.

    Parameters
    ----------
    job : Job
        Request and prices.
    sink : ResultSink
        Takes the results.
    governor : Governor
        Of the run.
    tasks : sequence of Task
        The longest first.
    threads : int
        How many are swept at a time.

    Yields
    ------
    SeriesProcesses or None
        None where threads sweep them all.
    """
    counts, directory = sink.count_bars(), sink.directory
    bars = [counts[task.name] for task in tasks]
    is_worth_it = are_worth_starting(job.request.grid, bars, threads)
    is_possible = suits_nodes(job, max(bars)) and (directory is None or not directory.save_grid)
    if not (is_worth_it and is_possible):
        yield None
        return
    path = None if directory is None else directory.path
    work = ProcessWork(job.request, job.series(tasks[0]), path)
    if not _fits(work, governor, threads):
        yield None
        return
    try:
        processes = Processes(work, threads)
    except OSError as error:  # too many open files or processes
        warn(f"{NOT_STARTED} ({error.strerror or error}).", stacklevel=2)
        yield None
        return
    try:
        yield SeriesProcesses(job, sink, governor, processes)
    finally:
        if not processes.close():
            warn(f"{NOT_STARTED}.", stacklevel=2)


def _fits(work: ProcessWork, governor: Governor, count: int) -> bool:
    """Return whether so many processes fit into memory, each with a series."""
    try:
        needed = work.thread_bytes + PROCESS_BYTES
        return admit(governor.limits, governor.read_now(), 0, needed, count) == count
    except InputError:
        return False


def _read_result(packed: bytes, source: Callable[[], Series]) -> Result:
    """Return a result that a process has sent, with its prices."""
    return replace(pickle.loads(packed), source=source)  # type: ignore[no-any-return] # noqa: S301
