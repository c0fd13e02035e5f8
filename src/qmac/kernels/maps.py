"""Lists against lists, for the pairs behind them: maps, the best of each list, and the top.

Every pair of one list scores the same with every pair of another, so sums are products. What is not a product
is that combinations that share a window do not count. Sums take them along, and ``shared`` takes them
off again; a maximum cannot be taken off, so here a lane that may share a window is looked at pair by pair,
which is rare: only where it would be a new maximum.
"""

from __future__ import annotations

import numpy as np

from qmac.kernels._jit import inlined, sealed
from qmac.kernels.lanes import higher, highest, item, load, rarely, store, total, where, wide
from qmac.kernels.tally import offer, parted

OWN_BUY, OWN_SELL, CROSSED = 0, 1, 2
"""Places in ``Tally.map_*``; that of a buy and a sell window is ``CROSSED + 2 * buy role + sell role``, slow being 1."""


@sealed
def open_block(width, sells, first, shared_windows, block):
    """Empty the summaries and mark which windows each lane must not meet."""
    everywhere = ~block.keep.dtype.type(0)
    block.keep[:] = everywhere
    block.alive[:] = 0
    block.members[:] = 0
    block.lanes[:] = -1
    for lane in range(min(len(width), sells.starts.size - 1 - first)):
        n = first + lane
        block.lanes[lane] = n
        block.members[0, lane] = sells.starts[n + 1] - sells.starts[n]
        block.alive[0, lane] = everywhere
        if not shared_windows:
            for k in range(sells.starts[n], sells.starts[n + 1]):
                block.keep[sells.fast[k], lane] = 0
                block.keep[sells.slow[k], lane] = 0
    block.pairs[0] = block.members.sum()
    block.least[0] = sells.pairs[sells.starts[first]]  # lists are in the order of their first pairs
    block.fast_max[:] = -np.inf
    block.slow_max[:] = -np.inf
    block.fast_sum[:] = 0
    block.slow_sum[:] = 0


@inlined
def add_to_maps(width, row, buys, sells, shared_windows, scored, values, units, block, tally, scale):
    """Add the scores of a buy list to maps and maxima."""
    members = load(block.members, 0, width)
    score = where(scored, values, -np.inf)
    store(block.scores, 0, score)
    best = highest(score)
    count = total(where(scored, members, members ^ members))
    tally.buy_sum[row] += total(units * wide(members)) - (count << scale.count_shift)
    tally.buy_count[row] += count
    clean = load(block.alive, 0, width)
    clean = add_slices(width, row, buys.by_fast, 0, clean, score, units, block.fast_max, block.fast_sum, sells, block, tally)
    clean = add_slices(width, row, buys.by_slow, 1, clean, score, units, block.slow_max, block.slow_sum, sells, block, tally)
    if (
        best > tally.buy_max[row]
        or may_enter(best, np.int64(buys.pairs[buys.starts[row]]) * sells.pairs.size + block.least[0], tally)
        or rarely(scored & (values < tally.lowest[0]))
    ):
        store(block.clean, 0, clean)
        look_closer(row, buys, sells, shared_windows, block, tally)


@inlined
def may_enter(score, index, tally):
    """Whether a combination from ``index`` on may be among the best."""
    return score > -np.inf and (
        tally.heap_size[0] < tally.heap_score.size
        or score > tally.heap_score[0]
        or (score == tally.heap_score[0] and index < tally.heap_index[0])  # a win rate of 1 has many ties
    )


@inlined
def add_slices(width, row, slices, role, clean, score, units, best, sums, sells, block, tally):
    """Add a row to the maps of one of its windows; returns in which lanes none of the windows is met."""
    for j in range(item(slices.starts, row), item(slices.starts, row + 1)):
        window, begin, end = item(slices.windows, j), item(slices.begins, j), item(slices.begins, j + 1)
        kept = load(block.keep, window, width)
        some = load(block.keep, item(slices.others, begin), width)
        for k in range(begin + 1, end):
            some = some | load(block.keep, item(slices.others, k), width)
        store(sums, window, load(sums, window, width) + units * (end - begin))
        highest_yet = higher(load(best, window, width), where((kept & some) != 0, score, -np.inf))
        store(best, window, highest_yet)
        if rarely(score > highest_yet):
            raise_maps(window, begin, end, slices.others, role, best, sells, block, tally)
        clean = clean & kept
    return clean


@sealed
def raise_maps(window, begin, end, others, role, best, sells, block, tally):
    """Raise the maps by lanes that share a window with some of the pairs (window, others), but not with all."""
    for lane in range(block.lanes.size):
        score = block.scores[0, lane]
        if score > best[window, lane]:
            n = block.lanes[lane]
            for m in range(sells.starts[n], sells.starts[n + 1]):
                fast, slow = sells.fast[m], sells.slow[m]
                if window != fast and window != slow:
                    k = begin
                    while k < end and (others[k] == fast or others[k] == slow):
                        k += 1
                    if k < end:
                        raise_cell(tally, OWN_SELL, fast, slow, score)
                        raise_cell(tally, CROSSED + 2 * role, window, fast, score)
                        raise_cell(tally, CROSSED + 2 * role + 1, window, slow, score)


@inlined
def raise_cell(tally, which, i, j, score):
    tally.map_max[which, i, j] = max(tally.map_max[which, i, j], score)


@inlined
def disjoint(buys, k, sells, m):
    """Whether buy pair ``k`` and sell pair ``m`` share no window."""
    return (
        buys.fast[k] != sells.fast[m]
        and buys.fast[k] != sells.slow[m]
        and buys.slow[k] != sells.fast[m]
        and buys.slow[k] != sells.slow[m]
    )


@sealed
def look_closer(row, buys, sells, shared_windows, block, tally):
    """Take in a row that may hold a new extreme: of its list, of all, or one of the best."""
    first, last = buys.starts[row], buys.starts[row + 1]
    for lane in range(block.lanes.size):
        if block.clean[0, lane]:
            tally.buy_max[row] = max(tally.buy_max[row], block.scores[0, lane])
    for lane in range(block.lanes.size):
        score, n = block.scores[0, lane], block.lanes[lane]
        if score == -np.inf:
            continue
        clean = block.clean[0, lane] != 0
        begin, end = sells.starts[n], sells.starts[n + 1]
        if clean:
            tally.lowest[0] = min(tally.lowest[0], score)
        elif score > tally.buy_max[row] or score < tally.lowest[0]:
            for k in range(first, last):
                m = begin
                while m < end and not disjoint(buys, k, sells, m):
                    m += 1
                if m < end:
                    tally.lowest[0] = min(tally.lowest[0], score)
                    raise_cell(tally, OWN_BUY, buys.fast[k], buys.slow[k], score)
        offer_all(score, buys, first, last, sells, begin, end, shared_windows, tally)


@inlined
def offer_all(score, buys, first, last, sells, begin, end, shared_windows, tally):
    """Offer the combinations of two lists, in the order of their indices."""
    for k in range(first, last):
        index = np.int64(buys.pairs[k]) * sells.pairs.size
        if not may_enter(score, index + sells.pairs[begin], tally):
            break
        for m in range(begin, end):
            if not may_enter(score, index + sells.pairs[m], tally):
                break
            if shared_windows or disjoint(buys, k, sells, m):
                offer(tally.heap_score, tally.heap_index, tally.heap_size, score, index + sells.pairs[m])


@sealed
def close_maps(width, rows, sells, block, tally, scale):
    """Fold maps and counts of the block into the tally; it has met ``rows`` buy pairs."""
    for lane in range(len(width)):
        tally.counts[0] += np.int64(block.members[0, lane]) * rows
    for window in range(block.keep.shape[0]):
        for lane in range(len(width)):
            n = block.lanes[lane]
            if n >= 0:
                best = block.fast_max[window, lane]
                units, count = parted(block.fast_sum[window, lane], scale.count_shift)
                if count:  # every buy pair has one fast window
                    tally.sell_max[n] = max(tally.sell_max[n], best)
                    tally.sell_sum[n] += units
                    tally.sell_count[n] += count
                    tally.counts[2] += count * block.members[0, lane]
                    fold_row(tally, CROSSED, window, n, sells, best, units, count)
                best = block.slow_max[window, lane]
                units, count = parted(block.slow_sum[window, lane], scale.count_shift)
                if count:
                    fold_row(tally, CROSSED + 2, window, n, sells, best, units, count)


@inlined
def fold_row(tally, which, window, n, sells, best, units, count):
    """Fold what a buy window and the pairs of a sell list have made into the two maps of that window."""
    fold_slices(tally, which, window, n, sells.by_fast, best, units, count)
    fold_slices(tally, which + 1, window, n, sells.by_slow, best, units, count)


@inlined
def fold_slices(tally, which, window, n, slices, best, units, count):
    for j in range(slices.starts[n], slices.starts[n + 1]):
        pairs, other = slices.begins[j + 1] - slices.begins[j], slices.windows[j]
        raise_cell(tally, which, window, other, best)
        tally.map_sum[which, window, other] += units * pairs
        tally.map_count[which, window, other] += count * pairs
