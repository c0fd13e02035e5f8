"""Start of the command line: signals are answered before anything heavy is imported."""

from __future__ import annotations

import io
import os
import signal
import sys

from qmac.cli.interrupts import (
    EXIT_INTERRUPTED,
    EXIT_RESUMABLE,
    EXIT_UNSAVED,
    Interruption,
    advise,
    interrupt,
    interrupt_again,
    raise_again_later,
    read_notes,
    write_line,
)


def main() -> None:
    """Run the command line; a mistake of the user ends in one clear line, not in a traceback."""
    _install_handlers()
    _escape_unencodable()
    try:
        from qmac.cli.app import run

        code = run()
    except BaseException as error:  # Interrupted, or what became of it where it was swallowed
        if not Interruption.interrupted:
            raise
        if Interruption.resume:
            notes = read_notes(error)
            write_line(f"qmac: {' '.join(['interrupted.', *notes, advise()])}\n")
            os._exit(EXIT_UNSAVED if notes else EXIT_RESUMABLE)
        write_line(f"qmac: interrupted; {Interruption.written}.\n")
        os._exit(EXIT_INTERRUPTED)  # does not wait for threads that are still in a kernel
    raise SystemExit(code)


def _install_handlers() -> None:
    """Answer interrupts, from here on and whatever is being imported or compiled.

    One that is ignored already stays ignored: whoever started this process wants it to go on, as
    nohup does, or a script's shell whose job in the background is not to end by Ctrl-C.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, interrupt_again)
    sys.unraisablehook = raise_again_later


def _escape_unencodable() -> None:
    """Escape characters of symbols and paths that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
