"""Answers to Ctrl-C, SIGTERM and a closed terminal, and the exit codes that follow.

Only the standard library and the errors are imported: ``main`` installs these handlers before
anything heavy is.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from qmac.errors import printable_lines

EXIT_INTERRUPTED = 130
EXIT_RESUMABLE = 75
EXIT_UNSAVED = 74
NOTHING_LOST = "kernels are being compiled, so nothing is lost"
RETRY_SECONDS = 0.05
"""Until an interrupt that a compiler's callback swallowed is raised again."""


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP. KeyboardInterrupt would become a line of typer's."""


class Interruption:
    """State of this process: whether it was interrupted, and what its last line then says."""

    written = "nothing was written"
    """What an interrupt leaves behind."""
    stopping = "cells in progress are finished, then a snapshot is written"
    """What happens between an interrupt and the end of a run that can be resumed."""
    resume: str | None = None
    """The command that resumes the run, once a run directory exists."""
    place: str | None = None
    """The run directory."""
    interrupted = False


def advise() -> str:
    """Return how to resume the run; nothing where it has no directory.

    Returns
    -------
    str
        A sentence, which says so where the directory was moved or removed meanwhile.
    """
    if Interruption.resume is None:
        return ""
    place = Interruption.place
    if place is not None and not os.path.isdir(place):  # noqa: PTH112, pathlib is imported later
        return (
            f"{place} is gone: it was moved or removed. If it was moved, resume the run where it "
            "is now."
        )
    return f"Resume with: {Interruption.resume}"


def interrupt(*_: object) -> None:
    """Raise ``Interrupted``; the second time leave at once if the run can be resumed."""
    if Interruption.interrupted and Interruption.resume:
        write_line(f"\nqmac: left at once. {advise()}\n")
        os._exit(EXIT_RESUMABLE)
    Interruption.interrupted = True
    if Interruption.resume:
        stopping = NOTHING_LOST if _is_compiling() else Interruption.stopping
        write_line(f"\nqmac: stopping; {stopping}. Interrupt again to leave at once.\n")
    raise Interrupted


def _is_compiling() -> bool:
    """Return whether kernels are compiled, which comes before a sweep; by what is imported."""
    module = sys.modules.get("qmac.runtime.monitoring.compiling")
    return module is not None and bool(module.describe_compiling())


def interrupt_again(*_: object) -> None:
    """Raise ``Interrupted``, on the timer that ``raise_again_later`` sets."""
    raise Interrupted


def read_notes(error: BaseException | None) -> list[str]:
    """Return what the monitor of a run noted on an interrupt: that work is lost.

    Parameters
    ----------
    error : BaseException or None
        What ended the command; an interrupt may have been raised again while it was handled.

    Returns
    -------
    list of str
        Sentences.
    """
    while error is not None:
        notes = getattr(error, "__notes__", [])
        if isinstance(error, Interrupted) and notes:
            return list(notes)
        error = error.__context__
    return []


def raise_again_later(exception: sys.UnraisableHookArgs) -> None:
    """Set a timer for an interrupt that Python could not raise, as in a compiler's callback.

    Parameters
    ----------
    exception : sys.UnraisableHookArgs
        Any exception that was not raised; others are reported as usual.
    """
    if exception.exc_type is not Interrupted:
        sys.__unraisablehook__(exception)
    elif hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)


def write_line(text: str) -> None:
    """Write a text to standard error at once; a terminal that was closed is no error.

    Parameters
    ----------
    text : str
        With its line breaks.
    """
    with suppress(OSError):
        os.write(2, printable_lines(text).encode())
