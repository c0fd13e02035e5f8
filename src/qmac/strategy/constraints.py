"""Constraints: bounds that a metric of a combination must satisfy, and how they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from qmac._checks import check_number, describe, is_number
from qmac.errors import OptionError
from qmac.strategy.defaults import DEFAULT_MIN_TRADES
from qmac.strategy.metrics import MEASURES, METRICS, suggest_metric

Bounds = tuple[float | None, float | None]
Constraints = Mapping[str, Bounds]
OPEN = (-math.inf, math.inf)
PERCENT = 100
TURNED = str.maketrans("<>", "><")
CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|>|<|==)\s*(\S+)\s*")


def check_constraints(
    constraints: Constraints | None, min_trades: int | None
) -> dict[str, tuple[float, float]]:
    """Return the bounds of each metric as floats, ``min_trades`` among them.

    Parameters
    ----------
    constraints : mapping of str to tuple, optional
        Lowest and highest value by metric, None for no bound.
    min_trades : int or None
        Lowest number of trades; 0 for no bound, None for the default where there is no other.

    Returns
    -------
    dict of str to tuple of float
        Lowest and highest value by metric, infinite for no bound.

    Raises
    ------
    OptionError
        If a metric is unknown, or no finite value satisfies its bounds.
    """
    if constraints is not None and not isinstance(constraints, Mapping):
        raise OptionError(
            f"constraints must be a mapping, got {type(constraints).__name__}. "
            'Use {"total_trades": (10, None)}.'
        )
    checked: dict[str, tuple[float, float]] = {}
    for metric, bounds in (constraints or {}).items():
        checked[metric] = _check_bounds(metric, bounds)
    if min_trades is None:
        min_trades = 0 if "total_trades" in checked else DEFAULT_MIN_TRADES
    if min_trades > 0:
        low, high = checked.get("total_trades", OPEN)
        checked["total_trades"] = (max(low, float(min_trades)), high)
    for metric, (low, high) in checked.items():
        if low > high:
            raise OptionError(
                f"constraints on {metric} contradict each other: at least {low:g} and at most "
                f"{high:g}. Drop one."
            )
    return checked


def _check_bounds(metric: str, bounds: Bounds) -> tuple[float, float]:
    """Return the bounds of one metric as floats."""
    if metric not in MEASURES:
        shown = describe(metric)
        raise OptionError(f"constraint on unknown metric {shown}. {suggest_metric(metric)}")
    subject = f"constraint on {metric}"
    if not _are_bounds(bounds):
        raise OptionError(
            f"{subject} must be (lowest, highest), got {describe(bounds)}. Use None for no bound."
        )
    lowest, highest = bounds
    low = -math.inf if lowest is None else check_number(subject, lowest)
    high = math.inf if highest is None else check_number(subject, highest)
    if low == math.inf or high == -math.inf:
        raise OptionError(
            f"{subject} is {describe(bounds)}, which no finite value satisfies. Use finite bounds."
        )
    if math.isnan(low) or math.isnan(high):
        raise OptionError(f"{subject} has a bound that is not a number: {describe(bounds)}.")
    return low, high


def find_oddities(constraints: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return a hint for each bound that every combination satisfies, or none.

    Parameters
    ----------
    constraints : mapping of str to tuple of float
        Lowest and highest value by metric, as ``check_constraints`` returns them.

    Returns
    -------
    list of str
        Sentences. Only metrics that are fractions are looked at: what is wrong with a bound of
        theirs is its sign, or that it is in percent.

    Examples
    --------
    >>> find_oddities({"win_rate": (50.0, math.inf)})[0].partition(": ")[2]
    'it is a fraction in [0, 1]. For 50 %: win_rate >= 0.5.'
    """
    hints = []
    for metric, (low, high) in constraints.items():
        least, most = METRICS[metric].bounds
        is_empty = low > most or high < least
        if low > most or (not is_empty and -math.inf < low < least):
            hints.append(_describe_oddity(metric, (low, math.inf), is_empty=is_empty))
        if high < least or (not is_empty and most < high < math.inf):
            hints.append(_describe_oddity(metric, (-math.inf, high), is_empty=is_empty))
    return hints


def _describe_oddity(metric: str, bounds: tuple[float, float], *, is_empty: bool) -> str:
    """Return why a bound is odd, and what it may be meant to be."""
    ((sign, number),) = format_bounds(metric, bounds)
    least, most = METRICS[metric].bounds
    span = f"in [{least:g}, {most:g}]" if most < math.inf else f"of at least {least:g}"
    text = (
        f"{metric} {sign} {number} holds for {'no' if is_empty else 'every'} combination: "
        f"it is a fraction {span}."
    )
    limit = float(number)
    fraction = limit if abs(limit) <= 1 else limit / PERCENT
    if most == 0 and fraction > 0:  # a drawdown without its sign
        fraction, sign = -fraction, sign.translate(TURNED)
    if least <= fraction <= most and fraction != limit:
        text += f" For {abs(fraction) * PERCENT:g} %: {metric} {sign} {fraction:g}."
    return text


def _are_bounds(bounds: Any) -> bool:
    """Return whether bounds are two numbers; a set and a text can have two items, too."""
    is_array = isinstance(bounds, np.ndarray) and bounds.ndim == 1
    is_pair = (isinstance(bounds, tuple | list) or is_array) and len(bounds) == 2
    return is_pair and all(bound is None or is_number(bound) for bound in bounds)


def format_bounds(metric: str, bounds: Bounds) -> list[tuple[str, str]]:
    """Return bounds as signs and numbers, as ``parse_conditions`` reads them.

    Parameters
    ----------
    metric : str
        The metric, which need not be known.
    bounds : tuple of float
        Lowest and highest value, None or infinite for no bound.

    Returns
    -------
    list of tuple of str
        Sign and number of each bound that there is.

    Examples
    --------
    >>> format_bounds("win_rate", (0.4, math.nextafter(0.9, 0)))
    [('>=', '0.4'), ('<', '0.9')]
    """
    low, high = bounds
    conditions = []
    if low is not None and low != -math.inf:
        conditions.append(_format_bound(metric, low, ">", -math.inf))
    if high is not None and high != math.inf:
        conditions.append(_format_bound(metric, high, "<", math.inf))
    return conditions


def _format_bound(metric: str, bound: float, sign: str, outwards: float) -> tuple[str, str]:
    """Return a bound as the limit just outside of it, where that is the shorter number."""
    inside, outside = _shortest(bound), _shortest(math.nextafter(bound, outwards))
    is_strict = len(outside) < len(inside) and not _is_count(metric)
    return (sign, outside) if is_strict else (f"{sign}=", inside)


def _shortest(number: float) -> str:
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def parse_conditions(conditions: list[str]) -> dict[str, Bounds]:
    """Return the bounds of each metric from texts; several on one metric must all hold.

    Parameters
    ----------
    conditions : list of str
        Such as ``"total_trades >= 10"``.

    Returns
    -------
    dict of str to tuple of float
        Lowest and highest value by metric, unchecked.

    Raises
    ------
    OptionError
        If a text has another form.

    Examples
    --------
    >>> parse_conditions(["win_rate >= 0.4", "win_rate <= 0.9"])
    {'win_rate': (0.4, 0.9)}
    """
    bounds: dict[str, tuple[float, float]] = {}
    for text in conditions:
        match = CONDITION.fullmatch(text)
        if match is None:
            raise OptionError(f"condition {text!r} is not understood. Use 'total_trades >= 10'.")
        metric, sign, number = match.groups()
        try:
            limit = float(number)
        except ValueError:
            raise OptionError(f"condition {text!r}: {number!r} is not a number.") from None
        low, high = _bounds_from_limit(metric, sign, limit)
        low_before, high_before = bounds.get(metric, OPEN)
        bounds[metric] = (max(low, low_before), min(high, high_before))
    return dict(bounds)


def _bounds_from_limit(metric: str, sign: str, limit: float) -> tuple[float, float]:
    """Return the lowest and the highest value that a condition allows."""
    if _is_count(metric) and math.isfinite(limit):
        above, below = float(math.floor(limit) + 1), float(math.ceil(limit) - 1)
    else:
        above, below = math.nextafter(limit, math.inf), math.nextafter(limit, -math.inf)
    bounds_by_sign = {
        ">": (above, math.inf),
        ">=": (limit, math.inf),
        "==": (limit, limit),
        "<=": (-math.inf, limit),
        "<": (-math.inf, below),
    }
    return bounds_by_sign[sign]


def _is_count(metric: str) -> bool:
    """Return whether the values of a metric are whole numbers."""
    return metric in METRICS and METRICS[metric].unit == "count"
