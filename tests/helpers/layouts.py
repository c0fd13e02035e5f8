"""How the example of a layout is read: right closes, dates and name."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from qmac.data.layouts.layout import Layout
from qmac.data.prices import Prices
from qmac.data.symbols import read_symbols
from qmac.errors import PricesError


def check_layout(layout: Layout, folder: Path) -> None:
    """Read the example of a layout, and compare it with what the entry says."""
    path = folder / (layout.example_file or f"example.{layout.container}")
    path.write_text(layout.example, encoding="utf-8")
    if layout.refusal:
        with pytest.raises(PricesError, match=f"is a file of {layout.name}: "):
            read_symbols(path)
        return
    prices = read_symbols(path).prices
    series = prices[layout.symbol or path.name.split(".")[0]]
    assert series.origin.layout == layout.name
    assert series.close.tolist() == list(layout.closes)
    assert (str(series.index[0]), str(series.index[-1])) == layout.dates
    assert series.origin.adjusted == layout.adjusted
    assert series.periods_per_year == (layout.bars_per_year or series.periods_per_year)


def check_frame(layout: Layout) -> None:
    """Read the example as pandas does by itself; the frame is known as the file is."""
    lines = layout.example.splitlines()
    header, separator = layout.find_header(lines, layout.example_file) or (0, ",")
    rows = "\n".join(lines[layout.count_above(lines) :])
    frame = pd.read_csv(io.StringIO(rows), sep=separator, header=0 if header else None)
    copy = frame.copy()
    prices = Prices.of(frame)
    assert prices.close.tolist() == list(layout.closes)
    if not layout.file_name:
        assert prices.origin.layout == layout.name
        assert (str(prices.index[0]), str(prices.index[-1])) == layout.dates
    pd.testing.assert_frame_equal(frame, copy)
