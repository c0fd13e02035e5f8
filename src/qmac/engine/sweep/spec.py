"""What a sweep computes for every combination of a grid."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from qmac.data.prices import Prices
from qmac.engine.dataset.period import Period
from qmac.engine.dataset.series import PreparedSeries
from qmac.errors import PricesError
from qmac.kernels.sweep.sweep import Aim
from qmac.kernels.trades import scores
from qmac.kernels.trades.walk import LastTrade
from qmac.strategy.grid import Grid
from qmac.strategy.metrics import MEASURES, METRICS
from qmac.strategy.objective import Objective, score_bounds
from qmac.strategy.rules import Rules

EVERY_STATISTIC = frozenset(LastTrade._fields).union(
    *(metric.statistics for metric in METRICS.values())
)
"""What the general kernel computes; the last trade is that of stops, which may never act."""
LANES = 32
"""Sell lists side by side. 32 beat 8, 16 and 64 at 2,000 and at 4,700 bars (docs/design.md)."""


JUMPS = {"squares": 1e4, "returns": 1e8}
"""Returns of one bar, by statistic, beside which sums over other bars keep too few digits: 1e5 left
5 of a Sharpe ratio, 1e6 left 3."""


@dataclass(frozen=True)
class SweepSpec:
    """What a sweep computes for every combination."""

    rules: Rules
    objective: Objective
    shared_windows: bool
    """Whether a combination may use a window twice."""
    top: int
    """Rows of the top-K."""
    constraints: Mapping[str, tuple[float, float]]
    """Bounds by metric, infinite where there is none."""
    lanes: int = LANES
    ignores_constraints: bool = False
    """Whether every combination is scored. The kernel is the same."""
    line: float = 0.0
    """Score; combinations above it are counted, ``Distribution.positive``."""
    is_general: bool = False
    """Whether the kernel is the general one, which computes every statistic: the bits are the same,
    and so is the kernel, whatever the objective, the constraints and the stops."""

    @property
    def must_trade(self) -> bool:
        """Whether one trade is the only bound of the number of trades."""
        return self.constraints.get("total_trades") == (1.0, np.inf)

    @property
    def constrained_metrics(self) -> list[str]:
        """Metrics with bounds, but for ``must_trade``; they choose the statistics."""
        metrics = list(self.constraints)
        if self.must_trade:
            metrics.remove("total_trades")
        return metrics

    @functools.cached_property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Bounds of the score of each metric that is constrained, but for ``must_trade``."""
        metrics = [] if self.ignores_constraints else self.constrained_metrics
        years = self.objective.years
        return {
            metric: score_bounds(metric, *self.constraints[metric], years) for metric in metrics
        }

    @functools.cached_property
    def statistics(self) -> frozenset[str]:
        """Fields of ``walk.WalkState`` that are computed."""
        return EVERY_STATISTIC if self.is_general else self.needed_statistics

    @functools.cached_property
    def needed_statistics(self) -> frozenset[str]:
        """Fields of ``walk.WalkState`` that the scores are computed from."""
        metrics = (self.objective.metric, *self.constrained_metrics)
        return frozenset[str]().union(*(METRICS[metric].statistics for metric in metrics))

    @property
    def is_bounded(self) -> bool:
        """Whether the prices say how large a score can be: growth without stops."""
        return MEASURES[self.objective.metric] == scores.GROWTH and not self.rules.has_stops

    @functools.cached_property
    def aim(self) -> Aim:
        """The spec as the kernel takes it."""
        limits = np.array(list(self.bounds.values()), np.float64).reshape(-1, 2)
        measures = [MEASURES[metric] for metric in self.bounds]
        return Aim(
            measure=MEASURES[self.objective.metric],
            sign=self.objective.sign,
            traded=self.must_trade and not self.ignores_constraints,
            highest=self.objective.highest,
            line=self.line,
            metrics=np.array(measures, np.int64),
            low=limits[:, 0].copy(),
            high=limits[:, 1].copy(),
            ignore=int(self.rules.conflict == "ignore"),
            shared_windows=self.shared_windows,
        )


def build_spec(
    series: PreparedSeries,
    grid: Grid,
    metric: str,
    maximize: bool,
    constraints: Mapping[str, tuple[float, float]],
    top: int,
) -> SweepSpec:
    """Return what a sweep computes for every combination of a grid.

    Parameters
    ----------
    series : PreparedSeries
        Prices and rules; the prices say how many years the bars are.
    grid : Grid
        Whether combinations may share a window.
    metric : str
        The objective.
    maximize : bool
        Whether the highest is the best.
    constraints : mapping of str to tuple of float
        Bounds by metric, infinite where there is none.
    top : int
        Rows of the top-K.

    Returns
    -------
    SweepSpec
        With the default number of lanes.

    Raises
    ------
    PricesError
        If a close has lost its decimal point, so that the statistics have no digits.
    """
    period = series.period
    objective = Objective(metric, maximize, period.bars / series.periods_per_year)
    spec = SweepSpec(series.rules, objective, grid.shared_windows, top, constraints)
    _check_jumps(series.prices, period, spec.statistics)
    return spec


def _check_jumps(prices: Prices, period: Period, statistics: Collection[str]) -> None:
    returns = np.diff(period.close) / period.close[:-1]
    if not returns.size:
        return
    bar = int(returns.argmax()) + 1
    limits = [limit for statistic, limit in JUMPS.items() if statistic in statistics]
    if not limits or returns[bar - 1] <= min(limits):
        return
    row = period.first + bar
    raise PricesError(
        f"{prices.name}: Close goes from {period.close[bar - 1]:g} to {period.close[bar]:g} in row "
        f"{row + 1} ({prices.index[row]}), beside which ratios of the returns of bars have no "
        "digits. Fix the price, or choose an objective of trades, such as total_return."
    )
