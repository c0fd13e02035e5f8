"""Where one average crosses above another: short sorted lists of bars, one per pair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, jit, spliced
from qmac.kernels.compiler.lanes import bits, from_bits, higher, load_at, lowest_bit, pack_mask

DEEPEST = 63
"""States that a walk stores to go back to; longer shared prefixes are walked again."""
TOGETHER = 64
"""Bars that are compared at a time: as many as a word has bits."""
MAGNITUDE = np.int64(2**63 - 1)
"""All bits of a float64 but its sign."""
TIE = 2.0**-48
"""Averages nearer to each other than this share of their size are equal: 16 units in the last
place. Rounding of the prices and of the averages makes up to about 4; the smallest real difference
of two averages of prices in cents is millions of times larger."""


class Crosses(NamedTuple):
    """The crosses of pair (or list) ``n`` are ``bars[starts[n]:starts[n + 1]]``, ascending."""

    starts: np.ndarray  # (N + 1,) int64
    bars: np.ndarray  # (E,) uint16 or uint32


@jit
def find_crosses(
    width, averages, fast, slow, length, skipped, delay, tie, above, below, bars_above, bars_below
):
    """Find the bars where averages cross above others, and where they cross below.

    Fires at ``t`` where ``d[t-1] <= 0 < d[t]`` for ``d = fast - slow``, or ``slow - fast``, both
    averages defined, a difference within ``tie`` being 0. Bars are stored ``delay`` later and
    counted from bar ``skipped``, one pair after the other. Each comparison of ``width`` bars fills
    a word: with a byte for each bar it took four times as long (2,000 bars).

    Parameters
    ----------
    width : tuple of int
        One item for each bar that is compared at a time; there must be as many bars.
    averages : ndarray
        ``(W, T)``, NaN where undefined.
    fast, slow : ndarray
        ``(P,)`` int32, rows of the averages of each pair.
    length : int
        Bars from this one on are left out.
    skipped, delay : int
        Bars.
    tie : float
        As a share of the size of the averages, such as ``TIE``.
    above, below : ndarray
        ``(P,)``, filled: how often each pair crosses.
    bars_above, bars_below : ndarray
        Filled: the bars.

    Returns
    -------
    tuple of int
        How many bars there are above and below, in all.
    """
    lanes, columns = len(width), averages.shape[1]
    total_above = total_below = 0
    for p in range(fast.size):
        before_above, before_below = total_above, total_below
        not_above = not_below = 0
        for block in range(0, columns, lanes):
            begin = min(block, columns - lanes)  # the last word overlaps: see ``unseen``
            one = load_at(averages, fast[p] * columns + begin, width)
            other = load_at(averages, slow[p] * columns + begin, width)
            difference, size = one - other, higher(_magnitude(one), _magnitude(other))
            least_above, least_below = size * tie, size * -tie
            carried_above, carried_below = _last_bit(not_above), _last_bit(not_below)
            not_above = pack_mask(difference <= least_above)  # an undefined difference is neither
            not_below = pack_mask(difference >= least_below)
            rises = pack_mask(difference > least_above) & (not_above << 1 | carried_above)
            falls = pack_mask(difference < least_below) & (not_below << 1 | carried_below)
            unseen = -1 << (block - begin)
            first = begin + delay
            total_above = _add_bars(rises & unseen, first, length, skipped, bars_above, total_above)
            total_below = _add_bars(falls & unseen, first, length, skipped, bars_below, total_below)
        above[p], below[p] = total_above - before_above, total_below - before_below
    return total_above, total_below


@spliced
def _magnitude(values):
    """Clear the signs of float64."""
    return from_bits(bits(values) & MAGNITUDE)


@spliced
def _last_bit(word):
    """Return the highest bit, which is of the last bar."""
    return word >> 63 & 1


@spliced
def _add_bars(word, begin, length, skipped, bars, total):
    """Add a bar for each 1 of a word.

    Parameters
    ----------
    word : int
        A bit a bar, the lowest for bar ``begin``.
    begin, length, skipped : int
        Bars; of those from ``length`` on nothing is added.
    bars : ndarray
        Filled from ``total`` on.
    total : int
        How many there are.

    Returns
    -------
    int
        How many there are by now.
    """
    while word != 0:
        bar = begin + lowest_bit(word)
        word &= word - 1
        if bar < length:
            bars[total] = bar - skipped
            total += 1
    return total


@inner
def count_shared_prefix(crosses, a, b, deepest):
    """Count the leading crosses that two lists have in common.

    Parameters
    ----------
    crosses : Crosses
        Lists.
    a, b : int
        Numbers of two of them.
    deepest : int
        More are not counted.

    Returns
    -------
    int
        At most ``deepest``.
    """
    first, second = crosses.starts[a], crosses.starts[b]
    first_size, second_size = crosses.starts[a + 1] - first, crosses.starts[b + 1] - second
    most = min(first_size, second_size, deepest)
    k = 0
    while k < most and crosses.bars[first + k] == crosses.bars[second + k]:
        k += 1
    return k


@jit
def cut_lists(crosses, tile_bars, tiles):
    """Cut lists at the ends of tiles, so that what is walked in a tile lies together.

    Where each list goes on after a tile is a place of its own in memory: on 500,000 bars a walk
    that went there took half as long again.

    Parameters
    ----------
    crosses : Crosses
        N lists.
    tile_bars, tiles : int
        Bars of each tile but the last, and how many tiles there are.

    Returns
    -------
    Crosses
        ``tiles * N`` lists; what list ``n`` has in tile ``i`` is list ``i * N + n``.
    """
    lists = crosses.starts.size - 1
    starts = np.zeros(tiles * lists + 1, np.int64)
    for n in range(lists):
        for k in range(crosses.starts[n], crosses.starts[n + 1]):
            starts[crosses.bars[k] // tile_bars * lists + n + 1] += 1
    for n in range(tiles * lists):
        starts[n + 1] += starts[n]
    bars = np.empty_like(crosses.bars)
    for n in range(lists):
        tile, place = -1, 0
        for k in range(crosses.starts[n], crosses.starts[n + 1]):
            bar = crosses.bars[k]
            if bar // tile_bars != tile:
                tile = bar // tile_bars
                place = starts[tile * lists + n]
            bars[place] = bar
            place += 1
    return Crosses(starts, bars)


@jit
def count_shared_prefixes(crosses, deepest):
    """Count the leading crosses that each list has in common with the one before it.

    Parameters
    ----------
    crosses : Crosses
        N lists.
    deepest : int
        Number of states that a walk can go back to; more are not counted.

    Returns
    -------
    ndarray
        ``(N + 1,)`` int32; 0 for the first list, and behind the last.
    """
    shared = np.zeros(crosses.starts.size, np.int32)
    for n in range(1, crosses.starts.size - 1):
        shared[n] = count_shared_prefix(crosses, n - 1, n, deepest)
    return shared
