"""What a run says while it runs: combinations done, rate, time left, best so far."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO

from qmac.errors import printable
from qmac.run.files import write_whole
from qmac.run.lock import LOCK, is_held

GONE = "its process is gone"
START_SECONDS = 2.0  # from a directory to the lock in it
LINE_SECONDS = 2.0
LOG_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
"""In which the last line is looked for."""
SILENT_SECONDS = 30.0
LEAST_BAR = 18
"""Columns of a terminal for the bar and the share; as much is said beside it as there is room for."""
POLL_SECONDS = 0.5


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
    finishing: float | None = None  # once all is swept, the share of the best rows that are replayed
    reason: str = ""  # why the level is not normal
    job_done: float | None = None  # share of all symbols, by their bars; None where there is one
    job_left: float | None = None  # seconds to go on all of them, at the speed of this process so far

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
        odd = [(level, why) for level, why in levels if level not in ("", "normal") and not level.endswith(" normal")]
        return [f"{level} ({why})" if why else level for level, why in odd]

    @property
    def words(self) -> list[str]:
        """What is said beside the share that is done, but for the best score and trouble; what matters most comes first."""
        memory = f"{self.memory / 2**20:,.0f} MiB" + (f" of {self.limit / 2**20:,.0f}" if self.limit else "")
        count = len(self.nodes or ())
        where = "" if self.nodes is None else f" on {count} node{'s' * (count != 1)}"
        left = f"{duration(self.left if self.job_left is None else self.job_left)} left"
        return [
            *([left] if self.finishing is None or self.job_left is not None else []),
            millions(self.rate) if self.finishing is None else f"finishing {self.finishing:.0%}",
            memory,
            f"{self.threads} thread{'s' * (self.threads != 1)}{where}",
        ]

    @property
    def text(self) -> str:
        """All of it."""
        return "  ".join([*self.trouble, *self.words])


Listener = Callable[[Status], None]


def both(first: Listener, second: Listener | None) -> Listener:
    """Tell two listeners, or the first alone."""
    if second is None:
        return first

    def tell(status: Status) -> None:
        first(status)
        second(status)

    return tell


class Parts:
    """A listener to the symbols of a job, one after the other: ``weights`` say how much work each is."""

    def __init__(self, listener: Listener, weights: Mapping[str, float]) -> None:
        self._listener, self._weights, self._all = listener, weights, math.fsum(weights.values())
        self._part, self._behind, self._began = 0, 0.0, 0.0
        self._first: float | None = None  # share of the job that was done before this process did any

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


class Lines:
    """Plain lines every few seconds, for pipes and logs."""

    def __init__(self, shown: Callable[[float], str], stream: TextIO | None = None) -> None:
        self._shown, self._stream, self._next = shown, stream or sys.stderr, time.monotonic() + LINE_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __call__(self, status: Status) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        where = f"{status.done:,} of {status.size:,}"
        if status.parts > 1:
            where = f"{shortened(status.name)} ({status.part} of {status.parts}) {status.done / status.size:.0%}"
        print(
            f"{status.share:6.1%}  {where}  best {self._shown(status.best)}  {status.text}",
            file=self._stream,
            flush=True,
        )


class Bar:
    """A bar on a terminal."""

    def __init__(self, shown: Callable[[float], str], console: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._shown = shown
        self._progress = Progress(
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("sweep", total=1.0, state="preparing")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self, status: Status) -> None:
        left, *others = status.words
        symbol = [f"{shortened(status.name)} ({status.part}/{status.parts})"] if status.parts > 1 else []
        words = [*status.trouble, *symbol, f"best {self._shown(status.best)}", left, *others]
        room = self._progress.console.width - LEAST_BAR
        while len(words) > 1 and len("  ".join(words)) > room:
            words.pop()
        self._progress.update(self._task, completed=status.share, state=shortened("  ".join(words), room))


class Log:
    """A line of JSON every few seconds in a run's directory, for ``follow`` and for programs; bounded in size."""

    def __init__(self, path: Path) -> None:
        self._path, self._next = path, 0.0
        self._last: Status | None = None

    def __call__(self, status: Status) -> None:
        now, self._last = time.monotonic(), status
        if now >= self._next:
            self._next = now + LINE_SECONDS
            self.write({"state": "running", **asdict(status)})

    def end(self, state: str) -> None:
        """How the run ended, and how far it was."""
        last = self._last
        told = ("done", "size", "finishing", "job_done")
        how = {} if last is None else {name: getattr(last, name) for name in told}
        self.write({"state": state, **how})

    def write(self, line: dict[str, Any]) -> None:
        """Add a line; a full disk is no reason to stop."""
        plain = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in line.items()
        }
        text = json.dumps({"time": round(time.time(), 3), **plain}) + "\n"
        try:
            if self._path.exists() and self._path.stat().st_size > LOG_BYTES:
                newer = self._path.read_bytes()[-LOG_BYTES // 2 :]
                write_whole(self._path, [newer.partition(b"\n")[2]])
            with self._path.open("a+b") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                torn = file.read() not in (b"", b"\n")  # half a line, of a process that was killed
                file.write(b"\n" * torn + text.encode())
        except OSError:
            pass


def follow(path: Path, listener: Listener, *, once: bool = False) -> str:
    """Show the lines of a ``Log`` as they come, until the run ends; returns how it did, or with ``once``, how it does.

    The lock beside the log says at once whether its process lives; where it cannot be asked, silence has to do.
    """
    shown, began = None, time.time()
    while True:
        held = is_held(path.with_name(LOCK))
        line = last_line(path)  # after the lock: what a process said before it let go is seen
        if line is not None and line.status is not None and line != shown:
            shown = line
            listener(line.status)
        if once:
            return _now(line, held)
        if line is not None and line.status is None and not held:  # held: it goes on, and has not said so yet
            return line.words
        silent = time.time() - (began if line is None else line.time) > SILENT_SECONDS
        if held is False and (line is not None or time.time() - began > START_SECONDS):
            return GONE
        if silent and not held:
            return f"nothing was heard of it for {SILENT_SECONDS:.0f} s: its process may be gone"
        time.sleep(POLL_SECONDS)


def _now(line: Line | None, held: bool | None) -> str:
    """How a run does."""
    if line is None:
        return "no line yet"
    return GONE if line.status is not None and held is False else line.words


class Line(NamedTuple):
    """Of a ``Log``."""

    time: float
    words: str
    status: Status | None  # None when the run has ended
    share: float = math.nan  # of the symbol at hand


def last_line(path: Path) -> Line | None:
    """The last one that is whole."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            texts = file.read().splitlines()
    except OSError:
        return None
    for text in reversed(texts):
        with suppress(Exception):  # a damaged line can fail in any way
            return _line_of(json.loads(text))
    return None


def _line_of(line: dict[str, Any]) -> Line:
    state, moment = printable(line["state"]), float(line["time"])
    if state != "running":
        share = line["done"] / line["size"] if "size" in line else math.nan
        job = line.get("job_done")
        where = " while finishing" if line.get("finishing") is not None else f" at {share if job is None else job:.1%}"
        where = "" if state != "interrupted" or math.isnan(share) else where
        return Line(moment, f"{state}{where}", None, share)
    known = {key: line[key] for key in Status.__dataclass_fields__ if key in line}
    numbers = {key: math.nan if known[key] is None else float(known[key]) for key in ("best", "rate", "seconds")}
    status = Status(**known | numbers)
    share = status.done / status.size
    now = f"{state}, {status.share:.1%} done"
    if status.parts > 1:
        now += f", {shortened(status.name)} ({status.part} of {status.parts}) {share:.0%}"
    elif status.finishing is not None:
        now = "all is swept"
    return Line(moment, f"{now}  {status.text}", status, share)


def duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"``, ``"3 h 20 min"``; ``"?"`` where it is not known."""
    if not math.isfinite(seconds):
        return "? s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60:,} h {minutes % 60} min"


def shortened(name: str, most: int = 16) -> str:
    """A symbol's name where columns are few: the file it comes from may have 200 characters.

    >>> shortened("SPY"), shortened("a name that goes on and on")
    ('SPY', 'a name that goe…')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def millions(rate: float) -> str:
    return f"{rate / 1e6:,.0f} million/s" if rate >= 1e7 else f"{rate / 1e6:,.2f} million/s"
