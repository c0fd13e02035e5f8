"""Progress as people see it: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Self, TextIO

from qmac.errors import printable
from qmac.runtime.monitoring.status import Status, shorten, shorten_name

LINE_SECONDS = 2.0
"""Between two lines."""
LEAST_BAR = 18
"""Columns of a terminal for the bar and the share; the rest is for figures, as far as they fit."""


class ProgressLines:
    """A listener that prints a plain line every few seconds, for pipes and logs.

    Parameters
    ----------
    shown : callable
        Formats the best score; nothing is shown of it where the text is empty.
    stream : file, optional
        Where lines are printed; by default the standard error stream.
    """

    def __init__(self, shown: Callable[[float], str], stream: TextIO | None = None) -> None:
        self._shown = shown
        self._stream = stream or sys.stderr
        self._next = time.monotonic() + LINE_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __call__(self, status: Status) -> None:
        """Print a line, if it is due."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        words = [f"{status.share:6.1%}", _describe_place(status)]
        words += [*_describe_best(status, self._shown), status.text]
        print(printable("  ".join(words)), file=self._stream, flush=True)


def _describe_best(status: Status, shown: Callable[[float], str]) -> list[str]:
    """Return the best score, if there is a text of it."""
    best = shown(status.best)
    return [f"best {best}"] if best else []


def _describe_place(status: Status) -> str:
    if status.parts == 1:
        return f"{status.done:,} of {status.size:,}"
    share = status.done / status.size
    return f"{shorten_name(status.name)} ({status.part} of {status.parts}) {share:.0%}"


class ProgressBar:
    """A listener that shows a bar on a terminal.

    Parameters
    ----------
    shown : callable
        Formats the best score; nothing is shown of it where the text is empty.
    console : rich.console.Console
        The terminal.
    """

    def __init__(self, shown: Callable[[float], str], console: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._shown = shown
        self._progress = Progress(
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}", markup=False),
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
        """Move the bar."""
        room = self._progress.console.width - LEAST_BAR
        state = printable(_fit(self._find_words(status), room))
        self._progress.update(self._task, completed=status.share, state=state)

    def _find_words(self, status: Status) -> list[str]:
        """Return what is shown beside the bar; what matters most comes first."""
        words = [*status.alerts]
        if status.parts > 1:
            words.append(f"{shorten_name(status.name)} ({status.part}/{status.parts})")
        return [*words, *_describe_best(status, self._shown), *status.figures]


def _fit(words: list[str], room: int) -> str:
    """Return as many words as there is room for, at least the first."""
    words = list(words)
    while len(words) > 1 and len("  ".join(words)) > room:
        words.pop()
    return shorten("  ".join(words), room)
