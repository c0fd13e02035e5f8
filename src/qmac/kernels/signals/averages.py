"""Moving averages of a price series, one row per window.

Each is right to a few units in the last place however long the series is: sums and exponential averages
carry their rounding error in a second word. Plain recurrences drift by about 1e-13 per 1,000 bars, and
drift is what turns ties into phantom crosses. All are NaN until ``window`` bars exist, or longer where said.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qmac.kernels.compiler.jit import inlined, jit

SPLITTER = 2.0**27 + 1.0


def moving_averages(kind: str, prices: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Averages ``(W, T)`` of ``prices (T,)`` for ``windows (W,)``, by the name of their kind.

    - sma: mean of the last ``window`` prices
    - ema: ``e[t] = e[t-1] + a * (p[t] - e[t-1])`` from ``e[0] = p[0]``, ``a = 2 / (window + 1)``; pandas'
      ``ewm(span=window, adjust=False, min_periods=window).mean()``
    - rma: the same with ``a = 1 / window`` (Wilder 1978); pandas' ``ewm(alpha=1 / window, adjust=False, ...)``
    - dema: ``2 * ema - ema(ema)`` (Mulloy 1994), the inner averages from the first bar on
    - tema: ``3 * ema - 3 * ema(ema) + ema(ema(ema))`` (Mulloy 1994)
    - wma: weights 1, 2, ... ``window``, the newest the heaviest; TA-Lib's WMA
    - hma: ``wma(2 * wma(window // 2) - wma(window), isqrt(window))`` (Hull 2005); NaN for ``isqrt(window) - 1``
      bars more
    """
    weighted: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "sma": sma,
        "wma": wma,
        "hma": hma,
    }
    if kind in weighted:
        return weighted[kind](prices, windows)
    share = 1.0 / windows if kind == "rma" else 2.0 / (windows + 1.0)
    rows: np.ndarray = exponential(
        prices, windows, share, {"rma": 1, "ema": 1, "dema": 2, "tema": 3}[kind]
    )
    return rows


@inlined
def two_sum(high, low, value):
    """``high + low + value`` as a rounded sum and what rounding left out."""
    total = high + value
    part = total - high
    low = low + ((high - (total - part)) + (value - part))
    rounded = total + low
    return rounded, low - (rounded - total)


@jit
def sma(prices, windows):
    """Simple moving averages: differences of prefix sums."""
    length = prices.size
    high = np.zeros(length + 1)
    low = np.zeros(length + 1)
    for t in range(length):
        high[t + 1], low[t + 1] = two_sum(high[t], low[t], prices[t])
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        window = windows[i]
        for t in range(window - 1, length):
            out[i, t] = (
                (high[t + 1] - high[t + 1 - window]) + (low[t + 1] - low[t + 1 - window])
            ) / window
    return out


@jit
def wma(prices, windows):
    """Linearly weighted moving averages: each bar adds ``window`` times itself and takes away the sum before."""
    length = prices.size
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        window = windows[i]
        total, total_low, weighted, weighted_low = 0.0, 0.0, 0.0, 0.0
        for t in range(length):
            wide = SPLITTER * prices[t]  # in two halves, whose products with a window are exact
            upper = wide - (wide - prices[t])
            weighted, weighted_low = two_sum(weighted, weighted_low, window * upper)
            weighted, weighted_low = two_sum(weighted, weighted_low, window * (prices[t] - upper))
            if t >= window:
                weighted, weighted_low = two_sum(weighted, weighted_low, -total)
                weighted, weighted_low = two_sum(weighted, weighted_low, -total_low)
                total, total_low = two_sum(total, total_low, -prices[t - window])
            else:
                short = window - 1 - t  # the first window fills up: bar t has weight t + 1
                weighted, weighted_low = two_sum(weighted, weighted_low, -short * upper)
                weighted, weighted_low = two_sum(
                    weighted, weighted_low, -short * (prices[t] - upper)
                )
            total, total_low = two_sum(total, total_low, prices[t])
            if t >= window - 1:
                out[i, t] = weighted / (window * (window + 1) // 2)
    return out


def hma(prices: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Hull moving averages."""
    out = np.full((windows.size, prices.size), np.nan)
    for row, window in zip(out, windows.tolist(), strict=True):
        half, full = wma(prices, np.array([max(window // 2, 1), window]))
        ahead = 2.0 * half[window - 1 :] - full[window - 1 :]
        row[window - 1 :] = wma(ahead, np.array([int(window**0.5)]))[0]
    return out


@jit
def exponential(prices, windows, shares, order):
    """Exponential averages of the first, second (dema) or third (tema) order."""
    length = prices.size
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        share = shares[i]
        once, once_low = prices[0], 0.0
        twice, twice_low = prices[0], 0.0
        thrice, thrice_low = prices[0], 0.0
        for t in range(length):
            once, once_low = two_sum(once, once_low, share * ((prices[t] - once) - once_low))
            value = once
            if order > 1:
                twice, twice_low = two_sum(twice, twice_low, share * ((once - twice) - twice_low))
                value = 2.0 * once - twice
            if order > 2:
                thrice, thrice_low = two_sum(
                    thrice, thrice_low, share * ((twice - thrice) - thrice_low)
                )
                value = 3.0 * once - 3.0 * twice + thrice
            if t >= windows[i] - 1:
                out[i, t] = value
    return out
