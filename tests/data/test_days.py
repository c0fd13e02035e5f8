"""Days: one bar a day, at midnight or at another time."""

import pandas as pd
import pytest

from qmac.data.days import are_daily, are_days


@pytest.mark.parametrize(
    ("dates", "days", "daily"),
    [
        (["2024-01-02", "2024-01-03"], True, True),
        (["2024-01-02 16:00", "2024-01-03 16:00"], False, True),
        (["2024-01-02 16:00", "2024-01-03 13:00"], False, False),
        (["2024-01-02", "2024-01-02"], True, False),
    ],
)
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_days(dates, days, daily, zone):
    index = pd.DatetimeIndex(dates).tz_localize(zone)
    assert (are_days(index), are_daily(index)) == (days, daily)
