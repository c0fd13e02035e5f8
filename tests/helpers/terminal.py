"""The command line as its users meet it: two streams and an exit code."""

import contextlib
import functools
import io
import subprocess
import sys
import warnings
from typing import NamedTuple

import typer

from qmac.cli import exits, streams
from qmac.cli.app import app
from qmac.cli.interrupts import Interruption


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def qmac(*arguments, **options):
    """In a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "qmac", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


@functools.cache
def build_command():
    """Return the command with all of its commands, which takes 40 ms each time."""
    return typer.main.get_command(app)


def inside(*arguments):
    """In this process, which has imported everything: a second less."""
    out, err = io.StringIO(), io.StringIO()
    Interruption.resume = None  # as in a new process
    with (
        contextlib.redirect_stdout(streams.make_safe(out)),
        contextlib.redirect_stderr(streams.make_safe(err)),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("always")
        warnings.showwarning = streams._show_warning
        code = exits.exit_code(
            lambda: build_command()(
                list(map(str, arguments)), prog_name="qmac", standalone_mode=False
            )
        )
    return Ended(code, out.getvalue(), err.getvalue())
