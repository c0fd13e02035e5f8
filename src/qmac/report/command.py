"""``qmac report`` and ``--rank-by``. Only what the command line itself needs is imported before they are called."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from qmac.errors import OptionError, suggestion

RANKS = ("objective", "plateau")
RankBy = Annotated[
    str,
    typer.Option(
        metavar="objective|plateau",
        help="Order of the table; plateau: the median of the objective over all window sets within two steps.",
        autocompletion=lambda: list(RANKS),
    ),
]
"""Option of the commands that show rows; goes to ``show_result`` and ``Result.summary``."""
PAGE = "report.html"


def check_rank(rank_by: str) -> str:
    """The order of the rows, before a run of hours is begun for one that is not known."""
    if rank_by not in RANKS:
        raise OptionError(f"rank by {rank_by!r} is not known. {suggestion(rank_by, RANKS)}")
    return rank_by


def report(
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' or Result.save wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write; by default report.html, or report-SYMBOL.html, in the directory."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Of a run of many symbols: this one. Without it, a page of all winners.")
    ] = None,
    each: Annotated[
        bool,
        typer.Option("--each", help="Of a run of many symbols: a page of each, too, linked from that of all winners."),
    ] = False,
    prices: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file it was found on, where the directory does not hold it.")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the numbers behind the page as one JSON object; a page only with --out."),
    ] = False,
) -> None:
    """Write a page that shows a result: one HTML file, figures and all, that needs no network.

    Example: qmac report runs/first --out first.html
    """
    from qmac import jobs
    from qmac.report import page, winners
    from qmac.report.info import plain, report_of

    made: Any
    render: Any
    results = jobs.read(directory, symbol)
    many = len(results) > 1 or bool(results.left_out)
    home = (out or directory / PAGE).expanduser()
    place = home if out is not None or symbol is None else winners.page_of(symbol, home)  # not in place of the winners
    if each and (as_json or symbol is not None):
        raise OptionError("--each writes the pages of all symbols. Leave out --symbol and --json.")
    for name in results if each and many else ():
        _say(page.write_report(results[name], winners.page_of(name, home)))
    if many:
        if prices is not None:
            raise OptionError(f"{directory} holds {len(results)} results, --prices belongs to one. Add --symbol NAME.")
        made, render = winners.winners_of(results, str(directory), winners.links_of(results, home)), winners.page
    else:
        (result,) = results.values()
        if prices is not None:
            from qmac.prices import read_prices

            result = result.with_prices(read_prices(prices))
        made, render = report_of(result), page.page
    if not as_json or out is not None:
        _say(page.write_page(place, lambda: render(made)), sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(plain(made), allow_nan=False))


def _say(place: Path, stream: TextIO | None = None) -> None:
    """Where a page is."""
    print(
        f"{shlex.quote(str(place))}, {place.stat().st_size / 1e6:.1f} MB: open it in a browser", file=stream, flush=True
    )
