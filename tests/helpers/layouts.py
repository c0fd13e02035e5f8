"""How the example of a layout is read: right closes, dates and name."""

from __future__ import annotations

from pathlib import Path

from qmac.data.layouts.layout import Layout
from qmac.data.symbols import read_symbols


def check_layout(layout: Layout, folder: Path) -> None:
    """Read the example of a layout, and compare it with what the entry says."""
    path = folder / f"example.{layout.container}"
    path.write_text(layout.example, encoding="utf-8")
    prices = read_symbols(path).prices
    series = prices[layout.symbol or "example"]
    assert series.origin.layout == layout.name
    assert series.close.tolist() == list(layout.closes)
    assert (str(series.index[0]), str(series.index[-1])) == layout.dates
    assert series.origin.adjusted == layout.adjusted
    assert series.periods_per_year > 0
