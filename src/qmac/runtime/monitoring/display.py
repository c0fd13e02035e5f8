"""Progress as people see it: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self, TextIO

from qmac.errors import printable
from qmac.runtime.monitoring.compiling import describe_compiling, listening
from qmac.runtime.monitoring.status import Status, shorten, shorten_name

LINE_SECONDS = 2.0
"""Between two lines."""
PREPARING = "preparing"
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
        self._listening = ExitStack()

    def __enter__(self) -> Self:
        self._listening.enter_context(listening(self._print))
        return self

    def __exit__(self, *exception: object) -> None:
        self._listening.close()

    def _print(self, text: str) -> None:
        print(printable(text), file=self._stream, flush=True)

    def __call__(self, status: Status) -> None:
        """Print a line, if it is due."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        words = [f"{status.share:6.1%}", status.place]
        words += [*_describe_best(status, self._shown), status.text]
        self._print("  ".join(words))


def _describe_best(status: Status, shown: Callable[[float], str]) -> list[str]:
    """Return the best score, if there is a text of it."""
    best = shown(status.shown_best)
    return [f"best {best}"] if best else []


def _describe_briefly(status: Status) -> str:
    """Return where a job of many symbols is; the bar shows the share of all."""
    if status.symbols_done is not None:
        return status.place
    return f"{shorten_name(status.name)} ({status.part}/{status.parts})"


def _build_state_column(console: Any) -> Any:
    """Return the column of words; before the first status it says what is compiled, and moves."""
    from rich.progress import TextColumn
    from rich.text import Text

    class StateColumn(TextColumn):
        """The words of a task, as long as it has none what is compiled."""

        def render(self, task: Any) -> Text:
            room = console.width - LEAST_BAR
            return Text(task.fields["state"] or shorten(describe_compiling() or PREPARING, room))

    return StateColumn("", markup=False)


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
            _build_state_column(console),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("sweep", total=1.0, state="")

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
            words.append(_describe_briefly(status))
        elif status.markets is not None:
            words.append(status.place)
        return [*words, *_describe_best(status, self._shown), *status.figures]


def _fit(words: list[str], room: int) -> str:
    """Return as many words as there is room for, at least the first."""
    words = list(words)
    while len(words) > 1 and len("  ".join(words)) > room:
        words.pop()
    return shorten("  ".join(words), room)
