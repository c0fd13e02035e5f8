"""How the example of a layout is read: right closes, dates and name."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from qmac.data.layouts.layout import Layout
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.prices import Prices
from qmac.data.symbols import from_frame, read_symbols
from qmac.errors import PricesError


def check_layout(layout: Layout, folder: Path) -> None:
    """Read the example of a layout, and compare it with what the entry says."""
    path = folder / (layout.example_file or f"example.{layout.container}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(layout.example, encoding="utf-8")
    if layout.refusal:
        with pytest.raises(PricesError, match=f"is a file of {layout.name}: "):
            read_symbols(path)
        return
    prices = read_symbols(path).prices
    series = prices[layout.symbol or path.name.split(".")[0]]
    _compare(series, layout)
    assert series.origin.adjusted == layout.adjusted
    assert series.periods_per_year == (layout.bars_per_year or series.periods_per_year)


def check_frame(layout: Layout, folder: Path | None = None, **how: object) -> None:
    """Read the example as pandas does by itself, and as Parquet; it is known as the file is."""
    lines = [line for line in layout.example.splitlines() if line.strip()]
    header, separator = layout.find_header(lines, layout.example_file) or (0, ",")
    rows = "\n".join(lines[layout.count_above(lines) : -1 if layout.footer else None])
    if layout.decimal == ",":
        how |= {"dtype": "str"}
    frame = pd.read_csv(io.StringIO(rows), sep=separator, header=0 if header else None, **how)
    copy = frame.copy()
    prices = from_frame(frame).prices[layout.symbol] if layout.symbol else Prices.of(frame)
    assert prices.close.tolist() == list(layout.closes)
    if not layout.needs_place:
        _compare(prices, layout)
    pd.testing.assert_frame_equal(frame, copy)
    if folder is not None and header:
        path = folder / "example.parquet"
        frame.to_parquet(path)
        _compare(read_symbols(path).prices[layout.symbol or "example"], layout)


def read_text(text: str, folder: Path, options: ReadOptions = DEFAULT) -> dict[str, Prices]:
    """Read a text as a file called prices.csv."""
    path = folder / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return read_symbols(path, options=options).prices


def _compare(series: Prices, layout: Layout) -> None:
    assert series.origin.layout == layout.name
    assert series.close.tolist() == list(layout.closes)
    assert (str(series.index[0]), str(series.index[-1])) == layout.dates
