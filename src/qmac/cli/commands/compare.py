"""The command that sets two results of one grid beside each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

import qmac
from qmac.cli import streams
from qmac.cli.commands.results import print_page
from qmac.cli.options import groups
from qmac.cli.options.arguments import Directory
from qmac.cli.options.tables import AsJson, OneSymbol
from qmac.errors import OptionError, suggestion


def compare(
    first: Directory,
    second: Directory,
    symbol: OneSymbol = None,
    other_symbol: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="NAME",
            rich_help_panel=groups.PRICES,
            help="Symbol of the second, where it is another than --symbol.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="PAGE", help="Also write a page, such as compare.html.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two results of one grid: what differs, winners, distributions, maps.

    Two runs of many symbols are compared symbol by symbol, in a table.

    Example: qmac compare runs/a runs/b --report compare.html
    """
    from qmac.report.terminal.comparison import show_comparison, show_comparisons

    a, b = _read(first, symbol), _read(second, other_symbol or symbol)
    places = str(first), str(second)
    if len(a) > 1 and len(b) > 1:
        table = replace(qmac.compare_many(a, b), places=places)
        _show(table, show_comparisons, report, as_json=as_json)
        return
    pair = _find_one(a, b, first), _find_one(b, a, second)
    comparison = replace(qmac.compare(*pair), places=places)
    _show(comparison, show_comparison, report, as_json=as_json)


def _show(answer: Any, show: Any, report: Path | None, *, as_json: bool) -> None:
    page = None if report is None else answer.report(report)  # first: it may be refused
    if as_json:
        streams.print_json(answer.to_dict())
    else:
        show(answer, streams.build_console())
    if page is not None:
        print_page(page, is_note=as_json)


def _read(directory: Path, symbol: str | None) -> Any:
    """Return the results of a run; of a walk-forward there is nothing to compare."""
    from qmac.results.reader import holds_walk, read_results

    if holds_walk(directory):
        raise OptionError(
            f"{directory} holds a walk-forward, and results of a sweep are compared. Name one that "
            "'qmac optimize --out' wrote."
        )
    return read_results(directory, symbol)


def _find_one(results: Any, other: Any, directory: Path) -> Any:
    """Return the only result; of many symbols, that of the only symbol of the other."""
    if len(results) == 1:
        return next(iter(results.values()))
    (name,) = other
    if name in results:
        return results[name]
    raise OptionError(
        f"{directory} has {len(results)} symbols, and the other {name}, which is none of them. "
        f"{suggestion(name, results)} Add --symbol NAME for the first or --with NAME for the "
        "second."
    )
