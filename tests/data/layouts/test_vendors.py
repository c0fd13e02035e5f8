"""Each layout of the table reads its example, as a file and as a frame."""

import re

import pandas as pd
import pytest
from helpers.layouts import check_frame, check_layout, read_text

from qmac.data.layouts import vendors
from qmac.data.options import ReadOptions
from qmac.data.prices import Prices
from qmac.data.symbols import from_frame, read_symbols
from qmac.errors import PricesError

pytestmark = pytest.mark.slow

BY_NAME = {layout.name: layout for layout in vendors.LAYOUTS}
WITH_SPLIT = ("Alpha Vantage, adjusted", "Tiingo", "Quandl WIKI")
OHLCV = "100,102,99,101,5"


@pytest.mark.parametrize("layout", vendors.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", vendors.LAYOUTS, ids=lambda layout: layout.name)
def test_frame_of_the_example(layout, tmp_path):
    check_frame(layout, tmp_path)
    if layout.example.startswith(("Date", "date", "timestamp", "Timestamp")):
        check_frame(layout, index_col=0)


@pytest.mark.parametrize("name", WITH_SPLIT)
def test_a_split_beside_adjusted_closes(name, tmp_path):
    raw = read_text(BY_NAME[name].example, tmp_path)["prices"]
    assert any("Adj Close is not Close: from row 2 to row 3" in note for note in raw.origin.notes)
    assert not any("split factor" in note for note in raw.origin.notes)
    adjusted = read_text(BY_NAME[name].example, tmp_path, ReadOptions(adjusted=True))["prices"]
    assert adjusted.close.tolist() == [50.5, 51.0, 51.5]
    assert adjusted.column("High").tolist() == [51.0, 51.5, 52.0]
    assert adjusted.origin.adjusted is True


def test_closes_that_the_user_names_are_not_said_to_be_split(tmp_path):
    options = ReadOptions(close="adjClose")
    prices = read_text(BY_NAME["Tiingo"].example, tmp_path, options)["prices"]
    assert prices.close.tolist() == [50.5, 51.0, 51.5] and not prices.origin.notes
    assert prices.origin.adjusted is True


def test_adjusted_closes_that_cannot_be_taken_say_why(tmp_path):
    text = BY_NAME["EODHD"].example.replace(",100.5,", ",,")
    prices = read_text(text, tmp_path)["prices"]
    assert prices.origin.adjusted is False and "Adj Close is empty" in prices.origin.notes[0]
    with pytest.raises(PricesError, match="Adj Close is empty in row 1"):
        read_text(text, tmp_path, ReadOptions(adjusted=True))


@pytest.mark.parametrize(
    ("column", "values", "note"),
    [
        ("split_coefficient", ("1.0", "2.0"), r"the split factor is 2.0 in row 2 \(2024-01-03"),
        ("splitFactor", ("0", "2"), "split factor is 2 in row 2"),
        ("Split Ratio", ("", "2:1"), "split factor is 2:1 in row 2"),
        ("split_factor", ("3", "2"), r"is 3 in row 1 \(2024-01-02 00:00:00\) \(1 more rows too\)"),
        ("split_factor", ("1", "0"), None),
        ("Stock Splits", ("0", "2"), None),
    ],
)
def test_a_split_without_adjusted_closes_is_said(column, values, note, tmp_path):
    rows = [f"2024-01-0{day},100,{value}" for day, value in zip((2, 3), values, strict=True)]
    text = "\n".join((f"date,close,{column}", *rows, ""))
    prices = read_text(text, tmp_path)["prices"]
    turned = read_text("\n".join((f"date,close,{column}", *rows[::-1], "")), tmp_path)["prices"]
    for each in (prices, turned):
        notes = [text for text in each.origin.notes if "the split factor is" in text]
        assert bool(notes) == (note is not None)
    assert note is None or re.search(note, prices.origin.notes[0])


@pytest.mark.parametrize(
    ("text", "close", "first"),
    [
        (
            f"timestamp,open,high,low,close,volume\n2024-01-03,{OHLCV}\n2024-01-02,{OHLCV}\n",
            "close",
            "2024-01-02 00:00:00",  # Alpha Vantage
        ),
        (
            (
                "date,open,high,low,close,adjClose,volume,unadjustedVolume,change,changePercent,"
                'label,changeOverTime\n2024-01-03,100,102,99,101,101,5,5,1,1,"January 03, 24",0\n'
            ),
            "close",
            "2024-01-03 00:00:00",  # Financial Modeling Prep
        ),
        (
            (
                "open,high,low,close,volume,adj_high,adj_low,adj_close,adj_open,adj_volume,"
                "split_factor,dividend,symbol,exchange,date\n"
                "100,102,99,101,5,102,99,101,100,5,1.0,0.0,AAPL,XNAS,2024-01-03T00:00:00+0000\n"
            ),
            "close",
            "2024-01-03 00:00:00+00:00",  # marketstack
        ),
        (
            (
                "close,high,low,open,symbol,volume,id,key,subkey,date,updated,label,change\n"
                "101,102,99,100,AAPL,5,HISTORICAL_PRICES,AAPL,,2024-01-03,1704326400000,x,1\n"
            ),
            "close",
            "2024-01-03 00:00:00",  # IEX
        ),
        (
            f"datetime;open;high;low;close;volume\n2024-01-03;{OHLCV.replace(',', ';')}\n",
            "close",
            "2024-01-03 00:00:00",  # Twelve Data
        ),
        (
            (
                "Date,Open,High,Low,Close,Volume,Turnover,Unadjusted Close,Dividend\n"
                "20240103,100,102,99,101,5,505,202,0\n"
            ),
            "Close",
            "2024-01-03 00:00:00",  # Norgate
        ),
    ],
)
def test_vendors_whose_columns_have_the_usual_names(text, close, first, tmp_path):
    (prices,) = read_text(text, tmp_path).values()
    assert (prices.origin.layout, prices.origin.close) == ("columns by name", close)
    assert set(prices.close) == {101} and str(prices.index[0]) == first


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"01/02/2024,09:30,{OHLCV}\n01/03/2024,09:30,{OHLCV}\n", "day or the month first"),
        ("01/16/2024,09:30,100,99,102,101,5\n", "has no header"),  # not open, high, low, close
        (f"2024-01-02 09:30:00,{OHLCV}\n2024-01-02 09:31:00,{OHLCV}\n", "has no header.*--columns"),
        (f"01/16/2024,{OHLCV}\n01/17/2024,{OHLCV}\n", "has no header, .*--columns"),
    ],
)
def test_rows_without_a_header_that_prove_nothing(text, says, tmp_path):
    with pytest.raises(PricesError, match=says):
        read_text(text, tmp_path)


@pytest.mark.parametrize("ending", [None, "parquet"])
def test_the_frame_of_alpaca(ending, tmp_path):
    days = pd.to_datetime(["2024-03-08 05:00", "2024-03-11 04:00"], utc=True)
    index = pd.MultiIndex.from_product([["SPY", "QQQ"], days], names=["symbol", "timestamp"])
    names = ["open", "high", "low", "close", "volume", "trade_count", "vwap"]
    values = [[100.0, 102, 99, 101 + row, 5, 5, 100] for row in range(4)]
    frame = pd.DataFrame(values, index, names)
    if ending:
        frame.to_parquet(tmp_path / "bars.parquet")
        prices = read_symbols(tmp_path / "bars.parquet").prices
    else:
        prices = from_frame(frame).prices
    assert prices["QQQ"].close.tolist() == [103, 104]
    assert prices["SPY"].origin.layout == "Alpaca"
    assert [str(day.date()) for day in prices["SPY"].index] == ["2024-03-08", "2024-03-11"]
    assert set(prices["SPY"].index.hour) == {0}
    one = Prices.of(frame.loc["SPY"])
    assert one.origin.layout == "Alpaca" and (one.index == prices["SPY"].index).all()


@pytest.mark.parametrize("name", [name for name in BY_NAME if name.startswith("Databento")])
def test_prices_below_zero_are_no_other_layout(name, tmp_path):
    layout = BY_NAME[name]
    below = re.sub(r",(100(\.?0+))", r",-\1", layout.example, count=1)
    assert below != layout.example
    prices = read_text(below, tmp_path)[layout.symbol]
    assert prices.origin.layout == name and prices.close.tolist() == list(layout.closes)


def test_the_frame_of_databento():
    moments = pd.to_datetime(["2024-01-02 14:30", "2024-01-02 14:31"], utc=True)
    index = pd.DatetimeIndex(moments, name="ts_event")
    frame = pd.DataFrame(
        {"rtype": 33, "publisher_id": 1, "instrument_id": 7, "open": 100.25, "high": 102.0,
         "low": 99.0, "close": [101.5, 102.5], "volume": 5, "symbol": "ESH4"}, index,
    )  # fmt: skip
    prices = from_frame(frame).prices["ESH4"]
    assert prices.close.tolist() == [101.5, 102.5] and prices.origin.layout == "Databento"


def test_the_frame_of_tiingo():
    days = pd.date_range("2024-03-08", periods=2, tz="UTC", name="date")
    names = ["close", "high", "low", "open", "volume", "adjClose", "adjHigh", "adjLow", "adjOpen",
             "adjVolume", "divCash", "splitFactor"]  # fmt: skip
    prices = Prices.of(pd.DataFrame(100.0, days, names))
    assert prices.origin.layout == "Tiingo" and (prices.index == days).all()
