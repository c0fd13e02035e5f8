"""The axis of dates leaves out nights and weekends, and never a bar."""

import numpy as np
import pandas as pd
import pytest

from qmac.report.html.dates_axis import MOST_DAYS, build_dates_axis


def sessions(first, last, opens, closes, minutes=30, days="B"):
    """Return the bars of sessions, each with the time at which it begins."""
    starts = pd.date_range(first, last, freq=days)
    every = pd.timedelta_range(opens, closes, freq=f"{minutes}min", closed="left")
    return np.concatenate([(start + every).to_numpy() for start in starts])


@pytest.mark.parametrize(
    ("dates", "breaks"),
    [
        (sessions("2026-01-05", "2026-02-27", "9h30min", "16h"), [[16.0, 9.5], ["sat", "mon"]]),
        (sessions("2026-01-05", "2026-01-20", "9h30min", "16h", 390), []),  # one a day
        (sessions("2026-01-05", "2026-02-27", "9h", "12h", days="D"), [[12.0, 9.0]]),
        (sessions("2026-01-05", "2026-02-27", "0h", "24h", days="D"), []),  # around the clock
        (sessions("2026-01-05", "2026-01-05", "9h30min", "16h"), []),  # one day
        (sessions("2024-01-01", "2026-02-27", "9h30min", "16h"), []),  # of too many days
        (pd.date_range("2026-01-05", periods=40, freq="B").to_numpy(), []),
        (np.array([], "datetime64[ns]"), []),
    ],
)
def test_nights_and_weekends(dates, breaks):
    axis = build_dates_axis(dates)
    assert axis["type"] == "date"
    found = [each["bounds"] for each in axis.get("rangebreaks", [])]
    assert found[: len(breaks)] == breaks and bool(found) == bool(breaks)


def test_what_is_drawn_beside_the_bars_is_never_left_out():
    dates = sessions("2026-01-05", "2026-02-27", "9h30min", "16h")
    late = np.array(["2026-01-10T18:00"], "datetime64[ns]")  # a Saturday evening
    axis = build_dates_axis(dates, late)
    assert [each["bounds"] for each in axis["rangebreaks"]] == [[18.5, 9.5]]
    assert (dates[-1] - dates[0]) < np.timedelta64(MOST_DAYS, "D")


def test_the_first_bars_of_a_session_that_ends_at_midnight():
    dates = sessions("2026-01-05", "2026-02-27", "18h", "24h")
    assert build_dates_axis(dates)["rangebreaks"][0]["bounds"] == [0.0, 18.0]
