"""Exchanges, by the real ccxt against a server on loopback."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.vendors import CUT, TOO_MANY, Klines

import qmac
from qmac.errors import SourceError

pytestmark = pytest.mark.slow

FIRST = pd.Timestamp("2024-03-01", tz="UTC")
NAME = "binance:BTC/USDT:1h"
REFUSED = (400, {"code": -1100, "msg": "Illegal characters found in parameter"})


@pytest.fixture
def klines(vendors, clock):
    """Five hundred hours, of which 348 are closed, in pages of a hundred."""
    clock("2024-03-15 12:20")
    vendors.klines["BTC/USDT"] = Klines(FIRST, 500, page=100)
    return vendors.klines["BTC/USDT"]


def check(prices, klines, places):
    hours = FIRST + pd.to_timedelta(places, "h")
    assert prices.index.tolist() == hours.tolist()
    np.testing.assert_allclose(prices.close, [klines.close(place) for place in places], atol=1e-8)


def test_pages_are_put_together_and_the_open_bar_is_dropped(vendors, klines, tmp_path):
    prices = qmac.fetch(NAME)
    check(prices, klines, range(348))
    assert len(vendors.requests) == 4 and str(prices.index.tz) == "UTC"
    assert prices.column("Volume")[0] == 12.5 and prices.periods_per_year == 8760
    (header,) = [json.loads(file.read_text()) for file in tmp_path.rglob("*.json")]
    assert (header["adjusted"], header["adjustment"]) == (False, "as traded")
    assert header["library"].startswith("ccxt ") and header["symbol"] == "BTC/USDT"


@pytest.mark.parametrize("page", [1, 3, 7])
def test_a_page_that_is_not_full_is_not_the_last(vendors, klines, page, clock):
    clock("2024-03-01 12:00")
    klines.page = page
    check(qmac.fetch(NAME), klines, range(12))


def test_days_have_no_zone(vendors, klines, clock):
    vendors.klines["BTC/USDT"] = Klines(FIRST, 30, seconds=86400)
    prices = qmac.fetch("binance:BTC/USDT")
    assert prices.index.tz is None and len(prices) == 14
    assert prices.index[0] == pd.Timestamp("2024-03-01")


def test_new_bars_are_appended_from_the_last_one(vendors, klines, clock):
    old = qmac.fetch(NAME)
    count = len(vendors.requests)
    clock("2024-03-15 16:05")
    prices = qmac.fetch(NAME)
    check(prices, klines, range(352))
    ((_, query),) = vendors.requests[count:]
    assert int(query["startTime"][0]) == old.index[-1].timestamp() * 1000
    pd.testing.assert_frame_equal(prices.frame.iloc[:348], old.frame)


def test_a_copy_whose_bars_changed_is_fetched_whole_again(vendors, klines, clock):
    qmac.fetch(NAME)
    klines.changed = dict.fromkeys(range(500), 50.0)
    clock("2024-03-15 14:05")
    check(qmac.fetch(NAME), klines, range(350))


def test_bars_that_would_leave_a_gap_are_not_appended(vendors, klines, clock):
    old = qmac.fetch(NAME)
    klines.gaps = (range(400),)  # the exchange gives no older ones
    clock("2024-03-20 12:00")
    with pytest.warns(UserWarning, match="some would be missing. Add --refresh"):
        assert len(qmac.fetch(NAME)) == len(old)
    check(qmac.fetch(NAME, refresh=True), klines, range(400, 468))


def test_an_empty_answer_is_the_copy(vendors, klines, clock):
    old = qmac.fetch(NAME)
    clock("2024-03-15 16:05")
    vendors.faults += [(200, [])] * 50
    with pytest.warns(UserWarning, match="binance answered without bars of BTC/USDT since 2024-03"):
        prices = qmac.fetch(NAME)
    pd.testing.assert_frame_equal(prices.frame, old.frame)


def test_years_before_the_first_bar_are_skipped_by_days(vendors, klines, monkeypatch):
    """An exchange that answers from a window of time, with nothing before the first bar."""
    days = Klines(FIRST, 30, seconds=86400)

    def answer(path, query):
        since, step = int(query["startTime"][0]), 3_600_000
        source = klines
        if query["interval"] == ["1d"]:
            source, step = days, 86_400_000
        end = since + 100 * step
        return 200, [row for row in source.to_rows(query) if row[0] < end]

    monkeypatch.setattr(vendors, "_find_klines", answer)
    check(qmac.fetch(NAME, since="2020-01-01"), klines, range(348))
    assert len(vendors.requests) < 50


def test_a_gap_is_passed_over(vendors, klines, monkeypatch):
    klines.gaps = (range(50, 290),)
    hours, days = klines, Klines(FIRST, 30, seconds=86400, gaps=(range(3, 12),))

    def answer(path, query):
        since, step = int(query["startTime"][0]), 3_600_000
        source = hours
        if query["interval"] == ["1d"]:
            source, step = days, 86_400_000
        return 200, [row for row in source.to_rows(query) if row[0] < since + 100 * step]

    monkeypatch.setattr(vendors, "_find_klines", answer)
    check(qmac.fetch(NAME, since="2024-03-01"), klines, [*range(50), *range(290, 348)])


@pytest.mark.parametrize("fault", [TOO_MANY, CUT, (503, "busy"), (418, "banned"), (200, "<html>")])
def test_a_fault_that_passes_is_not_seen(vendors, klines, fault):
    vendors.faults += [None, fault, None, fault, fault]
    check(qmac.fetch(NAME), klines, range(348))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (TOO_MANY, "binance answers that there are too many requests"),
        (CUT, "binance cannot be reached: the connection failed. Check the network"),
        ((200, "<html>"), "binance answers with no JSON"),
        (REFUSED, "binance refuses the request: .*Illegal characters"),
    ],
)
def test_what_came_before_a_fault_is_stored_and_the_rest_fetched_later(
    vendors, klines, fault, says
):
    vendors.faults += [None, None] + [fault] * 4
    with pytest.warns(UserWarning, match=says) as caught:
        check(qmac.fetch(NAME), klines, range(200))
    assert "is stored up to 2024-03-09T07:00:00+00:00. Fetch it again for the rest." in str(
        caught[0].message
    )
    vendors.faults.clear()
    check(qmac.fetch(NAME), klines, range(348))  # although the copy is new
    starts = [int(query["startTime"][0]) for _, query in vendors.requests]
    assert starts.count(starts[0]) == 1


def test_what_came_before_ctrl_c_is_stored(vendors, klines, monkeypatch):
    pages = []

    def interrupt(status):
        pages.append(status.bars)
        if status.bars >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qmac.fetch(NAME, progress=interrupt)
    assert pages == [0, 100, 200]
    check(qmac.fetch(NAME, offline=True), klines, range(200))
    check(qmac.fetch(NAME), klines, range(348))


@pytest.mark.parametrize("options", [{"since": "2024-02-01"}, {"refresh": True}])
def test_a_longer_copy_is_not_replaced_by_a_part(vendors, klines, clock, options):
    old = qmac.fetch(NAME, since="2024-03-05")
    clock("2024-03-15 14:05")
    vendors.faults += [None] + [TOO_MANY] * 4
    with pytest.warns(UserWarning, match=f"The copy of {NAME} .* is used: {len(old)} bars"):
        check(qmac.fetch(NAME, **options), klines, range(96, 348))
    check(qmac.fetch(NAME, **options), klines, range(0 if "since" in options else 96, 350))


def test_a_silent_end_is_said_and_not_believed(vendors, klines):
    klines.count = 300
    with pytest.warns(UserWarning, match="binance gave no bars of BTC/USDT after 2024-03-13 11:00"):
        check(qmac.fetch(NAME), klines, range(300))
    klines.count = 500
    check(qmac.fetch(NAME), klines, range(348))


def test_a_fault_at_once_is_one_sentence(vendors, klines):
    vendors.faults += [TOO_MANY] * 4
    with pytest.raises(SourceError, match="binance answers that there are too many requests"):
        qmac.fetch(NAME)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("binance:BTC/USD:1h", "binance has no symbol BTC/USD. Did you mean 'BTC/USDT'?"),
        ("binance:DOGE-X:1h", "binance has no symbol DOGE-X. Write it as in BTC/USDT."),
        ("binance:BTC/USDT:7m", "binance has the intervals 1s, 1m, .*, 1M, not 7m"),
    ],
)
def test_what_an_exchange_does_not_have_is_one_sentence(vendors, klines, name, says):
    with pytest.raises(SourceError, match=says):
        qmac.fetch(name)


def test_months_are_those_of_the_calendar(vendors, klines, monkeypatch, clock):
    starts = pd.date_range("2023-12-01", "2024-03-01", freq="MS", tz="UTC")
    clock("2024-03-01 00:00")

    def answer(path, query):
        since = int(query["startTime"][0])
        rows = [klines._row(int(start.timestamp() * 1000), 1) for start in starts]
        return 200, [row for row in rows if row[0] >= since][:2]

    monkeypatch.setattr(vendors, "_find_klines", answer)
    prices = qmac.fetch("binance:BTC/USDT:1M", since="2023")
    assert prices.index.tolist() == [start.tz_localize(None) for start in starts[:3]]


def test_bars_of_another_length_are_refused(vendors, klines, monkeypatch):
    monkeypatch.setattr(
        vendors, "_find_klines",
        lambda path, query: (200, [klines._row(int(FIRST.timestamp() + 600 * n) * 1000, 1)
                                   for n in range(5)] if query["startTime"][0] < "17092" else []),
    )  # fmt: skip
    with pytest.raises(SourceError, match="which are no bars of 1h"):
        qmac.fetch(NAME)
