"""Lines of a CSV file: whole blocks, and every row with all of its fields."""

import io

import pytest

from qmac.data import lines
from qmac.data.lines import LineLayout, read_blocks
from qmac.errors import PricesError

HEADER = b"Date,Open,Close\n"


def check(block, header=HEADER, separator=","):
    return LineLayout.of(header, separator).check(block, 10, "a.csv")


@pytest.mark.parametrize(
    ("block", "rows"),
    [
        (b"a,1,2\nb,3,4\n", 2),
        (b"a,1,2\nb,3,4", 2),
        (b"a,1,2,\nb,3,4,\n", 2),  # a trailing separator is no field
        (b"a,1,2\r\n\r\nb,3,4\r\n", 2),
        (b"\n  \na,1,2\n\n", 1),
        (b'"a",1,"2,000"\n', 1),
        (b'"a ""quoted"", b",1,2\n', 1),
        (b'"a" ,1, "2,5"\n', 1),
        (b'5" pipe,1,2\n6" pipe,3,4\n', 2),
        (b"a,,\n", 1),
    ],
)
def test_whole_rows(block, rows):
    assert check(block) == rows


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (b"a,1,2\nb,3\n", "row 12 has 2 fields, but the header has 3"),
        (b"a,1,2\n\nb,3,4,5\n", "row 12 has 4 fields, but the header has 3"),
        (b"a,1,2\nb\n", "row 12 has 1 fields"),
        (b"a,1,2b,3,4\n", "row 11 has 5 fields"),
        (b"a,100,50,101,25\n", "no comma within a number"),
        (b"a,1,2\nb,1", "Is the file complete"),
        (b'a,1,2\n"b,1,2\nc,1,2\n"d,1,2\n', "row 12 has a quote that is not closed"),
    ],
)
def test_rows_with_other_fields_are_refused(block, says):
    with pytest.raises(PricesError, match=says):
        check(block)


def test_a_header_may_end_with_a_separator():
    for block in (b"a,1\n", b"a,1,\n"):
        assert check(block, b"Date,Close,\n") == 1
    assert check(b"a;1\n", b"Date;Close\n", ";") == 1


def test_blocks_are_whole_lines(monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    text = b'aaaa,1\nbbbb,2\n"c\nc",3\n' + b"dddd,4\r\n" * 9 + b"end"
    blocks = list(read_blocks(io.BytesIO(text), "a.csv"))
    assert b"".join(blocks) == text and len(blocks) > 5
    assert all(block.endswith(b"\n") and block.count(b'"') % 2 == 0 for block in blocks[:-1])
    assert list(read_blocks(io.BytesIO(b"a,1\rb,2\r"), "a.csv")) == [b"a,1\nb,2\n"]


@pytest.mark.parametrize("text", [b"a" * 500, b'a,"b\n' + b"c,d\n" * 99])
def test_a_line_without_end_is_not_held(text, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    monkeypatch.setattr(lines, "MOST_LINE_BYTES", 100)
    stream = io.BytesIO(text)
    with pytest.raises(PricesError, match="more than 100 bytes"):
        list(read_blocks(stream, "a.csv"))
    assert stream.tell() < 200


def test_quotes_take_no_time_that_grows_out_of_hand():
    with pytest.raises(PricesError):
        check(b'a,"' + b"1,2" * 100_000 + b"\n")
