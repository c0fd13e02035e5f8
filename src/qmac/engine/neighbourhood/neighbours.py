"""What lies around a combination: every window set within a few steps of it, computed exactly.

The highest of a billion scores is high by luck, too. Where the window sets beside it do nearly as
well it stands on a plateau; where they do not it is a spike, and the next year will not find it
again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac._checks import check_count
from qmac.engine.backtest.batch import replay_metrics
from qmac.engine.dataset.series import PreparedSeries
from qmac.strategy.grid import ROLES, Combination, Grid

RADIUS = 2
"""Default distance in steps: 624 neighbours."""
MOST_STEPS = 10
"""194,481 window sets around one combination."""
BUY_ROLES, SELL_ROLES = ROLES[:2], ROLES[2:]
BUY, SELL = slice(2), slice(2, 4)
"""Columns of a combination."""


@dataclass(frozen=True)
class Neighbourhood:
    """The objective over the neighbours of a combination, itself left out.

    Neighbours without a finite objective count as the worst of all; where they are more than half,
    ``median`` is NaN.
    """

    neighbours: int
    undefined: int
    """Neighbours without a finite objective."""
    worst: float
    """The worst of the finite objectives."""
    median: float
    best: float
    """The best of the finite objectives."""
    share_positive: float
    infinite: int = 0
    """Undefined ones that are infinite, and so better than any number."""

    @classmethod
    def from_values(cls, values: np.ndarray, maximize: bool) -> Neighbourhood:
        """Return the summary of the objective of each neighbour.

        Parameters
        ----------
        values : ndarray
            ``(N,)`` float64; NaN and infinities are undefined.
        maximize : bool
            Whether the highest is the best.

        Returns
        -------
        Neighbourhood
            NaN where no value is finite.
        """
        is_finite = np.isfinite(values)
        finite = values[is_finite]
        sign = 1.0 if maximize else -1.0
        median = low = high = share = np.nan
        if finite.size:
            ranked = np.where(is_finite, sign * values, -np.inf)
            median = sign * float(np.median(ranked))
            low, high = float(finite.min()), float(finite.max())
            share = float(np.count_nonzero(finite > 0) / values.size)
        return cls(
            neighbours=values.size,
            undefined=values.size - finite.size,
            worst=low if maximize else high,
            median=median if np.isfinite(median) else np.nan,
            best=high if maximize else low,
            share_positive=share,
            infinite=int(np.count_nonzero(sign * values == np.inf)),
        )


def find_neighbours(
    grid: Grid, combination: Sequence[int], radius: int = RADIUS
) -> tuple[np.ndarray, np.ndarray]:
    """Return the window sets of the grid at most ``radius`` steps away in each window.

    A step is from a window to the next one that the grid has for that average.

    Parameters
    ----------
    grid : Grid
        Windows of entries and exits.
    combination : sequence of int
        The four windows: buy fast, buy slow, sell fast, sell slow.
    radius : int, optional
        From 0 to 10.

    Returns
    -------
    windows : ndarray
        ``(N, 4)`` int64: the combination itself, then the nearest first.
    steps : ndarray
        Steps of the furthest window of each set, ``(N,)``.

    Raises
    ------
    GridError
        If the combination is not in the grid.
    OptionError
        If the radius is below 0 or above 10.

    Examples
    --------
    >>> grid = Grid(windows=range(10, 101, 10))
    >>> windows, steps = find_neighbours(grid, (10, 50, 20, 100), radius=1)
    >>> windows[:2].tolist(), steps.shape, int(steps.sum())
    ([[10, 50, 20, 100], [10, 40, 20, 90]], (24,), 23)
    """
    radius = check_count("radius", radius, 0, MOST_STEPS)
    grid.index(combination)
    moves = moves_within(radius)
    windows = np.array([combination], np.int64)
    buys, has_buy = move_pairs(grid, BUY_ROLES, windows[:, BUY], moves)
    sells, has_sell = move_pairs(grid, SELL_ROLES, windows[:, SELL], moves)
    is_inside = has_buy[:, :, None] & has_sell[:, None, :] & may_combine(grid, buys, sells)
    buy, sell = np.nonzero(is_inside[0])
    found = np.concatenate((buys[0, buy], sells[0, sell]), axis=1)
    distances = np.abs(moves).max(axis=1)
    steps = np.maximum(distances[buy], distances[sell])
    order = np.argsort(steps, kind="stable")
    return found[order], steps[order]


@functools.cache
def moves_within(radius: int) -> np.ndarray:
    """Return every way to move two windows by at most ``radius`` steps each.

    Returns
    -------
    ndarray
        ``(M, 2)`` int64; the move of no step is in the middle.
    """
    steps = np.arange(-radius, radius + 1)
    both = np.meshgrid(steps, steps, indexing="ij")
    return np.stack(both, axis=-1).reshape(-1, 2)


def move_pairs(
    grid: Grid, roles: Sequence[str], pairs: np.ndarray, moves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where moves lead from some pairs of one side of the grid.

    Parameters
    ----------
    grid : Grid
        Windows of entries and exits.
    roles : sequence of str
        The two averages of the side.
    pairs : ndarray
        Windows ``(K, 2)`` int64.
    moves : ndarray
        Steps ``(M, 2)`` int64.

    Returns
    -------
    windows : ndarray
        ``(K, M, 2)`` int64.
    is_inside : ndarray
        Whether the windows are a pair of the grid, ``(K, M)``.
    """
    moved = np.empty((len(pairs), len(moves), 2), np.int64)
    is_inside = np.ones(moved.shape[:2], np.bool_)
    for k, role in enumerate(roles):
        windows = np.array(grid.roles[role], np.int64)
        places = np.searchsorted(windows, pairs[:, k])[:, None] + moves[:, k]
        is_inside &= (places >= 0) & (places < windows.size)
        moved[:, :, k] = windows[np.clip(places, 0, windows.size - 1)]
    is_inside &= moved[:, :, 0] < moved[:, :, 1]
    return moved, is_inside


def may_combine(grid: Grid, buys: np.ndarray, sells: np.ndarray) -> np.ndarray:
    """Return whether buy and sell pairs may be combined; some grids forbid shared windows.

    Parameters
    ----------
    grid : Grid
        Windows of entries and exits.
    buys : ndarray
        Windows ``(K, B, 2)``.
    sells : ndarray
        Windows ``(K, S, 2)``.

    Returns
    -------
    ndarray
        ``(K, B, S)`` bool.
    """
    is_allowed = np.ones((len(buys), buys.shape[1], sells.shape[1]), np.bool_)
    if grid.shared_windows:
        return is_allowed
    for k in range(2):
        for j in range(2):
            is_allowed &= buys[:, :, None, k] != sells[:, None, :, j]
    return is_allowed


def evaluate_around(
    series: PreparedSeries, grid: Grid, combination: Sequence[int], radius: int = RADIUS
) -> pd.DataFrame:
    """Return all metrics of a combination and its neighbours.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Windows of entries and exits.
    combination : sequence of int
        The four windows.
    radius : int, optional
        Steps, from 0 to 10.

    Returns
    -------
    DataFrame
        The four windows, ``steps``, then every metric; the combination itself comes first.
    """
    windows, steps = find_neighbours(grid, combination, radius)
    frame = pd.DataFrame(replay_metrics(series, windows))
    frame.insert(len(ROLES), "steps", steps)
    return frame


def build_neighbourhoods(
    series: PreparedSeries,
    grid: Grid,
    combinations: Sequence[Combination],
    objective: str,
    maximize: bool,
    radii: Sequence[int] = (1, RADIUS),
) -> list[list[Neighbourhood]]:
    """Return the neighbourhoods of some combinations, each within several distances.

    Neighbours of several combinations are computed once.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Windows of entries and exits.
    combinations : sequence of tuple
        The four windows of each.
    objective : str
        A metric.
    maximize : bool
        Whether the highest is the best.
    radii : sequence of int, optional
        Steps, from 0 to 10.

    Returns
    -------
    list of list of Neighbourhood
        For each combination one for each of ``radii``.
    """
    if not combinations:
        return []
    blocks = [find_neighbours(grid, combination, max(radii)) for combination in combinations]
    every = np.concatenate([windows for windows, _ in blocks])
    windows, places = np.unique(every, axis=0, return_inverse=True)
    values = replay_metrics(series, windows)[objective].astype(np.float64)
    ends = np.cumsum([len(steps) for _, steps in blocks])
    around = np.split(values[places.ravel()], ends[:-1])
    return [
        _summarise_rings(near, steps, radii, maximize)
        for near, (_, steps) in zip(around, blocks, strict=True)
    ]


def _summarise_rings(
    values: np.ndarray, steps: np.ndarray, radii: Sequence[int], maximize: bool
) -> list[Neighbourhood]:
    """Return a summary of the values within each of ``radii``."""
    neighbourhoods = []
    for radius in radii:
        is_near = (steps > 0) & (steps <= radius)
        neighbourhoods.append(Neighbourhood.from_values(values[is_near], maximize))
    return neighbourhoods


def add_plateau(
    series: PreparedSeries,
    grid: Grid,
    top: pd.DataFrame,
    objective: str,
    maximize: bool,
    radius: int = RADIUS,
) -> pd.DataFrame:
    """Return rows with the column ``plateau``: the median of the objective around them.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Windows of entries and exits.
    top : DataFrame
        Rows with the four windows.
    objective : str
        A metric.
    maximize : bool
        Whether the highest is the best.
    radius : int, optional
        Steps, from 0 to 10.

    Returns
    -------
    DataFrame
        A copy; NaN where more than half of the neighbours have no finite objective.
    """
    windows = top[list(ROLES)].to_numpy(np.int64)
    rows: list[Combination] = [tuple(row) for row in windows.tolist()]
    around = build_neighbourhoods(series, grid, rows, objective, maximize, (radius,))
    return top.assign(plateau=[near[0].median for near in around])
