"""Speed of the full grid by objective, with constraints and with stops.

    python -m benchmarks.objectives [--rounds 5]

All take turns with total_return.
"""

from __future__ import annotations

from typing import Any

import qmac
from benchmarks.measuring import (
    GRID,
    THREADS,
    Section,
    in_turn,
    ratios,
    rounds_from,
    seconds,
    spread,
)
from qmac.strategy.metrics import MEASURES

BARS = 2000
BOUNDS = {"total_trades": (10, None), "max_drawdown": (-0.25, None)}
STOPS = {"stop_loss": 0.1, "take_profit": 0.5, "trailing_stop": 0.15, "max_bars": 250}


def measure(rounds: int = 3) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "objectives",
        "By objective, constraint and stop",
        f"2,000 bars, full grid, {THREADS} threads, all reductions, million combinations/s; "
        "beside each the median ratio to the same conflict rule without a stop, or to "
        "total_return. Bounds are on trades and drawdown.",
        ("what", "million/s", "over the plain one"),
    )
    asked: dict[str, dict[str, Any]] = {metric: {"objective": metric} for metric in MEASURES}
    asked["total_return, bounded"] = {"constraints": BOUNDS}
    asked["sharpe_ratio, bounded"] = {"objective": "sharpe_ratio", "constraints": BOUNDS}
    for conflict in ("ignore", "opposite"):
        asked[f'conflict="{conflict}"'] = {"rules": qmac.Rules(conflict=conflict)}
        for name, value in STOPS.items():
            asked[f'conflict="{conflict}", {name}={value}'] = {
                "rules": qmac.Rules(conflict=conflict, **{name: value})
            }
    prices = qmac.sample_prices().tail(BARS)
    contenders = {
        name: lambda keywords=keywords: (
            GRID.size / seconds(lambda: qmac.optimize(prices, GRID, **keywords)) / 1e6
        )
        for name, keywords in asked.items()
    }
    rates = in_turn(contenders, rounds)
    for name, found in rates.items():
        plain = (
            rates[name.partition(",")[0]] if name.startswith("conflict") else rates["total_return"]
        )
        section.rows.append((name, spread(found), spread(ratios(found, plain), 2)))
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
