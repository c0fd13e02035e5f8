"""Event lists, each once, and the pairs that have it.

Pairs with neighbouring windows often cross on the very same bars: of 31,375 pairs on 800 bars 7,400 entry
lists are distinct. What a combination scores depends on its two lists only. Axes: ``N`` lists, ``P``
pairs, ``I`` slices, ``W`` windows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import jit
from qmac.kernels.signals.crosses import DEEPEST, Crosses, count_shared_prefixes

LEAST_SPLIT, MOST_PAIRS = 16, 4096
"""An exit list of more pairs than a quarter of the windows, within these bounds, is kept more than once; an entry list from
the upper one on.

A lane whose pairs have nearly every window would be looked at pair by pair in nearly every row (800 bars: 460
against 130 ns a row); and the weight of one row in 32 lanes must fit 32 bits.
"""
MIXER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and without a pattern: 2**64 over the golden ratio."""


class Pairs(NamedTuple):
    """The pairs of each list, list ``n`` having ``starts[n] ... starts[n + 1]``, ascending."""

    starts: np.ndarray  # (N + 1,) int64
    pairs: np.ndarray  # (P,) int32
    fast: np.ndarray  # (P,) int32, windows as positions among those of the grid
    slow: np.ndarray  # (P,) int32


class Slices(NamedTuple):
    """The same by one of their windows, the fast or the slow one.

    Slice ``j`` of list ``n``, ``starts[n] <= j < starts[n + 1]``, are the pairs of ``windows[j]`` and each of
    ``others[begins[j]:begins[j + 1]]``.
    """

    starts: np.ndarray  # (N + 1,) int64
    windows: np.ndarray  # (I,) int32
    begins: np.ndarray  # (I + 1,) int64
    others: np.ndarray  # (P,) int32


class Holders(NamedTuple):
    """The slices of each window, by list: ``slices[starts[w]:starts[w + 1]]``."""

    starts: np.ndarray  # (W + 1,) int64
    slices: np.ndarray  # (I,) int64
    lists: np.ndarray  # (I,) int32, the list of each slice


class Lists(NamedTuple):
    """One side of the grid."""

    crosses: Crosses  # of N lists
    prefixes: np.ndarray  # (N + 1,) int32, see count_shared_prefixes
    pairs: Pairs
    by_fast: Slices
    by_slow: Slices
    fast_holders: Holders
    slow_holders: Holders

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of lists; kernels, which know no properties, take ``pairs.starts.size - 1``."""
        return int(self.pairs.starts.size - 1)


def limit_pairs(windows: int) -> int:
    """Pairs of one exit list."""
    return min(max(windows // 4, LEAST_SPLIT), MOST_PAIRS)


@jit
def find_equal_lists(crosses, most):
    """The list of each pair ``(P,)`` and the first pair of each list ``(N,)``, numbered in the order of first pairs."""
    pairs = crosses.starts.size - 1
    places = 16
    while places < 2 * pairs:
        places *= 2
    table = np.zeros(places, np.int32)  # open addressing by a hash of the bars; a list and 1, or 0
    ids = np.empty(pairs, np.int32)
    heads = np.empty(pairs, np.int32)
    sizes = np.zeros(pairs, np.int32)
    found = 0
    for p in range(pairs):
        begin, end = crosses.starts[p], crosses.starts[p + 1]
        hashed = np.uint64(end - begin)
        for k in range(
            begin, end
        ):  # terms that need not wait for each other: 0.6 ms instead of 1.1 for 30,000 lists
            term = (np.uint64(crosses.bars[k]) + (np.uint64(k - begin) << np.uint64(32))) * MIXER
            hashed += (term ^ (term >> np.uint64(29))) * MIXER
        hashed ^= hashed >> np.uint64(32)
        place = np.int64(hashed & np.uint64(places - 1))
        while table[place] > 0:
            other = heads[table[place] - 1]
            head = crosses.starts[other]
            same = crosses.starts[other + 1] - head == end - begin
            k = 0
            while same and k < end - begin:
                same = crosses.bars[head + k] == crosses.bars[begin + k]
                k += 1
            if same:
                break
            place = (place + 1) & (places - 1)
        if table[place] == 0 or sizes[table[place] - 1] == most:
            heads[found] = p
            found += 1
            table[place] = found
        ids[p] = table[place] - 1
        sizes[ids[p]] += 1
    return ids, heads[:found].copy()


@jit
def sort_by_key(keys, order, size):
    """``order`` sorted by ``keys[order]``, stable, and where each key begins ``(size + 1,)``."""
    starts = np.zeros(size + 1, np.int64)
    for k in range(keys.size):
        starts[keys[k] + 1] += 1
    for n in range(size):
        starts[n + 1] += starts[n]
    free = starts.copy()
    done = np.empty(order.size, np.int64)
    for k in range(order.size):
        key = keys[order[k]]
        done[free[key]] = order[k]
        free[key] += 1
    return done, starts


@jit
def build_slices(ids, lists, windows, others, size):
    """Slices of the pairs by ``windows``, their holders, and the pairs ``(P,)`` in their order; ``others`` must ascend wherever
    windows are the same."""
    order, _ = sort_by_key(windows, np.arange(ids.size), size)
    order, _ = sort_by_key(ids, order, lists)
    slice_windows = np.empty(ids.size, np.int32)
    slice_lists = np.empty(ids.size, np.int32)
    begins = np.empty(ids.size + 1, np.int64)
    starts = np.zeros(lists + 1, np.int64)
    found = 0
    for k in range(ids.size):
        p = order[k]
        if k == 0 or ids[order[k - 1]] != ids[p] or windows[order[k - 1]] != windows[p]:
            slice_windows[found], slice_lists[found], begins[found] = windows[p], ids[p], k
            starts[ids[p] + 1] += 1
            found += 1
    begins[found] = ids.size
    for n in range(lists):
        starts[n + 1] += starts[n]
    slice_windows = slice_windows[:found].copy()
    slice_lists = slice_lists[:found].copy()
    held, held_starts = sort_by_key(slice_windows, np.arange(found), size)
    slices = Slices(starts, slice_windows, begins[: found + 1].copy(), others[order])
    return slices, Holders(held_starts, held, slice_lists[held]), order.astype(np.int32)


@jit
def gather_lists(crosses, which):
    """The lists ``which (N,)`` of others."""
    starts = np.zeros(which.size + 1, np.int64)
    for n in range(which.size):
        starts[n + 1] = starts[n] + crosses.starts[which[n] + 1] - crosses.starts[which[n]]
    bars = np.empty(starts[which.size], crosses.bars.dtype)
    for n in range(which.size):
        begin = crosses.starts[which[n]]
        for k in range(starts[n + 1] - starts[n]):
            bars[starts[n] + k] = crosses.bars[begin + k]
    return Crosses(starts, bars)


@jit
def pack_first_entries(crosses, which, bits, most):
    """The first bars of the lists ``which (N,)`` in one number each, ``(N,)`` uint64: ``bits`` a bar, the ``most`` highest of them
    all, and zeros for bars that a list does not have."""
    found = np.empty(which.size, np.uint64)
    for n in range(which.size):
        begin, end = crosses.starts[which[n]], crosses.starts[which[n] + 1]
        key, free = np.uint64(0), most
        while free > 0:
            bar = np.uint64(crosses.bars[begin]) if begin < end else np.uint64(0)
            taken = min(bits, free)
            key = (key << np.uint64(taken)) | (bar >> np.uint64(bits - taken))
            free -= taken
            begin += 1
        found[n] = key
    return found


@jit
def map_pairs_to_lists(pairs, windows):
    """The list of each pair of windows, ``(W, W)`` int32 by their places; -1 where there is no such pair."""
    found = np.full((windows, windows), -1, np.int32)
    for n in range(pairs.starts.size - 1):
        for k in range(pairs.starts[n], pairs.starts[n + 1]):
            found[pairs.fast[k], pairs.slow[k]] = n
    return found


class Side(NamedTuple):
    """What the lists of a side are made of."""

    crosses: Crosses
    heads: np.ndarray  # (N,) int32, which of them the lists are
    ids: np.ndarray  # (P,) int32, the list of each pair
    fast: np.ndarray  # (P,) int32
    slow: np.ndarray  # (P,) int32


def build_lists(
    sides: Sequence[Side], windows: int, mapped: Callable[..., Iterable[Any]] = map
) -> list[Lists]:
    """The lists of each side; ``mapped`` may spread their bars and slices over threads."""

    def bars(side: Side) -> tuple[Crosses, np.ndarray]:
        crosses = gather_lists(side.crosses, side.heads)
        return crosses, count_shared_prefixes(crosses, DEEPEST)

    def slices(
        side: Side, role: np.ndarray, other: np.ndarray
    ) -> tuple[Slices, Holders, np.ndarray]:
        return build_slices(side.ids, side.heads.size, role, other, windows)  # type: ignore[no-any-return]

    parts = [
        part
        for side in sides
        for part in (
            functools.partial(bars, side),
            functools.partial(slices, side, side.fast, side.slow),
            functools.partial(slices, side, side.slow, side.fast),
        )
    ]
    made: list[Any] = list(mapped(lambda part: part(), parts))
    found = []
    for side, (crosses, prefixes), (by_fast, fast_holders, order), (
        by_slow,
        slow_holders,
        _,
    ) in zip(sides, made[::3], made[1::3], made[2::3], strict=True):
        pairs = Pairs(by_fast.begins[by_fast.starts], order, side.fast[order], by_fast.others)
        found.append(Lists(crosses, prefixes, pairs, by_fast, by_slow, fast_holders, slow_holders))
    return found
