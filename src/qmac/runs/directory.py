"""A run on disk: request, prices, snapshots of tasks at hand, results of those that are done.

::

    DIR/run.json             the request, and the checksums of the prices; never changed
        prices/SPY.parquet   the very prices, so that a run is resumed wherever its directory is
        snapshots/00000012   the newest three of each task at hand
        snapshots/of-SPY     set aside: its result lacks cells that failed on every node of a
                             cluster, or it was left out
        results/SPY/         a result, written once
        scores/SPY/          with --save-grid, until they move into the result
        luck/SPY/            random markets: a record for each, and what they say
        forward/SPY/         folds of a walk-forward: their records, and what they say
        progress.jsonl       a line every few seconds
        lock                 held by the process that runs it
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from qmac._forks import ThreadLock
from qmac.data.prices import Prices
from qmac.data.readers import read_stored
from qmac.errors import ResultError, warn
from qmac.runs import snapshot
from qmac.runs.creation import AVERAGES, FOLDERS, RESULTS, SNAPSHOTS, NewRun, create, prices_file
from qmac.runs.header import RunHeader, name_own_averages, prices_checksum, read_header
from qmac.runs.score_store import SCORE_FILES, SCORES, is_complete
from qmac.runs.tasks import Task
from qmac.runtime.execution.ledger import Ledger
from qmac.storage.atomic import write_whole
from qmac.storage.files import (
    RefusedFileError,
    check_directory,
    check_file,
    is_file,
    is_free,
    list_names,
    look_up,
    make_directory,
    move,
    open_file,
    remove_file,
    remove_made,
    resolve_typed,
    sync,
)
from qmac.storage.lock import LOCK, hold_lock, write_holder
from qmac.storage.refusals import describe_damage, is_fault
from qmac.storage.tables import check_table, load_array

PROGRESS, LUCK, FORWARD = "progress.jsonl", "luck", "forward"
GENERATIONS = 3
"""Snapshots of a task that stay."""
numbering = ThreadLock()
"""Held while snapshots are numbered: tasks side by side write into one folder."""
SNAPSHOT_NAME, UNFINISHED_NAME = (
    re.compile(r"[0-9]{8,}"),
    re.compile(r"\.[0-9]{8,}(\.[0-9]+)?\.part"),
)
"""Names of a snapshot, and of one that a killed process was writing."""
UNFINISHED_RESULT = re.compile(r"\.(.*)-[0-9]+")
LONGEST_NAME = 100
"""Characters of a result's directory that its scratch directory repeats."""
WRITTEN_FILES = re.compile(r"(result\.json|(top|prices)\.parquet|(arrays|averages)\.npz)")
"""Files that a result is written with."""
RESULT_FILES = re.compile(rf"{WRITTEN_FILES.pattern}|\..*\.part|{SCORES}/({SCORE_FILES.pattern})")
"""All files of a result, by their paths in its directory."""
MOST_BAR_BYTES, MOST_EXTRA_BYTES = 128, 1 << 20
"""Most bytes of a file of prices, a bar and beside: six columns of 8 bytes are written."""
ASIDE = "of-"
"""How the name of a snapshot begins that is set aside; the key of its task follows."""


class RunDirectory:
    """A run directory: every file is whole or not there, and checked when it is read.

    Attributes
    ----------
    path : Path
        The directory.
    header : RunHeader
        The content of its ``run.json``.
    """

    def __init__(self, path: Path, header: RunHeader) -> None:
        self.path, self.header = path, header
        self._keys: dict[str, str | None] = {}
        """Keys of the tasks of snapshots by file name, as far as they were read; None: damaged."""

    @classmethod
    def create(cls, path: Path, run: NewRun) -> RunDirectory:
        """Create a run in a new or empty directory.

        Parameters
        ----------
        path : Path
            The directory; it may exist.
        run : NewRun
            What is written.

        Returns
        -------
        RunDirectory
            All of it.

        Raises
        ------
        ResultError
            If there is something in the directory, or another process creates a run there.
        OSError
            If the disk refuses a file; nothing of the run is left.
        """
        return cls(*create(path, run))

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open the run in a directory.

        Parameters
        ----------
        path : Path
            The directory.

        Returns
        -------
        RunDirectory
            The run, its header checked.

        Raises
        ------
        ResultError
            If there is none, or it is damaged, or of a format that is not known.
        """
        try:
            path = resolve_typed(path)
        except OSError as error:
            raise ResultError(
                f"{error.filename} cannot be read: {error.strerror}. Name another directory."
            ) from None
        return cls(path, read_header(path))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory; the lock ends with the process, however that ends.

        Yields
        ------
        None
            While it is held.

        Raises
        ------
        ResultError
            If another process holds it.
        """
        self._check_kinds()
        with hold_lock(self.path / LOCK, self.path) as descriptor:
            write_holder(descriptor)
            yield

    def _check_kinds(self) -> None:
        """Refuse a directory in which something would lead elsewhere, before a step is done."""
        try:
            for name in (LOCK, PROGRESS):
                check_file(self.path / name)
            for folder in (*FOLDERS, SCORES, LUCK, FORWARD):
                check_directory(self.path / folder)
            self._check_tasks()
        except RefusedFileError as error:
            raise ResultError(
                f"{error.filename} is not opened: {error.strerror}. Put back what qmac wrote in "
                "its place, or remove it, and resume the run."
            ) from None

    def _check_tasks(self) -> None:
        """Check what lies where tasks write: each folder is listed once, and most hold little."""
        places = {RESULTS: self.result, SCORES: self.scores, LUCK: self.luck, FORWARD: self.forward}
        for folder, find in places.items():
            for place in self._list_present(folder, find):
                check_directory(place)
        for place in self._list_present(SNAPSHOTS, self._aside):
            check_file(place, is_changed=False)

    def _list_present(self, folder: str, find: Callable[[Task], Path]) -> list[Path]:
        """Return the places of tasks, all in one folder, where something lies."""
        names = set(list_names(self.path / folder))
        return [place for place in map(find, self.tasks) if place.name in names]

    @property
    def is_writable(self) -> bool:
        """Whether this process may write there: a finished run is read where it may not."""
        return os.access(self.path, os.W_OK | os.X_OK)

    @property
    def symbols(self) -> list[str]:
        """Symbols of the run, in its order."""
        return list(self.header.prices)

    @property
    def tasks(self) -> list[Task]:
        """Tasks of the run, in its order."""
        return [Task(symbol) for symbol in self.symbols]

    def prices(self, symbol: str) -> Prices:
        """Read the prices of a symbol.

        Parameters
        ----------
        symbol : str
            One of ``symbols``.

        Returns
        -------
        Prices
            Every date and price as it was.

        Raises
        ------
        ResultError
            If the file is damaged or was changed.
        """
        path = prices_file(self.path, symbol)
        with _readable(path):
            entry = self.header.prices[symbol]
            with open_file(path) as file:
                if file.seek(0, os.SEEK_END) > entry.bars * MOST_BAR_BYTES + MOST_EXTRA_BYTES:
                    raise _changed(path)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
                if entry.file not in (None, digest):  # no reader of Parquet meets another file
                    raise _changed(path)
                check_table(file, entry.bars)
                series = read_stored(file, symbol)
            if prices_checksum(series) != entry.sha256:
                raise _changed(path)
        return series

    def averages(self) -> np.ndarray | None:
        """Read the user's own averages.

        Returns
        -------
        ndarray or None
            ``(W, T)``; None if there are none.

        Raises
        ------
        ResultError
            If the file is damaged or was changed.
        """
        if not self.header.fingerprint.has_own_averages:
            return None
        path = self.path / AVERAGES
        with _readable(path):
            bars = max(entry.bars for entry in self.header.prices.values())
            most = len(self.header.request.grid.windows) * bars * np.dtype(float).itemsize
            averages = load_array(path, most)
            if name_own_averages(averages) != self.header.fingerprint.averages:
                raise _changed(path)
        return averages

    def result(self, task: Task) -> Path:
        """Return where the result of a task is, or is to be.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        Path
            A directory.
        """
        return self.path / "results" / task.key

    @property
    def save_grid(self) -> str | None:
        """Type of the scores on disk; None where only the best are in the result."""
        return self.header.save_grid

    def scores(self, task: Task) -> Path:
        """Return where the scores of a task are written, until they move into its result.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        Path
            A directory.
        """
        return self.path / "scores" / task.key

    def luck(self, task: Task) -> Path:
        """Return where the random markets of a task are written.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        Path
            A directory.
        """
        return self.path / LUCK / task.key

    def forward(self, task: Task) -> Path:
        """Return where the folds of a walk-forward of a task are written.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        Path
            A directory.
        """
        return self.path / FORWARD / task.key

    def move_scores(self, task: Task) -> None:
        """Move the scores of a task into its result, or remove them where they are not whole.

        Parameters
        ----------
        task : Task
            A task whose result is there.
        """
        if not self.save_grid:
            return
        if is_complete(self.scores(task)):
            move(self.scores(task), self.result(task) / SCORES)
            return
        warn(
            f"the scores of {task.name} are not whole and were removed; see degradations.",
            stacklevel=2,
        )
        with suppress(OSError):  # something else is in it
            remove_made(self.scores(task), SCORE_FILES)

    def save_snapshot(self, about: dict[str, Any], ledger: Ledger) -> None:
        """Write the next snapshot of a task, and remove those before its newest three.

        Parameters
        ----------
        about : dict
            What the snapshot is of, plain values; the fingerprint of the run is added.
        ledger : Ledger
            What is done, and the reductions of it.

        Raises
        ------
        OSError
            If the disk refuses it; the snapshots before it are untouched.
        """
        make_directory(self.path / SNAPSHOTS)  # a copy may lack what was empty
        key, most = about.get("task"), snapshot.most_bytes(ledger)
        earlier = [path for path in self._snapshots() if self._read_key(path, most) in (key, None)]
        path = self.path / SNAPSHOTS / self._choose_name(key)
        arrays = snapshot.collect_arrays(ledger)
        # closed, for an exception refers to the generator, and so to the lock that workers wait for
        with closing(snapshot.encode(about | self._mark, arrays, ledger.lock)) as parts:
            write_whole(path, parts)
        for old in earlier[GENERATIONS - 1 :]:
            _remove_if_file(old)

    def _choose_name(self, key: str | None) -> str:
        """Return the name of the next snapshot, which is that of a task from now on."""
        with numbering.lock:
            numbers = [int(path.name) for path in self._snapshots()]
            number = max([*numbers, *map(int, self._keys)], default=0) + 1
            name = f"{number:08}"
            self._keys[name] = key
        return name

    def has_snapshots(self, task: Task) -> bool:
        """Return whether there may be a snapshot of a task.

        Parameters
        ----------
        task : Task
            Whose snapshot.

        Returns
        -------
        bool
            True too for one that is damaged, or may be of another task.
        """
        return bool(self._list_snapshots(task))

    def list_saved(self) -> set[str | None]:
        """Return the keys of all tasks of which there are snapshots, set aside or not.

        Returns
        -------
        set of str or None
            None for a damaged one, which may be of any task.
        """
        names = list_names(self.path / SNAPSHOTS)
        aside = {name.removeprefix(ASIDE) for name in names if name.startswith(ASIDE)}
        return aside | {self._read_key(path, math.inf) for path in self._snapshots()}

    def load_snapshot(
        self, task: Task, dataset: str, ledger: Ledger
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Restore the newest sound snapshot of a task.

        Parameters
        ----------
        task : Task
            Whose snapshot.
        dataset : str
            Checksum of its dataset; snapshots of others, and of other runs, are passed over.
        ledger : Ledger
            Is restored where there is a snapshot.

        Returns
        -------
        about : dict or None
            What the snapshot says of the run; None if there is none.
        damaged : list of str
            What is wrong with newer ones.
        """
        wanted = identify(task, dataset)
        damaged: list[str] = []
        for path in self._list_snapshots(task):
            try:
                about, arrays = snapshot.decode(path, snapshot.most_bytes(ledger))
                if SNAPSHOT_NAME.fullmatch(path.name):
                    self._keys[path.name] = about.get("task")
                if not self._mark.items() <= (self._mark | about).items():
                    damaged.append(f"{path} is the snapshot of another run.")
                elif wanted.items() <= about.items():
                    snapshot.restore(ledger, arrays)
                    return about, damaged
            except ResultError as error:
                damaged.append(str(error))
        return None, damaged

    def is_set_aside(self, task: Task) -> bool:
        """Return whether cells of a task failed, and the others lie in a snapshot.

        Parameters
        ----------
        task : Task
            One of the run.

        Returns
        -------
        bool
            Whether its snapshot was set aside.
        """
        return is_file(self._aside(task))

    def set_aside(self, task: Task) -> None:
        """Set aside the newest snapshot of a task that is not done.

        Cells of it failed, or it had to be left out: later tasks must not push it out.

        Parameters
        ----------
        task : Task
            Whose snapshot.
        """
        for path in self._snapshots():
            try:
                about = snapshot.read_about(path)
            except ResultError:
                continue
            if about.get("task") == task.key:
                self._move_aside(path, task)
                return

    def _move_aside(self, path: Path, task: Task) -> None:
        """Give a snapshot the name that later tasks leave alone, if nothing else has it."""
        place = self._aside(task)
        if not is_free(place):  # since the run began
            warn(f"{place} is in the way: what is done of {task.name} is not set aside.")
            return
        move(path, place)
        sync(path.parent)

    def drop_set_aside(self, but: Collection[Task]) -> None:
        """Remove the snapshots that are set aside.

        Parameters
        ----------
        but : collection of Task
            Whose snapshots stay.
        """
        for task in self.tasks:
            if task not in but:
                _remove_if_file(self._aside(task))

    def drop_snapshots(self, task: Task | None = None) -> None:
        """Remove the snapshots of tasks that are done; not what is set aside.

        Parameters
        ----------
        task : Task, optional
            The task that is done; all of them by default, and what killed processes left.
        """
        if task is not None:
            if task.key not in list(self._keys.values()):
                return
            for path in self._snapshots():
                if self._keys.get(path.name) == task.key:
                    _remove_if_file(path)
            return
        folder = self.path / SNAPSHOTS
        for name in list_names(folder):
            if SNAPSHOT_NAME.fullmatch(name) or UNFINISHED_NAME.fullmatch(name):
                _remove_if_file(folder / name)

    def list_results(self) -> set[str]:
        """Return the keys of results, whole or not, that lie in the directory.

        Returns
        -------
        set of str
            Of what killed processes left, too, up to ``LONGEST_NAME`` characters of each.
        """
        names = list_names(self.path / RESULTS)
        return {UNFINISHED_RESULT.sub(r"\1", name) for name in names}

    def drop_result(self, task: Task) -> None:
        """Remove what there is of a result, and what a killed process left beside it.

        Parameters
        ----------
        task : Task
            Whose result.

        Raises
        ------
        ResultError
            If something lies there that qmac does not write.
        """
        place = self.result(task)
        unfinished = re.compile(rf"\.{re.escape(place.name[:LONGEST_NAME])}-[0-9]+")
        try:
            names = [name for name in list_names(place.parent) if unfinished.fullmatch(name)]
            for name in (place.name, *names):
                remove_made(place.parent / name, RESULT_FILES)
        except RefusedFileError as error:
            raise ResultError(
                f"{place} is not replaced: {error.strerror}. Move {error.filename} elsewhere, and "
                "resume the run."
            ) from None

    @property
    def _mark(self) -> dict[str, str]:
        """What each snapshot says of its run: another one may have the same cells.

        Snapshots of earlier versions do not have it.
        """
        return {"fingerprint": self.header.fingerprint.checksum}

    def _aside(self, task: Task) -> Path:
        return self.path / SNAPSHOTS / f"{ASIDE}{task.key}"

    def _snapshots(self) -> list[Path]:
        """Return the snapshots of tasks at hand, the newest first."""
        folder = self.path / SNAPSHOTS
        names = [name for name in list_names(folder) if SNAPSHOT_NAME.fullmatch(name)]
        return [folder / name for name in sorted(names, key=int, reverse=True)]

    def _read_key(self, path: Path, most: float) -> str | None:
        """Return the key of a snapshot's task; None if it is damaged or larger than any."""
        if path.name not in self._keys:
            try:
                self._keys[path.name] = snapshot.read_about(path, most).get("task")
            except ResultError:
                self._keys[path.name] = None
        return self._keys[path.name]

    def _list_snapshots(self, task: Task) -> list[Path]:
        """Return the snapshots that may be of a task, the newest first."""
        aside = self._aside(task)
        others = {name for name, key in self._keys.items() if key not in (task.key, None)}
        paths = [path for path in self._snapshots() if path.name not in others]
        return [*paths, *([aside] if is_file(aside) else [])]


def identify(task: Task, dataset: str) -> dict[str, Any]:
    """Return what every snapshot says of its task.

    Parameters
    ----------
    task : Task
        Whose snapshot.
    dataset : str
        Checksum of its dataset.

    Returns
    -------
    dict
        Entries of the snapshot's description.
    """
    return {"task": task.key, "dataset": dataset}


def _remove_if_file(path: Path) -> None:
    """Remove a file of qmac; a pipe, link or directory of its name stays."""
    status = look_up(path)  # raises where a link leads to it
    if status is not None and stat.S_ISREG(status.st_mode):
        remove_file(path)


def _changed(path: Path) -> ResultError:
    return ResultError(
        f"{path} was changed: its checksum differs. Start the run again in another directory."
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise ResultError for whatever a damaged file leads to: it can fail in any way."""
    try:
        yield
    except ResultError:
        raise
    except FileNotFoundError:
        raise ResultError(f"{path} is missing. Put it back, and resume the run.") from None
    except Exception as error:
        if is_fault(error):  # the file may be sound
            raise
        raise ResultError(
            f"{path} is damaged ({describe_damage(error)}).",
            "Start the run again in another directory.",
        ) from None
