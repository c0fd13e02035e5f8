"""What is kept of all scores: the best rows, a histogram, maps. Updated row by row, folded block by block.

Axes: ``W`` windows, ``P`` buy pairs, ``L`` lanes (sell pairs of a block), ``K`` kept, ``B`` bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, sealed
from qmac.kernels.lanes import bits, bump, higher, load, lower, store, truncate, where, wide

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


class Block(NamedTuple):
    """Summaries of one lane block, folded into the Tally when the block is done.

    A lane stands for ``members`` sell pairs, a row for as many buy pairs as it has: what is summed
    here is weighted with the row's, and with the lane's when the block is closed.
    """

    lanes: np.ndarray  # (L,) int32, the exit list of each lane; -1 for none
    members: np.ndarray  # (1, L) int32, the pairs of each lane
    alive: np.ndarray  # (1, L) unsigned, all ones, or 0 in a lane without a list
    keep: np.ndarray  # (W, L) unsigned, all ones, or 0 where a pair of the lane has this window
    fast_max: np.ndarray  # (W, L) float64 over the rows with this fast window
    fast_sum: np.ndarray  # (W, L) int64, scores and counts
    slow_max: np.ndarray
    slow_sum: np.ndarray
    histogram: np.ndarray  # (SUBHISTOGRAMS, B + 1) uint32; the last bin takes what is not scored
    pending: np.ndarray  # (1,) int64, combinations in the histogram
    pairs: np.ndarray  # (1,) int64, the sell pairs of the block
    least: np.ndarray  # (1,) int64, the lowest sell pair of the block
    squares: np.ndarray  # (1, L) int64
    passed: np.ndarray  # (1, L) int32
    positive: np.ndarray  # (1, L) int32
    removed: np.ndarray  # (C + 1, L) int32
    scores: np.ndarray  # (1, L) float64, of the row at hand
    clean: np.ndarray  # (1, L) unsigned, not 0 where neither list of it has a window of the other
    # Only where combinations that share a window are taken off, see shared:
    weights: np.ndarray  # (1, L) int32, combinations of row and lane
    units: np.ndarray  # (1, L) int64, scores of the row
    ones: np.ndarray  # (1, L) int64, 1 where there is a score
    others: np.ndarray  # (L,) int32, the window of the lane's pair that is not the shared one
    places: np.ndarray  # (W,) int32, the lane of that window, or -1
    lane_sum: np.ndarray  # (2, L) int64, by the shared window's role in the buy pair
    lane_count: np.ndarray  # (2, L) int64


class Tally(NamedTuple):
    """What a worker keeps of all units it has done.

    Maps are of (buy_fast, buy_slow), (sell_fast, sell_slow) and then of a buy and a sell window, see
    reductions.PAIRS. What is the same for all pairs of a list is kept by list, and the first two maps
    hold only what is not.
    """

    heap_score: np.ndarray  # (K,) float64, the worst kept row first
    heap_index: np.ndarray  # (K,) int64, buy pair * S + sell pair
    heap_size: np.ndarray  # (1,) int64
    counts: np.ndarray  # (4,) int64: evaluated, not filtered, scored, of these above zero as a metric
    removed: np.ndarray  # (C + 1,) int64: without a trade where one is asked for, then by each constraint
    histogram: np.ndarray  # (B,) int64
    lowest: np.ndarray  # (1,) float64
    squares: np.ndarray  # (2,) int64: high and low 32 bits of a sum that may pass 2**63
    buy_max: np.ndarray  # (N,) float64: each buy list over all sell pairs
    buy_sum: np.ndarray  # (N,) int64
    buy_count: np.ndarray  # (N,) int64
    sell_max: np.ndarray  # of each sell list
    sell_sum: np.ndarray
    sell_count: np.ndarray
    map_max: np.ndarray  # (6, W, W) float64
    map_sum: np.ndarray  # (6, W, W) int64
    map_count: np.ndarray  # (6, W, W) int64


@sealed
def offer(heap_score, heap_index, heap_size, score, index):
    """Keep (score, index) if it is among the K best: higher scores first, then lower indices."""
    n = heap_size[0]
    if n == heap_score.size:
        if score < heap_score[0] or (score == heap_score[0] and index > heap_index[0]):
            return
        place = 0
        while True:  # take the worst out: sift the hole down
            child = 2 * place + 1
            if child >= n:
                break
            other = child + 1
            if other < n and (
                heap_score[other] < heap_score[child]
                or (heap_score[other] == heap_score[child] and heap_index[other] > heap_index[child])
            ):
                child = other
            if heap_score[child] > score or (heap_score[child] == score and heap_index[child] < index):
                break
            heap_score[place], heap_index[place] = heap_score[child], heap_index[child]
            place = child
    else:
        place = n
        heap_size[0] = n + 1
        while place > 0:
            parent = (place - 1) // 2
            if heap_score[parent] < score or (heap_score[parent] == score and heap_index[parent] > index):
                break
            heap_score[place], heap_index[place] = heap_score[parent], heap_index[parent]
            place = parent
    heap_score[place], heap_index[place] = score, index


@inlined
def add_row(array, row, values):
    store(array, row, load(array, row, values) + values)


@inlined
def limited(values, limit):
    if limit is not None:
        return higher(lower(values, limit), -limit)
    return values


@inlined
def parted(packed, shift):
    """Sum of scores and count from the integer that holds both; |sum| is below half a count."""
    count = (packed + (1 << (shift - 1))) >> shift
    return packed - (count << shift), count


@inlined
def add_weighted(counts, weights, factor, passed, scored, positive, values, block, scale):
    """Add one row of scores to the sums of its block; returns the scores as integers.

    ``counts (L,)`` is the weight of the row in each lane; in the histogram it is ``weights (1, L)`` times ``factor``.
    """
    summed = limited(values, scale.limit)
    none = counts ^ counts
    add_row(block.passed, 0, where(passed, counts, none))
    add_row(block.positive, 0, where(positive, counts, none))
    squares = where(scored, bits(summed * summed + scale.square) - scale.square_zero, 0)
    add_row(block.squares, 0, squares * wide(counts))
    place = (values - scale.low) * scale.bins_per_unit
    place = lower(higher(where(scored, place, 0.0), 0.0), BINS - 1.0)
    bump(block.histogram, where(scored, truncate(place), BINS), weights, factor)
    return where(scored, bits(summed + scale.score) - scale.score_zero, 0)


@sealed
def flush_histogram(block, sign, tally):
    """Fold the histogram of the block before its 32 bits overflow."""
    for k in range(block.histogram.shape[0]):
        for b in range(tally.histogram.size):
            tally.histogram[b] += sign * np.int64(block.histogram[k, b])
    block.histogram[:] = 0
    block.pending[0] = 0


@sealed
def close_sums(width, sign, block, tally):
    """Fold what both kinds of blocks have, and empty it: counts, squares, histogram."""
    for lane in range(len(width)):
        members = sign * np.int64(block.members[0, lane])
        tally.counts[1] += members * block.passed[0, lane]
        tally.counts[3] += members * block.positive[0, lane]
        for k in range(tally.removed.size):
            tally.removed[k] += members * block.removed[k, lane]
        tally.squares[0] += members * (block.squares[0, lane] >> 32)
        tally.squares[1] += members * (block.squares[0, lane] & 0xFFFFFFFF)
    block.passed[:] = 0
    block.positive[:] = 0
    block.removed[:] = 0
    block.squares[:] = 0
    flush_histogram(block, sign, tally)
