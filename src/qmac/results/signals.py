"""Today's signal of a combination that a search has found, on its prices or on later ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.backtest.batch import distinct_windows
from qmac.engine.backtest.signal import Signal, find_signal
from qmac.engine.dataset.series import Series
from qmac.errors import PricesError
from qmac.strategy.formatting import plural
from qmac.strategy.grid import Combination
from qmac.strategy.rules import Rules

SAME_CLOSE = 1e-9
"""Closes that differ by less, as a share, are the same: files are rounded."""


def find_later_signal(
    series: Series, combination: Combination, rules: Rules, swept: Mapping[str, Any], before: Any
) -> Signal:
    """Return the signal at the last bar of a series, whatever the last one of the search was.

    Parameters
    ----------
    series : Series
        The prices of the search, or the same with more bars.
    combination : tuple of int
        Checked windows.
    rules : Rules
        Rules of the search; their ``end`` is left out, for a signal is of the last bar.
    swept : mapping
        ``Result.prices``: the last bar of the search.
    before : Prices or None
        Prices of the search, where they differ from those of ``series`` and are at hand.

    Returns
    -------
    Signal
        Its notes say which bars are new, and whether older ones have changed.
    """
    windows = distinct_windows(np.array(combination))
    prepared = series.prepare(windows, replace(rules, end=None))
    signal = find_signal(prepared, combination)
    notes = [_describe_new_bars(series.prices, swept), _describe_changes(series.prices, before)]
    return replace(signal, notes=tuple(note for note in notes if note))


def _describe_new_bars(prices: Prices, swept: Mapping[str, Any]) -> str:
    """Return how many bars the search did not see, or that there are fewer than it saw."""
    _check_zones(prices, str(swept["last"]))
    last = prices.moment(str(swept["last"]))
    day = str(swept["last"])[:10]
    if prices.index[-1] < last:
        return (
            f"these prices end at {str(prices.index[-1])[:10]}, before the last bar of the search, "
            f"{day}."
        )
    new = int((prices.index > last).sum())
    if not new:
        return ""
    return f"{new:,} {plural(new, 'bar')} after {day} are new: the search did not see them."


def _check_zones(prices: Prices, last: str) -> None:
    """Refuse dates without a time zone after those of a search that have one."""
    zone = pd.Timestamp(last).tz
    if zone is not None and prices.index.tz is None:
        raise PricesError(
            f"the dates of {prices.name} have no time zone, but those of the search have one, such "
            f"as {last}. Name that of these prices: --timezone America/New_York, or "
            "ReadOptions(timezone=...)."
        )


def _describe_changes(prices: Prices, before: Prices | None) -> str:
    """Return how many closes are others than the search saw."""
    if before is None or before is prices or before.index.tz != prices.index.tz:
        return ""
    _, old, new = np.intersect1d(before.index, prices.index, return_indices=True)
    closes, earlier = prices.close[new], before.close[old]
    changed = int((np.abs(closes - earlier) > SAME_CLOSE * earlier).sum())
    missing = len(before) - old.size
    if not changed and not missing:
        return ""
    return (
        f"{changed:,} of the {len(before):,} closes of the search are others in these prices, and "
        f"{missing:,} are missing (adjusted since?): the best combination may be another one now."
    )
