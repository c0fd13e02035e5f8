"""How the values of metrics are written."""

from __future__ import annotations

import math

PERCENT = frozenset(
    {
        "total_return", "annualized_return", "max_drawdown", "win_rate", "exposure", "return", "simple_return",
        "annualized_volatility", "best_trade", "worst_trade",
    }
)  # fmt: skip
HEADINGS = {
    "buy_fast": "buy",
    "buy_slow": "",
    "sell_fast": "sell",
    "sell_slow": "",
    "total_return": "total",
    "annualized_return": "a year",
    "max_drawdown": "drawdown",
    "total_trades": "trades",
    "win_rate": "won",
    "exposure": "held",
    "sharpe_ratio": "sharpe",
    "sortino_ratio": "sortino",
    "calmar_ratio": "calmar",
    "omega_ratio": "omega",
    "profit_factor": "profit f.",
    "expectancy": "expect.",
    "simple_return": "simple",
    "annualized_volatility": "volat.",
    "best_trade": "best",
    "worst_trade": "worst",
    "average_bars": "bars",
    "plateau": "plateau",
}
PROFITS = ("total_return", "annualized_return", "simple_return", "expectancy")
LARGE = 1e6
"""From here on, digits say less than an exponent."""


def number(name: str, value: float) -> str:
    """A metric with its unit; a dash where it is undefined. Minutes annualised may need an exponent.

    >>> number("annualized_return", 0.0848), number("annualized_return", 2.2e19), number("profit_factor", math.inf)
    ('8.5%', '2.2e+21%', 'inf')
    """
    if math.isnan(value):
        return "-"
    if abs(value) >= LARGE:
        return (
            f"{100 * value:.2g}%"
            if name in PERCENT and math.isfinite(100 * value)
            else f"{value:.3g}"
        )
    if name in PERCENT:
        return f"{value:.1%}"
    return f"{value:.0f}" if name == "total_trades" else f"{value:.2f}"
