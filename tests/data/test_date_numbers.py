"""Numbers that are dates of several kinds: what may be two of them is refused."""

import numpy as np
import pandas as pd
import pytest

from qmac.data.date_numbers import read_date_numbers
from qmac.data.date_texts import FormError


def read(*texts, form=None):
    numbers = np.array([float(text) for text in texts])
    return [str(date) for date in read_date_numbers(numbers, texts, form)]


@pytest.mark.parametrize(
    ("texts", "date"),
    [
        (["20240102"], "2024-01-02 00:00:00"),
        (["202401020930"], "2024-01-02 09:30:00"),
        (["1704153600"], "2024-01-02 00:00:00+00:00"),
        (["1704153600.5"], "2024-01-02 00:00:00.500000+00:00"),
        (["1.7041536e9"], "2024-01-02 00:00:00+00:00"),
        (["1704153600000000001"], "2024-01-02 00:00:00.000000001+00:00"),
        (["1.7041536e18"], "2024-01-02 00:00:00+00:00"),
        (["1704153600000000000.0"], "2024-01-02 00:00:00+00:00"),
        (["1609459200", "1609545600"], "2021-01-01 00:00:00+00:00"),
    ],
)
def test_kinds(texts, date):
    assert read(*texts)[0] == date


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["202401020930", "202401020961", "202401020932"], "row 2 has the date '202401020961'"),
        (["1701020930", "1701020931"], "--date-format %y%m%d%H%M or"),
        (["170102093000", "170102093100"], "--date-format %y%m%d%H%M%S or"),
        (["638397504000000000"], "ticks of .NET"),
        (["133486272000000000"], "file times of Windows"),
        (["1e300"], "not dates"),
        (["9999999999999999999999"], "not dates"),
        (["45293"], "spreadsheets"),
        (["nan"], "row 1 has no date"),
        (["5"], "values such as 5, not dates"),
    ],
)
def test_what_may_be_another_kind_is_refused(texts, says):
    with pytest.raises(FormError, match=says):
        read(*texts)


def test_a_unit_of_the_user():
    assert read("1701020930", form="s") == ["2023-11-26 17:48:50+00:00"]
    assert read("638397504000000000", form="ns")[0].startswith("1990-03-25")
    with pytest.raises(FormError, match="not of the form"):
        read("5", form="%Y%m%d")


def test_numbers_of_all_days_are_read_as_written():
    days = pd.date_range("1973-04-01", "2026-01-01", freq="37D")
    seconds = (days.asi8 // 10**6 if days.unit == "us" else days.asi8 // 10**9).tolist()
    assert read(*map(str, seconds)) == [f"{day}+00:00" for day in days]
