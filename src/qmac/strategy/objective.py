"""The metric to rank by, and the scores by which the sweep computes it.

The sweep computes a metric as a *score*. Most scores are the metric itself; those of growth and
drawdown are logarithms, which add up over trades.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qmac._checks import describe
from qmac.errors import OptionError
from qmac.strategy.metrics import LOGARITHMS, MEASURES, METRICS, suggest_metric


@dataclass(frozen=True)
class Objective:
    """A metric to rank by, and how its scores read."""

    metric: str
    """Key of ``MEASURES``."""
    maximize: bool
    """Whether the highest value is the best."""
    years: float
    """Length of the trading period, which turns growth into growth a year."""

    @property
    def sign(self) -> float:
        """Factor of the score by which rows are ranked, the highest product first."""
        return 1.0 if self.maximize else -1.0

    @property
    def highest(self) -> float:
        """The highest score whose value is finite."""
        return score_bounds(self.metric, -math.inf, sys.float_info.max, self.years)[1]

    def values(self, scores: np.ndarray) -> np.ndarray:
        """Return scores as values of the metric.

        Parameters
        ----------
        scores : ndarray
            Scores of the sweep, of any shape.

        Returns
        -------
        ndarray
            Values of the same shape.
        """
        return compute_values(self.metric, scores, self.years)

    def value(self, score: float) -> float:
        """Return one score as a value of the metric.

        Parameters
        ----------
        score : float
            A score of the sweep.

        Returns
        -------
        float
            Its value.
        """
        return float(self.values(np.array(score)))


def compute_values(metric: str, scores: np.ndarray, years: float) -> np.ndarray:
    """Return scores of the sweep as values of a metric.

    Parameters
    ----------
    metric : str
        Key of ``MEASURES``.
    scores : ndarray
        Scores, of any shape.
    years : float
        Length of the trading period.

    Returns
    -------
    ndarray
        Values of the same shape.
    """
    if metric not in LOGARITHMS:
        return scores
    with np.errstate(over="ignore"):  # two days, compounded to a year
        logarithms = scores / years if metric == "annualized_return" else scores
        return np.expm1(logarithms)


def compute_score(metric: str, value: float, years: float) -> float:
    """Return a value of a metric as a score of the sweep.

    Parameters
    ----------
    metric : str
        Key of ``MEASURES``.
    value : float
        A value.
    years : float
        Length of the trading period.

    Returns
    -------
    float
        Its score; minus infinity for a total loss and below.
    """
    if metric not in LOGARITHMS:
        return value
    score = math.log1p(value) if value > -1 else -math.inf
    return score * years if metric == "annualized_return" else score


@functools.lru_cache
def score_bounds(metric: str, low: float, high: float, years: float) -> tuple[float, float]:
    """Return the lowest and the highest score whose values lie within ``low ... high``.

    They are searched for among the values: by its formula the score of the next float above 0 can
    be that of 0.

    Parameters
    ----------
    metric : str
        Key of ``MEASURES``.
    low, high : float
        Bounds of the value, both allowed.
    years : float
        Length of the trading period.

    Returns
    -------
    tuple of float
        Lowest and highest score, infinite where there is none.
    """
    if metric not in LOGARITHMS:
        return low, high

    def value(score: float) -> float:
        return float(compute_values(metric, np.array(score), years))

    lowest = _find_least(lambda score: value(score) >= low)
    highest = -_find_least(lambda score: value(-score) <= high)
    return lowest, highest


def _find_least(holds: Callable[[float], bool]) -> float:
    """Return the least float for which a condition holds; infinity if there is none.

    The condition must hold for all floats above one for which it holds.
    """
    below, least = -math.inf, math.inf
    if holds(below):
        return below
    while True:
        place = (_place(below) + _place(least)) // 2
        middle = _float_at(place)
        if middle == below:
            return least
        if holds(middle):
            least = middle
        else:
            below = middle


def _place(number: float) -> int:
    """Return the place of a float64 among all of them; that of 0 is 0."""
    bits = int(np.float64(abs(number)).view(np.int64))
    return -bits if number < 0 else bits


def _float_at(place: int) -> float:
    magnitude = np.int64(abs(place)).view(np.float64)
    return math.copysign(float(magnitude), place)


def check_objective(metric: str) -> str:
    """Return the name of a metric, if it can be ranked by.

    Parameters
    ----------
    metric : str
        Name of the metric.

    Returns
    -------
    str
        The same.

    Raises
    ------
    OptionError
        If it is not known, or shown for the best rows only.
    """
    if isinstance(metric, str) and metric in MEASURES:
        return metric
    is_shown_only = isinstance(metric, str) and metric in METRICS
    reason = "cannot be ranked by" if is_shown_only else "is not known"
    raise OptionError(f"objective {describe(metric)} {reason}. {suggest_metric(metric)}")
