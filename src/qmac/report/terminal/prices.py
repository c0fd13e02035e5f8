"""What was read from price files, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qmac.data.description import ADJUSTED, describe_prices
from qmac.data.origin import shorten_note
from qmac.data.prices import Prices
from qmac.data.symbols import Symbols
from qmac.errors import printable
from qmac.report.terminal.result import Column, build_fitted_table, show_line, show_warnings

MOST_IN_FULL = 3
"""Symbols that are shown one below the other; more are a table."""
ADJUSTMENTS = {True: "yes", False: "no", None: "?"}


def show_symbols(symbols: Symbols, console: Console) -> None:
    """Print what was read of each symbol, every warning, and what is invalid.

    Prices that are not held are in memory one at a time.

    Parameters
    ----------
    symbols : Symbols
        Some may be invalid, or all.
    console : rich.console.Console
        Where it is printed.
    """
    if len(symbols.prices) > MOST_IN_FULL:
        facts = [describe_prices(each) for each in symbols.prices.values()]
        console.print(_build_table(list(symbols.prices), facts, console))
        warnings = [text for each in facts for text in each["warnings"]]
        show_warnings(warnings, console, most=len(warnings))
    else:
        for each in symbols.prices.values():
            _show_series(each, console)
    for error in symbols.bad.values():
        show_line(printable(f"left out: {error}"), console, "red")


def _show_series(prices: Prices, console: Console) -> None:
    console.print(Text(printable(prices.name), "bold"), highlight=False, soft_wrap=True)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in _list_lines(prices):
        style = "yellow" if label == "warning" else ""
        grid.add_row(f"  {label}", Text(printable(value), style))
    console.print(grid)


def _list_lines(prices: Prices) -> Iterator[tuple[str, str]]:
    facts = describe_prices(prices)
    yield "layout", facts["layout"]
    yield "closes", f"{facts['close']}, {ADJUSTED[facts['adjusted']]}"
    yield "bars", f"{facts['bars']:,}"
    yield "first", facts["first"].removesuffix(" 00:00:00")
    yield "last", facts["last"].removesuffix(" 00:00:00")
    yield "time zone", facts["zone"] or "none"
    basis = f": {facts['basis']}" if facts["basis"] else ""
    yield "a year", f"{facts['bars_per_year']:.6g} bars{basis}"
    yield "columns", ", ".join(map(str, prices.frame.columns))
    for role, reason in prices.origin.left_out.items():
        yield "left out", shorten_note(f"{role}: {reason}")
    for text in facts["warnings"]:
        yield "warning", text
    if not facts["warnings"]:
        yield "warnings", "none"


def _build_table(names: list[str], facts: list[dict[str, Any]], console: Console) -> Table:
    width = max(8, console.width // 5)
    columns = [
        Column("symbol", [_cut(each, width) for each in names]),
        Column("bars", [f"{each['bars']:,}" for each in facts]),
        Column("first", [each["first"][:10] for each in facts]),
        Column("last", [each["last"][:10] for each in facts]),
        Column("warnings", [str(len(each["warnings"]) or "-") for each in facts]),
        Column("a year", [f"{each['bars_per_year']:.6g}" for each in facts]),
        Column("adjusted", [ADJUSTMENTS[each["adjusted"]] for each in facts]),
        Column("layout", [_cut(each["layout"], 30) for each in facts]),
        Column("closes", [_cut(each["close"], width) for each in facts]),
        Column("zone", [each["zone"] or "-" for each in facts]),
    ]
    return build_fitted_table(columns, 5, console, left=1, gap=2)


def _cut(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"
