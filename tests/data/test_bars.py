"""Rows become bars: what is dropped, turned round, scaled and adjusted, and what is said of it."""

from dataclasses import replace

import pandas as pd
import pytest

from qmac.data.bars import build_bars
from qmac.data.columns import Column
from qmac.data.layouts.find import NAMED, Selection
from qmac.data.layouts.layout import Layout
from qmac.data.options import DEFAULT, ReadOptions
from qmac.errors import PricesError

DATES = ["2024-01-02", "2024-01-03", "2024-01-04"]
SELECTION = Selection(NAMED, (Column(0, "Date"), Column(1, "Close")), ("Date", "Close"))


def build(dates=DATES, options=DEFAULT, layout=NAMED, **columns):
    rows = pd.DataFrame(columns, index=pd.Index(dates))
    return build_bars(rows, replace(SELECTION, layout=layout), options, "SPY")


def test_a_column_that_is_not_needed_stops_nothing():
    frame, origin = build(Open=[0, 0, 1], High=[9, 9, 9], Close=[5, 6, 7])
    assert list(frame.columns) == ["High", "Close"]
    assert "Open is 0 in row 1" in origin.left_out["Open"]
    assert origin.notes[0].startswith("Open is not read: ")
    with pytest.raises(PricesError, match="Close is 0 in row 2"):
        build(Close=[5, 0, 7])


def test_rows_without_any_price_are_no_bars():
    layout = Layout(name="a", has_empty_rows=True)
    nan = float("nan")
    frame, origin = build(Open=[5, nan, 6], Close=[5, nan, 7], Volume=[1, 0, 1], layout=layout)
    assert frame["Close"].tolist() == [5, 7]
    assert origin.notes == ("SPY: 1 rows without any price are left out, as bars without a trade.",)
    with pytest.raises(PricesError, match="Close is nan in row 2|Close is empty in row 2"):
        build(Open=[5, 6, 6], Close=[5, nan, 7], layout=layout)
    with pytest.raises(PricesError, match="empty in row 1"):
        build(Close=[nan, nan, nan], layout=layout)


def test_a_known_zone_is_converted_to_that_of_the_user():
    layout = Layout(name="a", timezone="America/New_York")
    frame, _ = build(Close=[5, 6, 7], layout=layout)
    assert str(frame.index[0]) == "2024-01-02 00:00:00-05:00"
    frame, _ = build(Close=[5, 6, 7], layout=layout, options=ReadOptions(timezone="UTC"))
    assert str(frame.index[0]) == "2024-01-02 00:00:00-05:00"  # days stay days


def test_a_descending_file_is_turned_round():
    frame, origin = build(DATES[::-1], Close=[7, 6, 5])
    assert frame["Close"].tolist() == [5, 6, 7]
    assert "turned round" in origin.notes[0]


def test_rows_are_sorted_on_request():
    frame, _ = build([DATES[1], DATES[0], DATES[2]], ReadOptions(sort=True), Close=[6, 5, 7])
    assert frame["Close"].tolist() == [5, 6, 7]


def test_scale():
    frame, _ = build(layout=replace(NAMED, scale=10_000.0), Close=[50_000, 60_000, 70_000],
                     Volume=[1, 2, 3])  # fmt: skip
    assert frame["Close"].tolist() == [5, 6, 7] and frame["Volume"].tolist() == [1, 2, 3]


SPLIT = {"Open": [400, 400, 100], "Close": [400, 404, 102], "Adj Close": [100, 101, 102]}


def test_adjusted_closes_are_said_or_taken():
    frame, origin = build(**SPLIT)
    assert frame["Close"].tolist() == [400, 404, 102]
    assert "from row 2 to row 3 (2024-01-04 00:00:00) Close goes from 404 to 102" in origin.notes[0]
    frame, origin = build(options=ReadOptions(adjusted=True), **SPLIT)
    assert frame["Close"].tolist() == [100, 101, 102]
    assert frame["Open"].tolist() == [100, 100, 100]
    assert (origin.close, origin.adjusted, origin.notes) == ("Adj Close", True, ())
    with pytest.raises(PricesError, match="no adjusted closes"):
        build(options=ReadOptions(adjusted=True), Close=[5, 6, 7])


def test_equal_adjusted_closes_need_no_word():
    closes = [5.0, 6.0, 7.0]
    _, origin = build(**{"Close": closes, "Adj Close": closes})
    assert not origin.notes
