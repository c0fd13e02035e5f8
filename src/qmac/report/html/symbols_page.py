"""The page of a job of many symbols: the winner of each, one table and one figure."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from qmac.report.html import figures
from qmac.report.html.page import COLUMNS, rendered, write_page, write_report
from qmac.report.sections.symbols import Symbols, symbols_of
from qmac.results.collection import Results
from qmac.storage.directories import safe_name


def page_of(symbol: str, place: Path) -> Path:
    """Where the page of one symbol stands, beside that of the winners: ``report-SPY.html`` beside ``report.html``."""
    return place.with_name(f"{place.stem}-{safe_name(symbol)}.html")


def links_of(results: Results, place: Path) -> dict[str, str]:
    """To the pages of symbols that are there, by symbol."""
    pages = {symbol: page_of(symbol, place.expanduser()) for symbol in results}
    return {symbol: quote(page.name) for symbol, page in pages.items() if page.is_file()}


def write_winners(results: Results, path: Path, *, each: bool = False) -> Path:
    """Write the page of a job's winners, and those of its symbols; errors as in ``Results.report``."""
    for symbol in results if each else ():
        write_report(results[symbol], page_of(symbol, path))
    return write_page(path, lambda: page(symbols_of(results, links=links_of(results, path))))


def page(winners: Symbols) -> str:
    """Their HTML."""
    objective = winners.asked.objective
    return rendered(
        "winners.html",
        {"winners": figures.plot_winners(winners.rows, objective)},
        winners=winners,
        asked=winners.asked,
        columns=[name for name in COLUMNS if name != objective],
    )
