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


def fill_delay(rules: Rules) -> int:
    """Bars from a signal to its fill."""
    return int(rules.fill == "next_open")


def periods_per_year(prices: Prices, rules: Rules) -> float:
    """``rules.periods_per_year``, or what the dates say."""
    return rules.periods_per_year or prices.periods_per_year


def build_period(prices: Prices, rules: Rules, windows: tuple[int, ...]) -> Period:
    """Bars from ``rules.start`` to ``rules.end``. Kernels need one bar before the first that may trade."""
    stop = len(prices) if rules.end is None else bar_after(prices, str(rules.end))
    if stop <= windows[-1]:
        until = "" if rules.end is None else f" up to {rules.end}"
        raise PricesError(
            f"{prices.name} has {stop} bars{until}, but window {windows[-1]} needs at least {windows[-1] + 1}. "
            "Give more history, or smaller windows."
        )
    start = 0 if rules.start is None else first_bar(prices, str(rules.start))
    if start >= stop:
        raise PricesError(
            f"{prices.name} has no bar between start {rules.start} and end {rules.end}. Give a later end."
        )
    first = max(start - 1, 0)
    bars = slice(first, stop)
    close, opens = prices.close, prices.column("Open")
    if rules.fill == "next_open" and opens is None:
        raise PricesError(
            f'fill="next_open" fills at the next bar\'s open, but {prices.name} has no Open column. '
            'Give one, or use fill="close".'
        )
    highs, lows = prices.column("High"), prices.column("Low")
    if rules.has_stops or rules.fill == "next_open":
        _check_bars(prices, opens, highs, lows)
    opens = close if opens is None else opens
    return Period(
        first=first,
        start=start - first,
        close=close[bars],
        fill=(opens if rules.fill == "next_open" else close)[bars],
        opens=opens[bars],
        highs=(np.maximum(opens, close) if highs is None else highs)[bars],
        lows=(np.minimum(opens, close) if lows is None else lows)[bars],
    )


def _check_bars(prices: Prices, opens: Any, highs: Any, lows: Any) -> None:
    """Stops and opens need bars of one piece: low <= open, close <= high."""
    for name, values in (("Close", prices.close), ("Open", opens)):
        for bound, limits, sign in (("High", highs, 1), ("Low", lows, -1)):
            if values is None or limits is None:
                continue
            bad = np.flatnonzero(sign * (values - limits) > BAR_TOLERANCE * values)
            if bad.size:
                row = int(bad[0])
                raise PricesError(
                    f"{prices.name}: {name} is {values[row]:g} but {bound} is {limits[row]:g} in row {row + 1} "
                    f"({prices.index[row]}), {bad.size} rows in all. An adjusted close beside unadjusted prices? "
                    "Adjust all four alike, or leave Open, High and Low out."
                )


def first_bar(prices: Prices, start: str) -> int:
    """Number of the first bar that is not before ``start``."""
    bar = int(prices.index.searchsorted(prices.moment(start)))
    if bar >= len(prices):
        raise PricesError(
            f"start is {start}, but {prices.name} ends at {prices.index[-1]}. Give an earlier start."
        )
    return bar


def bar_after(prices: Prices, end: str) -> int:
    """Number of the first bar after ``end``; a date without a time means all of that day."""
    if len(end) <= len("2010-01-04"):
        following = pd.Timestamp(end) + pd.Timedelta(
            days=1
        )  # before a time zone makes days of 23 hours
        bar = int(prices.index.searchsorted(prices.moment(following.isoformat())))
    else:
        bar = int(prices.index.searchsorted(prices.moment(end), side="right"))
    if bar == 0:
        raise PricesError(
            f"end is {end}, but {prices.name} begins at {prices.index[0]}. Give a later end."
        )
    return bar


@dataclass(frozen=True)
class Period:
    """The bars of a trading period, and one before it where there is one; bar numbers count from ``first``."""

    first: int  # number of bar 0 in the whole series
    start: int  # first bar that may trade: 0, or 1 where a bar of warm-up leads
    close: np.ndarray  # (T,) float64
    fill: np.ndarray  # (T,) price at which a bar's orders are filled, before costs
    opens: np.ndarray  # (T,) what stops look at; Open, High and Low, as far as they are known
    highs: np.ndarray
    lows: np.ndarray

    @property
    def bars(self) -> int:
        """Number of bars that may trade."""
        return int(self.close.size - self.start)


def code_dtype(bars: int) -> type[np.unsignedinteger[Any]]:
    """The smallest type for codes of the exit tables, and of stops: up to ``2 * bars + 2``."""
    return np.uint16 if 2 * bars + 2 < 2**16 else np.uint32
