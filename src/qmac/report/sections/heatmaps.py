"""The grid seen from above: six window-pair maps, and the profile of each window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.engine.sweep.reductions import PAIRS
from qmac.results.result import Result
from qmac.strategy.grid import ROLES

MOST_CELLS = 256
"""Windows of a side; where there are more, neighbouring ones are drawn as one."""


@dataclass(frozen=True, eq=False)
class Heatmap:
    """The objective over two of the four windows, aggregated over the other two."""

    objective: str
    rows: str
    columns: str
    stat: str
    row_windows: np.ndarray  # (R,) the middle of what is drawn as one
    column_windows: np.ndarray  # (C,)
    values: np.ndarray  # (R, C) NaN where nothing was scored
    combinations: int
    """Scored combinations in all."""
    block: int
    """Windows that are drawn as one, in each direction."""
    winner: tuple[int, int] | None
    """(row window, column window) of the best."""
    text: str
    """What was aggregated, in words."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The objective over one window, aggregated over the other three."""

    role: str
    windows: np.ndarray  # (W,)
    best: np.ndarray  # (W,)
    mean: np.ndarray  # (W,)
    counts: np.ndarray  # (W,)
    winner: int


@dataclass(frozen=True, eq=False)
class Heatmaps:
    """Maps by (rows, columns), three each: best, mean, count; and a profile for each window."""

    maps: tuple[tuple[Heatmap, Heatmap, Heatmap], ...]
    profiles: tuple[Profile, ...]


def heatmaps_of(result: Result) -> Heatmaps | None:
    """All maps and profiles of a result; None if nothing was scored."""
    if result.best is None:
        return None
    best = "max" if result.maximize else "min"
    maps = tuple(
        (
            map_of(result, slow, fast, best),
            map_of(result, slow, fast, "mean"),
            map_of(result, slow, fast, "count"),
        )
        for fast, slow in PAIRS
    )
    return Heatmaps(maps, tuple(_profile(result, role) for role in ROLES))


def map_of(result: Result, rows: str, columns: str, stat: str = "max") -> Heatmap:
    """One map, coarser where it has more than 256 windows a side.

    Raises
    ------
    OptionError : a window or stat that is not known.
    """
    counts = result.map(rows, columns, "count")
    frame = counts if stat == "count" else result.map(rows, columns, stat)
    block = -(-max(frame.shape) // MOST_CELLS)
    values = frame.to_numpy(np.float64)
    if block > 1 and stat == "mean":
        scores = result.maps.mean_scores(result.grid, rows, columns).to_numpy()
        values = result.distribution.objective.values(
            _coarse(scores, counts.to_numpy(np.float64), stat, block)
        )
    elif block > 1:
        values = _coarse(values, counts.to_numpy(np.float64), stat, block)
    values = np.where(values == 0, np.nan, values) if stat == "count" else values
    place = dict(zip(ROLES, result.best, strict=True)) if result.best else None
    return Heatmap(
        objective=result.objective,
        rows=rows,
        columns=columns,
        stat=stat,
        row_windows=_middles(frame.index, block),
        column_windows=_middles(frame.columns, block),
        values=values,
        combinations=int(counts.to_numpy().sum()),
        block=block,
        winner=(place[rows], place[columns]) if place else None,
        text=_text(result, rows, columns, stat, block),
    )


def _text(result: Result, rows: str, columns: str, stat: str, block: int) -> str:
    others = " and ".join(role.replace("_", " ") for role in ROLES if role not in (rows, columns))
    name = result.objective.replace("_", " ")
    if stat == "count":
        text = f"number of scored combinations, over all {others}"
    elif stat == "mean":
        text = f"mean {name} over all {others}"
    else:
        text = f"{'highest' if stat == 'max' else 'lowest'} {name} over all {others} (a {stat}imum hides luck)"
    return text + (f"; {block} x {block} windows as one" if block > 1 else "")


def _middles(windows: pd.Index, block: int) -> np.ndarray:
    numbers = windows.to_numpy(np.float64)
    return np.array([numbers[i : i + block].mean() for i in range(0, numbers.size, block)])


def _coarse(values: np.ndarray, counts: np.ndarray, stat: str, block: int) -> np.ndarray:
    """Blocks of windows as one: maxima of maxima, sums of counts, means weighted by counts."""
    height, width = (-(-size // block) * block for size in values.shape)
    padding = [(0, height - values.shape[0]), (0, width - values.shape[1])]

    def blocks(array: np.ndarray, fill: float) -> np.ndarray:
        padded = np.pad(np.where(np.isnan(array), fill, array), padding, constant_values=fill)
        return padded.reshape(height // block, block, width // block, block)

    total = blocks(counts, 0).sum(axis=(1, 3))
    if stat == "count":
        return np.asarray(total)
    if stat != "mean":
        found = (
            blocks(values, -np.inf).max(axis=(1, 3))
            if stat == "max"
            else blocks(values, np.inf).min(axis=(1, 3))
        )
        return np.where(np.isfinite(found), found, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((blocks(values, 0) * blocks(counts, 0)).sum(axis=(1, 3)) / total)


def _profile(result: Result, role: str) -> Profile:
    """From the map of the role with another: the best of a row, the mean weighted by counts."""
    which = next(k for k, pair in enumerate(PAIRS) if role in pair)
    axis = 1 - PAIRS[which].index(role)
    maps, objective = result.maps, result.distribution.objective
    best, means, counts = maps.best[which], maps.means[which], maps.counts[which]
    places = np.searchsorted(np.array(result.grid.windows), np.array(result.grid.roles[role]))
    edge = -np.inf if result.maximize else np.inf
    filled = np.where(np.isnan(best), edge, best)
    ends = filled.max(axis=axis) if result.maximize else filled.min(axis=axis)
    total = counts.sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.where(counts > 0, means, 0) * counts).sum(axis=axis) / total
    windows = dict(zip(ROLES, result.best or (0,) * 4, strict=True))
    return Profile(
        role=role,
        windows=np.array(result.grid.roles[role]),
        best=objective.values(np.where(np.isfinite(ends), ends, np.nan)[places]),
        mean=objective.values(mean[places]),
        counts=total[places],
        winner=windows[role],
    )
