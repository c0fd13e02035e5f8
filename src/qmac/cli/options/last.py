"""Arguments that may be left out: the last result then takes the place of a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import streams
from qmac.cli.options.arguments import check_answer, check_directory

LAST: Any = None
"""Default of an argument whose callback finds the last result."""
SHOWN_SYMBOLS = 3
"""Symbols that a line names."""


def find_last(context: typer.Context) -> Path:
    """Return the directory of the last result, which stays until the command ends; say which it is.

    Parameters
    ----------
    context : typer.Context
        Of the command.

    Returns
    -------
    Path
        A run directory.

    Raises
    ------
    ResultError
        If there is none.
    """
    from qmac.runs.last_results import hold_last

    path: Path = context.with_resource(hold_last())
    streams.print_note(f"last result: {_describe(path)}")
    return path


def _describe(path: Path) -> str:
    """Return symbols, settings and date of a last result."""
    from qmac.runs.directory import RunDirectory
    from qmac.runs.last_results import read_time
    from qmac.strategy.description import describe_briefly

    header, moment = RunDirectory.open(path).header, read_time(path)
    request, symbols = header.request, list(header.prices)
    names = symbols[:SHOWN_SYMBOLS]
    if len(symbols) > len(names):
        names.append(f"{len(symbols) - len(names)} more")
    settings = describe_briefly(
        request.objective, request.grid, request.rules, maximize=request.maximize
    )
    date = "" if moment is None else f", {moment.astimezone():%Y-%m-%d %H:%M}"
    return f"{', '.join(names)}, {settings}{date}"


def _find_directory(context: typer.Context, value: Path | None) -> Path | None:
    if value is not None:
        return check_directory(value)
    return None if context.resilient_parsing else find_last(context)


def _find_directory_or_answer(context: typer.Context, value: Path | None) -> Path | None:
    if value is not None:
        return check_answer(value)
    return None if context.resilient_parsing else find_last(context)


DirectoryOrLast = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A directory that 'qmac optimize --out' wrote; by default the last result.",
        callback=_find_directory,
    ),
]
AnswerOrLast = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A directory that 'qmac optimize --out' wrote, or the file of an answer, luck.json; "
        "by default the last result.",
        callback=_find_directory_or_answer,
    ),
]
