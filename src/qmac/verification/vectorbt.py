"""The second witness: vectorbt, where it is installed, on the same signals. Nothing else of qmac imports it.

What it defines otherwise is not asked of it (docs/metrics.md, "Where vectorbt differs").
"""

from __future__ import annotations

import functools
import math
import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd

from qmac.strategy.metrics import METRICS
from qmac.strategy.rules import Rules

OVER_THE_PRICE = ("simple_return", "best_trade", "worst_trade")
"""Returns of trades: vectorbt's are over the price, ours over what was paid, which is more where there are fees."""
WITHOUT_VARIANCE = {
    "sharpe_ratio": math.inf,
    "sortino_ratio": math.inf,
    "omega_ratio": math.inf,
    "annualized_volatility": 0.0,
}
"""Where nothing varies, vectorbt's metrics are these, or these with a minus, and ours undefined."""
YEAR = 9e18
"""Nanoseconds that a year may be told to have, by how long its bars are said to be: a Timedelta holds a little more, and the
more there are, the nearer is their whole number to what is meant."""
LONGEST_BAR = 9e15
"""Nanoseconds, where a year has few bars."""
PLENTY, MOST = 332, 1000
"""Cash for each unit of the highest price, and in all, as powers of two, which leave other bits as they are. vectorbt takes less than
1e-12 of cash, or of units, for nothing, and losses, or prices of 1e30, come down to that."""


@functools.cache
def is_installed() -> bool:
    """Whether there is a vectorbt to ask; one that cannot be imported counts as none, with a warning."""
    if find_spec("vectorbt") is None:
        return False
    try:
        import_module("vectorbt")
    except Exception as error:  # of another NumPy or Numba, it fails in any way
        reason = (str(error).splitlines() or [""])[0]
        warnings.warn(
            f"vectorbt is installed, but cannot be imported ({type(error).__name__}: {reason}). It is not asked.",
            stacklevel=2,
        )
        return False
    return True


def metrics_of(
    bars: pd.DataFrame,
    entries: np.ndarray,
    exits: np.ndarray,
    rules: Rules,
    periods_per_year: float,
) -> pd.DataFrame:
    """Metrics of N strategies by vectorbt, a row each; those that it defines otherwise are left out.

    Parameters
    ----------
    bars : Close, and of Open, High, Low those that are known, from the first bar that may trade; T rows.
    entries, exits : whether the pairs cross at a bar, ``(T, N)``; with ``fill="next_open"`` they act on the next one.
    rules : ``conflict="ignore"`` and no ``max_bars``: vectorbt has no such rules as ours.
    """
    import vectorbt as vbt

    count = entries.shape[1]
    names = [str(place) for place in range(count)]
    if rules.fill == "next_open":
        none = np.zeros((1, count), np.bool_)
        entries, exits = (np.concatenate((none, signals[:-1])) for signals in (entries, exits))

    def columns(of: str) -> pd.DataFrame:
        return pd.concat([bars[of]] * count, axis=1, keys=names)

    known = {of.lower(): columns(of) for of in ("Open", "High", "Low") if of in bars}
    at_open = (
        {"price": columns("Open"), "stop_entry_price": "price"} if rules.fill == "next_open" else {}
    )
    bar = pd.Timedelta(int(min(YEAR / periods_per_year, LONGEST_BAR)), "ns")
    cash = 2.0 ** min(PLENTY + math.ceil(math.log2(bars["Close"].max())), MOST)
    portfolio = vbt.Portfolio.from_signals(
        columns("Close"),
        *(pd.DataFrame(signals, bars.index, names) for signals in (entries, exits)),
        fees=rules.fees, slippage=rules.slippage, init_cash=cash, freq=bar,
        sl_stop=rules.stop_loss or rules.trailing_stop, sl_trail=rules.trailing_stop is not None,
        tp_stop=rules.take_profit, **known, **at_open,
    )  # fmt: skip
    year = {"year_freq": periods_per_year * bar}
    found: dict[str, np.ndarray] = {}
    for name, metric in METRICS.items():
        if name in OVER_THE_PRICE and rules.fees:
            continue
        if name == "exposure":  # of which vectorbt has the bars, and not the share
            values = (portfolio.assets() > 0).mean()
        elif metric.vectorbt is None:
            continue
        else:
            method = functools.reduce(getattr, metric.vectorbt.split("."), portfolio)
            values = method(**year) if metric.is_annualized else method()
        if metric.unit == "currency":
            values = values * (rules.init_cash / cash)
        found[name] = values.to_numpy(np.float64)
    return pd.DataFrame(found)
