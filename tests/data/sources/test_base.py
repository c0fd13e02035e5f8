"""When a bar is closed, what a request says, and what is imported for it."""

import subprocess
import sys

import pandas as pd
import pytest

from qmac.data.sources import base
from qmac.data.sources.base import BarsRequest, find_closed
from qmac.data.sources.names import parse_names

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1h", "2024-03-10 01:00", "2024-03-10 02:00"),
        ("15m", "2024-03-10 01:00", "2024-03-10 01:15"),
        ("90m", "2024-03-10 01:00", "2024-03-10 02:30"),
        ("1d", "2024-03-10", "2024-03-11"),
        ("1w", "2024-03-04", "2024-03-11"),
        ("1mo", "2024-02-01", "2024-03-01"),
        ("3mo", "2024-01-01", "2024-04-01"),
    ],
)
def test_a_bar_is_closed_when_its_time_is_over(interval, start, end):
    starts, second = pd.DatetimeIndex([start]), pd.Timedelta(seconds=1)
    assert not find_closed(starts, interval, pd.Timestamp(end) - second).any()
    assert find_closed(starts, interval, pd.Timestamp(end)).all()


def test_a_day_of_25_hours_is_closed_at_its_end():
    starts = pd.DatetimeIndex(["2024-10-27"]).tz_localize("Europe/London")
    late = pd.Timestamp("2024-10-27 23:30", tz="Europe/London")
    assert late - starts[0] > pd.Timedelta(hours=24)
    assert not find_closed(starts, "1d", late).any()


def test_requests_know_whether_bars_are_shorter_than_a_day():
    (hours,), (days,) = parse_names("a1:X:4h"), parse_names("a1:X")
    assert BarsRequest(hours).is_intraday and not BarsRequest(days).is_intraday
    assert (BarsRequest(hours).symbol, BarsRequest(hours).interval) == ("X", "4h")


def test_the_time_is_utc():
    assert abs(base.utc_now() - pd.Timestamp.now("UTC").tz_localize(None)) < pd.Timedelta("1min")


LIGHT = """
import sys
import qmac.data.sources.names
assert not {"pandas", "numpy", "yfinance", "ccxt"} & set(sys.modules), "names"
import qmac.data.sources.fetching, qmac.data.sources.yahoo, qmac.data.sources.exchange
assert not {"yfinance", "ccxt", "curl_cffi", "requests", "numba"} & set(sys.modules), "sources"
"""


def test_libraries_are_imported_when_they_fetch():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
