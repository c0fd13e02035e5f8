"""Small files of faults that people met: each is right, refused with the way out, or warned of."""

import re
from pathlib import Path

import pytest

from qmac.data.readers import read_prices
from qmac.data.symbols import read_symbols
from qmac.errors import PricesError

FOLDER = Path(__file__).parent / "price_files"
REFUSED = {
    "m01_header_longer.csv": "row 1 has 6 fields, but the header has 7",
    "m02_header_shorter.csv": "row 1 has 5 fields, but the header has 4",
    "m03_decimal_comma_unquoted.csv": "row 1 has 3 fields, but the header has 2.*comma",
    "m07_short_row.csv": "row 4 has 5 fields, but the header has 6",
    "m08_two_close_columns.csv": "Close twice",
    "m09_year_missing.csv": "'2-Jan', which has no year",
    "m11_time_only.csv": "a time without a day",
    "m26_title_line.csv": "a line above the header: 'Prices of AAA'",
    "m27_dst_30min.csv": "clock was set back .*--timezone",
    "m31_monthly_mmm_yy.csv": "'Nov-22', which has no day.*first of the month",
    "m35_tushare.csv": "'ts_code', was taken for the dates.*--date trade_date",
    "m49_html.csv": "HTML",
}
WARNED = {
    "m06_thousands_dot_german.csv": r"row 3 \(2024-01-04",
    "m54_thousands_dot_iso.csv": r"row 3 \(2024-01-04",
    "m15_adj_close_split.csv": "--adjusted",
    "m17_live_row_same_day.csv": r"row 7 \(2024-01-09 15:42",
    "m18_lost_point.csv": r"row 3 \(2024-01-04",
    "m29_open_zero.csv": "Open is not read: .*row 1",
    "m36_volume_twice.csv": "Volume is not read: .*twice",
    "m37_one_minute_session.csv": "one session",
    "m43_weekly_then_daily.csv": "row",
}
READ = {
    "m13_berlin.csv": ([100, 101, 102], "2024-03-27 00:00:00", "2024-03-28 00:00:00"),
    "m20_unix_seconds.csv": ([101, 102, 103], "2024-01-02 00:00:00+00:00", "2024-01-03"),
    "m22_klines_no_header.csv": ([101, 102, 103], "2025-01-02 00:00:00+00:00", "2025-01-03"),
    "m23_hhmmss.csv": ([100, 101, 102], "2024-01-02 09:30:00", "2024-01-02 09:31:00"),
    "m24_yf_three_row_head.csv": ([100, 101, 102], "2024-01-02 00:00:00", "2024-01-03"),
    "m25_utf16.csv": ([100, 101, 102], "2024-01-02 00:00:00", "2024-01-03"),
    "m28_date_and_timestamp.csv": ([100, 101, 102], "2024-01-02 09:00:00", "2024-01-02 10:00:00"),
    "m30_dollar.csv": ([100, 101, 102], "2024-01-10 00:00:00", "2024-01-11"),
    "m33_ib_zone.csv": ([100, 101, 102], "2024-01-02 09:30:00-05:00", "2024-01-02 10:30:00-05:00"),
    "m34_semicolon.csv": ([100, 101, 102], "2024-01-02 00:00:00", "2024-01-03"),
    "m38_json.json": ([101, 102], "2024-01-02 00:00:00+00:00", "2024-01-03"),
}


def test_every_file_has_a_row():
    known = {*REFUSED, *WARNED, *READ, "m52_wide.csv"}
    assert {file.name for file in FOLDER.iterdir()} == known


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(PricesError, match=REFUSED[name]):
        read_prices(FOLDER / name)


@pytest.mark.parametrize("name", WARNED)
def test_warned(name):
    warnings = read_prices(FOLDER / name).warnings
    assert any(re.search(WARNED[name], text) for text in warnings), warnings


@pytest.mark.parametrize("name", READ)
def test_read(name):
    closes, first, second = READ[name]
    (prices,) = read_symbols(FOLDER / name).prices.values()
    assert prices.close[: len(closes)].tolist() == closes
    assert str(prices.index[0]) == first
    assert str(prices.index[1]).startswith(second)
    assert not any("row" in text for text in prices.warnings), prices.warnings


def test_closes_side_by_side():
    prices = read_symbols(FOLDER / "m52_wide.csv").prices
    assert list(prices) == ["AAA", "BBB"]
    assert prices["BBB"].close[:3].tolist() == [50, 51, 52]
