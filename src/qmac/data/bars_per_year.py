"""The number of bars in a year, which the dates of a series imply."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

BUSINESS_DAYS = 252.0
"""Usual number of bars in a year, and the one where there is nothing to infer it from."""
EVERY_DAY = 365.0
USUAL_PERIODS = (EVERY_DAY, 52.0, 12.0, 4.0, 2.0, 1.0)
DAYS_PER_YEAR = 365.25
SECONDS_PER_DAY = 86_400
FIRST_WEEKDAY, SATURDAY = 3, 5
"""The first of January 1970 was a Thursday; Monday is 0."""
WEEKEND_DAYS = 3
"""From a Friday to a Monday."""
NIGHT_SECONDS = 12 * 3600
"""A longer gap ends a session; lunches and the hours between two sessions of a day are shorter."""
WHOLE_SESSION = 0.75
"""Share of the usual length below which a session is a half day, or cut by the end of the file."""
OPEN_DAY = 0.5
"""Share of the bars of a usual day that a day of the weekend has where there is no weekend. The
first and the last hours of a week that lie on a weekend, in the time of the file, are fewer."""
COUNT_AGREES = 0.01
"""Share within which the count over a year and more stands for itself."""


class BarsPerYear(NamedTuple):
    """How many bars a year has, and why."""

    number: float
    basis: str
    """In words, such as ``"390 bars a session, 252 sessions"``; empty for a usual number of daily
    and longer bars."""


def infer_bars_per_year(index: pd.DatetimeIndex) -> BarsPerYear:
    """Return the number of bars in a year, and from what it was inferred.

    Daily and longer bars are counted over their span. Near a usual number it is that number: 365
    for every day, 252 for business days, 52 weekly, 12 monthly, 4 quarterly, 2 or 1. Else it is as
    counted. Intraday bars are those of a whole session times the sessions of a year: 252, or 365
    where there are sessions on weekends.

    Parameters
    ----------
    index : DatetimeIndex
        Dates of the bars, ``(T,)``.

    Returns
    -------
    BarsPerYear
        Number and basis.

    Examples
    --------
    >>> infer_bars_per_year(pd.date_range("2024-01-02 09:30", periods=390, freq="min"))
    BarsPerYear(number=98280.0, basis='390 bars a session, 252 sessions a year')
    """
    if len(index) < 2:
        return BarsPerYear(BUSINESS_DAYS, "usual for days, and there is one bar")
    seconds = index.as_unit("s").asi8
    days = np.diff(seconds) / SECONDS_PER_DAY
    span = float(days.sum())
    counted = (len(index) - 1) / (span / DAYS_PER_YEAR) if span > 0 else BUSINESS_DAYS
    local = seconds if index.tz is None else index.tz_localize(None).as_unit("s").asi8
    if float(np.median(days)) < 0.99:
        return _infer_from_sessions(seconds, local, counted)
    has_weekends = bool((find_weekdays(local // SECONDS_PER_DAY) >= SATURDAY).any())
    if not has_weekends and counted > 240:
        return BarsPerYear(BUSINESS_DAYS, "")
    for usual in USUAL_PERIODS:
        if abs(counted / usual - 1) < 0.1:
            return BarsPerYear(usual, "")
    if abs(counted / BUSINESS_DAYS - 1) < 0.02:
        return BarsPerYear(BUSINESS_DAYS, "")
    return BarsPerYear(counted, f"as counted over {_format_span(span)}, no usual number")


def find_weekdays(days: np.ndarray) -> np.ndarray:
    """Return the days of the week; pandas takes ten times as long.

    Parameters
    ----------
    days : ndarray
        Days since the beginning of 1970, ``(T,)`` int64.

    Returns
    -------
    ndarray
        ``(T,)`` int64; Monday is 0.
    """
    return (days + FIRST_WEEKDAY) % 7


def _infer_from_sessions(seconds: np.ndarray, local: np.ndarray, counted: float) -> BarsPerYear:
    """Return the bars of a year with as many sessions as weekdays, or days.

    ``local`` are those of the clock that the file shows.
    """
    steps = np.diff(seconds)
    day = local // SECONDS_PER_DAY
    span = float(seconds[-1] - seconds[0]) / SECONDS_PER_DAY
    dates = np.unique(day)
    is_sparse = dates.size > 2 and float(np.median(np.diff(dates))) > WEEKEND_DAYS
    if span == 0 or is_sparse:  # sessions now and then, or all bars within a second
        return BarsPerYear(counted, f"as counted over {_format_span(span)}")
    bars, is_continuous = _count_bars_of_session(seconds, steps)
    sessions = EVERY_DAY if _is_every_day(day, is_continuous) else BUSINESS_DAYS
    number = round(bars * sessions, 6)
    if span >= DAYS_PER_YEAR and abs(counted / number - 1) < COUNT_AGREES:
        return BarsPerYear(counted, f"as counted over {_format_span(span)}")
    name = "day" if is_continuous else "session"
    return BarsPerYear(number, f"{bars:.6g} bars a {name}, {sessions:g} {name}s a year")


def _count_bars_of_session(seconds: np.ndarray, steps: np.ndarray) -> tuple[float, bool]:
    """Return the bars of a whole session, and whether bars follow each other around the clock.

    What lies between two nights is a session. Where trade goes on through the nights it is a week,
    of which each day counts, the daily pause included.
    """
    usual = float(np.median(steps))
    nights = np.flatnonzero(steps > max(NIGHT_SECONDS, 1.5 * usual))
    firsts = np.concatenate(([0], nights + 1))
    lasts = np.concatenate((nights, [seconds.size - 1]))
    lengths = seconds[lasts] - seconds[firsts]
    whole = lengths >= WHOLE_SESSION * float(np.median(lengths))
    pauses = np.delete(steps, nights)
    daily = min(int(((lengths + usual) // SECONDS_PER_DAY).sum()), pauses.size)
    pause = float(np.partition(pauses, -daily)[-daily]) if daily else usual
    days = np.maximum((lengths + pause) / SECONDS_PER_DAY, 1)
    bars = (lasts - firsts + 1)[whole].sum() / days[whole].sum()
    return float(bars), daily > 0 and pause <= 2 * usual


def _is_every_day(day: np.ndarray, is_continuous: bool) -> bool:
    """Return whether there are sessions on weekends, from the number of each bar's day.

    Days within the file show it; else its first and last one; else it is continuous trade.
    """
    bars = np.bincount(day - day[0])
    days = np.arange(day[0], day[0] + bars.size)
    is_weekend = find_weekdays(days) >= SATURDAY
    is_open = bars >= OPEN_DAY * float(np.median(bars[bars > 0]))
    inner = is_weekend.copy()
    inner[[0, -1]] = False
    for part in (inner, is_weekend):
        if part.any():
            return bool(is_open[part].mean() > WHOLE_SESSION)
    return is_continuous


def _format_span(days: float) -> str:
    """Return a length of time in words."""
    if days >= 2 * DAYS_PER_YEAR:
        return f"{days / DAYS_PER_YEAR:.1f} years"
    return f"{math.ceil(days)} {'day' if days <= 1 else 'days'}"
