"""The best rows as strategies: those that make the same trades are one, and each stands in its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmac.engine.backtest.batch import group_by_trades
from qmac.engine.dataset.series import Series
from qmac.engine.neighbourhood.neighbours import (
    Neighbourhood,
    build_neighbourhoods,
    find_neighbours,
)
from qmac.results.result import Result
from qmac.strategy.grid import ROLES, Combination
from qmac.strategy.metrics import METRICS

RADII = (1, 2)
"""Steps within which the surroundings are looked at."""
MOST_ROWS = 1_000
"""Kept rows that a report looks at, the first ones."""
MOST_STEPS = 600_000_000
"""Bars of all neighbours together that are replayed: two seconds. Beyond, the first strategies only are looked around."""
OVERHEAD = 400
"""Bars whose replay costs as much as a combination does whatever its bars (3 µs at 800 bars, 14 at 5,031)."""


@dataclass(frozen=True)
class Strategy:
    """Kept combinations that make the very same trades, under the first of them."""

    rank: int
    combination: Combination
    window_sets: tuple[Combination, ...]
    """All of them, the first included."""
    metrics: dict[str, float]
    near: tuple[Neighbourhood, ...]
    """Within 1 and 2 steps; empty where it was not looked around."""


@dataclass(frozen=True)
class Strategies:
    """The best rows, folded."""

    kept: int
    folded: int
    """How many of the kept rows were looked at: all, or the first 1,000."""
    looked_around: int
    """Of how many strategies the surroundings are known."""
    rows: tuple[Strategy, ...]


def strategies_of(result: Result, series: Series) -> Strategies:
    """Fold the kept rows of a result and look around each that is left."""
    top = result.top.head(MOST_ROWS)
    rows: list[Combination] = [tuple(row) for row in top[list(ROLES)].to_numpy(np.int64).tolist()]
    prepared = series.prepare(result.grid.windows, result.rules)
    numbers = group_by_trades(prepared, rows)
    groups = [
        np.flatnonzero(numbers == number) for number in range(int(numbers.max(initial=-1)) + 1)
    ]
    heads = [rows[group[0]] for group in groups]
    affordable = _affordable(result, heads)
    near = build_neighbourhoods(
        prepared,
        result.grid,
        heads[:affordable],
        result.objective,
        result.maximize,
        RADII,
    )
    metrics = top[list(METRICS)].to_dict("records")
    return Strategies(
        kept=len(result.top),
        folded=len(rows),
        looked_around=affordable,
        rows=tuple(
            Strategy(
                rank=int(group[0]) + 1,
                combination=rows[group[0]],
                window_sets=tuple(rows[place] for place in group),
                metrics={str(name): float(value) for name, value in metrics[group[0]].items()},
                near=tuple(near[k]) if k < affordable else (),
            )
            for k, group in enumerate(groups)
        ),
    )


def _affordable(result: Result, heads: list[Combination]) -> int:
    """How many strategies can be looked around; at least one, unless a single one is out of reach."""
    seen: set[tuple[int, ...]] = set()
    for k, head in enumerate(heads):
        seen.update(map(tuple, find_neighbours(result.grid, head, max(RADII))[0].tolist()))
        if len(seen) * (result.prices["bars"] + OVERHEAD) > MOST_STEPS:
            return max(k, 1)
    return len(heads)
