"""Subtracts combinations that share a window from the sums, which include them at first.

They are swept window by window: all entry pairs with the window against all exit pairs with it, one
lane for each exit pair. A pair that both sides have is counted under its fast window only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, spliced
from qmac.kernels.signals.crosses import count_shared_prefix
from qmac.kernels.sweep.pair_maps import CROSSED, ENTRY_PAIR, EXIT_PAIR

FAST, SLOW = 0, 1


class Visit(NamedTuple):
    """Entry lists to walk, ``R`` of them, and where in each the pairs with a window are."""

    rows: np.ndarray  # (N,) int32, ascending
    prefixes: np.ndarray  # (N + 1,) int32, leading entries in common with the row before
    slices: np.ndarray  # (2, N) int64, by role: the slice of this window, or -1


class SharedLanes(NamedTuple):
    """Lanes that each stand for one exit pair with the window."""

    others: np.ndarray  # (L,) int32, its other window
    places: np.ndarray  # (W,) int32, the lane of each other window, or -1
    sums: np.ndarray  # (2, L) int64, of scores, by the window's role in the entry pair
    counts: np.ndarray  # (2, L) int64


@inner
def visit_window(window, crosses, fast, slow, deepest, visit):
    """Look for the entry lists with a pair of this window: a merge of its two lists of holders.

    Parameters
    ----------
    window : int
        Place among the windows.
    crosses : Crosses
        Entries of all lists.
    fast, slow : Holders
        Slices of each window in each role.
    deepest : int
        States that a walk can go back to.
    visit : Visit
        Filled with the lists.

    Returns
    -------
    int
        How many lists there are.
    """
    i, i_end = fast.starts[window], fast.starts[window + 1]
    j, j_end = slow.starts[window], slow.starts[window + 1]
    rows = 0
    while i < i_end or j < j_end:
        row = np.int64(fast.lists[i] if i < i_end else slow.lists[j])
        if j < j_end:
            row = min(row, np.int64(slow.lists[j]))
        visit.rows[rows] = row
        visit.slices[:, rows] = -1
        if i < i_end and fast.lists[i] == row:
            visit.slices[FAST, rows] = fast.slices[i]
            i += 1
        if j < j_end and slow.lists[j] == row:
            visit.slices[SLOW, rows] = slow.slices[j]
            j += 1
        visit.prefixes[rows] = 0
        if rows > 0:
            before = np.int64(visit.rows[rows - 1])
            visit.prefixes[rows] = count_shared_prefix(crosses, before, row, deepest)
        rows += 1
    visit.prefixes[rows] = 0
    return rows


@inner
def open_shared(window, role, first, exits, lanes, shared):
    """Open a lane for each exit pair with this window in this role, from the ``first`` on.

    Parameters
    ----------
    window, role, first : int
        Place of the window; ``FAST`` or ``SLOW``; exit pairs that earlier lanes had.
    exits : Lists
        Exit side of the grid.
    lanes : BlockLanes
        Filled.
    shared : SharedLanes
        Filled; its sums are emptied.

    Returns
    -------
    bool
        Whether there are any.
    """
    slices, holders = exits.by_fast, exits.fast_holders
    if role == SLOW:
        slices, holders = exits.by_slow, exits.slow_holders
    lanes.alive[:] = 0
    lanes.pairs[:] = 0
    lanes.lists[:] = -1
    shared.places[:] = -1
    shared.sums[:] = 0
    shared.counts[:] = 0
    pairs = 0
    for k in range(holders.starts[window], holders.starts[window + 1]):
        j = holders.slices[k]
        for m in range(slices.begins[j], slices.begins[j + 1]):
            lane = pairs - first
            if 0 <= lane < lanes.lists.size:
                lanes.lists[lane] = holders.lists[k]
                lanes.pairs[0, lane] = 1
                lanes.alive[0, lane] = ~lanes.alive.dtype.type(0)
                shared.others[lane] = slices.others[m]
                shared.places[slices.others[m]] = lane
            pairs += 1
    return pairs > first


@inner
def weigh_row(i, role, by_fast, by_slow, slices, pairs, places, weights):
    """Count the combinations of row and lane that share the window, into ``weights (1, L)``.

    They are the pairs of the row that have it. A pair that both sides have is left to its fast
    window.
    """
    fast, slow = slices[FAST, i], slices[SLOW, i]
    fast_begins, slow_begins = by_fast.begins, by_slow.begins
    weight = 0
    if fast >= 0:
        weight += fast_begins[fast + 1] - fast_begins[fast]
    if slow >= 0:
        weight += slow_begins[slow + 1] - slow_begins[slow]
    for lane in range(pairs.shape[1]):
        weights[0, lane] = weight * pairs[0, lane]
    if role == SLOW and slow >= 0:
        for k in range(slow_begins[slow], slow_begins[slow + 1]):
            lane = places[by_slow.others[k]]
            if lane >= 0:  # the very same pair
                weights[0, lane] -= 1


@inner
def take_off_row(i, window, role, by_fast, by_slow, slices, row, shared, counts, maps):
    """Take a row off the counts and maps.

    Parameters
    ----------
    i, window, role : int
        Place of the row in ``slices``; the shared window and its role in the exit pair.
    by_fast, by_slow : Slices
        Slices of the entry lists.
    slices : ndarray
        ``Visit.slices``.
    row : Row
        Weights and scores of the row, by lane.
    shared : SharedLanes
        Sums of the lanes.
    counts : ndarray
        ``Totals.counts``.
    maps : Cells
        ``Tally.maps``.
    """
    for lane in range(row.weights.shape[1]):
        weight = row.weights[0, lane]
        counts[0] -= weight
        counts[2] -= weight * row.ones[0, lane]
    for entry_role in range(np.int64(2)):
        by_role = by_fast if entry_role == FAST else by_slow
        j = slices[entry_role, i]
        if j >= 0:
            begin, end = by_role.begins[j], by_role.begins[j + 1]
            _take_off_slice(by_role.others, begin, end, entry_role, window, role, row, shared, maps)


@inner
def _take_off_slice(others, begin, end, entry_role, window, role, row, shared, maps):
    """Take the pairs (window, others) of a row off the lanes and the maps.

    They are fast and slow, or slow and fast, by the ``entry_role`` of the window. A pair that is
    the very same as that of a lane was met under its fast window: under the slow one it is put
    back.
    """
    units, ones = _add_to_lanes(end - begin, entry_role, row, shared)
    entry_other = CROSSED + 2 * (1 - entry_role)  # maps of the window that is not shared
    crossed = entry_other + (1 - role)
    for k in range(begin, end):
        other = others[k]
        row_units, row_ones = units, ones
        for lane in range(row.units.shape[1]):
            exit_other = shared.others[lane]
            _take_off(maps, crossed, other, exit_other, row.units[0, lane], row.ones[0, lane])
        if role == SLOW and entry_role == SLOW and shared.places[other] >= 0:
            same = shared.places[other]
            same_units, same_ones = row.units[0, same], row.ones[0, same]
            row_units -= same_units
            row_ones -= same_ones
            shared.sums[SLOW, same] -= same_units
            shared.counts[SLOW, same] -= same_ones
            _take_off(maps, crossed, other, other, -same_units, -same_ones)
        _take_off(maps, entry_other + role, other, window, row_units, row_ones)
        fast, slow = (window, other) if entry_role == FAST else (other, window)
        _take_off(maps, ENTRY_PAIR, fast, slow, row_units, row_ones)


@spliced
def _add_to_lanes(pairs, entry_role, row, shared):
    """Add so many pairs of a row to the sums of the lanes; the row's scores and their number."""
    units, ones = 0, 0
    for lane in range(row.units.shape[1]):
        lane_units, lane_ones = row.units[0, lane], row.ones[0, lane]
        shared.sums[entry_role, lane] += pairs * lane_units
        shared.counts[entry_role, lane] += pairs * lane_ones
        units += lane_units
        ones += lane_ones
    return units, ones


@spliced
def _take_off(maps, which, i, j, units, count):
    """Take scores and their number off a cell of a map."""
    maps.sums[which, i, j] -= units
    maps.counts[which, i, j] -= count


@inner
def close_shared(window, role, lists, shared, maps):
    """Take what the lanes have summed up off the maps of their windows.

    Parameters
    ----------
    window, role : int
        The shared window and its role in the exit pair.
    lists : ndarray
        ``BlockLanes.lists``; -1 for a lane without a list.
    shared : SharedLanes
        Sums of the lanes.
    maps : Cells
        ``Tally.maps``.
    """
    for lane in range(lists.size):
        if lists[lane] >= 0:
            other = shared.others[lane]
            fast, slow = (window, other) if role == FAST else (other, window)
            for entry_role in range(np.int64(2)):
                units, ones = shared.sums[entry_role, lane], shared.counts[entry_role, lane]
                crossed = CROSSED + 2 * entry_role + 1 - role
                _take_off(maps, crossed, window, other, units, ones)
                _take_off(maps, EXIT_PAIR, fast, slow, units, ones)
