"""Combinations that share a window, taken off again from the sums that took them along.

They are swept window by window: all entry pairs with the window against all exit pairs with it, a lane a
exit pair. A pair that both sides have is met under its fast window only.
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
    """Look for the entry lists with a pair of this window, from their holders; returns how many there are."""
    i, i_end = fast.starts[window], fast.starts[window + 1]
    j, j_end = slow.starts[window], slow.starts[window + 1]
    found = 0
    while i < i_end or j < j_end:
        row = np.int64(fast.lists[i] if i < i_end else slow.lists[j])
        if j < j_end:
            row = min(row, np.int64(slow.lists[j]))
        visit.rows[found] = row
        visit.slices[:, found] = -1
        if i < i_end and fast.lists[i] == row:
            visit.slices[0, found] = fast.slices[i]
            i += 1
        if j < j_end and slow.lists[j] == row:
            visit.slices[1, found] = slow.slices[j]
            j += 1
        visit.prefixes[found] = (
            0
            if found == 0
            else count_shared_prefix(crosses, np.int64(visit.rows[found - 1]), row, deepest)
        )
        found += 1
    visit.prefixes[found] = 0
    return found


@inner
def open_shared(window, role, first, exits, lanes, shared):
    """A lane for each exit pair with this window in this role, from the ``first`` on; whether there are any."""
    slices, holders = exits.by_fast, exits.fast_holders
    if role == SLOW:
        slices, holders = exits.by_slow, exits.slow_holders
    lanes.alive[:] = 0
    lanes.pairs[:] = 0
    lanes.lists[:] = -1
    shared.places[:] = -1
    shared.sums[:] = 0
    shared.counts[:] = 0
    found = 0
    for held in range(holders.starts[window], holders.starts[window + 1]):
        j = holders.slices[held]
        for k in range(slices.begins[j], slices.begins[j + 1]):
            lane = found - first
            if 0 <= lane < lanes.lists.size:
                lanes.lists[lane] = holders.lists[held]
                lanes.pairs[0, lane] = 1
                lanes.alive[0, lane] = ~lanes.alive.dtype.type(0)
                shared.others[lane] = slices.others[k]
                shared.places[slices.others[k]] = lane
            found += 1
    return found > first


@inner
def weigh_row(i, role, by_fast, by_slow, slices, pairs, places, weights):
    """How many combinations of row and lane share the window: the pairs of the row that have it."""
    weight = 0
    if slices[FAST, i] >= 0:
        weight += by_fast.begins[slices[FAST, i] + 1] - by_fast.begins[slices[FAST, i]]
    if slices[SLOW, i] >= 0:
        weight += by_slow.begins[slices[SLOW, i] + 1] - by_slow.begins[slices[SLOW, i]]
    for lane in range(pairs.shape[1]):
        weights[0, lane] = weight * pairs[0, lane]
    if role == SLOW and slices[SLOW, i] >= 0:
        for k in range(by_slow.begins[slices[SLOW, i]], by_slow.begins[slices[SLOW, i] + 1]):
            lane = places[by_slow.others[k]]
            if lane >= 0:  # the very same pair, met under its fast window
                weights[0, lane] -= 1


@inner
def take_off_row(i, window, role, by_fast, by_slow, slices, row, shared, counts, maps):
    """Take the row off the counts and maps."""
    for lane in range(row.weights.shape[1]):
        counts[0] -= row.weights[0, lane]
        counts[2] -= row.weights[0, lane] * row.ones[0, lane]
    for entry_role in range(np.int64(2)):
        others = by_fast if entry_role == FAST else by_slow
        j = slices[entry_role, i]
        if j >= 0:
            take_off_slice(
                others.others,
                others.begins[j],
                others.begins[j + 1],
                entry_role,
                window,
                role,
                row,
                shared,
                maps,
            )


@inner
def take_off_slice(others, begin, end, entry_role, window, role, row, shared, maps):
    """The pairs (window, others) of the row: fast and slow, or slow and fast."""
    units, ones = 0, 0
    for lane in range(row.units.shape[1]):
        shared.sums[entry_role, lane] += (end - begin) * row.units[0, lane]
        shared.counts[entry_role, lane] += (end - begin) * row.ones[0, lane]
        units += row.units[0, lane]
        ones += row.ones[0, lane]
    crossed = CROSSED + 2 * (1 - entry_role) + (1 - role)
    for k in range(begin, end):
        other, row_units, row_ones = others[k], units, ones
        for lane in range(row.units.shape[1]):
            take_off(
                maps, crossed, other, shared.others[lane], row.units[0, lane], row.ones[0, lane]
            )
        if role == SLOW and entry_role == SLOW and shared.places[other] >= 0:
            same = shared.places[other]
            row_units -= row.units[0, same]
            row_ones -= row.ones[0, same]
            shared.sums[SLOW, same] -= row.units[0, same]
            shared.counts[SLOW, same] -= row.ones[0, same]
            take_off(maps, crossed, other, other, -row.units[0, same], -row.ones[0, same])
        take_off(maps, CROSSED + 2 * (1 - entry_role) + role, other, window, row_units, row_ones)
        fast, slow = (window, other) if entry_role == FAST else (other, window)
        take_off(maps, ENTRY_PAIR, fast, slow, row_units, row_ones)


@spliced
def take_off(maps, which, i, j, units, count):
    maps.sums[which, i, j] -= units
    maps.counts[which, i, j] -= count


@inner
def close_shared(window, role, lists, shared, maps):
    """Take what the lanes have summed up off the maps of their own windows."""
    for lane in range(lists.size):
        if lists[lane] >= 0:
            other = shared.others[lane]
            fast, slow = (window, other) if role == FAST else (other, window)
            for entry_role in range(np.int64(2)):
                units, ones = shared.sums[entry_role, lane], shared.counts[entry_role, lane]
                take_off(maps, CROSSED + 2 * entry_role + 1 - role, window, other, units, ones)
                take_off(maps, EXIT_PAIR, fast, slow, units, ones)
