"""Dates of price files: texts, numbers and zones become moments, or are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from qmac.data.date_numbers import not_dates, read_date_numbers
from qmac.data.date_texts import ORDERS, DayOrder, FormError, is_numeric, read_texts
from qmac.data.days import are_days
from qmac.data.options import EPOCHS
from qmac.errors import PricesError

FIRST_YEAR = 1800
HOUR = pd.Timedelta(hours=1)


class Order(NamedTuple):
    """An order in which dates ascend."""

    rows: np.ndarray | None
    """Rows of the table, ``(T,)``; None where they ascend."""
    notes: tuple[str, ...] = ()


def check_dates(index: pd.Index, name: str) -> pd.DatetimeIndex:
    """Return an index as dates that ascend, each once.

    Parameters
    ----------
    index : Index
        Dates, periods, texts, or whole numbers such as 20100104.
    name : str
        Name of the prices, for messages.

    Returns
    -------
    DatetimeIndex
        One date per row; a descending index is turned round.

    Raises
    ------
    PricesError
        If they are no dates, or do not ascend; the message names the row.
    """
    dates = read_dates(index, name)
    order = find_order(dates, name)
    return dates if order.rows is None else pd.DatetimeIndex(dates[order.rows])


def read_dates(
    index: pd.Index,
    name: str,
    date_format: str | None = None,
    timezone: str | None = None,
    orders: Sequence[DayOrder] = ORDERS,
) -> pd.DatetimeIndex:
    """Return an index of any kind as dates, in the order of its rows.

    Parameters
    ----------
    index : Index
        Dates, periods, texts or whole numbers, ``(T,)``.
    name : str
        Name of the prices, for messages.
    date_format : str, optional
        As of ``datetime.strptime``, or a unit of numbers since 1970: s, ms, us, ns.
    timezone : str, optional
        Zone to which dates are converted; those without a zone are in it.
    orders : sequence, optional
        Orders of day, month and year that the whole file can have.

    Returns
    -------
    DatetimeIndex
        A date for each row.

    Raises
    ------
    PricesError
        If there are no rows, or one has no date that can be read; the message names it.
    """
    if len(index) == 0:
        raise PricesError(
            f"{name} has no rows. Use prices with at least one bar more than the largest window."
        )
    dates = _convert(index, name, date_format, orders)
    if dates.hasnans:
        row = int(np.flatnonzero(dates.isna())[0])
        raise PricesError(f"{name}: row {row + 1} has no date. Fill it in or drop the row.")
    if dates.year.min() < FIRST_YEAR:
        row = int(np.flatnonzero(dates.year < FIRST_YEAR)[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {dates[row]}, before the year {FIRST_YEAR}. Write "
            "dates as 2010-01-04."
        )
    return to_zone(dates, timezone, name)


def to_zone(dates: pd.DatetimeIndex, zone: str | None, name: str) -> pd.DatetimeIndex:
    """Return dates in a zone, in which those without one are.

    Parameters
    ----------
    dates : DatetimeIndex
        ``(T,)``.
    zone : str or None
        Name of a zone; None to leave them as they are.
    name : str
        Name of the prices, for messages.

    Returns
    -------
    DatetimeIndex
        With the zone.

    Raises
    ------
    PricesError
        If one is no moment of a clock in the zone.
    """
    if zone is None:
        return dates
    if dates.tz is not None:
        moved = dates.tz_convert(zone)
        is_moved = are_days(dates) and not are_days(moved)  # it would be the day before
        return dates if is_moved else moved
    try:
        return dates.tz_localize(zone, ambiguous="infer")
    except ValueError as error:
        if are_days(dates):  # a day begins when it begins, were it an hour late
            return dates.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
        reason = str(error).splitlines()[0]
        raise PricesError(
            f"{name}: the dates cannot be those of a clock in {zone}: {reason}. Name the zone of "
            "the file with --timezone, such as UTC."
        ) from None


def _convert(
    index: pd.Index, name: str, date_format: str | None, orders: Sequence[DayOrder]
) -> pd.DatetimeIndex:
    """Return an index of any kind as dates, unchecked."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return index
    try:
        dates = _read_values(index, date_format, orders)
    except FormError as error:
        raise PricesError(f"{name}: {error}") from None
    _refuse_future(dates, name)
    return dates


def _read_values(
    index: pd.Index, date_format: str | None, orders: Sequence[DayOrder]
) -> pd.DatetimeIndex:
    """Return texts or numbers as dates."""
    types = pd.api.types
    if isinstance(index, pd.MultiIndex | pd.TimedeltaIndex) or types.is_complex_dtype(index):
        raise not_dates(index[0])
    has_form = date_format is not None and date_format not in EPOCHS
    if types.is_numeric_dtype(index) and not types.is_bool_dtype(index) and not has_form:
        numbers = index.to_numpy(np.float64, na_value=np.nan)
        return read_date_numbers(numbers, index, date_format)
    if types.is_float_dtype(index) and not index.hasnans and not (index % 1).any():
        index = index.astype(np.int64)  # 20240102.0, as pandas makes of whole numbers with blanks
    texts = _to_texts(index)
    if is_numeric(texts) and not has_form:
        present = pc.if_else(pc.equal(texts, ""), None, texts)
        numbers = np.asarray(pc.cast(present, pa.float64()), np.float64)
        return read_date_numbers(numbers, texts, date_format)
    return read_texts(texts, None if date_format in EPOCHS else date_format, orders)


def _to_texts(index: pd.Index) -> Any:
    """Return an index as trimmed texts, empty where there is no value."""
    values = index if isinstance(index.dtype, pd.StringDtype) else index.astype("str")
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    if index.dtype == object:  # dates of several offsets, and what is no text
        texts = pc.if_else(pa.array(index.isna()), "", texts)
    return pc.fill_null(pc.utf8_trim_whitespace(texts), "")


def _refuse_future(dates: pd.DatetimeIndex, name: str) -> None:
    """Refuse dates of a file that are in the future; a day is for the zones of the world."""
    days = dates.tz_localize(None) if dates.tz is not None else dates
    late = pd.Timestamp.now("UTC").tz_localize(None) + pd.Timedelta(days=1)
    if days.max() > late:
        row = int(np.flatnonzero(days > late)[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {dates[row]}, which is in the future. Fix it, or "
            "name the form of the dates, such as --date-format %d/%m/%Y or --date-format ms."
        )


def find_order(dates: pd.DatetimeIndex, name: str, *, sort: bool = False) -> Order:
    """Return the order in which dates ascend, each once.

    Parameters
    ----------
    dates : DatetimeIndex
        Dates of the rows, ``(T,)``.
    name : str
        Name of the prices, for messages.
    sort : bool, default False
        Whether the user wants rows in any order to be sorted.

    Returns
    -------
    Order
        That of a file that descends turns it round.

    Raises
    ------
    PricesError
        If dates neither ascend nor descend, or one is there twice; the message names the row.
    """
    if dates.is_monotonic_increasing and dates.is_unique:
        return Order(None)
    if dates.is_monotonic_decreasing and dates.is_unique:
        note = (
            f"{name} begins with its latest bar, and was turned round. Rows are counted from the "
            "earliest."
        )
        return Order(np.arange(len(dates))[::-1], (note,))
    if sort:
        rows = np.argsort(dates.asi8, kind="stable")
        _refuse_twice(dates, rows, name)
        return Order(rows, (f"{name} was sorted by date. Rows are counted in this order.",))
    _refuse_clock_set_back(dates, name)
    steps = np.diff(dates.asi8)
    if (steps < 0).any() and not ((steps <= 0).all()):
        row = int(np.flatnonzero(steps < 0)[0]) + 1
        raise PricesError(
            f"{name}: dates are not sorted: row {row + 1} ({dates[row]}) comes before row {row} "
            f"({dates[row - 1]}). Sort the rows by date, or add --sort if each is right."
        )
    _refuse_twice(dates, np.arange(len(dates)), name)
    return Order(None)


def _refuse_twice(dates: pd.DatetimeIndex, rows: np.ndarray, name: str) -> None:
    same = np.flatnonzero(np.diff(dates.asi8[rows]) == 0)
    if same.size:
        first, second = sorted((int(rows[same[0]]), int(rows[same[0] + 1])))
        raise PricesError(
            f"{name}: the date {dates[first]} is there twice (rows {first + 1} and {second + 1}). "
            "Drop one of them."
        )


def _refuse_clock_set_back(dates: pd.DatetimeIndex, name: str) -> None:
    """Say that a clock was set back, where an hour of a night is there twice."""
    steps = np.diff(dates.asi8)
    back = np.flatnonzero(steps <= 0)
    if back.size == 0 or dates.tz is not None or are_days(dates):
        return
    row = int(back[0]) + 1
    usual = np.median(np.abs(steps))
    hour = HOUR.as_unit(dates.unit).to_numpy().astype(np.int64)
    is_night = dates[row].hour <= 3
    is_hour = steps[row - 1] == usual - hour and usual <= hour
    if is_night and is_hour:
        raise PricesError(
            f"{name}: the clock was set back in the night of {dates[row].date()}: row {row + 1} "
            f"({dates[row]}) comes after row {row} ({dates[row - 1]}). Leave the rows as they are, "
            "and name the zone of this clock: --timezone America/New_York."
        )
