"""Definitions of the metrics, for one combination at a time. Names and definitions are vectorbt's.

``r`` are the returns of equity per bar, the first bar's against the cash at the start; ``T`` is the
number of bars from ``start`` on, ``A`` the periods per year.
"""

from __future__ import annotations

import numpy as np

from qmac.config import Rules

METRICS = (
    "total_return",
    "annualized_return",
    "max_drawdown",
    "total_trades",
    "win_rate",
    "exposure",
    "sharpe_ratio",
)

NEGLIGIBLE = 1e-14
"""A deviation of returns below this is rounding, not risk: the ratio to it is undefined."""


def equity_of(close: np.ndarray, opened: np.ndarray, closed: np.ndarray, rules: Rules) -> np.ndarray:
    """Value of the account at each close, ``(T,)``, in currency.

    ``opened`` and ``closed`` ``(N,)`` are the bars of the trades; ``closed == T`` is an open trade.
    """
    equity = np.full(close.size, rules.init_cash)
    cash = rules.init_cash
    for entry, leave in zip(opened.tolist(), closed.tolist(), strict=True):
        shares = cash / (close[entry] * rules.buy_factor)
        equity[entry:leave] = shares * close[entry:leave]
        if leave < close.size:
            cash = shares * close[leave] * rules.sell_factor
            equity[leave:] = cash
    return equity


def trade_growth(close: np.ndarray, opened: np.ndarray, closed: np.ndarray, rules: Rules) -> np.ndarray:
    """Cash out over cash in of each trade, ``(N,)``; an open one is valued at the last close."""
    still_open = closed == close.size
    worth = close[np.minimum(closed, close.size - 1)] * np.where(still_open, 1.0, rules.sell_factor)
    growth: np.ndarray = worth / (close[opened] * rules.buy_factor)
    return growth


def metrics_of(
    close: np.ndarray, opened: np.ndarray, closed: np.ndarray, rules: Rules, periods_per_year: float
) -> dict[str, float]:
    """Every metric of ``METRICS``.

    - total_return: last equity over ``init_cash``, less 1
    - annualized_return: ``(1 + total_return) ** (A / T) - 1``
    - max_drawdown: ``min(equity / cummax(equity) - 1)``, negative or 0
    - total_trades: positions opened, the open one included
    - win_rate: closed trades that brought more than they cost, over closed trades; NaN without one
    - exposure: share of bars at whose close a position is held
    - sharpe_ratio: ``mean(r) / std(r, ddof=1) * sqrt(A)``; NaN without variance
    """
    equity = equity_of(close, opened, closed, rules)
    bars = equity.size
    returns = np.diff(equity, prepend=rules.init_cash) / np.concatenate(([rules.init_cash], equity[:-1]))
    total_return = equity[-1] / rules.init_cash - 1
    deviation = returns.std(ddof=1) if bars > 1 else 0.0
    finished = closed < bars
    growth = trade_growth(close, opened, closed, rules)[finished]
    return {
        "total_return": float(total_return),
        "annualized_return": float((1 + total_return) ** (periods_per_year / bars) - 1),
        "max_drawdown": float((equity / np.maximum.accumulate(equity) - 1).min()),
        "total_trades": float(opened.size),
        "win_rate": float((growth > 1).mean()) if growth.size else float("nan"),
        "exposure": float((closed - opened).sum() / bars),
        "sharpe_ratio": (
            float(returns.mean() / deviation * np.sqrt(periods_per_year)) if deviation > NEGLIGIBLE else float("nan")
        ),
    }
