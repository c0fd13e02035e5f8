"""Dates: which are read, which are refused, and how many bars a year has."""

import pandas as pd
import pytest

import qmac
from qmac.data.dates import check_dates, index_by_date, infer_periods_per_year
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
    assert infer_periods_per_year(index) == pytest.approx(periods, rel=1e-6)


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
        (["2001-03-31 12:00-05:00", "2001-04-02 12:00-04:00"], "2001-03-31 17:00+00:00"),
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
        ([1, 2], "SPY: the index holds values such as 1, not dates"),
        ([20010201, 20010202.5], "holds values such as 20010201.0, not dates"),
        (pd.to_timedelta([1, 2], unit="D"), "not dates"),
        (["2001-02-01", None], "row 2 has no date"),
        (["01/02/2001", "02/02/2001"], "may have the day or the month first. Write 2010-01-04."),
        (["2001-02-01", "soon"], "row 2 has the date 'soon', which cannot be read"),
        (["2001-02-02", "2001-02-01"], r"row 2 \(2001-02-01 .*\) comes before row 1"),
        (["2001-02-01", "2001-02-01"], r"is there twice \(rows 1 and 2\). Drop one of them."),
    ],
)
def test_dates_that_are_refused(dates, says):
    with pytest.raises(PricesError, match=says):
        check_dates(pd.Index(dates), "SPY")


@pytest.mark.parametrize(
    ("columns", "left"),
    [
        (["Close", "DATE"], ["Close"]),
        (["Close", "Timestamp"], ["Close"]),
        (["Day", "Close"], ["Close"]),
        (["Date", "Close", "Time"], ["Close"]),
    ],
)
def test_the_column_of_dates(columns, left):
    row = {"Close": 5.0, "Time": "10:30"}
    frame = pd.DataFrame([[row.get(column, "2001-02-01") for column in columns]], columns=columns)
    indexed = index_by_date(frame, "a.csv")
    assert list(indexed.columns) == left
    clock = " 10:30" if "Time" in columns else ""
    assert indexed.index.tolist() == [f"2001-02-01{clock}"]
    dated = frame.set_index(pd.DatetimeIndex(["2001-02-01"]))
    assert index_by_date(dated, "a.csv") is dated
