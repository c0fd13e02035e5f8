"""What is printed where: the answer on standard output, progress and notes on standard error."""

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
    """Warnings and the compiler's notes become lines on standard error; no character ends in a traceback."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    compiler = logging.getLogger("qmac.compiler")
    compiler.setLevel(logging.INFO)
    compiler.propagate = False
    compiler.addHandler(_CompilerNote())
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as in qmac ... >&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a file's name in a terminal that cannot show it


def console(*, stderr: bool = False) -> Any:
    """For tables and colours; without colours in a pipe and under NO_COLOR."""
    from rich.console import Console

    return Console(stderr=stderr)


def say(words: str) -> None:
    """A line for people, beside the answer."""
    print(f"qmac: {words}", file=sys.stderr, flush=True)


def progress(metric: str) -> Any:
    """A bar on a terminal, lines in a pipe; always on standard error."""
    from qmac.runtime.monitoring.display import ProgressBar, ProgressLines
    from qmac.strategy.formatting import format_value

    errors, shown = console(stderr=True), functools.partial(format_value, metric)
    return ProgressBar(shown, errors) if errors.is_terminal else ProgressLines(shown)


def print_json(value: dict[str, Any], **lists: Iterable[Any]) -> None:
    """One object on one line; what JSON has no number for is null. ``lists`` are its last members, never whole in memory."""
    print(to_json(value)[:-1], end="")
    for name, items in lists.items():
        print(f', "{name}": [', end="")
        for number, item in enumerate(items):
            print(", " * (number > 0) + to_json(item), end="")
        print("]", end="")
    print("}")


class _CompilerNote(logging.Handler):
    """Says once why nothing happens for some seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).removeHandler(self)
        say("compiling the kernels for this question; some seconds, once.")


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"qmac: note: {message}", file=sys.stderr)
