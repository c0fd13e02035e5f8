"""Texts of dates: forms that are known, zones, and what is never invented."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.data.date_texts import ORDERS, FormError, find_orders, is_numeric, read_texts


def read(*texts, form=None):
    dates = read_texts(pa.array(texts, pa.large_string()), form)
    return [str(date) for date in dates]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024-01-02", "2024-01-02 00:00:00"),
        ("2024-1-2", "2024-01-02 00:00:00"),
        ("2024/01/02", "2024-01-02 00:00:00"),
        ("2024.01.02 09:30", "2024-01-02 09:30:00"),
        ("2024-01-02T09:30:15.25", "2024-01-02 09:30:15.250000"),
        ("2024-01-02 09:30:15.123456789", "2024-01-02 09:30:15.123456789"),
        ("20240102 093000", "2024-01-02 09:30:00"),
        ("20240102  09:30:00", "2024-01-02 09:30:00"),
        ("20240102-09:30:00", "2024-01-02 09:30:00"),
        ("20240102 0930", "2024-01-02 09:30:00"),
        ("01/13/2024", "2024-01-13 00:00:00"),
        ("13/01/2024 9:30", "2024-01-13 09:30:00"),
        ("01/13/24 9:30 PM", "2024-01-13 21:30:00"),
        ("01/13/2024 09:30:00 am", "2024-01-13 09:30:00"),
        ("13.01.2024", "2024-01-13 00:00:00"),
        ("02-Jan-2024", "2024-01-02 00:00:00"),
        ("2-Jan-24", "2024-01-02 00:00:00"),
        ("2 Jan 2024", "2024-01-02 00:00:00"),
        ("2-January-2024", "2024-01-02 00:00:00"),
        ("Sept 2, 2024", "2024-09-02 00:00:00"),
        ("2024-01-02 09:30:00+00", "2024-01-02 09:30:00+00:00"),
        ("2024-01-02 09:30:00 UTC+8", "2024-01-02 09:30:00+08:00"),
        ("Jan 02, 2024", "2024-01-02 00:00:00"),
        ("January 2, 2024", "2024-01-02 00:00:00"),
        ("01/13/62", "1962-01-13 00:00:00"),
        ("2024-01-02T09:30:00Z", "2024-01-02 09:30:00+00:00"),
        ("2024-01-02 09:30:00-05:00", "2024-01-02 09:30:00-05:00"),
        ("2024-01-02 09:30:00-0500", "2024-01-02 09:30:00-05:00"),
        ("2024-01-02 09:30 UTC", "2024-01-02 09:30:00+00:00"),
        ("20240102 09:30:00 US/Eastern", "2024-01-02 09:30:00-05:00"),
        ("2024-07-02 09:30 America/New_York", "2024-07-02 09:30:00-04:00"),
        ("2024-01-02 09:30:00 EST", "2024-01-02 09:30:00-05:00"),
        ("02.01.2024 00:00:00.000 GMT+0100", None),
        ("13.01.2024 00:00:00.000 GMT+0100", "2024-01-13 00:00:00+01:00"),
    ],
)
def test_forms(text, date):
    if date is None:
        with pytest.raises(FormError, match="day or the month first"):
            read(text)
    else:
        assert read(text) == [date]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2-Jan", "no year"),
        ("Jan 2", "no year"),
        ("1/2", "no year"),
        ("09:30:00", "a time without a day"),
        ("9:30 AM", "a time without a day"),
        ("Jan-23", "no day"),
        ("2024-01", "no day"),
        ("2024-02-30", "cannot be read"),
        ("2024-13-01", "cannot be read"),
        ("2024-01-02 25:00", "cannot be read"),
        ("soon", "cannot be read"),
        ("2024-01-02 09:30 IST", "not certain"),
        ("2024-01-02 09:30 Nowhere/Land", "not certain"),
        ("2024-01-02 09:30-16:00", "which no zone has"),
        ("2024-01-02 10:00+99:99", "which no zone has"),
        ("01-02-2024", "day or the month first"),
        ("", "no date"),
    ],
)
def test_what_is_not_written_is_not_invented(text, says):
    with pytest.raises(FormError, match=says):
        read(text)


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["13/01/24", "31/12/24"], "2024-01-13 00:00:00"),
        (["01/13/24", "12/31/24"], "2024-01-13 00:00:00"),
        (["24-01-13", "24-12-31"], None),
        (["62-01-13"], None),
        (["24-01-01", "24-01-02"], None),
        (["13/01/24", "14/01/24"], None),
        (["13/13/24"], None),
    ],
)
def test_the_only_order_of_day_month_and_year_is_taken(texts, first):
    if first is None:
        with pytest.raises(FormError, match="may have the day|in no order"):
            read(*texts)
    else:
        assert read(*texts)[0] == first


def test_all_have_the_form_of_the_first():
    with pytest.raises(FormError, match="row 2 has the date '2024/01/03'.*row 1 is '2024-01-02'"):
        read("2024-01-02", "2024/01/03")
    with pytest.raises(FormError, match="row 2 .*no zone as row 1"):
        read("2024-01-02 09:30Z", "2024-01-02 09:31")


def test_days_of_a_zone_stay_days_across_summer_time():
    assert read("2024-03-27 00:00:00+01:00", "2024-04-01 00:00:00+02:00") == [
        "2024-03-27 00:00:00",
        "2024-04-01 00:00:00",
    ]


def test_bars_of_one_time_of_the_day_stay_days():
    assert read("2024-04-05 10:00+13:00", "2024-04-08 10:00+12:00") == [
        "2024-04-05 10:00:00",
        "2024-04-08 10:00:00",
    ]


def test_a_text_that_is_no_date_takes_no_time():
    with pytest.raises(FormError, match="row 2 has the date .*cannot be read"):
        read("2024-01-02 09:30", "9:30" * 50_000)


def test_moments_of_two_offsets_are_those_of_utc_or_of_the_zone_that_they_name():
    assert read("2024-03-29 12:00-05:00", "2024-04-02 13:00-04:00") == [
        "2024-03-29 17:00:00+00:00",
        "2024-04-02 17:00:00+00:00",
    ]
    assert read("2024-03-08 09:30 EST", "2024-03-11 09:31 EDT") == [
        "2024-03-08 09:30:00-05:00",
        "2024-03-11 09:31:00-04:00",
    ]


def test_an_hour_that_is_there_twice_is_told_apart_by_its_order():
    texts = [f"20231105  0{hour}:30:00 US/Eastern" for hour in (0, 1, 1, 2)]
    read_dates = pd.DatetimeIndex(pd.to_datetime(read(*texts), utc=True))
    assert (read_dates[1:] - read_dates[:-1] == pd.Timedelta(hours=1)).all()


def test_zones_of_names_of_several_lengths():
    assert read("2024-10-26 12:00 CEST", "2024-10-28 13:00 CET") == [
        "2024-10-26 12:00:00+02:00",
        "2024-10-28 13:00:00+01:00",
    ]


@pytest.mark.parametrize("zones", [("Z", "+00:00"), ("+00:00", "Z")])
def test_zones_of_two_spellings(zones):
    texts = [f"2024-01-02T10:0{place}:00{zone}" for place, zone in enumerate(zones)]
    assert read(*texts)[1] == "2024-01-02 10:01:00+00:00"


def test_an_hour_that_is_there_twice_in_rows_that_descend():
    texts = [f"20231105  0{hour}:30:00 US/Eastern" for hour in (2, 1, 1, 0)]
    assert [text[-6:] for text in read(*texts)] == ["-05:00", "-05:00", "-04:00", "-04:00"]


def test_ranges_of_hours_are_no_zones():
    with pytest.raises(FormError, match="offsets, .*ranges of hours"):
        read(*(f"2024-01-02 {hour:02}:00-{hour + 1:02}:00" for hour in range(9)))


def test_an_hour_that_may_be_either_is_refused():
    with pytest.raises(FormError, match="cannot be those of a clock"):
        read("20231105  00:30:00 US/Eastern", "20231105  01:30:00 US/Eastern")


def test_a_header_among_numbers_is_named():
    with pytest.raises(FormError, match="row 2 has the date 'time'.*header there twice"):
        read("1704153600", "time", "1704240000")


def test_a_form_of_the_user():
    assert read("02/01/2024", "03/01/2024", form="%d/%m/%Y")[1] == "2024-01-03 00:00:00"
    with pytest.raises(FormError, match="row 2 .*not %d/%m/%Y"):
        read("02/01/2024", "2024-01-03", form="%d/%m/%Y")


def test_a_zone_may_follow_a_form():
    texts = ("30.03.2024 00:00:00.000 GMT+0100", "01.04.2024 00:00:00.000 GMT+0200")
    form = "%d.%m.%Y %H:%M:%S.%f"
    assert read(*texts, form=form) == ["2024-03-30 00:00:00", "2024-04-01 00:00:00"]
    texts = ("02.01.2024 10:00:00.000 GMT+0100", "02.04.2024 11:00:00.000 GMT+0200")
    assert read(*texts, form=form) == ["2024-01-02 09:00:00+00:00", "2024-04-02 09:00:00+00:00"]
    assert read("02.01.24 +0100", form="%d.%m.%y %z") == ["2024-01-01 23:00:00+00:00"]
    with pytest.raises(FormError, match="'02/01/2024 10:00 GMT.0100', .*not %d.%m.%Y"):
        read("02/01/2024 10:00 GMT+0100", form="%d.%m.%Y %H:%M")


@given(
    st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2024-01-01")),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y.%m.%d %H:%M:%S", "%Y%m%d %H%M%S",
                     "%d-%b-%Y %H:%M:%S", "%b %d, %Y, %H:%M:%S", "%Y/%m/%d %I:%M:%S %p"]),
)  # fmt: skip
def test_what_is_written_is_read(moment, form):
    assert read(moment.strftime(form)) == [str(moment.replace(microsecond=0))]


def test_numbers_as_texts():
    assert is_numeric(pa.array(["20240102", "1.7e9", "-5", ""], pa.large_string()))
    assert not is_numeric(pa.array(["20240102", "2024-01-03"], pa.large_string()))
    assert not is_numeric(pa.array(["2024-01-02"], pa.large_string()))


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("%Y%m%d %H%M%S", ["20240102 10000", "20240102 20000"]),
        ("%Y%m%d %H%M%S", ["20240102 160000", "20240102 93000"]),
        ("%d%m%Y", ["2112024", "3112024"]),
        ("%y%m%d", ["90102"]),
        (None, ["20240102 160000", "20240102 10000"]),
        (None, ["20241102 0930", "2024112 0930"]),
    ],
)
def test_digits_that_follow_each_other_are_all_there(form, texts):
    """A lost zero makes one o'clock ten, and the second of January the eleventh month."""
    with pytest.raises(FormError, match="cannot be read|in no order"):
        read(*texts, form=form)


def test_digits_that_are_apart_may_be_fewer():
    assert read("2024-1-2 9:30:5", form="%Y-%m-%d %H:%M:%S") == ["2024-01-02 09:30:05"]
    assert read("20240102 093000.5", form="%Y%m%d %H%M%S.%f") == ["2024-01-02 09:30:00.500000"]
    assert read("02Jan2024  0930", form="%d%b%Y %H%M") == ["2024-01-02 09:30:00"]


def days(first, calendar, form):
    """Return 30 weekdays with the years of another calendar."""
    dates = pd.bdate_range(first, periods=30)
    return [each.strftime(form).replace("YY", f"{(each.year + calendar) % 100:02d}")
            for each in dates]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["02/01/67", "13/01/67"], "%d/%m/%y"),
        (["02-Jan-67"], "%d-%b-%y"),
        (days("2023-01-02", 543, "%d/%m/YY"), "%d/%m/%y"),  # Buddhist
        (days("1977-01-03", 543, "%d/%m/YY"), "%d/%m/%y"),  # as 2020, with other weekends
    ],
)
def test_years_of_another_calendar_are_refused(texts, form):
    with pytest.raises(FormError, match=f"another calendar.*--date-format '{form}'"):
        read(*texts)
    assert len(read(*texts, form=form)) == len(texts)


def test_years_of_two_digits_that_are_certain():
    assert read(*days("2023-01-16", 0, "%d/%m/YY"))[0] == "2023-01-16 00:00:00"
    assert read("01/13/67") == ["1967-01-13 00:00:00"]  # the month is first in America
    assert read("13/01/62", "13/01/24")[0] == "1962-01-13 00:00:00"
    sundays = pd.date_range("2023-01-01", periods=30, freq="W").strftime("%d/%m/%y")
    assert read(*sundays)[0] == "2023-01-01 00:00:00"


def test_one_file_has_one_order():
    texts = pa.array(["13/01/2024", "02/01/2024", "03/01/2024", "77/01/2024"], pa.large_string())
    orders = find_orders(texts, np.array(["A", "A", "B", "C"], object))
    assert orders == (("day", "month", "year"),)
    other = pa.array(["13/01/2024", "01/13/2024"], pa.large_string())
    assert find_orders(other, np.array(["A", "B"], object)) == ()
    assert find_orders(pa.array(["2024-01-02"]), np.array(["A"], object)) == ORDERS  # of its own
    assert read_texts(texts[2:3], None, orders)[0] == pd.Timestamp("2024-01-03")
    with pytest.raises(FormError, match="the day first in one symbol of the file"):
        read_texts(texts[:1], None, ())
