"""Rows of cells as lines of a text, which is read as CSV: the same layouts, numbers and checks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace

from qmac.data.containers import Content, PriceFile
from qmac.data.csv_file import read_csv
from qmac.data.table import Table


def write_rows(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as lines of CSV.

    Parameters
    ----------
    rows : iterable of sequences of str
        Cells, whose line breaks become blanks; none of the rows is empty.

    Returns
    -------
    bytes
        In UTF-8.

    Examples
    --------
    >>> write_rows([["Date", "Close"], ["2024-01-02", "1,048.5"]])
    b'Date,Close\\n2024-01-02,"1,048.5"\\n'
    """
    file = io.StringIO()
    lines = ([" ".join(cell.splitlines()) for cell in row] for row in rows)
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue().encode("utf-8", "replace")


def read_rows(text: bytes, file: PriceFile) -> Table:
    """Return the table in lines that ``write_rows`` wrote.

    Parameters
    ----------
    text : bytes
        Lines of CSV.
    file : PriceFile
        Where they are from.

    Returns
    -------
    Table
        Unchecked.

    Raises
    ------
    PricesError
        If its layout is not known, or a row has more or fewer cells than the header.
    """
    stream = io.BytesIO(text)
    content = Content(file.name, stream, stream, len(text), is_checked=True, is_seekable=True)
    return read_csv(replace(file, content=content, options=replace(file.options, separator=None)))
