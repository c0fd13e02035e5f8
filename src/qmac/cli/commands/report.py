"""The command that writes a page of a result or of a run."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from qmac._checks import check_path
from qmac.cli import streams
from qmac.cli.options import Directory, Reading, read_prices, takes_reading
from qmac.errors import OptionError, shell_quote

PAGE = "report.html"


@takes_reading
def report(
    directory: Directory,
    out: Annotated[
        Path | None,
        typer.Option(help="Page to write; by default report.html, or report-SYMBOL.html, in DIR."),
    ] = None,
    symbol: Annotated[
        str | None,
        typer.Option(help="Page of this symbol of a run of many; by default of all winners."),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Of a run of many symbols: also write a page of each, linked from the page of "
            "all winners.",
        ),
    ] = False,
    prices: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet file of its prices, where DIR does not have them."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the numbers behind the page as one JSON object; a page only with --out.",
        ),
    ] = False,
    *,
    reading: Reading,
) -> None:
    """Write a page that shows a result: one HTML file, figures included, that needs no network.

    Example: qmac report runs/first --out first.html
    """
    from qmac.report.html import page, symbols_page
    from qmac.results.reader import read_results
    from qmac.robustness.luck_store import read_answer, read_answers
    from qmac.robustness.tries_store import read_task_tries

    results = read_results(directory, symbol)
    answers = read_answers(directory, results, read_answer)
    tries = read_answers(directory, results, read_task_tries)
    is_many = not results.is_single
    path = check_path("out", out or directory / PAGE)
    if each and (as_json or symbol is not None):
        raise OptionError("--each writes the pages of all symbols. Leave out --symbol and --json.")
    if each and is_many:
        for name in results:
            shown, render = _prepare_result(
                results[name], answers.get(name), tries.get(name), directory, name
            )
            place = symbols_page.symbol_path(name, path)
            _print_place(page.write_page(place, functools.partial(render, shown)))
    if is_many:
        shown, render = _prepare_symbols(results, answers, directory, path, prices)
    else:
        ((name, result),) = results.items()
        if prices is not None:
            result = result.with_prices(read_prices(prices, reading))
        shown, render = _prepare_result(
            result, answers.get(name), tries.get(name), directory, symbol or ""
        )
    if symbol is not None and out is None:
        path = symbols_page.symbol_path(symbol, path)  # not in place of the page of all winners
    if not as_json or out is not None:
        stream = sys.stderr if as_json else sys.stdout
        _print_place(page.write_page(path, lambda: render(shown)), stream)
    if as_json:
        streams.print_json(shown.to_dict())


def _prepare_symbols(
    results: Any, answers: dict[str, Any], directory: Path, path: Path, prices: Path | None
) -> tuple[Any, Callable[[Any], str]]:
    """Return the winners of all symbols, and what renders them."""
    from qmac.report.html.symbols_page import find_links, render_symbols
    from qmac.report.sections.symbols import build_symbols

    if prices is not None:
        raise OptionError(
            f"--prices needs one symbol, but {directory} has {len(results)}. Add --symbol NAME."
        )
    links = find_links(results, path)
    return build_symbols(results, str(directory), links, answers), render_symbols


def _prepare_result(
    result: Any, luck: Any, tries: Any, directory: Path, symbol: str
) -> tuple[Any, Callable[[Any], str]]:
    """Return the report of a single result, and what renders it."""
    from qmac.report.html.page import render_report
    from qmac.report.sections.report import build_report

    return build_report(result, luck, str(directory), symbol, tries), render_report


def _print_place(path: Path, stream: TextIO | None = None) -> None:
    """Print where a page is."""
    megabytes = path.stat().st_size / 1e6
    streams.print_line(f"{shell_quote(path)}, {megabytes:.1f} MB: open it in a browser", stream)
