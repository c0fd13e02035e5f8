"""Dates: which are read, which are refused, and how many bars a year has."""

import pandas as pd
import pytest

import qmac
from qmac.data.bars_per_year import infer_bars_per_year
from qmac.data.dates import check_dates, find_order, read_dates
from qmac.errors import PricesError


@pytest.mark.parametrize(
    ("index", "periods"),
    [
        (pd.bdate_range("2001-01-01", periods=300), 252),
        (pd.date_range("2001-01-01", periods=300), 365),
        (pd.date_range("2001-01-01", periods=300, freq="W"), 52),
        (pd.date_range("2001-01-01", periods=50, freq="MS"), 12),
        (pd.date_range("2001-01-01", periods=24 * 400, freq="h"), 8766),
        (pd.date_range("2001-01-01", periods=1), 252),
    ],
)
def test_periods_per_year(index, periods):
    assert infer_bars_per_year(index).number == pytest.approx(periods, rel=1e-6)


def test_dates_as_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("Date,Close\n20200131,5\n20200203,6\n")
    assert qmac.read_prices(tmp_path / "a.csv").index[1] == pd.Timestamp("2020-02-03")


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["2001-02-01", "2001-02-02"], "2001-02-01"),
        (["13/02/2001", "14/02/2001"], "2001-02-13"),
        (["02/13/2001", "02/14/2001"], "2001-02-13"),
        (["13.02.2001", "14.02.2001"], "2001-02-13"),
        (["2001-02-01 09:30", "2001-02-01 09:31"], "2001-02-01 09:30"),
        ([20010201.0, 20010202.0], "2001-02-01"),
        (pd.period_range("2001-02", periods=2, freq="M"), "2001-02-01"),
        (["2001-03-31 12:00-05:00", "2001-04-02 12:00-04:00"], "2001-03-31 12:00"),
    ],
)
def test_dates_that_are_read(dates, first):
    index = check_dates(pd.Index(dates), "SPY")
    assert isinstance(index, pd.DatetimeIndex)
    assert index[0] == pd.Timestamp(first)


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        ([], "SPY has no rows"),
        ([1, 2], "SPY: the dates hold values such as 1, not dates"),
        ([20010201, 20010202.5], "hold values such as 20010201.0, not dates"),
        (pd.to_timedelta([1, 2], unit="D"), "not dates"),
        (["2001-02-01", None], "row 2 has no date"),
        (
            ["01/02/2001", "02/02/2001"],
            "may have the day or the month first: .*Write 2010-01-04, or .*--date-format",
        ),
        (["2001-02-01", "soon"], "row 2 has the date 'soon', which cannot be read"),
        (
            ["2001-02-03", "2001-02-01", "2001-02-02"],
            r"row 2 \(2001-02-01 .*\) comes before row 1 .*--sort",
        ),
        (["2001-02-01", "2001-02-01"], r"is there twice \(rows 1 and 2\). Drop one of them."),
    ],
)
def test_dates_that_are_refused(dates, says):
    with pytest.raises(PricesError, match=says):
        check_dates(pd.Index(dates), "SPY")


def test_descending_dates_are_turned_round():
    dates = pd.DatetimeIndex(["2001-02-02", "2001-02-01"])
    order = find_order(dates, "SPY")
    assert order.rows.tolist() == [1, 0]
    assert "turned round" in order.notes[0]
    assert check_dates(dates, "SPY").tolist() == sorted(dates)


def test_rows_are_sorted_where_the_user_says_so():
    dates = pd.DatetimeIndex(["2001-02-03", "2001-02-01", "2001-02-02"])
    assert find_order(dates, "SPY", sort=True).rows.tolist() == [1, 2, 0]
    with pytest.raises(PricesError, match=r"twice \(rows 1 and 3\)"):
        find_order(dates[[0, 1, 0]], "SPY", sort=True)


@pytest.mark.parametrize("minutes", [30, 60, 15])
def test_a_clock_that_was_set_back_is_said(minutes):
    zone = "America/New_York"
    moments = pd.date_range("2023-11-04 22:00", periods=40, freq=f"{minutes}min", tz=zone)
    walls = moments.tz_localize(None)
    with pytest.raises(PricesError, match="clock was set back in the night of 2023-11-05"):
        find_order(walls, "SPY")
    read = read_dates(walls, "SPY", timezone=zone)
    assert (read == moments).all()


@pytest.mark.parametrize(
    ("numbers", "first"),
    [
        ([1704153600, 1704240000], "2024-01-02T00:00+00:00"),
        ([946684800, 1704240000], "2000-01-01 00:00+00:00"),
        ([-86400, 1704240000], "1969-12-31 00:00+00:00"),
        ([1704153600000, 1704240000000], "2024-01-02T00:00+00:00"),
        ([1704153600000000, 1704240000000000], "2024-01-02T00:00+00:00"),
        ([1704153600000000000, 1704240000000000001], "2024-01-02T00:00+00:00"),
        ([1735603200000, 1735689600000000], "2024-12-31 00:00+00:00"),  # as Binance changed it
        ([202401020930, 202401020931], "2024-01-02 09:30"),
        ([20240102093000, 20240102093100], "2024-01-02 09:30"),
        ([1704153600.0, 1704240000.0], "2024-01-02T00:00+00:00"),
    ],
)
def test_numbers_are_told_apart_by_size(numbers, first):
    for index in (pd.Index(numbers), pd.Index([f"{number:.0f}" for number in numbers])):
        if max(numbers) < 2**60 or index.dtype != float:
            dates = read_dates(index, "SPY")
            assert dates[0] == pd.Timestamp(first)
            assert dates.is_monotonic_increasing


def test_nanoseconds_are_exact():
    number = 1704240000000000001
    for index in (pd.Index([number]), pd.Index([str(number)])):
        assert read_dates(index, "SPY").as_unit("ns").asi8[0] == number


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (["45293", "45294"], "as spreadsheets count them"),
        (["2999-01-01"], "in the future"),
        (["0024-01-01"], "before the year 1800"),
        ([20240230], "'20240230', which cannot be read"),
        ([4102444800], "in the future"),
    ],
)
def test_dates_that_cannot_be(index, says):
    with pytest.raises(PricesError, match=says):
        read_dates(pd.Index(index), "SPY")


def test_a_zone_that_is_named():
    days = pd.Index(["2024-03-08", "2024-03-11"])
    read = read_dates(days, "SPY", timezone="America/New_York")
    assert [str(day) for day in read] == ["2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"]
    moments = pd.Index(["2024-03-08 05:00Z", "2024-03-11 04:00Z"])
    assert (read_dates(moments, "SPY", timezone="America/New_York") == read).all()
    utc = pd.Index(["2024-01-02T00:00Z", "2024-01-03T00:00Z"])  # days, not evenings before
    assert str(read_dates(utc, "SPY", timezone="America/New_York")[0]).startswith("2024-01-02")
    digits = pd.Index([2012024.0, 13012024.0])
    assert read_dates(pd.Index(["02012024"]), "SPY", "%d%m%Y")[0] == pd.Timestamp("2024-01-02")
    assert read_dates(digits[1:], "SPY", "%d%m%Y")[0] == pd.Timestamp("2024-01-13")
    night = pd.Index(["2024-03-10 02:30"])
    with pytest.raises(PricesError, match="cannot be those of a clock in America/New_York"):
        read_dates(night, "SPY", timezone="America/New_York")
