"""What is asked of every combination: the metric to rank by, and bounds that others must keep.

A metric is computed by the sweep as a *score*. Most scores are the metric itself; growth and drawdown are
logarithms, in which they add up over trades.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qmac.errors import OptionError, suggestion
from qmac.kernels import measures

MEASURES = {
    "total_return": measures.GROWTH,
    "annualized_return": measures.GROWTH,
    "annualized_volatility": measures.VOLATILITY,
    "sharpe_ratio": measures.SHARPE,
    "sortino_ratio": measures.SORTINO,
    "calmar_ratio": measures.CALMAR,
    "omega_ratio": measures.OMEGA,
    "max_drawdown": measures.DRAWDOWN,
    "total_trades": measures.TRADES,
    "win_rate": measures.WIN_RATE,
    "profit_factor": measures.PROFIT_FACTOR,
    "expectancy": measures.EXPECTANCY,
    "simple_return": measures.SIMPLE_RETURN,
    "exposure": measures.EXPOSURE,
}
"""Metrics that the sweep computes for every combination."""

SHOWN_ONLY = ("best_trade", "worst_trade", "average_bars")
LOGARITHMS = ("total_return", "annualized_return", "max_drawdown")

Bounds = tuple[float | None, float | None]
Constraints = Mapping[str, Bounds]


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
        raise OptionError(f"objective {metric!r} is not known. {_known(metric)}")
    return metric


def check_constraints(constraints: Constraints | None, min_trades: int) -> dict[str, tuple[float, float]]:
    """Bounds by metric, as floats, ``min_trades`` among them; the infinite ones are open."""
    checked: dict[str, tuple[float, float]] = {}
    if constraints is not None and not isinstance(constraints, Mapping):
        raise OptionError(
            f"constraints are a {type(constraints).__name__}, but must be a mapping such as "
            '{"total_trades": (10, None)}.'
        )
    for metric, bounds in (constraints or {}).items():
        if metric not in MEASURES:
            raise OptionError(f"constraint on {metric!r}: no such metric. {_known(metric)}")
        try:
            low, high = bounds
            checked[metric] = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
        except (TypeError, ValueError):
            raise OptionError(
                f"constraint on {metric} is {bounds!r}, but must be (lowest, highest), None for no bound."
            ) from None
        if checked[metric][0] == math.inf or checked[metric][1] == -math.inf:
            raise OptionError(f"constraint on {metric} is {bounds!r}, which no finite value keeps. Give finite bounds.")
        if math.isnan(checked[metric][0]) or math.isnan(checked[metric][1]):
            raise OptionError(f"constraint on {metric} has a bound that is not a number: {bounds!r}.")
    if min_trades > 0:
        low, high = checked.get("total_trades", (-math.inf, math.inf))
        checked["total_trades"] = (max(low, float(min_trades)), high)
    for metric, (low, high) in checked.items():
        if low > high:
            raise OptionError(
                f"constraints on {metric} contradict each other: at least {low:g} and at most {high:g}. Drop one."
            )
    return checked


def _known(metric: object) -> str:
    if metric in SHOWN_ONLY:
        return f"It is shown for the best rows only. Of all combinations there are {', '.join(MEASURES)}."
    return suggestion(str(metric), MEASURES)


def limits_of(metric: str, bounds: Bounds) -> list[tuple[str, str]]:
    """The bounds as signs and numbers, which ``parse_conditions`` reads as the same.

    >>> limits_of("win_rate", (0.4, math.nextafter(0.9, 0)))
    [('>=', '0.4'), ('<', '0.9')]
    """
    found = []
    for bound, sign, outwards in zip(bounds, "><", (-math.inf, math.inf), strict=True):
        if bound is not None and bound != outwards:
            beyond = math.nextafter(bound, outwards)
            strict = metric != "total_trades" and len(_shortest(beyond)) < len(_shortest(bound))
            found.append((sign, _shortest(beyond)) if strict else (f"{sign}=", _shortest(bound)))
    return found


def _shortest(number: float) -> str:
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|>|<|==)\s*(\S+)\s*")


def parse_conditions(conditions: list[str]) -> dict[str, Bounds]:
    """Bounds from texts such as ``"total_trades >= 10"``; several on one metric must all hold.

    >>> parse_conditions(["win_rate >= 0.4", "win_rate <= 0.9"])
    {'win_rate': (0.4, 0.9)}
    """
    bounds: dict[str, tuple[float, float]] = {}
    for text in conditions:
        match = CONDITION.fullmatch(text)
        if match is None:
            raise OptionError(f"condition {text!r} is not understood. Write it as 'total_trades >= 10'.")
        metric, sign, number = match.groups()
        try:
            value = float(number)
        except ValueError:
            raise OptionError(f"condition {text!r}: {number!r} is not a number.") from None
        if metric == "total_trades" and sign in "<>" and math.isfinite(value):  # a whole number
            value, sign = (math.floor(value) + 1, ">=") if sign == ">" else (math.ceil(value) - 1, "<=")
        low = value if sign in (">=", "==") else math.nextafter(value, math.inf) if sign == ">" else -math.inf
        high = value if sign in ("<=", "==") else math.nextafter(value, -math.inf) if sign == "<" else math.inf
        before = bounds.get(metric, (-math.inf, math.inf))
        bounds[metric] = (max(low, before[0]), min(high, before[1]))
    return dict(bounds)
