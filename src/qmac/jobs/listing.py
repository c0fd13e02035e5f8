"""The runs and results below a directory, at a glance.

Headers and best rows are checked as the reader of results does, the large arrays are not read, and
nothing damaged stops the list.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from qmac._checks import check_path
from qmac.errors import OptionError, printable
from qmac.results.outline import OutlineTable
from qmac.results.reader import FORWARD, Place, Summary, read_summary
from qmac.results.writer import ARRAYS, TOP
from qmac.results.writer import HEADER as RESULT
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER as RUN
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import UNKNOWN_ENDS, LogLine, read_last_line
from qmac.storage.files import is_file, look_up, resolve_typed
from qmac.storage.lock import LOCK, is_held
from qmac.strategy.description import describe_briefly
from qmac.strategy.grid import ROLES
from qmac.strategy.request import Request

RUNNING = "running"
INTERRUPTED = "interrupted"
FINISHED = "finished"
INCOMPLETE = "incomplete"
DAMAGED = "damaged"
JSON_NAMES = {"request": "asked", "message": "said"}
"""Names in the JSON of ``qmac runs``, where they are others than those of the fields."""


@dataclass(frozen=True)
class Entry:
    """One line of the list.

    Attributes
    ----------
    path : Path
        The directory.
    state : str
        ``"running"``, ``"interrupted"``, ``"finished"``, ``"incomplete"`` (cells failed on every
        node of a cluster) or ``"damaged"``.
    request : str
        The request in a short line.
    objective : str
        Metric that is ranked by.
    symbols, done : int
        Symbols of the run, and those whose result is there.
    share : float
        Share of the run that is done, of all symbols, as it last wrote.
    best : float
        Objective of the best combination of all symbols that are done.
    combination : tuple of int, optional
        Its windows.
    symbol : str
        Its symbol.
    when : float
        Seconds since 1970 of the last sign of life.
    message : str
        What ended the run, or what is wrong with the directory.
    """

    path: Path
    state: str
    request: str = ""
    objective: str = ""
    symbols: int = 0
    done: int = 0
    share: float = math.nan
    best: float = math.nan
    combination: tuple[int, ...] | None = None
    symbol: str = ""
    when: float = math.nan
    message: str = ""

    @property
    def date(self) -> str:
        """Local time of ``when``, to the minute; empty where it is not known, or no date."""
        try:
            moment = datetime.fromtimestamp(self.when, UTC).astimezone()
        except (ValueError, OverflowError, OSError):  # NaN, or what a damaged log says
            return ""
        return moment.strftime("%Y-%m-%d %H:%M")

    def describe_end(self, last: str) -> str:
        """Return how the run is, from its log and from what lies in its directory.

        Parameters
        ----------
        last : str
            What ``follow`` returned; the log may be missing, or copied from another moment.

        Returns
        -------
        str
            What is wrong with a damaged run, and that a finished one is finished.
        """
        if self.state == DAMAGED:
            return self.message
        is_over = self.state in (FINISHED, INCOMPLETE)
        return self.message or self.state if is_over and last in UNKNOWN_ENDS else last

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            With the names of ``qmac runs --json``.
        """
        values = {JSON_NAMES.get(name, name): value for name, value in vars(self).items()}
        return values | {"path": str(self.path), "date": self.date}


class _State(NamedTuple):
    """How a run is, and what is known of it beside."""

    state: str
    message: str = ""


class _Done(NamedTuple):
    """The results of a run that are there."""

    summaries: dict[Task, Summary]
    errors: list[Exception]
    """Why others are none of it."""


class _Best(NamedTuple):
    """The best combination of a run or result."""

    value: float = math.nan
    combination: tuple[int, ...] | None = None
    symbol: str = ""


def find(directories: Iterable[Path]) -> Iterator[Entry]:
    """Yield the runs and results in and below directories.

    Results within a run belong to it.

    Parameters
    ----------
    directories : iterable of Path
        Where to look.

    Yields
    ------
    Entry
        Sorted by path below each directory.

    Raises
    ------
    OptionError
        If a directory does not exist.
    """
    for directory in directories:
        root = check_path("DIR", directory)
        if not root.is_dir():
            reason = "is a file" if root.exists() else "does not exist"
            raise OptionError(f"{root} {reason}. Name directories in which to look for runs.")
        for place, folders, files in os.walk(resolve_typed(root)):
            if _is_entry(folders, files):
                folders.clear()
                yield describe_directory(Path(place))
            folders[:] = sorted(name for name in folders if not name.startswith("."))


def _is_entry(folders: list[str], files: list[str]) -> bool:
    """Whether a directory is a run or a result: other programs have files of these names too."""
    is_run = RUN in files and "prices" in folders
    is_result = RESULT in files and not {TOP, ARRAYS}.isdisjoint(files)
    return is_run or is_result


def describe_directory(path: Path) -> Entry:
    """Return the entry of one run or result.

    Parameters
    ----------
    path : Path
        Its directory.

    Returns
    -------
    Entry
        Damage of any kind is a state of its own.
    """
    try:
        is_run = look_up(path / RUN) is not None
        return _describe_run(path) if is_run else _describe_result(path)
    except Exception as error:  # a damaged file can fail in any way
        return Entry(path, DAMAGED, message=_describe_error(path, error), when=_read_time(path))


def _describe_error(path: Path, error: Exception) -> str:
    """Return what is wrong with a directory, which the line names already."""
    text = str(error).removeprefix(f"{path} ").removeprefix(f"{path}/")
    return printable(text or type(error).__name__)


def _read_time(path: Path) -> float:
    """Return when the header of a run or result was written; NaN if there is none."""
    statuses = [look_up(file) for file in (path / RUN, path / RESULT) if is_file(file)]
    return max((status.st_mtime for status in statuses if status), default=math.nan)


def _describe_run(path: Path) -> Entry:
    directory = RunDirectory.open(path)
    if directory.header.folds is not None:
        return _describe_walk(directory)
    request = directory.header.request
    done = _read_done(directory)
    line = read_last_line(path / PROGRESS)
    state = _find_state(directory, done, line)
    is_over = state.state in (FINISHED, INCOMPLETE, DAMAGED)
    best = _find_best(done, request)
    return Entry(
        path=path,
        state=state.state,
        request=_describe_request(request),
        objective=request.objective,
        symbols=len(directory.tasks),
        done=len(done.summaries),
        share=math.nan if line is None or is_over else line.share,
        best=best.value,
        combination=best.combination,
        symbol=best.symbol,
        when=_read_time(path) if line is None else line.time,
        message=state.message,
    )


def _describe_walk(directory: RunDirectory) -> Entry:
    """Return the entry of a walk-forward, which has no best combination of all bars."""
    path, request = directory.path, directory.header.request
    done = sum(is_file(directory.forward(task) / FORWARD) for task in directory.tasks)
    line = read_last_line(path / PROGRESS)
    says_running = line is not None and line.status is not None
    if is_held(path / LOCK):
        state = RUNNING
    else:  # symbols without a whole fold are left out, so not all need be done
        has_ended = line is not None and line.summary == FINISHED
        state = FINISHED if done == len(directory.tasks) or (done and has_ended) else INTERRUPTED
    return Entry(
        path=path,
        state=state,
        request=f"walk-forward, {_describe_request(request)}",
        objective=request.objective,
        symbols=len(directory.tasks),
        done=done,
        share=math.nan if line is None or state == FINISHED else line.share,
        when=_read_time(path) if line is None else line.time,
        message="" if line is None or says_running or state == FINISHED else line.summary,
    )


def _read_done(directory: RunDirectory) -> _Done:
    """Return the results of a run, but those that are damaged or answer something else."""
    summaries, errors, table = {}, [], OutlineTable(directory)
    for task in directory.tasks:
        place = directory.result(task)
        if look_up(place / RESULT) is not None:
            try:
                outline, request = table.find(task), directory.header.request
                summaries[task] = (
                    read_summary(place, Place(directory, task))
                    if outline is None
                    else Summary({"failed": outline.failed}, request, outline.best)
                )
            except Exception as error:  # a damaged file can fail in any way
                errors.append(error)
    return _Done(summaries, errors)


def _find_state(directory: RunDirectory, done: _Done, line: LogLine | None) -> _State:
    """Return the state of a run, from its lock, its results and the last line of its log."""
    is_locked = is_held(directory.path / LOCK)
    summary = "" if line is None else line.summary
    says_running = line is not None and line.status is not None
    if is_locked:
        return _State(RUNNING, summary if says_running else "")
    if done.errors:
        return _State(DAMAGED, _describe_error(directory.path, done.errors[0]))
    if len(done.summaries) == len(directory.tasks):
        failed = [task.name for task, one in done.summaries.items() if one.header["failed"]]
        if failed:
            return _State(INCOMPLETE, f"cells failed of {', '.join(failed)}")
        return _State(FINISHED)
    if is_locked is None and says_running:  # a file system without locks
        return _State(RUNNING, summary)
    return _State(INTERRUPTED, "" if says_running else summary)


def _describe_result(path: Path) -> Entry:
    summary = read_summary(path)
    header, request = summary.header, summary.request
    best = _read_best(summary, str(header["prices"]["name"]))
    return Entry(
        path=path,
        state=INCOMPLETE if header["failed"] else FINISHED,
        request=_describe_request(request),
        objective=request.objective,
        symbols=1,
        done=1,
        best=best.value,
        combination=best.combination,
        symbol=best.symbol,
        when=_read_time(path),
    )


def _find_best(done: _Done, request: Request) -> _Best:
    """Return the best of the tasks that are done; the first of equal ones."""
    bests = [_read_best(summary, task.symbol) for task, summary in done.summaries.items()]
    choose = max if request.maximize else min
    numbers = [best for best in bests if not math.isnan(best.value)]
    return choose(numbers, key=lambda best: best.value, default=_Best())


def _read_best(summary: Summary, symbol: str) -> _Best:
    """Return the first row of a result."""
    row = summary.best
    if row is None:
        return _Best(symbol=symbol)
    windows = tuple(int(row[role]) for role in ROLES)
    return _Best(float(row[summary.request.objective]), windows, symbol)


def _describe_request(request: Request) -> str:
    return describe_briefly(
        request.objective, request.grid, request.rules, maximize=request.maximize
    )
