"""The list of commands."""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from qmac._version import __version__
from qmac.cli import exits, help_page, streams
from qmac.cli.commands.checks import doctor, verify
from qmac.cli.commands.combinations import backtest, evaluate
from qmac.cli.commands.compare import compare
from qmac.cli.commands.explore import explore
from qmac.cli.commands.fetch import fetch
from qmac.cli.commands.luck import luck
from qmac.cli.commands.prices import prices
from qmac.cli.commands.report import report
from qmac.cli.commands.results import export, save, show
from qmac.cli.commands.runs import estimate, optimize, resume, runs, watch
from qmac.cli.commands.signal import signal
from qmac.cli.commands.walk_forward import walk_forward
from qmac.errors import OptionError

GROUPS = {
    "Find the best windows": (optimize, explore, estimate),
    "Doubt the winner": (luck, walk_forward, verify),
    "One combination": (backtest, evaluate, signal),
    "Results": (show, save, compare, report, export, runs, watch, resume),
    "Prices and machine": (prices, fetch, doctor),
}
"""The commands by heading, in the order of ``qmac --help``."""
COMMANDS = tuple(command for commands in GROUPS.values() for command in commands)


class _Group(TyperGroup):
    """The list of commands."""

    def format_help(self, context: Any, _: Any) -> None:
        help_page.print_commands(self, context)


class _Command(TyperCommand):
    """A command that refuses an option twice, where the last value would hide the first."""

    def format_help(self, context: Any, _: Any) -> None:
        help_page.print_command(self, context)

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        *_, order = self.make_parser(context).parse_args(list(arguments))
        for option, times in Counter(order).items():
            takes_one = not getattr(option, "multiple", False) and option.nargs == 1
            is_flag = getattr(option, "is_flag", False)
            if times > 1 and takes_one and not is_flag and not context.resilient_parsing:
                raise OptionError(
                    f"{option.opts[0]} takes one value, got {times}. Leave all but one out."
                )
        return super().parse_args(context, arguments)


app = typer.Typer(
    cls=_Group,
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A billion backtests in seconds: the Quad Moving Average Crossover, swept over its "
    "whole grid.",
)
for _heading, _commands in GROUPS.items():
    for _command in _commands:
        app.command(cls=_Command, rich_help_panel=_heading)(_command)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        streams.print_line(f"qmac {__version__}")
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
