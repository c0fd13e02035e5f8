"""Definitions of the metrics, combination by combination. Names and definitions are vectorbt's.

``r`` are the returns of equity per bar, the first bar's against the cash at the start; ``T`` is the
number of bars that may trade, ``A`` the periods per year.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def equity_of(close: np.ndarray, rows: Sequence[Trades], cash: float) -> np.ndarray:
    """Value of each account at each close, ``(N, T)``, in currency, from ``cash`` at the start."""
    values = []
    for trades in rows:
        worth = cash
        values.append(worth)
        for paid, brought in zip(trades.paid.tolist(), trades.brought.tolist(), strict=True):
            shares = worth / paid
            worth = shares * brought
            values += (shares, worth)
    held, lengths = _segments(close.size, rows)
    equity = np.repeat(values, lengths).reshape(len(rows), close.size)
    np.multiply(equity, close, out=equity, where=held)
    return equity


def returns_of(close: np.ndarray, rows: Sequence[Trades]) -> np.ndarray:
    """Returns of equity per bar, ``(N, T)``; from prices, for equity itself may lose its digits near 0."""
    held, _ = _segments(close.size, rows)
    moves = np.concatenate(([0.0], close[1:] / close[:-1] - 1))
    returns: np.ndarray = np.where(held, moves, 0.0)
    for row, trades in zip(returns, rows, strict=True):
        ended = trades.closed < close.size
        closed = trades.closed[ended]
        row[closed] = trades.brought[ended] / close[closed - 1] - 1
        row[trades.opened] = close[trades.opened] / trades.paid - 1
    return returns


def _segments(length: int, rows: Sequence[Trades]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row holds at each bar ``(N, T)``, and the bars of its turns: flat, held, flat, ..., flat."""
    ends = [np.concatenate(([0], np.column_stack((trades.opened, trades.closed)).ravel(), [length])) for trades in rows]
    lengths = np.concatenate([np.diff(row) for row in ends])
    holds = np.concatenate([np.arange(row.size - 1) % 2 == 1 for row in ends])
    return np.repeat(holds, lengths).reshape(len(rows), length), lengths


def metrics_of(close: np.ndarray, rows: Sequence[Trades], rules: Rules, facts: Facts) -> dict[str, np.ndarray]:
    """Every metric of ``METRICS``, ``(N,)`` each; definitions and edge cases are in docs/metrics.md.

    All rows at once: bar by bar in NumPy, one row took 0.14 ms, and the best 100 a third of what is serial in a run.
    """
    equity = equity_of(close, rows, rules.init_cash)
    r = returns_of(close, rows)
    year, bars = facts.per_year, close.size
    mean, total_return = r.mean(axis=1), equity[:, -1] / rules.init_cash - 1
    fall = (equity / np.maximum.accumulate(equity, axis=1) - 1).min(axis=1)
    fall = np.where(fall >= NO_FALL, 0.0, fall)
    spread = np.square(r - mean[:, None]).sum(axis=1)
    varies = (bars > 1) & (spread > NO_VARIANCE * np.square(r).sum(axis=1))
    below = np.minimum(r, 0)
    downside, losses = np.square(below).sum(axis=1), -below.sum(axis=1)
    won = np.maximum(r, 0).sum(axis=1)
    downside = np.where(downside > facts.least_downside, downside, 0.0)
    losses, won = (np.where(sums > facts.least_losses, sums, 0.0) for sums in (losses, won))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # two days, carried on over a year
        annualized = (1 + total_return) ** (year / bars) - 1
        deviation = np.where(varies, np.sqrt(spread / max(bars - 1, 1)), np.nan)
        found = {
            "total_return": total_return,
            "annualized_return": annualized,
            "max_drawdown": fall,
            "sharpe_ratio": mean / deviation * np.sqrt(year),
            "sortino_ratio": mean * np.sqrt(year) / np.sqrt(downside / bars),
            "calmar_ratio": np.where(fall < 0, annualized / -fall, np.nan),
            "omega_ratio": won / losses,
            "annualized_volatility": deviation * np.sqrt(year),
        }
        of_trades = [_of_trades(trades, bars, rules.init_cash) for trades in rows]
    found |= {name: np.array([row[name] for row in of_trades]) for name in of_trades[0]}
    return {name: found[name] for name in METRICS}


def _of_trades(trades: Trades, bars: int, cash: float) -> dict[str, float]:
    """The metrics of one row that are made of trades."""
    earned, held = trades.returns, trades.closed - trades.opened
    finished = trades.closed < bars
    done = earned[finished]
    growth = np.cumprod(1 + done)
    pnl = np.concatenate(([1.0], growth[:-1]))[: growth.size] * done
    return {
        "total_trades": float(earned.size),
        "win_rate": float(np.divide(np.count_nonzero(done > 0), done.size)),
        "exposure": float(held.sum() / bars),
        "profit_factor": float(np.divide(pnl[pnl > 0].sum(), np.abs(pnl[pnl < 0]).sum())),
        "expectancy": float(np.divide(pnl.sum() * cash, done.size)),
        "simple_return": float(earned.sum()),
        "best_trade": float(done.max()) if done.size else np.nan,
        "worst_trade": float(done.min()) if done.size else np.nan,
        "average_bars": float(held[finished].mean()) if done.size else np.nan,
    }
