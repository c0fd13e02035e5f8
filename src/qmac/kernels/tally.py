"""What is kept of all scores: the best rows, a histogram, maps. Updated row by row, folded block by block.

Axes: ``W`` windows, ``P`` buy pairs, ``L`` lanes (sell pairs of a block), ``K`` kept, ``B`` bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, sealed
from qmac.kernels.lanes import bits, bump, higher, highest, load, lower, popcount, store, total, truncate, where

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
    """Summaries of one lane block, folded into the Tally when the block is done."""

    keep: np.ndarray  # (W, L) unsigned, all ones, or 0 where the lane's pair has this window
    fast_max: np.ndarray  # (W, L) float64 over the rows with this fast window
    fast_sum: np.ndarray  # (W, L) int64, scores and counts
    slow_max: np.ndarray
    slow_sum: np.ndarray
    histogram: np.ndarray  # (SUBHISTOGRAMS, B + 1) uint32; the last bin takes what is not scored
    squares: np.ndarray  # (1, L) int64
    lowest: np.ndarray  # (1, L) float64
    scores: np.ndarray  # (1, L) float64, scratch


class Tally(NamedTuple):
    """What a worker keeps of all units it has done."""

    heap_score: np.ndarray  # (K,) float64, the worst kept row first
    heap_index: np.ndarray  # (K,) int64, buy pair * S + sell pair
    heap_size: np.ndarray  # (1,) int64
    counts: np.ndarray  # (4,) int64: evaluated, not filtered, scored, of these above zero as a metric
    removed: np.ndarray  # (C + 1,) int64: without a trade where one is asked for, then by each constraint
    histogram: np.ndarray  # (B,) int64
    lowest: np.ndarray  # (1,) float64
    squares: np.ndarray  # (2,) int64: high and low 32 bits of a sum that may pass 2**63
    row_max: np.ndarray  # (P,) float64: each buy pair over all sell pairs
    row_sum: np.ndarray  # (P,) int64
    row_count: np.ndarray  # (P,) int64
    map_max: np.ndarray  # (5, W, W) float64, see reductions.CROSS_MAPS
    map_sum: np.ndarray  # (5, W, W) int64
    map_count: np.ndarray  # (5, W, W) int64


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
def raise_row(array, row, values):
    store(array, row, higher(load(array, row, values), values))


@inlined
def add_row(array, row, values):
    store(array, row, load(array, row, values) + values)


@inlined
def limited(values, limit):
    if limit is not None:
        return higher(lower(values, limit), -limit)
    return values


@inlined
def summarise(width, pair, fast, slow, values, scored, block, tally, scale):
    """Add one row of scores to the summaries of its block; returns the highest."""
    score = where(scored, values, -np.inf)
    summed = limited(values, scale.limit)
    units = where(scored, bits(summed + scale.score) - scale.score_zero, 0)
    raise_row(block.fast_max, fast, score)
    raise_row(block.slow_max, slow, score)
    add_row(block.fast_sum, fast, units)
    add_row(block.slow_sum, slow, units)
    add_row(block.squares, 0, where(scored, bits(summed * summed + scale.square) - scale.square_zero, 0))
    store(block.lowest, 0, lower(load(block.lowest, 0, width), where(scored, values, np.inf)))
    place = (values - scale.low) * scale.bins_per_unit
    place = lower(higher(where(scored, place, 0.0), 0.0), BINS - 1.0)
    bump(block.histogram, where(scored, truncate(place), BINS))
    best = highest(score)
    tally.row_max[pair] = max(tally.row_max[pair], best)
    count = popcount(scored)
    tally.row_sum[pair] += total(units) - (count << scale.count_shift)
    tally.row_count[pair] += count
    store(block.scores, 0, score)
    return best


@sealed
def open_block(width, sells, first, shared_windows, block):
    """Empty the summaries and mark which windows each lane must not meet."""
    lanes = min(len(width), sells.fast.size - first)
    block.keep[:, :lanes] = ~block.keep.dtype.type(0)
    block.keep[:, lanes:] = 0
    if not shared_windows:
        for lane in range(lanes):
            block.keep[sells.fast[first + lane], lane] = 0
            block.keep[sells.slow[first + lane], lane] = 0
    block.fast_max[:] = -np.inf
    block.slow_max[:] = -np.inf
    block.fast_sum[:] = 0
    block.slow_sum[:] = 0
    block.histogram[:] = 0
    block.squares[:] = 0
    block.lowest[:] = np.inf


@inlined
def fold_cell(tally, which, i, j, best, units, count):
    tally.map_max[which, i, j] = max(tally.map_max[which, i, j], best)
    tally.map_sum[which, i, j] += units
    tally.map_count[which, i, j] += count


@inlined
def parted(packed, shift):
    """Sum of scores and count from the integer that holds both; |sum| is below half a count."""
    count = (packed + (1 << (shift - 1))) >> shift
    return packed - (count << shift), count


@sealed
def close_block(width, sells, first, block, tally, scale):
    """Fold the summaries of the block into the tally."""
    lanes = min(len(width), sells.fast.size - first)
    for window in range(block.keep.shape[0]):
        for lane in range(lanes):
            sell_fast, sell_slow = sells.fast[first + lane], sells.slow[first + lane]
            units, count = parted(block.fast_sum[window, lane], scale.count_shift)
            if count:
                best = block.fast_max[window, lane]
                fold_cell(tally, 0, sell_fast, sell_slow, best, units, count)
                fold_cell(tally, 1, window, sell_fast, best, units, count)
                fold_cell(tally, 2, window, sell_slow, best, units, count)
            units, count = parted(block.slow_sum[window, lane], scale.count_shift)
            if count:
                best = block.slow_max[window, lane]
                fold_cell(tally, 3, window, sell_fast, best, units, count)
                fold_cell(tally, 4, window, sell_slow, best, units, count)
    for lane in range(lanes):
        tally.squares[0] += block.squares[0, lane] >> 32
        tally.squares[1] += block.squares[0, lane] & 0xFFFFFFFF
        tally.lowest[0] = min(tally.lowest[0], block.lowest[0, lane])
    for k in range(block.histogram.shape[0]):
        for b in range(tally.histogram.size):
            tally.histogram[b] += block.histogram[k, b]
