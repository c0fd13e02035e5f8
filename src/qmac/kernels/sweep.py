"""The sweep: every buy pair against a block of sell pairs, scored and summarised in one pass.

Buy pairs are walked in the order of their entry lists, so that neighbours share a prefix: the state
after each shared entry is kept in ``States`` and walked from there. Axes: ``T`` bars, ``W`` windows,
``P`` buy pairs, ``L`` lanes (sell pairs of a block), ``K`` kept, ``B`` bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, jit
from qmac.kernels.crosses import Crosses
from qmac.kernels.lanes import (
    bits,
    bump,
    highest,
    load,
    popcount,
    store,
    total,
    truncate,
    where,
)
from qmac.kernels.tables import fill_tables

BINS = 2048


class Pairs(NamedTuple):
    """Windows of each pair, as positions among all windows of the grid."""

    fast: np.ndarray  # (P,) int32
    slow: np.ndarray  # (P,) int32


class Rows(NamedTuple):
    """The buy side, in the order in which it is walked."""

    order: np.ndarray  # (P,) int32
    shared: np.ndarray  # (P + 1,) int32, leading entries in common with the row before
    entries: Crosses
    pairs: Pairs


class Scale(NamedTuple):
    """How scores become integers, so that sums do not depend on their order."""

    score: float  # 1.5 * 2**(52 - k): adding it leaves round(score * 2**k) in the lowest bits
    score_zero: int  # the bits of ``score`` itself, less one count
    square: float  # the same for the square of a score
    square_zero: int
    count_shift: int  # a count is 2**count_shift: sums of scores and their number share one integer
    low: float  # left edge of the histogram
    bins_per_unit: float


class States(NamedTuple):
    """Where each lane stands after the first ``d`` entries of the row; one row a depth."""

    code: np.ndarray  # (D, L) as in Tables: the exit of the last trade, 0 before the first
    gain: np.ndarray  # (D, L) float64, the score so far


class Block(NamedTuple):
    """Summaries of one lane block, folded into the Tally when the block is done."""

    keep: np.ndarray  # (W, L) all ones, or 0 where the lane's pair has this window
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
    counts: np.ndarray  # (3,) int64: evaluated, scored, of these above zero
    histogram: np.ndarray  # (B,) int64
    lowest: np.ndarray  # (1,) float64
    squares: np.ndarray  # (2,) int64: high and low 32 bits of a sum that may pass 2**63
    row_max: np.ndarray  # (P,) float64: each buy pair over all sell pairs
    row_sum: np.ndarray  # (P,) int64
    row_count: np.ndarray  # (P,) int64
    map_max: np.ndarray  # (5, W, W) float64, see reductions.MAPS
    map_sum: np.ndarray  # (5, W, W) int64
    map_count: np.ndarray  # (5, W, W) int64


@jit
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
def enter(width, bar, tables, code, gain):
    """An entry at ``bar``: a flat lane buys, a lane in conflict holds on, the others do nothing.

    Exit bars are compared as codes: ``2 * exit + 1 < 2 * bar + 0`` exactly where ``exit < bar``.
    A lane in conflict acts where it is *not* flat: then its exit can only be this very bar.
    """
    here = load(tables.code, bar, width)
    flat = code < 2 * bar
    conflict = (here & 1) != 0
    acts = flat ^ conflict
    code = where(acts, here, code)
    gain = where(acts, gain + load(tables.gain, bar, width), gain)
    return code, gain, flat & acts


@inlined
def raise_row(array, row, values):
    before = load(array, row, values)
    store(array, row, where(values > before, values, before))


@inlined
def add_row(array, row, values):
    store(array, row, load(array, row, values) + values)


@inlined
def summarise(width, pair, fast, slow, gain, scored, block, tally, scale):
    """Add one row of scores to the summaries of its block; returns the highest."""
    score = where(scored, gain, -np.inf)
    units = where(scored, bits(gain + scale.score) - scale.score_zero, 0)
    raise_row(block.fast_max, fast, score)
    raise_row(block.slow_max, slow, score)
    add_row(block.fast_sum, fast, units)
    add_row(block.slow_sum, slow, units)
    add_row(block.squares, 0, where(scored, bits(gain * gain + scale.square) - scale.square_zero, 0))
    lowest = load(block.lowest, 0, width)
    store(block.lowest, 0, where(scored & (gain < lowest), gain, lowest))
    place = (gain - scale.low) * scale.bins_per_unit
    place = where(place > 0.0, place, 0.0)
    place = where(place < BINS - 1.0, place, BINS - 1.0)
    bump(block.histogram, where(scored, truncate(place), BINS))
    best = highest(score)
    tally.row_max[pair] = max(tally.row_max[pair], best)
    count = popcount(scored)
    tally.row_sum[pair] += total(units) - (count << scale.count_shift)
    tally.row_count[pair] += count
    store(block.scores, 0, score)
    return best


@jit
def walk_rows(width, rows, sells, first, tables, states, opened_states, min_trades, block, tally, scale, stop):
    """Score every buy pair against the lane block; False if ``stop`` was set meanwhile."""
    order, shared, entries, pairs = rows
    for i in range(order.size):
        if stop[0]:
            return False
        pair = order[i]
        start, size = entries.starts[pair], entries.starts[pair + 1] - entries.starts[pair]
        code = load(states.code, shared[i], width)
        gain = load(states.gain, shared[i], width)
        if opened_states is not None:
            opened = load(opened_states, shared[i], width)
        for depth in range(shared[i], size):
            code, gain, opens = enter(width, entries.bars[start + depth], tables, code, gain)
            if opened_states is not None:
                opened = where(opens, opened + 1, opened)
            if depth < shared[i + 1]:  # the next row starts from here
                store(states.code, depth + 1, code)
                store(states.gain, depth + 1, gain)
                if opened_states is not None:
                    store(opened_states, depth + 1, opened)
        fast, slow = pairs.fast[pair], pairs.slow[pair]
        kept = load(block.keep, fast, width) & load(block.keep, slow, width)
        if opened_states is not None:
            scored = (where(opened >= min_trades, kept, 0)) != 0
        elif min_trades == 1:
            scored = (code & kept) != 0
        else:
            scored = kept != 0
        best = summarise(width, pair, fast, slow, gain, scored, block, tally, scale)
        tally.counts[0] += popcount(kept != 0)
        tally.counts[1] += popcount(scored)
        tally.counts[2] += popcount(scored & (gain > 0.0))
        if best > -np.inf and (tally.heap_size[0] < tally.heap_score.size or best >= tally.heap_score[0]):
            for lane in range(len(width)):
                if block.scores[0, lane] > -np.inf:
                    index = np.int64(pair) * sells.fast.size + first + lane
                    offer(tally.heap_score, tally.heap_index, tally.heap_size, block.scores[0, lane], index)
    return True


@jit
def open_block(width, sells, first, shared_windows, states, opened_states, block):
    """Empty the summaries and mark which windows each lane must not meet."""
    size = len(width)
    states.code[0], states.gain[0] = 0, 0.0
    if opened_states is not None:
        opened_states[0] = 0
    lanes = min(size, sells.fast.size - first)
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


@jit
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


@jit
def sweep_blocks(
    width, blocks, rows, sells, exits, values, rules, tables, states, opened_states, block, tally, scale, stop
):
    """Sweep lane blocks ``blocks[0] ... blocks[1]``; False if ``stop`` was set meanwhile.

    ``rules`` is (1 if a conflict changes nothing, 1 if windows may be shared, min_trades).
    """
    ignore, shared_windows, min_trades = rules
    for b in range(blocks[0], blocks[1]):
        first = b * len(width)
        fill_tables(width, exits, first, values, ignore, tables)
        open_block(width, sells, first, shared_windows, states, opened_states, block)
        if not walk_rows(
            width, rows, sells, first, tables, states, opened_states, min_trades, block, tally, scale, stop
        ):
            return False
        close_block(width, sells, first, block, tally, scale)
    return True
