"""Many short series on processes of this machine, each with an interpreter of its own.

A thread that does a series holds the interpreter for some milliseconds, and many threads wait for
each other. Processes prepare, sweep, finish and write as nodes of a cluster do; this one reads on,
shows progress and commits. Until they have started, and where one is not there, threads sweep.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qmac.errors import InputError, OptionError, warn
from qmac.jobs.job import Job
from qmac.jobs.result_sink import ResultSink, write_beside
from qmac.jobs.series_leases import (
    Answer,
    AnswerOutcome,
    SeriesWork,
    find_best,
    pack,
    read,
    suits_nodes,
    unpack,
)
from qmac.jobs.series_progress import SeriesProgress
from qmac.jobs.side_by_side import LostSeriesError
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.runtime.execution.parts import Part
from qmac.runtime.execution.processes import NoProcess, Processes, ProcessLost, can_start
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
PROCESS_BYTES, FURTHER_BYTES = 220 * 2**20, 40 * 2**20
"""A process with its kernels, and what each further one adds beside its sweep: most is shared.
Of eight, each added 15 MiB in memory and 26 with a directory (PSS after three sweeps of 2,000 bars,
2:252:5)."""
NOT_STARTED = "processes could not be started, so threads sweep all series"
FEW_WINDOWS = 6
BATCH_SECONDS = 0.2
"""What the series of a message take at most, unless one alone takes longer: a stop waits for it."""


def estimate_seconds(grid: Grid, bars: int) -> float:
    """Return what the sweep of a series takes on one thread, about.

    Parameters
    ----------
    grid : Grid
        Window sets.
    bars : int
        Bars of the series.

    Returns
    -------
    float
        Seconds.
    """
    return SERIES_SECONDS + STEP_SECONDS * grid.size * bars


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
    alone = math.fsum(estimate_seconds(grid, count) for count in bars)
    seconds = alone / threads + WAIT_SECONDS * len(bars)
    return threads >= LEAST_THREADS and seconds >= LEAST_SECONDS and can_start()


def plan_batches(seconds: Sequence[float], threads: int) -> list[int]:
    """Return how many series each message is to hold.

    A message costs both sides some tenths of a millisecond, so short series go several at a time:
    none as many as would hold the others up at the end.

    Parameters
    ----------
    seconds : sequence of float
        What each series takes on one thread, in the order in which they are swept.
    threads : int
        How many batches are swept at a time.

    Returns
    -------
    list of int
        Their sum is the number of series.

    Examples
    --------
    >>> plan_batches([0.03] * 20, 4), plan_batches([0.3, 0.2, 0.01, 0.01], 1)
    ([5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1], [1, 1, 2])
    """
    sizes, first = [], 0
    while first < len(seconds):
        most = max(1, (len(seconds) - first) // threads)
        total = itertools.accumulate(seconds[first : first + most])
        size = max(1, sum(1 for end in total if end <= BATCH_SECONDS))
        sizes.append(size)
        first += size
    return sizes


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
        """How many series of the present part are swept, and how far the next one is."""
        return float(self._share.sum())

    def warm_up(self) -> None:
        """Load what sweeps need: the kernels, by a small sweep, and the run."""
        grid = Grid(windows=self.request.grid.windows[:FEW_WINDOWS], shared_windows=True)
        small = SeriesWork(replace(self.request, grid=grid), self.longest)
        small.compute(Part("", 0), np.zeros(1, np.uint8), pack([self.longest]))
        _ = self._job, self._job.fingerprint
        if self.path is not None:
            import pyarrow.parquet

            assert pyarrow.parquet and self._directory

    def _do(self, sent: Any, stop: np.ndarray) -> tuple[float, AnswerOutcome]:
        """Return the best value of a series, and its result or where that is written."""
        if self.path is None:
            return super()._do(sent, stop)
        result = self._sweep(self._directory.prices(sent.symbol), stop)
        return find_best(result), write_beside(self._directory, sent, result)


class SeriesProcesses:
    """Series that processes sweep for the threads of this one.

    Parameters
    ----------
    job : Job
        Request and prices.
    directory : RunDirectory or None
        The run; None where results stay in memory.
    processes : Processes
        Do ``ProcessWork``.
    batches : list of list of Task
        What each message is to hold.
    """

    def __init__(
        self,
        job: Job,
        directory: RunDirectory | None,
        processes: Processes,
        batches: list[list[Task]],
    ) -> None:
        self.batches = batches
        self._job = job
        self._directory = directory
        self._processes = processes
        saved = set() if directory is None else directory.list_saved()
        self._begun = {
            task
            for task in itertools.chain.from_iterable(batches if saved else ())
            if task.key in saved or None in saved
        }
        """Tasks that go on where they were: this process reads snapshots."""

    def sweep(
        self, tasks: Sequence[Task], progress: SeriesProgress, stop: np.ndarray
    ) -> Iterator[tuple[Task, Answer]]:
        """Let a process sweep series.

        Parameters
        ----------
        tasks : sequence of Task
            The series.
        progress : SeriesProgress
            Gets how far they are at their begin, and about every second.
        stop : ndarray
            ``(1,)`` uint8; ends the sweep once it is not 0.

        Yields
        ------
        tuple of Task and Answer
            What became of each. Series that are missing are for this process: no other one is
            there, some of their work is done, or they may not fit beside others.

        Raises
        ------
        LostSeriesError
            If two processes ended that swept a series.
        """
        new = [task for task in tasks if task not in self._begun]
        try:
            if new:
                yield from self._compute(new, progress, stop)
        except NoProcess:
            pass
        except ProcessLost:
            yield from self._repeat(new, progress, stop)

    def _compute(
        self,
        tasks: Sequence[Task],
        progress: SeriesProgress,
        stop: np.ndarray,
        *,
        waits: bool = False,
    ) -> Iterator[tuple[Task, Answer]]:
        """Yield what a process makes of series, but for errors of which this one says more."""

        def show(share: float) -> None:
            place = min(int(share), len(tasks) - 1)
            progress.report(tasks[place].name, share - place)

        packed = pack([self._choose_sent(task) for task in tasks])
        packed_answers = self._processes.compute(packed, stop, waits=waits, listener=show)
        answers = [] if packed_answers is None else unpack(packed_answers)
        for task, answer in zip(tasks, answers, strict=False):  # fewer after a stop
            if not isinstance(answer.outcome, OptionError):
                yield task, answer

    def _choose_sent(self, task: Task) -> Any:
        """Return what stands for a series in a message."""
        return read(self._job, task) if self._directory is None else task

    def _repeat(
        self, tasks: Sequence[Task], progress: SeriesProgress, stop: np.ndarray
    ) -> Iterator[tuple[Task, Answer]]:
        """Yield what processes make of series one by one, that were lost together."""
        for task in tasks:
            if self._directory is not None:
                self._directory.drop_result(task)
        for task in tasks:
            try:
                yield from self._compute([task], progress, stop, waits=True)
            except NoProcess:
                return
            except ProcessLost as error:
                raise LostSeriesError(
                    f"two processes that swept {task.name} did not finish it ({error}). Sweep it "
                    "alone to see why, or leave it out."
                ) from None


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
    counts, grid = sink.count_bars(), job.request.grid
    bars, directory = [counts[task.name] for task in tasks], sink.directory
    is_worth_it = are_worth_starting(grid, bars, threads)
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
    left = iter(tasks)
    sizes = plan_batches([estimate_seconds(grid, count) for count in bars], threads)
    batches = [list(itertools.islice(left, size)) for size in sizes]
    try:
        yield SeriesProcesses(job, directory, processes, batches)
    finally:
        if not processes.close():
            warn(f"{NOT_STARTED}.", stacklevel=2)


def _fits(work: ProcessWork, governor: Governor, count: int) -> bool:
    """Return whether so many processes fit into memory, each with a series."""
    limits, reading = governor.limits, governor.read_now()
    # of a limit that a user has set, what is shared counts in each: it is compared with RSS
    further = FURTHER_BYTES if limits.memory is None else PROCESS_BYTES
    try:
        needed = work.thread_bytes + further
        return admit(limits, reading, PROCESS_BYTES, needed, count) == count
    except InputError:
        return False
