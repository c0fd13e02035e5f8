"""Dates of price files: found, parsed, checked; and the bars of a year that they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from qmac.data.layouts import DATE_NAMES
from qmac.errors import PricesError


def dated(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The frame with its dates as the index, from the column that holds them."""
    return frame if isinstance(frame.index, pd.DatetimeIndex) else index_by_date(frame, name)


def index_by_date(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if frame.shape[1] == 0 or len(frame) == 0:
        raise PricesError(f"{name} has no rows. Give a file with dates and a Close column.")
    named = {str(column).strip().lower(): column for column in reversed(frame.columns)}
    if "date" in named and "time" in named:
        together = frame[named["date"]].astype(str) + " " + frame[named["time"]].astype(str)
        return frame.drop(columns=[named["date"], named["time"]]).set_index(pd.Index(together))
    dates = next((named[known] for known in DATE_NAMES if known in named), frame.columns[0])
    if str(dates).strip().lower() == "close":
        raise PricesError(f"{name} has no column of dates. Add one called Date before the prices.")
    return frame.set_index(dates)


def check_dates(index: pd.Index, name: str) -> pd.DatetimeIndex:
    """A DatetimeIndex that ascends without repeats."""
    if len(index) == 0:
        raise PricesError(
            f"{name} has no rows. Give prices with at least one bar more than the largest window."
        )
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        numeric = pd.api.types.is_numeric_dtype(index) and not index.hasnans
        if numeric and ((index >= 1800_01_01) & (index <= 2200_12_31) & (index % 1 == 0)).all():
            index = index.astype(np.int64).astype(
                str
            )  # 20200131, or 20200131.0 where another symbol's date is blank
        if pd.api.types.is_numeric_dtype(index) or isinstance(
            index, pd.MultiIndex | pd.TimedeltaIndex
        ):
            raise PricesError(
                f"{name}: the index holds values such as {index[0]}, not dates. "
                "Give a DatetimeIndex, or a column called Date with dates such as 2010-01-04."
            )
        index = _parsed(pd.Series(index, dtype="object"), name)
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0])
        raise PricesError(f"{name}: row {row + 1} has no date. Fill it in or drop the row.")
    if not index.is_monotonic_increasing:
        row = int(np.flatnonzero(np.diff(index.asi8) < 0)[0]) + 1
        raise PricesError(
            f"{name}: dates are not sorted: row {row + 1} ({index[row]}) comes before row {row} "
            f"({index[row - 1]}). Sort the rows by date."
        )
    if not index.is_unique:
        row = int(np.flatnonzero(index.duplicated())[0])
        raise PricesError(
            f"{name}: the date {index[row]} is there twice (rows {row} and {row + 1}). Drop one of them."
        )
    return index


def _parsed(texts: pd.Series, name: str) -> pd.DatetimeIndex:
    """Dates from texts; those with slashes must show by themselves whether the day or the month is first."""
    parts = (
        texts.astype(str)
        .str.extract(r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.](?:\d{4}|\d{2})\b")
        .astype(float)
    )
    options: dict[str, Any] = {}
    if parts.notna().all(axis=None):
        days_first, days_second = bool((parts[0] > 12).any()), bool((parts[1] > 12).any())
        if not days_first and not days_second:
            raise PricesError(
                f"{name}: dates such as {texts.iloc[0]!r} may have the day or the month first. Write 2010-01-04."
            )
        options = {"dayfirst": days_first}
    try:
        try:
            return pd.DatetimeIndex(pd.to_datetime(texts, **options))
        except ValueError as error:
            if "timezone" not in str(error) and "tz-" not in str(error):
                raise
            return pd.DatetimeIndex(
                pd.to_datetime(texts, utc=True)
            )  # summer and winter time of one zone
    except (ValueError, TypeError, OverflowError):
        parsed = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True, **options)
        bad = np.flatnonzero(parsed.isna().to_numpy())
        if bad.size == 0:
            raise PricesError(
                f"{name}: the dates are not of one form. Write all as 2010-01-04 15:30."
            ) from None
        row = int(bad[0])
        raise PricesError(
            f"{name}: row {row + 1} has the date {texts.iloc[row]!r}, which cannot be read. "
            "Write dates as 2010-01-04 or 2010-01-04 15:30."
        ) from None


def infer_periods_per_year(index: pd.DatetimeIndex) -> float:
    """Bars in a year, from how many there are over their span.

    Near a usual number that number: 365 for every day, 252 for business days, 52 weekly, 12 monthly, 4 quarterly,
    2 or 1. Else as counted: intraday bars, or markets with weeks of their own.
    """
    if len(index) < 2:
        return 252.0
    days = np.diff(index.as_unit("s").asi8) / 86_400
    counted = (len(index) - 1) / (float(days.sum()) / 365.25) if days.sum() > 0 else 252.0
    if float(np.median(days)) < 0.99:
        return counted
    weekends = float(np.asarray(index.day_of_week >= 5).mean())
    if weekends == 0 and counted > 240:
        return 252.0
    for usual in (365.0, 52.0, 12.0, 4.0, 2.0, 1.0):
        if abs(counted / usual - 1) < 0.1:
            return usual
    return 252.0 if abs(counted / 252 - 1) < 0.02 else counted
