"""How far series are that are swept at the same time, by whatever: one status of all of them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from qmac.runtime.monitoring.status import JobProgress, Status
from qmac.runtime.resources.governor import Governor

MOST_SHOWN = 10
"""Series that are shown one by one of those that ended since the last call; others only count."""


class _Elsewhere(NamedTuple):
    """A series that another process sweeps."""

    began: float
    share: float
    best: float = math.nan


class _Ended(NamedTuple):
    """A series that is under way no more."""

    name: str
    last: Status | _Elsewhere | None
    """What was known of it last, if anything."""
    best: float
    is_done: bool


class SeriesProgress:
    """How far series are. Any thread says it; the one that waits shows it.

    Nothing is made of what is said until it is shown.

    Parameters
    ----------
    size : int
        Combinations of each.
    governor : Governor
        Of all sweeps.
    progress : JobProgress
        Knows how far all symbols are.
    """

    def __init__(self, size: int, governor: Governor, progress: JobProgress) -> None:
        self._size = size
        self._governor = governor
        self._progress = progress
        self._under_way: dict[str, Status | _Elsewhere] = {}
        self._first: deque[Status] = deque()
        """First statuses of series that this process sweeps."""
        self._ended: deque[_Ended] = deque()
        """Series that are to be shown for the last time."""
        self._rate = 0.0
        """Of the last one that ended: one that begins has none yet."""
        self._began = time.perf_counter()
        self._done = 0
        """Series."""
        self._shown: tuple[str, float] | None = None
        """Name and best value of the last one of a cluster."""

    @property
    def share(self) -> float:
        """Share of all symbols that is done."""
        return self._progress.share

    def listen(self, status: Status) -> None:
        """Take the status of a series that a thread of this process sweeps.

        Parameters
        ----------
        status : Status
            Of one series.
        """
        if not isinstance(self._under_way.get(status.name), Status):
            self._first.append(status)
        self._under_way[status.name] = status

    def report(self, name: str, share: float) -> None:
        """Take how far a series is that another process sweeps.

        Parameters
        ----------
        name : str
            The series.
        share : float
            0 where it begins.
        """
        known = self._under_way.get(name)
        began = known.began if isinstance(known, _Elsewhere) else time.perf_counter()
        self._under_way[name] = _Elsewhere(began, share)

    def end(self, name: str, best: float = math.nan, *, is_done: bool) -> None:
        """Count a series as under way no more.

        Parameters
        ----------
        name : str
            The series.
        best : float
            Of a series that another process swept.
        is_done : bool
            Whether all that is to be done of it is done.
        """
        last = self._under_way.pop(name, None)
        if isinstance(last, Status):
            best = last.best
        elif last is not None and is_done:
            last = _Elsewhere(last.began, 1.0, best)
        self._ended.append(_Ended(name, last, best, is_done))

    def show(self) -> None:
        """Show series that have ended, then those under way."""
        while self._first:
            first = self._first.popleft()
            self._progress.restore(first.name, first.share)
        memory, ended = self._read_memory(), []
        for name, last, _, _ in self._count_ended():
            if last is not None:
                ended.append(self._describe(name, last, memory))
                self._rate = ended[-1].rate or self._rate
        under_way = list(self._under_way.items())
        statuses = [self._describe(name, known, memory) for name, known in under_way]
        for status in ended:
            self._progress.show_together(statuses, status)
        if statuses:
            self._progress.show_together(statuses)

    def show_nodes(self, waiting: str, nodes: Mapping[str, Any]) -> None:
        """Show series that nodes have ended, or how the nodes are.

        Parameters
        ----------
        waiting : str
            The series that is shown before the first one has ended.
        nodes : mapping
            Readings of the nodes, by name.
        """
        ended = self._count_ended()
        name, best = self._shown or (waiting, math.nan)
        shown = [(one.name, one.best) for one in ended] or [(name, best)]
        share = 0.0 if self._done == 0 else 1.0
        self._shown = shown[-1] if self._done else None
        seconds = time.perf_counter() - self._began
        common = self._read_memory() | {
            "rate": self._size * self._done / max(seconds, 1e-9),
            "threads": sum(node.threads for node in nodes.values()),
            "nodes": {node: asdict(reading) for node, reading in nodes.items()},
        }
        for name, best in shown:
            self._progress.show_together([self._build(name, share, seconds, best, common)])

    def _count_ended(self) -> list[_Ended]:
        """Count what has ended, and return what is to be shown of it."""
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        for name, _, best, is_done in ended:
            if is_done:
                self._done += 1
                self._progress.end(name, best)
        return [one for one in ended[:-MOST_SHOWN] if not one.is_done] + ended[-MOST_SHOWN:]

    def _read_memory(self) -> dict[str, Any]:
        return {"memory": self._governor.memory_used, "limit": self._governor.memory_limit}

    def _describe(self, name: str, known: Status | _Elsewhere, memory: dict[str, Any]) -> Status:
        """Return the status of a series that a thread or a process sweeps."""
        if isinstance(known, Status):
            return known if known.rate else replace(known, rate=self._rate)
        seconds = time.perf_counter() - known.began
        rate = self._size * known.share / max(seconds, 1e-9) or self._rate
        common = memory | {"rate": rate, "threads": 1}
        return self._build(name, known.share, seconds, known.best, common)

    def _build(
        self, name: str, share: float, seconds: float, best: float, common: dict[str, Any]
    ) -> Status:
        done = round(self._size * share)
        return Status(done=done, size=self._size, seconds=seconds, best=best, name=name, **common)
