"""Event lists, each once, and the pairs that have it.

Pairs with neighbouring windows often cross on the very same bars: of 31,375 pairs on 800 bars 7,400
entry lists are distinct. What a combination scores depends on its two lists only. Axes: ``N``
lists, ``P`` pairs, ``I`` slices, ``W`` windows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, jit
from qmac.kernels.signals.crosses import DEEPEST, Crosses, count_shared_prefixes

LEAST_SPLIT, MOST_PAIRS = 16, 4096
"""An exit list of more pairs than a quarter of the windows, within these bounds, is stored more
than once; an entry list from the upper one on.

A lane whose pairs have nearly every window would be looked at pair by pair in nearly every row (800
bars: 460 against 130 ns a row); and the weight of one row in 32 lanes must fit 32 bits.
"""
MIXER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and without a pattern: 2**64 over the golden ratio."""


class Pairs(NamedTuple):
    """The pairs of each list: those of ``n`` are at ``starts[n] ... starts[n + 1]``, ascending."""

    starts: np.ndarray  # (N + 1,) int64
    pairs: np.ndarray  # (P,) int32
    fast: np.ndarray  # (P,) int32, windows as positions among those of the grid
    slow: np.ndarray  # (P,) int32


class Slices(NamedTuple):
    """Pairs of each list by one of their windows, the fast or the slow one.

    Slice ``j`` of list ``n``, ``starts[n] <= j < starts[n + 1]``, are the pairs of ``windows[j]``
    and each of ``others[begins[j]:begins[j + 1]]``.
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
    """Return how many pairs one exit list has at most.

    Parameters
    ----------
    windows : int
        Number of windows of the grid.

    Returns
    -------
    int
        A quarter of them, within ``LEAST_SPLIT`` and ``MOST_PAIRS``.
    """
    return min(max(windows // 4, LEAST_SPLIT), MOST_PAIRS)


@inner
def _hash_bars(bars, begin, end):
    """Hash ``bars[begin:end]``.

    Terms need not wait for each other: 0.6 ms instead of 1.1 for 30,000 lists.

    Parameters
    ----------
    bars : ndarray
        Bars of all lists.
    begin, end : int
        Where those of one begin and end.

    Returns
    -------
    uint64
        The same for equal lists.
    """
    hashed = np.uint64(end - begin)
    for k in range(begin, end):
        place = np.uint64(k - begin) << np.uint64(32)
        term = (np.uint64(bars[k]) + place) * MIXER
        hashed += (term ^ (term >> np.uint64(29))) * MIXER
    return hashed ^ (hashed >> np.uint64(32))


@inner
def _is_same_list(crosses, a, b):
    """Tell whether two lists have the same bars.

    Parameters
    ----------
    crosses : Crosses
        Lists.
    a, b : int
        Numbers of two of them.

    Returns
    -------
    bool
        Whether they are equal.
    """
    first, second = crosses.starts[a], crosses.starts[b]
    size = crosses.starts[b + 1] - second
    is_same = crosses.starts[a + 1] - first == size
    k = 0
    while is_same and k < size:
        is_same = crosses.bars[first + k] == crosses.bars[second + k]
        k += 1
    return is_same


@jit
def find_equal_lists(crosses, most):
    """Find the distinct lists among those of the pairs.

    Parameters
    ----------
    crosses : Crosses
        The list of each of P pairs.
    most : int
        Pairs of one list; what more pairs have is stored again.

    Returns
    -------
    ids : ndarray
        ``(P,)`` int32, the distinct list of each pair, numbered in the order of first pairs.
    heads : ndarray
        ``(N,)`` int32, the first pair of each distinct list.
    """
    pairs = crosses.starts.size - 1
    places = 16
    while places < 2 * pairs:
        places *= 2
    table = np.zeros(places, np.int32)  # open addressing by a hash of the bars; a list and 1, or 0
    ids = np.empty(pairs, np.int32)
    heads = np.empty(pairs, np.int32)
    sizes = np.zeros(pairs, np.int32)
    lists = 0
    for p in range(pairs):
        hashed = _hash_bars(crosses.bars, crosses.starts[p], crosses.starts[p + 1])
        place = np.int64(hashed & np.uint64(places - 1))
        while table[place] > 0 and not _is_same_list(crosses, heads[table[place] - 1], p):
            place = (place + 1) & (places - 1)
        if table[place] == 0 or sizes[table[place] - 1] == most:
            heads[lists] = p
            lists += 1
            table[place] = lists
        ids[p] = table[place] - 1
        sizes[ids[p]] += 1
    return ids, heads[:lists].copy()


@jit
def sort_by_key(keys, order, size):
    """Sort places by whole numbers, stable.

    Parameters
    ----------
    keys : ndarray
        ``(P,)`` numbers below ``size``.
    order : ndarray
        ``(P,)`` int64, the places in an order that equal keys keep.
    size : int
        Number of keys that may occur.

    Returns
    -------
    sorted_order : ndarray
        ``(P,)`` int64, the places by ascending key.
    starts : ndarray
        ``(size + 1,)`` int64, where each key begins among them.
    """
    starts = np.zeros(size + 1, np.int64)
    for k in range(keys.size):
        starts[keys[k] + 1] += 1
    for n in range(size):
        starts[n + 1] += starts[n]
    free = starts.copy()
    sorted_order = np.empty(order.size, np.int64)
    for k in range(order.size):
        key = keys[order[k]]
        sorted_order[free[key]] = order[k]
        free[key] += 1
    return sorted_order, starts


@jit
def build_slices(ids, lists, windows, others, size):
    """Build the slices of the pairs by one of their windows.

    Parameters
    ----------
    ids : ndarray
        ``(P,)`` int32, the list of each pair.
    lists : int
        Number of lists.
    windows : ndarray
        ``(P,)`` int32, the window that slices go by, as a place among those of the grid.
    others : ndarray
        ``(P,)`` int32, the other one; ascending wherever windows are the same.
    size : int
        Number of windows of the grid.

    Returns
    -------
    slices : Slices
        Slices of each list.
    holders : Holders
        Slices of each window.
    order : ndarray
        ``(P,)`` int32, the pairs in the order of the slices.
    """
    by_window, _ = sort_by_key(windows, np.arange(ids.size), size)
    order, _ = sort_by_key(ids, by_window, lists)
    slice_windows = np.empty(ids.size, np.int32)
    slice_lists = np.empty(ids.size, np.int32)
    begins = np.empty(ids.size + 1, np.int64)
    starts = np.zeros(lists + 1, np.int64)
    count = 0
    for k in range(ids.size):
        p, before = order[k], order[max(k - 1, 0)]
        if k == 0 or ids[before] != ids[p] or windows[before] != windows[p]:
            slice_windows[count], slice_lists[count] = windows[p], ids[p]
            begins[count] = k
            starts[ids[p] + 1] += 1
            count += 1
    begins[count] = ids.size
    for n in range(lists):
        starts[n + 1] += starts[n]
    slice_windows = slice_windows[:count].copy()
    slice_lists = slice_lists[:count].copy()
    held, held_starts = sort_by_key(slice_windows, np.arange(count), size)
    slices = Slices(starts, slice_windows, begins[: count + 1].copy(), others[order])
    holders = Holders(held_starts, held, slice_lists[held])
    return slices, holders, order.astype(np.int32)


@jit
def gather_lists(crosses, which):
    """Gather some of the lists.

    Parameters
    ----------
    crosses : Crosses
        Lists.
    which : ndarray
        ``(N,)`` their numbers.

    Returns
    -------
    Crosses
        N lists.
    """
    starts = np.zeros(which.size + 1, np.int64)
    for n in range(which.size):
        size = crosses.starts[which[n] + 1] - crosses.starts[which[n]]
        starts[n + 1] = starts[n] + size
    bars = np.empty(starts[which.size], crosses.bars.dtype)
    for n in range(which.size):
        begin = crosses.starts[which[n]]
        for k in range(starts[n + 1] - starts[n]):
            bars[starts[n] + k] = crosses.bars[begin + k]
    return Crosses(starts, bars)


@jit
def pack_first_entries(crosses, which, bits, most):
    """Pack the first bars of lists into one number each, so that these sort as the lists do.

    Parameters
    ----------
    crosses : Crosses
        Lists.
    which : ndarray
        ``(N,)`` numbers of some of them.
    bits : int
        Bits of a bar.
    most : int
        Bits of a number: the highest of those of its bars. A bar that a list does not have is 0.

    Returns
    -------
    ndarray
        ``(N,)`` uint64.
    """
    numbers = np.empty(which.size, np.uint64)
    for n in range(which.size):
        begin, end = crosses.starts[which[n]], crosses.starts[which[n] + 1]
        key, free = np.uint64(0), most
        while free > 0:
            bar = np.uint64(crosses.bars[begin]) if begin < end else np.uint64(0)
            taken = min(bits, free)
            key = (key << np.uint64(taken)) | (bar >> np.uint64(bits - taken))
            free -= taken
            begin += 1
        numbers[n] = key
    return numbers


@jit
def map_pairs_to_lists(pairs, windows):
    """Map each pair of windows to its list.

    Parameters
    ----------
    pairs : Pairs
        Pairs of the lists.
    windows : int
        Number of windows of the grid.

    Returns
    -------
    ndarray
        ``(W, W)`` int32, by the places of both windows; -1 where there is no such pair.
    """
    lists = np.full((windows, windows), -1, np.int32)
    for n in range(pairs.starts.size - 1):
        begin, end = pairs.starts[n], pairs.starts[n + 1]
        for k in range(begin, end):
            lists[pairs.fast[k], pairs.slow[k]] = n
    return lists


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
    """Build the lists of each side.

    Parameters
    ----------
    sides : sequence of Side
        What they are made of.
    windows : int
        Number of windows of the grid.
    mapped : callable
        As ``map``; may spread bars and slices over threads.

    Returns
    -------
    list of Lists
        For each side.
    """
    steps: list[Callable[[], Any]] = []
    for side in sides:
        steps.append(functools.partial(_gather_side, side))
        steps.append(functools.partial(_slice_side, side, side.fast, side.slow, windows))
        steps.append(functools.partial(_slice_side, side, side.slow, side.fast, windows))
    results = iter(mapped(_call, steps))
    lists = []
    for side in sides:
        crosses, prefixes = next(results)
        by_fast, fast_holders, order = next(results)
        by_slow, slow_holders, _ = next(results)
        starts = by_fast.begins[by_fast.starts]
        pairs = Pairs(starts, order, side.fast[order], by_fast.others)
        lists.append(Lists(crosses, prefixes, pairs, by_fast, by_slow, fast_holders, slow_holders))
    return lists


def _call(step: Callable[[], Any]) -> Any:
    return step()


def _gather_side(side: Side) -> tuple[Crosses, np.ndarray]:
    crosses = gather_lists(side.crosses, side.heads)
    return crosses, count_shared_prefixes(crosses, DEEPEST)


def _slice_side(side: Side, role: np.ndarray, other: np.ndarray, windows: int) -> Any:
    return build_slices(side.ids, side.heads.size, role, other, windows)
