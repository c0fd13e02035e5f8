"""Lists against lists, for the pairs behind them: maps, the best of each list, and the top.

Every pair of one list scores the same with every pair of another, so sums are products. What is not a product
is that combinations that share a window do not count. Sums take them along, and ``shared`` takes them
off again; a maximum cannot be taken off, so here a lane that may share a window is looked at pair by pair,
which is rare: only where it would be a new maximum.
"""

from __future__ import annotations

import numpy as np

from qmac.kernels.compiler.jit import inner, jit, spliced
from qmac.kernels.compiler.lanes import higher, item, load, rarely, store, where
from qmac.kernels.sweep.tally import offer, split_sum

ENTRY_PAIR, EXIT_PAIR, CROSSED = 0, 1, 2
"""Places in ``Tally.maps``; that of an entry and an exit window is ``CROSSED + 2 * entry role + exit role``, slow being 1."""


@inner
def open_block(exits, first, shared_windows, lanes, margins):
    """Lanes for the exit lists from ``first`` on, and empty margins."""
    everywhere = ~lanes.keep.dtype.type(0)
    lanes.keep[:] = everywhere
    lanes.alive[:] = 0
    lanes.pairs[:] = 0
    lanes.lists[:] = -1
    for lane in range(min(lanes.lists.size, exits.starts.size - 1 - first)):
        begin, end = exits.starts[first + lane], exits.starts[first + lane + 1]
        lanes.lists[lane] = first + lane
        lanes.pairs[0, lane] = end - begin
        lanes.alive[0, lane] = everywhere
        if not shared_windows:
            for k in range(begin, end):
                lanes.keep[exits.fast[k], lane] = 0
                lanes.keep[exits.slow[k], lane] = 0
    margins.fast.best[:] = -np.inf
    margins.slow.best[:] = -np.inf
    margins.fast.sums[:] = 0
    margins.slow.sums[:] = 0


@spliced
def add_slices(
    width, slices, row, role, score, units, margin, exits, lanes, scores, place, map_best
):
    """Add a row to the margins of its windows in one role.

    ``margin.best`` takes a lane where one of the row's pairs has its other window for itself, so that only the window
    of the margin can be one that both sides have: ``close_margin`` knows which.
    """
    best, sums = margin
    for j in range(item(slices.starts, row), item(slices.starts, row + 1)):
        window, begin, end = (
            item(slices.windows, j),
            item(slices.begins, j),
            item(slices.begins, j + 1),
        )
        some = load(lanes.keep, item(slices.others, begin), width)
        for k in range(begin + 1, end):
            some = some | load(lanes.keep, item(slices.others, k), width)
        store(sums, window, load(sums, window, width) + units * (end - begin))
        highest_yet = higher(load(best, window, width), where(some != 0, score, -np.inf))
        store(best, window, highest_yet)
        if rarely(score > highest_yet):
            raise_maps(
                window,
                slices.others,
                begin,
                end,
                role,
                best,
                exits,
                lanes.lists,
                scores,
                place,
                map_best,
            )


@inner
def raise_maps(window, others, begin, end, role, best, exits, lists, scores, place, map_best):
    """Raise the maps by lanes that share a window with some of the pairs (window, others), but not with all.

    A margin may then be raised to what all of its cells have by now: no lower score need come here again.
    """
    for lane in range(lists.size):
        score = scores[place, lane]
        if score > best[window, lane]:
            n = lists[lane]
            floor = np.inf
            for m in range(exits.starts[n], exits.starts[n + 1]):
                fast, slow = exits.fast[m], exits.slow[m]
                if window not in (fast, slow):
                    k = begin
                    while k < end and (others[k] == fast or others[k] == slow):
                        k += 1
                    if k < end:
                        raise_cell(map_best, EXIT_PAIR, fast, slow, score)
                        raise_cell(map_best, CROSSED + 2 * role, window, fast, score)
                        raise_cell(map_best, CROSSED + 2 * role + 1, window, slow, score)
                    floor = min(floor, map_best[EXIT_PAIR, fast, slow])
                    floor = min(floor, map_best[CROSSED + 2 * role, window, fast])
                    floor = min(floor, map_best[CROSSED + 2 * role + 1, window, slow])
            best[window, lane] = max(best[window, lane], floor)


@spliced
def raise_cell(best, which, i, j, score):
    best[which, i, j] = max(best[which, i, j], score)


@spliced
def may_enter(score, index, heap):
    """Whether a combination from ``index`` on may be among the best."""
    return score > -np.inf and (
        heap.size[0] < heap.scores.size
        or score > heap.scores[0]
        or (score == heap.scores[0] and index < heap.indices[0])  # a win rate of 1 has many ties
    )


@inner
def look_closer(
    row,
    entries,
    exits,
    shared_windows,
    lanes,
    scores,
    place,
    lowest,
    entry_best,
    floors,
    map_best,
    heap,
):
    """Take in a row that may hold a new extreme: of its list, of all, or one of the best.

    ``floors (N,)`` is what all pairs of an entry list have reached by now, in any of the tallies that are to be merged.
    """
    first, last = entries.starts[row], entries.starts[row + 1]
    for lane in range(lanes.lists.size):
        score, n = scores[place, lane], lanes.lists[lane]
        if score == -np.inf:
            continue
        begin, end = exits.starts[n], exits.starts[n + 1]
        if score > floors[row] or score < lowest[0]:
            clean = True  # whether no pair of one list has a window of one of the other
            for k in range(first, last):
                clean = (
                    clean
                    and lanes.keep[entries.fast[k], lane] != 0
                    and lanes.keep[entries.slow[k], lane] != 0
                )
            for k in range(first, last):
                m = begin
                while not clean and m < end and not disjoint(entries, k, exits, m):
                    m += 1
                if m < end:
                    lowest[0] = min(lowest[0], score)
                    raise_cell(map_best, ENTRY_PAIR, entries.fast[k], entries.slow[k], score)
            if clean:
                entry_best[row] = max(entry_best[row], score)
            floor = np.inf
            for k in range(first, last):
                floor = min(floor, map_best[ENTRY_PAIR, entries.fast[k], entries.slow[k]])
            floors[row] = max(floors[row], floor, entry_best[row])
        for k in range(
            first, last
        ):  # offer the combinations of the two lists in the order of their indices
            index = np.int64(entries.pairs[k]) * exits.pairs.size
            m = begin
            while m < end and may_enter(score, index + exits.pairs[m], heap):
                if shared_windows or disjoint(entries, k, exits, m):
                    offer(heap, score, index + exits.pairs[m])
                m += 1
            if m == begin:
                break


@spliced
def disjoint(entries, k, exits, m):
    """Whether entry pair ``k`` and exit pair ``m`` share no window."""
    return (
        entries.fast[k] != exits.fast[m]
        and entries.fast[k] != exits.slow[m]
        and entries.slow[k] != exits.fast[m]
        and entries.slow[k] != exits.slow[m]
    )


@inner
def close_margin(role, lanes, margin, pairs, by_fast, by_slow, count_shift, counts, cells, maps):
    """Fold the margin of the entry windows in one role into the maps, and those of the fast into their exit lists."""
    best, sums = margin
    for window in range(best.shape[0]):
        for lane in range(lanes.lists.size):
            packed = sums[window, lane]
            if packed != 0:
                n, highest, free = (
                    lanes.lists[lane],
                    best[window, lane],
                    lanes.keep[window, lane] != 0,
                )
                units, count = split_sum(packed, count_shift)
                if role == 0:  # every entry pair has one fast window
                    counts[2] += count * lanes.pairs[0, lane]
                    cells.sums[n] += units
                    cells.counts[n] += count
                    if free:
                        cells.best[n] = max(cells.best[n], highest)
                    else:
                        raise_pairs(window, n, pairs, highest, maps.best)
                fold_slices(
                    CROSSED + 2 * role, window, n, by_fast, free, highest, units, count, maps
                )
                fold_slices(
                    CROSSED + 2 * role + 1, window, n, by_slow, free, highest, units, count, maps
                )


@spliced
def raise_pairs(window, n, pairs, highest, best):
    """Raise the cells of those pairs of an exit list that do not have the window."""
    for m in range(pairs.starts[n], pairs.starts[n + 1]):
        if pairs.fast[m] != window and pairs.slow[m] != window:
            raise_cell(best, EXIT_PAIR, pairs.fast[m], pairs.slow[m], highest)


@spliced
def fold_slices(which, window, n, slices, free, highest, units, count, maps):
    """Fold an entry window and an exit list into one map; not ``free``, some of its pairs have the window and raise nothing."""
    for j in range(slices.starts[n], slices.starts[n + 1]):
        begin, end, other = slices.begins[j], slices.begins[j + 1], slices.windows[j]
        if free or (other != window and (end - begin > 1 or slices.others[begin] != window)):
            raise_cell(maps.best, which, window, other, highest)
        maps.sums[which, window, other] += units * (end - begin)
        maps.counts[which, window, other] += count * (end - begin)


@jit
def add_lists(first, last, pairs, cells, into):
    """Move sums and counts of lists from ``first`` to before ``last``, among cells ``(N,)``, to a map ``(W, W)``, at each of their
    pairs, and raise the map by their bests. No two lists have a pair in common."""
    for n in range(first, last):
        for k in range(pairs.starts[n], pairs.starts[n + 1]):
            i, j = pairs.fast[k], pairs.slow[k]
            into.best[i, j] = max(into.best[i, j], cells.best[n])
            into.sums[i, j] += cells.sums[n]
            into.counts[i, j] += cells.counts[n]
        cells.sums[n] = cells.counts[n] = 0


@jit
def finish_cells(best, sums, counts, means, sign, unit):
    """Cells ``(M,)`` as they are shown, NaN where nothing was counted. ``means`` may lie where ``sums`` do."""
    for k in range(counts.size):
        if counts[k] == 0:
            best[k] = means[k] = np.nan
        else:
            means[k] = sums[k] / counts[k] * unit
            best[k] *= sign
