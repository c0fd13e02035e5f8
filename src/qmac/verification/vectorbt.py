"""The second check: vectorbt, where it is installed, on the same signals.

Nothing else of qmac imports it. Metrics that it defines otherwise are left out (docs/metrics.md,
"Where vectorbt differs").
"""

from __future__ import annotations

import functools
import math
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from qmac.errors import warn
from qmac.strategy.metrics import METRICS, Metric
from qmac.strategy.rules import Rules

OVER_THE_PRICE = ("simple_return", "best_trade", "worst_trade")
"""Returns of trades: vectorbt's are over the price, ours over price and fees."""
WITHOUT_VARIANCE = {
    "sharpe_ratio": math.inf,
    "sortino_ratio": math.inf,
    "omega_ratio": math.inf,
    "annualized_volatility": 0.0,
}
"""Magnitudes of vectorbt's metrics where nothing varies and ours are undefined."""
YEAR_NANOSECONDS = 9e18
"""Length of a year of many bars. Pandas' Timedelta holds little more, and the more nanoseconds a
bar has, the nearer is their whole number to the exact length."""
LONGEST_BAR_NANOSECONDS = 9e15
"""Length of a bar, where a year has few."""
CASH_BITS, MOST_CASH_BITS = 332, 1000
"""Cash for each unit of the highest price, and in all, as powers of two, which change no other bit.

vectorbt takes less than 1e-12 of cash, or of units, for nothing, and losses, or prices of 1e30,
come down to that."""


@functools.cache
def is_installed() -> bool:
    """Return whether there is a vectorbt to compare with.

    Returns
    -------
    bool
        False for one that cannot be imported, with a warning.
    """
    if find_spec("vectorbt") is None:
        return False
    try:
        import_module("vectorbt")
    except Exception as error:  # with another NumPy or Numba, it fails in any way
        reason = (str(error).splitlines() or [""])[0]
        warn(
            "vectorbt is installed, but cannot be imported "
            f"({type(error).__name__}: {reason}). It is left out.",
            stacklevel=2,
        )
        return False
    return True


def compute_metrics(
    bars: pd.DataFrame,
    entries: np.ndarray,
    exits: np.ndarray,
    rules: Rules,
    periods_per_year: float,
) -> pd.DataFrame:
    """Return the metrics of N strategies by vectorbt.

    Parameters
    ----------
    bars : pd.DataFrame
        Close, and of Open, High, Low those that are known; T rows from the first bar that may
        trade.
    entries, exits : np.ndarray
        Whether the pairs cross at a bar, ``(T, N)``; with ``fill="next_open"`` they act on the
        next one.
    rules : Rules
        With ``conflict="ignore"`` and no ``max_bars``: vectorbt has no such rules as ours.
    periods_per_year : float
        Bars a year.

    Returns
    -------
    pd.DataFrame
        A row for each strategy; metrics that vectorbt defines otherwise are left out.
    """
    # vectorbt fills at the same bar's price, so a signal for the next bar's open is moved there
    if rules.fill == "next_open":
        entries, exits = _delay(entries), _delay(exits)
    bar = pd.Timedelta(int(min(YEAR_NANOSECONDS / periods_per_year, LONGEST_BAR_NANOSECONDS)), "ns")
    cash_bits = CASH_BITS + math.ceil(math.log2(bars["Close"].max()))
    cash = 2.0 ** min(cash_bits, MOST_CASH_BITS)
    portfolio = _simulate(bars, entries, exits, rules, {"init_cash": cash, "freq": bar})
    year = periods_per_year * bar
    columns: dict[str, np.ndarray] = {}
    for name, metric in METRICS.items():
        if name in OVER_THE_PRICE and rules.fees:
            continue
        values = _read_metric(portfolio, metric, year)
        if values is None:
            continue
        if metric.unit == "currency":
            values = values * (rules.init_cash / cash)
        columns[name] = values.to_numpy(np.float64)
    return pd.DataFrame(columns)


def _delay(signals: np.ndarray) -> np.ndarray:
    """Return signals ``(T, N)`` one bar later."""
    nothing = np.zeros((1, signals.shape[1]), np.bool_)
    return np.concatenate((nothing, signals[:-1]))


def _simulate(
    bars: pd.DataFrame,
    entries: np.ndarray,
    exits: np.ndarray,
    rules: Rules,
    account: dict[str, Any],
) -> Any:
    """Return vectorbt's portfolio of N strategies, a column each."""
    import vectorbt as vbt

    strategies = [str(number) for number in range(entries.shape[1])]

    def repeat(column: str) -> pd.DataFrame:
        return pd.concat([bars[column]] * len(strategies), axis=1, keys=strategies)

    prices: dict[str, Any] = {}
    for column in ("Open", "High", "Low"):
        if column in bars:
            prices[column.lower()] = repeat(column)
    if rules.fill == "next_open":
        prices |= {"price": repeat("Open"), "stop_entry_price": "price"}
    return vbt.Portfolio.from_signals(
        repeat("Close"),
        pd.DataFrame(entries, bars.index, strategies),
        pd.DataFrame(exits, bars.index, strategies),
        fees=rules.fees,
        slippage=rules.slippage,
        sl_stop=rules.stop_loss or rules.trailing_stop,
        sl_trail=rules.trailing_stop is not None,
        tp_stop=rules.take_profit,
        **prices,
        **account,
    )


def _read_metric(portfolio: Any, metric: Metric, year: pd.Timedelta) -> pd.Series | None:
    """Return a metric of each strategy; None where vectorbt has none."""
    if metric.name == "exposure":  # vectorbt has its bars, and not their share
        share: pd.Series = (portfolio.assets() > 0).mean()
        return share
    if metric.vectorbt is None:
        return None
    method = functools.reduce(getattr, metric.vectorbt.split("."), portfolio)
    values: pd.Series = method(year_freq=year) if metric.is_annualized else method()
    return values
