"""Frames of pandas as tables of prices: dates in the index or in a column, one or many symbols."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from qmac.data.columns import DATE, DATE_NAMES, SYMBOL, SYMBOL_NAMES, Column
from qmac.data.layouts.find import LAYOUTS, Selection, select_given, select_names, select_rows
from qmac.data.layouts.layout import ROW_NUMBERS
from qmac.data.layouts.levels import HEADINGS_OF_DATES, find_levels, find_text
from qmac.data.numbers import EMPTY
from qmac.data.options import ReadOptions
from qmac.data.table import Table
from qmac.errors import PricesError

ROWS_SHOWN = 3
"""First rows, which prove a layout."""
BARE_ROWS_SHOWN = 12
"""The same without names of columns: the prices must show their order."""
FIRST_NUMBERED_DATE = 1800_01_01
"""Smaller whole numbers count rows, as after a filter or where frames were joined."""
NO_DATES = "-"
"""Name of a column that is not looked at: the index has the dates."""


def read_table(
    frame: pd.DataFrame, options: ReadOptions, name: str, *, is_file: bool = False
) -> Table:
    """Return the table that a frame holds.

    Parameters
    ----------
    frame : DataFrame
        Columns with one level of names, or two, such as price and ticker. The dates are its index
        or a level of it, or else a column.
    options : ReadOptions
        What the user says of it.
    name : str
        Name of the prices, for messages.
    is_file : bool, default False
        Whether the frame was read from a file, in which an index that counts rows is none, and
        the first column may have the dates.

    Returns
    -------
    Table
        Unchecked.

    Raises
    ------
    PricesError
        If nothing proves where the closes are.
    """
    frame = _take_heading_rows(frame)
    if frame.columns.nlevels > 1:
        return _read_levels(frame, name)
    is_bare = _is_bare(frame)
    index = {} if is_bare else _find_index_columns(frame, is_file=is_file)
    names = [*index, *map(str, frame.columns)]
    values = [*index.values(), *(frame.iloc[:, place] for place in range(frame.shape[1]))]
    rows = [
        [str(column[row]) if place < len(index) else str(column.iloc[row])
         for place, column in enumerate(values)]
        for row in range(min(BARE_ROWS_SHOWN if is_bare else ROWS_SHOWN, len(frame)))
    ]  # fmt: skip
    if is_bare and not options.names_columns:
        selection = select_rows(rows, name)
    else:
        index_name = str(frame.index.name) if list(index) == [DATE] else None
        selection = _select(names, rows, options, name, index_name)
    columns = {each.place: values[each.place] for each in selection.columns}
    if list(index) == [DATE] and selection.columns and selection.columns[0].place == 0:
        dates = columns.pop(0)
        columns_left = tuple(each for each in selection.columns if each.role != DATE)
        selection = Selection(selection.layout, columns_left, selection.names, selection.left_out)
        return Table(_join(columns, len(frame)), selection, pd.Index(dates))
    return Table(_join(columns, len(frame)), selection)


def _take_heading_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with two levels of columns, where its first rows are those of yfinance.

    ``pandas.read_csv`` takes only the first of its three heading rows for names, and numbers those
    that are there twice.
    """
    if frame.columns.nlevels > 1 or len(frame) < 3 or frame.shape[1] < 2:
        return frame
    is_counted = isinstance(frame.index, pd.RangeIndex)
    if str(frame.iloc[1, 0] if is_counted else frame.index[1]) not in HEADINGS_OF_DATES:
        return frame
    table = frame if is_counted else frame.reset_index(allow_duplicates=True)
    names = [re.sub(r"\.\d+$", "", str(each)) for each in table.columns]
    rows = [names, *(list(map(str, table.iloc[row])) for row in (0, 1))]
    missing = (*EMPTY, *ROW_NUMBERS, "index")
    lines = [",".join("" if each in missing else each for each in row) for row in rows]
    if find_text(lines) is None:
        return frame
    index = pd.Index(table.iloc[2:, 0], name=rows[2][0])
    columns = pd.MultiIndex.from_arrays([rows[0][1:], rows[1][1:]])
    return table.iloc[2:, 1:].set_axis(index).set_axis(columns, axis=1)


def _is_bare(frame: pd.DataFrame) -> bool:
    """Return whether neither columns nor rows have names, as of a file without a header."""
    count = frame.shape[1]
    return count > 1 and isinstance(frame.index, pd.RangeIndex) and [*frame] == [*range(count)]


def _join(columns: dict[int, Any], rows: int) -> pd.DataFrame:
    arrays = {
        place: each.array if isinstance(each, pd.Series) else each._values
        for place, each in columns.items()
    }
    return pd.DataFrame(arrays, index=range(rows))


def _select(
    names: list[str],
    rows: list[list[str]],
    options: ReadOptions,
    name: str,
    index_name: str | None,
) -> Selection:
    """Return the layout; the index is the column of dates, whatever others there are."""
    if options.columns is not None:
        return select_given(options.columns.split(","), len(names), name)
    if index_name is not None and _is_known([index_name, *names[1:]]):
        names = [index_name, *names[1:]]
    elif index_name is not None and options.date is None and not _is_known(names):
        others = [NO_DATES if each.strip().lower() in DATE_NAMES else each for each in names[1:]]
        names = [DATE, *others]
    return select_names(names, rows, options, name)


def _is_known(names: list[str]) -> bool:
    return any(layout.matches_names(names) for layout in LAYOUTS)


def _find_index_columns(frame: pd.DataFrame, *, is_file: bool) -> dict[str, Any]:
    """Return the levels of an index by name: dates, and symbols."""
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        levels = {}
        for level in range(index.nlevels):
            values = index.get_level_values(level)
            levels[_name_level(index.names[level], values)] = values
        return levels
    name = str(index.name).strip().lower()
    is_whole = pd.api.types.is_integer_dtype(index.dtype) and index.name is None
    is_dated = is_whole and len(index) > 0 and bool((index >= FIRST_NUMBERED_DATE).all())
    counts_rows = is_whole and not is_dated and name not in DATE_NAMES
    if counts_rows and (is_file or _has_dates(frame)):
        return {}
    return {str(index.name) if name in SYMBOL_NAMES else DATE: index}


def _name_level(name: object, values: pd.Index) -> str:
    """Return the name of a level: that of its dates or symbols where it has none of its own."""
    text = str(name).strip()
    if name is not None and text.lower() in (*DATE_NAMES, *SYMBOL_NAMES):
        return text
    if isinstance(values, pd.DatetimeIndex):
        return DATE
    return SYMBOL if pd.api.types.is_string_dtype(values) else text


def _has_dates(frame: pd.DataFrame) -> bool:
    names = [str(each).strip() for each in frame.columns]
    if any(each.lower() in DATE_NAMES for each in names):
        return True
    return _is_known(names)


def _read_levels(frame: pd.DataFrame, name: str) -> Table:
    """Return the table of a frame whose columns have two levels of names."""
    if frame.columns.nlevels != 2:
        raise PricesError(
            f"{name} has columns with {frame.columns.nlevels} levels of names. Use one level with "
            "Close among its names, or two: price and symbol."
        )
    index: pd.Index | None = frame.index
    places = list(range(frame.shape[1]))
    if isinstance(frame.index, pd.RangeIndex):
        dated = [
            place
            for place, pair in enumerate(frame.columns)
            if str(pair[0]).strip().lower() in DATE_NAMES
            or str(pair[1]).strip().lower() in DATE_NAMES
        ]
        if len(dated) == 1:
            index = pd.Index(frame.iloc[:, dated[0]])
            places.remove(dated[0])
    levels = [[str(frame.columns[place][level]) for place in places] for level in (0, 1)]
    found = find_levels(levels)
    if found is None:
        shown = ", ".join(str(each) for each in frame.columns[:3])
        raise PricesError(
            f"{name} has no Close column in either level of its columns, {shown}, ... "
            "Use frame['Close'], or a column called Close."
        )
    layout, columns, names = found
    chosen = tuple(Column(place, each.role, each.symbol) for place, each in enumerate(columns))
    arrays = {place: frame.iloc[:, places[each.place]].array for place, each in enumerate(columns)}
    selection = Selection(layout, chosen, tuple(names[each.place] for each in columns))
    return Table(pd.DataFrame(arrays, index=range(len(frame))), selection, index)
