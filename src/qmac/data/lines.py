"""Lines of a CSV file in blocks, checked for what parsers pass over in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac.errors import PricesError

BLOCK_BYTES = 2**22
"""What is parsed at once."""
MOST_LINE_BYTES = 2**20
"""A longer line is none of prices; a parser would hold all of it."""
NEWLINE = 10
QUOTED = b"q"
"""Stands for a field in quotes where separators are counted."""


def read_blocks(stream: Any, name: str) -> Iterator[bytes]:
    """Yield the content of a stream in blocks of whole lines.

    Parameters
    ----------
    stream : file object
        Of bytes.
    name : str
        Name of the file, for messages.

    Yields
    ------
    bytes
        Ends behind a line, outside of quotes; the last one where the stream ends.

    Raises
    ------
    PricesError
        If a line is too long.
    """
    rest = b""
    while True:
        content = stream.read(BLOCK_BYTES)
        if not content:
            break
        if b"\r" in content and b"\n" not in content:  # lines of an old Macintosh
            content = content.replace(b"\r", b"\n")
        whole, newline, begun = content.rpartition(b"\n")
        if newline and (rest + whole).count(b'"') % 2 == 0:
            yield rest + whole + newline
            rest = begun
        else:
            rest += content
        if len(rest) > BLOCK_BYTES + MOST_LINE_BYTES:
            raise PricesError(
                f"{name} has a line, or a text in quotes, of more than {MOST_LINE_BYTES:,} bytes. "
                "Is it a table of prices? Use one line for each bar."
            )
    if rest:
        yield rest


@dataclass(frozen=True)
class LineLayout:
    """How the lines of a file are made, from its header."""

    separator: bytes
    separators: int
    """Number of them in a line, a trailing one not counted."""
    quoted: re.Pattern[bytes]
    """Fields in quotes, which may hold separators and newlines."""
    subject: str = "the header"
    """What all other lines are compared with."""

    @classmethod
    def of(cls, header: bytes, separator: str, *, has_header: bool = True) -> LineLayout:
        """Return the layout that a header shows.

        Parameters
        ----------
        header : bytes
            Line of the names of the columns, or the first row.
        separator : str
            What separates them.
        has_header : bool, default True
            Whether the line is a header.

        Returns
        -------
        LineLayout
            For all other lines.
        """
        mark = separator.encode()
        quoted = re.compile(rb"(?:^|(?<=[\n\r " + re.escape(mark) + rb']))"[^"]*(?:""[^"]*)*"')
        plain = quoted.sub(QUOTED, header).rstrip(b"\r\n")
        subject = "the header" if has_header else "the first row"
        return cls(mark, plain.count(mark) - plain.endswith(mark), quoted, subject)

    def check(self, block: bytes, rows: int, name: str) -> int:
        """Return the number of rows of a block, each of which has all fields.

        Parameters
        ----------
        block : bytes
            Whole lines.
        rows : int
            Rows before it.
        name : str
            Name of the file, for messages.

        Returns
        -------
        int
            Lines that are not blank.

        Raises
        ------
        PricesError
            If a row has more or fewer fields than the header; the message names it. A trailing
            separator is no field.
        """
        plain = block
        if b'"' in block:
            self._check_quotes(block, rows, name)
            plain = self.quoted.sub(QUOTED, block)
        plain = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in plain else plain
        if not plain.endswith(b"\n"):
            plain += b"\n"
        data = np.frombuffer(plain, np.uint8)
        ends = np.flatnonzero(data == NEWLINE)
        marks = np.flatnonzero(data == ord(self.separator))
        counts = np.diff(np.searchsorted(marks, ends), prepend=0)
        lengths = np.diff(ends, prepend=-1) - 1
        is_trailing = (data[ends - 1] == ord(self.separator)) & (lengths > 0)
        is_whole = (counts == self.separators) | (is_trailing & (counts == self.separators + 1))
        is_blank = lengths == 0
        for line in np.flatnonzero(~is_whole & ~is_blank & (counts == 0)):
            is_blank[line] = plain[ends[line] - lengths[line] : ends[line]].isspace()
            if not is_blank[line]:
                break
        bad = np.flatnonzero(~is_whole & ~is_blank)
        numbers = rows + np.cumsum(~is_blank)
        if bad.size:
            fields, expected = counts[bad[0]] + 1, self.separators + 1
            raise PricesError(
                f"{name}: row {numbers[bad[0]]} has {fields} fields, but {self.subject} has "
                f"{expected}. Is the file complete? Write a field for each column, and no comma "
                "within a number."
            )
        return int(numbers[-1]) - rows

    def _check_quotes(self, block: bytes, rows: int, name: str) -> None:
        """Refuse a text in quotes with a newline: with a stray quote, it holds other rows."""
        for field in self.quoted.finditer(block):
            if NEWLINE in field[0]:
                row = rows + block.count(b"\n", 0, field.start()) + 1
                raise PricesError(
                    f"{name}: row {row} has a quote that is not closed in its line. Close it, or "
                    "write the text without quotes."
                )
