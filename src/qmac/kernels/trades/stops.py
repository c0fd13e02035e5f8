"""Where a position ends by itself: stop loss, trailing stop, take profit, maximum holding time."""

from __future__ import annotations

import numpy as np

from qmac.kernels.compiler.jit import jit

SPAN = 64
"""Bars that are passed over at once where none can trigger: wide stops on long series."""


@jit
def find_stops(price, opens, highs, lows, stop_loss, trailing_stop, take_profit, max_bars):
    """Find the bar and price at which a position opened at each bar ends by itself.

    Stops are looked at from the bar after the entry on. A bar that opens beyond a stop fills at its
    open. If a stop below and one above are both reached within a bar, the one below comes first;
    the highest high counts for the trailing stop from the next bar on.

    Parameters
    ----------
    price : ndarray
        ``(T,)`` price of a fill at each bar, before slippage.
    opens, highs, lows : ndarray
        ``(T,)`` the bars.
    stop_loss, trailing_stop : float
        Distances as fractions of the entry price and of the highest high; 1 switches them off.
    take_profit : float
        As a fraction of the entry price; inf switches it off.
    max_bars : int
        Longest holding time; T switches it off.

    Returns
    -------
    bars : ndarray
        ``(T,)`` int64, by the bar of the entry; T where nothing ends the position.
    prices : ndarray
        ``(T,)``; NaN where nothing or the holding time ends it.
    """
    length = price.size
    bars = np.full(length, length)
    prices = np.full(length, np.nan)
    spans = (length + SPAN - 1) // SPAN
    highest = np.empty(spans)
    lowest = np.empty(spans)
    for k in range(spans):
        highest[k] = highs[k * SPAN : (k + 1) * SPAN].max()
        lowest[k] = lows[k * SPAN : (k + 1) * SPAN].min()
    for entry in range(length):
        peak = price[entry]
        target = price[entry] * (1.0 + take_profit)
        floor = price[entry] * (1.0 - stop_loss)
        last = min(entry + max_bars, length - 1)
        t = entry + 1
        while t <= last:
            level = max(floor, peak * (1.0 - trailing_stop))
            if t % SPAN == 0 and t + SPAN <= last:
                k = t // SPAN
                if lowest[k] > level and highest[k] < target and highest[k] <= peak:
                    t += SPAN
                    continue
            if opens[t] <= level:
                bars[entry], prices[entry] = t, opens[t]
            elif lows[t] <= level <= highs[t]:
                bars[entry], prices[entry] = t, level
            elif opens[t] >= target:
                bars[entry], prices[entry] = t, opens[t]
            elif lows[t] <= target <= highs[t]:
                bars[entry], prices[entry] = t, target
            elif t == entry + max_bars:
                bars[entry] = t
            if bars[entry] < length:
                break
            peak = max(peak, highs[t])
            t += 1
    return bars, prices


@jit
def find_excursions(levels, bars):
    """Find the extremes of the closes from each bar to before the one where its position ends.

    Parameters
    ----------
    levels : ndarray
        ``(T,)`` logarithms of the closes.
    bars : ndarray
        ``(T,)`` bar of the end, by the bar of the entry; T for never, whose extremes are not used.

    Returns
    -------
    lowest, highest, fall : ndarray
        ``(T,)`` each; the fall is the deepest from an earlier close to a later one, 0 or negative.
    """
    lowest = levels.copy()
    highest = levels.copy()
    fall = np.zeros(levels.size)
    for t in range(levels.size):
        if bars[t] < levels.size:
            for s in range(t + 1, bars[t]):
                fall[t] = min(fall[t], levels[s] - highest[t])
                lowest[t] = min(lowest[t], levels[s])
                highest[t] = max(highest[t], levels[s])
    return lowest, highest, fall
