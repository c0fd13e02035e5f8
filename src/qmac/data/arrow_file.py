"""Files of Apache Arrow: Parquet and Feather."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from qmac.data import frames
from qmac.data.arrow_sizes import read_unpacked_size
from qmac.data.containers import MemoryCheck, PriceFile
from qmac.data.csv_file import BYTES_PER_ROW
from qmac.data.options import ReadOptions
from qmac.data.origin import FRAME, Origin
from qmac.data.table import Table
from qmac.errors import PricesError

FACTS = b"qmac"
"""Key of the metadata under which copies of fetched prices say what they are."""
BATCH_ROWS = 2**16
BYTES_PER_TEXT_COLUMN = 150
"""Memory that reading takes for each text, of dates among them: a table of Arrow and one of pandas
hold it. Measured are 440 to 470 a row in all, see tests/system/test_prices_on_real_limits.py."""
MOST_TEXT_BYTES = 1024
"""A longer text is neither a date nor a symbol; kept once, it may stand in every row."""


def read_parquet(file: PriceFile) -> Table:
    """Return the columns of a Parquet file that prices are made of.

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
        If it is damaged, or nothing proves where the closes are.
    """
    import pyarrow.parquet

    path, options = file.path, file.options
    stream = file.content.load(file.check_memory)
    with pyarrow.parquet.ParquetFile(stream) as parquet:
        metadata, schema = parquet.metadata, parquet.schema_arrow
    rows = metadata.num_rows
    groups = [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]
    if min(groups, default=0) < 0 or sum(groups) != rows:
        raise PricesError(
            f"{path} is damaged: it says that it has {rows:,} rows, but its parts have "
            f"{sum(groups):,}. Copy it again from its source."
        )
    _check_names(metadata, schema, path)
    columns = _find_needed(schema, options, str(path))
    fields = [each for each in schema if not columns or each.name in columns]
    unpacked = 2 * _sum_sizes(metadata, columns)
    _check_rows(path, rows, fields, unpacked, file.check_memory)
    _check_texts(stream, [each.name for each in fields if _is_text(each.type)], str(path))
    stream.seek(0)
    frame = pd.read_parquet(stream, columns=columns, page_checksum_verification=True)
    if len(frame) != rows:
        raise PricesError(
            f"{path} is damaged: it says that it has {rows:,} rows, but {len(frame):,} can be "
            "read. Copy it again from its source."
        )
    table = frames.read_table(_expand_texts(frame, str(path)), options, str(path), is_file=True)
    table = _name_source(table, schema.metadata or {})
    if options.names_columns:
        return table
    return replace(table, origin=Origin.from_metadata(schema.metadata))


def write_bars(
    columns: Mapping[str, np.ndarray], dates: pd.DatetimeIndex, origin: Origin, file: IO[bytes]
) -> None:
    """Write checked bars as Parquet, and beside them what was read.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Columns by name, ``(T,)`` float64 each.
    dates : DatetimeIndex
        Dates of the bars, ``(T,)``.
    origin : Origin
        What was read.
    file : file
        An empty one.
    """
    import pyarrow as pa
    import pyarrow.parquet

    schema = _build_schema(tuple(columns), dates.dtype, dates.name)
    moments = pa.array(dates.asi8).view(schema[-1].type)
    metadata = {**schema.metadata, **origin.to_metadata()}
    memory = pa.BufferOutputStream()  # each of 60 writes into a file would take the interpreter
    pyarrow.parquet.write_table(
        pa.Table.from_arrays([*columns.values(), moments], schema=schema.with_metadata(metadata)),
        memory,
        use_dictionary=False,  # prices hardly repeat, and dates have their steps
        column_encoding={schema.names[-1]: "DELTA_BINARY_PACKED"},
    )
    file.write(memory.getvalue())


@functools.lru_cache(maxsize=16)
def _build_schema(columns: tuple[str, ...], dates: Any, name: Any) -> Any:
    """Return the Arrow schema of bars, by which pandas reads them again; that takes 0.1 ms."""
    import pyarrow as pa

    index = pd.DatetimeIndex([], dtype=dates, name=name)
    return pa.Schema.from_pandas(pd.DataFrame(np.empty((0, len(columns))), index, columns))


def read_bars(file: IO[bytes]) -> tuple[pd.DataFrame, Origin]:
    """Read what ``write_bars`` has written.

    Parameters
    ----------
    file : file
        One that ``check_table`` has admitted.

    Returns
    -------
    tuple of DataFrame and Origin
        The bars, and what was read; ``FRAME`` where the file does not say it.
    """
    import pyarrow.parquet

    frame = pd.read_parquet(file)
    file.seek(0)
    return frame, Origin.from_metadata(pyarrow.parquet.read_schema(file).metadata) or FRAME


def _name_source(table: Table, metadata: Mapping[bytes, bytes]) -> Table:
    """Return a table with its source as the layout, where it is a copy: see ``sources.cache``."""
    try:
        facts = json.loads(metadata.get(FACTS, b"null"))
        source, adjusted = str(facts["source"]), facts["adjusted"]
    except (ValueError, TypeError, KeyError):  # the file may be of anyone
        return table
    if not isinstance(adjusted, bool):
        return table
    layout = replace(table.selection.layout, name=f"a copy of {source}", adjusted=adjusted)
    return replace(table, selection=replace(table.selection, layout=layout))


def read_feather(file: PriceFile) -> Table:
    """Return the columns of a Feather file, or another of Arrow, that prices are made of.

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
        If it is damaged, or nothing proves where the closes are.
    """
    import pyarrow as pa

    path, options = file.path, file.options
    stream = file.content.load(file.check_memory)
    unpacked = read_unpacked_size(stream)
    file.check_memory(f"{path}: reading {unpacked:,} bytes", 2 * unpacked)
    stream.seek(0)
    with pa.ipc.open_file(stream) as feather:
        schema = feather.schema
    columns = _find_needed(schema, options, str(path))
    fields = [each for each in schema if not columns or each.name in columns]
    chosen = pa.ipc.IpcReadOptions(
        included_fields=[place for place, each in enumerate(schema) if each in fields]
    )
    stream.seek(0)
    with pa.ipc.open_file(stream, options=chosen) as feather:
        table = feather.read_all()
    table.validate(full=True)  # of damage: places of texts may be outside of them
    _check_rows(path, table.num_rows, fields, 2 * unpacked, file.check_memory)
    frame = _expand_texts(table.to_pandas(), str(path))
    return frames.read_table(frame, options, str(path), is_file=True)


def _check_rows(
    path: Path, rows: int, fields: list[Any], unpacked: int, check_memory: MemoryCheck
) -> None:
    """Refuse rows that do not fit into memory, and columns that say nothing of their size."""
    for each in fields:
        if str(each.type).startswith("run_end_encoded"):
            raise PricesError(f"{path}: {each.name} is of the type {each.type}. Write it as plain.")
    texts = sum(not _is_number(each.type) for each in fields)
    needed = rows * (BYTES_PER_ROW + texts * BYTES_PER_TEXT_COLUMN)
    check_memory(f"{path}: reading {rows:,} rows", max(needed, unpacked))


def _sum_sizes(metadata: Any, columns: list[str] | None) -> int:
    """Return what the columns of a Parquet file are said to take when they are unpacked."""
    parts = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    chunks = [part.column(place) for part in parts for place in range(part.num_columns)]
    return sum(
        max(each.total_uncompressed_size, 0)
        for each in chunks
        if not columns or each.path_in_schema.partition(".")[0] in columns
    )


def _check_texts(stream: Any, names: list[str], name: str) -> None:
    """Refuse a Parquet file with a long text, which it keeps once and has in many rows."""
    import pyarrow.compute as pc
    import pyarrow.parquet

    if not names:
        return
    stream.seek(0)
    file = pyarrow.parquet.ParquetFile(stream, read_dictionary=names)
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
        for column, values in zip(batch.schema.names, batch.columns, strict=True):
            texts = getattr(values, "dictionary", values)
            _check_length(pc.max(pc.binary_length(texts)).as_py(), column, name)


def _check_length(longest: int | None, column: str, name: str) -> None:
    if (longest or 0) > MOST_TEXT_BYTES:
        raise PricesError(
            f"{name}: {column} holds a text of {longest:,} characters, which is neither a date "
            "nor a symbol. Drop the column."
        )


def _is_text(kind: Any) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def _expand_texts(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return texts, each kept once, in the place of the rows that have them."""
    for place, column in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if isinstance(cells.dtype, pd.CategoricalDtype):
            frame.isetitem(place, _expand(cells.array, str(column), name))
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        for level, values in enumerate(index.levels):
            if isinstance(values, pd.CategoricalIndex):
                texts = _expand(values.array, str(index.names[level]), name)
                index = index.set_levels(pd.Index(texts), level=level)
        frame.index = index
    elif isinstance(index, pd.CategoricalIndex):
        frame.index = pd.Index(_expand(index.array, str(index.name), name), name=index.name)
    return frame


def _expand(values: Any, column: str, name: str) -> Any:
    categories = values.categories
    if pd.api.types.is_string_dtype(categories.dtype):
        _check_length(int(categories.str.len().max() or 0), column, name)
    return values.astype(categories.dtype)


def _check_names(metadata: Any, schema: Any, path: Path) -> None:
    """Refuse names of columns that were damaged: Arrow writes them twice."""
    import base64
    import binascii

    import pyarrow as pa

    written = (metadata.metadata or {}).get(b"ARROW:schema")
    if written is None:  # by another program than Arrow
        return
    try:
        names = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(written))).names
    except (pa.ArrowException, ValueError, binascii.Error):
        names = []
    if names != schema.names:
        raise PricesError(
            f"{path} is damaged: it says in two places which columns it has, and they differ. "
            "Copy it again from its source."
        )


def _find_needed(schema: Any, options: ReadOptions, name: str) -> list[str] | None:
    """Return the columns that prices are made of; None for all."""
    empty = schema.empty_table().to_pandas()
    if empty.columns.nlevels > 1:
        return None
    table = frames.read_table(empty, options, name, is_file=True)
    names = table.selection.names
    if names is None or table.selection.layout.headers:
        return None
    wanted = {names[each.place] for each in table.selection.columns}
    return [each for each in schema.names if each in wanted] or None


def _is_number(kind: Any) -> bool:
    """Return whether values of an Arrow type have eight bytes at most."""
    try:
        return bool(kind.bit_width <= 64)
    except ValueError:
        return False
