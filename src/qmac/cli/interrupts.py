"""Ctrl-C, SIGTERM and a closed terminal: how they are answered, and the exit codes that follow."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

EXIT_INTERRUPTED, EXIT_AGAIN = 130, 75


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP. Not KeyboardInterrupt, which typer would turn into a line of its own."""


class Interruption:
    """What the last line says if Ctrl-C comes."""

    written = "nothing was written"
    resume: str | None = None
    """The command that goes on, once a run directory is there."""
    interrupted = False


def interrupt(*_: object) -> None:
    if Interruption.interrupted and Interruption.resume:  # the second time: at once
        say(f"\nqmac: left at once. Go on with: {Interruption.resume}\n")
        os._exit(EXIT_AGAIN)
    Interruption.interrupted = True
    if Interruption.resume:
        say("\nqmac: stopping; what is at hand is finished and saved. Again: at once.\n")
    raise Interrupted


def say(words: str) -> None:
    with suppress(OSError):  # of a terminal that was closed
        os.write(2, words.encode(errors="backslashreplace"))


def interrupt_again(*_: object) -> None:
    raise Interrupted


def raise_again_later(exception: sys.UnraisableHookArgs) -> None:
    """A compiler's callback cannot pass it on, so it comes again a little later."""
    if exception.exc_type is not Interrupted:
        sys.__unraisablehook__(exception)
    elif hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
