"""What lies around a combination: every window set within a few steps of it, computed exactly.

The highest of a billion scores is high by luck, too. Where the window sets beside it do nearly as well it stands on a
plateau; where they do not it is a spike, and the next year will not find it again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac._checks import check_count
from qmac.engine.backtest.batch import evaluate
from qmac.engine.dataset.series import Series
from qmac.strategy.grid import ROLES, Combination, Grid
from qmac.strategy.rules import Rules

RADIUS = 2
"""Steps that are looked at unless told otherwise: 624 neighbours."""
MOST_STEPS = 10
"""194,481 window sets around one combination."""


@dataclass(frozen=True)
class Neighbourhood:
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
    infinite: int = 0
    """Of the undefined those that are infinite, and so better than any number."""

    @classmethod
    def of(cls, values: np.ndarray, maximize: bool) -> Neighbourhood:
        """From the objective of each neighbour, ``(N,)``."""
        defined = values[np.isfinite(values)]
        sign = 1.0 if maximize else -1.0
        infinite = int(np.count_nonzero(sign * values == np.inf))
        if defined.size == 0:
            return cls(values.size, values.size, np.nan, np.nan, np.nan, np.nan, infinite)
        ranked = np.where(np.isfinite(values), sign * values, -np.inf)
        median = sign * float(np.median(ranked))
        ends = float(defined.min()), float(defined.max())
        worst, best = ends if maximize else ends[::-1]
        share = float(np.count_nonzero(defined > 0) / values.size)
        median = median if np.isfinite(median) else np.nan
        return cls(values.size, values.size - defined.size, worst, median, best, share, infinite)


def find_neighbours(
    grid: Grid, combination: Sequence[int], radius: int = RADIUS
) -> tuple[np.ndarray, np.ndarray]:
    """The window sets of the grid at most ``radius`` steps away in each window, ``(N, 4)``, and the steps ``(N,)``.

    A step is from a window to the next one that the grid has for that average. The combination itself comes first, then
    the nearest; the steps of a window set are those of its furthest window.

    Raises
    ------
    GridError : the combination is not in the grid.
    OptionError : a radius below 0, or above 10.

    Examples
    --------
    >>> windows, steps = find_neighbours(Grid(windows=range(10, 101, 10)), (10, 50, 20, 100), radius=1)
    >>> windows[:2].tolist(), steps.shape, int(steps.sum())
    ([[10, 50, 20, 100], [10, 40, 20, 90]], (24,), 23)
    """
    check_count("radius", radius, 0, MOST_STEPS)
    grid.index(combination)
    moves = moves_within(radius)
    (buys, buyable), (sells, sellable) = (
        moved(grid, roles, np.array([combination[side]], np.int64), moves)
        for roles, side in ((ROLES[:2], slice(2)), (ROLES[2:], slice(2, 4)))
    )
    inside = (buyable[:, :, None] & sellable[:, None, :] & may_meet(grid, buys, sells))[0]
    buy, sell = np.nonzero(inside)
    found = np.concatenate((buys[0, buy], sells[0, sell]), axis=1)
    steps = np.maximum(*(np.abs(moves).max(axis=1)[side] for side in (buy, sell)))
    order = np.argsort(steps, kind="stable")
    return found[order], steps[order]


@functools.cache
def moves_within(radius: int) -> np.ndarray:
    """Every way to move two windows by at most ``radius`` steps each, ``(M, 2)`` int64, staying among them, in the middle."""
    moves = np.arange(-radius, radius + 1)
    return np.stack(np.meshgrid(moves, moves, indexing="ij"), axis=-1).reshape(-1, 2)


def moved(
    grid: Grid, roles: Sequence[str], pairs: np.ndarray, moves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the moves ``(M, 2)`` lead from pairs ``(K, 2)`` of one side of the grid: windows ``(K, M, 2)``, and whether those are
    in it, ``(K, M)``."""
    found = np.empty((len(pairs), len(moves), 2), np.int64)
    inside = np.ones(found.shape[:2], np.bool_)
    for k, role in enumerate(roles):
        windows = np.array(grid.roles[role], np.int64)
        places = np.searchsorted(windows, pairs[:, k])[:, None] + moves[:, k]
        inside &= (places >= 0) & (places < windows.size)
        found[:, :, k] = windows[np.clip(places, 0, windows.size - 1)]
    return found, inside & (found[:, :, 0] < found[:, :, 1])


def may_meet(grid: Grid, buys: np.ndarray, sells: np.ndarray) -> np.ndarray:
    """Whether buy pairs ``(K, B, 2)`` may stand with sell pairs ``(K, S, 2)``, ``(K, B, S)``: where a grid says so, without a
    window in common."""
    met = np.ones((len(buys), buys.shape[1], sells.shape[1]), np.bool_)
    if not grid.shared_windows:
        for k in range(2):
            for j in range(2):
                met &= buys[:, :, None, k] != sells[:, None, :, j]
    return met


def evaluate_around(
    series: Series, grid: Grid, rules: Rules, combination: Sequence[int], radius: int = RADIUS
) -> pd.DataFrame:
    """All metrics of a combination and its neighbours: the four windows, ``steps``, then every metric."""
    found, steps = find_neighbours(grid, combination, radius)
    frame = evaluate(series.prices, found.tolist(), rules, series.averages)
    frame.insert(len(ROLES), "steps", steps)
    return frame


def build_neighbourhoods(
    series: Series,
    grid: Grid,
    rules: Rules,
    combinations: Sequence[Combination],
    objective: str,
    maximize: bool,
    radii: Sequence[int] = (1, RADIUS),
) -> list[list[Neighbourhood]]:
    """For each combination its surroundings within each of ``radii``; neighbours of several are computed once."""
    blocks = [find_neighbours(grid, combination, max(radii)) for combination in combinations]
    if not blocks:
        return []
    every, places = np.unique(
        np.concatenate([windows for windows, _ in blocks]), axis=0, return_inverse=True
    )
    values = evaluate(series.prices, every.tolist(), rules, series.averages)[objective].to_numpy(
        np.float64
    )
    found, begin = [], 0
    for windows, steps in blocks:
        here = values[places.ravel()[begin : begin + len(windows)]]
        begin += len(windows)
        found.append(
            [Neighbourhood.of(here[(steps > 0) & (steps <= radius)], maximize) for radius in radii]
        )
    return found


def add_plateau(
    series: Series,
    grid: Grid,
    rules: Rules,
    top: pd.DataFrame,
    objective: str,
    maximize: bool,
    radius: int = RADIUS,
) -> pd.DataFrame:
    """The rows of ``top`` with the column ``plateau``: the median of the objective around them."""
    rows: list[Combination] = [tuple(row) for row in top[list(ROLES)].to_numpy(np.int64).tolist()]
    found = build_neighbourhoods(series, grid, rules, rows, objective, maximize, (radius,))
    return top.assign(plateau=[each[0].median for each in found])
