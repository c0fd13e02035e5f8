"""Yahoo, by the real yfinance against a server on loopback."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.vendors import CUT, NOT_FOUND, TOO_MANY, YahooSeries, yahoo_days

import qmac
from qmac.data.sources import request_queue
from qmac.errors import SourceError

pytestmark = pytest.mark.slow

EMPTY = (200, {"chart": {"result": [], "error": None}})


def header(folder, name="SPY.1d"):
    return json.loads((folder / "copies" / "yahoo" / f"{name}.json").read_text())


@pytest.fixture
def spy(vendors, clock):
    """Fifty days up to the day before the clock's."""
    vendors.yahoo["SPY"] = yahoo_days("2024-01-05", 50)
    clock("2024-03-15 12:00")
    return vendors.yahoo["SPY"]


def test_days_are_days_and_adjusted_for_dividends(vendors, spy, tmp_path):
    spy.factor[:20] = 0.98
    spy.dividends[20] = 1.7
    prices = qmac.fetch("yahoo:SPY")
    assert prices.name == "SPY" and prices.index.tz is None
    assert prices.index.tolist() == [day.tz_localize(None).normalize() for day in spy.days]
    np.testing.assert_allclose(prices.close, spy.close * spy.factor, rtol=1e-12)
    np.testing.assert_allclose(prices.column("Open"), 0.99 * spy.close * spy.factor, rtol=1e-12)
    facts = header(tmp_path)
    assert (facts["adjusted"], facts["adjustment"]) == (True, "for splits and dividends")
    assert facts["library"].startswith("yfinance ")


def test_raw_days_are_adjusted_for_splits_only(vendors, spy, tmp_path):
    spy.factor[:20] = 0.98
    spy.splits[30] = "4:1"
    prices = qmac.fetch("yahoo:SPY", raw=True)
    np.testing.assert_allclose(prices.close, spy.close, rtol=1e-12)
    facts = header(tmp_path, "SPY.1d.raw")
    assert (facts["adjusted"], facts["adjustment"]) == (False, "for splits only")
    assert qmac.fetch("yahoo:SPY").close[0] != prices.close[0]


def test_a_dividend_that_rescales_the_past_replaces_all_of_it(vendors, spy, clock):
    first = qmac.fetch("yahoo:SPY")
    vendors.yahoo["SPY"] = later = yahoo_days("2024-01-05", 55)
    later.factor[:52] = 0.97
    clock("2024-03-24 12:00")
    second = qmac.fetch("yahoo:SPY")
    assert (len(first), len(second)) == (50, 55)
    np.testing.assert_allclose(second.close, later.close * later.factor, rtol=1e-12)
    assert (second.close[:50] < first.close).all()


@pytest.mark.parametrize(
    ("moment", "bars"),
    [
        ("2024-03-15 15:00", 50),  # in the session of the last day
        ("2024-03-15 20:10", 50),  # just after it: last prices still come
        ("2024-03-15 20:31", 51),
        ("2024-03-16 03:59", 51),
        ("2024-03-16 04:01", 51),
    ],
)
def test_the_bar_of_a_session_that_runs_is_dropped(vendors, clock, moment, bars):
    vendors.yahoo["SPY"] = yahoo_days(
        "2024-01-05", 51, session_end=pd.Timestamp("2024-03-15 20:00", tz="UTC")
    )
    clock(moment)
    assert len(qmac.fetch("yahoo:SPY")) == bars


def test_the_bar_of_today_is_dropped_where_the_session_is_of_another_day(vendors, clock):
    vendors.yahoo["SPY"] = yahoo_days(
        "2024-01-05", 51, session_end=pd.Timestamp("2024-03-14 20:00", tz="UTC")
    )
    clock("2024-03-15 23:00")
    assert len(qmac.fetch("yahoo:SPY")) == 50


def test_hours_are_utc_and_the_one_that_runs_is_dropped(vendors, clock, tmp_path):
    hours = pd.date_range("2024-03-14 09:30", periods=7, freq="h", tz="America/New_York")
    close = np.linspace(100, 101, 7)
    vendors.yahoo["SPY"] = YahooSeries(hours, close, np.ones(7), step="1h")
    clock("2024-03-14 19:15")
    prices = qmac.fetch("yahoo:SPY:60m", since="2024-03-01")
    assert prices.index[0] == pd.Timestamp("2024-03-14 13:30", tz="UTC") and len(prices) == 5
    facts = header(tmp_path, "SPY.1h")
    assert (facts["adjusted"], facts["adjustment"]) == (False, "for splits only")


def test_days_without_prices_are_left_out(vendors, spy):
    spy.empty_days = (7, 9)
    prices = qmac.fetch("yahoo:SPY")
    assert len(prices) == 48 and spy.days[7].tz_localize(None).normalize() not in prices.index


def test_since_is_the_first_day(vendors, spy):
    prices = qmac.fetch("yahoo:SPY", since="2024-02-01")
    assert prices.index[0] == pd.Timestamp("2024-02-01")
    (_, query) = vendors.requests[-1]
    assert int(query["period1"][0]) == pd.Timestamp("2024-02-01", tz="America/New_York").timestamp()


@pytest.mark.parametrize(("first", "count"), [("2024-02-01", 31), ("2024-01-05", 40)])
def test_an_answer_with_less_than_the_copy_is_not_believed(vendors, spy, clock, first, count):
    old = qmac.fetch("yahoo:SPY")
    vendors.yahoo["SPY"] = yahoo_days(first, count)
    clock("2024-03-18 12:00")
    with pytest.warns(UserWarning, match="and the copy has more. If that is right, add --refresh"):
        pd.testing.assert_frame_equal(qmac.fetch("yahoo:SPY").frame, old.frame)
    assert len(qmac.fetch("yahoo:SPY", refresh=True)) == count


@pytest.mark.parametrize("fault", [TOO_MANY, CUT, (500, "Internal Server Error")])
def test_a_fault_that_passes_is_not_seen(vendors, spy, fault):
    vendors.faults += [fault]
    assert len(qmac.fetch("yahoo:SPY")) == 50


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (TOO_MANY, "yahoo answers that there are too many requests"),
        (CUT, "yahoo cannot be reached: "),
        ((500, "Internal Server Error"), "yahoo's answer cannot be read: "),
        ((200, {"chart": None}), "yahoo has no prices of SPY"),
        (EMPTY, "yahoo has no prices of SPY: possibly delisted; no price data"),
        ((404, NOT_FOUND), "yahoo has no prices of SPY: No data found"),
    ],
)
def test_a_lasting_fault_is_one_sentence_or_the_copy(vendors, spy, clock, fault, says):
    vendors.faults += [fault] * 20
    with pytest.raises(SourceError, match=says):
        qmac.fetch("yahoo:SPY")
    vendors.faults.clear()
    good = qmac.fetch("yahoo:SPY")
    vendors.faults += [fault] * 20
    clock("2024-03-18 12:00")
    with pytest.warns(UserWarning, match=says) as caught:
        prices = qmac.fetch("yahoo:SPY")
    (message,) = [str(each.message) for each in caught]
    assert message.endswith(
        "The copy of yahoo:SPY from 2024-03-15T12:00 UTC is used: 50 bars, 2024-01-05 to "
        "2024-03-14."
    )
    pd.testing.assert_frame_equal(prices.frame, good.frame)


def test_no_network_is_said(vendors, spy, monkeypatch):
    monkeypatch.setattr(vendors, "redirect", lambda address: "http://127.0.0.1:1/")
    with pytest.raises(SourceError, match=r"yahoo cannot be reached: .*[Cc]onnect"):
        qmac.fetch("yahoo:SPY")


def test_a_rate_limit_ends_the_queue_for_all_symbols(vendors, spy, monkeypatch):
    vendors.yahoo |= {
        "QQQ": yahoo_days("2024-01-05", 50, 2),
        "IWM": yahoo_days("2024-01-05", 50, 3),
    }
    assert list(qmac.fetch("yahoo:SPY,QQQ,IWM")) == ["SPY", "QQQ", "IWM"]
    count = len(vendors.requests)
    vendors.faults += [TOO_MANY] * 99
    with pytest.warns(UserWarning, match="too many requests") as caught:
        prices = qmac.fetch("yahoo:SPY,QQQ,IWM", max_age=0)
    assert len(prices) == len(caught) == 3
    tries = 1 + len(request_queue.BACKOFF_SECONDS)
    assert len(vendors.requests) - count == 2 * tries  # yfinance sends each twice


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("yahoo:NOPE", "yahoo has no symbol NOPE|yahoo has no prices of NOPE"),
        ("yahoo:../v1/quote", "is no symbol of Yahoo"),
        ("yahoo:SPY?x=1", "is no symbol of Yahoo"),
        ("yahoo:SPY:4h", "yahoo has the intervals 1m, 2m, .* not 4h"),
        ("yahoo:SPY:1w", "not 1w"),
    ],
)
def test_what_yahoo_does_not_have_is_one_sentence(vendors, spy, name, says, capfd):
    with pytest.raises(SourceError, match=says) as raised:
        qmac.fetch(name)
    assert "\n" not in str(raised.value) and vendors.requests == []
    assert capfd.readouterr() == ("", "")


def test_the_settings_of_yfinance_are_as_before(vendors, spy):
    import logging

    import yfinance

    qmac.fetch("yahoo:SPY")
    assert yfinance.config.debug.hide_exceptions is True
    assert logging.getLogger("yfinance").level == logging.NOTSET
