"""Frames of users: dates in the index, in a column, in a level of the index."""

import pandas as pd
import pytest
from helpers.series import ohlc

from qmac.data.frames import read_table
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.prices import Prices, build_prices
from qmac.errors import PricesError

GOOD = ohlc("random", 30, 1)


def same(data, options=DEFAULT):
    prices = build_prices(read_table(data, options, "a"), options, "a")
    return prices.close.tolist() == GOOD["Close"].tolist() and (prices.index == GOOD.index).all()


def test_dates_may_be_anywhere():
    column = GOOD.reset_index(names="Date")
    assert same(GOOD) and same(column) and same(column.set_index("Date"))
    assert same(column.rename(columns={"Date": "timestamp"}))
    assert same(column.astype({"Date": "str"}))
    assert same(GOOD.assign(Time="x", Date="y"))  # the index has them
    levels = GOOD.assign(symbol="SPY").set_index("symbol", append=True)
    assert same(levels) and same(levels.swaplevel())


def test_columns_of_the_users_choice():
    renamed = GOOD.rename(columns={"Close": "Last"})
    assert same(renamed, ReadOptions(close="Last"))
    assert same(renamed.reset_index(names="when"), ReadOptions(close="Last", date="when"))
    with pytest.raises(PricesError, match="no column called 'No'"):
        read_table(GOOD, ReadOptions(close="No"), "a")


def test_columns_twice():
    twice = pd.concat([GOOD[["Close"]], GOOD[["Close"]]], axis=1)
    with pytest.raises(PricesError, match="Close twice"):
        Prices.of(twice)
    with pytest.raises(PricesError, match="Close twice"):
        Prices.of(GOOD.rename(columns={"Open": "Close.1"}))


@pytest.mark.parametrize("columns", [["Close"], ["Close", "High"]])
def test_an_index_that_counts_rows_has_no_dates(columns):
    with pytest.raises(PricesError, match="values such as 0, not dates"):
        Prices.of(GOOD[columns].reset_index(drop=True))


def test_rows_without_names_are_those_of_a_known_layout_or_refused():
    day, bar = 86_400_000, [100.0, 102.0, 99.0, 101.0, 5.0]
    frame = pd.DataFrame([[1_704_153_600_000 + day * row, *bar] for row in range(3)])
    assert Prices.of(frame).origin.layout == "ccxt and freqtrade arrays"
    swapped = frame[[0, 1, 4, 2, 3, 5]].set_axis(range(6), axis=1)
    assert Prices.of(swapped).origin.layout == "Bitfinex arrays"
    assert Prices.of(swapped).close.tolist() == [101] * 3
    flat = frame.copy()
    flat[[1, 2, 3, 4]] = 100.0
    with pytest.raises(PricesError, match="no names of columns.* Name the columns"):
        Prices.of(flat)
    words = ReadOptions(columns="date,open,high,low,close,volume")
    assert read_table(flat, words, "a").selection.close == "number 5"


def test_the_first_column_of_a_file_has_the_dates():
    data = GOOD.reset_index(names="when")
    table = read_table(data, DEFAULT, "a.parquet", is_file=True)
    assert {column.role: column.place for column in table.selection.columns}["Date"] == 0


def test_three_levels_are_refused():
    columns = pd.MultiIndex.from_tuples([("a", "b", "Close")])
    with pytest.raises(PricesError, match="3 levels"):
        Prices.of(pd.DataFrame([[5.0]], GOOD.index[:1], columns))


def test_an_index_that_counts_rows_is_none_of_dates():
    column = GOOD.reset_index(names="Date")
    assert same(column.set_axis(range(5, 35)))
    halves = pd.concat([column.head(15), column.tail(15).reset_index(drop=True)])
    assert same(halves)
    numbered = GOOD.set_axis(GOOD.index.strftime("%Y%m%d").astype(int))
    assert same(numbered.assign(Date="x"))
