"""Exit codes, and the line on standard error that goes with each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from qmac.cli.interrupts import EXIT_INTERRUPTED, EXIT_RESUMABLE, EXIT_UNSAVED, advise
from qmac.errors import InputError, QmacError, Stopped, WriteError, printable

DONE = 0
DEFECT = 1
INPUT = 2
LEFT_OUT = 3
INCOMPLETE = 4
FLAT = 10
LONG = 11
SIGNAL = 12
OUTPUT = EXIT_UNSAVED
RESUMABLE = EXIT_RESUMABLE
INTERRUPTED = EXIT_INTERRUPTED
PIPE = 141

MEANINGS = {
    DONE: "finished",
    DEFECT: "a defect: `verify` or `doctor` found a difference, or an internal check failed",
    INPUT: "invalid input; nothing was written, or the message says how to resume",
    LEFT_OUT: "finished, but symbols were left out; `show`: results are damaged",
    INCOMPLETE: "finished, but cells failed; `qmac resume DIR --retry-failed` tries them again",
    FLAT: "`signal --exit-code`: flat, and no signal today",
    LONG: "`signal --exit-code`: long, one symbol at least, and no signal today",
    SIGNAL: "`signal --exit-code`: a signal today, of one symbol at least",
    OUTPUT: "output could not be written",
    RESUMABLE: "stopped; resume the run with `qmac resume DIR`, or by the same command",
    INTERRUPTED: "interrupted, and nothing was saved",
    PIPE: "the reader of a pipe has ended",
}
"""As docs/command-line.md has them."""

REQUIREMENTS = {
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "greater_than_equal": "at least 1",
}
"""What a value must be, by the type of pydantic's error, which newer typers raise."""

# typer brings its own click, or uses the installed one: its classes are found by their base
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
ClickException: type[Exception] = UsageError.__bases__[0]


def exit_code(call: Callable[[], Any]) -> int:
    """Call the app and return the exit code; an error becomes one line on standard error.

    Parameters
    ----------
    call : callable
        Runs a command.

    Returns
    -------
    int
        A key of ``MEANINGS``.
    """
    try:
        code = call()
        sys.stdout.flush()
    except SystemExit as exiting:  # typer exits so where the reader of a pipe has ended
        if isinstance(exiting.__context__, BrokenPipeError):
            return _close_pipe()
        code = exiting.code
    except BrokenPipeError:
        return _close_pipe()
    except ClickException as error:
        return _report_usage(error)
    except (QmacError, OSError) as error:
        return _report_error(error)
    except MemoryError:  # under a limit of addresses: what was admitted is less than was allocated
        text = "memory ran out. Allow more (ulimit -v), or use fewer windows, or a smaller top."
        return _report_error(Stopped(text))
    return code if isinstance(code, int) else DONE


def _report_error(error: QmacError | OSError) -> int:
    """Print an error of a command and return its exit code."""
    advice = f" {advise()}".rstrip()
    if isinstance(error, WriteError):
        return _fail(f"{error}{advice}", OUTPUT)
    if isinstance(error, InputError):
        return _fail(f"{error}{advice}", INPUT)
    if isinstance(error, Stopped):
        return _fail(f"{error}{advice or ' Nothing was saved: add --out DIR.'}", RESUMABLE)
    if isinstance(error, QmacError):
        return _fail(f"internal error: {error} Please report it.{advice}", DEFECT)
    reason = f"{error.filename or 'output'}: {error.strerror or error}"
    return _fail(f"{reason}.{advice}", OUTPUT)


def _report_usage(error: Any) -> int:
    """Print an unknown option or command, or a value of the wrong kind, in one line."""
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed already
        return INPUT
    text = _describe_value(error) or " ".join(error.format_message().split())
    if not text.endswith((".", "?")):
        text += "."
    context = getattr(error, "ctx", None)
    if context is not None:
        text += f" See: {context.command_path} --help"
    return _fail(text, INPUT)


def _describe_value(error: Any) -> str:
    """Return the value and what it must be; nothing where typer's text has the value."""
    cause = error.__cause__ or error.__context__
    details: list[dict[str, Any]] = getattr(cause, "errors", list)()
    if not details or details[0]["type"] not in REQUIREMENTS:
        return ""
    parameter = getattr(error, "param", None)
    names = getattr(parameter, "opts", ["value"])
    requirement = REQUIREMENTS[details[0]["type"]]
    value = details[0]["input"]
    return f"{names[0]} must be {requirement}, got {value!r}."


def _fail(text: str, code: int) -> int:
    """Print a line on standard error and return the exit code."""
    print(f"qmac: {printable(text)}", file=sys.stderr)
    return code


def _close_pipe() -> int:
    """Discard what is still to be printed: the reader has ended, as in ``qmac ... | head``."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return PIPE
