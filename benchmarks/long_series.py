"""Cost of a (entry, combination) from 2,000 to 500,000 bars.

python -m benchmarks.long_series [--rounds 3]
"""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd

import qmac
from benchmarks.measuring import (
    THREADS,
    Section,
    entries_per_pair,
    in_turn,
    rounds_from,
    seconds,
    spread,
)

BARS = (2_000, 20_000, 100_000, 500_000)
REFERENCE = 20_000
"""Bars of the second comparison: 2,000 take 0.08 s, half of it a fixed cost."""
GRID = qmac.Grid(windows=range(2, 253, 3))


def minutes(bars: int) -> qmac.Prices:
    """A random walk in cents, minute by minute."""
    moves = np.random.default_rng(7).normal(0, 0.0005, bars)
    index = pd.date_range("2015-01-01", periods=bars, freq="min")
    return qmac.Prices.of(
        pd.DataFrame({"Close": np.round(100 * np.exp(np.cumsum(moves)), 2)}, index=index)
    )


def measure(rounds: int = 3) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "long_series",
        "Long series",
        f"Windows 2:252:3 ({GRID.size:,} combinations), random-walk minutes in cents, "
        f"total_return, {THREADS} threads, whole `qmac.optimize` calls. Cost is core time for one "
        "entry of one combination, preparation included.",
        (
            "bars",
            "entries a pair",
            "seconds",
            "ns per (entry, combination), a core",
            f"over {BARS[0]:,} bars",
            f"over {REFERENCE:,}",
        ),
    )
    found = {}
    for bars in BARS:
        prices = minutes(bars)
        entries = entries_per_pair(prices, GRID)
        times = in_turn(
            {"qmac": lambda prices=prices: seconds(lambda: qmac.optimize(prices, GRID))}, rounds
        )["qmac"]
        found[bars] = entries, times, [time * THREADS * 1e9 / GRID.size / entries for time in times]
    for bars, (entries, times, costs) in found.items():
        over = [
            statistics.median(costs) / statistics.median(found[base][2])
            for base in (BARS[0], REFERENCE)
        ]
        section.rows.append(
            (
                f"{bars:,}",
                f"{entries:,.0f}",
                spread(times, 2),
                spread(costs, 2),
                *(f"{ratio:.2f}" for ratio in over),
            )
        )
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
