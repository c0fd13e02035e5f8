"""The column ``plateau`` of the best rows: what lies around each of them, swept with the run's own kernel.

Bar by bar, as ``neighbourhood`` does it, what lies around the best 100 rows takes forty to seventy times as long.
"""

from __future__ import annotations

import numpy as np

from qmac.evaluation import Evaluator
from qmac.grid import ROLES, Grid
from qmac.kernels.lists import list_of_pair
from qmac.neighbourhood import RADIUS, may_meet, moved, moves_within

AT_ONCE = 128
"""Rows whose surroundings are listed at a time, 3 MB of windows."""
MOST_SWEPT = 1 << 20
"""Combinations of a sweep: all are kept, 16 MiB."""

AS_BARS = 1 << 17
"""A row's plateau takes about as long as the replay of so many bars: 0.2 to 0.4 ms; a tenth of it where rows lie together."""


def plateaus(evaluator: Evaluator, grid: Grid, combinations: np.ndarray) -> np.ndarray:
    """Median of the objective within two steps of each combination, itself left out: ``(K, 4)`` gives ``(K,)``.

    Neighbours without a finite objective count as the worst, as in ``neighbourhood.Surroundings``.
    """
    dataset = evaluator.dataset
    place_of = np.zeros(dataset.windows[-1] + 1, np.int32)
    place_of[list(dataset.windows)] = np.arange(len(dataset.windows))
    moves = moves_within(RADIUS)
    middle = len(moves) // 2
    sides = [
        (roles, part, list_of_pair(lists.pairs, len(dataset.windows)))
        for roles, part, lists in ((ROLES[:2], slice(2), dataset.buys), (ROLES[2:], slice(2, 4), dataset.sells))
    ]
    found = []
    for begin in range(0, len(combinations), AT_ONCE):
        near, lists = [], []
        for roles, part, list_of in sides:
            pairs, inside = moved(grid, roles, combinations[begin : begin + AT_ONCE, part], moves)
            places = place_of[pairs]
            near.append(pairs)
            lists.append(np.where(inside, list_of[places[:, :, 0], places[:, :, 1]], -1))
        (buy_pairs, sell_pairs), (buys, sells) = near, lists
        there = may_meet(grid, buy_pairs, sell_pairs)
        there[:, middle, middle] = False
        found.append(_medians(evaluator, buys, sells, there))
    return np.concatenate(found)


def _medians(evaluator: Evaluator, buys: np.ndarray, sells: np.ndarray, there: np.ndarray) -> np.ndarray:
    """For each row of lists ``(K, B)`` and ``(K, S)``, -1 for none, the median of what those score that are there ``(K, B, S)``."""
    (buy_lists, buy_places), (sell_lists, sell_places) = _numbered(buys), _numbered(sells)
    if buy_lists.size * sell_lists.size > MOST_SWEPT and len(buys) > 1:
        half = len(buys) // 2
        halves = slice(half), slice(half, None)
        return np.concatenate([_medians(evaluator, buys[part], sells[part], there[part]) for part in halves])
    there = there & (buys >= 0)[:, :, None] & (sells >= 0)[:, None, :]
    sign = evaluator.question.objective.sign
    values = sign * evaluator.values(buy_lists, sell_lists)
    values[np.isnan(values)] = -np.inf
    near = np.where(there, values[buy_places[:, :, None], sell_places[:, None, :]], np.nan).reshape(len(buys), -1)
    ranked = np.sort(near, axis=1)  # NaN, what is not there, last
    count = there.sum(axis=(1, 2))
    rows = np.arange(len(buys))
    lower, upper = ranked[rows, np.maximum(count - 1, 0) // 2], ranked[rows, count // 2]
    medians = sign * (lower + upper) / 2
    return np.where(np.isfinite(medians), medians, np.nan)


def _numbered(lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists that occur, ascending, and of each entry its place among them (any place for -1)."""
    occurs = np.zeros(lists.max() + 1, np.bool_)
    occurs[lists[lists >= 0]] = True
    places = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs).astype(np.int32), np.maximum(places[lists], 0)
