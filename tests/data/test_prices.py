"""Files and frames: what is read, and what is refused with which words."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.data.dates import infer_periods_per_year
from qmac.data.prices import Prices
from qmac.errors import PricesError

GOOD = frame(series("random", 30, 1))


def test_sample(sample):
    assert len(sample) == 5031
    assert list(sample.frame.columns) == ["Open", "High", "Low", "Close", "Volume"]
    assert (str(sample.index[0].date()), sample.close[0]) == ("1999-01-04", 1228.10)
    assert (str(sample.index[-1].date()), sample.close[-1]) == ("2018-12-31", 2506.85)


@pytest.mark.parametrize("form", ["csv", "parquet", "parquet-column"])
@pytest.mark.parametrize("column", ["Close", "close", " CLOSE "])
def test_round_trip(tmp_path, form, column):
    data = GOOD.rename(columns={"Close": column})
    path = tmp_path / f"spy.{form.split('-')[0]}"
    if form == "csv":
        data.to_csv(path)
    elif form == "parquet":
        data.to_parquet(path)
    else:
        data.reset_index().to_parquet(path)
    prices = qmac.read_prices(path)
    assert prices.name == "spy"
    assert np.array_equal(prices.close, GOOD["Close"])
    assert list(prices.index) == list(GOOD.index)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"Date,Close\n", "no rows"),
        ("a.csv", b"Date,Price\n2001-01-01,5\n", "no Close column"),
        ("a.csv", b"Date,Adj Close\n2001-01-01,5\n", "Did you mean 'Adj Close'"),
        ("a.csv", b"Date,Close\n2001-01-01,5\n2001-01-02,x\n", "Close is x in row 2"),
        (
            "a.csv",
            b"Date,Close\n2001-01-01,5\n2001-01-02,0\n",
            r"Close is 0.* in row 2 \(2001-01-02",
        ),
        ("a.csv", b"Date,Close\n2001-01-01,-5\n", "Close is -5"),
        ("a.csv", b"Date,Close\n2001-01-01,inf\n", "Close is inf"),
        ("a.csv", b"Date,Close\n2001-01-01,\n2001-01-02,\n", r"Close is empty in row 1 .*1 more"),
        ("a.csv", b"Date,Open,Close\n2001-01-01,,5\n", "Open is empty .*Mend or drop"),
        ("a.csv", b'Date,Close\n2001-01-01,"2,048.64"\n', "Close is 2,048.64 .*without commas"),
        ("a.csv", b"Date;Close\n2001-01-01;2048,64\n", "Close is 2048,64 .*without commas"),
        ("a.csv", b"Date,Close\n2001-01-01,5\n2001-01-01,6\n", "is there twice"),
        ("a.csv", b"Date,Close\n2001-01-02,5\n2001-01-01,6\n", "not sorted: row 2"),
        ("a.csv", b"Date,Close\n2001-01-01,5\nsoon,6\n", "row 2 has the date 'soon'"),
        ("a.csv", b"Date,Close\n2001-01-01,5\n,6\n", "row 2"),
        ("a.csv", b"Close,Open\n5,6\n", "no column of dates"),
        ("a.csv", b"Day,Close\n1,5\n2,6\n", "values such as 1, not dates"),
        ("a.csv", b"Date,Close\n01-01-2020,5\n02-01-2020,6\n", "day or the month first"),
        ("a.csv", b"Date,Close\n01/01/20,5\n01/02/20,6\n", "day or the month first"),
        ("a.csv", b"\x00\xff\xfe\x00" * 40, "a.csv"),
        ("a.csv", b"Date,Close,close\n2001-01-01,5,5\n", "twice"),
        ("a.parquet", b"not parquet", "cannot be read as Parquet"),
    ],
)
def test_bad_files(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PricesError, match=says):
        qmac.read_prices(path)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(PricesError, match="no such file"):
        qmac.read_prices(tmp_path / "none.csv")
    with pytest.raises(PricesError, match="is a directory"):
        qmac.read_prices(tmp_path)


def test_bad_objects():
    with pytest.raises(PricesError, match="list"):
        Prices.of([1, 2, 3])
    with pytest.raises(PricesError, match="not dates"):
        Prices.of(pd.Series([1.0, 2.0]))


def test_too_few_bars_and_late_start():
    grid = qmac.Grid(windows=[2, 3, 5, 30])
    with pytest.raises(PricesError, match="has 30 bars, but window 30 needs at least 31"):
        qmac.optimize(GOOD, grid)
    with pytest.raises(PricesError, match="ends at"):
        qmac.backtest(GOOD, (2, 3, 4, 5), qmac.Rules(start="2044-01-01"))


def test_series_and_time_zones():
    zoned = GOOD["Close"].tz_localize("America/New_York")
    run = qmac.backtest(zoned, (1, 2, 3, 4), qmac.Rules(start="2001-01-15"))
    assert len(run.equity) == 20


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
