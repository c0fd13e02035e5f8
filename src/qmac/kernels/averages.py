"""Moving averages of a price series, one row per window."""

from __future__ import annotations

import numpy as np

from qmac.kernels._jit import jit


@jit
def sma(prices: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Simple moving averages ``(W, T)`` of ``prices (T,)``; NaN until ``window`` bars exist.

    Windows are differences of prefix sums that carry their rounding error in a second word, so each
    average is right to about one unit in the last place however long the series is. A running sum
    instead drifts by ~1e-13 per 1,000 bars, and drift is what turns ties into phantom crosses.
    """
    length = prices.size
    high = np.zeros(length + 1)
    low = np.zeros(length + 1)
    for t in range(length):
        total = high[t] + prices[t]
        part = total - high[t]
        low[t + 1] = low[t] + ((high[t] - (total - part)) + (prices[t] - part))
        high[t + 1] = total
    out = np.full((windows.size, length), np.nan)
    for i in range(windows.size):
        window = windows[i]
        for t in range(window - 1, length):
            out[i, t] = ((high[t + 1] - high[t + 1 - window]) + (low[t + 1] - low[t + 1 - window])) / window
    return out
