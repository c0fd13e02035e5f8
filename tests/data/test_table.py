"""Tables: symbols apart, dates and times joined, texts as numbers."""

import pandas as pd
import pytest

from qmac.data.columns import Column
from qmac.data.layouts.find import NAMED, Selection
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.table import Table, convert_texts
from qmac.errors import PricesError


def table(*columns, **values):
    selection = Selection(NAMED, tuple(Column(*each) for each in columns), None)
    return Table(pd.DataFrame(dict(enumerate(values.values()))), selection)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["093000", "100000"], "20240102 093000"),
        (["93000", "100000"], "20240102 093000"),
        (["930", "1000"], "20240102 0930"),
        (["0", "1000"], "20240102 0000"),
        (["0", "0"], "20240102 0000"),
        (["09:30", "10:00"], "20240102 09:30"),
        (["2024-01-02 09:30", "2024-01-02 10:00"], "2024-01-02 09:30"),
    ],
)
def test_dates_and_times(times, expected):
    source = table((0, "Date"), (1, "Time"), (2, "Close"), d=["20240102"] * 2, t=times, c=[1, 2])
    ((_, rows),) = source.split("a")
    assert rows.index[0] == expected
    assert list(rows.columns) == ["Close"]


def test_hours_alone_are_refused():
    source = table((0, "Date"), (1, "Time"), (2, "Close"), d=["20240102"], t=["9"], c=[1])
    with pytest.raises(PricesError, match="'9' may be hours or minutes"):
        next(source.split("a"))


def test_a_midnight_beside_a_time_is_left_out():
    dates = ["2024-01-02 00:00:00"]
    source = table((0, "Date"), (1, "Time"), (2, "Close"), d=dates, t=["09:30"], c=[1])
    assert next(source.split("a"))[1].index[0] == "2024-01-02 09:30"


def test_rows_of_symbols():
    source = table((0, "Date"), (1, "Symbol"), (2, "Close"),
                   d=["a", "a", "b"], s=["X", " Y ", "X"], c=[1, 2, 3])  # fmt: skip
    parts = dict(source.split("a"))
    assert parts["X"]["Close"].tolist() == [1, 3] and parts["Y"]["Close"].tolist() == [2]


def test_columns_of_symbols_without_empty_rows():
    source = table((0, "Date"), (1, "Close", "X"), (2, "Close", "Y"),
                   d=["a", "b"], x=[1, 2], y=[None, 4])  # fmt: skip
    parts = dict(source.split("a"))
    assert parts["X"]["Close"].tolist() == [1, 2]
    assert parts["Y"]["Close"].tolist() == [4] and list(parts["Y"].index) == ["b"]


def test_no_rows_and_no_dates():
    with pytest.raises(PricesError, match="no rows"):
        list(table((0, "Date"), d=[]).split("a"))
    with pytest.raises(PricesError, match="no column of dates"):
        list(table((0, "Close"), c=[1]).split("a"))


def convert(decimal=None, **columns):
    frame = pd.DataFrame(columns)
    found = convert_texts(
        frame, {each: each for each in columns}, ReadOptions(decimal=decimal), "a"
    )
    return found, frame


def test_texts_become_numbers_with_one_mark():
    found, frame = convert(Open=["1,5", "2"], Close=["1.234", "995"])
    assert found == ","
    assert frame["Close"].tolist() == [1234, 995] and frame["Open"].tolist() == [1.5, 2]
    _, frame = convert(Close=["1,234"], Open=[1237.5])
    assert frame["Close"].tolist() == [1234]
    _, frame = convert(Close=["$5", "x"])
    assert frame["Close"].tolist() == ["$5", "x"]
    _, frame = convert(Close=[5.0], Volume=["1.2M"])
    assert frame["Volume"].tolist() == [1.2e6]


def test_a_mark_that_may_be_either_is_refused():
    with pytest.raises(PricesError, match=r"Close is 1,234 in row 1: .*--decimal"):
        convert(Close=["1,234", "995"])
    with pytest.raises(PricesError, match=r"Close is 110'165 in row 1"):
        convert(Close=["110'165", "110'170"])
    assert convert(".", Close=["110'165"])[1]["Close"].tolist() == [110165]
    assert convert(",", Close=["1,234"])[1]["Close"].tolist() == [1.234]
    assert convert(".", Close=["1,234"])[1]["Close"].tolist() == [1234]


def test_numbers_stay():
    found, frame = convert(Close=[1.5, 2.5])
    assert found is None and frame["Close"].tolist() == [1.5, 2.5]
    assert DEFAULT.decimal is None


def test_a_point_is_no_decimal_mark_where_the_user_says_comma():
    _, frame = convert(",", Close=["1,5", "100.5"])
    assert frame["Close"].tolist() == ["1,5", "100.5 with a decimal point"]


def days(*texts):
    return [f"{each}/01/2024" for each in texts]


@pytest.mark.parametrize(
    ("names", "dates", "symbols"),
    [
        (["A", "A", "B", "B"], days(2, 3, 2, 3), ["A", "B"]),
        (["A", "B", "A", "B"], days(2, 2, 3, 3), ["A", "B"]),
        (["A", "A", "B", "B"], days(2, 3, 4, 5), [None]),  # one contract follows another
        (["A", "A", "A", "A"], days(2, 3, 4, 5), [None]),
        (["A", "A", "B", "B"], days(2, 2, 3, 3), [None]),  # a date is there twice
        ([7, 7, 8, 8], days(2, 3, 2, 3), ["7", "8"]),
    ],
)
def test_rows_of_instruments(names, dates, symbols):
    """A column such as Contract names symbols where the dates prove it."""
    source = table((0, "Date"), (1, "Instrument"), (2, "Instrument"), (3, "Close"),
                   d=dates, v=["X"] * 4, n=names, c=[1, 2, 3, 4])  # fmt: skip
    parts = dict(source.split("a"))
    assert list(parts) == symbols and sum(map(len, parts.values())) == 4
    rows = next(iter(parts.values()))
    assert ("Instrument" in rows) == (symbols == [None] and len(set(names)) > 1)


def test_times_beside_dates_tell_instruments_apart():
    source = table((0, "Date"), (1, "Time"), (2, "Instrument"), (3, "Close"), d=days(2, 2, 2, 2),
                   t=["09:30", "09:31"] * 2, n=["A", "A", "B", "B"], c=[1, 2, 3, 4])  # fmt: skip
    assert [symbol for symbol, _ in source.split("a")] == ["A", "B"]
    minutes = table((0, "Date"), (1, "Time"), (2, "Instrument"), (3, "Close"), d=days(2, 2, 2, 2),
                    t=["09:30", "09:31", "09:32", "09:33"], n=["A", "A", "B", "B"],
                    c=[1, 2, 3, 4])  # fmt: skip
    assert [symbol for symbol, _ in minutes.split("a")] == [None]


def test_the_order_of_dates_is_that_of_the_file():
    source = table((0, "Date"), (1, "Symbol"), (2, "Close"), d=days("13", "02", "02"),
                   s=["A", "A", "B"], c=[1, 2, 3])  # fmt: skip
    assert source.date_orders == (("day", "month", "year"),)
