"""Columns by name: which are read, which are left out, which are refused."""

import pytest

from qmac.data.columns import Column, find_columns, is_word_of_bars, normalize_name
from qmac.data.options import DEFAULT, ReadOptions
from qmac.errors import PricesError


def roles(names, **options):
    found = find_columns(names.split(","), ReadOptions(**options), "a.csv")
    return {column.role: column.place for column in found.columns}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("Date,Open,Close", {"Date": 0, "Open": 1, "Close": 2}),
        ("Close,DATE", {"Date": 1, "Close": 0}),
        ("Day,Close", {"Date": 0, "Close": 1}),
        ("Date,Time,Close", {"Date": 0, "Time": 1, "Close": 2}),
        ("Date,Timestamp,Close", {"Date": 1, "Close": 2}),
        ("Date,Datetime,Time,Close", {"Date": 1, "Close": 3}),
        ("Time,Close", {"Date": 0, "Close": 1}),
        ("Date, CLOSE ,adj close,VOLUME", {"Date": 0, "Close": 1, "Adj Close": 2, "Volume": 3}),
        ("Ticker,Date,Close", {"Symbol": 0, "Date": 1, "Close": 2}),
        ("Date,Close,Volume,volume", {"Date": 0, "Close": 1}),
        ("Date,Price", {"Date": 0}),
    ],
)
def test_roles(names, expected):
    assert roles(names) == expected


def test_of_a_date_and_a_timestamp_the_one_is_read_that_tells_bars_apart():
    names = ["Date", "Timestamp", "Close"]
    days = [["2024-01-02", "2025-01-01 10:00", "5"], ["2024-01-03", "2025-01-01 10:00", "6"]]
    hours = [["2024-01-02", "2024-01-02 10:00", "5"], ["2024-01-02", "2024-01-02 11:00", "6"]]
    for rows, place in ((days, 0), (hours, 1), ([], 1)):
        found = find_columns(names, DEFAULT, "a.csv", rows).columns
        assert [column.place for column in found if column.role == "Date"] == [place]


def test_options_name_columns():
    assert roles("a,b,c", date="b", close="C") == {"Date": 1, "Close": 2}
    assert roles("Date,Close,close", close="close") == {"Date": 0, "Close": 2}
    assert roles("Date,Close,Adj Close", close="Adj Close") == {"Date": 0, "Close": 2}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("Date,Close,Close", "Close twice"),
        ("Date,Close,Close.1", "Close twice"),
        ("Date,date,Close", "date twice"),
        ("Date,Symbol,Ticker,Close", "Symbol twice"),
    ],
)
def test_refused(names, says):
    with pytest.raises(PricesError, match=says):
        find_columns(names.split(","), DEFAULT, "a.csv")


def test_what_is_left_out_is_said():
    found = find_columns(["Date", "Close", "Volume", "volume"], DEFAULT, "a.csv")
    assert found.columns == (Column(0, "Date"), Column(1, "Close"))
    assert "Volume twice" in found.left_out["Volume"]


def test_words():
    assert normalize_name(" ADJ CLOSE ") == "Adj Close"
    assert is_word_of_bars("Last Price") and is_word_of_bars("bid")
    assert not is_word_of_bars("SPY") and not is_word_of_bars("LOWE")
