"""Combinations that share a window, taken off again from the sums that took them along.

They are swept window by window: all buy pairs with the window against all sell pairs with it, a lane a
sell pair. A pair of windows that both sides have is met under its fast one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, sealed
from qmac.kernels.crosses import prefix
from qmac.kernels.maps import CROSSED, OWN_BUY, OWN_SELL

FAST, SLOW = 0, 1


class Visit(NamedTuple):
    """Buy lists to walk, ``R`` of them, and where in each the pairs with a window are; scratch."""

    rows: np.ndarray  # (N,) int32, ascending
    prefixes: np.ndarray  # (N + 1,) int32, leading entries in common with the row before
    fast: np.ndarray  # (N,) int64, the slice of ``by_fast`` whose window it is, or -1
    slow: np.ndarray  # (N,) int64


@sealed
def visit_window(buys, window, deepest, visit):
    """Look for the buy lists with a pair of this window; returns how many there are."""
    fast, slow = buys.by_fast, buys.by_slow
    i, i_end = fast.holding[window], fast.holding[window + 1]
    j, j_end = slow.holding[window], slow.holding[window + 1]
    found = 0
    while i < i_end or j < j_end:
        in_fast = fast.held[i] if i < i_end else -1
        in_slow = slow.held[j] if j < j_end else -1
        if in_fast >= 0 and in_slow >= 0 and fast.lists[in_fast] != slow.lists[in_slow]:
            if fast.lists[in_fast] < slow.lists[in_slow]:
                in_slow = -1
            else:
                in_fast = -1
        i += in_fast >= 0
        j += in_slow >= 0
        row = fast.lists[in_fast] if in_fast >= 0 else slow.lists[in_slow]
        visit.prefixes[found] = 0 if found == 0 else prefix(buys.crosses, visit.rows[found - 1], row, deepest)
        visit.rows[found], visit.fast[found], visit.slow[found] = row, in_fast, in_slow
        found += 1
    visit.prefixes[found] = 0
    return found


@sealed
def open_shared(width, sells, window, role, first, block):
    """A lane for each sell pair whose ``role`` has this window, from the ``first`` on; False if none is left."""
    slices = sells.by_fast if role == FAST else sells.by_slow
    everywhere = ~block.keep.dtype.type(0)
    block.alive[:] = 0
    block.members[:] = 0
    block.lanes[:] = -1
    block.places[:] = -1
    found = 0
    for held in range(slices.holding[window], slices.holding[window + 1]):
        j = slices.held[held]
        for k in range(slices.begins[j], slices.begins[j + 1]):
            lane = found - first
            if 0 <= lane < len(width):
                block.lanes[lane] = slices.lists[j]
                block.members[0, lane] = 1
                block.alive[0, lane] = everywhere
                block.others[lane] = slices.others[k]
                block.places[slices.others[k]] = lane
            found += 1
    block.lane_sum[:] = 0
    block.lane_count[:] = 0
    return found > first


@sealed
def weigh_row(i, role, buys, visit, block):
    """How many combinations of row and lane share the window: the pairs of the row that have it."""
    weight = 0
    if visit.fast[i] >= 0:
        weight += buys.by_fast.begins[visit.fast[i] + 1] - buys.by_fast.begins[visit.fast[i]]
    if visit.slow[i] >= 0:
        weight += buys.by_slow.begins[visit.slow[i] + 1] - buys.by_slow.begins[visit.slow[i]]
    for lane in range(block.lanes.size):
        block.weights[0, lane] = weight * block.members[0, lane]
    if role == SLOW and visit.slow[i] >= 0:
        for k in range(buys.by_slow.begins[visit.slow[i]], buys.by_slow.begins[visit.slow[i] + 1]):
            lane = block.places[buys.by_slow.others[k]]
            if lane >= 0:  # the very same pair, met under its fast window
                block.weights[0, lane] -= 1


@sealed
def take_off_row(i, window, role, buys, visit, block, tally):
    """Take the row, whose scores are in ``block``, off the counts and maps."""
    for lane in range(block.lanes.size):
        tally.counts[0] -= block.weights[0, lane]
        tally.counts[2] -= block.weights[0, lane] * block.ones[0, lane]
    if visit.fast[i] >= 0:
        take_off_slice(visit.fast[i], buys.by_fast, FAST, window, role, block, tally)
    if visit.slow[i] >= 0:
        take_off_slice(visit.slow[i], buys.by_slow, SLOW, window, role, block, tally)


@sealed
def take_off_slice(j, slices, buy_role, window, role, block, tally):
    """The pairs (window, others) of the row: fast and slow, or slow and fast."""
    begin, end = slices.begins[j], slices.begins[j + 1]
    units, ones = 0, 0
    for lane in range(block.lanes.size):
        block.lane_sum[buy_role, lane] += (end - begin) * block.units[0, lane]
        block.lane_count[buy_role, lane] += (end - begin) * block.ones[0, lane]
        units += block.units[0, lane]
        ones += block.ones[0, lane]
    crossed = CROSSED + 2 * (1 - buy_role) + (1 - role)
    for k in range(begin, end):
        other = slices.others[k]
        row_units, row_ones = units, ones
        for lane in range(block.lanes.size):
            tally.map_sum[crossed, other, block.others[lane]] -= block.units[0, lane]
            tally.map_count[crossed, other, block.others[lane]] -= block.ones[0, lane]
        if role == SLOW and buy_role == SLOW and block.places[other] >= 0:
            same = block.places[other]
            row_units -= block.units[0, same]
            row_ones -= block.ones[0, same]
            block.lane_sum[SLOW, same] -= block.units[0, same]
            block.lane_count[SLOW, same] -= block.ones[0, same]
            take_off(tally, crossed, other, other, -block.units[0, same], -block.ones[0, same])
        take_off(tally, CROSSED + 2 * (1 - buy_role) + role, other, window, row_units, row_ones)
        if buy_role == FAST:
            take_off(tally, OWN_BUY, window, other, row_units, row_ones)
        else:
            take_off(tally, OWN_BUY, other, window, row_units, row_ones)


@inlined
def take_off(tally, which, i, j, units, count):
    tally.map_sum[which, i, j] -= units
    tally.map_count[which, i, j] -= count


@sealed
def close_shared(window, role, block, tally):
    """Take what the lanes have summed up off the maps of their own windows."""
    for lane in range(block.lanes.size):
        if block.lanes[lane] >= 0:
            other = block.others[lane]
            for buy_role in (FAST, SLOW):
                units, ones = block.lane_sum[buy_role, lane], block.lane_count[buy_role, lane]
                take_off(tally, CROSSED + 2 * buy_role + 1 - role, window, other, units, ones)
                if role == FAST:
                    take_off(tally, OWN_SELL, window, other, units, ones)
                else:
                    take_off(tally, OWN_SELL, other, window, units, ones)
