"""The command that sets two results of one grid beside each other."""

from __future__ import annotations

from typing import Annotated

import typer

import qmac
from qmac.cli import streams
from qmac.cli.options.arguments import Directory
from qmac.cli.options.tables import AsJson, OneSymbol
from qmac.errors import OptionError


def compare(
    first: Directory,
    second: Directory,
    symbol: OneSymbol = None,
    other_symbol: Annotated[
        str | None,
        typer.Option("--with", help="Symbol of the second, where it is another than --symbol."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two results of one grid: what differs, winners, distributions, maps.

    Example: qmac compare runs/a runs/b
    """
    from qmac.results.reader import read_results

    pair = []
    for directory, name in ((first, symbol), (second, other_symbol or symbol)):
        results = read_results(directory, name)
        if len(results) != 1:
            raise OptionError(
                f"{directory} has {len(results)} symbols, and two results are compared. Add "
                "--symbol NAME."
            )
        pair.append(next(iter(results.values())))
    comparison = qmac.compare(*pair)
    if as_json:
        streams.print_json(comparison.to_dict())
        return
    from qmac.report.terminal.comparison import show_comparison

    show_comparison(comparison, streams.build_console())
