"""Bars in a year: counted for days and longer bars, by sessions for shorter ones."""

import numpy as np
import pandas as pd
import pytest

from qmac.data.bars_per_year import infer_bars_per_year


def sessions(days, start, bars, step="1min", zone=None):
    """Bars from one time of each day."""
    offsets = pd.Timedelta(start) + pd.Timedelta(step) * np.arange(bars)
    times = np.concatenate([day + offsets for day in days])
    return pd.DatetimeIndex(times).sort_values().tz_localize(zone)


def weeks(start, hours, count, step="1min", pause=None, zone=None):
    """Bars of weeks that go on through the nights, but for an hour of pause."""
    firsts = pd.date_range(start, periods=count, freq="7D")
    span = pd.Timedelta(hours, "h")
    parts = [pd.date_range(at, at + span, freq=step, inclusive="left") for at in firsts]
    index = parts[0].append(parts[1:])
    return index[index.hour != pause].tz_localize(zone)


def business_days(count, start="2024-01-02"):
    return pd.bdate_range(start, periods=count)


def around_the_clock(start, days, step="1min", zone=None):
    return pd.date_range(start, pd.Timestamp(start) + pd.Timedelta(days, "D"), freq=step,
                         inclusive="left", tz=zone)  # fmt: skip


DAYS = business_days(10, "2024-03-04")  # the clock of New York is set between the two weeks
US = sessions(DAYS, "9h30min", 390, zone="America/New_York")
HALF_DAY = sessions(pd.DatetimeIndex(["2024-07-03"]), "9h30min", 210)
AROUND_HOLIDAY = sessions(pd.DatetimeIndex(["2024-07-02", "2024-07-05"]), "9h30min", 390)
HONG_KONG = sessions(DAYS, "9h30min", 150).append(sessions(DAYS, "13h", 180)).sort_values()
SHANGHAI = sessions(DAYS, "9h", 225).append(sessions(DAYS, "21h", 120)).sort_values()
SUNDAYS = pd.date_range("2024-01-07", periods=19)
TEL_AVIV = sessions(SUNDAYS[~SUNDAYS.day_of_week.isin([4, 5])], "10h", 440)
OUTAGE = around_the_clock("2024-01-01", 30)
OUTAGE = OUTAGE[(OUTAGE < "2024-01-10 03:00") | (OUTAGE >= "2024-01-10 05:00")]


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (sessions(business_days(5), "9h30min", 390), 98_280),
        (sessions(business_days(1), "9h30min", 390), 98_280),
        (sessions(business_days(2, "2024-01-05"), "9h30min", 390), 98_280),
        (sessions(business_days(300), "9h30min", 390), 98_280),
        (sessions(business_days(5), "9h30min", 78, "5min"), 19_656),
        (sessions(business_days(300), "9h30min", 7, "1h"), 1764),
        (sessions(business_days(600), "9h30min", 2, "390min"), 504),
        (sessions(business_days(10), "4h", 960), 241_920),  # eight hours of night
        (US, 98_280),
        (US.tz_convert("UTC"), 98_280),
        (US.tz_convert("Asia/Tokyo"), 98_280),
        (HALF_DAY.append(AROUND_HOLIDAY).sort_values(), 98_280),
        (HONG_KONG, 83_160),
        (SHANGHAI, 86_940),
        (TEL_AVIV, 110_880),
        (weeks("2024-01-07 18:00", 119, 1, pause=17), 347_760),  # futures
        (weeks("2024-01-07 18:00", 119, 5, pause=17), 347_760),
        (weeks("2024-01-07 18:00", 119, 60, "1h", pause=17), 5796),
        (weeks("2024-01-07 22:00", 120, 1), 362_880),  # currencies, in four time zones
        (weeks("2024-01-07 22:00", 120, 5), 362_880),
        (weeks("2024-01-07 14:00", 120, 5), 362_880),
        (weeks("2024-01-08 00:00", 120, 5), 362_880),
        (weeks("2024-01-08 07:00", 120, 5), 362_880),
        (weeks("2024-01-07 22:00", 120, 3)[3000:-2000], 362_880),
        (weeks("2024-03-03 17:00", 120, 3, zone="America/New_York").tz_convert("UTC"), 362_880),
        (weeks("2024-01-07 22:00", 120, 60, "1h"), 6048),
        (around_the_clock("2024-01-01", 1), 525_600),
        (around_the_clock("2024-01-02", 3), 525_600),
        (around_the_clock("2024-01-05 13:00", 14), 525_600),
        (around_the_clock("2024-03-25", 14, zone="Europe/Berlin"), 525_600),
        (around_the_clock("2024-01-06", 40, "1h"), 8760),
        (around_the_clock("2024-01-06", 40, "4h"), 2190),
        (around_the_clock("2024-01-06", 40, "12h"), 730),
        (around_the_clock("2024-01-06", 40, "18h"), 365 * 24 / 18),
    ],
)
def test_intraday_bars_are_those_of_the_sessions_of_a_year(index, expected):
    number, basis = infer_bars_per_year(index)
    assert number == pytest.approx(expected, rel=1e-6)
    assert " a year" in basis


def test_bars_that_are_missing_change_little():
    assert infer_bars_per_year(OUTAGE).number == pytest.approx(525_600, rel=0.01)
    whole = sessions(business_days(60), "9h30min", 390)
    some = np.random.default_rng(1).random(whole.size) < 0.1
    assert infer_bars_per_year(whole[some]).number == pytest.approx(9828, rel=0.03)


def test_the_count_stands_where_it_agrees_over_years():
    number, basis = infer_bars_per_year(around_the_clock("2021-01-01", 1000, "1h"))
    assert number == pytest.approx(8766) and basis == "as counted over 2.7 years"


def test_what_is_in_doubt_says_so():
    mondays = sessions(pd.date_range("2024-01-01", periods=30, freq="7D"), "9h30min", 390)
    assert infer_bars_per_year(mondays).basis == "as counted over 204 days"
    weekly = pd.date_range("2023-01-06", periods=40, freq="7D")
    mixed = weekly.append(pd.bdate_range("2023-10-09", periods=40))
    assert "no usual number" in infer_bars_per_year(mixed).basis
    assert infer_bars_per_year(mondays[:1]).basis
    for usual in ("D", "B", "W", "MS", "QS", "YS"):
        assert infer_bars_per_year(pd.date_range("2001-01-01", periods=60, freq=usual)).basis == ""
