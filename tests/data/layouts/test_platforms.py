"""Each layout of the table reads its example, as a file and as a frame."""

import pandas as pd
import pytest
from helpers.layouts import check_frame, check_layout

from qmac.data.layouts import platforms
from qmac.data.readers import read_prices

READ = [layout for layout in platforms.LAYOUTS if not layout.refusal]


@pytest.mark.parametrize("layout", platforms.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", READ, ids=lambda layout: layout.name)
def test_frame(layout):
    check_frame(layout)


def read(text, tmp_path, file="a.csv"):
    path = tmp_path / file
    path.write_text(text)
    return read_prices(path)


@pytest.mark.parametrize(
    ("layout", "text", "last"),
    [
        (
            "TradingView",
            (
                "time,open,high,low,close,Volume\n2024-07-01T09:30:00-04:00,100,102,99,101,5\n"
                "2024-07-01T10:00:00-04:00,100,102,99,101,5\n"
            ),
            "2024-07-01 10:00:00-04:00",
        ),
        (
            "TradingView",
            "time,open,high,low,close\n2024-07-01,100,102,99,101\n2024-07-02,100,102,99,101\n",
            "2024-07-02 00:00:00",
        ),
        (
            "TradingView",
            (
                "time,open,high,low,close,Volume,Close,Open\n1704326400,100,102,99,101,5,7,8\n"
                "1704412800,100,102,99,101,5,7,8\n"
            ),
            "2024-01-05 00:00:00+00:00",
        ),
        (
            "MetaTrader 5",
            (
                "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
                "2024.01.02\t100\t102\t99\t101\t50\t0\t4\n2024.01.03\t100\t102\t99\t101\t50\t0\t4\n"
            ),
            "2024-01-03 00:00:00",
        ),
        (
            "NinjaTrader",  # and HistData under another name: no zone is proven
            "20240102 093000;100;102;99;101;5\n20240102 093100;100;102;99;101;5\n",
            "2024-01-02 09:31:00",
        ),
        (
            "MetaTrader 4",  # and HistData
            "2024.01.02,17:00,100,102,99,101,0\n2024.01.02,17:01,100,102,99,101,0\n",
            "2024-01-02 17:01:00",
        ),
        (
            "Interactive Brokers",
            (
                ",date,open,high,low,close,volume,average,barCount\n0,2024-01-02,100,102,99,101,5,1,1\n"
                "1,2024-01-03,100,102,99,101,5,1,1\n"
            ),
            "2024-01-03 00:00:00",
        ),
        (
            "Interactive Brokers",
            (
                "date,open,high,low,close,volume,average,barCount\n20240102,100,102,99,101,5,1,1\n"
                "20240103,100,102,99,101,5,1,1\n"
            ),
            "2024-01-03 00:00:00",
        ),
        (
            "Dukascopy, local time",  # days of summer and winter stay days
            (
                "Local time,Open,High,Low,Close,Volume\n"
                "03.02.2024 00:00:00.000 GMT+0100,100,102,99,101,5\n"
                "05.05.2024 00:00:00.000 GMT+0200,100,102,99,101,5\n"
            ),
            "2024-05-05 00:00:00",
        ),
        (
            "AmiBroker and MetaStock",
            (
                "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
                "AAA,20240102,0,100,102,99,101,5\nAAA,20240102,930,100,102,99,101,5\n"
            ),
            "2024-01-02 09:30:00",
        ),
        (
            "AmiBroker and MetaStock",
            (
                "<Ticker>,<DTYYYYMMDD>,<Open>,<High>,<Low>,<Close>,<Volume>\n"
                "AAA,20240103,100,102,99,101,5\nAAA,20240102,100,102,99,101,5\n"
            ),
            "2024-01-03 00:00:00",
        ),
    ],
)
def test_other_forms(layout, text, last, tmp_path):
    prices = read(text, tmp_path)
    assert prices.origin.layout == layout
    assert prices.close.tolist() == [101, 101]
    assert str(prices.index[-1]) == last


def test_histdata_is_known_by_the_name_of_its_file(tmp_path):
    text = "20240702 170000;100;102;99;101;0\n20240702 170100;100;102;99;101;0\n"
    prices = read(text, tmp_path, "DAT_NT_EURUSD_M1_202407.csv")
    assert prices.origin.layout == "HistData"
    assert prices.index[0] == pd.Timestamp("2024-07-02 22:00", tz="UTC")  # no summer time


def test_numbers_of_ticks_are_the_volume(tmp_path):
    layout = next(each for each in platforms.LAYOUTS if each.name == "MetaTrader 5")
    assert read(layout.example, tmp_path).column("Volume").tolist() == [50, 60, 70]


def test_a_session_of_minutes(tmp_path):
    rows = [f"2024.01.{day:02},{hour:02}:{minute:02},100,102,99,101,5\n"
            for day in (2, 3) for hour in range(10, 16) for minute in range(60)]  # fmt: skip
    assert read("".join(rows), tmp_path).periods_per_year == 360 * 252
