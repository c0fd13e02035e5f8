"""CSV files: decimal marks across blocks, rows that are whole, texts that stay texts."""

import numpy as np
import pytest

import qmac
from qmac.data import lines
from qmac.data.options import ReadOptions
from qmac.data.readers import read_prices, read_table
from qmac.errors import PricesError


def write(tmp_path, text, name="a.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        ('Date,Close\n2024-01-02,"1,048.50"\n2024-01-03,"999.25"\n', [1048.5, 999.25]),
        ("Date;Close\n2024-01-02;1.048,50\n2024-01-03;995\n", [1048.5, 995]),
        ("Date;Close\n2024-01-02;48,5\n2024-01-03;49\n", [48.5, 49]),
        ("Date,Close\n2024-01-02,$48.5\n2024-01-03,$49\n", [48.5, 49]),
        ("Date,Close\n2024-01-02,1'048.5\n2024-01-03,49\n", [1048.5, 49]),
        ('Date,Close,Volume\n2024-01-02,5,1.2M\n2024-01-03,6,"3,000"\n', [5, 6]),
        ("Date,Close,\n2024-01-02,5,\n2024-01-03,6,\n", [5, 6]),
        ("Date,Close\n2024-01-02,5,\n2024-01-03,6,\n", [5, 6]),
    ],
)
def test_numbers(tmp_path, text, closes):
    assert qmac.read_prices(write(tmp_path, text)).close.tolist() == closes


def test_a_mark_is_the_same_in_all_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 200)
    days = np.arange("2020-01-01", "2020-04-01", dtype="M8[D]")
    rows = [f"{day};1.{100 + place},5" for place, day in enumerate(days)]
    path = write(tmp_path, "\n".join(["Date;Close", *rows, ""]))
    assert qmac.read_prices(path).close.tolist() == [1100.5 + place for place in range(len(days))]
    rows[50:] = [row.replace(",5", "") for row in rows[50:]]  # 1.150 is 1,150 there, too
    path = write(tmp_path, "\n".join(["Date;Close", *rows, ""]))
    assert qmac.read_prices(path).close[50:].min() == 1150


def test_a_mark_that_changes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 200)
    days = np.arange("2020-01-01", "2020-04-01", dtype="M8[D]")
    rows = [f"{day};{'5.25' if place < 50 else '5,25'}" for place, day in enumerate(days)]
    path = write(tmp_path, "\n".join(["Date;Close", *rows, ""]))
    with pytest.raises(PricesError, match="Close is 5,25 in row 51|decimal comma from row"):
        qmac.read_prices(path)


def test_only_needed_columns_are_read(tmp_path):
    path = write(tmp_path, "Date,Note,Close,More\n2024-01-02,x,5,y\n")
    assert list(read_table(path).frame.columns) == [0, 2]


def test_a_file_without_header_counts_by_its_first_row(tmp_path):
    row = "1735776000000000,100,102,99,101,5,1735862399999999,1,1,1,1,0"
    path = write(tmp_path, f"{row}\n{row[:-2]}\n")
    with pytest.raises(PricesError, match="row 2 has 11 fields, but the first row has 12"):
        qmac.read_prices(path)


def test_one_column_that_proves_the_mark_proves_it_for_all(tmp_path):
    rows = "Date;Open;Close\n2024-01-02;21.039,74;21.040\n2024-01-03;21.050,10;21.060\n"
    assert qmac.read_prices(write(tmp_path, rows)).close.tolist() == [21040, 21060]


@pytest.mark.parametrize(
    "rows",
    [
        "Date;Close\n2024-01-02;21.040\n2024-01-03;21.060\n",
        "Date;Open;Close\n2024-01-02;1.105;1,105\n2024-01-03;1.107;1,108\n",
    ],
)
def test_marks_that_may_be_either_are_refused(tmp_path, rows):
    path = write(tmp_path, rows)
    with pytest.raises(PricesError, match=r"in row 1: the mark may be .*--decimal"):
        qmac.read_prices(path)
    assert len(qmac.read_prices(path, decimal=".")) == 2


@pytest.mark.parametrize("row", ["2024-01-02,4,796.91,", "2024-01-02,100,35,"])
def test_a_trailing_separator_hides_no_comma_of_a_number(tmp_path, row):
    path = write(tmp_path, f"Date,Close,Volume\n{row}\n")
    with pytest.raises(PricesError, match="Close is .* in row 1, and .* follows"):
        qmac.read_prices(path)


WHOLE = ["16.769", "16.801", "16.554", "16.612"]


def write_prices(path, closes, form="2024-01-{:02d}", volumes=None):
    rows = zip(range(2, 30), closes, volumes or [""] * len(closes), strict=False)
    lines = [f"{form.format(day)},{close},{volume}" for day, close, volume in rows]
    path.write_text("\n".join(["Date,Close,Volume", *lines, ""]))
    return read_prices(path)


@pytest.mark.parametrize(
    ("closes", "volumes", "first", "is_noted"),
    [
        (WHOLE, None, 16.769, True),
        (WHOLE, ["1234", "99", "5", "7"], 16.769, False),
        (WHOLE, ["1.234.567", "99.000", "5.000", "7.000"], 16769, False),
        ([*WHOLE, "16.5"], None, 16.769, False),
        ([*WHOLE * 4, "16.5"], None, 16.769, True),  # which may have lost digits
        ([*WHOLE * 4, "16.5", "16.61"], None, 16.769, False),
        (["1.003", "1.001", "998", "1.002"], None, 1003, False),
        ([*["1.003"] * 20, "0.998", "0.999"], None, 1.003, False),  # behind the first lines
        (["110.123", "110.001"], None, 110.123, True),
    ],
)
def test_whole_prices_with_points_between_groups(tmp_path, closes, volumes, first, is_noted):
    """Read right, or with a word, and never in silence."""
    prices = write_prices(tmp_path / "a.csv", closes, volumes=volumes)
    assert prices.close[0] == first and prices.close.max() < 2 * first
    assert any("three digits behind the point" in note for note in prices.warnings) == is_noted


def test_dates_of_a_program_with_a_decimal_comma_make_such_prices_uncertain(tmp_path):
    with pytest.raises(PricesError, match="Close is 16.769 in row 1: .*--decimal , or --decimal"):
        write_prices(tmp_path / "a.csv", WHOLE, "{:02d}.01.2024")
    path = tmp_path / "b.csv"
    path.write_text("Date;Close\n2024-01-02;16.769\n")
    with pytest.raises(PricesError, match="--decimal , or --decimal"):
        read_prices(path)
    assert read_prices(path, options=ReadOptions(decimal=",")).close[0] == 16769
