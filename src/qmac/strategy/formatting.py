"""How the values of metrics are written."""

from __future__ import annotations

import math
from datetime import datetime

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
WORDS = {
    "annualized_return": "CAGR",
    "annualized_volatility": "volatility",
    "total_trades": "trades",
    "exposure": "time in market",
    "average_bars": "bars a trade",
    "sharpe_ratio": "Sharpe ratio",
    "sortino_ratio": "Sortino ratio",
    "calmar_ratio": "Calmar ratio",
    "omega_ratio": "Omega ratio",
}
"""Metrics as traders call them, where that is not their name; those of the explorer agree."""
LARGE = 1e6
"""From here on an exponent is written: digits would say less."""
WHOLE = 100
"""From here on percentages are whole numbers: 1,132,743 %."""

DAY_SECONDS = 86_400.0
SPAN_UNITS = (
    ("year", 365.25),
    ("month", 30.4375),
    ("day", 1.0),
    ("hour", 1 / 24),
    ("minute", 1 / 1440),
)
LEAST_UNITS, DECIMAL_UNITS = 2, 10
"""Units from which on a span is in them, and below which it has a decimal."""


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
        return f"{value:.1%}" if abs(value) < WHOLE else f"{value:,.0%}"
    return f"{value:.0f}" if UNITS.get(name) == "count" else f"{value:.2f}"


def to_words(name: str) -> str:
    """Return the name of a metric or of a window as it reads in a sentence.

    Parameters
    ----------
    name : str
        As options and columns spell it.

    Returns
    -------
    str
        As traders say it.

    Examples
    --------
    >>> to_words("sharpe_ratio"), to_words("annualized_return"), to_words("buy_fast")
    ('Sharpe ratio', 'CAGR', 'buy fast')
    """
    return WORDS.get(name, name.replace("_", " "))


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


def format_span(first: datetime, last: datetime) -> str:
    """Return how long it is from one date to another, in words.

    Parameters
    ----------
    first, last : datetime
        The dates.

    Returns
    -------
    str
        In minutes, hours, days, months or years, whichever reads best.

    Examples
    --------
    >>> from datetime import datetime
    >>> format_span(datetime(2026, 3, 2, 9, 30), datetime(2026, 3, 2, 16, 0))
    '6.5 hours'
    >>> format_span(datetime(2026, 3, 2), datetime(2026, 3, 13)), format_span(
    ...     datetime(2025, 3, 2), datetime(2026, 3, 2)
    ... )
    ('11 days', '12 months')
    """
    days = (last - first).total_seconds() / DAY_SECONDS
    fitting = [unit for unit in SPAN_UNITS if days >= LEAST_UNITS * unit[1]]
    unit, unit_days = (*fitting, SPAN_UNITS[-1])[0]
    amount = days / unit_days
    shown = f"{amount:.1f}".removesuffix(".0") if amount < DECIMAL_UNITS else f"{amount:,.0f}"
    return f"{shown} {unit if shown == '1' else unit + 's'}"
