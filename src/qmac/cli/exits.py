"""Exit codes, and the line on standard error that goes with each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from qmac.cli.interrupts import EXIT_AGAIN, EXIT_INTERRUPTED, Interruption
from qmac.errors import InputError, QmacError, Stopped, WriteError

DONE, DEFECT, INPUT, LEFT_OUT, INCOMPLETE, OUTPUT, PIPE = 0, 1, 2, 3, 4, 74, 141
AGAIN, INTERRUPTED = EXIT_AGAIN, EXIT_INTERRUPTED

MEANINGS = {
    DONE: "finished",
    DEFECT: "a defect: `verify` or `doctor` found a difference, or an internal check failed",
    INPUT: "invalid input; nothing was written, or the message says how to resume",
    LEFT_OUT: "finished, but symbols were left out; `show`: results are damaged",
    INCOMPLETE: "finished, but cells failed; `qmac resume DIR --retry-failed` tries them again",
    OUTPUT: "output could not be written",
    AGAIN: "stopped; resume the run with `qmac resume DIR`",
    INTERRUPTED: "interrupted, and nothing was saved",
    PIPE: "the reader of a pipe has ended",
}
"""As docs/command-line.md has them."""

KINDS = {
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "greater_than_equal": "at least 1",
}
"""What a value must be, by the type of pydantic's error, which newer typers raise."""

UsageError: type[Exception] = typer.BadParameter.__bases__[
    0
]  # typer brings its own click, or the user's
ClickException: type[Exception] = UsageError.__bases__[0]


def code_of(call: Callable[[], Any]) -> int:
    """Call the app; errors become one line on standard error and an exit code."""
    try:
        code = call()
        sys.stdout.flush()
    except SystemExit as leaving:  # how typer leaves where the reader of a pipe has
        if isinstance(leaving.__context__, BrokenPipeError):
            return _left_alone()
        return leaving.code if isinstance(leaving.code, int) else DONE
    except ClickException as error:
        return _misused(error)
    except WriteError as error:
        return _said(f"{error}{_again()}", OUTPUT)
    except InputError as error:
        return _said(f"{error}{_again()}", INPUT)
    except Stopped as error:
        return _said(f"{error}{_again() or ' Nothing was kept: add --out DIR.'}", AGAIN)
    except QmacError as error:
        return _said(f"internal error: {error} Please report it.{_again()}", DEFECT)
    except BrokenPipeError:
        return _left_alone()
    except OSError as error:
        return _said(f"{error.filename or 'output'}: {error.strerror or error}.{_again()}", OUTPUT)
    return code if isinstance(code, int) else DONE


def _said(words: str, code: int) -> int:
    print(f"qmac: {words}", file=sys.stderr)
    return code


def _misused(error: Any) -> int:
    """An option or a command that is not known, or a value of the wrong kind, in one line."""
    context, words = (
        getattr(error, "ctx", None),
        _wrong_kind(error) or " ".join(error.format_message().split()),
    )
    if type(error).__name__ == "NoArgsIsHelpError":  # the help stands there already
        return INPUT
    see = f" See: {context.command_path} --help" if context is not None else ""
    return _said(f"{words if words.endswith(('.', '?')) else f'{words}.'}{see}", INPUT)


def _wrong_kind(error: Any) -> str:
    """The value and what it must be, where typer's own words do not name the value."""
    found: list[dict[str, Any]] = getattr(error.__cause__ or error.__context__, "errors", list)()
    option = getattr(getattr(error, "param", None), "opts", ["it"])[0]
    for kind in (first for first in found[:1] if first["type"] in KINDS):
        return f"{option} is {kind['input']!r}, but must be {KINDS[kind['type']]}."
    return ""


def _left_alone() -> int:
    """The reader of a pipe has left, as in ``qmac ... | head``."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return PIPE


def _again() -> str:
    """How to go on with what was begun."""
    return f" Go on with: {Interruption.resume}" if Interruption.resume else ""
