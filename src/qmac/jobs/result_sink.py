"""Where the results of a job go: into memory, or into a run directory that survives the process."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import NamedTuple, Protocol

from qmac.engine.dataset.series import Series
from qmac.errors import ResultError, Stopped, WriteError, shell_quote, warn
from qmac.jobs.job import Job
from qmac.results.commits import Commits
from qmac.results.outline import Outline, OutlineTable
from qmac.results.reader import result_reader, return_result
from qmac.results.result import Result, build_contents
from qmac.results.writer import HEADER as RESULT
from qmac.results.writer import StagedResult, stage_result
from qmac.runs import job_file
from qmac.runs.directory import LONGEST_NAME, PROGRESS, RunDirectory
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import ProgressLog
from qmac.runtime.monitoring.status import Listener, join_listeners
from qmac.runtime.resources.governor import Governor
from qmac.storage.files import is_directory, look_up
from qmac.storage.refusals import describe_refusal

Reader = Callable[[], Result]
"""Returns a result, from memory or from disk."""


class ResultSink(Protocol):
    """Where the results of a job go; results are stored from any thread."""

    @property
    def directory(self) -> RunDirectory | None:
        """Where snapshots are written; None where there is no directory."""

    def opened(self, listener: Listener | None) -> AbstractContextManager[Listener | None]: ...

    def count_bars(self) -> dict[str, int]: ...

    def admit_disk(self, governor: Governor, /) -> None: ...

    def find(self, task: Task, /) -> Reader | None: ...

    def store(self, task: Task, outcome: Outcome, /) -> Reader: ...

    def leave_out(self, task: Task, /) -> None: ...

    def finish(self) -> None: ...


class WrittenResult(NamedTuple):
    """A result whose files lie beside their place."""

    staged: StagedResult
    outline: Outline


class PackedResult(NamedTuple):
    """A result of another process, without its prices; it takes time and memory once it is read."""

    pickled: bytes | memoryview

    def __reduce__(self) -> tuple[type[PackedResult], tuple[bytes]]:
        """Return what a copy is made of: a view of a message cannot be pickled."""
        return PackedResult, (bytes(self.pickled),)

    def load(self) -> Result:
        """Return the result.

        Returns
        -------
        Result
            Without its prices.
        """
        return pickle.loads(self.pickled)  # type: ignore[no-any-return]  # noqa: S301, of our own


Outcome = Result | PackedResult | WrittenResult
"""What a series came to, on a thread of this process or elsewhere."""


def write_beside(directory: RunDirectory, task: Task, result: Result) -> WrittenResult:
    """Write a result beside its place; one that lies there lacks cells, and is removed.

    Parameters
    ----------
    directory : RunDirectory
        The run.
    task : Task
        Whose result.
    result : Result
        The result.

    Returns
    -------
    WrittenResult
        For ``DirectorySink.store``.

    Raises
    ------
    WriteError
        If the disk refuses it.
    """
    place = directory.result(task)
    try:
        if look_up(place) is not None:
            directory.drop_result(task)
        staged = stage_result(place, build_contents(result))  # prices are in the directory
    except OSError as error:
        raise describe_refusal(place, error) from None
    return WrittenResult(staged, Outline.from_result(result))


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
        return {task.name: self._job.count_bars(task) for task in self._job.tasks}

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

    def store(self, task: Task, outcome: Outcome) -> Reader:
        """Hold a result; its prices only where the job holds them.

        Parameters
        ----------
        task : Task
            Whose result.
        outcome : Result or PackedResult
            The result.

        Returns
        -------
        callable
            Returns it.
        """
        if isinstance(outcome, PackedResult):
            return functools.partial(_unpack, outcome, self._job.build_source(task))
        assert isinstance(outcome, Result)
        if not self._job.is_held(task):
            outcome = replace(outcome, source=self._job.build_source(task))
        return functools.partial(return_result, outcome)

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
        self._commits = Commits(self._end)
        self._is_open = False
        """Whether results may be committed later."""
        self._outlines = OutlineTable(directory)
        self._stored: dict[Task, Outline] = {}
        """Of results that are not in their places yet."""
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
            self._is_open = True
            try:
                yield join_listeners(log, listener)
                state = "finished"
            except Stopped as error:
                state = str(error)
                raise
            finally:
                self._is_open = False
                self._commits.close()
                log.end(state)

    def count_bars(self) -> dict[str, int]:
        """Return the bars of each task; prices are not read for it.

        Returns
        -------
        dict
            By name, in the order of the job.
        """
        return self._bars

    @functools.cached_property
    def _bars(self) -> dict[str, int]:
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
        if task.key not in self._present:
            return None
        if self._has_result(task):
            try:
                return result_reader(self.directory, task)()
            except ResultError as error:
                warn(f"{task.name} is done again: {error.reason}", stacklevel=2)
        self.directory.drop_result(task)
        return None

    @functools.cached_property
    def _present(self) -> set[str]:
        """Keys of tasks of which there is something among the results, whole or not."""
        names, keys = self.directory.list_results(), [task.key for task in self._job.tasks]
        return {key for key in keys if not names.isdisjoint((key, key[:LONGEST_NAME]))}

    def store(self, task: Task, outcome: Outcome) -> Reader:
        """Write a result, in place of one that lacks cells; it is committed soon.

        Parameters
        ----------
        task : Task
            Whose result.
        outcome : Result, PackedResult or WrittenResult
            The result, or where ``write_beside`` wrote it, in this process or another one.

        Returns
        -------
        callable
            Reads it.

        Raises
        ------
        WriteError
            If the disk refuses it.
        """
        if isinstance(outcome, PackedResult):
            outcome = outcome.load()
        if isinstance(outcome, Result):
            if outcome.failed:
                self.leave_out(task)
            outcome = write_beside(self.directory, task, outcome)
        self._present.add(task.key)
        self._stored[task] = outcome.outline
        self._commits.add(outcome.staged, task)
        if not self._is_open:
            self._commits.flush()
        return result_reader(self.directory, task)

    def _end(self, task: Task) -> None:
        """Clear up after a task whose result is in its place."""
        self.directory.move_scores(task)
        self.directory.drop_snapshots(task)
        self._outlines.add(task, self._stored.pop(task))

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
        self._commits.flush()
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


def _unpack(packed: PackedResult, source: Callable[[], Series]) -> Result:
    """Return a result of another process, with its prices."""
    return replace(packed.load(), source=source)
