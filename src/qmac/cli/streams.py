"""Output by stream: the answer on standard output, progress and notes on standard error."""

from __future__ import annotations

import io
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from qmac.errors import PricesWarning, printable, printable_lines
from qmac.storage.json_text import to_json

SIZES = {"COLUMNS": (40, 1000), "LINES": (10, 1000), "TERMINAL_WIDTH": (40, 1000)}
"""Least and largest size of a terminal by the variable of the environment that sets it; the last
is typer's."""
PIPE_COLUMNS = 1000
"""Width of a table in a pipe that is not to be cut: paths in it stay in one piece."""
RESET = "\x1b[0m"
"""What colorama, which Numba imports, prints at the end of a process on a terminal."""
MOST_DIGITS = 9
"""Of a size; Python refuses to read more than a few thousand."""


def prepare() -> None:
    """Make every text that is printed safe for a terminal, and warnings lines on standard error.

    A stream that is closed takes what is printed and drops it; characters that a terminal cannot
    show are escaped.
    """
    warnings.showwarning = _show_once()
    compiler = logging.getLogger("qmac.compiler")
    compiler.setLevel(logging.INFO)
    compiler.propagate = False
    compiler.addHandler(_CompilerNote())
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as in qmac ... >&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115, open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = make_safe(sys.stdout)
    sys.stderr = make_safe(sys.stderr)
    for name, bounds in SIZES.items():
        _correct_size(name, *bounds)


class SafeStream:
    """A stream for text whose line breaks and tabs are all that is not printable.

    Whatever prints on it, a traceback or another library: no text of a file reaches the terminal
    as a command to it.

    Parameters
    ----------
    stream : file
        A stream for text.
    """

    def __init__(self, stream: TextIO) -> None:
        self.colored = stream
        """The stream itself, for consoles: their texts are printable, their colours pass."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.colored, name)

    def write(self, text: str) -> int:
        """Write a text.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        int
            Its length.
        """
        if text != RESET:
            self.colored.write(printable_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts.

        Parameters
        ----------
        lines : iterable of str
            Texts with their line breaks.
        """
        for line in lines:
            self.write(line)


def make_safe(stream: TextIO) -> TextIO:
    """Return a stream through which every text becomes printable.

    Parameters
    ----------
    stream : file
        Standard output or standard error.

    Returns
    -------
    SafeStream
        The same one if it is safe already.
    """
    return stream if isinstance(stream, SafeStream) else cast(TextIO, SafeStream(stream))


def _correct_size(name: str, least: int, most: int) -> None:
    """Correct a size of the terminal in the environment; one that cannot be is forgotten."""
    text = os.environ.get(name)
    if text is None:
        return
    size = int(text[:MOST_DIGITS]) if text.isascii() and text.isdigit() else 0
    if size:
        os.environ[name] = str(min(max(size, least), most))
    else:
        del os.environ[name]


def build_console(*, stderr: bool = False) -> Any:
    """Return a console for tables and colours.

    Parameters
    ----------
    stderr : bool
        Whether it prints on standard error.

    Returns
    -------
    PlainTextConsole
        Without colours in a pipe and under ``NO_COLOR``.
    """
    from qmac.report.terminal.console import PlainTextConsole

    stream = sys.stderr if stderr else sys.stdout
    console = PlainTextConsole(getattr(stream, "colored", stream))
    least, _ = SIZES["COLUMNS"]
    if console.width < least:  # noqa: PLR1730, a width that is set is that of later, too
        console.width = least
    return console


def build_wide_console() -> Any:
    """Return a console for tables whose rows stay in one piece in a pipe.

    Returns
    -------
    PlainTextConsole
        As wide as the terminal, or as ``COLUMNS`` says.
    """
    console = build_console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


def print_line(text: str, stream: TextIO | None = None) -> None:
    """Print one line.

    Parameters
    ----------
    text : str
        Its line breaks, as in a file's name, are no line breaks here.
    stream : file, optional
        By default standard output.
    """
    print(printable(text), file=stream, flush=True)


def print_note(text: str) -> None:
    """Print a line for people, beside the answer.

    Parameters
    ----------
    text : str
        Without ``qmac:`` before it.
    """
    print_line(f"qmac: {text}", sys.stderr)


def build_progress(metric: str) -> Any:
    """Return a listener that shows the progress of a run on standard error.

    Parameters
    ----------
    metric : str
        Objective of the run.

    Returns
    -------
    ProgressBar or ProgressLines
        A bar on a terminal, lines in a pipe.
    """
    from qmac.runtime.monitoring.display import ProgressBar, ProgressLines
    from qmac.strategy.formatting import format_value

    errors = build_console(stderr=True)

    def format_best(best: float) -> str:
        return "" if math.isnan(best) else format_value(metric, best)

    return ProgressBar(format_best, errors) if errors.is_terminal else ProgressLines(format_best)


@contextmanager
def show_fetch(count: int) -> Iterator[Callable[[Any], None] | None]:
    """Show a bar on standard error while prices are fetched in the block, on a terminal.

    Parameters
    ----------
    count : int
        Number of series.

    Yields
    ------
    callable or None
        A listener of ``FetchStatus``; None in a pipe, where a fetch prints nothing on its way.
    """
    console = build_console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        console=console,
        transient=True,
    )
    task = bar.add_task("fetch", total=count, state="")

    def listen(status: Any) -> None:
        bars = f", {status.bars:,} bars" if status.bars else ""
        bar.update(task, completed=status.done, state=printable(f"{status.name}{bars}"))

    with bar:
        yield listen


def print_json(value: dict[str, Any], **lists: Iterable[Any]) -> None:
    """Print one object on one line.

    Parameters
    ----------
    value : dict
        Its first members. What JSON has no number for becomes null.
    **lists : iterable
        Its last members, printed as they come: never whole in memory.
    """
    print(to_json(value)[:-1], end="")
    for name, items in lists.items():
        print(f', "{name}": [', end="")
        separator = ""
        for item in items:
            print(separator + to_json(item), end="")
            separator = ", "
        print("]", end="")
    print("}")


class _CompilerNote(logging.Handler):
    """Prints once why nothing happens for some seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).removeHandler(self)
        print_note("compiling the kernels for these settings; some seconds, once.")


def _show_once() -> Callable[..., None]:
    """Return what shows a warning, and no text twice: a full disk is one for every kernel."""
    shown = set[str]()

    def show(message: Warning | str, *details: Any) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            _show_warning(message, *details)

    return show


def _show_warning(message: Warning | str, category: type[Warning] = UserWarning, *_: Any) -> None:
    kind = "warning" if issubclass(category, PricesWarning) else "note"
    print_note(f"{kind}: {message}")
