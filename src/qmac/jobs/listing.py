"""The runs and results below a directory, at a glance: nothing is checked in full, and nothing damaged stops the list."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from qmac.errors import OptionError, printable
from qmac.results.writer import ARRAYS, TOP
from qmac.results.writer import HEADER as RESULT
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER as RUN
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import read_last_line
from qmac.storage.lock import LOCK, is_held
from qmac.strategy.description import describe_briefly
from qmac.strategy.grid import ROLES
from qmac.strategy.request import Request

RUNNING, INTERRUPTED, FINISHED, INCOMPLETE, DAMAGED = (
    "running",
    "interrupted",
    "finished",
    "incomplete",
    "damaged",
)


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    path: Path
    state: str
    """``"running"``, ``"interrupted"``, ``"finished"``, ``"incomplete"`` (cells failed everywhere) or ``"damaged"``."""
    asked: str = ""
    objective: str = ""
    symbols: int = 0
    done: int = 0
    """Symbols whose result is there."""
    share: float = math.nan
    """Of the symbol at hand, as the run last said."""
    best: float = math.nan
    """Objective of the best combination of all symbols that are done."""
    combination: tuple[int, ...] | None = None
    symbol: str = ""
    """Whose combination that is."""
    when: float = math.nan
    """Seconds since 1970 of the last sign of life."""
    said: str = ""
    """What ended the run, or what is wrong with the directory."""

    @property
    def date(self) -> str:
        """``when`` on a clock of this place."""
        if math.isnan(self.when):
            return ""
        return datetime.fromtimestamp(self.when, UTC).astimezone().strftime("%Y-%m-%d %H:%M")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {"path": str(self.path), "date": self.date}


def find(directories: Iterable[Path]) -> Iterator[Entry]:
    """Runs and results in and below directories, sorted by path; those within a run belong to it.

    Raises
    ------
    OptionError : a directory that is not there.
    """
    for top in directories:
        top = top.expanduser()
        if not top.is_dir():
            reason = "is a file" if top.exists() else "is not there"
            raise OptionError(f"{top} {reason}. Name directories in which to look for runs.")
        for place, folders, files in os.walk(top):
            if (RUN in files and "prices" in folders) or (
                RESULT in files and not {TOP, ARRAYS}.isdisjoint(files)
            ):
                folders.clear()  # other programs have files of these names too
                yield look_at(Path(place))
            folders[:] = sorted(name for name in folders if not name.startswith("."))


def look_at(path: Path) -> Entry:
    """One directory; damage of any kind is what its entry says."""
    try:
        return _of_run(path) if (path / RUN).exists() else _of_result(path)
    except Exception as error:  # a damaged file can fail in any way
        when = max(
            (file.stat().st_mtime for file in (path / RUN, path / RESULT) if file.exists()),
            default=math.nan,
        )
        words = str(error).removeprefix(f"{path} ").removeprefix(f"{path}/") or type(error).__name__
        return Entry(path, DAMAGED, said=printable(words), when=when)


def _of_run(path: Path) -> Entry:
    directory = RunDirectory.open(path)
    request, line = directory.header.request, read_last_line(path / PROGRESS)
    done = [task for task in directory.tasks if (directory.result(task) / RESULT).exists()]
    held = is_held(path / LOCK)
    if held:
        state, said = RUNNING, "" if line is None or line.status is None else line.summary
    elif len(done) == len(directory.tasks):
        failed = [
            task.name
            for task in done
            if json.loads((directory.result(task) / RESULT).read_bytes()).get("failed")
        ]
        state, said = (
            (INCOMPLETE, f"cells failed of {', '.join(failed)}") if failed else (FINISHED, "")
        )
    elif held is None and line is not None and line.status is not None:  # no lock to ask
        state, said = RUNNING, line.summary
    else:
        state, said = INTERRUPTED, "" if line is None or line.status is not None else line.summary
    best, combination, symbol = _best(directory, done, request)
    return Entry(
        path, state, _describe(request), request.objective, len(directory.tasks), len(done),
        math.nan if line is None or state in (FINISHED, INCOMPLETE) else line.share,
        best, combination, symbol, (path / RUN).stat().st_mtime if line is None else line.time, said,
    )  # fmt: skip


def _of_result(path: Path) -> Entry:
    header = json.loads((path / RESULT).read_bytes())
    request = Request.from_dict(header | {"top": 1})
    best, combination = _first(path, request.objective)
    return Entry(
        path, INCOMPLETE if header.get("failed") else FINISHED, _describe(request), request.objective, 1, 1, math.nan, best, combination,
        str(header["prices"]["name"]), (path / RESULT).stat().st_mtime,
    )  # fmt: skip


def _best(
    directory: RunDirectory, done: list[Task], request: Request
) -> tuple[float, tuple[int, ...] | None, str]:
    firsts = [(*_first(directory.result(task), request.objective), task.name) for task in done]
    known = [first for first in firsts if not math.isnan(first[0])]
    choose = max if request.maximize else min
    return choose(known, key=lambda first: first[0], default=(math.nan, None, ""))


def _first(path: Path, objective: str) -> tuple[float, tuple[int, ...] | None]:
    """Objective and windows of a result's first row."""
    top = pd.read_parquet(path / TOP, columns=[*ROLES, objective])
    if top.empty:
        return math.nan, None
    return float(top[objective].iloc[0]), tuple(int(top[role].iloc[0]) for role in ROLES)


def _describe(request: Request) -> str:
    """Return a request in a short line."""
    return describe_briefly(
        request.objective, request.grid, request.rules, maximize=request.maximize
    )
