"""How the values of metrics are written."""

from __future__ import annotations

import math

from qmac.strategy.metrics import METRICS, Unit

UNITS: dict[str, Unit] = {name: metric.unit for name, metric in METRICS.items()}
UNITS |= {"return": "percent"}  # of one trade
HEADINGS = {
    "buy_fast": "buy",
    "buy_slow": "",
    "sell_fast": "sell",
    "sell_slow": "",
    **{name: metric.heading for name, metric in METRICS.items()},
    "plateau": "plateau",
}
"""Headings of the columns of a table in a terminal."""
LARGE = 1e6
"""From here on an exponent is written: digits would say less."""


def is_percent(name: str) -> bool:
    """Return whether a column is written in percent.

    Parameters
    ----------
    name : str
        A metric, or any other column.

    Returns
    -------
    bool
        True for fractions; False for other columns.
    """
    return UNITS.get(name) == "percent"


def format_value(name: str, value: float) -> str:
    """Return a value of a column with its unit; a dash where it is undefined.

    Parameters
    ----------
    name : str
        A metric, or ``"return"`` for that of a trade. Other names have no unit.
    value : float
        The value; a fraction where it is written in percent.

    Returns
    -------
    str
        Returns of minutes, annualised, may need an exponent.

    Examples
    --------
    >>> format_value("annualized_return", 0.0848)
    '8.5%'
    >>> format_value("annualized_return", 2.2e19)
    '2.2e+21%'
    >>> format_value("profit_factor", math.inf)
    'inf'
    """
    if math.isnan(value):
        return "-"
    percent = is_percent(name)
    if abs(value) >= LARGE:
        is_finite = math.isfinite(100 * value)
        return f"{100 * value:.2g}%" if percent and is_finite else f"{value:.3g}"
    if percent:
        return f"{value:.1%}"
    return f"{value:.0f}" if UNITS.get(name) == "count" else f"{value:.2f}"


def plural(count: int, noun: str) -> str:
    """Return a noun as it reads after a count.

    Parameters
    ----------
    count : int
        How many.
    noun : str
        In the singular.

    Returns
    -------
    str
        With an "s" unless there is one.

    Examples
    --------
    >>> plural(1, "trade"), plural(2, "trade")
    ('trade', 'trades')
    """
    return noun if count == 1 else f"{noun}s"
