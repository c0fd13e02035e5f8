"""Where records of parts go: into memory, or into a directory that survives the process."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from qmac.errors import ResultError, Stopped
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import Identity, describe_changes
from qmac.runs.records import RecordFile
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import ProgressLog
from qmac.runtime.monitoring.status import Listener, join_listeners
from qmac.storage.files import check_file, list_names, make_directories
from qmac.storage.lock import LOCK, hold_lock, write_holder
from qmac.storage.refusals import describe_refusal

T = TypeVar("T")


class RecordStore(Protocol[T]):
    """Where records go."""

    @property
    def directory(self) -> Path | None:
        """Whose disk is watched; None where nothing is written."""

    @property
    def snapshots(self) -> RunDirectory | None:
        """Run that has snapshots of the part at hand; None where there are none."""

    @property
    def elapsed(self) -> float:
        """Seconds of work, those of earlier processes among them."""

    def opened(self, listener: Listener | None) -> AbstractContextManager[Listener | None]: ...

    def read(self) -> list[T]: ...

    def add(self, record: T, /) -> None: ...

    def write_pending(self) -> None: ...


class MemoryRecords(Generic[T]):
    """Writes nothing."""

    directory: Path | None = None
    snapshots: RunDirectory | None = None
    _began: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since it was opened."""
        return 0.0 if self._began is None else time.monotonic() - self._began

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
        self._began = time.monotonic()
        yield listener

    def read(self) -> list[T]:
        """Return no records.

        Returns
        -------
        list
            Empty.
        """
        return []

    def add(self, _: T) -> None:
        """Do nothing: the caller has the record."""

    def write_pending(self) -> None:
        """Do nothing."""


class RecordDirectory(Generic[T]):
    """Writes records into a directory, which is locked meanwhile.

    Parameters
    ----------
    path : Path
        The directory; no part of it is a link.
    records : RecordFile
        A file in it.
    run : RunDirectory, optional
        The run that the directory holds, if it does.
    """

    def __init__(self, path: Path, records: RecordFile[T], run: RunDirectory | None = None) -> None:
        self.directory: Path | None = path
        self._path = path
        self._run = run
        self._records = records

    @property
    def elapsed(self) -> float:
        """Seconds for which the records were held open, by earlier processes, too."""
        return self._records.elapsed

    @property
    def snapshots(self) -> RunDirectory | None:
        """The run, unless it is that of a sweep, whose snapshots stay."""
        run = self._run
        return None if run is None or run.header.folds is None else run

    @contextmanager
    def opened(self, listener: Listener | None) -> Iterator[Listener | None]:
        """Hold the lock of the directory, and write how the work proceeds and ends.

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
            If another process holds the directory, or it has records of another question.
        WriteError
            If the system refuses a file.
        """
        with self.locked():
            self.read()  # before anything is written: it may answer another question
            log = ProgressLog(self._path / PROGRESS)
            state = "interrupted"
            try:
                with self._records.opened():
                    yield join_listeners(log, listener)
                state = "finished"
            except Stopped as error:
                state = str(error)
                raise
            finally:
                log.end(state)

    def locked(self) -> AbstractContextManager[None]:
        """Return the context in which the directory is locked; it is made if it is not there.

        A run is locked as whoever sweeps it locks it.

        Returns
        -------
        context manager
            Entering it raises ResultError if another process holds the directory.
        """
        return self._hold_lock() if self._run is None else self._run.locked()

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        lock = self._path / LOCK
        try:
            make_directories(self._path)
            check_file(lock)
        except OSError as error:
            raise describe_refusal(self._path, error) from None
        with hold_lock(lock, self._path) as descriptor:
            write_holder(descriptor)
            yield

    def read(self) -> list[T]:
        """Return the records of earlier processes.

        Returns
        -------
        list of records
            Those that are whole.

        Raises
        ------
        ResultError
            If they answer another question.
        """
        return self._records.read()

    def add(self, record: T) -> None:
        """Take a record; any thread may call it.

        Parameters
        ----------
        record : object
            What is not stored yet.
        """
        self._records.add(record)

    def write_pending(self) -> None:
        """Write the records that were taken."""
        self._records.write_pending()


def find_task(run: RunDirectory, identity: Identity) -> Task:
    """Return the task of a run that a result is of.

    Parameters
    ----------
    run : RunDirectory
        The run.
    identity : Identity
        Request, kernels and prices of the result.

    Returns
    -------
    Task
        One of its tasks.

    Raises
    ------
    ResultError
        If it has none with this request and these prices.
    """
    task = Task(identity.task)
    if task not in run.tasks:
        raise ResultError(
            f"{run.path} holds a run without {identity.task}. Name the directory of its run, or a "
            "new one."
        )
    before, after = run.header.identify(task).to_dict(), identity.to_dict()
    changes = describe_changes(before | {"top": None}, after | {"top": None})
    if changes:
        more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
        raise ResultError(
            f"{run.path} holds another run: {changes[0]}{more}. Name the directory of the run that "
            "has this result, or a new one."
        )
    return task


def check_names(path: Path, files: Collection[str], advice: str) -> None:
    """Refuse a directory that holds anything but some files; nothing is written.

    Parameters
    ----------
    path : Path
        The directory, which need not exist.
    files : collection of str
        Names of the files; unfinished ones of a killed process are allowed, too.
    advice : str
        What to do.

    Raises
    ------
    ResultError
        If it holds anything else.
    WriteError
        If it cannot be read.
    """
    try:
        names = list_names(path)
    except OSError as error:
        raise describe_refusal(path, error) from None
    others = [name for name in names if name not in files and not _is_unfinished(name, files)]
    if others:
        raise ResultError(f"{path} exists and is not empty. {advice}")


def _is_unfinished(name: str, files: Collection[str]) -> bool:
    """Whether a killed process was writing one of the files."""
    return any(name.startswith(f".{file}.") and name.endswith(".part") for file in files)
