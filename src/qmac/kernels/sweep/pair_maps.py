"""Lists against lists, for the pairs behind them: maps, the best of each list, and the top.

Every pair of one list scores the same with every pair of another, so sums are products. What is not
a product is that combinations that share a window do not count. Sums take them along, and
``shared_windows`` takes them off again; a maximum cannot be taken off, so a lane that may share a
window is looked at pair by pair, which is rare: only where it would be a new maximum.
"""

from __future__ import annotations

import numpy as np

from qmac.kernels.compiler.jit import inner, jit, spliced
from qmac.kernels.compiler.lanes import higher, item, load, rarely, store, where
from qmac.kernels.sweep.tally import offer, split_sum

ENTRY_PAIR, EXIT_PAIR, CROSSED = 0, 1, 2
"""Places in ``Tally.maps``; that of an entry and an exit window is
``CROSSED + 2 * entry role + exit role``, slow being 1."""


@inner
def open_block(exits, first, shared_windows, lanes, margins):
    """Open lanes for the exit lists from ``first`` on, and empty the margins.

    Parameters
    ----------
    exits : Pairs
        Pairs of the exit lists.
    first : int
        List of the first lane.
    shared_windows : bool
        Whether combinations may share a window.
    lanes : BlockLanes
        Filled.
    margins : Margins
        Emptied.
    """
    everywhere = ~lanes.free.dtype.type(0)
    lanes.free[:] = everywhere
    lanes.alive[:] = 0
    lanes.pairs[:] = 0
    lanes.lists[:] = -1
    lists = exits.starts.size - 1
    for lane in range(min(lanes.lists.size, lists - first)):
        begin, end = exits.starts[first + lane], exits.starts[first + lane + 1]
        lanes.lists[lane] = first + lane
        lanes.pairs[0, lane] = end - begin
        lanes.alive[0, lane] = everywhere
        if not shared_windows:
            for k in range(begin, end):
                lanes.free[exits.fast[k], lane] = 0
                lanes.free[exits.slow[k], lane] = 0
    margins.fast.best[:] = -np.inf
    margins.slow.best[:] = -np.inf
    margins.fast.sums[:] = 0
    margins.slow.sums[:] = 0


@spliced
def add_slices(
    width, slices, row, role, score, units, margin, exits, lanes, scores, place, map_best
):
    """Add a row to the margins of its windows in one role.

    ``margin.best`` takes a lane where one of the row's pairs has its other window for itself, so
    that only the window of the margin can be one that both sides have: ``close_margin`` knows
    which.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    slices : Slices
        Slices of the entry lists in this role.
    row, role : int
        Entry list; 0 for fast, 1 for slow.
    score, units : vector
        Scores, -inf for none; the same as integers.
    margin : Margin
        Updated.
    exits : Pairs
        Pairs of the exit lists.
    lanes : BlockLanes
        What the lanes stand for.
    scores, place : ndarray, int
        Where the scores are stored, for functions that look at single lanes.
    map_best : ndarray
        ``Tally.maps.best``.
    """
    for j in range(item(slices.starts, row), item(slices.starts, row + 1)):
        window = item(slices.windows, j)
        begin, end = item(slices.begins, j), item(slices.begins, j + 1)
        some = load(lanes.free, item(slices.others, begin), width)
        for k in range(begin + 1, end):
            some = some | load(lanes.free, item(slices.others, k), width)
        sums = load(margin.sums, window, width)
        store(margin.sums, window, sums + units * (end - begin))
        best = load(margin.best, window, width)
        highest_yet = higher(best, where(some != 0, score, -np.inf))
        store(margin.best, window, highest_yet)
        if rarely(score > highest_yet):
            _raise_maps(
                window, slices.others, begin, end, role, margin.best, exits, lanes.lists, scores,
                place, map_best,
            )  # fmt: skip


@inner
def _raise_maps(window, others, begin, end, role, best, exits, lists, scores, place, map_best):
    """Raise the maps by lanes that share a window with some of the pairs (window, others), not all.

    A margin may then be raised to what all of its cells have by now: no lower score need come here
    again.
    """
    with_fast = CROSSED + 2 * role
    for lane in range(lists.size):
        score = scores[place, lane]
        if score > best[window, lane]:
            n = lists[lane]
            floor = np.inf
            for m in range(exits.starts[n], exits.starts[n + 1]):
                fast, slow = exits.fast[m], exits.slow[m]
                if window not in (fast, slow):
                    if _has_other(others, begin, end, fast, slow):
                        _raise_cell(map_best, EXIT_PAIR, fast, slow, score)
                        _raise_cell(map_best, with_fast, window, fast, score)
                        _raise_cell(map_best, with_fast + 1, window, slow, score)
                    floor = min(floor, map_best[EXIT_PAIR, fast, slow])
                    floor = min(floor, map_best[with_fast, window, fast])
                    floor = min(floor, map_best[with_fast + 1, window, slow])
            best[window, lane] = max(best[window, lane], floor)


@spliced
def _has_other(others, begin, end, fast, slow):
    """Whether one of ``others[begin:end]`` is neither ``fast`` nor ``slow``."""
    k = begin
    while k < end and (others[k] == fast or others[k] == slow):
        k += 1
    return k < end


@spliced
def _raise_cell(best, which, i, j, score):
    """Raise a cell of a map to a score."""
    best[which, i, j] = max(best[which, i, j], score)


@spliced
def may_enter(score, index, heap):
    """Whether a combination from ``index`` on may be among the best.

    Parameters
    ----------
    score : float
        Its score, -inf for none.
    index : int
        The lowest index that it can have.
    heap : Heap
        The best.

    Returns
    -------
    bool
        False where ``tally.offer`` would change nothing.
    """
    return score > -np.inf and (
        heap.size[0] < heap.scores.size
        or score > heap.scores[0]
        or (score == heap.scores[0] and index < heap.indices[0])  # a win rate of 1 has many ties
    )


@inner
def look_closer(
    row, entries, exits, shared_windows, lanes, scores, place, lowest, entry_best, floors,
    map_best, heap,
):  # fmt: skip
    """Take in a row that may hold a new extreme: of its list, of all, or one of the best.

    Parameters
    ----------
    row : int
        Entry list.
    entries, exits : Pairs
        Pairs of the lists of each side.
    shared_windows : bool
        Whether combinations may share a window.
    lanes : BlockLanes
        What the lanes stand for.
    scores, place : ndarray, int
        Scores of the row are ``scores[place]``, -inf for none.
    lowest : ndarray
        ``Tally.lowest``.
    entry_best : ndarray
        ``Tally.entries.best``.
    floors : ndarray
        ``(N,)``, what all pairs of an entry list have reached by now, in any of the tallies that
        are to be merged.
    map_best : ndarray
        ``Tally.maps.best``.
    heap : Heap
        The best combinations.
    """
    for lane in range(lanes.lists.size):
        score = scores[place, lane]
        if score > -np.inf:
            exit_list = lanes.lists[lane]
            if score > floors[row] or score < lowest[0]:
                _raise_list(
                    row, exit_list, lane, score, entries, exits, lanes.free, lowest, entry_best,
                    floors, map_best,
                )  # fmt: skip
            _offer_pairs(row, exit_list, score, entries, exits, shared_windows, heap)


@spliced
def _raise_list(
    row, exit_list, lane, score, entries, exits, free, lowest, entry_best, floors, map_best
):
    """Raise an entry list and its pairs, where a pair of the exit list shares no window with them.

    The lowest score of all is lowered by the same condition.
    """
    first, last = entries.starts[row], entries.starts[row + 1]
    begin, end = exits.starts[exit_list], exits.starts[exit_list + 1]
    is_clean = True  # whether no pair of one list has a window of one of the other
    for k in range(first, last):
        fast, slow = entries.fast[k], entries.slow[k]
        is_clean = is_clean and free[fast, lane] != 0 and free[slow, lane] != 0
    for k in range(first, last):
        m = begin
        while not is_clean and m < end and not is_disjoint(entries, k, exits, m):
            m += 1
        if m < end:
            lowest[0] = min(lowest[0], score)
            _raise_cell(map_best, ENTRY_PAIR, entries.fast[k], entries.slow[k], score)
    if is_clean:
        entry_best[row] = max(entry_best[row], score)
    floor = np.inf
    for k in range(first, last):
        floor = min(floor, map_best[ENTRY_PAIR, entries.fast[k], entries.slow[k]])
    floors[row] = max(floors[row], floor, entry_best[row])


@spliced
def _offer_pairs(row, exit_list, score, entries, exits, shared_windows, heap):
    """Offer the combinations of two lists to the best, in the order of their indices."""
    begin, end = exits.starts[exit_list], exits.starts[exit_list + 1]
    for k in range(entries.starts[row], entries.starts[row + 1]):
        index = np.int64(entries.pairs[k]) * exits.pairs.size
        m = begin
        while m < end and may_enter(score, index + exits.pairs[m], heap):
            if shared_windows or is_disjoint(entries, k, exits, m):
                offer(heap, score, index + exits.pairs[m])
            m += 1
        if m == begin:
            break


@spliced
def is_disjoint(entries, k, exits, m):
    """Whether two pairs share no window.

    Parameters
    ----------
    entries, exits : Pairs
        Pairs of the lists of each side.
    k, m : int
        A pair of entries and one of exits.

    Returns
    -------
    bool
        True where all four windows differ across the sides.
    """
    return (
        entries.fast[k] != exits.fast[m]
        and entries.fast[k] != exits.slow[m]
        and entries.slow[k] != exits.fast[m]
        and entries.slow[k] != exits.slow[m]
    )


@inner
def close_margin(role, lanes, margin, exits, count_shift, counts, cells, maps):
    """Fold the margin of the entry windows in one role into the maps and the exit lists.

    Parameters
    ----------
    role : int
        0 for fast, 1 for slow. Every entry pair has one fast window, so that exit lists take the
        margin of those.
    lanes : BlockLanes
        What the lanes stand for.
    margin : Margin
        Best and sums by window and lane.
    exits : Lists
        Exit side of the grid.
    count_shift : int
        ``Scale.count_shift``.
    counts : ndarray
        ``Totals.counts``.
    cells : Cells
        ``Tally.exits``.
    maps : Cells
        ``Tally.maps``.
    """
    best, sums = margin
    with_fast = CROSSED + 2 * role
    for window in range(best.shape[0]):
        for lane in range(lanes.lists.size):
            packed = sums[window, lane]
            if packed != 0:
                n, highest = lanes.lists[lane], best[window, lane]
                free = lanes.free[window, lane] != 0
                units, count = split_sum(packed, count_shift)
                if role == 0:
                    counts[2] += count * lanes.pairs[0, lane]
                    cells.sums[n] += units
                    cells.counts[n] += count
                    if free:
                        cells.best[n] = max(cells.best[n], highest)
                    else:
                        _raise_pairs(window, n, exits.pairs, highest, maps.best)
                _fold_slices(with_fast, window, n, exits.by_fast, free, highest, units, count, maps)
                _fold_slices(
                    with_fast + 1, window, n, exits.by_slow, free, highest, units, count, maps
                )


@spliced
def _raise_pairs(window, n, pairs, highest, best):
    """Raise the cells of those pairs of an exit list that do not have the window."""
    begin, end = pairs.starts[n], pairs.starts[n + 1]
    for m in range(begin, end):
        fast, slow = pairs.fast[m], pairs.slow[m]
        if window not in (fast, slow):
            _raise_cell(best, EXIT_PAIR, fast, slow, highest)


@spliced
def _fold_slices(which, window, n, slices, free, highest, units, count, maps):
    """Fold an entry window and an exit list into one map.

    Where it is not ``free``, some pairs of the list have the window, and these raise nothing.
    """
    for j in range(slices.starts[n], slices.starts[n + 1]):
        begin, other = slices.begins[j], slices.windows[j]
        pairs = slices.begins[j + 1] - begin
        raises = free
        if not free:
            raises = other != window and (pairs > 1 or slices.others[begin] != window)
        if raises:
            _raise_cell(maps.best, which, window, other, highest)
        maps.sums[which, window, other] += units * pairs
        maps.counts[which, window, other] += count * pairs


@jit
def add_lists(first, last, pairs, cells, into):
    """Move sums and counts of lists to a map, at each of their pairs, and raise it by their bests.

    No two lists have a pair in common.

    Parameters
    ----------
    first, last : int
        The first list, and the one after the last.
    pairs : Pairs
        Pairs of the lists.
    cells : Cells
        ``(N,)``; sums and counts are emptied.
    into : Cells
        ``(W, W)``.
    """
    for n in range(first, last):
        best, total, count = cells.best[n], cells.sums[n], cells.counts[n]
        for k in range(pairs.starts[n], pairs.starts[n + 1]):
            i, j = pairs.fast[k], pairs.slow[k]
            into.best[i, j] = max(into.best[i, j], best)
            into.sums[i, j] += total
            into.counts[i, j] += count
        cells.sums[n] = cells.counts[n] = 0


@jit
def finish_cells(best, sums, counts, means, sign, unit):
    """Turn cells into what is shown: bests and means of scores, NaN where nothing was counted.

    Parameters
    ----------
    best : ndarray
        ``(M,)`` the highest scores; becomes the best metric, in place.
    sums, counts : ndarray
        ``(M,)`` int64, scores in units and their number.
    means : ndarray
        ``(M,)``, filled; may lie where ``sums`` do.
    sign : float
        -1.0 where the lowest is the best.
    unit : float
        Metric of one unit of a sum.
    """
    for k in range(counts.size):
        if counts[k] == 0:
            best[k] = means[k] = np.nan
        else:
            means[k] = sums[k] / counts[k] * unit
            best[k] *= sign
