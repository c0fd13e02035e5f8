"""Tables of results: what other programs read is what the result holds."""

import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.readings import fill_memory
from hypothesis import example, given
from hypothesis import strategies as st

from qmac.errors import GridError, OptionError, ResultError
from qmac.results import exports
from qmac.results.collection import Results
from qmac.results.exports import (
    FORMATS,
    SHEET_ROWS,
    build_table,
    choose_format,
    encode,
    escape_csv,
    escape_text,
    read_combinations,
    write,
)
from qmac.results.reader import read_results
from qmac.strategy.grid import ROLES

ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def unescape_text(cell):
    """Return the text of which ``escape_text`` or ``escape_csv`` made a cell."""
    text = ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell.removeprefix("'"))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def test_tables(run_of_many):
    results = read_results(run_of_many)
    result = results["AAA"]
    top, maps, bins = (
        build_table(results, what).query("symbol == 'AAA'")
        for what in ("top", "maps", "distribution")
    )
    assert top["rank"].tolist() == list(range(1, len(result.top) + 1))
    assert bins["count"].sum() == result.scored
    for (rows, columns), part in maps.groupby(["rows", "columns"]):
        assert part["count"].sum() == result.scored
        best = result.map(rows, columns)
        assert all(
            best.loc[row.row_window, row.column_window] == row.best for row in part.itertuples()
        )


def test_a_name_is_no_formula():
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    sheet = openpyxl.load_workbook(
        io.BytesIO(encode(pd.DataFrame({"symbol": ["=cmd()", "SPY"]}), "xlsx"))
    ).active
    assert [(cell.value, cell.data_type) for (cell,) in sheet.iter_rows(min_row=2)] == [
        ("=cmd()", "s"),
        ("SPY", "s"),
    ]


def test_maps_are_coloured_and_what_is_undefined_is_empty():
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    columns = {"row_window": [2, 3], "best": [0.5, np.nan], "mean": [np.inf, 0.1], "count": [3, 4]}
    sheet = openpyxl.load_workbook(io.BytesIO(encode(pd.DataFrame(columns), "xlsx"))).active
    values = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert values == [list(columns), [2, 0.5, "inf", 3], [3, None, 0.1, 4]]
    rules = {
        str(place.sqref): rule.type
        for place in sheet.conditional_formatting
        for rule in place.rules
    }
    assert rules == dict.fromkeys(("B2:B3", "C2:C3", "D2:D3"), "colorScale")


HOSTILE = [
    "=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "\rx", "a\x1b[2J\x00b", "'q", "_x0041_",
    "_x005F_", "bad\udcff", "\u202ex", "#N/A", "a;=b", "a; +b", "\U000e0001", " =x", "\uff1dx",
    "\uffff", "NA",
]  # fmt: skip
"""Symbols that a spreadsheet, a terminal or a format of files takes for something else."""


@given(st.text())
@example("'")
def test_any_text_is_read_back(text):
    for escape in (escape_text, escape_csv):
        cell = escape(text)
        assert cell.isprintable() and unescape_text(cell) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_a_csv_is_a_formula(text):
    cell = escape_csv(text)
    assert cell.isprintable() and cell.lstrip(" ")[0] not in "=+-@\uff1d"
    assert not re.search(";[ ]*[=+@-]", cell) and unescape_text(cell) == text


def test_hostile_symbols_are_the_same_in_every_format():
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    frame = pd.DataFrame({"symbol": pd.Series(HOSTILE, dtype=object), "rank": range(len(HOSTILE))})
    table = pd.read_csv(io.BytesIO(encode(frame, "csv")), keep_default_na=False)
    assert list(map(unescape_text, table["symbol"])) == HOSTILE
    assert [row["symbol"] for row in json.loads(encode(frame, "json"))] == HOSTILE
    exact = pd.read_parquet(io.BytesIO(encode(frame, "parquet")))["symbol"].tolist()
    assert exact == [name if name != "bad\udcff" else "bad_xDCFF_" for name in HOSTILE]
    sheet = openpyxl.load_workbook(io.BytesIO(encode(frame, "xlsx"))).active
    cells = [cell for cell, _ in sheet.iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.quotePrefix for cell in cells][:4] == [True] * 4
    # openpyxl takes the escape of an underscore away itself
    values = [cell.value for cell in cells if "_x00" not in unescape_text(cell.value)]
    assert set(HOSTILE) - {"_x0041_", "_x005F_"} <= set(map(unescape_text, values))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_combinations_are_read_from_an_export_of_hostile_symbols(kind, tmp_path):
    windows = {"buy_fast": 2, "buy_slow": 5, "sell_fast": 3, "sell_slow": 9}
    frame = pd.DataFrame({"symbol": pd.Series(HOSTILE, dtype=object), **windows})
    path = write(encode(frame, kind), tmp_path / f"top.{kind}")
    assert read_combinations(path) == [list(windows.values())] * len(HOSTILE)


def test_more_rows_than_a_sheet_has():
    pytest.importorskip("xlsxwriter")
    with pytest.raises(OptionError, match="more than a sheet has"):
        encode(pd.DataFrame({"a": np.zeros(SHEET_ROWS + 1)}), "xlsx")


def test_numbers_that_json_has_not():
    frame = pd.DataFrame(
        {"a": [1.5, math.nan, math.inf], "b": pd.array([1, None, 3], "Int64"), "c": ["x", "y", "é"]}
    )
    assert json.loads(encode(frame, "json")) == [
        {"a": 1.5, "b": 1, "c": "x"},
        {"a": None, "b": None, "c": "y"},
        {"a": None, "b": 3, "c": "é"},
    ]


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        (None, None, "csv"),
        (None, "json", "json"),
        ("a.parquet", None, "parquet"),
        ("a.PQ", None, "parquet"),
        ("a.xlsx", "csv", "csv"),
    ],
)
def test_the_format_is_that_of_the_name_or_of_the_ending(path, name, expected):
    assert choose_format(None if path is None else Path(path), name) == expected
    assert expected in FORMATS


def test_formats_that_are_not_known():
    with pytest.raises(OptionError, match="format 'cvs' is not known. Did you mean 'csv'"):
        choose_format(None, "cvs")
    with pytest.raises(OptionError, match="does not say by its ending what to write"):
        choose_format(Path("table.pdf"), None)


def test_a_table_that_is_not_known(run_of_many):
    with pytest.raises(OptionError, match="what 'tops' is not known. Did you mean 'top'"):
        build_table(read_results(run_of_many), "tops")


def test_nothing_is_replaced_unless_forced(tmp_path):
    path = tmp_path / "a.csv"
    assert write(b"1", path) == path
    with pytest.raises(ResultError, match="is there already"):
        write(b"2", path)
    assert path.read_bytes() == b"1"
    write(b"2", path, force=True)
    assert path.read_bytes() == b"2"
    with pytest.raises(ResultError, match="is a directory"):
        write(b"1", tmp_path)
    with pytest.raises(ResultError, match="is no directory"):
        write(b"1", tmp_path / "no" / "a.csv")


@pytest.mark.parametrize("head", [True, False])
def test_combinations_with_and_without_a_head(tmp_path, head):
    names = "buy_fast,buy_slow,sell_fast,sell_slow\n" if head else ""
    (tmp_path / "a.csv").write_text(f"{names}2, 5, 3, 9\n10,20,10,50\n")
    assert read_combinations(tmp_path / "a.csv") == [[2, 5, 3, 9], [10, 20, 10, 50]]


def test_combinations_of_an_export_are_read(run_of_many, tmp_path):
    table = build_table(read_results(run_of_many))
    rows = table.iloc[:, 2:6].to_numpy(int).tolist()
    for kind in ("csv", "parquet"):
        path = write(encode(table, kind), tmp_path / f"top.{kind}")
        assert read_combinations(path) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("buy_fast,buy_slow\n1,2\n", "has no column sell_fast, sell_slow"),
        ("2,5,3,9\n2,5,3,9.5\n", r"row 2 is 2, 5, 3, 9\.5, but windows are four whole"),
        ("2,5,3,9\n2,5,3,\n", "row 2 is 2, 5, 3, nan, but"),
        ("2,5,3,9\n2,5,3,x\n", "row 2 is 2, 5, 3, x, but"),
        ("", "cannot be read"),
    ],
)
def test_files_that_are_no_combinations(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(GridError, match=message):
        read_combinations(tmp_path / "a.csv")
    with pytest.raises(GridError, match="there is no such file"):
        read_combinations(tmp_path / "b.csv")


def test_combinations_in_a_parquet_file_whose_metadata_are_damaged(tmp_path):
    """Pandas raises a TypeError of its own at them."""
    table = pa.table(dict(zip(ROLES, ([2], [5], [3], [9]), strict=True)))
    pq.write_table(table.replace_schema_metadata({"pandas": "[]"}), tmp_path / "a.parquet")
    with pytest.raises(GridError, match=r"a\.parquet cannot be read: "):
        read_combinations(tmp_path / "a.parquet")


@pytest.mark.parametrize("kind", exports.VALUE_BYTES)
def test_a_table_that_does_not_fit_into_memory_is_refused_with_the_figure(kind, monkeypatch):
    fill_memory(monkeypatch)
    with pytest.raises(OptionError, match=rf"writing 1,000 rows as {kind} needs .* of memory"):
        exports.encode(pd.DataFrame(np.zeros((1000, 5))), kind)


def test_a_table_of_many_results_is_refused_before_it_is_built(run_of_many, monkeypatch):
    read = dict(read_results(run_of_many))
    results = Results({name: lambda name=name: read[name] for name in read}, {})
    fill_memory(monkeypatch)
    with pytest.raises(OptionError, match=r"a table of \d+ rows needs .* --symbol NAME"):
        build_table(results)
