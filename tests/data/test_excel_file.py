"""Workbooks: the sheet with the prices, cells of any kind, and bombs that are refused."""

import sys
import zipfile
from datetime import date, time, timedelta
from time import process_time

import openpyxl
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.data import excel_file
from qmac.data.options import ReadOptions
from qmac.data.readers import read_prices
from qmac.errors import PricesError

GOOD = frame(series("random", 40, 1)).round(8)  # openpyxl writes 16 digits
DAY = date(2024, 1, 2)


def write(path, **sheets):
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


PRICES = [["Date", "Close"], [DAY, 5], [DAY + timedelta(1), 6.25]]


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.zip"])
def test_round_trip(name, tmp_path):
    GOOD.to_excel(tmp_path / "a.xlsx")
    content = (tmp_path / "a.xlsx").read_bytes()
    if name == "a.zip":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.xlsx", content)
    else:
        (tmp_path / name).write_bytes(content)
    prices = qmac.read_prices(tmp_path / name)
    assert prices.close.tolist() == GOOD["Close"].tolist()
    assert list(prices.index) == list(GOOD.index)


def test_cells_of_all_kinds(tmp_path):
    rows = [
        ["Date", "Time", "Close", "Volume", "Note", "Flag"],
        [],
        [DAY, time(9, 30), "1.234,5", 7, None, True],
        [pd.Timestamp(DAY).to_pydatetime(), time(9, 31), "1.235,5", "1,5M", "#N/A", "x"],
        [None, None, None, None, None, None],
        [DAY, time(9, 32), "999,5", None, timedelta(1), None],
    ]
    prices = qmac.read_prices(write(tmp_path / "a.xlsx", Prices=rows))
    assert prices.close.tolist() == [1234.5, 1235.5, 999.5]
    assert f"{prices.index[-1]:%Y-%m-%d %H:%M}" == "2024-01-02 09:32"


@pytest.mark.parametrize("decimal", [None, ".", ","])
def test_numbers_have_no_mark(decimal, tmp_path):
    path = write(tmp_path / "a.xlsx", A=[["Date", "Close"], [DAY, 1.234]])
    assert read_prices(path, options=ReadOptions(decimal=decimal)).close.tolist() == [1.234]


def test_sheets(tmp_path):
    path = write(tmp_path / "a.xlsx", Info=[["Written by a bank"]], SPY=PRICES, Empty=[])
    assert qmac.read_prices(path).close.tolist() == [5, 6.25]
    path = write(tmp_path / "a.xlsx", SPY=PRICES, QQQ=[*PRICES, [DAY + timedelta(2), 7]])
    with pytest.raises(PricesError, match="2 sheets: SPY, QQQ. Name .*--sheet 'SPY'"):
        qmac.read_prices(path)
    assert read_prices(path, options=ReadOptions(sheet="qqq")).close.tolist() == [5, 6.25, 7]
    with pytest.raises(PricesError, match="no sheet 'X'. Its sheets are: SPY, QQQ"):
        read_prices(path, options=ReadOptions(sheet="X"))
    (tmp_path / "a.csv").write_text("Date,Close\n2024-01-02,5\n")
    with pytest.raises(PricesError, match="is no .xlsx file.*Omit --sheet"):
        read_prices(tmp_path / "a.csv", options=ReadOptions(sheet="X"))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "has no rows|no Close|no column"),
        ([["Date", "Close"]], "no rows"),
        ([["Date", "Close"], [DAY, "=1+1"]], "Close is empty in row 1"),
        ([["Date", "Close"], [DAY, 5, 6]], "row 1 has 3 fields"),
        ([["Date", "Close"], *[[DAY, 5]] * 20, [DAY, 5, 6]], "row 21 has 3 fields"),
    ],
)
def test_bad_sheets(rows, says, tmp_path):
    with pytest.raises(PricesError, match=says):
        qmac.read_prices(write(tmp_path / "a.xlsx", A=rows))


def test_a_missing_extra_is_said(tmp_path, monkeypatch):
    path = write(tmp_path / "a.xlsx", A=PRICES)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(PricesError, match=r"Install it: pip install 'qmac\[xlsx\]'"):
        qmac.read_prices(path)


def test_sizes_are_checked_before_anything_is_unpacked(tmp_path, monkeypatch):
    path = write(tmp_path / "a.xlsx", A=PRICES)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedBomb.xml", bytes(20_000_000))

    def refuse(what, needed):
        if needed > 200_000_000:
            raise PricesError(f"{what} needs {needed:,}")

    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(PricesError, match="a.xlsx: unpacking 20,.* needs 240,"):
        read_prices(path, refuse)


def test_cells_far_away_fill_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(excel_file, "MOST_BLANK_ROWS", 500)
    path = write(tmp_path / "a.xlsx", A=PRICES)
    workbook = openpyxl.load_workbook(path)
    workbook["A"].cell(2, 16_384, "x")
    workbook.save(path)
    assert qmac.read_prices(path).close.tolist() == [5, 6.25]
    workbook["A"].cell(1000, 1, "x")
    workbook.save(path)
    with pytest.raises(PricesError, match="more than 500 blank rows"):
        qmac.read_prices(path)


ENTITIES = b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>%s]>" % b"".join(
    b"<!ENTITY %c '%s'>" % (98 + place, b"&%c;" % (97 + place) * 10) for place in range(9)
)
SHEET, BOOK = "xl/worksheets/sheet1.xml", "xl/workbook.xml"


@pytest.mark.parametrize(
    ("part", "old", "new", "says"),
    [
        (SHEET, b"<sheetData>", b"<sheetData><row><c t='inlineStr'><is><t>&j;</t></is></c></row>",
         "cannot be read as an Excel file"),
        (BOOK, b"Sheet1", b"&j;", "cannot be read as an Excel file"),
        (SHEET, b'r="3"', b'r="1048576"', "more than 100,000 blank rows"),
        (SHEET, b'r="3"', b'r="99999999999"', "more than 100,000 blank rows"),
        (SHEET, b"A1:B3", b"A1:XFD1048576", ""),
        (SHEET, b'"B3"', b'"XFD3"', "Close is empty in row 2"),
        (SHEET, b"</sheetData>", b"<row r='4'><c r='A4' t='str'><v>%s</v></c></row></sheetData>"
         % (b"x" * 2_000_000), "field larger than field limit"),
    ],
)  # fmt: skip
def test_sheets_that_claim_very_much(part, old, new, says, tmp_path):
    path = write(tmp_path / "good.xlsx", Sheet1=PRICES)
    with (
        zipfile.ZipFile(path) as good,
        zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for name in good.namelist():
            content = good.read(name)
            if name == part:
                assert old in content
                content = content.replace(old, new)
                content = (ENTITIES if b"&j;" in content else b"") + content
            bad.writestr(name, content)
    began = process_time()
    if says:
        with pytest.raises(PricesError, match=says):
            qmac.read_prices(tmp_path / "a.xlsx")
    else:
        assert qmac.read_prices(tmp_path / "a.xlsx").close.tolist() == [5, 6.25]
    assert process_time() - began < 5
