"""Heatmaps of the objective over two windows each, and its profile over each window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.engine.sweep.reductions import PAIRS
from qmac.results.result import Result
from qmac.strategy.formatting import to_words
from qmac.strategy.grid import ROLES

MOST_CELLS = 256
"""Windows on a side; where there are more, several neighbouring windows share a cell."""


@dataclass(frozen=True, eq=False)
class Heatmap:
    """The objective over two of the four windows, aggregated over the other two."""

    objective: str
    rows: str
    columns: str
    stat: str
    row_windows: np.ndarray
    """``(R,)``, the mean of the windows that share a cell."""
    column_windows: np.ndarray
    """``(C,)``."""
    values: np.ndarray
    """``(R, C)``, NaN where nothing was scored."""
    combinations: int
    """Scored combinations in all."""
    block: int
    """Windows that share a cell, in each direction."""
    winner: tuple[int, int] | None
    """Row window and column window of the winner."""
    text: str
    """What was aggregated, in words."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The objective over one window, aggregated over the other three."""

    role: str
    windows: np.ndarray
    """``(W,)``."""
    best: np.ndarray
    """``(W,)``."""
    mean: np.ndarray
    """``(W,)``."""
    counts: np.ndarray
    """Scored combinations, ``(W,)``."""
    winner: int


@dataclass(frozen=True, eq=False)
class Heatmaps:
    """Three heatmaps (mean, best, count) of each pair of windows, and a profile of each window."""

    maps: tuple[tuple[Heatmap, Heatmap, Heatmap], ...]
    profiles: tuple[Profile, ...]


def build_heatmaps(result: Result) -> Heatmaps | None:
    """Return all heatmaps and profiles of a result.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    Heatmaps or None
        None if no combination was scored.
    """
    if result.best is None:
        return None
    best = "max" if result.maximize else "min"
    maps = []
    for fast, slow in PAIRS:
        best_map = build_heatmap(result, slow, fast, best)
        mean_map = build_heatmap(result, slow, fast, "mean")
        count_map = build_heatmap(result, slow, fast, "count")
        maps.append((mean_map, best_map, count_map))
    profiles = [_build_profile(result, role) for role in ROLES]
    return Heatmaps(tuple(maps), tuple(profiles))


def build_heatmap(result: Result, rows: str, columns: str, stat: str = "max") -> Heatmap:
    """Return one heatmap, coarser where it has more than 256 windows on a side.

    Parameters
    ----------
    result : Result
        Any result.
    rows, columns : str
        Two averages, such as ``"buy_slow"`` and ``"buy_fast"``.
    stat : str
        ``"best"``, which is ``"max"`` or ``"min"``, ``"mean"`` or ``"count"``.

    Returns
    -------
    Heatmap
        Values of the objective, or counts.

    Raises
    ------
    OptionError
        If an average or ``stat`` is not known.
    """
    counts = result.map(rows, columns, "count")
    block = -(-max(counts.shape) // MOST_CELLS)
    if stat == "best":
        stat = "max" if result.maximize else "min"
    winner = None
    if result.best is not None:
        best = dict(zip(ROLES, result.best, strict=True))
        winner = best[rows], best[columns]
    return Heatmap(
        objective=result.objective,
        rows=rows,
        columns=columns,
        stat=stat,
        row_windows=_compute_middles(counts.index, block),
        column_windows=_compute_middles(counts.columns, block),
        values=_compute_values(result, rows, columns, stat, counts, block),
        combinations=int(counts.to_numpy().sum()),
        block=block,
        winner=winner,
        text=_describe(result, rows, columns, stat, block),
    )


def _compute_values(
    result: Result, rows: str, columns: str, stat: str, counts: pd.DataFrame, block: int
) -> np.ndarray:
    """Return the values of a heatmap ``(R, C)``, NaN where nothing was scored."""
    weights = counts.to_numpy(np.float64)
    if stat == "count":
        sums = _merge_blocks(weights, block).sum(axis=(1, 3)) if block > 1 else weights
        return np.where(sums == 0, np.nan, sums)
    values = result.map(rows, columns, stat).to_numpy(np.float64)
    if block == 1:
        return values
    if stat != "mean":
        return _aggregate_extremes(values, stat, block)
    # the mean of a metric that is ranked as a logarithm is the value of the mean score
    scores = result.maps.mean_scores(result.grid, rows, columns).to_numpy()
    return result.distribution.objective.values(_aggregate_means(scores, weights, block))


def _describe(result: Result, rows: str, columns: str, stat: str, block: int) -> str:
    """Return what a heatmap shows, in words."""
    others = [to_words(role) for role in ROLES if role not in (rows, columns)]
    over, name = " and ".join(others), to_words(result.objective)
    texts = {
        "count": f"number of scored combinations, over all {over}",
        "mean": f"mean {name} over all {over}",
        "max": f"highest {name} over all {over} (a maximum hides luck)",
        "min": f"lowest {name} over all {over} (a minimum hides luck)",
    }
    return f"{texts[stat]}; {block} x {block} windows in a cell" if block > 1 else texts[stat]


def _compute_middles(windows: pd.Index, block: int) -> np.ndarray:
    """Return the mean of each ``block`` windows, and of the rest."""
    numbers = windows.to_numpy(np.float64)
    starts = range(0, numbers.size, block)
    return np.array([numbers[start : start + block].mean() for start in starts])


def _merge_blocks(array: np.ndarray, block: int, fill: float = 0.0) -> np.ndarray:
    """Return an array as blocks.

    Parameters
    ----------
    array : numpy.ndarray
        ``(H, W)``.
    block : int
        Rows and columns of a block.
    fill : float
        Value for NaN and beyond the edges of the array.

    Returns
    -------
    numpy.ndarray
        ``(R, block, C, block)``.
    """
    height, width = array.shape
    padding = [(0, -height % block), (0, -width % block)]
    filled = np.where(np.isnan(array), fill, array)
    padded = np.pad(filled, padding, constant_values=fill)
    rows, columns = padded.shape
    return padded.reshape(rows // block, block, columns // block, block)


def _aggregate_extremes(values: np.ndarray, stat: str, block: int) -> np.ndarray:
    """Return the maxima or minima of blocks, NaN where all are."""
    if stat == "max":
        extremes = _merge_blocks(values, block, -np.inf).max(axis=(1, 3))
    else:
        extremes = _merge_blocks(values, block, np.inf).min(axis=(1, 3))
    return np.where(np.isfinite(extremes), extremes, np.nan)


def _aggregate_means(means: np.ndarray, counts: np.ndarray, block: int) -> np.ndarray:
    """Return the means of blocks, weighted by counts."""
    weights = _merge_blocks(counts, block)
    sums = (_merge_blocks(means, block) * weights).sum(axis=(1, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / weights.sum(axis=(1, 3)))


def _build_profile(result: Result, role: str) -> Profile:
    """Return the profile of a window, from the maps of one pair that it is in."""
    assert result.best is not None
    number = next(number for number, pair in enumerate(PAIRS) if role in pair)
    axis = 1 - PAIRS[number].index(role)
    maps, objective = result.maps, result.distribution.objective
    best, means, counts = maps.best[number], maps.means[number], maps.counts[number]
    totals = counts.sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.where(counts > 0, means, 0) * counts).sum(axis=axis) / totals
    windows = np.array(result.grid.roles[role])
    places = np.searchsorted(np.array(result.grid.windows), windows)
    return Profile(
        role=role,
        windows=windows,
        best=objective.values(_reduce_best(best, axis, maximize=result.maximize)[places]),
        mean=objective.values(mean[places]),
        counts=totals[places],
        winner=result.best[ROLES.index(role)],
    )


def _reduce_best(scores: np.ndarray, axis: int, *, maximize: bool) -> np.ndarray:
    """Return the best scores along an axis, NaN where there is none."""
    if maximize:
        best = np.where(np.isnan(scores), -np.inf, scores).max(axis=axis)
    else:
        best = np.where(np.isnan(scores), np.inf, scores).min(axis=axis)
    return np.where(np.isfinite(best), best, np.nan)
