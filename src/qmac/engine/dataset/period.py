"""The bars that may trade: from the start to the end of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.errors import PricesError
from qmac.strategy.rules import Rules

BAR_TOLERANCE = 1e-3
"""How far, as a share, a close or open may lie outside its bar: vendors round the four apart."""
LAST_DAY = "9999-12-31"
"""No date is after it."""


@dataclass(frozen=True)
class Period:
    """The bars of a trading period, and one before it where there is one.

    Bar numbers count from ``first``; ``T`` is the number of all bars.
    """

    first: int
    """Number of bar 0 in the whole series."""
    start: int
    """First bar that may trade: 0, or 1 where a bar of warm-up leads."""
    close: np.ndarray
    """``(T,)`` float64."""
    fill: np.ndarray
    """Price at which the orders of a bar are filled, before costs, ``(T,)``."""
    opens: np.ndarray
    """What stops look at, ``(T,)``; Open, High and Low as far as they are known."""
    highs: np.ndarray
    lows: np.ndarray
    delay: int = 0
    """Bars from a signal to its fill."""
    counts_from: int = 0
    """First bar whose return counts; a position that is open before it is carried in. Bars before
    ``start`` never count."""

    @property
    def is_carried_in(self) -> bool:
        """Whether bars that may trade do not count."""
        return self.counts_from > self.start

    @property
    def bars(self) -> int:
        """Number of bars that count: all that may trade, unless positions are carried in."""
        return int(self.close.size - max(self.start, self.counts_from))


def build_period(prices: Prices, rules: Rules, windows: tuple[int, ...]) -> Period:
    """Return the bars from ``rules.start`` to ``rules.end``, and one before where there is one.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    rules : Rules
        Dates, fills and stops.
    windows : tuple of int
        Window lengths in bars, ascending.

    Returns
    -------
    Period
        Views of the prices, but for columns that are missing.

    Raises
    ------
    PricesError
        If there are too few bars, or the rules need columns that are missing or inconsistent.
    """
    first, stop = _period_bounds(prices, rules, windows)
    before = max(first - 1, 0)  # kernels need one bar before the first that may trade
    close, opens = prices.close, prices.column("Open")
    highs, lows = prices.column("High"), prices.column("Low")
    fills_at_open = rules.fill == "next_open"
    if fills_at_open and opens is None:
        raise PricesError(_describe_missing_open(prices))
    if rules.has_stops:
        _check_left_out(prices)
    if rules.has_stops or fills_at_open:
        _check_bars(prices, opens, highs, lows)
    opens = close if opens is None else opens
    highs = np.maximum(opens, close) if highs is None else highs
    lows = np.minimum(opens, close) if lows is None else lows
    fill = opens if fills_at_open else close
    bars = slice(before, stop)
    return Period(
        first=before,
        start=first - before,
        close=close[bars],
        fill=fill[bars],
        opens=opens[bars],
        highs=highs[bars],
        lows=lows[bars],
        delay=int(fills_at_open),
    )


def _describe_missing_open(prices: Prices) -> str:
    reason = prices.origin.left_out.get("Open")
    if reason is not None:
        return (
            f'fill="next_open" fills at the next bar\'s open, but Open was left out: {reason} '
            'Or use fill="close".'
        )
    return (
        f'fill="next_open" fills at the next bar\'s open, but {prices.name} has no Open '
        'column. Add one, or use fill="close".'
    )


def _check_left_out(prices: Prices) -> None:
    """Refuse stops where a column was left out: without one they would look at closes instead."""
    for name in ("Open", "High", "Low"):
        if prices.column(name) is None and name in prices.origin.left_out:
            raise PricesError(
                f"stops look at {name}, but it was left out: {prices.origin.left_out[name]} Or use "
                "prices without this column, whose stops look at the others."
            )


def _period_bounds(prices: Prices, rules: Rules, windows: tuple[int, ...]) -> tuple[int, int]:
    """Return the numbers of the first bar that may trade and of the bar after the last."""
    stop = len(prices) if rules.end is None else bar_after(prices, str(rules.end))
    longest = windows[-1]
    if stop <= longest:
        until = "" if rules.end is None else f" up to {rules.end}"
        raise PricesError(
            f"{prices.name} has {stop} bars{until}, but window {longest} needs at least "
            f"{longest + 1}. Add history, or use smaller windows."
        )
    first = 0 if rules.start is None else first_bar(prices, str(rules.start))
    if first >= stop:
        raise PricesError(
            f"{prices.name} has no bar between start {rules.start} and end {rules.end}. "
            "Use a later end."
        )
    return first, stop


def _check_bars(prices: Prices, opens: Any, highs: Any, lows: Any) -> None:
    """Raise unless low <= open, close <= high in every bar; stops and opens depend on it."""
    for name, values in (("Close", prices.close), ("Open", opens)):
        if values is None:
            continue
        slack = BAR_TOLERANCE * values
        for bound, limits, sign in (("High", highs, 1), ("Low", lows, -1)):
            if limits is None:
                continue
            bad = np.flatnonzero(sign * (values - limits) > slack)
            if bad.size:
                row = int(bad[0])
                raise PricesError(
                    f"{prices.name}: {name} is {values[row]:g} but {bound} is {limits[row]:g} in "
                    f"row {row + 1} ({prices.index[row]}), {bad.size} rows in all. An adjusted "
                    "close beside unadjusted prices? Adjust all four alike, or leave Open, High "
                    "and Low out."
                )


def first_bar(prices: Prices, start: str) -> int:
    """Return the number of the first bar that is not before ``start``.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    start : str
        A date, or a date and a time.

    Returns
    -------
    int
        Counted from 0.

    Raises
    ------
    PricesError
        If every bar is before it.
    """
    bar = int(prices.index.searchsorted(prices.moment(start)))
    if bar >= len(prices):
        raise PricesError(
            f"start is {start}, but {prices.name} ends at {prices.index[-1]}. Use an earlier start."
        )
    return bar


def bar_after(prices: Prices, end: str) -> int:
    """Return the number of the first bar after ``end``.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    end : str
        A date and a time; a date alone means all of that day.

    Returns
    -------
    int
        Counted from 0; the number of bars if none is after it.

    Raises
    ------
    PricesError
        If every bar is after it.
    """
    if end == LAST_DAY:
        return len(prices)
    if len(end) <= len("2010-01-04"):
        # a day later before the time zone is added, which makes days of 23 hours
        next_day = pd.Timestamp(end) + pd.Timedelta(days=1)
        bar = int(prices.index.searchsorted(prices.moment(next_day.isoformat())))
    else:
        bar = int(prices.index.searchsorted(prices.moment(end), side="right"))
    if bar == 0:
        raise PricesError(
            f"end is {end}, but {prices.name} begins at {prices.index[0]}. Use a later end."
        )
    return bar


def periods_per_year(prices: Prices, rules: Rules) -> float:
    """Return ``rules.periods_per_year``, or what the dates of the prices say.

    Returns
    -------
    float
        Bars a year.
    """
    return rules.periods_per_year or prices.periods_per_year


def code_dtype(bars: int) -> type[np.unsignedinteger[Any]]:
    """Return the smallest type for codes of exit tables and stops, up to ``2 * bars + 2``.

    Returns
    -------
    type
        ``np.uint16`` or ``np.uint32``.
    """
    return np.uint16 if 2 * bars + 2 < 2**16 else np.uint32
