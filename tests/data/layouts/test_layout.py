"""What proves a layout, and which columns it reads."""

import pytest

from qmac.data.columns import Column
from qmac.data.layouts.layout import Layout, split_line


def test_headers_are_exact():
    layout = Layout(name="a", headers=("time,close", "Date,Close,..."), separators=",;")
    assert layout.find_header(["time,close", "1,2"]) == (1, ",")
    assert layout.find_header(['"Date";"Close";"Volume"']) == (1, ";")
    for other in ("Time,close", "time,close,volume", "close,time", "time"):
        assert layout.find_header([other]) is None
    assert layout.find_header([]) is None


def test_lines_above_and_below_the_header():
    layout = Layout(name="a", headers=("Date,Close",), above=("Source: .*",), below=("-+",))
    assert layout.find_header(["Source: b", "Date,Close", "---", "1,2"]) == (3, ",")
    assert layout.find_header(["Source: b", "Date,Close", "1,2"]) is None
    assert layout.find_header(["Date,Close", "---"]) is None


def test_a_first_row_proves_what_a_header_leaves_open():
    layout = Layout(name="a", headers=("Date,Close",), first_row=r"\d{8},.*")
    assert layout.find_header(["Date,Close", "20240102,5"]) == (1, ",")
    assert layout.find_header(["Date,Close", "2024-01-02,5"]) is None
    bare = Layout(name="b", first_row=r"\d{8};[\d.]+", columns="date,close", separators=";")
    assert bare.find_header(["20240102;5"]) == (0, ";")
    assert bare.find_header(["20240102,5"]) is None


def test_columns():
    layout = Layout(name="a", headers=("when,Last,Close",), roles={"when": "Date", "Last": ""})
    assert layout.select(["when", "Last", "Close"]) == (Column(0, "Date"), Column(2, "Close"))
    bare = Layout(name="b", columns="date,-,close")
    assert bare.select(None) == (Column(0, "Date"), Column(2, "Close"))


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("a,b", ["a", "b"]),
        ('"a, b" , c', ["a, b", "c"]),
        ("a,b,", ["a", "b"]),
        ("", []),
    ],
)
def test_fields(line, fields):
    assert split_line(line, ",") == fields
