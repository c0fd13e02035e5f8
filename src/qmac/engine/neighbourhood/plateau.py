"""The column ``plateau`` of the best rows: what lies around each of them, swept with the run's own kernel.

Bar by bar, as ``neighbourhood`` does it, what lies around the best 100 rows takes forty to seventy times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.engine.dataset.signals import MapFunction
from qmac.engine.neighbourhood.neighbours import RADIUS, moved, moves_within
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.signals.event_lists import map_pairs_to_lists
from qmac.kernels.sweep.neighbors import gather_neighbours
from qmac.strategy.grid import ROLES, Grid

AT_ONCE = 128
"""Rows whose surroundings are listed at a time, 3 MB of windows."""
MOST_SWEPT = 1 << 20
"""Combinations of a sweep: all are kept, 16 MiB."""
AS_BARS = 1 << 14
"""A row's plateau takes about as long as the replay of so many bars: 10 to 50 us, the less the nearer rows lie together."""


def compute_plateaus(
    evaluator: Evaluator, grid: Grid, combinations: np.ndarray, mapped: MapFunction = map
) -> np.ndarray:
    """Median of the objective within two steps of each combination, itself left out: ``(K, 4)`` gives ``(K,)``.

    Neighbours without a finite objective count as the worst, as in ``neighbourhood.Surroundings``. ``mapped`` may spread
    small parts over threads.
    """
    dataset = evaluator.dataset
    place_of = np.zeros(dataset.windows[-1] + 1, np.int32)
    place_of[list(dataset.windows)] = np.arange(len(dataset.windows))
    moves = moves_within(RADIUS)
    by_windows = mapped(
        lambda lists: map_pairs_to_lists(lists.pairs, len(dataset.windows)),
        (dataset.buys, dataset.sells),
    )
    sides = list(zip((ROLES[:2], ROLES[2:]), (slice(2), slice(2, 4)), by_windows, strict=True))
    found = []
    for begin in range(0, len(combinations), AT_ONCE):
        near = []
        for roles, part, list_of in sides:
            pairs, inside = moved(grid, roles, combinations[begin : begin + AT_ONCE, part], moves)
            places = place_of[pairs]
            near.append(
                _Near(pairs, np.where(inside, list_of[places[:, :, 0], places[:, :, 1]], -1))
            )
        found.append(_medians(evaluator, *near))
    return np.concatenate(found)


class _Near(NamedTuple):
    """One side of what lies around K rows, M pairs each."""

    pairs: np.ndarray  # (K, M, 2) windows
    lists: np.ndarray  # (K, M) of the dataset, -1 for none

    def part(self, rows: slice) -> _Near:
        return _Near(self.pairs[rows], self.lists[rows])


def _medians(evaluator: Evaluator, buys: _Near, sells: _Near) -> np.ndarray:
    """For each row the median of what lies around it, ``(K,)``."""
    rows = len(buys.lists)
    (buy_lists, buy_places), (sell_lists, sell_places) = (
        _numbered(buys.lists),
        _numbered(sells.lists),
    )
    if buy_lists.size * sell_lists.size > MOST_SWEPT and rows > 1:
        halves = slice(rows // 2), slice(rows // 2, None)
        return np.concatenate(
            [_medians(evaluator, buys.part(half), sells.part(half)) for half in halves]
        )
    spec = evaluator.spec
    sign = spec.objective.sign
    values = sign * evaluator.compute_values(buy_lists, sell_lists)
    values[np.isnan(values)] = -np.inf
    around = np.empty((rows, buys.lists.shape[1] * sells.lists.shape[1]))
    counts = gather_neighbours(
        values, buy_places, sell_places, buys.pairs, sells.pairs, spec.shared_windows, around
    )
    around.sort(axis=1)  # NaN last
    middle = np.arange(rows)
    lower, upper = around[middle, np.maximum(counts - 1, 0) // 2], around[middle, counts // 2]
    medians = sign * (lower + upper) / 2
    return np.where(np.isfinite(medians), medians, np.nan)


def _numbered(lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists that occur, ascending, and of each entry its place among them; -1 stays."""
    occurs = np.zeros(lists.max() + 2, np.bool_)  # list n at n + 1
    occurs[lists + 1] = True
    occurs[0] = False
    places = np.cumsum(occurs) - 1  # that of none is -1
    return np.flatnonzero(occurs[1:]).astype(np.int32), places[lists + 1]
