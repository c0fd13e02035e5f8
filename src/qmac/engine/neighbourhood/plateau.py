"""The column ``plateau`` of the best rows: what lies around each, swept with the run's kernel.

Bar by bar, as ``neighbours`` does it, what lies around the best 100 rows takes forty to seventy
times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.engine.dataset.signals import MapFunction
from qmac.engine.neighbourhood.neighbours import (
    BUY,
    BUY_ROLES,
    RADIUS,
    SELL,
    SELL_ROLES,
    move_pairs,
    moves_within,
)
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.signals.event_lists import map_pairs_to_lists
from qmac.kernels.sweep.neighbors import gather_neighbours
from qmac.strategy.grid import Grid

ROWS_AT_ONCE = 128
"""Rows whose neighbourhoods are listed at a time, 3 MB of windows."""
SORTED_ROWS = 16
"""Rows whose neighbours are sorted in one call: a tenth of a millisecond."""
MOST_SWEPT = 1 << 20
"""Combinations of a sweep: all scores are stored, 16 MiB."""
AS_BARS = 1 << 14
"""A row's plateau takes about as long as the replay of so many bars: 10 to 50 us, the less the
nearer rows lie together."""


def compute_plateaus(
    evaluator: Evaluator, grid: Grid, combinations: np.ndarray, mapped: MapFunction = map
) -> np.ndarray:
    """Return the median of the objective within two steps of each combination, itself left out.

    Neighbours without a finite objective count as the worst, as in ``neighbours.Neighbourhood``.

    Parameters
    ----------
    evaluator : Evaluator
        Of the sweep that found the combinations.
    grid : Grid
        Windows of entries and exits.
    combinations : ndarray
        The four windows of each row, ``(K, 4)``.
    mapped : callable, optional
        Like ``map``; may spread small parts over threads.

    Returns
    -------
    ndarray
        ``(K,)`` float64; NaN where more than half of the neighbours have no finite objective.
    """
    windows = evaluator.dataset.windows
    sides = (evaluator.dataset.buys, evaluator.dataset.sells)
    tables = mapped(lambda lists: map_pairs_to_lists(lists.pairs, len(windows)), sides)
    buy_lists, sell_lists = tables
    places = np.zeros(windows[-1] + 1, np.int32)
    places[list(windows)] = np.arange(len(windows))
    medians = []
    for begin in range(0, len(combinations), ROWS_AT_ONCE):
        rows = combinations[begin : begin + ROWS_AT_ONCE]
        buys = _find_near_pairs(grid, BUY_ROLES, rows[:, BUY], buy_lists, places)
        sells = _find_near_pairs(grid, SELL_ROLES, rows[:, SELL], sell_lists, places)
        medians.append(_compute_medians(evaluator, buys, sells, mapped))
    return np.concatenate(medians)


class _NearPairs(NamedTuple):
    """Pairs of one side around K rows, M each."""

    pairs: np.ndarray
    """Windows, ``(K, M, 2)``."""
    lists: np.ndarray
    """Numbers of their lists in the dataset, ``(K, M)``; -1 outside the grid."""

    def select(self, rows: slice) -> _NearPairs:
        """Return the pairs around some of the rows."""
        return _NearPairs(self.pairs[rows], self.lists[rows])


def _find_near_pairs(
    grid: Grid,
    roles: tuple[str, ...],
    pairs: np.ndarray,
    lists: np.ndarray,
    places: np.ndarray,
) -> _NearPairs:
    """Return what lies around ``pairs (K, 2)``; ``lists (W, W)`` by ``places`` of windows."""
    near, is_inside = move_pairs(grid, roles, pairs, moves_within(RADIUS))
    fast, slow = places[near[:, :, 0]], places[near[:, :, 1]]
    return _NearPairs(near, np.where(is_inside, lists[fast, slow], -1))


def _compute_medians(
    evaluator: Evaluator, buys: _NearPairs, sells: _NearPairs, mapped: MapFunction
) -> np.ndarray:
    """Return the median of what lies around each row, ``(K,)``."""
    rows = len(buys.lists)
    buy_lists, buy_places = _number_lists(buys.lists)
    sell_lists, sell_places = _number_lists(sells.lists)
    if buy_lists.size * sell_lists.size > MOST_SWEPT and rows > 1:
        halves = slice(rows // 2), slice(rows // 2, None)
        parts = [
            _compute_medians(evaluator, buys.select(half), sells.select(half), mapped)
            for half in halves
        ]
        return np.concatenate(parts)
    spec = evaluator.spec
    sign = spec.objective.sign
    values = sign * evaluator.compute_values(buy_lists, sell_lists)
    values[np.isnan(values)] = -np.inf
    most = buys.lists.shape[1] * sells.lists.shape[1]

    def compute(begin: int) -> np.ndarray:
        part = slice(begin, begin + SORTED_ROWS)
        around = np.empty((len(buy_places[part]), most))
        counts = gather_neighbours(
            values,
            buy_places[part],
            sell_places[part],
            buys.pairs[part],
            sells.pairs[part],
            spec.shared_windows,
            around,
        )
        around.sort(axis=1)  # NaN last
        return _select_medians(around, counts)

    medians = sign * np.concatenate(list(mapped(compute, range(0, rows, SORTED_ROWS))))
    return np.where(np.isfinite(medians), medians, np.nan)


def _select_medians(ascending: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the median of the first ``counts[k]`` values of each row, ``(K,)``."""
    rows = np.arange(len(ascending))
    lower = np.maximum(counts - 1, 0) // 2
    upper = counts // 2
    medians: np.ndarray = (ascending[rows, lower] + ascending[rows, upper]) / 2
    return medians


def _number_lists(lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lists that occur and the place of each entry among them.

    Returns
    -------
    numbers : ndarray
        Ascending, int32.
    places : ndarray
        Shaped like ``lists``; -1 for no list.
    """
    shifted = lists + 1  # no list is at 0
    occurs = np.zeros(shifted.max() + 1, np.bool_)
    occurs[shifted] = True
    occurs[0] = False
    places = np.cumsum(occurs) - 1
    numbers = np.flatnonzero(occurs[1:])
    return numbers.astype(np.int32), places[shifted]
