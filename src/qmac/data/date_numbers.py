"""Numbers that are dates: digit by digit, such as 20240131, or since 1970 in seconds and finer."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.date_texts import FormError
from qmac.data.options import EPOCHS

COMPACT = (
    (1800_01_01, 2200_12_31, "%Y%m%d"),
    (1800_01_01_00_00, 2200_12_31_23_59, "%Y%m%d%H%M"),
    (1800_01_01_00_00_00, 2200_12_31_23_59_59, "%Y%m%d%H%M%S"),
)
"""Whole numbers from and to these are dates, digit by digit."""
SHORT_YEARS = ((10, "%y%m%d%H%M"), (12, "%y%m%d%H%M%S"))
"""Digits of dates without their century, which look like seconds and milliseconds since 1970: of
those, one in 200 would be such a date."""
EPOCH_LIMITS = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}
"""Least number of seconds, milliseconds, ... since 1970: seconds from 1973 to the year 5138."""
NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
OTHER_CLOCKS = ((6.2e17, 6.5e17, "ticks of .NET"), (1.25e17, 1.4e17, "file times of Windows"))
"""Counts of 100 ns from the years 1 and 1601, which as nanoseconds since 1970 are of 1989 and 1974:
the numbers from and to which 1965 to 2060 and 1997 to 2044 are counted."""
MOST_NANOSECONDS = 2**63 - 1
SERIALS = (20_000, 80_000)
"""Days that spreadsheets count from 1900: 1954 to 2119."""
EXACT = 2**53
"""Larger whole numbers are not all float64."""


def read_date_numbers(numbers: np.ndarray, shown: Any, date_format: str | None) -> pd.DatetimeIndex:
    """Return numbers as dates.

    Parameters
    ----------
    numbers : ndarray
        ``(T,)`` float64.
    shown : sequence
        The numbers as they are written, exact where float64 is not.
    date_format : str or None
        Unit of numbers since 1970, or a form of digits; None where their size shows it.

    Returns
    -------
    DatetimeIndex
        Those since 1970 in UTC, others without a zone.

    Raises
    ------
    FormError
        If a number is missing, no date, or may be several.
    """
    if np.isnan(numbers).any():
        row = int(np.flatnonzero(np.isnan(numbers))[0])
        raise FormError(f"row {row + 1} has no date. Fill it in or drop the row.")
    if date_format in EPOCHS:
        return _from_epochs(numbers, shown, np.full(len(numbers), NANOSECONDS[date_format]))
    is_whole = not (numbers % 1).any()
    compact = _read_digits(numbers, date_format) if is_whole else None
    if compact is not None:
        return compact
    if date_format is not None:
        raise FormError(
            f"row 1 has the date {shown[0]}, which is not of the form {date_format}. "
            "Name their form: --date-format %Y%m%d."
        )
    sizes = np.abs(numbers)
    if sizes.max() >= EPOCH_LIMITS["s"]:
        _refuse_other_clocks(numbers, shown, sizes)
        return _from_epochs(numbers, shown, _find_units(sizes))
    if SERIALS[0] <= sizes.min() and sizes.max() <= SERIALS[1]:
        raise FormError(
            f"the dates are numbers such as {shown[0]}: days as spreadsheets count them. "
            "Format the column as dates, 2010-01-04, and save the file again."
        )
    raise not_dates(shown[0])


def not_dates(value: object) -> FormError:
    """Return the error for values that are no dates.

    Parameters
    ----------
    value : object
        The first of them.

    Returns
    -------
    FormError
        With the next step.
    """
    return FormError(
        f"the dates hold values such as {value}, not dates. "
        "Use a DatetimeIndex, or a column called Date with dates such as 2010-01-04."
    )


def _read_digits(numbers: np.ndarray, date_format: str | None) -> pd.DatetimeIndex | None:
    """Return numbers whose digits are dates; None if their size is of other numbers."""
    for first, last, form in COMPACT:
        is_within = bool(((numbers >= first) & (numbers <= last)).all())
        if not is_within or date_format not in (None, form):
            continue
        digits = pd.Series(numbers.astype(np.int64)).astype("str")
        parsed = pd.DatetimeIndex(pd.to_datetime(digits, format=form, errors="coerce"))
        if not parsed.hasnans:
            return parsed
        if form == "%Y%m%d" or 2 * np.count_nonzero(parsed.isna()) < len(parsed):
            row = int(np.flatnonzero(parsed.isna())[0])
            raise FormError(
                f"row {row + 1} has the date {digits.iloc[row]!r}, which cannot be "
                "read. Write dates as 2010-01-04 or 2010-01-04 15:30."
            )
    return None


def _refuse_other_clocks(numbers: np.ndarray, shown: Any, sizes: np.ndarray) -> None:
    """Refuse numbers that may be dates of another kind than those since 1970."""
    for first, last, kind in OTHER_CLOCKS:
        if first <= sizes.min() and sizes.max() <= last:
            raise FormError(
                f"the dates are numbers such as {shown[0]}: {kind}, or nanoseconds since 1970. "
                "Write 2010-01-04, or say that they are nanoseconds: --date-format ns."
            )
    for digits, form in SHORT_YEARS:
        is_within = 10 ** (digits - 2) <= sizes.min() and sizes.max() < 10**digits
        if not is_within or (numbers % 1).any() or numbers.min() < 0:
            continue
        texts = pd.Series(numbers.astype(np.int64)).astype("str").str.zfill(digits)
        if not pd.to_datetime(texts, format=form, errors="coerce").hasnans:
            unit = "s" if digits == 10 else "ms"
            raise FormError(
                f"the dates are numbers such as {shown[0]}: digits with a year of two, or "
                f"numbers since 1970. Say which: --date-format {form} or --date-format {unit}."
            )


def _find_units(sizes: np.ndarray) -> np.ndarray:
    """Return the nanoseconds of the unit of each number.

    A file may change its unit: those of Binance do, from 2025 on.
    """
    limits = np.array(list(EPOCH_LIMITS.values()))
    places = np.searchsorted(limits, sizes, side="right") - 1
    return np.array(list(NANOSECONDS.values()))[np.maximum(places, 0)]


def _from_epochs(numbers: np.ndarray, shown: Any, units: np.ndarray) -> pd.DatetimeIndex:
    """Return dates from numbers since 1970, in UTC, as exact as they are written."""
    sizes = np.abs(numbers)
    too_large = np.flatnonzero(~(sizes * units <= MOST_NANOSECONDS))
    if too_large.size:
        raise not_dates(shown[int(too_large[0])])
    if (numbers % 1).any():
        nanoseconds = np.rint(numbers * units / 1000).astype(np.int64) * 1000
        return pd.DatetimeIndex((nanoseconds // 1000).view("M8[us]")).tz_localize("UTC")
    exact = numbers.astype(np.int64)
    if sizes.max() >= EXACT:
        exact = np.array([_read_integer(value) for value in shown], np.int64)
    if units.min() == 1:
        return pd.DatetimeIndex(exact * units).tz_localize("UTC")
    return pd.DatetimeIndex((exact * (units // 1000)).view("M8[us]")).tz_localize("UTC")


def _read_integer(value: Any) -> int:
    """Return a number as it is written, such as 1704153600000000001 or 1.7e18."""
    try:
        return int(Decimal(str(value)))
    except InvalidOperation:
        raise not_dates(value) from None
