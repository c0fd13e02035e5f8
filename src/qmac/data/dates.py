"""Dates of price files, read and checked, and the number of bars in a year that they imply."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from qmac._checks import describe
from qmac.data.bars_per_year import infer_bars_per_year
from qmac.data.layouts import DATE_NAMES
from qmac.errors import PricesError

FIRST_DATE, LAST_DATE = 1800_01_01, 2200_12_31
"""Whole numbers from and to these are dates."""
PARSED_AT_ONCE = 2**18
"""Texts of dates that become Python objects at once."""
DAY_AND_MONTH = r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.](?:\d{4}|\d{2})\b"


def index_by_date(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a frame with its dates as the index, from the column that holds them.

    Parameters
    ----------
    frame : DataFrame
        Content of a file. One with a DatetimeIndex is returned as it is.
    name : str
        Name of the file, for messages.

    Returns
    -------
    DataFrame
        Without the columns of dates; the index is unchecked.

    Raises
    ------
    PricesError
        If there are no rows, or no column of dates.
    """
    if isinstance(frame.index, pd.DatetimeIndex):
        return frame
    if frame.shape[1] == 0 or len(frame) == 0:
        raise PricesError(f"{name} has no rows. Use a file with dates and a Close column.")
    by_name = {str(column).strip().lower(): column for column in reversed(frame.columns)}
    if "date" in by_name and "time" in by_name:
        date, time = by_name["date"], by_name["time"]
        texts = frame[date].astype(str) + " " + frame[time].astype(str)
        return frame.drop(columns=[date, time]).set_index(pd.Index(texts))
    known = [by_name[usual] for usual in DATE_NAMES if usual in by_name]
    dates = known[0] if known else frame.columns[0]
    if str(dates).strip().lower() == "close":
        raise PricesError(f"{name} has no column of dates. Add one called Date before the prices.")
    return frame.set_index(dates)


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
        One date per row.

    Raises
    ------
    PricesError
        If they are no dates, or do not ascend; the message names the row.
    """
    if len(index) == 0:
        raise PricesError(
            f"{name} has no rows. Use prices with at least one bar more than the largest window."
        )
    dates = _convert(index, name)
    if dates.hasnans:
        row = int(np.flatnonzero(dates.isna())[0])
        raise PricesError(f"{name}: row {row + 1} has no date. Fill it in or drop the row.")
    if not dates.is_monotonic_increasing:
        row = int(np.flatnonzero(np.diff(dates.asi8) < 0)[0]) + 1
        raise PricesError(
            f"{name}: dates are not sorted: row {row + 1} ({dates[row]}) comes before row {row} "
            f"({dates[row - 1]}). Sort the rows by date."
        )
    if not dates.is_unique:
        row = int(np.flatnonzero(dates.duplicated())[0])
        raise PricesError(
            f"{name}: the date {dates[row]} is there twice (rows {row} and {row + 1}). "
            "Drop one of them."
        )
    return dates


def _convert(index: pd.Index, name: str) -> pd.DatetimeIndex:
    """Return an index of any kind as dates, unchecked."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return index
    if _are_numbered_dates(index):
        # 20200131, or 20200131.0 where another symbol's date is blank
        index = index.astype(np.int64).astype(str)
    is_numeric = pd.api.types.is_numeric_dtype(index)
    if is_numeric or isinstance(index, pd.MultiIndex | pd.TimedeltaIndex):
        raise PricesError(
            f"{name}: the index holds values such as {index[0]}, not dates. "
            "Use a DatetimeIndex, or a column called Date with dates such as 2010-01-04."
        )
    return _parse(pd.Series(index), name)


def _are_numbered_dates(index: pd.Index) -> bool:
    """Return whether an index holds whole numbers such as 20200131."""
    types = pd.api.types
    if not types.is_numeric_dtype(index) or types.is_complex_dtype(index) or index.hasnans:
        return False
    are_whole = index % 1 == 0
    return bool(((index >= FIRST_DATE) & (index <= LAST_DATE) & are_whole).all())


def _parse(texts: pd.Series, name: str) -> pd.DatetimeIndex:
    """Return texts as dates."""
    options = _choose_day_order(texts, name)
    try:
        return _parse_with_zones(texts, options)
    except (ValueError, TypeError, OverflowError):
        parsed = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True, **options)
        bad = np.flatnonzero(parsed.isna().to_numpy())
        if bad.size == 0:
            raise PricesError(
                f"{name}: the dates are not of one form. Write all as 2010-01-04 15:30."
            ) from None
        row = int(bad[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {describe(texts.iloc[row])}, which cannot be "
            "read. Write dates as 2010-01-04 or 2010-01-04 15:30."
        ) from None


def _choose_day_order(texts: pd.Series, name: str) -> dict[str, Any]:
    """Return the options that tell day from month where both are numbers of two digits.

    The texts must show by themselves which is first.
    """
    if not re.match(DAY_AND_MONTH, str(texts.iloc[0])):
        return {}  # most files, and the search takes more memory than the prices
    parts = texts.astype(str).str.extract(DAY_AND_MONTH).astype(float)
    if not parts.notna().all(axis=None):
        return {}
    is_day_first = bool((parts[0] > 12).any())
    is_day_second = bool((parts[1] > 12).any())
    if not is_day_first and not is_day_second:
        raise PricesError(
            f"{name}: dates such as {texts.iloc[0]!r} may have the day or the month first. "
            "Write 2010-01-04."
        )
    return {"dayfirst": is_day_first}


def _parse_with_zones(texts: pd.Series, options: dict[str, Any]) -> pd.DatetimeIndex:
    """Return texts as dates, in UTC where they have the summer and the winter time of one zone."""
    try:
        return _convert_texts(texts, options)
    except ValueError as error:
        if "timezone" not in str(error) and "tz-" not in str(error):
            raise
        return pd.DatetimeIndex(pd.to_datetime(texts, utc=True))


def _convert_texts(texts: pd.Series, options: dict[str, Any]) -> pd.DatetimeIndex:
    """Return texts as dates, all in the form of the first: part after part, which saves memory."""
    if len(texts) > PARSED_AT_ONCE:
        form = guess_datetime_format(str(texts.iloc[0]), **options)
        if form is not None:
            options = {"format": form}
            starts = range(0, len(texts), PARSED_AT_ONCE)
            parts = [texts.iloc[start : start + PARSED_AT_ONCE] for start in starts]
            dates = [pd.DatetimeIndex(pd.to_datetime(part, **options)) for part in parts]
            if len({part.dtype for part in dates}) == 1:
                return pd.DatetimeIndex(dates[0].append(dates[1:]))
    return pd.DatetimeIndex(pd.to_datetime(texts, **options))


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
