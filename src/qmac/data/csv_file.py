"""Texts with separated columns: CSV and its relatives."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from qmac.data.columns import DATE, INSTRUMENT, PRICES, SYMBOL, TIME
from qmac.data.containers import PriceFile
from qmac.data.encodings import Text
from qmac.data.layouts.find import LAYOUTS, SEPARATORS, TextSelection, select_text, show_lines
from qmac.data.layouts.layout import split_line
from qmac.data.lines import LineLayout, read_blocks
from qmac.data.numbers import EMPTY, find_decimal, find_open_decimal
from qmac.data.options import ReadOptions
from qmac.data.table import Table, convert_texts, describe_open_mark
from qmac.errors import PricesError, warn

BYTES_PER_ROW = 280
"""Memory that reading takes at its peak for each row of prices, Volume and a date: measured are
210 to 250, see tests/system/test_prices_on_real_limits.py."""
BYTES_PER_TEXT = 90
"""More for each text beside the dates: the names of symbols."""
NAMES = (SYMBOL, INSTRUMENT)
MOST_FIELDS = 20_000
"""Most columns of a CSV file: their names take half a second."""
DIGITS = re.compile(r"-?[\d.]+([eE]\+?\d+)?\s*$")
MOST_BLANK_BYTES = 2**24
"""A compressed file may hold any number of blank lines, which would take hours."""
THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
HUNDREDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})?")
MANY_PRICES = 10
"""Of so many with three decimals, one with others may have lost a digit, and proves nothing."""
POINTED_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}")
"""As programs write dates that have a decimal comma."""
PARTED = re.compile(r"\d{1,3},(\d{3}(\.\d+)?|\d{2})")
"""A number with a comma, as two fields."""
HEAD_LINES = 12
"""Lines from which a layout is known."""
HEAD_BYTES = 2**17
"""They begin within so many bytes: blank lines may be any number."""


def read_csv(file: PriceFile) -> Table:
    """Return the columns of a CSV file that prices are made of, block after block.

    Parameters
    ----------
    file : PriceFile
        The open file.

    Returns
    -------
    Table
        Unchecked.

    Raises
    ------
    PricesError
        If its layout is not known, or a row has more or fewer fields than the header.
    """
    content, options, name = file.content, file.options, file.name
    encoded = Text(content.stream, content.head, name)
    blocks = _check_bytes(read_blocks(encoded, name), encoded, name)
    first = next((block.lstrip(b"\r\n") for block in blocks if not block.isspace()), b"")
    layout, begin, rest, has_open_mark = _find_layout(first, options, name)
    lines = LineLayout.of(begin, layout.separator, has_header=layout.header_lines > 0)
    parser = _Parser(layout, lines.separators + 1, options, name)
    if has_open_mark:
        parser.find_decimal(rest)
    pieces: list[pd.DataFrame] = []
    texts = sum(each.role in NAMES for each in layout.selection.columns)
    rows = held = 0
    last = first
    for block in map(layout.selection.layout.cut_footer, itertools.chain([rest], blocks)):
        before = rows
        rows += lines.check(block, rows, name) if block and not block.isspace() else 0
        piece = parser.parse(block, before)
        total = int(rows / content.progress)
        file.check_memory(
            f"{name}: reading about {total:,} rows",
            total * (BYTES_PER_ROW + texts * BYTES_PER_TEXT) - held,
        )
        held += int(piece.memory_usage().sum())
        pieces.append(piece)
        last = block or last
    if not content.is_checked and not last.endswith(b"\n") and parser.is_last_needed:
        _note_missing_newline(file.path, layout, pieces[-1])
    frame = pieces[0] if len(pieces) == 1 else pd.concat(pieces, ignore_index=True)
    return Table(frame, layout.selection, notes=(*encoded.notes, *parser.notes))


def _check_bytes(blocks: Iterator[bytes], encoded: Text, name: str) -> Iterator[bytes]:
    """Yield blocks in UTF-8 without a zero byte: text has none, and parsers pass over them."""
    blank = 0
    for block in blocks:
        if b"\0" in block:
            raise PricesError(
                f"{name} cannot be read as CSV: it holds zero bytes, as damaged files do. Copy it "
                "again from its source, or save it as CSV in UTF-8."
            )
        blank += len(block) * block.isspace()
        if blank > MOST_BLANK_BYTES:
            raise PricesError(
                f"{name} has more than {MOST_BLANK_BYTES:,} bytes of blank lines. Is it a table of "
                "prices? Copy it again from its source."
            )
        yield encoded.convert(block)


class _Head(NamedTuple):
    """What the first lines of a text show."""

    layout: TextSelection
    begin: bytes
    """Header, or first row."""
    rows: bytes
    has_open_mark: bool
    """Whether prices such as 16.769 may be thousands."""


def _find_layout(block: bytes, options: ReadOptions, name: str) -> _Head:
    """Return what the first lines of a text show."""
    lines: list[tuple[bytes, int]] = []
    start = 0
    while start < min(len(block), HEAD_BYTES) and len(lines) < HEAD_LINES:
        end = block.find(b"\n", start) + 1 or len(block)
        line = block[start:end]
        if not line.isspace():
            _check_width(line, name)
            lines.append((line, end))
        start = end
    texts = [line.decode("utf-8", "replace").rstrip("\r\n") for line, _ in lines]
    _check_columns(texts, options, name)
    layout = select_text(texts, options, name)
    is_open = _check_marks(layout, texts, options, name)
    _check_trailing(layout, texts, name)
    skipped = layout.header_lines
    end = lines[skipped - 1][1] if skipped else 0
    place = layout.selection.layout.count_above(texts) if skipped else 0
    begin = lines[place][0] if lines else b""
    return _Head(layout, begin, block[end:], is_open)


def _check_columns(lines: Sequence[str], options: ReadOptions, name: str) -> None:
    """Refuse a text, such as the message of a server, as what it is."""
    if not lines:
        raise PricesError(f"{name} has no rows. Use a file with dates and a Close column.")
    marks = options.separator or SEPARATORS
    if not any(mark in line for line in lines for mark in marks):
        raise PricesError(
            f"{name} is a text without columns: it begins {show_lines(lines)}. Use a table with "
            "dates and closes. Name what separates its columns, if they are: --separator space."
        )


def _check_marks(
    layout: TextSelection, lines: Sequence[str], options: ReadOptions, name: str
) -> bool:
    """Return whether the mark of numbers such as 1.234 may be one of thousands.

    They are refused where the separator leaves the comma to be the decimal mark. Those of a layout
    that is known are as it says.
    """
    selection = layout.selection
    if selection.layout in LAYOUTS or options.decimal is not None:
        return False
    places = {each.place: each.role for each in selection.columns if each.role in PRICES}
    texts = [
        (row, role, fields[place])
        for row, fields in enumerate(
            split_line(line, layout.separator) for line in lines[layout.header_lines :]
        )
        for place, role in places.items()
        if place < len(fields)
    ]
    open_texts = [each for each in texts if THOUSANDS.fullmatch(each[2])]
    if layout.separator == ",":
        return bool(open_texts) and _may_be_grouped([each[2] for each in texts])
    if texts and len(open_texts) == len(texts):
        row, role, text = texts[0]
        raise PricesError(describe_open_mark(name, role, text, row))
    return False


def _may_be_grouped(texts: Iterable[str]) -> bool:
    """Return whether the points of prices may be between groups of three digits."""
    are_grouped = [HUNDREDS.fullmatch(text.strip()) is not None for text in texts]
    others = are_grouped.count(False)
    return others <= (len(are_grouped) > MANY_PRICES)


def _check_trailing(layout: TextSelection, lines: Sequence[str], name: str) -> None:
    """Refuse rows that seem whole by a trailing separator, where a comma parts a number in two."""
    mark, first = layout.separator, layout.header_lines
    rows = lines[first:]
    if first == 0 or not rows or lines[first - 1].rstrip().endswith(mark):
        return
    if not all(row.rstrip().endswith(mark) for row in rows):
        return
    fields = [split_line(row, mark) for row in rows]
    for column in layout.selection.columns:
        pairs = [row[column.place : column.place + 2] for row in fields]
        is_parted = all(len(pair) == 2 and PARTED.fullmatch(mark.join(pair)) for pair in pairs)
        if column.role in PRICES and is_parted:
            raise PricesError(
                f"{name}: {column.role} is {pairs[0][0]} in row 1, and {pairs[0][1]} follows. Is "
                f"it {mark.join(pairs[0])}? Write numbers without commas, or in quotes."
            )


def _check_width(line: bytes, name: str) -> None:
    fields = 1 + max(line.count(mark) for mark in (b",", b";", b"\t", b"|"))
    if fields > MOST_FIELDS:  # pandas takes 2 KB for the name of each
        raise PricesError(
            f"{name} has {fields:,} columns, and {MOST_FIELDS:,} are the most. "
            "Is it a table of prices? Keep those of dates, prices and symbols."
        )


class _Parser:
    """Rows of blocks as columns by place: texts of dates and symbols, numbers of prices."""

    def __init__(self, layout: TextSelection, fields: int, options: ReadOptions, name: str) -> None:
        columns = layout.selection.columns
        texts = [each.place for each in columns if each.role in (DATE, TIME, *NAMES)]
        exact = [each.place for each in columns if each.role in (TIME, *NAMES)]
        numbers = {each.place: each.role for each in columns if each.place not in texts}
        places = sorted([*texts, *numbers])
        self.notes: tuple[str, ...] = ()
        self.is_last_needed = bool(places) and places[-1] == fields - 1
        self._numbers = numbers
        self._name = name
        decimal = options.decimal or layout.selection.layout.decimal
        self._options = options if decimal is None else _with_decimal(options, decimal)
        self._pandas: dict[str, Any] = {
            "header": None, "names": range(fields), "usecols": places, "index_col": False,
            "sep": layout.separator, "skipinitialspace": True, "keep_default_na": False,
            "na_values": {each: [*EMPTY] for each in numbers}, "dtype": dict.fromkeys(exact, "str"),
        }  # fmt: skip
        self._dates = [place for place in texts if place not in exact]
        if decimal == ",":
            self._read_texts()

    def _keep_digits(self, block: bytes) -> None:
        """Read dates such as 20240102 as texts; others are, and twice as fast without a word."""
        row = split_line(block[: block.find(b"\n")].decode("utf-8", "replace"), self._pandas["sep"])
        dates = [place for place in self._dates if place < len(row) and DIGITS.match(row[place])]
        self._pandas["dtype"] |= dict.fromkeys(dates, "str")

    def find_decimal(self, block: bytes) -> None:
        """Find the decimal mark of prices that all look like 16.769, and note what is not certain.

        Programs that write thousands so have a decimal comma and separate columns by semicolons,
        other than for whole prices. Dates with the day first and points show such a program.
        """
        types = self._pandas["dtype"]
        self._keep_digits(block)
        self._pandas["dtype"] = dict.fromkeys(self._pandas["usecols"], "str")
        frame = self._read(block)
        self._pandas["dtype"] = types
        volumes = [place for place, role in self._numbers.items() if role == "Volume"]
        prices = [place for place in self._numbers if place not in volumes]
        texts = [frame[each] for each in prices]
        is_open = _may_be_grouped(text for each in texts for text in each.dropna())
        decimal = None if is_open else find_decimal(texts)
        decimal = decimal or find_open_decimal(texts, [frame[each] for each in volumes])
        place = prices[0]
        text = frame[place].iloc[0]
        if decimal is None:
            if any(POINTED_DATE.match(frame[each].iloc[0]) for each in self._dates):
                raise PricesError(describe_open_mark(self._name, self._numbers[place], text, 0))
            note = (
                f"{self._name}: prices are like {text} in row 1, with three digits behind the "
                "point, and nothing shows whether it is a decimal or a thousands mark: it is read "
                "as a decimal one. Say which: --decimal . or --decimal ,"
            )
            self.notes = (note,)
        self._options = _with_decimal(self._options, decimal or ".")
        if decimal == ",":
            self._read_texts()

    def _read_texts(self) -> None:
        """From now on, read prices as texts: pandas would take 1.234 for 1.2."""
        self._pandas["dtype"] |= dict.fromkeys(self._numbers, "str")

    def parse(self, block: bytes, rows: int) -> pd.DataFrame:
        """Return the columns of a block; ``rows`` came before it."""
        frame: pd.DataFrame
        if not block or block.isspace():
            return pd.DataFrame({place: [] for place in self._pandas["usecols"]})
        if rows == 0:
            self._keep_digits(block)
        frame = self._read(block)
        decimal = convert_texts(frame, self._numbers, self._options, self._name, rows)
        if decimal is not None and self._options.decimal is None:
            if rows and decimal == ",":
                raise PricesError(
                    f"{self._name} has numbers with a decimal comma from row {rows + 1} on, and "
                    "before with none. Say which mark is right: --decimal , or --decimal ."
                )
            self._options = _with_decimal(self._options, decimal)
            if decimal == ",":  # of other columns, 1.234 was taken for a fraction
                self._read_texts()
                frame = self._read(block)
                convert_texts(frame, self._numbers, self._options, self._name, rows)
        return frame

    def _read(self, block: bytes) -> pd.DataFrame:
        with warnings.catch_warnings():
            # of columns with mixed types: the check of the values names the row
            warnings.simplefilter("ignore")
            frame: pd.DataFrame = pd.read_csv(io.BytesIO(block), **self._pandas)
        return frame


def _with_decimal(options: ReadOptions, decimal: str) -> ReadOptions:
    return replace(options, decimal=decimal)


def _note_missing_newline(path: Path, layout: TextSelection, piece: pd.DataFrame) -> None:
    """Warn of a file that ends within a line: one that was cut there looks the same."""
    if len(piece) == 0:
        return
    names: dict[Any, str] = {each.place: each.role for each in layout.selection.columns}
    last = ", ".join(f"{names[place]} {column.iloc[-1]}" for place, column in piece.items())
    warn(
        f"{path} ends without a newline. If it was cut, its last row is wrong: {last}. Compare "
        "that with the source.",
        stacklevel=2,
    )
