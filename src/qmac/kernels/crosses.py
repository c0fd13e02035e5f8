"""Where one average crosses above another: short sorted lists of bars, one per pair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inner, jit

TIE = 2.0**-48
"""Averages nearer to each other than this share of their size are equal: 16 units in the last
place. Rounding of the prices and of the averages makes up to about 4; the smallest real difference
of two averages of prices in cents is millions of times larger."""


class Crosses(NamedTuple):
    """The crosses of pair (or list) ``n`` are ``bars[starts[n]:starts[n + 1]]``, ascending."""

    starts: np.ndarray  # (N + 1,) int64
    bars: np.ndarray  # (E,) uint16 or uint32


@jit
def find_crosses(averages, over, under, first, skipped, delay, tie, sizes, bars):
    """Bars at which ``averages[over[p]]`` crosses above ``averages[under[p]]``, from bar ``first`` on.

    Fires at ``t`` where ``d[t-1] <= 0 < d[t]`` for ``d = over - under``, both defined, a difference
    within ``tie`` being 0. Stores the number of crosses of ``p`` in ``sizes[p]`` and the bars, ``delay``
    bars later and counted from bar ``skipped``, one pair after the other in ``bars``; returns how many
    there are in all.
    """
    length = averages.shape[1]
    above = np.zeros(length + 1, np.uint8)  # entry t + 1 is bar t
    not_above = np.zeros(length + 1, np.uint8)
    fires = np.zeros((length + 7) // 8 * 8, np.uint8)
    words = fires.view(np.uint64)
    found = 0
    for p in range(over.size):
        o, u = over[p], under[p]
        for t in range(length):
            difference = averages[o, t] - averages[u, t]
            band = tie * abs(averages[o, t])
            above[t + 1] = difference > band
            not_above[t + 1] = difference <= band  # an undefined difference is neither
        for t in range(length):
            fires[t] = above[t + 1] & not_above[t]
        before = found
        for word in range(first // 8, words.size):
            if words[word] != 0:
                for t in range(max(8 * word, first), 8 * word + 8):
                    if fires[t] and t + delay < length:
                        bars[found] = t + delay - skipped
                        found += 1
        sizes[p] = found - before
    return found


@inner
def prefix(crosses, a, b, deepest):
    """How many leading crosses two lists have in common, at most ``deepest``."""
    first, second = crosses.starts[a], crosses.starts[b]
    most = min(crosses.starts[a + 1] - first, crosses.starts[b + 1] - second, deepest)
    k = 0
    while k < most and crosses.bars[first + k] == crosses.bars[second + k]:
        k += 1
    return k


@jit
def shared_prefixes(crosses, deepest):
    """How many leading crosses each list has in common with the one before it, ``(N + 1,)``.

    At most ``deepest``, the number of states that a walk can go back to.
    """
    shared = np.zeros(crosses.starts.size, np.int32)
    for n in range(1, crosses.starts.size - 1):
        shared[n] = prefix(crosses, n - 1, n, deepest)
    return shared
