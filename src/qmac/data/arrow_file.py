"""Files of Apache Arrow: Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from qmac.data import frames
from qmac.data.containers import Content
from qmac.data.csv_file import BYTES_PER_ROW, BYTES_PER_TEXT, MemoryCheck
from qmac.data.options import ReadOptions
from qmac.data.table import Table
from qmac.errors import PricesError

FACTS = b"qmac"
"""Key of the metadata under which copies of fetched prices say what they are."""


def read_parquet(
    content: Content, path: Path, options: ReadOptions, check_memory: MemoryCheck
) -> Table:
    """Return the columns of a Parquet file that prices are made of.

    Parameters
    ----------
    content : Content
        The open file.
    path : Path
        Its name.
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
        If it is damaged, or nothing proves where the closes are.
    """
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
    columns = _find_needed(schema, options, str(path))
    texts = sum(not _is_number(each.type) for each in schema if not columns or each.name in columns)
    check_memory(f"{path}: reading {rows:,} rows", rows * (BYTES_PER_ROW + texts * BYTES_PER_TEXT))
    content.stream.seek(0)
    frame = pd.read_parquet(content.stream, columns=columns, page_checksum_verification=True)
    if len(frame) != rows:
        raise PricesError(
            f"{path} is damaged: it says that it has {rows:,} rows, but {len(frame):,} can be "
            "read. Copy it again from its source."
        )
    table = frames.read_table(frame, options, str(path), is_file=True)
    return _name_source(table, schema.metadata or {})


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
