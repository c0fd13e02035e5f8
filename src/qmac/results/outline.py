"""What lists of many symbols show of each result, in one file of a run.

A result of a run is three files, and to read and check them takes 10 ms: seconds for 500 symbols,
of which a list shows a line each. So a run has a table of these lines as well. A line counts only
while the files of its result have the sizes and times that they had when it was written; any other
result is read in full.
"""

from __future__ import annotations

import functools
import json
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from qmac.engine.sweep.distribution import Distribution
from qmac.errors import InputError
from qmac.results.header import check_outline
from qmac.results.result import Result, find_best_row
from qmac.results.writer import ARRAYS, HEADER, TOP
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.storage.files import look_up, read_bytes
from qmac.storage.json_text import compute_checksum
from qmac.storage.lines import append_line
from qmac.strategy.objective import compute_score

OUTLINES = "results.jsonl"
"""The table of a run."""
MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Outline:
    """A result in a line, without its rows, maps and histogram."""

    best: dict[str, float] | None
    """The first row: windows and metrics; None if nothing was scored."""
    hold: dict[str, float]
    """Metrics of buy & hold."""
    prices: dict[str, Any]
    """See ``Result.prices``."""
    failed: list[dict[str, Any]]
    """See ``Result.failed``."""
    digest: str
    median: float
    """Of the objective over all scored combinations; NaN, as those below, where there is none."""
    share_positive: float
    share_better_than_hold: float
    sigmas: float
    """Standard deviations from the mean to the winner, negative where the lowest is the best."""
    elapsed: float
    """Seconds that the sweep took."""
    threads: int
    """That swept."""

    @classmethod
    def from_result(cls, result: Result) -> Self:
        """Return the outline of a result.

        Parameters
        ----------
        result : Result
            Any result.

        Returns
        -------
        Outline
            What ``Results.winners`` and the page of many symbols show.
        """
        distribution, sigmas = result.distribution, math.nan
        if result.scored and distribution.score_std > 0:
            distance = float(result.top_scores[0]) - distribution.score_mean
            sigmas = distance / distribution.score_std
        return cls(
            best=find_best_row(result),
            hold=dict(result.hold),
            prices=dict(result.prices),
            failed=list(result.failed),
            digest=result.digest,
            median=distribution.quantile(0.5) if result.scored else math.nan,
            share_positive=distribution.share_positive,
            share_better_than_hold=compute_share_better(
                distribution, result.hold[result.objective]
            ),
            sigmas=sigmas,
            elapsed=result.elapsed,
            threads=result.threads,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return an outline from plain values, which may come from an untrusted file.

        Parameters
        ----------
        values : mapping
            The fields by name.

        Returns
        -------
        Outline
            Checked.

        Raises
        ------
        OptionError
            If an entry is missing or has another type.
        """
        check_outline(values)
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


def compute_share_better(distribution: Distribution, value: float) -> float:
    """Return the share of the combinations that are better than a value of the objective.

    Parameters
    ----------
    distribution : Distribution
        Histogram of a run.
    value : float
        Value of the objective.

    Returns
    -------
    float
        Within one bin of the histogram; NaN if the value is not finite or nothing was scored.
    """
    objective = distribution.objective
    if not math.isfinite(value) or not distribution.scored:
        return math.nan
    below = distribution.share_below(compute_score(objective.metric, value, objective.years))
    return 1 - below if objective.maximize else below


class OutlineTable:
    """The outlines of the results of a run.

    Parameters
    ----------
    directory : RunDirectory
        The run.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._path = directory.path / OUTLINES
        self._lines: dict[str, dict[str, Any]] | None = None
        self._lock = threading.Lock()

    @functools.cached_property
    def _run(self) -> str:
        """Checksum of all that the results of the run answer, and of all prices."""
        return str(self._directory.header.to_dict()["checksum"])

    def add(self, task: Task, outline: Outline) -> None:
        """Add the outline of a result whose files are in their place.

        A full disk is no reason to stop: the result will be read in full.

        Parameters
        ----------
        task : Task
            Whose result.
        outline : Outline
            Of it.
        """
        line = {
            "key": task.key,
            "run": self._run,
            "files": self._look_up(task),
            "outline": vars(outline),
        }
        line["checksum"] = compute_checksum(line)
        with suppress(OSError), self._lock:
            append_line(self._path, json.dumps(line).encode())

    def find(self, task: Task) -> Outline | None:
        """Return the outline of a result.

        Parameters
        ----------
        task : Task
            Whose result.

        Returns
        -------
        Outline or None
            None if there is none, or the files have changed since it was written.
        """
        if self._lines is None:
            self._lines = self._read()
        line = self._lines.get(task.key)
        if line is None or line["files"] != self._look_up(task):
            return None
        try:
            is_sound = compute_checksum(line) == line["checksum"]
            is_of_run = line["run"] == self._run
            return Outline.from_dict(line["outline"]) if is_sound and is_of_run else None
        except (InputError, KeyError, TypeError):
            return None

    def _look_up(self, task: Task) -> list[list[int] | None]:
        """Return size and time of each file of a result."""
        place = self._directory.result(task)
        statuses = (look_up(place / name) for name in (HEADER, TOP, ARRAYS))
        return [status and [status.st_size, status.st_mtime_ns] for status in statuses]

    def _read(self) -> dict[str, dict[str, Any]]:
        """Return the lines by key, the last one of each; a line that was torn is left out."""
        lines: dict[str, dict[str, Any]] = {}
        try:
            content = read_bytes(self._path, MOST_BYTES)
        except (OSError, InputError):
            return lines
        for text in content.splitlines():
            with suppress(ValueError, RecursionError, TypeError, KeyError):
                line = json.loads(text)
                lines[str(line["key"])] = dict(line) | {"files": line["files"]}
        return lines
