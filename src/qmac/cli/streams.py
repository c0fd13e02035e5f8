"""Output by stream: the answer on standard output, progress and notes on standard error."""

from __future__ import annotations

import functools
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qmac.storage.json_text import to_json


def prepare() -> None:
    """Make warnings and the compiler's notes lines on standard error, and printing safe.

    A stream that is closed takes what is printed and drops it; characters that a terminal cannot
    show are escaped.
    """
    warnings.showwarning = _show_warning  # type: ignore[assignment]
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


def build_console(*, stderr: bool = False) -> Any:
    """Return a console for tables and colours.

    Parameters
    ----------
    stderr : bool
        Whether it prints on standard error.

    Returns
    -------
    rich.console.Console
        Without colours in a pipe and under ``NO_COLOR``.
    """
    from rich.console import Console

    return Console(stderr=stderr)


def print_note(text: str) -> None:
    """Print a line for people, beside the answer.

    Parameters
    ----------
    text : str
        Without ``qmac:`` before it.
    """
    print(f"qmac: {text}", file=sys.stderr, flush=True)


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
    format_best = functools.partial(format_value, metric)
    return ProgressBar(format_best, errors) if errors.is_terminal else ProgressLines(format_best)


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


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"qmac: note: {message}", file=sys.stderr)
