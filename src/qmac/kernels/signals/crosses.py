"""Where one average crosses above another: short sorted lists of bars, one per pair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, jit, spliced
from qmac.kernels.compiler.lanes import bits, from_bits, higher, load_at, lowest_bit, pack_mask

DEEPEST = 63
"""States that a walk keeps to go back to; longer shared prefixes are walked again."""
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
    """Bars at which ``averages[fast[p]]`` crosses above ``averages[slow[p]]``, and at which below it.

    Fires at ``t`` where ``d[t-1] <= 0 < d[t]`` for ``d = fast - slow``, or ``slow - fast``, both averages defined, a
    difference within ``tie`` being 0. Stores the numbers of crosses of ``p`` in ``above[p]`` and ``below[p]`` and the bars below
    ``length``, ``delay`` bars later and counted from bar ``skipped``, one pair after the other in ``bars_above`` and
    ``bars_below``; returns how many there are in all. ``width`` bars are compared at a time, and there must be as many:
    each comparison fills a word. With a byte for each it took four times as long (2,000 bars).
    """
    lanes, columns = len(width), averages.shape[1]
    found_above = found_below = 0
    for p in range(fast.size):
        found = found_above, found_below
        not_above = not_below = 0
        for block in range(0, columns, lanes):
            begin = min(
                block, columns - lanes
            )  # the last word overlaps; what is carried into it is masked
            one = load_at(averages, fast[p] * columns + begin, width)
            other = load_at(averages, slow[p] * columns + begin, width)
            difference, size = one - other, higher(magnitude(one), magnitude(other))
            least_above, least_below = size * tie, size * -tie
            carried_above, carried_below = last_bit(not_above), last_bit(not_below)
            not_above = pack_mask(difference <= least_above)  # an undefined difference is neither
            not_below = pack_mask(difference >= least_below)
            rises = pack_mask(difference > least_above) & (not_above << 1 | carried_above)
            falls = pack_mask(difference < least_below) & (not_below << 1 | carried_below)
            seen = -1 << (block - begin)
            found_above = add_bars(
                rises & seen, begin + delay, length, skipped, bars_above, found_above
            )
            found_below = add_bars(
                falls & seen, begin + delay, length, skipped, bars_below, found_below
            )
        above[p], below[p] = found_above - found[0], found_below - found[1]
    return found_above, found_below


@spliced
def magnitude(values):
    return from_bits(bits(values) & MAGNITUDE)


@spliced
def last_bit(word):
    """The highest one, which is of the last bar."""
    return word >> 63 & 1


@spliced
def add_bars(word, begin, length, skipped, bars, found):
    """Add a bar for each 1 of a word, counted from ``begin`` on; returns how many there are by now."""
    while word != 0:
        bar = begin + lowest_bit(word)
        word &= word - 1
        if bar < length:
            bars[found] = bar - skipped
            found += 1
    return found


@inner
def count_shared_prefix(crosses, a, b, deepest):
    """How many leading crosses two lists have in common, at most ``deepest``."""
    first, second = crosses.starts[a], crosses.starts[b]
    most = min(crosses.starts[a + 1] - first, crosses.starts[b + 1] - second, deepest)
    k = 0
    while k < most and crosses.bars[first + k] == crosses.bars[second + k]:
        k += 1
    return k


@jit
def count_shared_prefixes(crosses, deepest):
    """How many leading crosses each list has in common with the one before it, ``(N + 1,)``.

    At most ``deepest``, the number of states that a walk can go back to.
    """
    shared = np.zeros(crosses.starts.size, np.int32)
    for n in range(1, crosses.starts.size - 1):
        shared[n] = count_shared_prefix(crosses, n - 1, n, deepest)
    return shared
