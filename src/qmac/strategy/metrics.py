"""The catalogue of metrics. Names and definitions are vectorbt's; docs/metrics.md has edge cases.

To add a metric, write its entry here, its arithmetic for the sweep in ``kernels/trades/scores.py``
and its definition in ``strategy/reference.py``. Everything else reads this catalogue.

The catalogue imports NumPy and Numba, so the command line imports it only when it needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qmac._checks import describe
from qmac.errors import suggestion
from qmac.kernels.trades import scores
from qmac.kernels.trades.replay import ReplaySums
from qmac.kernels.trades.scores import NO_FALL, NO_VARIANCE, Facts

Unit = Literal["percent", "ratio", "count", "currency", "bars"]
Values = Any
"""An array ``(N,)`` of float64, Any because NumPy types the arithmetic of arrays so."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of a combination."""

    name: str
    heading: str
    """Heading of a column in a terminal, at most nine characters."""
    words: str
    """Definition in a line."""
    unit: Unit
    compute: Callable[[ReplaySums, Facts], Values]
    """Values ``(N,)`` from the sums of N replayed combinations."""
    measure: int | None = None
    """Number in ``kernels/trades/scores.py``; None where it is shown for the best rows only."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Lowest and highest value that there is, of a fraction; infinite where there is none."""
    statistics: frozenset[str] = frozenset()
    """Fields of ``walk.WalkState`` that the sweep computes it from."""
    is_logarithmic: bool = False
    """Whether the sweep ranks ``log1p`` of it, which adds up over trades."""
    is_profit: bool = False
    """Whether above 0 means that money was earned."""
    is_annualized: bool = False
    """Whether it depends on the number of bars in a year."""
    vectorbt: str | None = None
    """Path from vectorbt's ``Portfolio`` to its method; None where it has none."""


def _total_return(sums: ReplaySums, _: Facts) -> Values:
    return sums.worth - 1


def _annualized_return(sums: ReplaySums, facts: Facts) -> Values:
    return np.expm1(sums.gain * (facts.per_year / facts.bars))


def _max_drawdown(sums: ReplaySums, _: Facts) -> Values:
    return np.where(sums.fall >= NO_FALL, 0.0, sums.fall)


def _win_rate(sums: ReplaySums, _: Facts) -> Values:
    return sums.winners / sums.finished


def _exposure(sums: ReplaySums, facts: Facts) -> Values:
    return sums.held / facts.bars


def _deviation(sums: ReplaySums, facts: Facts) -> Values:
    """Return the standard deviations of the returns of bars, NaN where they do not vary."""
    varies = (facts.bars > 1) & (sums.spread > NO_VARIANCE * sums.squares)
    deviation = np.sqrt(sums.spread / max(facts.bars - 1, 1))
    return np.where(varies, deviation, np.nan)


def _annualized_volatility(sums: ReplaySums, facts: Facts) -> Values:
    return _deviation(sums, facts) * np.sqrt(facts.per_year)


def _sharpe_ratio(sums: ReplaySums, facts: Facts) -> Values:
    return sums.mean / _deviation(sums, facts) * np.sqrt(facts.per_year)


def _sortino_ratio(sums: ReplaySums, facts: Facts) -> Values:
    downside = np.where(sums.downside > facts.least_downside, sums.downside, 0.0)
    return sums.mean * np.sqrt(facts.per_year) / np.sqrt(downside / facts.bars)


def _calmar_ratio(sums: ReplaySums, facts: Facts) -> Values:
    fall = _max_drawdown(sums, facts)
    return np.where(fall < 0, _annualized_return(sums, facts) / -fall, np.nan)


def _omega_ratio(sums: ReplaySums, facts: Facts) -> Values:
    won = np.where(sums.won > facts.least_losses, sums.won, 0.0)
    lost = np.where(sums.below > facts.least_losses, sums.below, 0.0)
    return won / lost


def _profit_factor(sums: ReplaySums, _: Facts) -> Values:
    return sums.profit / sums.loss


def _expectancy(sums: ReplaySums, facts: Facts) -> Values:
    return (sums.profit - sums.loss) * facts.cash / sums.finished


def _best_trade(sums: ReplaySums, _: Facts) -> Values:
    return np.where(sums.finished > 0, sums.best, np.nan)


def _worst_trade(sums: ReplaySums, _: Facts) -> Values:
    return np.where(sums.finished > 0, sums.worst, np.nan)


def _average_bars(sums: ReplaySums, _: Facts) -> Values:
    return sums.bars / sums.finished


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            name="total_return",
            heading="total",
            words="Final equity over the cash at the start, minus 1.",
            unit="percent",
            bounds=(-1, math.inf),
            compute=_total_return,
            measure=scores.GROWTH,
            statistics=frozenset({"gain"}),
            is_logarithmic=True,
            is_profit=True,
            vectorbt="total_return",
        ),
        Metric(
            name="annualized_return",
            heading="a year",
            words="Total return, compounded to a year.",
            unit="percent",
            bounds=(-1, math.inf),
            compute=_annualized_return,
            measure=scores.GROWTH,
            statistics=frozenset({"gain"}),
            is_logarithmic=True,
            is_profit=True,
            is_annualized=True,
            vectorbt="annualized_return",
        ),
        Metric(
            name="max_drawdown",
            heading="drawdown",
            words="Deepest fall of the equity below its peak, not above 0.",
            unit="percent",
            bounds=(-1, 0),
            compute=_max_drawdown,
            measure=scores.DRAWDOWN,
            statistics=frozenset({"gain", "peak", "worst"}),
            is_logarithmic=True,
            vectorbt="max_drawdown",
        ),
        Metric(
            name="total_trades",
            heading="trades",
            words="Number of trades, one open at the end included.",
            unit="count",
            compute=lambda sums, _: sums.trades,
            measure=scores.TRADES,
            statistics=frozenset({"opened"}),
            vectorbt="trades.count",
        ),
        Metric(
            name="win_rate",
            heading="won",
            words="Winning trades as a fraction of the closed trades.",
            unit="percent",
            bounds=(0, 1),
            compute=_win_rate,
            measure=scores.WIN_RATE,
            statistics=frozenset({"opened", "won", "paid", "brought"}),
            vectorbt="trades.closed.win_rate",
        ),
        Metric(
            name="exposure",
            heading="held",
            words="Bars that end in a position, as a fraction of all bars.",
            unit="percent",
            bounds=(0, 1),
            compute=_exposure,
            measure=scores.EXPOSURE,
            statistics=frozenset({"held"}),
        ),
        Metric(
            name="sharpe_ratio",
            heading="sharpe",
            words="Mean over standard deviation of the returns of bars, annualised.",
            unit="ratio",
            compute=_sharpe_ratio,
            measure=scores.SHARPE,
            statistics=frozenset({"returns", "squares"}),
            is_annualized=True,
            vectorbt="sharpe_ratio",
        ),
        Metric(
            name="sortino_ratio",
            heading="sortino",
            words="Mean over downside deviation of the returns of bars, annualised.",
            unit="ratio",
            compute=_sortino_ratio,
            measure=scores.SORTINO,
            statistics=frozenset({"returns", "downside"}),
            is_annualized=True,
            vectorbt="sortino_ratio",
        ),
        Metric(
            name="calmar_ratio",
            heading="calmar",
            words="Annualised return over the maximum drawdown.",
            unit="ratio",
            compute=_calmar_ratio,
            measure=scores.CALMAR,
            statistics=frozenset({"gain", "peak", "worst"}),
            is_annualized=True,
            vectorbt="calmar_ratio",
        ),
        Metric(
            name="omega_ratio",
            heading="omega",
            words="Sum of the positive returns of bars over the sum of the negative ones.",
            unit="ratio",
            compute=_omega_ratio,
            measure=scores.OMEGA,
            statistics=frozenset({"returns", "losses"}),
            vectorbt="omega_ratio",
        ),
        Metric(
            name="profit_factor",
            heading="profit f.",
            words="Profit of the winning closed trades over the loss of the losing ones.",
            unit="ratio",
            compute=_profit_factor,
            measure=scores.PROFIT_FACTOR,
            statistics=frozenset({"paid", "brought", "equity", "profit", "loss"}),
            vectorbt="trades.closed.profit_factor",
        ),
        Metric(
            name="expectancy",
            heading="expect.",
            words="Mean profit of the closed trades.",
            unit="currency",
            compute=_expectancy,
            measure=scores.EXPECTANCY,
            statistics=frozenset({"opened", "paid", "brought", "equity"}),
            is_profit=True,
            vectorbt="trades.closed.expectancy",
        ),
        Metric(
            name="simple_return",
            heading="simple",
            words="Sum of the returns of all trades, without compounding.",
            unit="percent",
            compute=lambda sums, _: sums.simple,
            measure=scores.SIMPLE_RETURN,
            statistics=frozenset({"paid", "brought", "simple"}),
            is_profit=True,
            vectorbt="trades.returns.sum",
        ),
        Metric(
            name="annualized_volatility",
            heading="volat.",
            words="Standard deviation of the returns of bars, annualised.",
            unit="percent",
            bounds=(0, math.inf),
            compute=_annualized_volatility,
            measure=scores.VOLATILITY,
            statistics=frozenset({"returns", "squares"}),
            is_annualized=True,
            vectorbt="annualized_volatility",
        ),
        Metric(
            name="best_trade",
            heading="best",
            words="Highest return of a closed trade.",
            unit="percent",
            bounds=(-1, math.inf),
            compute=_best_trade,
            vectorbt="trades.closed.returns.max",
        ),
        Metric(
            name="worst_trade",
            heading="worst",
            words="Lowest return of a closed trade.",
            unit="percent",
            bounds=(-1, math.inf),
            compute=_worst_trade,
            vectorbt="trades.closed.returns.min",
        ),
        Metric(
            name="average_bars",
            heading="bars",
            words="Mean number of bars that the closed trades were held.",
            unit="bars",
            compute=_average_bars,
            vectorbt="trades.closed.duration.mean",
        ),
    )
}
"""Metrics by name, in the order of tables."""
MEASURES = {name: metric.measure for name, metric in METRICS.items() if metric.measure is not None}
"""Metrics that the sweep computes for every combination, and that can be ranked by."""

LOGARITHMS = tuple(name for name, metric in METRICS.items() if metric.is_logarithmic)
PROFITS = tuple(name for name, metric in METRICS.items() if metric.is_profit)


def compute_metrics(sums: ReplaySums, facts: Facts) -> dict[str, np.ndarray]:
    """Return every metric of N replayed combinations.

    Parameters
    ----------
    sums : ReplaySums
        Sums of the replay, ``(N,)`` each.
    facts : Facts
        Bars, bars in a year, cash at the start and rounding thresholds.

    Returns
    -------
    dict of str to ndarray
        Values ``(N,)`` by name, in the order of ``METRICS``; NaN where a metric is undefined.
    """
    # two days, compounded to a year, may be beyond float64
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {name: metric.compute(sums, facts) for name, metric in METRICS.items()}


def suggest_metric(metric: object) -> str:
    """Return what to write instead of a metric that cannot be ranked by.

    Parameters
    ----------
    metric : object
        What was passed as an objective, or as the key of a constraint.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> suggest_metric("sharpe")
    "Did you mean 'sharpe_ratio'?"
    """
    if isinstance(metric, str) and metric in METRICS and metric not in MEASURES:
        return f"It is computed for the best rows only. Use one of {', '.join(MEASURES)}."
    return suggestion(metric if isinstance(metric, str) else describe(metric), MEASURES)
