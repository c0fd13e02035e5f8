"""Definitions of the metrics, combination by combination. Names and definitions are vectorbt's.

``r`` are the returns of equity per bar, the first bar's against the cash at the start; ``T`` is the
number of bars that may trade, ``A`` the periods per year.
"""

from __future__ import annotations

import numpy as np

from qmac.errors import suggestion
from qmac.kernels.trades import scores
from qmac.kernels.trades.replay import ReplaySums
from qmac.kernels.trades.scores import NO_FALL, NO_VARIANCE, Facts
from qmac.strategy.rules import Rules

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


def metrics_of(sums: ReplaySums, rules: Rules, facts: Facts) -> dict[str, np.ndarray]:
    """Every metric of ``METRICS``, ``(N,)`` each; definitions and edge cases are in docs/metrics.md."""
    bars, year, cash = facts.bars, facts.per_year, rules.init_cash
    total_return = sums.worth - 1
    fall = np.where(sums.fall >= NO_FALL, 0.0, sums.fall)
    varies = (bars > 1) & (sums.spread > NO_VARIANCE * sums.squares)
    downside = np.where(sums.downside > facts.least_downside, sums.downside, 0.0)
    losses, won = (
        np.where(part > facts.least_losses, part, 0.0) for part in (sums.below, sums.won)
    )
    finished = sums.finished > 0
    with np.errstate(
        divide="ignore", invalid="ignore", over="ignore"
    ):  # two days, carried on over a year
        annualized = np.expm1(sums.gain * (year / bars))
        deviation = np.where(varies, np.sqrt(sums.spread / max(bars - 1, 1)), np.nan)
        found = {
            "total_return": total_return,
            "annualized_return": annualized,
            "max_drawdown": fall,
            "total_trades": sums.trades,
            "win_rate": sums.winners / sums.finished,
            "exposure": sums.held / bars,
            "sharpe_ratio": sums.mean / deviation * np.sqrt(year),
            "sortino_ratio": sums.mean * np.sqrt(year) / np.sqrt(downside / bars),
            "calmar_ratio": np.where(fall < 0, annualized / -fall, np.nan),
            "omega_ratio": won / losses,
            "profit_factor": sums.profit / sums.loss,
            "expectancy": (sums.profit - sums.loss) * cash / sums.finished,
            "simple_return": sums.simple,
            "annualized_volatility": deviation * np.sqrt(year),
            "best_trade": np.where(finished, sums.best, np.nan),
            "worst_trade": np.where(finished, sums.worst, np.nan),
            "average_bars": sums.bars / sums.finished,
        }
    return {name: found[name] for name in METRICS}


MEASURES = {
    "total_return": scores.GROWTH,
    "annualized_return": scores.GROWTH,
    "annualized_volatility": scores.VOLATILITY,
    "sharpe_ratio": scores.SHARPE,
    "sortino_ratio": scores.SORTINO,
    "calmar_ratio": scores.CALMAR,
    "omega_ratio": scores.OMEGA,
    "max_drawdown": scores.DRAWDOWN,
    "total_trades": scores.TRADES,
    "win_rate": scores.WIN_RATE,
    "profit_factor": scores.PROFIT_FACTOR,
    "expectancy": scores.EXPECTANCY,
    "simple_return": scores.SIMPLE_RETURN,
    "exposure": scores.EXPOSURE,
}
"""Metrics that the sweep computes for every combination."""
SHOWN_ONLY = ("best_trade", "worst_trade", "average_bars")
LOGARITHMS = ("total_return", "annualized_return", "max_drawdown")


def known_metrics(metric: object) -> str:
    if metric in SHOWN_ONLY:
        return f"It is shown for the best rows only. Of all combinations there are {', '.join(MEASURES)}."
    return suggestion(str(metric), MEASURES)
