"""Moving averages of a price series, one row per window.

Each is right to a few units in the last place however long the series is: sums and exponential
averages carry their rounding error in a second word. Plain recurrences drift by about 1e-13 per
1,000 bars, and drift is what turns ties into phantom crosses. All are NaN until ``window`` bars
exist, or longer where ``moving_averages`` says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qmac.kernels.compiler.jit import inlined, jit

SPLITTER = 2.0**27 + 1.0
"""Splits a float64 into two halves, whose products with a window are exact."""


def moving_averages(kind: str, prices: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the moving averages of ``prices``, by the name of their kind.

    Parameters
    ----------
    kind : str
        Key of ``KINDS``, the same as in ``strategy/averages.py``.
    prices : ndarray
        ``(T,)`` closes.
    windows : ndarray
        ``(W,)`` int64, window lengths in bars.

    Returns
    -------
    ndarray
        ``(W, T)``.

    Notes
    -----
    - sma: mean of the last ``window`` prices
    - ema: ``e[t] = e[t-1] + a * (p[t] - e[t-1])`` from ``e[0] = p[0]``, ``a = 2 / (window + 1)``;
      pandas' ``ewm(span=window, adjust=False, min_periods=window).mean()``
    - rma: the same with ``a = 1 / window`` (Wilder 1978); pandas'
      ``ewm(alpha=1 / window, adjust=False, ...)``
    - dema: ``2 * ema - ema(ema)`` (Mulloy 1994), the inner averages from the first bar on
    - tema: ``3 * ema - 3 * ema(ema) + ema(ema(ema))`` (Mulloy 1994)
    - wma: weights 1, 2, ... ``window``, the newest the heaviest; TA-Lib's WMA
    - hma: ``wma(2 * wma(window // 2) - wma(window), isqrt(window))`` (Hull 2005); NaN for
      ``isqrt(window) - 1`` bars more
    """
    return KINDS[kind](prices, windows)


@inlined
def two_sum(high, low, value):
    """Add a value to a sum of two words.

    Parameters
    ----------
    high, low : float
        Rounded sum, and what rounding left out.
    value : float
        What is added.

    Returns
    -------
    tuple of float
        The new sum: rounded, and what rounding left out.
    """
    total = high + value
    part = total - high
    low = low + ((high - (total - part)) + (value - part))
    rounded = total + low
    return rounded, low - (rounded - total)


@jit
def sma(prices, windows):
    """Return simple moving averages: differences of prefix sums.

    Parameters
    ----------
    prices, windows : ndarray
        ``(T,)`` and ``(W,)``.

    Returns
    -------
    ndarray
        ``(W, T)``.
    """
    length = prices.size
    high = np.zeros(length + 1)
    low = np.zeros(length + 1)
    for t in range(length):
        high[t + 1], low[t + 1] = two_sum(high[t], low[t], prices[t])
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        window = windows[i]
        for t in range(window - 1, length):
            high_sum = high[t + 1] - high[t + 1 - window]
            low_sum = low[t + 1] - low[t + 1 - window]
            out[i, t] = (high_sum + low_sum) / window
    return out


@jit
def wma(prices, windows):
    """Return linearly weighted moving averages.

    Each bar adds ``window`` times itself and takes away the sum before.

    Parameters
    ----------
    prices, windows : ndarray
        ``(T,)`` and ``(W,)``.

    Returns
    -------
    ndarray
        ``(W, T)``.
    """
    length = prices.size
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        window = windows[i]
        total, total_low, weighted, weighted_low = 0.0, 0.0, 0.0, 0.0
        for t in range(length):
            wide = SPLITTER * prices[t]
            upper = wide - (wide - prices[t])
            lower = prices[t] - upper
            weighted, weighted_low = two_sum(weighted, weighted_low, window * upper)
            weighted, weighted_low = two_sum(weighted, weighted_low, window * lower)
            if t >= window:
                weighted, weighted_low = two_sum(weighted, weighted_low, -total)
                weighted, weighted_low = two_sum(weighted, weighted_low, -total_low)
                total, total_low = two_sum(total, total_low, -prices[t - window])
            else:
                short = window - 1 - t  # the first window fills up: bar t has weight t + 1
                weighted, weighted_low = two_sum(weighted, weighted_low, -short * upper)
                weighted, weighted_low = two_sum(weighted, weighted_low, -short * lower)
            total, total_low = two_sum(total, total_low, prices[t])
            if t >= window - 1:
                out[i, t] = weighted / (window * (window + 1) // 2)
    return out


def hma(prices: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return Hull moving averages.

    Parameters
    ----------
    prices, windows : ndarray
        ``(T,)`` and ``(W,)``.

    Returns
    -------
    ndarray
        ``(W, T)``.
    """
    out = np.full((windows.size, prices.size), np.nan)
    for i, window in enumerate(windows.tolist()):
        half_window, root_window = max(window // 2, 1), int(window**0.5)
        half, full = wma(prices, np.array([half_window, window]))
        defined = slice(window - 1, None)
        ahead = 2.0 * half[defined] - full[defined]
        out[i, defined] = wma(ahead, np.array([root_window]))[0]
    return out


@jit
def exponential(prices, windows, shares, order):
    """Return exponential averages of the first, second (dema) or third (tema) order.

    Parameters
    ----------
    prices, windows : ndarray
        ``(T,)`` and ``(W,)``.
    shares : ndarray
        ``(W,)``, by how much an average moves towards each price.
    order : int
        1, 2 or 3.

    Returns
    -------
    ndarray
        ``(W, T)``.
    """
    length = prices.size
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        share = shares[i]
        once, once_low = prices[0], 0.0
        twice, twice_low = prices[0], 0.0
        thrice, thrice_low = prices[0], 0.0
        for t in range(length):
            move = share * ((prices[t] - once) - once_low)
            once, once_low = two_sum(once, once_low, move)
            value = once
            if order > 1:
                move = share * ((once - twice) - twice_low)
                twice, twice_low = two_sum(twice, twice_low, move)
                value = 2.0 * once - twice
            if order > 2:
                move = share * ((twice - thrice) - thrice_low)
                thrice, thrice_low = two_sum(thrice, thrice_low, move)
                value = 3.0 * once - 3.0 * twice + thrice
            if t >= windows[i] - 1:
                out[i, t] = value
    return out


def _by_span(order: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Exponential averages that move by ``2 / (window + 1)``."""
    return lambda prices, windows: exponential(prices, windows, 2.0 / (windows + 1.0), order)


KINDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "sma": sma,
    "ema": _by_span(1),
    "rma": lambda prices, windows: exponential(prices, windows, 1.0 / windows, 1),
    "dema": _by_span(2),
    "tema": _by_span(3),
    "wma": wma,
    "hma": hma,
}
"""Functions of prices ``(T,)`` and windows ``(W,)``, by the name of the average."""
