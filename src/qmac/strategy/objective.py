"""What is asked of every combination: the metric to rank by, and bounds that others must keep.

A metric is computed by the sweep as a *score*. Most scores are the metric itself; growth and drawdown are
logarithms, in which they add up over trades.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qmac.errors import OptionError
from qmac.strategy.metrics import LOGARITHMS, MEASURES, suggest_metric


@dataclass(frozen=True)
class Objective:
    """A metric to rank by, and how its scores read."""

    metric: str
    maximize: bool
    years: float  # of the trading period; turns growth into growth a year

    @property
    def sign(self) -> float:
        """Ranked is ``sign * score``, the highest first."""
        return 1.0 if self.maximize else -1.0

    @property
    def highest(self) -> float:
        """The highest score whose value is finite."""
        return score_bounds(self.metric, -math.inf, sys.float_info.max, self.years)[1]

    def values(self, scores: np.ndarray) -> np.ndarray:
        """Scores as values of the metric."""
        return values_of_scores(self.metric, scores, self.years)

    def value(self, score: float) -> float:
        """The same for one number."""
        return float(self.values(np.array(score)))


def values_of_scores(metric: str, scores: np.ndarray, years: float) -> np.ndarray:
    """Scores of the sweep as values of the metric."""
    if metric not in LOGARITHMS:
        return scores
    with np.errstate(over="ignore"):  # two days, carried on over a year
        return np.expm1(scores / years if metric == "annualized_return" else scores)


def score_of_value(metric: str, value: float, years: float) -> float:
    """The other way round; below a total loss is minus infinity."""
    if metric not in LOGARITHMS:
        return value
    score = math.log1p(value) if value > -1 else -math.inf
    return score * years if metric == "annualized_return" else score


@functools.lru_cache
def score_bounds(metric: str, low: float, high: float, years: float) -> tuple[float, float]:
    """The lowest and the highest score whose values lie within ``low ... high``; infinite where there is none.

    Asked of the values themselves: by its formula the score of the next float above 0 can be that of 0.
    """
    if metric not in LOGARITHMS:
        return low, high

    def value(score: float) -> float:
        return float(values_of_scores(metric, np.array(score), years))

    return _least(lambda score: value(score) >= low), -_least(lambda score: value(-score) <= high)


def _least(holds: Callable[[float], bool]) -> float:
    """The least float for which a condition holds that holds from some float on; infinite if there is none."""
    below, found = -math.inf, math.inf
    if holds(below):
        return below
    while True:
        middle = _float_at((_place_of(below) + _place_of(found)) // 2)
        if middle == below:
            return found
        below, found = (below, middle) if holds(middle) else (middle, found)


def _place_of(number: float) -> int:
    """Place of a float64 among all of them; 0 has place 0."""
    bits = int(np.float64(abs(number)).view(np.int64))
    return -bits if number < 0 else bits


def _float_at(place: int) -> float:
    return math.copysign(float(np.int64(abs(place)).view(np.float64)), place)


def check_objective(metric: str) -> str:
    """The name of a metric that can be ranked by."""
    if not isinstance(metric, str) or metric not in MEASURES:
        raise OptionError(f"objective {metric!r} is not known. {suggest_metric(metric)}")
    return metric
