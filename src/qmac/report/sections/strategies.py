"""The best rows as strategies: rows that make the same trades are one, each with its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
"""Steps of the grid within which neighbours are evaluated."""
MOST_ROWS = 1_000
"""Rows of a result that a report shows at most, the first ones."""
MOST_STEPS = 600_000_000
"""Bars of all neighbours together that are replayed: two seconds. Beyond, only the first strategies
get a neighbourhood."""
OVERHEAD = 400
"""Bars whose replay takes as long as a combination does whatever its bars (3 µs at 800 bars, 14 at
5,031)."""


@dataclass(frozen=True)
class Strategy:
    """Combinations of a result that make the very same trades, under the first of them."""

    rank: int
    combination: Combination
    window_sets: tuple[Combination, ...]
    """All of them, the first included."""
    metrics: dict[str, float]
    near: tuple[Neighbourhood, ...]
    """Neighbourhoods within 1 and 2 steps; empty where they were not evaluated."""


@dataclass(frozen=True)
class Strategies:
    """The best rows, grouped by trades."""

    total_rows: int
    """Rows of the result."""
    grouped_rows: int
    """Rows that were grouped: all, or the first 1,000."""
    evaluated: int
    """Strategies with a neighbourhood, the first ones."""
    rows: tuple[Strategy, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON.

        Returns
        -------
        dict
            By the keys of ``qmac report --json``.
        """
        return {
            "kept": self.total_rows,
            "folded": self.grouped_rows,
            "looked_around": self.evaluated,
            "rows": self.rows,
        }


def build_strategies(result: Result, series: Series) -> Strategies:
    """Return the best rows of a result grouped by trades, and the neighbourhood of each group.

    Parameters
    ----------
    result : Result
        Any result.
    series : Series
        Its prices and averages.

    Returns
    -------
    Strategies
        In the order of the rows.
    """
    top = result.top.head(MOST_ROWS)
    rows: list[Combination] = [tuple(row) for row in top[list(ROLES)].to_numpy(np.int64).tolist()]
    metrics = top[list(METRICS)].astype(float).to_dict("records")
    prepared = series.prepare(result.grid.windows, result.rules)
    numbers = group_by_trades(prepared, rows)
    groups = [np.flatnonzero(numbers == number).tolist() for number in np.unique(numbers)]
    firsts = [rows[group[0]] for group in groups]
    affordable = _count_affordable(result, firsts)
    near = build_neighbourhoods(
        prepared,
        result.grid,
        firsts[:affordable],
        result.objective,
        result.maximize,
        RADII,
    )
    strategies = [
        Strategy(
            rank=group[0] + 1,
            combination=firsts[number],
            window_sets=tuple(rows[row] for row in group),
            metrics={str(name): value for name, value in metrics[group[0]].items()},
            near=tuple(near[number]) if number < affordable else (),
        )
        for number, group in enumerate(groups)
    ]
    return Strategies(
        total_rows=len(result.top),
        grouped_rows=len(rows),
        evaluated=affordable,
        rows=tuple(strategies),
    )


def _count_affordable(result: Result, combinations: list[Combination]) -> int:
    """Return how many combinations get a neighbourhood within ``MOST_STEPS``.

    At least one, however many bars there are, if there is any combination.
    """
    steps_per_neighbour = result.prices["bars"] + OVERHEAD
    neighbours: set[tuple[int, ...]] = set()  # those of several combinations are computed once
    for number, combination in enumerate(combinations):
        windows, _ = find_neighbours(result.grid, combination, max(RADII))
        neighbours.update(map(tuple, windows.tolist()))
        if len(neighbours) * steps_per_neighbour > MOST_STEPS:
            return max(number, 1)
    return len(combinations)
