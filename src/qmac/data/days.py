"""Whether dates are days: one bar a day, at midnight or at another time of the clock."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY_SECONDS = 86_400


def _read_clock(dates: pd.DatetimeIndex) -> np.ndarray:
    """Return the seconds of the clock that dates show, ``(T,)``."""
    local = dates if dates.tz is None else dates.tz_localize(None)
    return local.as_unit("s").asi8


def are_days(dates: pd.DatetimeIndex) -> bool:
    """Return whether every date is a midnight of its clock.

    Parameters
    ----------
    dates : DatetimeIndex
        ``(T,)``.

    Returns
    -------
    bool
        True for none.
    """
    return not (_read_clock(dates) % DAY_SECONDS).any()


def are_daily(dates: pd.DatetimeIndex) -> bool:
    """Return whether there is one bar a day, all at the same time of the clock.

    Parameters
    ----------
    dates : DatetimeIndex
        ``(T,)``, at least one.

    Returns
    -------
    bool
        True for days, and for bars at 16:00 of each.
    """
    clock = _read_clock(dates)
    times = clock % DAY_SECONDS
    return bool((times == times[0]).all()) and np.unique(clock).size == clock.size
