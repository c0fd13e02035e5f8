"""A moment of a run, and those who listen to it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Status:
    """A moment of a run."""

    done: int  # combinations, by the share of the work that is behind
    size: int
    seconds: float
    best: float  # objective of the best so far, NaN before the first
    memory: int  # bytes that the process holds
    rate: float  # combinations a second
    name: str = ""  # of the symbol
    part: int = 1  # the how manieth symbol
    parts: int = 1
    threads: int = 0  # active
    level: str = "normal"  # of the governor
    limit: int | None = None  # bytes that may be used
    nodes: dict[str, dict[str, Any]] | None = None  # of a cluster, see ``run.node.NodeReading``
    finishing: float | None = (
        None  # once all is swept, the share of the best rows that are replayed
    )
    reason: str = ""  # why the level is not normal
    job_done: float | None = None  # share of all symbols, by their bars; None where there is one
    job_left: float | None = (
        None  # seconds to go on all of them, at the speed of this process so far
    )

    @property
    def left(self) -> float:
        """Seconds to go at the present rate, on this symbol."""
        return (self.size - self.done) / self.rate if self.rate > 0 else math.inf

    @property
    def share(self) -> float:
        """What is done of the job, of all symbols where there are many."""
        return self.done / self.size if self.job_done is None else self.job_done

    @property
    def trouble(self) -> list[str]:
        """The governor's level and why, of nodes too, where it is not the normal one."""
        levels = [(self.level, self.reason.partition(";")[0])]
        levels += [(f"{name} {node.get('level')}", "") for name, node in (self.nodes or {}).items()]
        odd = [
            (level, why)
            for level, why in levels
            if level not in ("", "normal") and not level.endswith(" normal")
        ]
        return [f"{level} ({why})" if why else level for level, why in odd]

    @property
    def words(self) -> list[str]:
        """What is said beside the share that is done, but for the best score and trouble; what matters most comes first."""
        memory = f"{self.memory / 2**20:,.0f} MiB" + (
            f" of {self.limit / 2**20:,.0f}" if self.limit else ""
        )
        count = len(self.nodes or ())
        where = "" if self.nodes is None else f" on {count} node{'s' * (count != 1)}"
        left = f"{format_duration(self.left if self.job_left is None else self.job_left)} left"
        return [
            *([left] if self.finishing is None or self.job_left is not None else []),
            format_rate(self.rate) if self.finishing is None else f"finishing {self.finishing:.0%}",
            memory,
            f"{self.threads} thread{'s' * (self.threads != 1)}{where}",
        ]

    @property
    def text(self) -> str:
        """All of it."""
        return "  ".join([*self.trouble, *self.words])


Listener = Callable[[Status], None]


def join_listeners(first: Listener, second: Listener | None) -> Listener:
    """Tell two listeners, or the first alone."""
    if second is None:
        return first

    def tell(status: Status) -> None:
        first(status)
        second(status)

    return tell


class JobProgress:
    """A listener to the symbols of a job, one after the other: ``weights`` say how much work each is."""

    def __init__(self, listener: Listener, weights: Mapping[str, float]) -> None:
        self._listener, self._weights, self._all = listener, weights, math.fsum(weights.values())
        self._part, self._behind, self._began = 0, 0.0, 0.0
        self._first: float | None = (
            None  # share of the job that was done before this process did any
        )

    def next(self, name: str) -> None:
        """What is said from here on is of this symbol; those before it are done."""
        names = list(self._weights)
        self._part = names.index(name) + 1
        self._behind = math.fsum(self._weights[before] for before in names[: self._part - 1])

    def __call__(self, status: Status) -> None:
        parts, now = len(self._weights), time.monotonic()
        if parts == 1:
            self._listener(status)
            return
        own = list(self._weights.values())[self._part - 1] * status.done / status.size
        share = (self._behind + own) / self._all
        if self._first is None:
            self._first, self._began = share, now
        speed = (share - self._first) / max(now - self._began, 1e-9)
        left = (1 - share) / speed if speed > 0 else math.inf
        self._listener(replace(status, part=self._part, parts=parts, job_done=share, job_left=left))


def format_duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"``, ``"3 h 20 min"``; ``"?"`` where it is not known."""
    if not math.isfinite(seconds):
        return "? s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60:,} h {minutes % 60} min"


def shorten(name: str, most: int = 16) -> str:
    """A symbol's name where columns are few: the file it comes from may have 200 characters.

    >>> shorten("SPY"), shorten("a name that goes on and on")
    ('SPY', 'a name that goe…')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def format_rate(rate: float) -> str:
    return f"{rate / 1e6:,.0f} million/s" if rate >= 1e7 else f"{rate / 1e6:,.2f} million/s"
