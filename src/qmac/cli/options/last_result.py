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


def use_last_result(context: typer.Context) -> Path:
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
    from qmac.results.reader import check_files
    from qmac.runs.last_results import hold_last_result

    last = context.with_resource(hold_last_result(check_files))
    skipped = f"; {last.skipped}" if last.skipped else ""
    streams.print_note(f"last result: {_describe(last)}{skipped}")
    path: Path = last.path
    return path


def _describe(last: Any) -> str:
    """Return symbols, settings and date of a last result."""
    from qmac.runs.header import read_header
    from qmac.strategy.description import describe_briefly

    header = read_header(last.path)
    request, symbols = header.request, list(header.prices)
    names = symbols[:SHOWN_SYMBOLS]
    if len(symbols) > len(names):
        names.append(f"{len(symbols) - len(names)} more")
    settings = describe_briefly(
        request.objective, request.grid, request.rules, maximize=request.maximize
    )
    return f"{', '.join(names)}, {settings}, {last.moment.astimezone():%Y-%m-%d %H:%M}"


def _find_directory(context: typer.Context, value: Path | None) -> Path | None:
    if value is not None:
        return check_directory(value)
    return None if context.resilient_parsing else use_last_result(context)


def _find_directory_or_answer(context: typer.Context, value: Path | None) -> Path | None:
    if value is not None:
        return check_answer(value)
    return None if context.resilient_parsing else use_last_result(context)


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
