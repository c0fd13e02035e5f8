"""The command that writes a page of a result or of a run."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from qmac._checks import check_path
from qmac.cli import streams
from qmac.cli.commands.results import print_page
from qmac.cli.options import groups
from qmac.cli.options.last_result import LAST, DirectoryOrLast
from qmac.cli.options.reading import Reading, read_prices, takes_reading
from qmac.errors import OptionError, shell_quote

PAGE, PAGE_OF_LAST = "report.html", "qmac-report.html"
"""Name of a page in DIR, and of that of the last result in the current directory."""


class Answers(NamedTuple):
    """What lies beside a result in its run; None where it does not."""

    luck: Any
    tries: Any
    forward: Any


@takes_reading
def report(  # noqa: PLR0913, one parameter for each option
    directory: DirectoryOrLast = LAST,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Page to write; by default report.html, or report-SYMBOL.html, in DIR, and "
            f"{PAGE_OF_LAST} in the current directory for the last result.",
        ),
    ] = None,
    symbol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=groups.PRICES,
            help="Page of this symbol of a run of many; by default of all winners.",
        ),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Of a run of many symbols: also write a page of each, linked from the page of "
            "all winners.",
        ),
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the main figures as PNG files into this directory, without a browser; a "
            "page only with --out.",
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=groups.PRICES,
            help="CSV or Parquet file of its prices, where DIR does not have them.",
        ),
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

    Example: qmac report

    Example: qmac report runs/first --out first.html
    """
    from qmac.report.html import page, symbols_page
    from qmac.results.reader import holds_walk, read_results
    from qmac.runs.last_results import is_last_result

    _check_each(symbol, each=each, as_json=as_json)
    place = Path(PAGE_OF_LAST) if is_last_result(directory) else directory / PAGE
    path = check_path("out", out or place)
    if symbol is not None and out is None:
        path = symbols_page.symbol_path(symbol, path)  # not in place of the page of all winners
    if holds_walk(directory):
        _check_png(png, directory, "a walk-forward")
        writes = not as_json or out is not None
        _report_walk(directory, path if writes else None, symbol, each=each, as_json=as_json)
        return
    results = read_results(directory, symbol)
    answers = _read_answers(directory, results)
    if results.is_single:
        ((name, result),) = results.items()
        if prices is not None:
            result = result.with_prices(read_prices(prices, reading))
        if png is not None:
            _print_images(result.figures(png), is_note=as_json)
            if out is None and not as_json:
                return
        shown, render = _prepare_result(result, answers[name], directory, symbol or "")
    else:
        _check_png(png, directory, f"{len(results)} symbols")
        if each:
            _write_each(results, answers, directory, path)
        shown, render = _prepare_symbols(results, answers, directory, path, prices)
    if not as_json or out is not None:
        print_page(page.write_page(path, lambda: render(shown)), is_note=as_json)
    if as_json:
        streams.print_json(shown.to_dict())


def _write_each(results: Any, answers: dict[str, Answers], directory: Path, path: Path) -> None:
    """Write the page of each symbol beside that of all winners."""
    from qmac.report.html import page, symbols_page

    for name in results:
        shown, render = _prepare_result(results[name], answers[name], directory, name)
        place = symbols_page.symbol_path(name, path)
        print_page(page.write_page(place, functools.partial(render, shown)))


def _check_each(symbol: str | None, *, each: bool, as_json: bool) -> None:
    if each and (as_json or symbol is not None):
        raise OptionError("--each writes the pages of all symbols. Leave out --symbol and --json.")


def _check_png(png: Path | None, directory: Path, what: str) -> None:
    if png is not None:
        raise OptionError(
            f"--png draws the figures of one result, but {directory} has {what}. "
            "Add --symbol NAME of a result, or leave out --png for a page."
        )


def _print_images(paths: tuple[Path, ...], *, is_note: bool) -> None:
    for path in paths:
        streams.print_line(shell_quote(path), sys.stderr if is_note else None)


def _read_answers(directory: Path, results: Any) -> dict[str, Answers]:
    """Return what lies beside each result in its run."""
    from qmac.robustness.forward.store import read_task_forward
    from qmac.robustness.luck.store import read_answer, read_answers
    from qmac.robustness.tries.store import read_task_tries

    lucks = read_answers(directory, results, read_answer)
    tries = read_answers(directory, results, read_task_tries)
    forwards = read_answers(directory, results, read_task_forward)
    return {name: Answers(lucks.get(name), tries.get(name), forwards.get(name)) for name in results}


def _report_walk(
    directory: Path, path: Path | None, symbol: str | None, *, each: bool, as_json: bool
) -> None:
    """Write the page of a walk-forward, or that of many symbols, if there is a path for it."""
    from qmac.report.html import symbols_page
    from qmac.report.html.walk_forward_page import to_dict
    from qmac.robustness.forward.many import Forwards, read_walk

    answer = read_walk(directory, symbol)
    if path is not None:
        if each and isinstance(answer, Forwards):
            for name, forward in answer.items():
                place = symbols_page.symbol_path(name, path)
                print_page(forward.report(place))
        print_page(answer.report(path), is_note=as_json)
    if as_json:
        streams.print_json(to_dict(answer))


def _prepare_symbols(
    results: Any, answers: dict[str, Answers], directory: Path, path: Path, prices: Path | None
) -> tuple[Any, Callable[[Any], str]]:
    """Return the winners of all symbols, and what renders them."""
    from qmac.report.html.symbols_page import find_links, render_symbols
    from qmac.report.sections.symbols import build_symbols

    if prices is not None:
        raise OptionError(
            f"--prices needs one symbol, but {directory} has {len(results)}. Add --symbol NAME."
        )
    links = find_links(results, path)
    lucks = {name: each.luck for name, each in answers.items() if each.luck is not None}
    return build_symbols(results, str(directory), links, lucks), render_symbols


def _prepare_result(
    result: Any, answers: Answers, directory: Path, symbol: str
) -> tuple[Any, Callable[[Any], str]]:
    """Return the report of a single result, and what renders it."""
    from qmac.report.html.page import render_report
    from qmac.report.sections.report import build_report

    report = build_report(
        result, answers.luck, str(directory), symbol, answers.tries, answers.forward
    )
    return report, render_report
