"""Files of prices: which kinds are read, and what refuses one.

A file is of untrusted origin: nothing of it is held before it is known to fit into memory.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from qmac._checks import check_path
from qmac.data.containers import USE, Content, open_content
from qmac.data.dates import index_by_date
from qmac.data.layouts import (
    COLUMNS,
    DATE_NAMES,
    PARQUET,
    SEPARATORS,
    find_symbol_column,
    normalize_name,
)
from qmac.data.lines import LineLayout, read_blocks
from qmac.data.prices import Prices
from qmac.errors import PricesError, warn

MemoryCheck = Callable[[str, int], None]
"""Raises PricesError if what the first argument describes needs more bytes than are free."""
BYTES_PER_ROW = 280
"""Memory that reading takes at its peak for each row of prices, Volume and a date: measured are
210 to 250, see tests/system/test_prices_on_real_limits.py."""
MOST_FIELDS = 20_000
"""Most columns of a CSV file: their names take half a second."""
BYTES_PER_TEXT = 90
"""More for each text beside the dates: the names of symbols."""


def read_prices(path: str | Path, check_memory: MemoryCheck | None = None) -> Prices:
    """Return the prices in a CSV or Parquet file, see ``qmac.read_prices``.

    Parameters
    ----------
    path : str or Path
        The file.
    check_memory : callable, optional
        Refuses what does not fit into memory.

    Returns
    -------
    Prices
        Checked bars, named after the file.

    Raises
    ------
    PricesError
        If the file cannot be read, or a value in it is invalid; the message names row and date.
    """
    path = check_path("path", path, PricesError)
    return Prices.of(index_by_date(read_frame(path, check_memory), str(path)), path.stem)


def read_frame(path: Path, check_memory: MemoryCheck | None = None) -> pd.DataFrame:
    """Return the content of a CSV or Parquet file, unchecked.

    Parameters
    ----------
    path : Path
        The file.
    check_memory : callable, optional
        Refuses what does not fit into memory.

    Returns
    -------
    DataFrame
        Columns as they are in the file; of one with a Close column those of prices, dates and
        symbols, and the first.

    Raises
    ------
    PricesError
        If it cannot be read.
    """
    is_parquet = path.suffix.lower() in PARQUET
    read = _read_parquet if is_parquet else _read_csv
    try:
        with open_content(path) as content:
            return read(content, path, check_memory or _admit_all)
    except PricesError:
        raise
    except Exception as error:  # pandas, pyarrow and zlib raise anything at damage
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        layout = "Parquet" if is_parquet else "CSV"
        raise PricesError(
            f"{path} cannot be read as {layout}: {reason}. Is the file complete? {USE}"
        ) from None


def _admit_all(what: str, needed: int) -> None:
    del what, needed


def _read_csv(content: Content, path: Path, check_memory: MemoryCheck) -> pd.DataFrame:
    """Return the columns of a CSV file that prices are made of, block after block."""
    blocks = _check_bytes(read_blocks(content.stream, str(path)), str(path))
    first = next((block.lstrip() for block in blocks if not block.isspace()), b"")
    header, newline, rest = first.partition(b"\n")
    header += newline
    layout = _find_csv_layout(header, str(path))
    pieces: list[pd.DataFrame] = []
    texts = len(layout.options.get("converters", ()))
    rows = held = 0
    for block in itertools.chain([rest], blocks):
        rows += layout.lines.check(block, rows, str(path)) if block else 0
        piece = _parse(header + block, layout.options)
        total = int(rows / content.progress)
        check_memory(
            f"{path}: reading about {total:,} rows",
            total * (BYTES_PER_ROW + texts * BYTES_PER_TEXT) - held,
        )
        held += int(piece.memory_usage().sum())
        pieces.append(piece)
        last = block or header
    if not content.is_checked and not last.endswith(b"\n") and layout.is_last_needed:
        _note_missing_newline(path, pieces[-1])
    return pieces[0] if len(pieces) == 1 else pd.concat(pieces, ignore_index=True)


def _check_bytes(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield blocks without a zero byte: text has none, and parsers pass over them."""
    for block in blocks:
        if b"\0" in block:
            raise PricesError(
                f"{name} cannot be read as CSV: it holds zero bytes, as damaged files and texts in "
                "UTF-16 do. Save it again as CSV in UTF-8."
            )
        yield block


def _parse(content: bytes, options: dict[str, Any], **more: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        # of columns with mixed types: the check of the values names the row
        warnings.simplefilter("ignore")
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(content), **options, **more)
    return frame


class _CsvLayout(NamedTuple):
    """How to read a file with a header."""

    options: dict[str, Any]
    """Options of ``pandas.read_csv``."""
    lines: LineLayout
    is_last_needed: bool
    """Whether prices are made of the last column."""


def _find_csv_layout(header: bytes, name: str) -> _CsvLayout:
    """Return how to read a file with a header."""
    options: dict[str, Any] = {"skipinitialspace": True, "index_col": False, "sep": ","}
    fields = 1 + max(header.count(mark.encode()) for mark in (",", *SEPARATORS))
    if fields > MOST_FIELDS:  # pandas takes 2 KB for the name of each
        raise PricesError(
            f"{name} has {fields:,} columns, and {MOST_FIELDS:,} are the most. "
            "Is it a table of prices? Keep those of dates, prices and symbols."
        )
    names = _read_names(header, options)
    if len(names) == 1:
        marks = [mark for mark in SEPARATORS if mark in names[0]]
        if marks:
            options["sep"] = marks[0]
            names = _read_names(header, options)
    needed = find_needed_columns(names, name)
    if needed:
        options["usecols"] = needed
    symbol = find_symbol_column(pd.Index(names))
    if symbol is not None:
        # a space before them leaves NA and TRUE texts, and 005930 its zeros
        options["converters"] = {symbol: " {}".format}
    is_last_needed = not needed or needed[-1] == len(names) - 1
    return _CsvLayout(options, LineLayout.of(header, options["sep"]), is_last_needed)


def _read_names(header: bytes, options: dict[str, Any]) -> list[str]:
    """Return the names of the columns as they are written, with those that are there twice."""
    row = _parse(header, options, header=None, dtype="str", keep_default_na=False).iloc[0]
    return [str(name) for name in row]


def find_needed_columns(names: list[str], name: str) -> list[int]:
    """Return the places of the columns that prices are made of.

    Parameters
    ----------
    names : list of str
        Names of all columns.
    name : str
        Name of the file, for messages.

    Returns
    -------
    list of int
        Empty without a Close column: the message will name them all.

    Raises
    ------
    PricesError
        If a column of prices is there twice.
    """
    usual = [normalize_name(each) for each in names]
    for column in COLUMNS:
        if usual.count(column) > 1:
            raise PricesError(f"{name} has the column {column} twice. Drop or rename one.")
    if "Close" not in usual:
        return []
    needed = {0} | {place for place, each in enumerate(usual) if each in COLUMNS}
    needed |= {place for place, each in enumerate(usual) if each.lower() in DATE_NAMES}
    symbol = find_symbol_column(pd.Index(names))
    return sorted(needed if symbol is None else needed | {symbol})


def _note_missing_newline(path: Path, piece: pd.DataFrame) -> None:
    """Warn of a file that ends within a line: one that was cut there looks the same."""
    if len(piece) == 0:
        return
    last = ", ".join(f"{column} {value}" for column, value in piece.iloc[-1].items())
    warn(
        f"{path} ends without a newline. If it was cut, its last row is wrong: {last}. Compare "
        "that with the source.",
        stacklevel=2,
    )


def _read_parquet(content: Content, path: Path, check_memory: MemoryCheck) -> pd.DataFrame:
    """Return the columns of a Parquet file that prices are made of."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(content.stream) as file:
        metadata, schema = file.metadata, file.schema_arrow
    rows = metadata.num_rows
    groups = [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]
    if min(groups, default=0) < 0 or sum(groups) != rows:
        raise PricesError(
            f"{path} is damaged: it says that it has {rows:,} rows, but its parts have "
            f"{sum(groups):,}. Copy it again from its source."
        )
    needed = find_needed_columns(schema.names, str(path))
    columns = [schema.names[place] for place in needed] or None
    texts = sum(not _is_number(each.type) for each in schema if not columns or each.name in columns)
    check_memory(f"{path}: reading {rows:,} rows", rows * (BYTES_PER_ROW + texts * BYTES_PER_TEXT))
    content.stream.seek(0)
    frame = pd.read_parquet(content.stream, columns=columns, page_checksum_verification=True)
    if len(frame) != rows:
        raise PricesError(
            f"{path} is damaged: it says that it has {rows:,} rows, but {len(frame):,} can be "
            "read. Copy it again from its source."
        )
    return frame


def _is_number(kind: Any) -> bool:
    """Return whether values of an Arrow type have eight bytes at most."""
    try:
        return bool(kind.bit_width <= 64)
    except ValueError:
        return False
