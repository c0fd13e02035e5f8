"""What a run says while it runs: combinations done, rate, time left, best so far."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TextIO

import psutil

from qmac.kernels.tally import Tally
from qmac.objective import Objective

LINE_SECONDS = 2.0


@dataclass(frozen=True)
class Status:
    """A moment of a run."""

    done: int  # combinations evaluated
    size: int
    seconds: float
    best: float  # objective of the best so far, NaN before the first
    memory: int  # bytes that the process holds

    @property
    def rate(self) -> float:
        """Combinations per second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float:
        """Seconds to go at the present rate."""
        return (self.size - self.done) / self.rate if self.done else float("inf")


Listener = Callable[[Status], None]


def reporter(size: int, objective: Objective, listener: Listener | None) -> Callable[[Sequence[Tally]], None]:
    """Turn the tallies of the workers, read while they run, into a Status for the listener."""
    began, process = time.perf_counter(), psutil.Process()

    def report(tallies: Sequence[Tally]) -> None:
        if listener is not None:
            done = sum(int(tally.totals.counts[0]) for tally in tallies)  # those that share a window are taken off last
            ranked = max(float(tally.heap.scores.max()) for tally in tallies)
            best = objective.value(ranked * objective.sign) if ranked > -math.inf else math.nan
            seconds = time.perf_counter() - began
            listener(Status(min(done, size), size, seconds, best, process.memory_info().rss))

    return report


class Lines:
    """Plain lines every few seconds, for pipes and logs."""

    def __init__(self, shown: Callable[[float], str], stream: TextIO | None = None) -> None:
        self._shown, self._stream, self._next = shown, stream or sys.stderr, LINE_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __call__(self, status: Status) -> None:
        if status.seconds < self._next:
            return
        self._next = status.seconds + LINE_SECONDS
        print(
            f"{status.done / status.size:6.1%}  {status.done:,} of {status.size:,}  {millions(status.rate)}  "
            f"{status.left:.0f} s left  best {self._shown(status.best)}  {status.memory / 2**20:.0f} MiB",
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
        state = (
            f"{millions(status.rate)}  {status.left:.0f} s left  best {self._shown(status.best)}  "
            f"{status.memory / 2**20:.0f} MiB"
        )
        self._progress.update(self._task, completed=status.done / status.size, state=state)


def millions(rate: float) -> str:
    return f"{rate / 1e6:,.0f} million/s" if rate >= 1e7 else f"{rate / 1e6:,.2f} million/s"
