"""The column ``plateau`` of the best rows: what lies around each of them, swept with the run's own kernel.

Bar by bar, as ``neighbourhood`` does it, what lies around 100 rows took 0.45 s on 2,000 bars; swept it takes a hundredth of it.
"""

from __future__ import annotations

import numpy as np

from qmac.evaluation import Evaluator
from qmac.grid import Grid
from qmac.kernels.lists import Lists
from qmac.neighbourhood import RADIUS, moved, moves_within

AT_ONCE = 128
"""Rows whose surroundings are listed at a time, 3 MB of windows."""
MOST_SWEPT = 1 << 20
"""Combinations of a sweep: all are kept, 16 MiB."""

AS_BARS = 1 << 13
"""A row's plateau takes about as long as the replay of so many bars: 0.2 ms."""


def plateaus(evaluator: Evaluator, grid: Grid, combinations: np.ndarray) -> np.ndarray:
    """Median of the objective within two steps of each combination, itself left out: ``(K, 4)`` gives ``(K,)``.

    Neighbours without a finite objective count as the worst, as in ``neighbourhood.Surroundings``.
    """
    dataset = evaluator.dataset
    place_of = np.zeros(dataset.windows[-1] + 1, np.int32)
    place_of[list(dataset.windows)] = np.arange(len(dataset.windows))
    sides = [_list_of_pair(lists, len(dataset.windows)) for lists in (dataset.buys, dataset.sells)]
    moves = moves_within(RADIUS)
    moves = moves[moves.any(axis=1)]
    found = []
    for begin in range(0, len(combinations), AT_ONCE):
        near, inside = moved(grid, combinations[begin : begin + AT_ONCE], moves)
        places = place_of[near]
        buys = np.where(inside, sides[0][places[:, :, 0], places[:, :, 1]], -1)
        sells = np.where(inside, sides[1][places[:, :, 2], places[:, :, 3]], -1)
        found.append(_medians(evaluator, buys, sells))
    return np.concatenate(found)


def _list_of_pair(lists: Lists, windows: int) -> np.ndarray:
    """The list of each pair of windows, ``(W, W)`` int32 by their places; -1 where there is no such pair."""
    pairs = lists.pairs
    found = np.full((windows, windows), -1, np.int32)
    found[pairs.fast, pairs.slow] = np.repeat(np.arange(pairs.starts.size - 1), np.diff(pairs.starts))
    return found


def _medians(evaluator: Evaluator, buys: np.ndarray, sells: np.ndarray) -> np.ndarray:
    """For each row of lists ``(K, M)``, -1 for none, the median of what they score, ``(K,)``."""
    (buy_lists, buy_places), (sell_lists, sell_places) = _numbered(buys), _numbered(sells)
    if buy_lists.size * sell_lists.size > MOST_SWEPT and len(buys) > 1:
        half = len(buys) // 2
        return np.concatenate(
            (_medians(evaluator, buys[:half], sells[:half]), _medians(evaluator, buys[half:], sells[half:]))
        )
    if not buy_lists.size:
        return np.full(len(buys), np.nan)
    sign = evaluator.question.objective.sign
    values = sign * evaluator.values(buy_lists, sell_lists)
    values[np.isnan(values)] = -np.inf
    ranked = np.sort(
        np.where(buys >= 0, values[buy_places, sell_places], np.nan), axis=1
    )  # NaN, what is not there, last
    count = (buys >= 0).sum(axis=1)
    rows = np.arange(len(buys))
    lower, upper = ranked[rows, np.maximum(count - 1, 0) // 2], ranked[rows, count // 2]
    medians = sign * (lower + upper) / 2
    return np.where(np.isfinite(medians), medians, np.nan)


def _numbered(lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists that occur, ascending, and of each entry its place among them (any place for -1)."""
    occurs = np.zeros(lists.max() + 1, np.bool_)
    occurs[lists[lists >= 0]] = True
    places = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs).astype(np.int32), np.maximum(places[lists] if places.size else lists, 0)
