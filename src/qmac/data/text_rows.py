"""Rows of cells as lines of a text, which is read as CSV: the same layouts, numbers and checks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from qmac.data.containers import Content, MemoryCheck
from qmac.data.csv_file import read_csv
from qmac.data.options import ReadOptions
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


def read_rows(text: bytes, path: Path, options: ReadOptions, check_memory: MemoryCheck) -> Table:
    """Return the table in lines that ``write_rows`` wrote.

    Parameters
    ----------
    text : bytes
        Lines of CSV.
    path : Path
        Where they are from.
    options : ReadOptions
        What the user says of it.
    check_memory : callable
        Refuses what does not fit into memory.

    Returns
    -------
    Table
        Unchecked.

    Raises
    ------
    PricesError
        If its layout is not known, or a row has more or fewer cells than the header.
    """
    file = io.BytesIO(text)
    content = Content(str(path), file, file, len(text), is_checked=True, is_seekable=True)
    return read_csv(content, path, replace(options, separator=None), check_memory)
