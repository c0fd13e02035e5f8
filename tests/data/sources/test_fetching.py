"""Which requests are sent, what the copy is used for, and what a fetch returns."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from helpers.vendors import Klines, yahoo_days

import qmac
from qmac.data.sources import fetching, registry
from qmac.data.sources.base import Bars
from qmac.errors import OptionError, SourceBusyError, SourceError

pytestmark = pytest.mark.slow

HOURS = "binance:BTC/USDT:1h"


@pytest.fixture
def market(vendors, clock):
    """Two symbols of Yahoo and one of Binance, at noon of 2024-03-15."""
    vendors.yahoo |= {"SPY": yahoo_days("2024-01-05", 50), "QQQ": yahoo_days("2024-01-05", 40, 2)}
    vendors.klines["BTC/USDT"] = Klines(pd.Timestamp("2024-03-01", tz="UTC"), 500)
    return vendors


def count_requests(market, call):
    before = len(market.requests)
    call()
    return len(market.requests) - before


def test_one_name_is_prices_and_several_are_a_dict(market):
    one = qmac.fetch("yahoo:SPY")
    assert isinstance(one, qmac.Prices) and one.name == "SPY" and len(one) == 50
    assert one.origin.to_dict() == {"layout": "a copy of yahoo", "close": "Close", "adjusted": True}
    both = qmac.fetch("yahoo:SPY,QQQ")
    assert list(both) == ["SPY", "QQQ"] and both["QQQ"].name == "QQQ"
    assert list(qmac.fetch(["yahoo:SPY"])) == ["SPY"]
    mixed = qmac.fetch(("yahoo:QQQ", "binance:BTC/USDT:1h"))
    assert list(mixed) == ["QQQ", "BTC/USDT"]
    result = qmac.optimize_many(both, qmac.Grid(windows=(2, 3, 5, 8)))
    assert list(result) == ["SPY", "QQQ"]


@pytest.mark.parametrize(
    ("name", "hours", "requests"),
    [("yahoo:SPY", 11.9, 0), ("yahoo:SPY", 12.1, 1), (HOURS, 0.9, 0), (HOURS, 1.1, 1)],
)
def test_a_copy_is_used_for_12_hours_or_for_the_length_of_its_bars(
    market, clock, name, hours, requests
):
    qmac.fetch(name)
    clock(pd.Timestamp("2024-03-15 12:00") + pd.Timedelta(hours=hours))
    assert count_requests(market, lambda: qmac.fetch(name)) == requests


def test_max_age_refresh_and_offline(market, clock):
    qmac.fetch("yahoo:SPY")
    clock("2024-03-15 13:00")
    for options, requests in [
        ({"max_age": "2h"}, 0),
        ({"max_age": 3599}, 1),  # which writes the copy anew
        ({"refresh": True}, 1),
        ({"max_age": 0}, 1),
        ({"offline": True}, 0),
    ]:
        assert count_requests(market, lambda o=options: qmac.fetch("yahoo:SPY", **o)) == requests
    clock("2029-01-01")
    assert count_requests(market, lambda: qmac.fetch("yahoo:SPY", offline=True)) == 0


def test_a_copy_from_the_future_is_not_new(market, clock):
    """A clock was set back."""
    qmac.fetch("yahoo:SPY")
    clock("2024-03-15 11:00")
    assert count_requests(market, lambda: qmac.fetch("yahoo:SPY")) == 1


def test_offline_without_a_copy_says_what_to_do(market):
    with pytest.raises(SourceError) as raised:
        qmac.fetch("yahoo:SPY", offline=True)
    assert str(raised.value) == (
        "yahoo:SPY has no copy on this machine. Fetch it once with a network: qmac fetch yahoo:SPY"
    )
    with pytest.raises(SourceError, match="qmac fetch yahoo:SPY --raw"):
        qmac.fetch("yahoo:SPY", offline=True, raw=True)
    assert market.requests == []


def test_offline_needs_no_library(market, monkeypatch):
    qmac.fetch("yahoo:SPY")
    monkeypatch.setattr(registry, "find_source", None)
    assert len(qmac.fetch("yahoo:SPY", offline=True)) == 50


def test_since_is_that_of_the_copy_until_an_earlier_one_is_requested(market, clock):
    assert qmac.fetch("yahoo:SPY", since="2024-02").index[0] == pd.Timestamp("2024-02-01")
    assert count_requests(market, lambda: qmac.fetch("yahoo:SPY")) == 0
    assert qmac.fetch("yahoo:SPY").index[0] == pd.Timestamp("2024-02-01")
    clock("2024-03-16 12:00")
    assert qmac.fetch("yahoo:SPY").index[0] == pd.Timestamp("2024-02-01")
    assert qmac.fetch("yahoo:SPY", since=dt.date(2024, 1, 5)).index[0] == pd.Timestamp("2024-01-05")
    later = lambda: qmac.fetch("yahoo:SPY", since="2024-03-01")
    assert count_requests(market, later) == 0 and later().index[0] == pd.Timestamp("2024-03-01")
    assert len(qmac.fetch("yahoo:SPY")) == 50  # the copy is as long as it was


def test_an_exchange_is_fetched_whole_again_from_an_earlier_day(market):
    assert len(qmac.fetch(HOURS, since="2024-03-10")) == 132
    prices = qmac.fetch(HOURS, since="2024-03-01")
    assert len(prices) == 348 and prices.index.is_monotonic_increasing


@pytest.mark.parametrize("since", ["soon", "2024-13", "10:30", 2010, "", "now", [], "20x0"])
def test_since_is_a_day_or_a_year(market, since):
    with pytest.raises(OptionError, match="since must be a day such as 2010-01-04, or a year"):
        qmac.fetch("yahoo:SPY", since=since)


def test_days_that_cannot_be_served_are_one_sentence(market):
    with pytest.raises(OptionError, match="since must not be in the future"):
        qmac.fetch("yahoo:SPY", since="2031")
    qmac.fetch("yahoo:SPY")
    with pytest.raises(SourceError, match="SPY has no bars since 2024-03-15: the last is of 2024"):
        qmac.fetch("yahoo:SPY", since="2024-03-15")
    with pytest.raises(OptionError, match="refresh and offline exclude each other"):
        qmac.fetch("yahoo:SPY", refresh=True, offline=True)


def test_symbols_that_fail_do_not_stop_the_others(market):
    with pytest.raises(SourceError) as raised:
        qmac.fetch("yahoo:NOPE,SPY,NIX")
    assert str(raised.value).startswith(
        "there are no prices of yahoo:NOPE, yahoo:NIX; the others are stored. The first: yahoo has"
    )
    assert len(qmac.fetch("yahoo:SPY", offline=True)) == 50


def test_progress_is_told_of_each_page(market):
    market.klines["BTC/USDT"].page = 200
    statuses = []
    qmac.fetch(["yahoo:SPY", HOURS], progress=statuses.append)
    assert statuses == [
        ("yahoo:SPY", 0, 2, 0), ("yahoo:SPY", 0, 2, 50),
        (HOURS, 1, 2, 0), (HOURS, 1, 2, 200), (HOURS, 1, 2, 348),
    ]  # fmt: skip


class Scripted:
    """A source of another package, which gives what a test says."""

    library = "scripted 1.0"
    appends = False
    pause_seconds = 0.0

    def __init__(self, *pieces):
        self._pieces = pieces

    def fetch(self, request, call):
        for piece in self._pieces:
            yield call(lambda piece=piece: piece)


def frame(days, **columns):
    index = pd.DatetimeIndex(days)
    values = dict.fromkeys(("Open", "High", "Low", "Close"), 5.0) | columns
    return pd.DataFrame(values, index)


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([], "other answered without bars of X"),
        ([Bars(frame([]))], "other answered without bars of X"),
        ([None], "other gave no bars, but None"),
        ([Bars(pd.DataFrame({"Close": [1.0]}))], "other gave no bars, but"),
        ([Bars(frame(["2024-01-02"], Close=-1.0))], "other:X: Close is -1.0 in row 1"),
        ([Bars(frame(["2024-01-02"], Close=np.nan))], "other:X: Close is empty in row 1"),
        ([Bars(frame(["2024-01-02"]).drop(columns="Close"))], "other:X has no Close column"),
    ],
)
def test_what_is_no_prices_is_not_stored(monkeypatch, tmp_path, pieces, says):
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(fetching, "find_source", lambda name: Scripted(*pieces))
    with pytest.raises(SourceError, match=says):
        qmac.fetch("other:X")
    assert not list(tmp_path.rglob("*.parquet"))


def test_pieces_are_put_in_order_each_bar_once(monkeypatch, tmp_path):
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path))
    days = ["2024-01-04", "2024-01-02", "2024-01-02"]
    source = Scripted(Bars(frame(days[:2])), Bars(frame(days[2:], Close=6.0)))
    monkeypatch.setattr(fetching, "find_source", lambda name: source)
    prices = qmac.fetch("other:X")
    assert prices.close.tolist() == [6.0, 5.0] and prices.index.is_monotonic_increasing


def test_hours_without_a_zone_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(
        fetching, "find_source", lambda name: Scripted(Bars(frame(["2024-01-02 10:00"])))
    )
    with pytest.raises(SourceError, match="bars of a day without a time zone"):
        qmac.fetch("other:X:1h")


def test_a_source_that_ends_halfway_is_not_stored_in_part_if_it_does_not_append(
    monkeypatch, tmp_path
):
    class Halfway(Scripted):
        def fetch(self, request, call):
            yield Bars(frame(["2024-01-02"]))
            raise SourceBusyError("other is busy")

    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(fetching, "find_source", lambda name: Halfway())
    with pytest.raises(SourceBusyError):
        qmac.fetch("other:X")


def test_any_error_of_a_source_is_one_sentence(monkeypatch, tmp_path):
    class Failing(Scripted):
        def fetch(self, request, call):
            yield {}["no such key"]

    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(fetching, "find_source", lambda name: Failing())
    with pytest.raises(SourceError, match="other failed: KeyError: 'no such key'"):
        qmac.fetch("other:X")


def test_a_damaged_copy_is_fetched_again(market, tmp_path):
    qmac.fetch("yahoo:SPY")
    (path,) = tmp_path.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.warns(UserWarning, match="is damaged and not used"):
        assert len(qmac.fetch("yahoo:SPY")) == 50
    assert len(qmac.fetch("yahoo:SPY", offline=True)) == 50


@pytest.mark.parametrize("names", [None, 5, [], {"yahoo:SPY": 1}, b"yahoo:SPY", [5], "SPY", ""])
def test_names_are_texts(names):
    with pytest.raises(SourceError, match=r"names? |names no prices"):
        qmac.fetch(names)


def test_the_file_is_one_that_every_command_reads(market, tmp_path):
    prices = qmac.fetch(HOURS)
    (path,) = tmp_path.rglob("*.parquet")
    read = qmac.read_prices(path)
    pd.testing.assert_frame_equal(read.frame, prices.frame, check_freq=False)
    assert read.origin.to_dict() == prices.origin.to_dict()
    header = json.loads(path.with_suffix(".json").read_text())
    assert header["bars"] == len(prices) and header["since"] is None


def test_a_name_in_place_of_a_path_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(qmac.InputError, match=r"no such file.* use qmac.fetch\('yahoo:SPY'\)"):
        qmac.read_prices("yahoo:SPY")
