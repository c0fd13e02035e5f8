"""The list of commands."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from qmac._version import __version__
from qmac.cli import exits, streams
from qmac.cli.commands.checks import doctor, verify
from qmac.cli.commands.combinations import backtest, evaluate
from qmac.cli.commands.report import report
from qmac.cli.commands.results import export, show
from qmac.cli.commands.runs import estimate, optimize, resume, runs, watch
from qmac.errors import OptionError

COMMANDS = (
    optimize,
    backtest,
    evaluate,
    resume,
    watch,
    runs,
    show,
    report,
    export,
    verify,
    estimate,
    doctor,
)
"""In the order of ``qmac --help``."""

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A billion backtests in seconds: the Quad Moving Average Crossover, swept over its "
    "whole grid.",
)
for _command in COMMANDS:
    app.command()(_command)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"qmac {__version__}")
        raise typer.Exit


def run() -> int:
    """Run the command line; errors become one line on standard error.

    Returns
    -------
    int
        The exit code.
    """
    streams.prepare()
    return exits.exit_code(_call_app)


def _call_app() -> object:
    """Run the command; an empty argument is an error, for as a path it is the current directory."""
    for argument in sys.argv[1:]:
        if argument == "" or re.fullmatch("--[a-z-]+=", argument):
            raise OptionError(
                f"the argument {argument!r} is empty; is a variable not set? "
                "Give a value, or leave it out."
            )
    return app(standalone_mode=False)
