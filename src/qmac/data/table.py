"""A table as a file or a frame holds it, with the columns that prices are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from qmac.data.columns import DATE, INSTRUMENT, SPLIT, SYMBOL, TIME
from qmac.data.date_texts import ORDERED, ORDERS, DayOrder, find_orders
from qmac.data.layouts.find import Selection
from qmac.data.numbers import (
    EMPTY,
    GROUP_MARKS,
    find_decimal,
    find_open_decimal,
    read_numbers,
    read_volumes,
)
from qmac.data.options import ReadOptions
from qmac.data.origin import Origin
from qmac.errors import PricesError

DIGITS = r"^\d{1,6}$"
OPEN_MARK = rf"^[^.]*\.\d{{3}}$|^[^,]*,\d{{3}}$|^[^.,]*\d{GROUP_MARKS}\d{{3}}$"
"""A mark with three digits behind it and no other: 110'165 may be a price in parts of 32."""
FULL_DATE = r"^\d{4}[-/.]\d|^\d{8}[ T]"


@dataclass(frozen=True)
class Table:
    """Rows of one or many symbols, unchecked."""

    frame: pd.DataFrame
    """Columns by their places in the source."""
    selection: Selection
    """Layout, and which columns are read."""
    index: pd.Index | None = None
    """Dates of the rows, where they are the index of a frame."""
    notes: tuple[str, ...] = ()
    """What the reader of the file warns of, each a sentence."""
    origin: Origin | None = None
    """What a file says that qmac wrote: from where its bars were read at first."""

    def __len__(self) -> int:
        return len(self.frame)

    def split(self, name: str) -> Iterator[tuple[str | None, pd.DataFrame]]:
        """Yield each symbol and its rows.

        Parameters
        ----------
        name : str
            Name of the table, for messages.

        Yields
        ------
        tuple of str or None, and DataFrame
            Symbol, None if the table names none; columns by role, and dates of any type as the
            index. Rows without a symbol have the symbol ``""``.

        Raises
        ------
        PricesError
            If there are no rows, or no column of dates.
        """
        if len(self.frame) == 0:
            raise PricesError(f"{name} has no rows. Use a file with dates and a Close column.")
        dates = self._find_dates(name)
        columns = self.selection.columns
        symbols = list(dict.fromkeys(each.symbol for each in columns if each.symbol))
        if symbols:
            for symbol in symbols:
                yield symbol, _drop_empty(self._take(symbol, dates))
            return
        part = self._take("", dates)
        if self._symbols is None:
            yield (
                None,
                part
                if self._instruments is None
                else part.assign(**{INSTRUMENT: self._instruments}),
            )
            return
        for key, rows in part.groupby(self._symbols, sort=False):
            yield str(key), rows

    @cached_property
    def date_orders(self) -> tuple[DayOrder, ...]:
        """Orders of day, month and year that the dates of all symbols can have."""
        dates = self._raw_dates
        if self._symbols is None or dates is None or not ORDERED.fullmatch(str(dates.iloc[0])):
            return ORDERS
        return find_orders(_to_texts(dates), self._symbols)

    @cached_property
    def _symbols(self) -> np.ndarray | None:
        """Symbol of each row; None for a table of one series, or of columns for each symbol.

        A column such as Contract names symbols where dates are there more than once, and each once
        with the same name. Else one contract may follow another.
        """
        place = next((each.place for each in self.selection.columns if each.role == SYMBOL), None)
        if place is not None:
            return _read_names(self.frame[place])
        names, dates = self._instruments, self._raw_dates
        if names is None or dates is None:
            return None
        times = [each.place for each in self.selection.columns if each.role == TIME]
        rows = pd.DataFrame({DATE: dates.to_numpy(object)}).join(self.frame[times])
        is_there_twice = rows.duplicated().any()
        return names if is_there_twice and not rows.assign(_=names).duplicated().any() else None

    @cached_property
    def _instruments(self) -> np.ndarray | None:
        """Names in a column such as Contract, the one with most of them; None if all are one."""
        columns = [each.place for each in self.selection.columns if each.role == INSTRUMENT]
        names = [_read_names(self.frame[place]) for place in columns]
        counts = [pd.unique(each).size for each in names]
        counts = [1 if count == len(self) else count for count in counts]  # those of rows
        most = max(counts, default=1)
        return None if most == 1 else names[counts.index(most)]

    @property
    def _raw_dates(self) -> pd.Series | None:
        """Dates as they are, without times in a column of their own."""
        place = next((each.place for each in self.selection.columns if each.role == DATE), None)
        if place is not None:
            dates: pd.Series = self.frame[place]
            return dates
        return None if self.index is None else pd.Series(self.index)

    def _take(self, symbol: str, dates: pd.Index) -> pd.DataFrame:
        """Return the columns of a symbol by their roles."""
        return pd.DataFrame(
            {
                each.role: self.frame[each.place].array
                for each in self.selection.columns
                if each.symbol == symbol and each.role not in (DATE, TIME, SYMBOL, INSTRUMENT)
            },
            index=dates,
            copy=False,  # columns stay apart: put together, each step of pandas copies them
        )

    def _find_dates(self, name: str) -> pd.Index:
        places = {each.role: each.place for each in self.selection.columns}
        if DATE not in places:
            if self.index is None:
                raise PricesError(
                    f"{name} has no column of dates. Add one called Date before the prices."
                )
            return self.index
        dates: Any = self.frame[places[DATE]]
        if TIME in places:
            dates = _join_times(_to_texts(dates), _to_texts(self.frame[places[TIME]]), name)
        index: pd.Index = pd.Index(dates)
        return index


def _read_names(column: pd.Series) -> np.ndarray:
    """Return symbols as texts, empty where there is none."""
    names: np.ndarray = column.astype("string").str.strip().fillna("").to_numpy(object)
    return names


def _drop_empty(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a symbol on days on which its market was open."""
    texts = [each for each in rows if _is_text(rows[each])]
    if texts:
        rows = rows.assign(**{str(each): rows[each].mask(rows[each].isin(EMPTY)) for each in texts})
    return rows.dropna(how="all")


def _to_texts(column: pd.Series) -> Any:
    texts = pa.array(column.astype("str"), pa.large_string(), from_pandas=True)
    return pc.fill_null(pc.utf8_trim_whitespace(texts), "")


def _join_times(dates: Any, times: Any, name: str) -> Any:
    """Return texts of dates and of times of day as texts of both.

    Times of digits alone, such as 93000 or 930, lack the zeros that a program has dropped.
    """
    if pc.all(pc.match_substring_regex(times, FULL_DATE)).as_py():
        return times.to_pandas()
    if pc.all(pc.match_substring_regex(times, DIGITS)).as_py():
        times = _fill_zeros(times, name)
    days = pc.replace_substring_regex(dates, r"[ T]0?0:00(:00(\.0+)?)?$", "")
    return pc.binary_join_element_wise(days, times, pa.scalar(" ", pa.large_string())).to_pandas()


def _fill_zeros(times: Any, name: str) -> Any:
    """Return times of digits with all of their zeros: four or six digits."""
    longest = pc.max(pc.utf8_length(times)).as_py()
    is_midnight = pc.all(pc.match_substring_regex(times, "^0+$")).as_py()
    if longest <= 2 and not is_midnight:
        raise PricesError(
            f"{name}: times such as {times[0].as_py()!r} may be hours or minutes. Write them as "
            "09:30."
        )
    return pc.utf8_lpad(times, 4 if longest <= 4 else 6, "0")


def convert_texts(
    frame: pd.DataFrame, columns: dict[Any, str], options: ReadOptions, name: str, rows: int = 0
) -> str | None:
    """Replace texts in the columns of prices by numbers, all with one decimal mark.

    Parameters
    ----------
    frame : DataFrame
        Its columns of texts are replaced; a column with a text that is no number stays, for the
        message that names its row.
    columns : dict of object to str
        Roles of the columns of prices and volumes, by their names in the frame.
    options : ReadOptions
        ``decimal`` is the mark; None to find it.
    name : str
        Name of the table, for messages.
    rows : int, default 0
        Rows before the frame's first.

    Returns
    -------
    str or None
        The decimal mark; None if there are no texts.

    Raises
    ------
    PricesError
        If the texts show no decimal mark: 1,234 may be either.
    """
    texts = [each for each in columns if columns[each] != SPLIT and _is_text(frame[each])]
    prices = [each for each in texts if columns[each] != "Volume"]
    decimal = options.decimal
    if prices and decimal is None:
        decimal = find_decimal([frame[each] for each in prices])
        if decimal is None:
            decimal = _decide(frame, columns, prices, name, rows)
    for each in texts:
        if columns[each] == "Volume":
            frame[each] = read_volumes(frame[each])
            continue
        numbers = read_numbers(frame[each], decimal or ".")
        if decimal == ",":
            _mark_points(frame, each, numbers)
        is_missing = frame[each].isna() | (frame[each].astype("str").str.strip() == "")
        if bool((pd.notna(numbers) | is_missing).all()):
            frame[each] = numbers
    return decimal if prices else None


def _mark_points(frame: pd.DataFrame, column: Any, numbers: np.ndarray) -> None:
    """Let texts with a decimal point stay no numbers where the comma is the decimal mark."""
    is_english = np.isnan(numbers) & ~np.isnan(read_numbers(frame[column], "."))
    if is_english.any():
        texts = frame[column].astype("str")
        frame[column] = texts.where(~is_english, texts + " with a decimal point")


def _is_text(column: pd.Series) -> bool:
    types = pd.api.types
    if types.is_object_dtype(column.dtype):
        return types.infer_dtype(column, skipna=True) == "string"
    return types.is_string_dtype(column.dtype)


def _decide(
    frame: pd.DataFrame, columns: dict[Any, str], texts: list[Any], name: str, rows: int
) -> str:
    """Return the decimal mark where the texts leave it open: other columns may have fractions."""
    for each, role in columns.items():
        is_float = role != "Volume" and pd.api.types.is_float_dtype(frame[each].dtype)
        if is_float and (frame[each].dropna() % 1 != 0).any() and _is_near(frame, texts, each):
            return "."
    decimal = find_open_decimal([frame[each] for each in texts])
    if decimal is not None:
        return decimal
    for each in texts:
        marked = frame[each].astype("str").str.contains(OPEN_MARK).fillna(False)
        if marked.any():
            row = int(marked.to_numpy().argmax())
            text = frame[each].iloc[row]
            raise PricesError(describe_open_mark(name, columns[each], text, rows + row))
    return "."


def describe_open_mark(name: str, role: str, text: str, row: int) -> str:
    """Return why a number that may be two is refused.

    Parameters
    ----------
    name : str
        Name of the table.
    role : str
        What its column holds.
    text : str
        The number.
    row : int
        Its row, from 0.

    Returns
    -------
    str
        With the options that say which it is.
    """
    return (
        f"{name}: {role} is {text} in row {row + 1}: the mark may be a decimal or a thousands "
        "mark. Say which: --decimal , or --decimal ."
    )


def _is_near(frame: pd.DataFrame, texts: list[Any], other: Any) -> bool:
    """Return whether texts with a decimal point are prices of the size of another column."""
    size = float(frame[other].median())
    numbers = [read_numbers(frame[each], ".") for each in texts]
    sizes = [np.median(each[~np.isnan(each)]) for each in numbers if not np.isnan(each).all()]
    return all(0.1 * size < each < 10 * size for each in sizes)
