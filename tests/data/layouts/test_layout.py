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


def test_an_order_of_prices_is_shown_by_all_first_rows():
    layout = Layout(
        name="a", first_row=r"\d+(,\d+){4}", needs_bars=True, columns="date,open,high,low,close"
    )
    assert layout.find_header(["1,5,5,5,5", "2,5,7,4,6"]) == (0, ",")
    for rows in (["1,5,5,5,5"], ["1,4,7,4,6"], ["1,5,7,4,6", "2,5,6,7,4"], ["1,5,7,4,6", "a"], []):
        assert layout.find_header(rows) is None


def test_a_name_of_the_file_tells_same_texts_apart():
    layout = Layout(name="a", first_row=".*", columns="date,close", file_name="DAT_")
    assert layout.find_header(["1,5"], "folder/DAT_A.csv") == (0, ",")
    assert layout.find_header(["1,5"], "DAT_/a.csv") is None


def test_lines_above_that_are_not_needed():
    layout = Layout(name="a", headers=("Date,Close",), above=("http.*",), is_above_needed=False)
    assert layout.find_header(["http://a", "Date,Close", "1,2"]) == (2, ",")
    assert layout.find_header(["Date,Close", "1,2"]) == (1, ",")
    assert layout.find_header(["other", "Date,Close", "1,2"]) is None


def test_an_indicator_with_the_name_of_a_price_is_not_read():
    layout = Layout(name="a", headers=("Date,Close,...",))
    assert layout.select(["Date", " Close", "Close"]) == (Column(0, "Date"), Column(1, "Close"))


def test_numbers_of_rows_are_not_looked_at():
    layout = Layout(name="a", headers=("when,Close",), roles={"when": "Date"})
    for names in (["", "when", "Close"], ["Unnamed: 0", "when ", " Close"]):
        assert layout.matches_names(names)
        assert layout.select(names) == (Column(1, "Date"), Column(2, "Close"))
    assert not layout.matches_names(["when", "", "Close"])


def test_columns_of_symbols():
    layout = Layout(name="a", headers=("when,...",), roles={"when": "Date"}, others="Close")
    columns = (Column(1, "Date"), Column(2, "Close", "SPY"), Column(3, "Close", "QQQ"))
    assert layout.select(["", "when", "SPY", "QQQ"]) == columns


def test_a_footer_is_cut():
    layout = Layout(name="a", footer="End of .*")
    assert layout.cut_footer(b"1,2\nEnd of data\n\n") == b"1,2\n"
    for block in (b"1,2\nEnd of data\n3,4\n", b"1,2\nThe End of data\n", b""):
        assert layout.cut_footer(block) == block
    assert Layout(name="b").cut_footer(b"1,2\n") == b"1,2\n"


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
