"""Dates of price files: texts, numbers and zones become moments, or are refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from qmac._checks import describe
from qmac.data.bars_per_year import infer_bars_per_year
from qmac.data.date_texts import FormError, is_numeric, read_texts
from qmac.data.options import EPOCHS
from qmac.errors import PricesError

FIRST_YEAR = 1800
DAY_SECONDS = 86_400
HOUR = pd.Timedelta(hours=1)
COMPACT = (
    (1800_01_01, 2200_12_31, "%Y%m%d"),
    (1800_01_01_00_00, 2200_12_31_23_59, "%Y%m%d%H%M"),
    (1800_01_01_00_00_00, 2200_12_31_23_59_59, "%Y%m%d%H%M%S"),
)
"""Whole numbers from and to these are dates, digit by digit."""
EPOCH_LIMITS = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}
"""Least number of seconds, milliseconds, ... since 1970: seconds from 1973 to the year 5138."""
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
SERIALS = (20_000, 80_000)
"""Days that spreadsheets count from 1900: 1954 to 2119."""


class Dates(NamedTuple):
    """Dates of rows, and what is to be said of them."""

    dates: pd.DatetimeIndex
    notes: tuple[str, ...] = ()


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
    dates = read_dates(index, name).dates
    order = find_order(dates, name)
    return dates if order.rows is None else pd.DatetimeIndex(dates[order.rows])


def read_dates(
    index: pd.Index, name: str, date_format: str | None = None, timezone: str | None = None
) -> Dates:
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

    Returns
    -------
    Dates
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
    dates, notes = _convert(index, name, date_format)
    if dates.hasnans:
        row = int(np.flatnonzero(dates.isna())[0])
        raise PricesError(f"{name}: row {row + 1} has no date. Fill it in or drop the row.")
    if dates.year.min() < FIRST_YEAR:
        row = int(np.flatnonzero(dates.year < FIRST_YEAR)[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {dates[row]}, before the year {FIRST_YEAR}. Write "
            "dates as 2010-01-04."
        )
    return Dates(to_zone(dates, timezone, name), notes)


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
        return dates.tz_convert(zone)
    try:
        return dates.tz_localize(zone, ambiguous="infer")
    except ValueError as error:
        if _are_days(dates):  # a day begins when it begins, were it an hour late
            return dates.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
        reason = str(error).splitlines()[0]
        raise PricesError(
            f"{name}: the dates cannot be those of a clock in {zone}: {reason}. Name the zone of "
            "the file with --timezone, such as UTC."
        ) from None


def _are_days(dates: pd.DatetimeIndex) -> bool:
    """Return whether every date is a midnight of its own clock."""
    local = dates.tz_localize(None).as_unit("s").asi8
    return not (local % DAY_SECONDS).any()


def _convert(index: pd.Index, name: str, date_format: str | None) -> Dates:
    """Return an index of any kind as dates, unchecked."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return Dates(index)
    types = pd.api.types
    if isinstance(index, pd.MultiIndex | pd.TimedeltaIndex) or types.is_complex_dtype(index):
        raise _not_dates(index[0], name)
    if types.is_numeric_dtype(index) and not types.is_bool_dtype(index):
        return Dates(
            _read_numbers(index.to_numpy(np.float64, na_value=np.nan), index, name, date_format)
        )
    texts = _to_texts(index)
    if is_numeric(texts):
        numbers = pc.cast(pc.if_else(pc.equal(texts, ""), None, texts), pa.float64())
        return Dates(_read_numbers(np.asarray(numbers, np.float64), texts, name, date_format))
    try:
        dates, notes = read_texts(texts, None if date_format in EPOCHS else date_format)
    except FormError as error:
        raise PricesError(f"{name}: {error}") from None
    _refuse_future(dates, name)
    return Dates(dates, notes)


def _to_texts(index: pd.Index) -> Any:
    """Return an index as trimmed texts, empty where there is no value."""
    values = index if isinstance(index.dtype, pd.StringDtype) else index.astype("str")
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    if index.dtype == object:  # dates of several offsets, and what is no text
        texts = pc.if_else(pa.array(index.isna()), "", texts)
    return pc.fill_null(pc.utf8_trim_whitespace(texts), "")


def _not_dates(value: object, name: str) -> PricesError:
    return PricesError(
        f"{name}: the dates hold values such as {value}, not dates. "
        "Use a DatetimeIndex, or a column called Date with dates such as 2010-01-04."
    )


def _refuse_future(dates: pd.DatetimeIndex, name: str) -> None:
    """Refuse dates of a file that are in the future; a day is for the zones of the world."""
    days = dates.tz_localize(None) if dates.tz is not None else dates
    late = pd.Timestamp.now("UTC").tz_localize(None) + pd.Timedelta(days=1)
    if days.max() > late:
        row = int(np.flatnonzero(days > late)[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {dates[row]}, which is in the future. Fix it, or "
            "name the form of the dates: --date-format %d/%m/%Y."
        )


def _read_numbers(
    numbers: np.ndarray, shown: Any, name: str, date_format: str | None
) -> pd.DatetimeIndex:
    """Return numbers as dates: 20240131, or since 1970 in the unit that their size shows."""
    if np.isnan(numbers).any():
        row = int(np.flatnonzero(np.isnan(numbers))[0])
        raise PricesError(f"{name}: row {row + 1} has no date. Fill it in or drop the row.")
    if date_format in EPOCHS:
        dates = _from_epochs(numbers, shown, np.full(len(numbers), NANOSECONDS[date_format]))
    else:
        dates = _read_digits(numbers, shown, name, date_format)
    _refuse_future(dates, name)
    return dates


def _read_digits(
    numbers: np.ndarray, shown: Any, name: str, date_format: str | None
) -> pd.DatetimeIndex:
    is_whole = not (numbers % 1).any()
    for first, last, form in COMPACT:
        is_within = is_whole and ((numbers >= first) & (numbers <= last)).all()
        if is_within and date_format in (None, form):
            digits = pd.Series(numbers.astype(np.int64)).astype("str")
            parsed = pd.DatetimeIndex(pd.to_datetime(digits, format=form, errors="coerce"))
            if not parsed.hasnans:
                return parsed
            if form == "%Y%m%d":
                row = int(np.flatnonzero(parsed.isna())[0])
                raise PricesError(
                    f"{name}: row {row + 1} has the date {digits.iloc[row]!r}, which cannot be "
                    "read. Write dates as 2010-01-04 or 2010-01-04 15:30."
                )
    if date_format is not None:
        raise PricesError(
            f"{name}: row 1 has the date {shown[0]}, which is not of the form {date_format}. "
            "Name their form: --date-format %Y%m%d."
        )
    sizes = np.abs(numbers)
    if is_whole and sizes.max() >= EPOCH_LIMITS["s"]:
        return _from_epochs(numbers, shown, _find_units(sizes))
    if SERIALS[0] <= sizes.min() and sizes.max() <= SERIALS[1]:
        raise PricesError(
            f"{name}: the dates are numbers such as {shown[0]}: days as spreadsheets count them. "
            "Format the column as dates, 2010-01-04, and save the file again."
        )
    raise _not_dates(shown[0], name)


def _find_units(sizes: np.ndarray) -> np.ndarray:
    """Return the nanoseconds of the unit of each number.

    A file may change its unit: those of Binance do, from 2025 on.
    """
    limits = np.array(list(EPOCH_LIMITS.values()))
    places = np.searchsorted(limits, sizes, side="right") - 1
    return np.array(list(NANOSECONDS.values()))[np.maximum(places, 0)]


def _from_epochs(numbers: np.ndarray, shown: Any, units: np.ndarray) -> pd.DatetimeIndex:
    """Return dates from numbers since 1970, in UTC, as exact as they are written."""
    exact = numbers.astype(np.int64)
    if np.abs(numbers).max() >= 2**53:
        exact = np.array([int(str(value)) for value in shown], np.int64)
    if units.min() == 1:
        return pd.DatetimeIndex(exact * units).tz_localize("UTC")
    return pd.DatetimeIndex((exact * (units // 1000)).view("M8[us]")).tz_localize("UTC")


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
    if back.size == 0 or dates.tz is not None or _are_days(dates):
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


def infer_periods_per_year(index: pd.DatetimeIndex) -> float:
    """Return the number of bars in a year, see ``infer_bars_per_year``.

    Parameters
    ----------
    index : DatetimeIndex
        Dates of the bars, ``(T,)``.

    Returns
    -------
    float
        Bars in a year.

    Examples
    --------
    >>> infer_periods_per_year(pd.date_range("2001-01-01", periods=50, freq="MS"))
    12.0
    """
    return infer_bars_per_year(index).number


def describe_row(index: pd.Index, row: int) -> str:
    """Return a row's number and date, for messages.

    Parameters
    ----------
    index : Index
        Dates of the rows.
    row : int
        From 0.

    Returns
    -------
    str
        Such as ``"row 5 (2024-01-09 00:00:00)"``.
    """
    return f"row {row + 1} ({describe(index[row]) if isinstance(index[row], str) else index[row]})"
