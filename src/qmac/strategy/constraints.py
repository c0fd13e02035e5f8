"""Bounds that a combination must keep, and how they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from qmac.errors import OptionError
from qmac.strategy.metrics import MEASURES, suggest_metric

Bounds = tuple[float | None, float | None]
Constraints = Mapping[str, Bounds]


def check_constraints(
    constraints: Constraints | None, min_trades: int
) -> dict[str, tuple[float, float]]:
    """Bounds by metric, as floats, ``min_trades`` among them; the infinite ones are open."""
    checked: dict[str, tuple[float, float]] = {}
    if constraints is not None and not isinstance(constraints, Mapping):
        raise OptionError(
            f"constraints are a {type(constraints).__name__}, but must be a mapping such as "
            '{"total_trades": (10, None)}.'
        )
    for metric, bounds in (constraints or {}).items():
        if metric not in MEASURES:
            raise OptionError(f"constraint on {metric!r}: no such metric. {suggest_metric(metric)}")
        try:
            low, high = bounds
            checked[metric] = (
                -math.inf if low is None else float(low),
                math.inf if high is None else float(high),
            )
        except (TypeError, ValueError):
            raise OptionError(
                f"constraint on {metric} is {bounds!r}, but must be (lowest, highest), None for no bound."
            ) from None
        if checked[metric][0] == math.inf or checked[metric][1] == -math.inf:
            raise OptionError(
                f"constraint on {metric} is {bounds!r}, which no finite value keeps. Give finite bounds."
            )
        if math.isnan(checked[metric][0]) or math.isnan(checked[metric][1]):
            raise OptionError(
                f"constraint on {metric} has a bound that is not a number: {bounds!r}."
            )
    if min_trades > 0:
        low, high = checked.get("total_trades", (-math.inf, math.inf))
        checked["total_trades"] = (max(low, float(min_trades)), high)
    for metric, (low, high) in checked.items():
        if low > high:
            raise OptionError(
                f"constraints on {metric} contradict each other: at least {low:g} and at most {high:g}. Drop one."
            )
    return checked


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
            raise OptionError(
                f"condition {text!r} is not understood. Write it as 'total_trades >= 10'."
            )
        metric, sign, number = match.groups()
        try:
            value = float(number)
        except ValueError:
            raise OptionError(f"condition {text!r}: {number!r} is not a number.") from None
        if metric == "total_trades" and sign in "<>" and math.isfinite(value):  # a whole number
            value, sign = (
                (math.floor(value) + 1, ">=") if sign == ">" else (math.ceil(value) - 1, "<=")
            )
        low = (
            value
            if sign in (">=", "==")
            else math.nextafter(value, math.inf)
            if sign == ">"
            else -math.inf
        )
        high = (
            value
            if sign in ("<=", "==")
            else math.nextafter(value, -math.inf)
            if sign == "<"
            else math.inf
        )
        before = bounds.get(metric, (-math.inf, math.inf))
        bounds[metric] = (max(low, before[0]), min(high, before[1]))
    return dict(bounds)
