"""The status of a run at one moment, in numbers and in words, and listeners to it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qmac.errors import warn

NORMAL = "normal"
"""Level of a governor that changes nothing."""
PART = r"(.*) (\d{4}-\d\d-\d\d.*) to (\d{4}-\d\d-\d\d.*)"
"""Name of a part of a series, as ``runs.tasks.Task`` writes it."""
DATE_CHARACTERS = 16
"""Of a date with a time, up to the minute."""
SHORT_NAME_CHARACTERS = 16
"""Of a symbol where columns are few: the file that it comes from may have 200."""
WHOLE_RATE = 1e7
"""Combinations a second from which on a rate is shown without decimals."""
MIB = 2**20


@dataclass(frozen=True)
class Status:
    """A run at one moment; the fields are those of a line of ``progress.jsonl``."""

    done: int
    """Combinations, by the share of the work that is done."""
    size: int
    """Combinations of the symbol's grid."""
    seconds: float
    """Time on this symbol."""
    best: float
    """Objective of the best combination so far, NaN before the first."""
    memory: int
    """Bytes in use."""
    rate: float
    """Combinations a second."""
    name: str = ""
    """Symbol."""
    part: int = 1
    """Place of the symbol in the job, from 1."""
    parts: int = 1
    """Symbols of the job."""
    threads: int = 0
    """Active threads."""
    level: str = NORMAL
    """Level of the governor."""
    limit: int | None = None
    """Bytes that may be used."""
    nodes: dict[str, dict[str, Any]] | None = None
    """Readings of a cluster's nodes, see ``runtime.cluster.node.NodeReading``."""
    finishing: float | None = None
    """Once all is swept, the share of the best rows that are replayed."""
    reason: str = ""
    """Why the level is not normal."""
    job_done: float | None = None
    """Share of all symbols that is done, by their bars; None where there is one symbol."""
    job_left: float | None = None
    """Seconds to go on all of them, at the speed of this process so far."""
    symbols_done: int | None = None
    """Symbols that are done, where several are swept side by side; else None."""
    job_best: float | None = None
    """The best of all of these, as far as this process has seen."""
    markets_done: int | None = None
    """Random markets on which the whole grid is swept already; None where there are none."""
    markets: int | None = None
    """Random markets at most: counting may end early."""

    @property
    def left(self) -> float:
        """Seconds to go on this symbol at the present rate."""
        return (self.size - self.done) / self.rate if self.rate > 0 else math.inf

    @property
    def share(self) -> float:
        """Share of the job that is done, of all symbols where there are many."""
        return self.done / self.size if self.job_done is None else self.job_done

    @property
    def place(self) -> str:
        """How far it is in what people count: combinations, random markets, or symbols."""
        if self.parts == 1 and self.markets is not None:
            return f"{self.markets_done:,} of {self.markets:,} random markets"
        if self.parts == 1:
            return f"{self.done:,} of {self.size:,} combinations"
        if self.symbols_done is not None:
            return f"{self.symbols_done:,} of {self.parts:,} done"
        share = self.done / self.size
        return f"{shorten_name(self.name)} ({self.part} of {self.parts}) {share:.0%}"

    @property
    def shown_best(self) -> float:
        """Best of the symbol, or of all where several are swept side by side."""
        return self.best if self.job_best is None else self.job_best

    @property
    def alerts(self) -> list[str]:
        """Levels that are not normal, of the governor with its reason, and of nodes."""
        alerts = []
        if self.level not in ("", NORMAL):
            why = self.reason.partition(";")[0]
            alerts.append(f"{self.level} ({why})" if why else self.level)
        for name, node in (self.nodes or {}).items():
            level = node.get("level")
            if level != NORMAL:
                alerts.append(f"{name} {level}")
        return alerts

    @property
    def trouble(self) -> list[str]:
        """Former name of ``alerts``, for listeners of version 0.1."""
        warn("Status.trouble is called alerts now.", DeprecationWarning, stacklevel=2)
        return self.alerts

    @property
    def words(self) -> list[str]:
        """Former name of ``figures``, for listeners of version 0.1."""
        warn("Status.words is called figures now.", DeprecationWarning, stacklevel=2)
        return self.figures

    @property
    def figures(self) -> list[str]:
        """What is shown beside share, best score and alerts; what matters most comes first.

        A time and a speed that are not known yet are left out.
        """
        figures = []
        is_sweeping = self.finishing is None
        if is_sweeping or self.job_left is not None:
            seconds = self.left if self.job_left is None else self.job_left
            if math.isfinite(seconds):
                figures.append(f"{format_duration(seconds)} left")
        if self.finishing is None:
            if self.rate > 0:
                figures.append(format_rate(self.rate))
        else:
            figures.append(f"finishing {self.finishing:.0%}")
        return [*figures, self._memory_text, self._threads_text]

    @property
    def _memory_text(self) -> str:
        limit = f" of {self.limit / MIB:,.0f}" if self.limit else ""
        return f"{self.memory / MIB:,.0f} MiB{limit}"

    @property
    def _threads_text(self) -> str:
        threads = _count(self.threads, "thread")
        if self.nodes is None:
            return threads
        return f"{threads} on {_count(len(self.nodes), 'node')}"

    @property
    def text(self) -> str:
        """Alerts and figures on one line."""
        return "  ".join([*self.alerts, *self.figures])


Listener = Callable[[Status], None]


def join_listeners(first: Listener, second: Listener | None) -> Listener:
    """Return a listener that passes each status to two others.

    Parameters
    ----------
    first : callable
        Called first.
    second : callable or None
        Called second, if there is one.

    Returns
    -------
    callable
        ``first`` itself if it is alone.
    """
    if second is None:
        return first

    def listen(status: Status) -> None:
        first(status)
        second(status)

    return listen


class JobProgress:
    """A listener to the symbols of a job that adds how far all of it is. One thread calls it.

    Parameters
    ----------
    listener : callable
        Gets each status, with ``part``, ``parts``, ``job_done`` and ``job_left``.
    weights : dict
        How much work each symbol is, in the order in which they are swept.
    maximize : bool, default True
        Whether the best of all symbols is the largest.
    """

    def __init__(
        self, listener: Listener, weights: Mapping[str, float], *, maximize: bool = True
    ) -> None:
        self._listener = listener
        self._choose = max if maximize else min
        self._best = math.nan
        """Of the symbols that were shown together."""
        self._names = list(weights)
        self._weights = weights
        self._total = math.fsum(weights.values())
        self._shares: dict[str, float] = {}
        """Of symbols that were shown, and are not done."""
        self._done: set[str] = set()
        """Symbols of which all is done, and their weight."""
        self._done_weight = 0.0
        self._restored_weight = 0.0
        """What other processes did of symbols that are swept side by side."""
        self._ended: set[str] = set()
        self._place = 0
        self._began = 0.0
        self._first_share: float | None = None  # done before this process did any

    def begin(self, name: str) -> None:
        """Take what follows as the status of a symbol; those before it are done.

        Parameters
        ----------
        name : str
            The symbol.
        """
        self._place = self._names.index(name)
        for before in self._names[: self._place]:
            self._count(before, 1.0)

    def restore(self, name: str, share: float) -> None:
        """Count a share of a symbol as done before this process did any of it.

        Parameters
        ----------
        name : str
            The symbol, at its first status in this process.
        share : float
            Of its snapshot; 0 where there is none.
        """
        self._restored_weight += self._weights[name] * share

    def end(self, name: str, best: float = math.nan) -> None:
        """Count a symbol as done, whatever its place.

        Parameters
        ----------
        name : str
            The symbol.
        best : float, optional
            Of the symbol, where no status says it.
        """
        self._count(name, 1.0)
        self._ended.add(name)
        self._take_best(best)

    def _take_best(self, best: float) -> None:
        if not math.isnan(best):
            known = () if math.isnan(self._best) else (self._best,)
            self._best = self._choose((best, *known))

    def show_together(self, statuses: Sequence[Status], ended: Status | None = None) -> None:
        """Pass on one status of symbols that are swept side by side.

        Its place is that after the symbols that are done: they end in another order than that of
        the job. It says how many are done, and the best of all.

        Parameters
        ----------
        statuses : sequence of Status
            The last one of each under way.
        ended : Status, optional
            The last one of a symbol that has ended. It is shown in place of the first of the
            others, with their rate and threads, or its own where there are none.
        """
        shown = ended or statuses[0]
        for status in (shown, *statuses):
            self._count(status.name, status.share)
            self._take_best(status.best)
        active = statuses or [shown]
        rate = math.fsum(status.rate for status in active)
        threads = sum(status.threads for status in active)
        others = len(self._ended) - (shown.name in self._ended)
        together = replace(shown, rate=rate, threads=threads)
        if len(self._names) > 1:
            together = replace(together, symbols_done=len(self._ended), job_best=self._best)
        self._pass_on(together, others)

    def __call__(self, status: Status) -> None:
        """Pass a status on."""
        self._count(self._names[self._place], status.share)
        self._pass_on(status, self._place)

    @property
    def share(self) -> float:
        """Share of all symbols that is done, by their weights."""
        if len(self._done) == len(self._names):
            return 1.0
        under_way = (self._weights[name] * share for name, share in self._shares.items())
        return (self._done_weight + math.fsum(under_way)) / self._total

    def _count(self, name: str, share: float) -> None:
        """Count so much of a symbol as done; of thousands, only a few are under way."""
        if name in self._done:
            self._done.remove(name)
            self._done_weight -= self._weights[name]
        self._shares.pop(name, None)
        if share == 1:
            self._done.add(name)
            self._done_weight += self._weights[name]
        else:
            self._shares[name] = share

    def _pass_on(self, status: Status, place: int) -> None:
        """Add to a status how far all symbols are."""
        if len(self._names) == 1:
            self._listener(status)
            return
        now, share = time.monotonic(), self.share
        done_here = share - self._restored_weight / self._total
        if self._first_share is None:
            self._first_share, self._began = done_here, now
        speed = (done_here - self._first_share) / max(now - self._began, 1e-9)
        left = (1 - share) / speed if speed > 0 else math.inf
        part, parts = place + 1, len(self._names)
        self._listener(replace(status, part=part, parts=parts, job_done=share, job_left=left))


def format_duration(seconds: float) -> str:
    """Return a time in words.

    Parameters
    ----------
    seconds : float
        May be infinite or undefined.

    Returns
    -------
    str
        Such as ``"45 s"``, ``"12 min"`` or ``"3 h 20 min"``; ``"? s"`` where it is not finite.
    """
    if not math.isfinite(seconds):
        return "? s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60} min"


def format_rate(rate: float) -> str:
    """Return a speed in words.

    Parameters
    ----------
    rate : float
        Combinations a second.

    Returns
    -------
    str
        Such as ``"1,300 million/s"``.
    """
    decimals = 0 if rate >= WHOLE_RATE else 2
    return f"{rate / 1e6:,.{decimals}f} million/s"


def shorten(name: str, most: int = SHORT_NAME_CHARACTERS) -> str:
    """Return a name with its end cut off where it is too long.

    Parameters
    ----------
    name : str
        A symbol.
    most : int
        Characters.

    Returns
    -------
    str
        At most that long.

    Examples
    --------
    >>> shorten("SPY"), shorten("a name that goes on and on")
    ('SPY', 'a name that goe…')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def shorten_name(name: str) -> str:
    """Return the name of what is swept with its symbol cut off, and not the dates after it.

    Parameters
    ----------
    name : str
        A symbol, or a symbol and the first and last date of a part.

    Returns
    -------
    str
        Times up to the minute.

    Examples
    --------
    >>> shorten_name("a name that goes on 2001-01-02 to 2005-12-30")
    'a name that goe… 2001-01-02 to 2005-12-30'
    """
    part = re.fullmatch(PART, name)
    if part is None:
        return shorten(name)
    first, last = (date[:DATE_CHARACTERS] for date in part.groups()[1:])
    return f"{shorten(part[1])} {first} to {last}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
