"""The runner of jobs: task after task, in memory or in a directory that survives the process."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from qmac._checks import check_count, check_path
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import (
    InputError,
    OptionError,
    PricesError,
    ResultError,
    Stopped,
    WriteError,
    collect_warnings,
    shell_quote,
    warn,
)
from qmac.jobs.job import Job
from qmac.jobs.kernel_choice import check_kernel
from qmac.jobs.memory_model import (
    COMPILING_BYTES,
    before_compiling,
    is_small,
    loading_bytes,
    reading_bytes,
    series_bytes,
)
from qmac.jobs.monitor import SweepMonitor
from qmac.jobs.result_sink import Outcome, Reader, ResultSink, build_sink
from qmac.jobs.series_leases import LEAVES_OUT, LeasedSeries, suits_nodes
from qmac.jobs.series_processes import SeriesProcesses, started
from qmac.jobs.series_progress import SeriesProgress
from qmac.jobs.series_sweep import sweep
from qmac.jobs.side_by_side import SideBySide
from qmac.jobs.waiting import Patience
from qmac.results.collection import Results
from qmac.results.reader import build_outline_finder
from qmac.results.result import Result
from qmac.runs.creation import NewRun
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER, RunHeader, describe_changes, prices_checksum
from qmac.runs.score_store import check_dtype
from qmac.runs.tasks import Task
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.execution.executor import Executor, SerialExecutor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import JobProgress, Listener
from qmac.runtime.resources.admission import MemoryRefusal, admit
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.machine import available_cpus
from qmac.runtime.resources.probes import Probe
from qmac.storage.files import look_up, resolve_typed
from qmac.storage.refusals import describe_refusal

SHORT_SECONDS = 1.0
"""What a series takes on one thread, below which all threads together are not faster."""
MOST_NAMED = 5
"""Symbols that a warning names."""
ALIKE = 0.9
"""Share of the bars of a series from which on another one is about as long."""


def create_directory(
    job: Job,
    out: str | Path | None,
    save_grid: str | None = None,
    executor: Executor | None = None,
    *,
    continues: bool = False,
    folds: Mapping[str, Any] | None = None,
) -> RunDirectory | None:
    """Create the run directory of a job, if there is to be one.

    Nothing is written for an executor that cannot be reached.

    Parameters
    ----------
    job : Job
        What is written: its request and prices.
    out : str, Path or None
        The new directory; None for a job in memory.
    save_grid : str, optional
        Type of the scores on disk: ``"float32"`` or ``"float64"``.
    executor : Executor, optional
        Where the job is to run.
    continues : bool
        Whether the directory may hold this very run, which then goes on.
    folds : mapping, optional
        How bars are divided into folds, for a walk-forward. The directory may then hold a sweep
        of the same request and prices.

    Returns
    -------
    RunDirectory or None
        None if ``out`` is None.

    Raises
    ------
    OptionError
        If scores cannot be written: of that type, without a directory, or on a cluster.
    ResultError
        If there is something in the directory: this run, to be resumed, or another.
    WriteError
        If the disk refuses it.
    """
    check_dtype(save_grid)
    _check_scores_place(executor, save_grid)
    if isinstance(executor, ClusterExecutor):
        executor.connect()
    if out is not None:
        path = check_path("out", out, is_new=True)
        return _create(path, job.new_run(save_grid, folds), continues)
    if save_grid is not None:
        raise OptionError(
            "save_grid writes every score to disk, but there is no directory. Name one: out, or "
            "--out."
        )
    return None


def _create(path: Path, run: NewRun, continues: bool) -> RunDirectory:
    try:
        path = resolve_typed(path)
        if look_up(path / HEADER) is not None:
            existing = RunDirectory.open(path)
            if continues and not _describe_changes(existing.header, run):
                return existing
            raise _describe_other_run(path, existing.header, run)
        return RunDirectory.create(path, run)
    except OSError as error:
        raise describe_refusal(path, error) from None


def _describe_other_run(path: Path, header: RunHeader, run: NewRun) -> ResultError:
    """Return the error that says how the run in a directory differs from a new one."""
    changes = _describe_changes(header, run)
    if not changes:
        return ResultError(
            f"{path} holds this very run. Resume it, or see its result: qmac resume "
            f"{shell_quote(path)}"
        )
    more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
    if not header.is_resumable:
        return ResultError(f"{path} holds another run: {changes[0]}{more}. Name another directory.")
    return ResultError(
        f"{path} holds another run: {changes[0]}{more}. Name another directory, or resume that "
        f"one: qmac resume {shell_quote(path)}"
    )


def _describe_changes(header: RunHeader, run: NewRun) -> list[str]:
    """Return how the run in a directory differs from a new one."""
    if header.folds is not None and run.folds is None:
        return ["it is a walk-forward, not a sweep of all bars"]
    changes = [] if header.folds is None else describe_changes(header.folds, run.folds, "folds")
    before, after = header.fingerprint.to_dict(), run.fingerprint.to_dict()
    prices_before = {symbol: entry.sha256 for symbol, entry in header.prices.items()}
    prices_after = {symbol: prices_checksum(series) for symbol, series in run.prices.items()}
    changes += describe_changes(before, after)
    return changes + describe_changes(prices_before, prices_after, "prices")


def _check_scores_place(executor: Executor | None, save_grid: str | None) -> None:
    if save_grid and isinstance(executor, ClusterExecutor):
        raise OptionError(
            "save_grid writes scores where they are computed, and a cluster has no such place. "
            "Leave out save_grid."
        )


def run(
    job: Job,
    directory: RunDirectory | None,
    limits: Limits,
    threads: int,
    progress: Listener | None = None,
    executor: Executor | None = None,
    *,
    retry_failed: bool = False,
) -> Results:
    """Do what is left of a job.

    Parameters
    ----------
    job : Job
        Request and series.
    directory : RunDirectory or None
        Its run directory; None to hold all in memory.
    limits : Limits
        What the run may use of the machine.
    threads : int
        Threads of this process, if there is no other executor.
    progress : callable, optional
        Gets a ``Status`` about ten times a second.
    executor : Executor, optional
        Where cells are swept; threads of this process by default.
    retry_failed : bool
        Whether cells are tried again that failed on every node of a cluster.

    Returns
    -------
    Results
        Of every task that could be done, and why the others could not.

    Raises
    ------
    OptionError, PricesError, ResultError
        If no task could be done, or ``job.strict`` and one could not.
    Stopped
        If a limit ended the run.
    """
    executor = executor or ThreadExecutor(threads)
    if directory is not None:
        _check_scores_place(executor, directory.save_grid)
        job = job.read_from(directory)
    sink = build_sink(job, directory, retry_failed=retry_failed)
    with sink.opened(progress) as listener:
        return _TaskRunner.build(job, sink, executor, limits, listener).run_all()


@dataclass(frozen=True)
class _TaskRunner:
    """Runs the tasks of a job: side by side, or one after the other on all threads."""

    job: Job
    sink: ResultSink
    executor: Executor
    governor: Governor
    progress: Listener | None
    is_beside: bool = False
    """Whether other threads run other tasks: what does not fit beside them is left to them."""
    readers: dict[str, Reader] = field(default_factory=dict)
    errors: dict[str, InputError] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        job: Job,
        sink: ResultSink,
        executor: Executor,
        limits: Limits,
        listener: Listener | None,
    ) -> _TaskRunner:
        """Return a runner whose run is admitted: there is room on the disk."""
        path = None if sink.directory is None else sink.directory.path
        has_workers_here = not isinstance(executor, ClusterExecutor)
        probe = Probe(path, children=has_workers_here)
        governor = Governor(limits, probe, executor.threads)
        sink.admit_disk(governor)
        progress = None
        if listener is not None:
            maximize = job.request.maximize
            progress = JobProgress(listener, sink.count_bars(), maximize=maximize)
        return cls(job, sink, executor, governor, progress)

    def run_all(self) -> Results:
        """Do every task that is not done, and return the results of all."""
        for task in self.job.tasks:
            reader = self.sink.find(task)
            if reader is not None:
                self.readers[task.name] = reader
                if isinstance(self.progress, JobProgress):
                    self.progress.end(task.name)
        try:
            self._do_all()
        except BaseException as end:  # a limit, Ctrl-C: whoever catches it may show what is done
            end.results = self._collect()  # type: ignore[attr-defined]
            raise
        finally:
            self._warn_of_refused()
        self.sink.finish()
        if self.errors and not self.readers:
            errors = (self.errors.get(task.name) for task in self.job.tasks)
            raise self._find_largest_refusal() or next(filter(None, errors))
        return self._collect()

    def _collect(self) -> Results:
        """Return the results that are there, in the order of the job."""
        names = [task.name for task in self.job.tasks]
        reasons = {name: str(self.errors[name]) for name in names if name in self.errors}
        readers = {name: self.readers[name] for name in names if name in self.readers}
        missing = [name for name in names if name not in self.readers and name not in reasons]
        find = None
        if self.sink.directory is not None:
            find = build_outline_finder(self.sink.directory)
        return Results(readers, {**self.job.left_out, **reasons}, missing, find)

    def _do_all(self) -> None:
        """Do each task that is left, in the first of these places that takes it.

        A thread of a node; a process of this machine; a thread of this process, beside others; all
        threads, one task after the other, which says why a task is left out.
        """
        self._do_side_by_side()
        for task in self._left:
            if isinstance(self.progress, JobProgress):
                self.progress.begin(task.name)
            self._do(task)

    def _find_largest_refusal(self) -> MemoryRefusal | None:
        """Return why the series does not fit that needs the most memory."""
        refused = (error for error in self.errors.values() if isinstance(error, MemoryRefusal))
        return max(refused, key=lambda error: error.refusal.advised_bytes, default=None)

    def _warn_of_refused(self) -> None:
        """Say once which series do not fit into memory; where none does, the error says so."""
        largest = self._find_largest_refusal()
        if largest is not None and self.readers:
            names = [
                name for name, error in self.errors.items() if isinstance(error, MemoryRefusal)
            ]
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            warn(f"left out: {', '.join(names[:MOST_NAMED])}{more}: {largest}", stacklevel=2)

    @property
    def _left(self) -> list[Task]:
        """Tasks that are neither done nor left out, in the order of the job."""
        tried = self.readers.keys() | self.errors.keys()
        return [task for task in self.job.tasks if task.name not in tried]

    def _do_side_by_side(self) -> None:
        """Do tasks on a thread each, where there are more of them than threads.

        The last few, fewer than threads, are left to all threads, unless each is short: then what
        a task does on one thread at a time, whatever the threads, takes longer than its sweep.
        """
        threads, left = self.executor.threads, self._left
        if isinstance(self.executor, ClusterExecutor):
            self._lease(self.executor, left)
        if not isinstance(self.executor, ThreadExecutor) or not 1 < threads < len(left):
            return
        tasks = self._find_fitting(left, threads)
        rest = len(tasks) % threads
        several, last = tasks[: len(tasks) - rest], tasks[len(tasks) - rest :]
        if several and self._run_beside(several) < SHORT_SECONDS and last:
            self._run_beside(last)

    def _lease(self, executor: ClusterExecutor, tasks: list[Task]) -> None:
        """Do short tasks on nodes, where a thread sweeps each alone, but for failed cells."""
        bars, directory = self.sink.count_bars(), self.sink.directory
        short = [
            task
            for task in tasks
            if suits_nodes(self.job, bars[task.name])
            and not (directory is not None and directory.is_set_aside(task))
        ]
        if len(short) < 2:
            return
        short.sort(key=lambda task: -bars[task.name])
        progress = self._build_series_progress()
        LeasedSeries(self.job, short, self._settle, self.governor, progress).run(executor)

    def _build_series_progress(self) -> SeriesProgress:
        progress = self.progress
        if not isinstance(progress, JobProgress):  # nothing is shown
            progress = JobProgress(lambda _: None, self.sink.count_bars())
        return SeriesProgress(self.job.request.grid.size, self.governor, progress)

    def _settle(self, task: Task, outcome: Outcome | InputError) -> None:
        """Store a result, or leave a series out."""
        if isinstance(outcome, WriteError):
            raise outcome
        if isinstance(outcome, InputError):
            self._leave_out(task, outcome)
        else:
            self.readers[task.name] = self.sink.store(task, outcome)

    def _leave_out(self, task: Task, error: InputError) -> None:
        """Go on without a task, unless it is all there is, or none may be left out."""
        directory = self.sink.directory
        if directory is not None and look_up(directory.path) is None:  # no task is to blame
            gone = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            raise describe_refusal(directory.path, gone) from error
        if self.job.strict or len(self.job.prices) == 1:
            raise error
        if not isinstance(error, MemoryRefusal):  # of the run: it is said once
            warn(f"left out: {task.name}: {error}", stacklevel=2)
        self.errors[task.name] = error
        self.sink.leave_out(task)

    def _run_beside(self, tasks: list[Task]) -> float:
        """Do tasks side by side if kernels can be compiled, and return the seconds of one."""

        def do(batch: list[Task], stop: np.ndarray) -> None:
            with collect_warnings() as found:
                self._do_beside(processes, batch, progress, stop)
            texts.extend(found)

        texts: list[str] = []
        threads, progress = self.executor.threads, self._build_series_progress()
        limits, governor = self.governor.limits, self.governor
        with before_compiling(
            lambda: admit(limits, governor.read_now(), COMPILING_BYTES, 0, 1),
        ):
            try:
                self._compile(tasks[-1])
            except OptionError:  # one after the other, each waits for the memory
                return math.inf
            with started(self.job, self.sink, governor, tasks, threads) as processes:
                batches = [[task] for task in tasks] if processes is None else processes.batches
                try:
                    return SideBySide(batches, do, governor, progress).run(threads)
                finally:
                    for text in texts:  # a thread that reads a file silences those of all
                        warn(text)

    def _do_beside(
        self,
        processes: SeriesProcesses | None,
        tasks: list[Task],
        progress: SeriesProgress,
        stop: np.ndarray,
    ) -> None:
        """Do tasks while other threads do others, in a process where there is one for them."""
        left = list(tasks)
        if processes is not None:
            for task, answer in processes.sweep(tasks, progress, stop):
                self._settle(task, answer.outcome)
                progress.end(task.name, answer.best, is_done=True)
                left.remove(task)
        if not left:
            return
        one = SerialExecutor(stop)
        alone = replace(self, executor=one, progress=progress.listen, is_beside=True)
        for task in left:
            if stop[0] or self.governor.tick().stop is not None:
                raise Stopped("the series is needed no more.")
            is_done = False
            try:
                alone._do(task)
                is_done = True
            except OptionError:  # not beside the others
                pass
            finally:
                progress.end(task.name, is_done=is_done)

    def _compile(self, task: Task) -> None:
        """Compile the kernels of a sweep on this thread, where Ctrl-C breaks into it at once."""
        with suppress(PricesError, ResultError):  # its turn says so
            _, spec = self._prepare(task)
            check_kernel(spec)

    def _find_fitting(self, tasks: list[Task], threads: int) -> list[Task]:
        """Return tasks, the longest first, as many of which as there are threads fit into memory.

        What a series needs goes with its bars, so one of about the length of another that does not
        fit is not looked at.
        """
        bars = self.sink.count_bars()
        tasks = sorted(tasks, key=lambda task: -bars[task.name])
        most = math.inf
        for place, task in enumerate(tasks):
            if bars[task.name] <= most:
                try:
                    if self._count_fitting(task, threads) == threads:
                        return tasks[place:]
                    most = ALIKE * bars[task.name]
                except (PricesError, ResultError):  # it says so when its turn comes
                    pass
        return []

    def _count_fitting(self, task: Task, threads: int) -> int:
        """Return how many series such as this one fit into memory side by side."""
        try:
            series, spec = self._prepare(task)
            needed = series_bytes(series, self.job.request.grid, spec)
            limits, reading = self.governor.limits, self.governor.read_now()
            return admit(limits, reading, loading_bytes(), needed, threads)
        except OptionError:
            return 0

    def _do(self, task: Task) -> None:
        """Do a task, or leave it out."""
        try:
            result = self._sweep(task)
        except WriteError:
            raise
        except Stopped as error:
            raise self._name_symbol(error, task) from None
        except LEAVES_OUT as error:
            if self.is_beside and isinstance(error, OptionError):
                raise
            self._leave_out(task, error)
        else:
            self.readers[task.name] = self.sink.store(task, result)

    def _name_symbol(self, error: Stopped, task: Task) -> Stopped:
        """Return what ended the run, with the symbol where there are many."""
        if len(self.job.tasks) == 1:
            return error
        text = str(error).removesuffix(".")
        return Stopped(f"{text} (symbol {task.name}).")

    def _sweep(self, task: Task) -> Result:
        """Sweep one series; while other programs hold the memory for it, wait."""
        size = self.job.request.grid.size
        is_one_of_many = len(self.job.tasks) > 1
        patience = Patience(task.name, size, self.governor, self.progress, is_beside=is_one_of_many)
        if self.is_beside:
            return self._try_sweep(task, patience)
        return patience.insist(lambda: self._try_sweep(task, patience))

    def _prepare(self, task: Task) -> tuple[PreparedSeries, SweepSpec]:
        """Read and prepare one series, if there is memory for it."""
        if self.sink.directory is not None:
            needed = reading_bytes(self.sink.count_bars()[task.name])
            if not is_small(needed):
                self.governor.admit(needed, is_beside=self.is_beside)
        series = self.job.prepare(self.job.series(task))
        return series, self.job.build_spec(series)

    def _try_sweep(self, task: Task, patience: Patience) -> Result:
        """Sweep one series, if it fits into memory."""
        grid = self.job.request.grid
        series, spec = self._prepare(task)
        monitor = SweepMonitor(
            task,
            spec.objective,
            grid.size,
            self.governor,
            self.progress,
            self.sink.directory,
            patience,
        )
        with monitor.admitted(series, grid, spec):
            return sweep(series, grid, spec, self.executor, monitor, self.job.fingerprint)


def count_threads(limits: Limits, threads: int | None = None) -> int:
    """Return how many threads a run starts with.

    Parameters
    ----------
    limits : Limits
        Its ``threads`` count where there is no other number.
    threads : int, optional
        The number that was set; by default, that of the limits or of the CPUs.

    Returns
    -------
    int
        1 at least.

    Raises
    ------
    OptionError
        If the number is not a count.
    """
    if threads is None:
        threads = limits.threads or available_cpus()
    return check_count("threads", threads, 1)
