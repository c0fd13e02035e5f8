"""Price files: what is read, and what is refused with which words."""

import gzip

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.data.readers import read_table
from qmac.errors import PricesError

GOOD = frame(series("random", 30, 1))


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
        ("a.csv", b'Date,Close\n2001-01-01,"2,048"\n', "Close is 2,048 in row 1.*--decimal"),
        ("a.csv", b"Date;Close\n2001-01-01;20.48,6.4\n", "Close is 20.48,6.4 .*without commas"),
        ("a.csv", b"Date,Close\n2001-01-01,5\n2001-01-01,6\n", "is there twice"),
        ("a.csv", b"Date,Close\n2001-01-02,5\n2001-01-01,6\n2001-01-03,7\n", "not sorted: row 2"),
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


@pytest.mark.parametrize("mark", [";", "\t", "|", ","])
def test_separators(tmp_path, mark):
    (tmp_path / "a.csv").write_text(f"Date{mark}Close\n2001-01-01{mark}5\n2001-01-02{mark}6\n")
    assert qmac.read_prices(tmp_path / "a.csv").close.tolist() == [5, 6]


def test_compressed_files(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"Date,Close\n2001-01-01,5\n"))
    assert qmac.read_prices(tmp_path / "a.csv.gz").close.tolist() == [5]


def test_content_is_not_checked(tmp_path):
    (tmp_path / "a.csv").write_text("Date;Ticker;Close\nsoon;007;-1\n")
    table = read_table(tmp_path / "a.csv")
    assert [column.role for column in table.selection.columns] == ["Date", "Symbol", "Close"]
    assert table.frame.iloc[0].tolist() == ["soon", "007", -1]


def test_columns_of_mixed_types_do_not_warn(tmp_path, recwarn):
    rows = "".join(f"2001-01-01,{price}\n" for price in [5] * 300_000 + ["x"])
    (tmp_path / "a.csv").write_text("Date,Close\n" + rows)
    assert len(read_table(tmp_path / "a.csv")) == 300_001
    assert not recwarn


@pytest.mark.parametrize("mark", [b",", b";"])
def test_columns_without_number_are_refused_before_they_are_parsed(tmp_path, mark):
    """Their names alone took 4 GB and a minute."""
    path = tmp_path / "wide.csv"
    path.write_bytes(b"Date,Close" + mark * 1_000_000 + b"\n1\n")
    with pytest.raises(PricesError, match="columns, and 20,000 are the most"):
        qmac.read_prices(path)
