"""Where the command line starts: Ctrl-C and SIGTERM are answered from here on, before anything heavy is imported."""

from __future__ import annotations

import os
import signal
import sys

EXIT_INTERRUPTED, EXIT_AGAIN = 130, 75


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. Not KeyboardInterrupt, which typer would turn into a line of its own."""


class State:
    """What the last line says if Ctrl-C comes."""

    written = "nothing was written"
    resume: str | None = None
    """The command that goes on, once a run directory is there."""
    interrupted = False


def _interrupt(*_: object) -> None:
    if State.interrupted and State.resume:  # the second time: at once
        os.write(2, f"\nqmac: left at once. Go on with: {State.resume}\n".encode(errors="backslashreplace"))
        os._exit(EXIT_AGAIN)
    State.interrupted = True
    if State.resume:
        os.write(2, b"\nqmac: stopping; what is at hand is finished and saved. Again: at once.\n")
    raise Interrupted


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
            print(f"qmac: interrupted. Go on with: {State.resume}", file=sys.stderr, flush=True)
            os._exit(EXIT_AGAIN)
        print(f"qmac: interrupted; {State.written}.", file=sys.stderr, flush=True)
        os._exit(EXIT_INTERRUPTED)  # threads still in a kernel leave by themselves; nobody waits for them
    raise SystemExit(code)


if __name__ == "__main__":  # python -m qmac: the command line knows this file by its other name
    from importlib import import_module

    import_module("qmac.__main__").main()
