"""Where the results of a job go: into memory, or into a run directory that survives the process."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from qmac.errors import ResultError, Stopped, WriteError, shell_quote, warn
from qmac.jobs.job import Job
from qmac.results.outline import Outline, OutlineTable
from qmac.results.reader import result_reader, return_result
from qmac.results.result import Result
from qmac.results.writer import HEADER as RESULT
from qmac.runs import job_file
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import ProgressLog
from qmac.runtime.monitoring.status import Listener, join_listeners
from qmac.runtime.resources.governor import Governor
from qmac.storage.files import is_directory, look_up

Reader = Callable[[], Result]
"""Returns a result, from memory or from disk."""


class ResultSink(Protocol):
    """Where the results of a job go, one task after the other."""

    @property
    def directory(self) -> RunDirectory | None:
        """Where snapshots are written; None where there is no directory."""

    def opened(self, listener: Listener | None) -> AbstractContextManager[Listener | None]: ...

    def count_bars(self) -> dict[str, int]: ...

    def admit_disk(self, governor: Governor, /) -> None: ...

    def find(self, task: Task, /) -> Reader | None: ...

    def store(self, task: Task, result: Result, /) -> Reader: ...

    def leave_out(self, task: Task, /) -> None: ...

    def finish(self) -> None: ...


class MemorySink:
    """Holds results in memory.

    Parameters
    ----------
    job : Job
        Whose results.
    """

    directory = None

    def __init__(self, job: Job) -> None:
        self._job = job

    @contextmanager
    def opened(self, listener: Listener | None) -> Iterator[Listener | None]:
        """Yield the listener as it is.

        Parameters
        ----------
        listener : callable or None
            Gets each status.

        Yields
        ------
        callable or None
            The same.
        """
        yield listener

    def count_bars(self) -> dict[str, int]:
        """Return the bars of each task.

        Returns
        -------
        dict
            By name, in the order of the job.
        """
        return {task.name: len(self._job.series(task)) for task in self._job.tasks}

    def admit_disk(self, _: Governor) -> None:
        """Admit all: nothing is written."""

    def find(self, _: Task) -> Reader | None:
        """Return None: no task was done before.

        Returns
        -------
        None
            Always.
        """
        return None

    def store(self, _: Task, result: Result) -> Reader:
        """Hold a result.

        Parameters
        ----------
        result : Result
            The result.

        Returns
        -------
        callable
            Returns it.
        """
        return functools.partial(return_result, result)

    def leave_out(self, _: Task) -> None:
        """Do nothing: there is no snapshot."""

    def finish(self) -> None:
        """Do nothing: there is nothing to remove."""


class DirectorySink:
    """Writes results into a run directory, and reads those that are there.

    Parameters
    ----------
    job : Job
        Whose results.
    directory : RunDirectory
        The run.
    retry_failed : bool
        Whether results that lack cells are computed again.
    """

    def __init__(self, job: Job, directory: RunDirectory, *, retry_failed: bool = False) -> None:
        self.directory = directory
        self._job = job
        self._retries_failed = retry_failed
        self._outlines = OutlineTable(directory)
        self._incomplete: set[Task] = set()
        """Tasks whose snapshot stays: their result lacks cells, or there is none."""

    @contextmanager
    def opened(self, listener: Listener | None) -> Iterator[Listener | None]:
        """Hold the lock of the directory, and write how the run proceeds and ends.

        Parameters
        ----------
        listener : callable or None
            Gets each status.

        Yields
        ------
        callable
            Writes each status into the progress log, and passes it on.

        Raises
        ------
        ResultError
            If another process holds the directory.
        """
        if not self.directory.is_writable:  # ``find`` refuses what is not finished
            yield listener
            return
        with self.directory.locked():
            job_file.write(self.directory.path, self.directory.header)
            log = ProgressLog(self.directory.path / PROGRESS)
            state = "interrupted"
            try:
                yield join_listeners(log, listener)
                state = "finished"
            except Stopped as error:
                state = str(error)
                raise
            finally:
                log.end(state)

    def count_bars(self) -> dict[str, int]:
        """Return the bars of each task; prices are not read for it.

        Returns
        -------
        dict
            By name, in the order of the job.
        """
        entries = self.directory.header.prices
        return {task.name: entries[task.symbol].bars for task in self._job.tasks}

    def admit_disk(self, governor: Governor) -> None:
        """Refuse a run that will write, where the disk is full.

        Parameters
        ----------
        governor : Governor
            Knows the limits of the run.

        Raises
        ------
        OptionError
            If less is free than the run must leave.
        """
        is_done = all(self._has_result(task) for task in self._job.tasks)
        if self.directory.is_writable and (self._retries_failed or not is_done):
            governor.admit_disk("save_grid" if self.directory.save_grid else None)

    def find(self, task: Task) -> Reader | None:
        """Return the result of a task that is done.

        Parameters
        ----------
        task : Task
            One of the job.

        Returns
        -------
        callable or None
            Reads the result; None if the task is to be done, or done again.

        Raises
        ------
        WriteError
            If the task is to be done, and nothing can be written.
        """
        if not self.directory.is_writable:
            return self._find_finished(task)
        result = self._load(task)
        if result is None or (result.failed and self._retries_failed):
            return None
        if is_directory(self.directory.scores(task)):  # a process was killed before it moved them
            self.directory.move_scores(task)
        if result.failed:
            self._incomplete.add(task)
        return result_reader(self.directory, task)

    def _find_finished(self, task: Task) -> Reader:
        """Return the result of a task in a directory that cannot be written."""
        reader, path = result_reader(self.directory, task), self.directory.path
        reason = "is not done"
        if self._has_result(task):
            try:
                is_failed = bool(reader().failed)
            except ResultError as error:
                reason = f"would be done again: {error.reason.removesuffix('.')}"
            else:
                if not (is_failed and self._retries_failed):
                    return reader
                reason = "has cells that failed"
        raise WriteError(
            f"{path} cannot be written, so its run cannot be resumed there ({task.name} {reason}). "
            f"Copy it and resume the copy, or see what is done: qmac show {shell_quote(path)}"
        )

    def _has_result(self, task: Task) -> bool:
        return look_up(self.directory.result(task) / RESULT) is not None

    def _load(self, task: Task) -> Result | None:
        """Return the result, if there is a sound one; any other is removed."""
        if self._has_result(task):
            try:
                return result_reader(self.directory, task)()
            except ResultError as error:
                warn(f"{task.name} is done again: {error.reason}", stacklevel=2)
        self.directory.drop_result(task)
        return None

    def store(self, task: Task, result: Result) -> Reader:
        """Write a result, in place of one that lacks cells.

        Parameters
        ----------
        task : Task
            Whose result.
        result : Result
            The result.

        Returns
        -------
        callable
            Reads it.

        Raises
        ------
        WriteError
            If the disk refuses it.
        """
        if result.failed:
            self.leave_out(task)
        self.directory.drop_result(task)
        without_prices = dataclasses.replace(result, source=None)  # they are in the directory
        without_prices.save(self.directory.result(task))
        self.directory.move_scores(task)
        self.directory.drop_snapshots()
        self._outlines.add(task, Outline.from_result(result))
        return result_reader(self.directory, task)

    def leave_out(self, task: Task) -> None:
        """Set the snapshot of a task aside, which is not done, or not all of it.

        Parameters
        ----------
        task : Task
            Whose snapshot.
        """
        self._incomplete.add(task)
        self.directory.set_aside(task)

    def finish(self) -> None:
        """Remove snapshots that are of no use any more, those of killed processes too."""
        if not self.directory.is_writable:
            return
        self.directory.drop_snapshots()
        self.directory.drop_set_aside(but=self._incomplete)


def build_sink(job: Job, directory: RunDirectory | None, *, retry_failed: bool) -> ResultSink:
    """Return where the results of a job go.

    Parameters
    ----------
    job : Job
        Whose results.
    directory : RunDirectory or None
        The run; None to hold them in memory.
    retry_failed : bool
        Whether results that lack cells are computed again.

    Returns
    -------
    ResultSink
        One for memory or for the directory.
    """
    if directory is None:
        return MemorySink(job)
    return DirectorySink(job, directory, retry_failed=retry_failed)
