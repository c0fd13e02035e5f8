"""The page of a run of many symbols: the winner of each, in a table and a figure."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from qmac.report.html import figures
from qmac.report.html.page import COLUMNS, render, write_page, write_report
from qmac.report.sections.symbols import Symbols, build_symbols
from qmac.results.collection import Results
from qmac.storage.directories import safe_name


def symbol_path(symbol: str, path: Path) -> Path:
    """Return the file of one symbol's page, beside that of all symbols.

    Parameters
    ----------
    symbol : str
        Any name.
    path : pathlib.Path
        Page of all symbols.

    Returns
    -------
    pathlib.Path
        Such as ``report-SPY.html`` beside ``report.html``.
    """
    return path.with_name(f"{path.stem}-{safe_name(symbol)}.html")


def find_links(results: Results, path: Path) -> dict[str, str]:
    """Return links to the pages of symbols that exist.

    Parameters
    ----------
    results : Results
        Results by symbol.
    path : pathlib.Path
        Page of all symbols.

    Returns
    -------
    dict of str to str
        Relative addresses by symbol.
    """
    pages = {symbol: symbol_path(symbol, path.expanduser()) for symbol in results}
    return {symbol: quote(page.name) for symbol, page in pages.items() if page.is_file()}


def write_symbols_report(results: Results, path: Path, *, each: bool = False) -> Path:
    """Write the page of a run of many symbols.

    Parameters
    ----------
    results : Results
        Results by symbol.
    path : pathlib.Path
        File to write.
    each : bool
        Whether to write the page of each symbol, too.

    Returns
    -------
    pathlib.Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    if each:
        for symbol in results:
            write_report(results[symbol], symbol_path(symbol, path))
    return write_page(
        path, lambda: render_symbols(build_symbols(results, links=find_links(results, path)))
    )


def render_symbols(symbols: Symbols) -> str:
    """Return the page of a run of many symbols.

    Parameters
    ----------
    symbols : Symbols
        The winner of each.

    Returns
    -------
    str
        HTML.
    """
    objective = symbols.settings.objective
    return render(
        "symbols.html",
        {"winners": figures.plot_symbols(symbols.rows, objective)},
        symbols=symbols,
        settings=symbols.settings,
        columns=[name for name in COLUMNS if name != objective],
    )
