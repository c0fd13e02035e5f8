"""Each layout of the table reads its example, as a file and as a frame."""

import numpy as np
import pandas as pd
import pytest
from helpers.layouts import check_frame, check_layout, read_text

from qmac.data.layouts import downloads
from qmac.data.options import ReadOptions
from qmac.data.prices import Prices
from qmac.data.symbols import from_frame
from qmac.errors import PricesError

pytestmark = pytest.mark.slow

BARCHART = (
    "Time,Open,High,Low,Latest,Change,%Change,Volume\n"
    "2024-01-16,100,102,99,101.5,1,-1.00%,5000\n"
    "2024-01-17,101,103,100,102.5,1,+0.99%,6000\n"
)
FOOTER = '"Downloaded from Barchart.com as of 01-18-2024 04:00am CST"'
YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n"
INVESTING = '"Date","Price","Open","High","Low","Vol.","Change %"\n'


@pytest.mark.parametrize("layout", downloads.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", downloads.LAYOUTS, ids=lambda layout: layout.name)
def test_frame_of_the_example(layout, tmp_path):
    codes = {"dtype": {"股票代码": "str"}} if layout.name == "AKShare" else {}
    check_frame(layout, tmp_path, **codes)
    if layout.example.startswith(("Date", "observation_date", '"Dat')):
        check_frame(layout, index_col=0)


@pytest.mark.parametrize(
    ("text", "layout", "closes"),
    [
        (
            YAHOO + "2024-01-02,100,102,99,101,50.5,10\n2024-01-03,50,52,49,51,51,20\n",
            "Yahoo Finance",
            [101, 51],
        ),
        (
            (
                "Date\tOpen\tHigh\tLow\tClose \tAdj Close \tVolume\n"
                "Jan 3, 2024\t51\t53\t50\t52\t52\t10,000\nJan 2, 2024\t50\t52\t49\t51\t51\t-\n"
            ),
            "Yahoo Finance",
            [51, 52],
        ),
        (
            (
                "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
                "2024-03-08 15:30:00-05:00,1,2,1,1.5,5,0,0\n"
                "2024-03-11 09:30:00-04:00,1,2,1,1.6,5,0,0\n"
            ),
            "yfinance history",
            [1.5, 1.6],
        ),
        (
            INVESTING + '"17/01/2024","1,003.5","1","1","1","1.2M","0%"\n'
            '"16/01/2024","1,002.5","1","1","1","","0%"\n',
            "Investing.com",
            [1002.5, 1003.5],
        ),
        (
            INVESTING + '"Jan 17, 2024","1,003","1","1","1","1.2M","0%"\n'
            '"Jan 16, 2024","1,002","1","1","1","-","0%"\n',
            "Investing.com",
            [1002, 1003],
        ),
        (
            (
                "Date, Close/Last, Volume, Open, High, Low\n"
                "01/04/2024, $102.00, N/A, $102.00, $104.00, $101.00\n"
                "01/03/2024, $101.00, 7000, $101.00, $103.00, $100.00\n"
            ),
            "Nasdaq.com",
            [101, 102],
        ),
        (
            (
                "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>\n"
                "A;D;20240103;0;100;101;99;100.5;10\nA;D;20240104;0;100;101;99;100.7;10\n"
            ),
            "Stooq and Finam text",
            [100.5, 100.7],
        ),
        (
            "DATE,SP500\n2024-01-01,.\n2024-01-02,100.5\n2024-01-03,101.5\n",
            "FRED",
            [100.5, 101.5],
        ),
        (
            (
                "Date,Open,High,Low,Close,Volume\n1/12/2024 16:00:00,100,102,99,101,5\n"
                "1/16/2024 16:00:00,100,102,99,102,5\n"
            ),
            "columns by name",  # Google Finance
            [101, 102],
        ),
        (
            (
                "Date, Open, High, Low, Close\n01/17/24, 102.00, 104.00, 101.00, 103.50\n"
                "01/16/24, 101.00, 103.00, 100.00, 102.50\n"
            ),
            "columns by name",  # The Wall Street Journal
            [102.5, 103.5],
        ),
        (
            (
                'Date,Open,High,Low,Close,Volume\n01/17/2024,"4,702.00","4,704.00","4,701.00","4,703.50","1"\n'
                '01/16/2024,"4,701.00","4,703.00","4,700.00","4,702.50","1,234,567"\n'
            ),
            "columns by name",  # MarketWatch
            [4702.5, 4703.5],
        ),
    ],
)
def test_relatives(text, layout, closes, tmp_path):
    (prices,) = read_text(text, tmp_path).values()
    assert (prices.origin.layout, prices.close.tolist()) == (layout, closes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (INVESTING + '"04/01/2024","1","1","1","1","1.2M","0%"\n', "day or the month first"),
        (YAHOO.replace("Close", "Close*", 1) + "Jan 2, 2024,1,1,1,1,1,1\n", "row 1 has 8 fields"),
        ("DATE,GNPCA\n2024-01-01,100.5\n2024-04-01,101.5\n", "--close 'GNPCA'"),
        ("Symbol,Date,Prev Close,Close Price\nA,02-Jan-2024,1,2\n", "Did you mean 'Close Price'"),
    ],
)
def test_what_is_not_proven_is_refused(text, says, tmp_path):
    with pytest.raises(PricesError, match=says):
        read_text(text, tmp_path)


@pytest.mark.parametrize("end", ["", FOOTER, FOOTER + "\n", FOOTER + "\r\n\r\n"])
def test_a_footer_is_no_row(end, tmp_path):
    prices = read_text(BARCHART + end, tmp_path)["prices"]
    assert prices.close.tolist() == [101.5, 102.5]
    with pytest.raises(PricesError, match="row 3 has 1 fields"):
        read_text(BARCHART + end + '\n"More"\n', tmp_path)


def test_rows_of_holidays_are_left_out_and_said(tmp_path):
    rows = "2024-01-02,100,102,99,101,101,10\n2024-01-03,null,null,null,null,null,null\n"
    prices = read_text(YAHOO + rows + "2024-01-04,50,52,49,102,102,20\n", tmp_path)["prices"]
    assert prices.close.tolist() == [101, 102]
    assert "rows without any price" in prices.origin.notes[0]


def test_adjusted_closes_scale_the_bar(tmp_path):
    text = YAHOO + "2024-01-02,100,102,96,100,50,10\n2024-01-03,50,52,49,51,51,20\n"
    prices = read_text(text, tmp_path, ReadOptions(adjusted=True))["prices"]
    assert prices.close.tolist() == [50, 51] and prices.origin.adjusted is True
    assert prices.column("High").tolist() == [51, 52]
    assert prices.column("Low").tolist() == [48, 49]


def test_frames_of_yfinance():
    days = pd.date_range("2024-03-08", periods=3, freq="D", tz="America/New_York", name="Date")
    names = ["Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"]
    history = pd.DataFrame(np.arange(21.0).reshape(3, 7) + 1, days, names)
    prices = Prices.of(history)
    assert prices.origin.layout == "yfinance history" and prices.origin.adjusted is True
    assert (prices.index == days).all() and prices.close.tolist() == [4, 11, 18]
    closes = pd.DataFrame({"SPY": [1.0, 2, 3], "BRK-B": [np.nan, 5, 6]}, days)
    closes.columns.name = "Ticker"
    symbols = from_frame(closes).prices
    assert symbols["BRK-B"].close.tolist() == [5, 6] and len(symbols["SPY"]) == 3
