"""``qmac report`` and ``--rank-by``. Only what the command line itself needs is imported before they are called."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from qmac.errors import OptionError
from qmac.storage.json_text import to_json

PAGE = "report.html"


def report(
    directory: Annotated[
        Path, typer.Argument(help="A directory that 'qmac optimize --out' or Result.save wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page to write; by default report.html, or report-SYMBOL.html, in the directory."
        ),
    ] = None,
    symbol: Annotated[
        str | None,
        typer.Option(help="Of a run of many symbols: this one. Without it, a page of all winners."),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Of a run of many symbols: a page of each, too, linked from that of all winners.",
        ),
    ] = False,
    prices: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet file it was found on, where the directory does not hold it."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the numbers behind the page as one JSON object; a page only with --out.",
        ),
    ] = False,
) -> None:
    """Write a page that shows a result: one HTML file, figures and all, that needs no network.

    Example: qmac report runs/first --out first.html
    """
    from qmac.report.html import page, symbols_page
    from qmac.report.sections import symbols
    from qmac.report.sections.report import report_of
    from qmac.results import reader

    made: Any
    render: Any
    results = reader.read_results(directory, symbol)
    many = len(results) > 1 or bool(results.left_out)
    home = (out or directory / PAGE).expanduser()
    place = (
        home if out is not None or symbol is None else symbols_page.page_of(symbol, home)
    )  # not in place of the winners
    if each and (as_json or symbol is not None):
        raise OptionError("--each writes the pages of all symbols. Leave out --symbol and --json.")
    for name in results if each and many else ():
        _say(page.write_report(results[name], symbols_page.page_of(name, home)))
    if many:
        if prices is not None:
            raise OptionError(
                f"{directory} holds {len(results)} results, --prices belongs to one. Add --symbol NAME."
            )
        made, render = (
            symbols.symbols_of(results, str(directory), symbols_page.links_of(results, home)),
            symbols_page.page,
        )
    else:
        (result,) = results.values()
        if prices is not None:
            from qmac.data.readers import read_prices

            result = result.with_prices(read_prices(prices))
        made, render = report_of(result), page.page
    if not as_json or out is not None:
        _say(page.write_page(place, lambda: render(made)), sys.stderr if as_json else sys.stdout)
    if as_json:
        print(to_json(made))


def _say(place: Path, stream: TextIO | None = None) -> None:
    """Where a page is."""
    print(
        f"{shlex.quote(str(place))}, {place.stat().st_size / 1e6:.1f} MB: open it in a browser",
        file=stream,
        flush=True,
    )
