"""The backtester that qmac replaces, re-created from a description of what it computes.

It is measured against, and shows that qmac computes the same numbers from the same averages. One
call scores one combination: four averages, then a scan of the bars.
"""

from __future__ import annotations

import numba
import numpy as np

import qmac

ROUND_TRIP, STILL_OPEN = 0.995, 0.9975
RULES = qmac.Rules(conflict="opposite")


@numba.njit(cache=True)
def stale_averages(prices, window):
    """The original's rolling sum.

    It starts with the first ``window`` prices and then adds ``prices[window - 1]`` a second time,
    so one stale price stays in every later sum. The last index is never written.
    """
    out = np.zeros(prices.size)
    total = 0.0
    for i in range(window):
        total += prices[i]
    for i in range(window, prices.size):
        total += prices[i - 1] - prices[i - window]
        out[i - 1] = total / window
    return out


@numba.njit(cache=True)
def score(prices, buy_fast, buy_slow, sell_fast, sell_slow, window_size):
    """Sum of the simple returns of the trades, costs included."""
    if prices.size < window_size + 1:
        return 0.0
    bf, bs = stale_averages(prices, buy_fast), stale_averages(prices, buy_slow)
    sf, ss = stale_averages(prices, sell_fast), stale_averages(prices, sell_slow)
    total, entry, holding = 0.0, 0.0, False
    for i in range(window_size + 1, prices.size):
        if not holding:
            if bf[i - 2] <= bs[i - 2] and bf[i - 1] > bs[i - 1]:
                entry, holding = prices[i - 1], True
        elif sf[i - 2] >= ss[i - 2] and sf[i - 1] < ss[i - 1]:
            total += prices[i - 1] / entry * ROUND_TRIP - 1
            holding = False
    if holding:
        total += prices[-1] / entry * STILL_OPEN - 1
    return total


@numba.njit(cache=True, nogil=True)
def score_all(prices, combinations, window_size):
    """Scores ``(N,)`` of combinations ``(N, 4)``."""
    out = np.empty(combinations.shape[0])
    for n in range(out.size):
        a, b, c, d = combinations[n]
        out[n] = score(prices, a, b, c, d, window_size)
    return out


def as_dataset(prices, grid):
    """What the original computes, as a qmac Dataset: its averages, its costs, its first bar.

    Its score is then ``simple_return``: the engine is not changed for it.
    """
    close = np.asarray(prices, np.float64)
    averages = np.array([stale_averages(close, window) for window in grid.windows])
    averages[:, -1] = np.nan  # never written, never looked at
    for row, window in zip(averages, grid.windows, strict=True):
        row[: window - 1] = np.nan
    return dataset_of(averages, close, grid, tie=0.0)


def dataset_of(averages, close, grid, tie):
    """Any averages under the original's costs; it trades from its largest window on."""
    from qmac.engine.dataset.dataset import Dataset, TradeData
    from qmac.engine.dataset.period import Period
    from qmac.engine.dataset.trade_values import build_facts
    from qmac.kernels.trades.exit_tables import Ends, ReturnSums, TradeValues

    first = grid.windows[-1] - 1
    bars = np.array(close[first:], np.float64)  # writable, as of a kernel that qmac compiles, too
    period = Period(first, 1, bars, bars, bars, bars, bars)
    prices = Ends(bars, bars * ROUND_TRIP, float(bars[-1] * STILL_OPEN), bars)
    values = TradeValues(ReturnSums(None, None, None, None, None), prices, None)
    trades = TradeData(values, None, build_facts(period, RULES, 252.0))
    return Dataset.from_averages(averages, grid, period, trades, tie=tie)


def build_spec(grid, top):
    """What the original ranks by."""
    from qmac.engine.sweep.spec import SweepSpec
    from qmac.strategy.objective import Objective

    return SweepSpec(
        RULES, Objective("simple_return", maximize=True, years=1.0), grid.shared_windows, top, {}
    )
