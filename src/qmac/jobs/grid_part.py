"""A part of a wide grid, from which an estimate of the whole takes a second or two.

The part has the windows of a few blocks of neighbours, spread evenly over the grid, so its pairs
are tiles of neighbouring pairs. What a sweep costs follows from the number of distinct event lists,
which neighbours share: from the lists in a tile and in its quarters follows how many there would be
in a larger one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import GridError
from qmac.kernels.signals.event_lists import Lists, limit_pairs
from qmac.strategy.grid import Grid
from qmac.strategy.pair_set import PairSet

BLOCKS = 8
"""Blocks of neighbouring windows."""
MOST_PAIRS, MOST_PAIR_BARS = 50_000, 250_000_000
"""Pairs of a grid that is measured as a whole, and their bars: its events are found within a
second."""
LEAST_BLOCK = 4


def choose_part(grid: Grid, bars: int) -> Grid:
    """Return the part of a grid that is measured: all of it, where that takes no longer.

    Parameters
    ----------
    grid : Grid
        Window sets.
    bars : int
        Bars of the series.

    Returns
    -------
    Grid
        With the windows of some blocks of neighbours.

    Examples
    --------
    >>> part = choose_part(Grid(windows=range(2, 5001)), bars=5031)
    >>> len(part.windows), part.windows[:3], part.windows[-1]
    (304, (295, 296, 297), 4707)
    """
    pairs = max(1, min(MOST_PAIRS, MOST_PAIR_BARS // bars))
    if max(grid.buys.size, grid.sells.size) <= pairs:
        return grid
    block = max(LEAST_BLOCK, math.isqrt(2 * pairs) // BLOCKS // 2 * 2)
    roles = {name: _choose_blocks(windows, block) for name, windows in grid.roles.items()}
    try:
        part = Grid(**roles, shared_windows=grid.shared_windows)
    except GridError:  # fast and slow windows lie apart
        return grid
    return part if part.buys.size and part.sells.size else grid


def _choose_blocks(windows: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Return blocks of neighbours from the middles of equal parts of some windows."""
    if len(windows) <= BLOCKS * block:
        return windows
    part = len(windows) / BLOCKS
    begins = [round((place + 0.5) * part - block / 2) for place in range(BLOCKS)]
    return tuple(window for begin in begins for window in windows[begin : begin + block])


@dataclass(frozen=True)
class Scale:
    """What a whole grid has, estimated from a part of it.

    Attributes
    ----------
    pairs : float
        Pairs of the whole for each of the part.
    cells : int
        Cells of the whole.
    added, taken_off : float
        Steps of the cells that add combinations, and of those that take off shared windows, for
        each step of the part's.
    more_lists : int
        Lists of entries and of exits that the part lacks.
    """

    pairs: float = 1.0
    cells: int = 0
    added: float = 1.0
    taken_off: float = 1.0
    more_lists: int = 0

    @classmethod
    def measure(cls, whole: Grid, part: Grid, evaluator: Evaluator) -> Scale:
        """Return the scale of a grid over a part of it.

        Parameters
        ----------
        whole, part : Grid
            The grid, and what ``choose_part`` returned.
        evaluator : Evaluator
            Of the part.

        Returns
        -------
        Scale
            All ones where the part is the whole.
        """
        if part is whole:
            return cls(cells=evaluator.work.size)
        dataset, lanes = evaluator.dataset, evaluator.spec.lanes
        buys = _count_lists(dataset.buys, part.buys, whole.buys)
        sells = buys
        if (part.sells.fast, part.sells.slow) != (part.buys.fast, part.buys.slow):
            sells = _count_lists(dataset.sells, part.sells, whole.sells)
        sells = max(sells, math.ceil(whole.sells.size / limit_pairs(len(whole.windows))))
        blocks, blocks_of_part = -(-sells // lanes), -(-dataset.sells.count // lanes)
        windows = 0 if whole.shared_windows else 2 * len(whole.windows)
        more = buys - dataset.buys.count + sells - dataset.sells.count
        return cls(
            pairs=(whole.buys.size + whole.sells.size) / (part.buys.size + part.sells.size),
            cells=blocks + windows,
            added=blocks * buys / (blocks_of_part * dataset.buys.count),
            taken_off=_scale_shared(whole, part, dataset),
            more_lists=max(more, 0),
        )


def _count_lists(lists: Lists, part: PairSet, whole: PairSet) -> int:
    """Return how many distinct lists the pairs of a whole grid have.

    A tile of b by b pairs touches ``a b^2 + c b + 1`` lists, if those are regions of pairs: ``a``
    is their density, and the sum over its quarters gives ``c``. The diagonal cuts tiles in two.
    """
    pairs = lists.pairs
    numbers = np.repeat(np.arange(lists.count), np.diff(pairs.starts))
    block = max(1, len(part.fast) // BLOCKS)
    fast, slow = (np.searchsorted(np.unique(places), places) for places in (pairs.fast, pairs.slow))
    in_tiles, sizes = _count_by_tile(numbers, fast // block, slow // block)
    half = max(1, block // 2)
    quarters = (fast % block) // half, (slow % block) // half
    tiles = _number_tiles(fast // block, slow // block)
    in_quarters = _count_in_quarters(numbers, tiles, *quarters)
    inner = np.where(
        sizes == block * block,
        2 * in_tiles - in_quarters + 2,
        # a triangle has 0.85 of the outline of its square, and 1.35 of it are those of its parts
        in_tiles - 1 - 1.7 * (in_quarters - in_tiles - 2),
    )
    is_whole = (sizes == block * block) | (sizes == block * (block - 1) // 2)
    inner = np.where(is_whole, np.clip(inner, 0, in_tiles), in_tiles)
    count = float(inner.sum()) * whole.size / part.size
    return max(lists.count, round(count))


def _number_tiles(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the tile of each pair, numbered from 0."""
    numbers: np.ndarray = np.unique(rows * (columns.max() + 1) + columns, return_inverse=True)[1]
    return numbers.ravel()


def _count_by_tile(
    numbers: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct lists and the pairs of each tile."""
    tiles = _number_tiles(rows, columns)
    seen = np.unique(tiles * np.int64(numbers.max() + 1) + numbers)
    return np.bincount(seen // (numbers.max() + 1)), np.bincount(tiles)


def _count_in_quarters(
    numbers: np.ndarray, tiles: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return the distinct lists of the four quarters of each tile, added up."""
    is_inside = (rows < 2) & (columns < 2)  # of an odd block, the last windows are left over
    quarter = (tiles * 4 + rows * 2 + columns)[is_inside]
    seen = np.unique(quarter * np.int64(numbers.max() + 1) + numbers[is_inside])
    counts = np.bincount(seen // (numbers.max() + 1), minlength=4 * (int(tiles.max()) + 1))
    sums: np.ndarray = counts.reshape(-1, 4).sum(axis=1)
    return sums


def _scale_shared(whole: Grid, part: Grid, dataset: Dataset) -> float:
    """Return the steps of all cells that take off shared windows, for each of the part's.

    A cell walks the lists of entries that hold its window, for each pair of exits that does.
    """
    windows, windows_of_part = len(whole.windows), len(part.windows)
    more_pairs = (whole.buys.size / windows) / (part.buys.size / windows_of_part)
    more_exits = (whole.sells.size / windows) / (part.sells.size / windows_of_part)
    buys = dataset.buys
    rows = np.diff(buys.fast_holders.starts) + np.diff(buys.slow_holders.starts)
    held = np.bincount(buys.pairs.fast, minlength=rows.size)
    held += np.bincount(buys.pairs.slow, minlength=rows.size)
    # along a line of pairs, each block begins with another list
    changes = np.clip((rows - BLOCKS) / np.maximum(held - BLOCKS, 1), 0, 1)
    more_rows = float((1 + changes * held * more_pairs).sum() / max(rows.sum(), 1))
    return windows / windows_of_part * more_exits * more_rows
