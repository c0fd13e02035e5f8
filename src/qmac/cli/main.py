"""Where the command line starts: Ctrl-C, SIGTERM and a closed terminal are answered from here on, before anything heavy is imported."""

from __future__ import annotations

import io
import os
import signal
import sys

from qmac.cli.interrupts import (
    EXIT_AGAIN,
    EXIT_INTERRUPTED,
    Interruption,
    interrupt,
    interrupt_again,
    raise_again_later,
    say,
)


def main() -> None:
    """Run the command line; a mistake of the user ends in one clear line, not in a traceback."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if (
        hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    ):  # as nohup has it
        signal.signal(signal.SIGHUP, interrupt)
    for stream in (
        sys.stdout,
        sys.stderr,
    ):  # a symbol's name may have letters that a terminal has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, interrupt_again)
    sys.unraisablehook = raise_again_later
    try:
        from qmac.cli.app import run

        code = run()
    except BaseException:
        if not Interruption.interrupted:
            raise
        if Interruption.resume:  # Interrupted, or what came of it where it was swallowed
            say(f"qmac: interrupted. Go on with: {Interruption.resume}\n")
            os._exit(EXIT_AGAIN)
        say(f"qmac: interrupted; {Interruption.written}.\n")
        os._exit(
            EXIT_INTERRUPTED
        )  # threads still in a kernel leave by themselves; nobody waits for them
    raise SystemExit(code)
