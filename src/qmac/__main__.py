"""Where the command line starts: Ctrl-C, SIGTERM and a closed terminal are answered from here on, before anything heavy is imported."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress

EXIT_INTERRUPTED, EXIT_AGAIN = 130, 75


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP. Not KeyboardInterrupt, which typer would turn into a line of its own."""


class State:
    """What the last line says if Ctrl-C comes."""

    written = "nothing was written"
    resume: str | None = None
    """The command that goes on, once a run directory is there."""
    interrupted = False


def _interrupt(*_: object) -> None:
    if State.interrupted and State.resume:  # the second time: at once
        _say(f"\nqmac: left at once. Go on with: {State.resume}\n")
        os._exit(EXIT_AGAIN)
    State.interrupted = True
    if State.resume:
        _say("\nqmac: stopping; what is at hand is finished and saved. Again: at once.\n")
    raise Interrupted


def _say(words: str) -> None:
    with suppress(OSError):  # of a terminal that was closed
        os.write(2, words.encode(errors="backslashreplace"))


def _again(*_: object) -> None:
    raise Interrupted


def _swallowed(exception: sys.UnraisableHookArgs) -> None:
    """A compiler's callback cannot pass it on, so it comes again a little later."""
    if exception.exc_type is not Interrupted:
        sys.__unraisablehook__(exception)
    elif hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0.05)


def main() -> None:
    """Run the command line; a mistake of the user ends in one clear line, not in a traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _interrupt)
    for stream in (sys.stdout, sys.stderr):  # a symbol's name may have letters that a terminal has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _again)
    sys.unraisablehook = _swallowed
    try:
        from qmac.cli.app import run

        code = run()
    except BaseException:
        if not State.interrupted:
            raise
        if State.resume:  # Interrupted, or what came of it where it was swallowed
            _say(f"qmac: interrupted. Go on with: {State.resume}\n")
            os._exit(EXIT_AGAIN)
        _say(f"qmac: interrupted; {State.written}.\n")
        os._exit(EXIT_INTERRUPTED)  # threads still in a kernel leave by themselves; nobody waits for them
    raise SystemExit(code)


if __name__ == "__main__":  # python -m qmac: the command line knows this file by its other name
    from importlib import import_module

    import_module("qmac.__main__").main()
