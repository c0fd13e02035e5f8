"""Where the command line starts: Ctrl-C is answered from here on, before anything heavy is imported."""

from __future__ import annotations

import os
import signal
import sys

EXIT_INTERRUPTED = 130


class Interrupted(BaseException):
    """Ctrl-C. Not KeyboardInterrupt, which typer would turn into a line of its own."""


class State:
    """What the last line says if Ctrl-C comes."""

    written = "nothing was written"
    interrupted = False


def _interrupt(*_: object) -> None:
    State.interrupted = True
    raise Interrupted


def main() -> None:
    """Run the command line; a mistake of the user ends in one clear line, not in a traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    try:
        from qmac.cli import run

        code = run()
    except Interrupted:
        print(f"qmac: interrupted; {State.written}.", file=sys.stderr, flush=True)
        os._exit(EXIT_INTERRUPTED)  # threads still in a kernel leave by themselves; nobody waits for them
    raise SystemExit(code)


if __name__ == "__main__":
    main()
