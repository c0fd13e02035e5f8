"""Progress as people see it: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Self, TextIO

from qmac.runtime.monitoring.status import Status, shorten

LINE_SECONDS = 2.0
LEAST_BAR = 18
"""Columns of a terminal for the bar and the share; as much is said beside it as there is room for."""


class ProgressLines:
    """Plain lines every few seconds, for pipes and logs."""

    def __init__(self, shown: Callable[[float], str], stream: TextIO | None = None) -> None:
        self._shown, self._stream, self._next = (
            shown,
            stream or sys.stderr,
            time.monotonic() + LINE_SECONDS,
        )

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
            where = f"{shorten(status.name)} ({status.part} of {status.parts}) {status.done / status.size:.0%}"
        print(
            f"{status.share:6.1%}  {where}  best {self._shown(status.best)}  {status.text}",
            file=self._stream,
            flush=True,
        )


class ProgressBar:
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
        symbol = (
            [f"{shorten(status.name)} ({status.part}/{status.parts})"] if status.parts > 1 else []
        )
        words = [*status.trouble, *symbol, f"best {self._shown(status.best)}", left, *others]
        room = self._progress.console.width - LEAST_BAR
        while len(words) > 1 and len("  ".join(words)) > room:
            words.pop()
        self._progress.update(
            self._task, completed=status.share, state=shorten("  ".join(words), room)
        )
