"""Rows of cells are read as the lines of a CSV file are."""

import io
from pathlib import Path

import pytest

from qmac.data.containers import Content, PriceFile
from qmac.data.options import DEFAULT, ReadOptions
from qmac.data.text_rows import read_rows, write_rows
from qmac.errors import PricesError

ROWS = [["Date", "Close", "Note"], ["2024-01-02", "1,048.5", 'a "b",\nc'], ["2024-01-03", "9", ""]]


def open_file(options):
    content = Content("a.json", io.BytesIO(b"[]"), io.BytesIO(b"[]"), 2)
    return PriceFile(content, Path("a.json"), options)


@pytest.mark.parametrize("options", [DEFAULT, ReadOptions(separator=";")])
def test_round_trip(options):
    table = read_rows(write_rows(ROWS), open_file(options))
    assert table.frame[1].tolist() == [1048.5, 9] and table.selection.close == "Close"


def test_rows_that_are_too_short():
    with pytest.raises(PricesError, match="row 2 has 2 fields"):
        read_rows(write_rows([*ROWS[:2], ROWS[2][:2]]), open_file(DEFAULT))
