"""What is stored of all scores: the best rows, a histogram, maps.

Updated row by row, folded block by block. Axes: ``N`` lists, ``W`` windows, ``L`` lanes (exit lists
of a block), ``K`` best rows, ``C`` constraints, ``B`` bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inlined, inner, jit, sealed, spliced
from qmac.kernels.compiler.lanes import (
    bits,
    bump,
    higher,
    load,
    lower,
    store,
    truncate,
    where,
    wide,
)

BINS = 2048


class Scale(NamedTuple):
    """How scores become integers, so that sums do not depend on their order."""

    score: float  # 1.5 * 2**(52 - k): adding it leaves round(score * 2**k) in the lowest bits
    score_zero: int  # the bits of ``score`` itself, less one count
    square: float  # the same for the square of a score
    square_zero: int
    count_shift: int  # a count is 2**count_shift: sums of scores and their number share one integer
    low: float  # left edge of the histogram
    bins_per_unit: float
    limit: float | None  # scores further from 0 count as this much in sums; None where none can be


class BlockLanes(NamedTuple):
    """Which exit pairs the lanes of a block stand for."""

    lists: np.ndarray  # (L,) int32, the exit list of each lane; -1 for none
    pairs: np.ndarray  # (1, L) int32, how many exit pairs a lane stands for
    alive: np.ndarray  # (1, L) unsigned, all ones, or 0 in a lane without a list
    free: np.ndarray  # (W, L) unsigned, all ones, or 0 where a pair of the lane has this window


class Margin(NamedTuple):
    """Each lane over the rows with one window in one role: maps in the making."""

    best: np.ndarray  # (W, L) float64
    sums: np.ndarray  # (W, L) int64, scores and counts


class Margins(NamedTuple):
    """A margin for each role of the window in the entry pair."""

    fast: Margin
    slow: Margin


class BlockSums(NamedTuple):
    """Counts of a block, weighted with the pairs of each row; a lane's come when it is closed."""

    passed: np.ndarray  # (1, L) int32
    positive: np.ndarray  # (1, L) int32
    removed: np.ndarray  # (C + 1, L) int32
    squares: np.ndarray  # (1, L) int64
    histogram: np.ndarray
    """``(SUBHISTOGRAMS, B + 1)`` uint32, with both weights; the last bin is for no score."""


class Row(NamedTuple):
    """The present row, for functions that look at single lanes."""

    scores: np.ndarray
    """``(1, L)`` float64, the higher the better, -inf for none; more rows to store whole blocks."""
    weights: np.ndarray  # (1, L) int32, combinations that share the window, see shared_windows
    units: np.ndarray  # (1, L) int64, scores
    ones: np.ndarray  # (1, L) int64, 1 where there is a score


class Heap(NamedTuple):
    """The K best combinations, the worst of them first."""

    scores: np.ndarray  # (K,) float64
    indices: np.ndarray  # (K,) int64, entry pair * S + exit pair
    size: np.ndarray  # (1,) int64


class Totals(NamedTuple):
    """Sums over all combinations."""

    counts: np.ndarray
    """``(4,)`` int64: evaluated, not filtered, scored, of these above the line as a metric."""
    removed: np.ndarray
    """``(C + 1,)`` int64: without a trade where one is required, then by each constraint."""
    histogram: np.ndarray  # (B,) int64
    squares: np.ndarray  # (2,) int64: high and low 32 bits of a sum that may pass 2**63


class Cells(NamedTuple):
    """The highest score, the sum of scores and their number, for whatever there is one of each."""

    best: np.ndarray  # float64, -inf where nothing is scored
    sums: np.ndarray  # int64
    counts: np.ndarray  # int64


class Tally(NamedTuple):
    """What a worker stores of all cells it has done.

    Maps are of the window pairs in ``reductions.PAIRS``. What is the same for all pairs of a list
    is stored by list; the maps of the two windows of one side hold only what is not.
    """

    heap: Heap
    totals: Totals
    lowest: np.ndarray  # (1,) float64
    entries: Cells  # (N,) of each entry list, over all exit pairs
    exits: Cells  # (N,) of each exit list
    maps: Cells  # (6, W, W)


@sealed
def offer(heap, score, index):
    """Add a combination if it is among the K best: higher scores first, then lower indices.

    Parameters
    ----------
    heap : Heap
        The best, updated in place.
    score : float
        Score of the combination.
    index : int
        Its index.
    """
    scores, indices, size = heap
    n = size[0]
    if n == scores.size:
        if score < scores[0] or (score == scores[0] and index > indices[0]):
            return
        place = _sink(scores, indices, n, score, index)
    else:
        size[0] = n + 1
        place = _rise(scores, indices, n, score, index)
    scores[place], indices[place] = score, index


@spliced
def _sink(scores, indices, n, score, index):
    """Take the worst out of a full heap: where the new one belongs, as the hole sinks."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= n:
            break
        other = child + 1
        if other < n and _is_worse(scores[other], indices[other], scores[child], indices[child]):
            child = other
        if scores[child] > score or (scores[child] == score and indices[child] < index):
            break
        scores[place], indices[place] = scores[child], indices[child]
        place = child
    return place


@spliced
def _rise(scores, indices, place, score, index):
    """Make room at the end of the heap: where the new one belongs, as the hole rises."""
    while place > 0:
        parent = (place - 1) // 2
        if _is_worse(scores[parent], indices[parent], score, index):
            break
        scores[place], indices[place] = scores[parent], indices[parent]
        place = parent
    return place


@spliced
def _is_worse(score, index, other_score, other_index):
    """Whether a combination comes after another one."""
    return score < other_score or (score == other_score and index > other_index)


@jit
def convert_to_metric(scores, sign):
    """Turn stored scores into the metric itself, in place; NaN where there is none.

    Parameters
    ----------
    scores : ndarray
        ``(N, L)``, -inf for none.
    sign : float
        -1.0 where the lowest is the best.
    """
    for n in range(scores.shape[0]):
        for lane in range(scores.shape[1]):
            score = scores[n, lane]
            has_score = score > -np.inf
            scores[n, lane] = score * sign + 0.0 if has_score else np.nan


@spliced
def add_row(array, row, values):
    """Add values ``(L,)`` to a row of an array ``(N, L)``."""
    store(array, row, load(array, row, values) + values)


@inlined
def _clip_scores(values, limit):
    """Bring scores within a limit, if there is one."""
    if limit is not None:
        return higher(lower(values, limit), -limit)
    return values


@spliced
def split_sum(packed, shift):
    """Split an integer that holds a sum of scores and their number.

    Parameters
    ----------
    packed : int
        Sum and number; the size of the sum is below half a count.
    shift : int
        ``Scale.count_shift``.

    Returns
    -------
    tuple of int
        Sum and number.
    """
    count = (packed + (1 << (shift - 1))) >> shift
    return packed - (count << shift), count


@spliced
def add_sums(counts, weights, factor, passed, scored, positive, values, sums, scale):
    """Add one row of scores to the sums of its block.

    Parameters
    ----------
    counts : vector
        ``(L,)`` weight of the row in each lane.
    weights, factor : ndarray, int
        ``(1, L)``; their product is the weight in the histogram.
    passed, scored, positive : vector
        Masks: not filtered, with a score, with a metric above the line.
    values : vector
        Scores.
    sums : BlockSums
        Updated.
    scale : Scale
        How scores become integers.

    Returns
    -------
    vector
        Scores as integers, each with one count; 0 for none.
    """
    summed = _clip_scores(values, scale.limit)
    none = counts ^ counts
    add_row(sums.passed, 0, where(passed, counts, none))
    add_row(sums.positive, 0, where(positive, counts, none))
    squares = where(scored, bits(summed * summed + scale.square) - scale.square_zero, 0)
    add_row(sums.squares, 0, squares * wide(counts))
    place = (values - scale.low) * scale.bins_per_unit
    place = lower(higher(where(scored, place, 0.0), 0.0), BINS - 1.0)
    bump(sums.histogram, where(scored, truncate(place), BINS), weights, factor)
    return where(scored, bits(summed + scale.score) - scale.score_zero, 0)


@inner
def flush_histogram(histogram, sign, into):
    """Fold the histogram of a block before its 32 bits overflow, and empty it.

    Parameters
    ----------
    histogram : ndarray
        ``(SUBHISTOGRAMS, B + 1)`` uint32.
    sign : int
        -1 where it is to be taken off.
    into : ndarray
        ``(B,)`` int64.
    """
    for k in range(histogram.shape[0]):
        for b in range(into.size):
            into[b] += sign * np.int64(histogram[k, b])
    histogram[:] = 0


@inner
def close_sums(sign, pairs, sums, totals):
    """Fold the sums of a block into the totals, and empty them.

    Parameters
    ----------
    sign : int
        -1 where they are to be taken off.
    pairs : ndarray
        ``BlockLanes.pairs``.
    sums : BlockSums
        Sums of the block.
    totals : Totals
        Updated.
    """
    for lane in range(pairs.shape[1]):
        weight = sign * np.int64(pairs[0, lane])
        totals.counts[1] += weight * sums.passed[0, lane]
        totals.counts[3] += weight * sums.positive[0, lane]
        for k in range(totals.removed.size):
            totals.removed[k] += weight * sums.removed[k, lane]
        squares = sums.squares[0, lane]
        totals.squares[0] += weight * (squares >> 32)
        totals.squares[1] += weight * (squares & 0xFFFFFFFF)
    sums.passed[:] = 0
    sums.positive[:] = 0
    sums.removed[:] = 0
    sums.squares[:] = 0
    flush_histogram(sums.histogram, sign, totals.histogram)
