"""Definitions of the metrics, for one combination at a time. Names and definitions are vectorbt's.

``r`` are the returns of equity per bar, the first bar's against the cash at the start; ``T`` is the
number of bars that may trade, ``A`` the periods per year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmac.config import Rules
from qmac.kernels.measures import NO_FALL, NO_VARIANCE, Facts

METRICS = (
    "total_return",
    "annualized_return",
    "max_drawdown",
    "total_trades",
    "win_rate",
    "exposure",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "omega_ratio",
    "profit_factor",
    "expectancy",
    "simple_return",
    "annualized_volatility",
    "best_trade",
    "worst_trade",
    "average_bars",
)


@dataclass(frozen=True)
class Trades:
    """The trades of one combination, ``(N,)`` each; bars count from the first that may trade."""

    opened: np.ndarray
    closed: np.ndarray  # T where a position is open at the end
    stopped: np.ndarray  # ended by a stop or by the holding time
    paid: np.ndarray  # cash that one unit cost
    brought: np.ndarray  # cash that it brought; of an open one, the last close

    @property
    def returns(self) -> np.ndarray:
        """What each trade earned, as a share of what it cost."""
        returns: np.ndarray = (self.brought - self.paid) / self.paid
        return returns


def equity_of(close: np.ndarray, trades: Trades, cash: float) -> np.ndarray:
    """Value of the account at each close, ``(T,)``, in currency, from ``cash`` at the start."""
    equity = np.full(close.size, cash)
    ends = zip(trades.opened.tolist(), trades.closed.tolist(), trades.paid, trades.brought, strict=True)
    for opened, closed, paid, brought in ends:
        shares = cash / paid
        equity[opened:closed] = shares * close[opened:closed]
        if closed < close.size:
            cash = shares * brought
            equity[closed:] = cash
    return equity


def returns_of(close: np.ndarray, trades: Trades) -> np.ndarray:
    """Returns of equity per bar, ``(T,)``; from prices, for equity itself may lose its digits near 0."""
    returns = np.zeros(close.size)
    moves = close[1:] / close[:-1] - 1
    ends = zip(trades.opened.tolist(), trades.closed.tolist(), trades.paid, trades.brought, strict=True)
    for opened, closed, paid, brought in ends:
        returns[opened] = close[opened] / paid - 1
        returns[opened + 1 : closed] = moves[opened : closed - 1]
        if closed < close.size:
            returns[closed] = brought / close[closed - 1] - 1
    return returns


def metrics_of(close: np.ndarray, trades: Trades, rules: Rules, facts: Facts) -> dict[str, float]:
    """Every metric of ``METRICS``; definitions and edge cases are in docs/metrics.md."""
    equity = equity_of(close, trades, rules.init_cash)
    r = returns_of(close, trades)
    year, bars = facts.per_year, equity.size
    total_return = equity[-1] / rules.init_cash - 1
    annualized = (1 + total_return) ** (year / bars) - 1
    fall = (equity / np.maximum.accumulate(equity) - 1).min()
    fall = 0.0 if fall >= NO_FALL else fall
    spread = np.square(r - r.mean()).sum()
    varies = bars > 1 and spread > NO_VARIANCE * np.square(r).sum()
    deviation = np.sqrt(spread / (bars - 1)) if varies else np.nan
    downside, losses = np.square(np.minimum(r, 0)).sum(), np.maximum(-r, 0).sum()
    downside = downside if downside > facts.least_downside else 0.0
    losses = losses if losses > facts.least_losses else 0.0
    won = np.maximum(r, 0).sum()
    won = won if won > facts.least_losses else 0.0
    finished = trades.closed < bars
    earned = trades.returns
    growth = np.cumprod(1 + earned[finished])
    pnl = np.concatenate(([1.0], growth[:-1]))[: growth.size] * earned[finished]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "total_return": float(total_return),
            "annualized_return": float(annualized),
            "max_drawdown": float(fall),
            "total_trades": float(trades.opened.size),
            "win_rate": float(np.divide(np.count_nonzero(earned[finished] > 0), np.count_nonzero(finished))),
            "exposure": float((trades.closed - trades.opened).sum() / bars),
            "sharpe_ratio": float(r.mean() / deviation * np.sqrt(year)),
            "sortino_ratio": float(np.divide(r.mean() * np.sqrt(year), np.sqrt(downside / bars))),
            "calmar_ratio": float(annualized / -fall) if fall < 0 else np.nan,
            "omega_ratio": float(np.divide(won, losses)),
            "profit_factor": float(np.divide(pnl[pnl > 0].sum(), np.abs(pnl[pnl < 0]).sum())),
            "expectancy": float(np.divide(pnl.sum() * rules.init_cash, np.count_nonzero(finished))),
            "simple_return": float(earned.sum()),
            "annualized_volatility": float(deviation * np.sqrt(year)),
            "best_trade": float(earned[finished].max(initial=-np.inf)) if finished.any() else np.nan,
            "worst_trade": float(earned[finished].min(initial=np.inf)) if finished.any() else np.nan,
            "average_bars": float((trades.closed - trades.opened)[finished].mean()) if finished.any() else np.nan,
        }
