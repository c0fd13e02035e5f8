"""The page of a run of many symbols: the winner of each, in a table and a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qmac._checks import check_instance, describe
from qmac.errors import OptionError, suggestion
from qmac.report.html import figures
from qmac.report.html.page import COLUMNS, render, write_page
from qmac.report.sections.symbols import Symbols, build_symbols
from qmac.results.collection import Results
from qmac.robustness.luck.answer import Luck
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


def find_links(symbols: Iterable[str], path: Path) -> dict[str, str]:
    """Return links to the pages of symbols that exist.

    Parameters
    ----------
    symbols : iterable of str
        Their names.
    path : pathlib.Path
        Page of all symbols.

    Returns
    -------
    dict of str to str
        Relative addresses by symbol.
    """
    pages = {symbol: symbol_path(symbol, path.expanduser()) for symbol in symbols}
    return {symbol: quote(page.name) for symbol, page in pages.items() if page.is_file()}


def write_symbols(
    results: Results, path: Path, *, each: bool = False, luck: Mapping[str, Luck] | None = None
) -> Path:
    """Write the page of a run of many symbols.

    Parameters
    ----------
    results : Results
        Results by symbol.
    path : pathlib.Path
        File to write.
    each : bool
        Whether to write the page of each symbol, too.
    luck : mapping of str to Luck, optional
        What random markets say, by symbol.

    Returns
    -------
    pathlib.Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If a file cannot be written.
    OptionError
        If ``luck`` has no answers for these results.
    """
    answers = _check_answers(luck, results)
    if each:
        for symbol in results:
            results[symbol].report(symbol_path(symbol, path), luck=answers.get(symbol))

    def render_winners() -> str:
        return render_symbols(
            build_symbols(results, links=find_links(results, path), answers=answers)
        )

    return write_page(path, render_winners)


def _check_answers(luck: Any, results: Results) -> dict[str, Luck]:
    """Return the answers of a user by symbol; whether each is about its result, its row checks."""
    if luck is None:
        return {}
    if not isinstance(luck, Mapping):
        raise OptionError(
            f"luck must be a mapping of symbols to answers, got {describe(luck)}. Use "
            "{symbol: results[symbol].luck() for symbol in results}."
        )
    for symbol, answer in luck.items():
        if symbol not in results:
            hint = suggestion(str(symbol), results)
            raise OptionError(f"luck has {describe(symbol)}, of which there is no result. {hint}")
        check_instance("luck", answer, Luck, "Use what Result.luck returns.")
    return dict(luck)


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
