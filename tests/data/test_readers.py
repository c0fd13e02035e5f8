"""Price files: what is read, and what is refused with which words."""

import gzip
import re
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.data.options import ReadOptions
from qmac.data.readers import read_stored, read_table, write_stored
from qmac.errors import PricesError, PricesWarning

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


@pytest.mark.parametrize(
    ("begin", "block", "says"),
    [
        (b"", bytes(2**16), "a line, or a text"),
        (b"Date,Close\n", bytes(2**16), "zero bytes|a line, or a text"),
        (b"", b"\n" * 2**16, "bytes of blank lines|has no rows"),
        (b"Date,Close\n2024-01-02,5\n", b"\n" * 2**16, "bytes of blank lines"),
        (b"", b"x" * 2**16, "a line, or a text in quotes, of more than"),
        (b'Date,Close\n2024-01-02,"', b"\n" * 2**16, "a line, or a text in quotes, of more than"),
        (b"[", b"[1],[1]," * 2**13, "too much"),
        (b"{", b'"a":{},' * 2**13, "too much"),
        (b"PAR1", bytes(2**16), "too much"),
        (b"ARROW1", bytes(2**16), "too much"),
        (b"Date,Close\n", b"2024-01-02,5\n" * 2**12, "too much"),
    ],
)
def test_bombs_are_refused_while_they_are_unpacked(begin, block, says, tmp_path):
    """They have 64 MB, and could have any number."""
    path = tmp_path / "a.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(begin)
        for _ in range(1000):
            file.write(block)

    def refuse(what, needed):
        if needed > 16_000_000:
            raise PricesError(f"{what}: too much")

    tracemalloc.start()
    try:
        with pytest.raises(PricesError, match=says):
            read_table(path, refuse)
        # of a block of blank lines, the places of all are held
        most = 250_000_000 if "blank" in says else 50_000_000
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_texts_that_are_kept_once_are_not_written_into_every_row(tmp_path):
    """A Parquet file of 100 KB had 100 GB."""
    rows = 200_000
    symbols = pd.Categorical.from_codes(np.zeros(rows, int), ["x" * 500_000])
    data = {"Date": np.arange(rows).astype("M8[m]"), "Symbol": symbols, "Close": 5.0}
    for ending in ("parquet", "feather"):
        path = tmp_path / f"a.{ending}"
        getattr(pd.DataFrame(data), f"to_{ending}")(path)
        with pytest.raises(PricesError, match="Symbol holds a text of 500,000 characters"):
            read_table(path)


def test_sizes_of_a_parquet_file_are_checked_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    data = {"Date": np.arange(100).astype("M8[D]"), "Note": 1, "Close": 5.0}
    pd.DataFrame(data).assign(Symbol=[str(place) * 1000 for place in range(100)]).to_parquet(path)
    monkeypatch.setattr(pd, "read_parquet", lambda *_, **__: pytest.fail("it was read"))

    def refuse(what, needed):
        if needed > 300_000:
            raise PricesError(f"{what}: too much")

    with pytest.raises(PricesError, match="reading 100 rows: too much"):
        read_table(path, refuse)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "a.parquet",
            b"Date,Close\n2024-01-02,5\n",
            "cannot be read as Parquet: it does not begin",
        ),
        (
            "a.feather",
            b"Date,Close\n2024-01-02,5\n",
            "cannot be read as Feather: it does not begin",
        ),
        ("a.xlsx", b"Date,Close\n2024-01-02,5\n", "as an Excel file (.xlsx): it does not begin"),
        ("a.xlsx", b"PK\x03\x04 and no more", "as an Excel file (.xlsx)"),
        (
            "a.csv",
            b"Exceeded the daily hits limit",
            "is a text without columns: it begins 'Exceeded",
        ),
        ("a.csv", b"\n\n \n", "has no rows"),
        ("a.xls", b"<html><body><table>", "is a web page"),
    ],
)
def test_what_the_ending_promises(name, content, says, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PricesError, match=re.escape(says)):
        qmac.read_prices(tmp_path / name)


def test_the_content_counts(tmp_path):
    frame = pd.DataFrame({"Date": pd.date_range("2024-01-02", periods=3), "Close": [5.0, 6, 7]})
    frame.to_parquet(tmp_path / "a.csv")
    frame.to_feather(tmp_path / "b.parquet")
    frame.to_csv(tmp_path / "c.xls", sep="\t", index=False)
    (tmp_path / "d.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    for file in tmp_path.iterdir():
        assert qmac.read_prices(file).close.tolist() == [5, 6, 7], file.name


def test_a_feather_file_has_the_columns_that_are_needed(tmp_path):
    frame = pd.DataFrame({"date": pd.date_range("2024-01-02", periods=3, tz="UTC"), "close": 5.0})
    frame.assign(note="x", more=[[1]] * 3).to_feather(tmp_path / "a.feather")
    table = read_table(tmp_path / "a.feather")
    assert len(table.frame.columns) == 2
    assert str(qmac.read_prices(tmp_path / "a.feather").index.tz) == "UTC"


def test_what_was_read_stays_with_the_bars(tmp_path):
    """In a file that qmac wrote, for itself and for whoever reads the file again."""
    lines = [f"2024-01-{day:02},{close},0" for day, close in enumerate((404, 408, 103, 104), 8)]
    path, stored = tmp_path / "a.csv", tmp_path / "a.parquet"
    path.write_text("\n".join(["Date,Last,Open", *lines, ""]))
    with pytest.warns(PricesWarning):
        prices = qmac.read_prices(path, close="Last")
    assert len(prices.warnings) == 2 and prices.origin.close == "Last"
    with stored.open("wb") as file:
        write_stored(prices, file)
    with stored.open("rb") as file:
        same = read_stored(file, "a")
    with pytest.warns(PricesWarning):
        again = qmac.read_prices(stored)
    for each in (same, again):
        assert each.warnings == prices.warnings
        assert each.origin.left_out.keys() == {"Open"}
        assert each.origin.to_dict() == prices.origin.to_dict()
        pd.testing.assert_frame_equal(each.frame, prices.frame, check_freq=False)
    named = read_table(stored, options=ReadOptions(close="Close"))
    assert named.origin is None  # the user says what it is
    prices.frame.to_parquet(stored)  # as versions before did
    with stored.open("rb") as file:
        assert read_stored(file, "a").origin.layout == "frame"


def test_dates_of_a_column_of_parquet_are_stored_without_a_warning(tmp_path):
    path = tmp_path / "spy.parquet"
    GOOD.reset_index().to_parquet(path)
    prices = qmac.read_prices(path)
    assert prices.index.name is None  # not 0, the place of the column
    with (tmp_path / "stored").open("w+b") as file:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_stored(prices, file)
        file.seek(0)
        assert read_stored(file, "spy").frame.equals(prices.frame)
