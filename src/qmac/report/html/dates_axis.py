"""The axis of dates: bars of a session follow each other, without the hours between sessions."""

from __future__ import annotations

from typing import Any

import numpy as np

DAY_SECONDS = 86_400
HOUR_SECONDS = 3600
LEAST_NIGHT_SECONDS = 2 * HOUR_SECONDS
MOST_DAYS = 400
"""Of more days, a night takes less than two pixels."""
SATURDAY, SUNDAY = 5, 6
THURSDAY = 3
"""Weekday of the day from which NumPy counts."""


def build_dates_axis(*dates: np.ndarray) -> dict[str, Any]:
    """Return an axis for what happens at some dates; none of them is left out.

    Nights and weekends without a bar are left out, as charts of traders do: a line across them
    would be twice as long as the session. Days without a bar in between stay.

    Parameters
    ----------
    *dates : numpy.ndarray
        All that is drawn, as wall clocks show it.

    Returns
    -------
    dict
        Of Plotly.
    """
    moments = np.unique(np.concatenate([each.astype("datetime64[s]") for each in dates]))
    days = moments.astype("datetime64[D]")
    seconds = (moments - days).astype(np.int64)
    axis: dict[str, Any] = {"type": "date"}
    if not moments.size or not seconds.any() or not 0 < np.ptp(days.astype(int)) <= MOST_DAYS:
        return axis
    night = _find_night(np.unique(seconds), int(np.diff(moments.astype(np.int64)).min()))
    if night is None:
        return axis
    breaks: list[dict[str, Any]] = [{"bounds": night, "pattern": "hour"}]
    weekdays = (days.astype(np.int64) + THURSDAY) % 7
    if not np.isin(weekdays, (SATURDAY, SUNDAY)).any():
        breaks.append({"bounds": ["sat", "mon"]})
    return axis | {"rangebreaks": breaks}


def _find_night(seconds: np.ndarray, bar_seconds: int) -> list[float] | None:
    """Return the hours of the day between which there is never a bar, the longest ones.

    Parameters
    ----------
    seconds : numpy.ndarray
        Of the day, at which there are bars, in order.
    bar_seconds : int
        Time between two bars, which the last one before the night takes.

    Returns
    -------
    list of float or None
        First and last hour, the first larger where midnight is between; None where it is short.
    """
    waits = np.diff(seconds, append=seconds[0] + DAY_SECONDS)
    place = int(waits.argmax())
    if waits[place] - bar_seconds < LEAST_NIGHT_SECONDS:
        return None
    first = int(seconds[place]) + bar_seconds
    last = int(seconds[(place + 1) % seconds.size])
    return [first % DAY_SECONDS / HOUR_SECONDS, last / HOUR_SECONDS]
