"""What lies around a combination: every window set within a few steps of it, computed exactly.

The highest of a billion scores is high by luck, too. Where the window sets beside it do nearly as well it stands on a
plateau; where they do not it is a spike, and the next year will not find it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.config import Rules, check_count
from qmac.grid import ROLES, Combination, Grid
from qmac.series import Series
from qmac.simulation import evaluate

RADIUS = 2
"""Steps that are looked at unless told otherwise: 624 neighbours."""
MOST_STEPS = 10
"""194,481 window sets around one combination."""


@dataclass(frozen=True)
class Surroundings:
    """The objective over the neighbours of a combination, itself left out.

    Neighbours without a finite objective count as the worst of all; where they are more than half, ``median`` is NaN.
    """

    neighbours: int
    undefined: int
    worst: float
    """Of those that are defined."""
    median: float
    best: float
    share_positive: float

    @classmethod
    def of(cls, values: np.ndarray, maximize: bool) -> Surroundings:
        """From the objective of each neighbour, ``(N,)``."""
        defined = values[np.isfinite(values)]
        if defined.size == 0:
            return cls(values.size, values.size, np.nan, np.nan, np.nan, np.nan)
        sign = 1.0 if maximize else -1.0
        ranked = np.where(np.isfinite(values), sign * values, -np.inf)
        median = sign * float(np.median(ranked))
        ends = float(defined.min()), float(defined.max())
        worst, best = ends if maximize else ends[::-1]
        share = float(np.count_nonzero(defined > 0) / values.size)
        return cls(
            values.size, values.size - defined.size, worst, median if np.isfinite(median) else np.nan, best, share
        )


def neighbours(grid: Grid, combination: Sequence[int], radius: int = RADIUS) -> tuple[np.ndarray, np.ndarray]:
    """The window sets of the grid at most ``radius`` steps away in each window, ``(N, 4)``, and the steps ``(N,)``.

    A step is from a window to the next one that the grid has for that average. The combination itself comes first, then
    the nearest; the steps of a window set are those of its furthest window.

    Raises
    ------
    GridError : the combination is not in the grid.
    OptionError : a radius below 0, or above 10.

    Examples
    --------
    >>> windows, steps = neighbours(Grid(windows=range(10, 101, 10)), (10, 50, 20, 100), radius=1)
    >>> windows[:2].tolist(), steps.shape, int(steps.sum())
    ([[10, 50, 20, 100], [10, 40, 20, 90]], (24,), 23)
    """
    check_count("radius", radius, 0, MOST_STEPS)
    grid.index(combination)
    moves = moves_within(radius)
    found, inside = moved(grid, np.array([combination], np.int64), moves)
    found, steps = found[0][inside[0]], np.abs(moves).max(axis=1)[inside[0]]
    order = np.argsort(steps, kind="stable")
    return found[order], steps[order]


def moves_within(radius: int) -> np.ndarray:
    """Every way to move the four windows by at most ``radius`` steps each, ``(M, 4)`` int64, staying among them."""
    moves = np.arange(-radius, radius + 1)
    return np.stack(np.meshgrid(*[moves] * 4, indexing="ij"), axis=-1).reshape(-1, 4)


def moved(grid: Grid, combinations: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the moves ``(M, 4)`` lead from combinations ``(K, 4)`` of the grid: windows ``(K, M, 4)``, and whether those are
    in the grid, ``(K, M)``."""
    found = np.empty((len(combinations), len(moves), 4), np.int64)
    inside = np.ones(found.shape[:2], np.bool_)
    for k, role in enumerate(ROLES):
        windows = np.array(grid.roles[role], np.int64)
        places = np.searchsorted(windows, combinations[:, k])[:, None] + moves[:, k]
        inside &= (places >= 0) & (places < windows.size)
        found[:, :, k] = windows[np.clip(places, 0, windows.size - 1)]
    buy_fast, buy_slow, sell_fast, sell_slow = np.moveaxis(found, 2, 0)
    inside &= (buy_fast < buy_slow) & (sell_fast < sell_slow)
    if not grid.shared_windows:
        inside &= (buy_fast != sell_fast) & (buy_fast != sell_slow) & (buy_slow != sell_fast) & (buy_slow != sell_slow)
    return found, inside


def around(series: Series, grid: Grid, rules: Rules, combination: Sequence[int], radius: int = RADIUS) -> pd.DataFrame:
    """All metrics of a combination and its neighbours: the four windows, ``steps``, then every metric."""
    found, steps = neighbours(grid, combination, radius)
    frame = evaluate(series.prices, found.tolist(), rules, series.averages)
    frame.insert(len(ROLES), "steps", steps)
    return frame


def surroundings(
    series: Series,
    grid: Grid,
    rules: Rules,
    combinations: Sequence[Combination],
    objective: str,
    maximize: bool,
    radii: Sequence[int] = (1, RADIUS),
) -> list[list[Surroundings]]:
    """For each combination its surroundings within each of ``radii``; neighbours of several are computed once."""
    blocks = [neighbours(grid, combination, max(radii)) for combination in combinations]
    if not blocks:
        return []
    every, places = np.unique(np.concatenate([windows for windows, _ in blocks]), axis=0, return_inverse=True)
    values = evaluate(series.prices, every.tolist(), rules, series.averages)[objective].to_numpy(np.float64)
    found, begin = [], 0
    for windows, steps in blocks:
        here = values[places.ravel()[begin : begin + len(windows)]]
        begin += len(windows)
        found.append([Surroundings.of(here[(steps > 0) & (steps <= radius)], maximize) for radius in radii])
    return found


def with_plateau(
    series: Series, grid: Grid, rules: Rules, top: pd.DataFrame, objective: str, maximize: bool, radius: int = RADIUS
) -> pd.DataFrame:
    """The rows of ``top`` with the column ``plateau``: the median of the objective around them."""
    rows: list[Combination] = [tuple(row) for row in top[list(ROLES)].to_numpy(np.int64).tolist()]
    found = surroundings(series, grid, rules, rows, objective, maximize, (radius,))
    return top.assign(plateau=[each[0].median for each in found])
