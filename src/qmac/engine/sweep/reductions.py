"""What a run keeps of its combinations: memory that does not grow with their number.

A ``Tally`` (kernels/sweep/tally.py) is the state of all reductions; the sweep kernel updates it.
This module has the other verbs: ``empty``, ``merge`` and ``ranked_top``; ``distribution`` and
``window_maps`` finish the rest. Merging is exact in any order: maxima, integer counts, integer
sums, and a top-K under a total order.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from qmac.engine.dataset.signals import MapFunction
from qmac.kernels.sweep.tally import BINS, Cells, Heap, Scale, Tally, Totals

LARGEST = 2.0**470
"""Scores of the pilot further from 0 count as this much. In sums scores may count as 16 times that,
and squares of them, in their units, are still within float64."""
PAIRS = (
    ("buy_fast", "buy_slow"),
    ("sell_fast", "sell_slow"),
    ("buy_fast", "sell_fast"),
    ("buy_fast", "sell_slow"),
    ("buy_slow", "sell_fast"),
    ("buy_slow", "sell_slow"),
)
"""Window pairs of the maps, in the order of their first axis."""

MOST_PARTS = 16
"""Parts of the maps that are merged side by side. Each holds the interpreter for 1.5 us a tally: 60
parts of 60 tallies would hold it for 5 ms, and memory feeds no more than about 16 cores."""


def blank(windows: int, buys: int, sells: int, top: int, constraints: int = 0) -> Tally:
    """Return a tally that holds anything; its memory is taken when it is first written.

    Parameters
    ----------
    windows : int
        Windows of the grid.
    buys, sells : int
        Lists of each side.
    top : int
        Rows of the top-K.
    constraints : int, optional
        Constraints but for the one that a combination must trade.

    Returns
    -------
    Tally
        For ``clear``.
    """
    totals = Totals(
        counts=np.empty(4, np.int64),
        removed=np.empty(constraints + 1, np.int64),
        histogram=np.empty(BINS, np.int64),
        squares=np.empty(2, np.int64),
    )
    return Tally(
        heap=Heap(np.empty(top), np.empty(top, np.int64), np.empty(1, np.int64)),
        totals=totals,
        lowest=np.empty(1),
        entries=_blank_cells(buys),
        exits=_blank_cells(sells),
        maps=_blank_cells(len(PAIRS), windows, windows),
    )


def _blank_cells(*shape: int) -> Cells:
    # in one piece, large enough for huge pages: 3 to 8 % on 251 windows and 800 bars
    block = np.empty((3, *shape))
    return Cells(block[0], block[1].view(np.int64), block[2].view(np.int64))


def empty(windows: int, buys: int, sells: int, top: int, constraints: int = 0) -> Tally:
    """Return the tally of no combination; parameters as of ``blank``.

    Returns
    -------
    Tally
        What ``merge`` leaves unchanged.
    """
    return clear(blank(windows, buys, sells, top, constraints))


def nbytes(tally: Tally) -> int:
    """Return the bytes of the arrays of a tally.

    Returns
    -------
    int
        Whether they are written or not.
    """
    return sum(array.nbytes for array in named_arrays(tally).values())


def named_arrays(tally: Tally) -> dict[str, np.ndarray]:
    """Return every array of a tally by its name, such as ``"heap.scores"``.

    Returns
    -------
    dict of str to ndarray
        The arrays themselves.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, part in tally._asdict().items():
        if isinstance(part, np.ndarray):
            arrays[name] = part
            continue
        for field, array in part._asdict().items():
            arrays[f"{name}.{field}"] = array
    return arrays


def clear(tally: Tally) -> Tally:
    """Make a tally that of no combination, in place.

    Returns
    -------
    Tally
        The same one.
    """
    for name, array in named_arrays(tally).items():
        array.fill(_empty_value(name))
    return tally


def _empty_value(name: str) -> float:
    """Return the value that merging leaves unchanged."""
    if name == "lowest":
        return np.inf
    return -np.inf if name.endswith((".best", ".scores")) else 0


def merge(into: Tally, *others: Tally, mapped: MapFunction = map, parts: int = 1) -> Tally:
    """Add tallies to another one, in place.

    Parameters
    ----------
    into : Tally
        Takes the sums.
    *others : Tally
        Of the same grid.
    mapped : callable, optional
        Like ``map``; may spread the cells over threads.
    parts : int, optional
        How many parts the maps are cut into, at most; what is added to stays in a cache meanwhile.

    Returns
    -------
    Tally
        ``into``, the same bits in whatever order tallies are merged.
    """
    for other in others:
        for target, source in zip(into.totals, other.totals, strict=True):
            np.add(target, source, out=target)
        np.minimum(into.lowest, other.lowest, out=into.lowest)
    maps, *other_maps = (_flatten(tally.maps) for tally in (into, *others))
    parts = min(parts, MOST_PARTS)
    ends = [maps.best.size * part // parts for part in range(parts + 1)]

    def add_heaps() -> None:
        for other in others:  # one by one: 200,000 rows of 60 threads at once would take 366 MiB
            _add_heap(into.heap, other.heap)

    def add_part(begin: int, end: int) -> None:
        _add_cells(maps, other_maps, slice(begin, end))

    tasks = [
        add_heaps,
        functools.partial(_add_cells, into.entries, [other.entries for other in others]),
        functools.partial(_add_cells, into.exits, [other.exits for other in others]),
        *(functools.partial(add_part, *bounds) for bounds in itertools.pairwise(ends)),
    ]
    list(mapped(lambda task: task(), tasks))
    return into


def _flatten(cells: Cells) -> Cells:
    return Cells(*(array.reshape(-1) for array in cells))


def _add_cells(into: Cells, others: Iterable[Cells], part: slice = slice(None)) -> None:
    """Add a part of others' cells, of one axis and size."""
    best, sums, counts = (array[part] for array in into)
    for other in others:
        np.maximum(best, other.best[part], out=best)
        np.add(sums, other.sums[part], out=sums)
        np.add(counts, other.counts[part], out=counts)


def _add_heap(into: Heap, other: Heap) -> None:
    """Put the best rows of both into one heap.

    The rows are sorted, the worst first: what is sorted is a heap. Of equal scores the lower index
    is the better.
    """
    size = int(into.size[0])
    added = int(other.size[0])
    room = into.scores.size
    if added and size == room and other.scores[:added].max() < into.scores[0]:
        return
    scores = np.concatenate((into.scores[:size], other.scores[:added]))
    indices = np.concatenate((into.indices[:size], other.indices[:added]))
    order = np.lexsort((-indices, scores))
    best = order[max(order.size - room, 0) :]
    into.scores[: best.size] = scores[best]
    into.indices[: best.size] = indices[best]
    into.size[0] = best.size


def sum_of_squares(tally: Tally) -> int:
    """Return the sum of the squares of all scores, from its two halves.

    Returns
    -------
    int
        In units of ``Units.square_bits``.
    """
    high, low = (int(half) for half in tally.totals.squares)
    return (high << 32) + low


@dataclass(frozen=True)
class Units:
    """How fine scores are as integers, from how large and how many they can be.

    A score is ``round(score * 2**score_bits)``, a count ``2**count_shift``. With W windows, the
    cell of a block gets at most W scores, that of a map W squared: neither passes an int64.
    """

    score_bits: int
    square_bits: int
    count_shift: int

    MOST_BITS = 50
    """Bits of one rounded number; adding 1.5 * 2**52 leaves 51."""

    @classmethod
    def from_bound(cls, bound: float, windows: int) -> Units:
        """Return the finest units for scores within a bound.

        The S&P 500 over 20 years and 251 windows keeps 2e-12 of a score.

        Parameters
        ----------
        bound : float
            No score is further from 0.
        windows : int
            Windows of the grid.

        Returns
        -------
        Units
            For which no sum overflows.
        """
        window_bits = windows.bit_length()
        count_shift = 62 - window_bits
        score_size = math.ceil(math.log2(max(bound, 2.0**-20)))
        score_bits = min(cls.MOST_BITS, count_shift - 1 - window_bits) - score_size
        square_bits = min(cls.MOST_BITS, 62 - 2 * window_bits) - 2 * score_size
        return cls(score_bits, square_bits, count_shift)

    def build_scale(self, low: float, high: float, limit: float | None) -> Scale:
        """Return these units with the edges of a histogram, as kernels take them.

        Parameters
        ----------
        low, high : float
            Ends of the histogram.
        limit : float or None
            Scores further from 0 count as this much in sums; None where none can be.

        Returns
        -------
        Scale
            With no bins if the ends are equal.
        """
        score = 1.5 * 2.0 ** (52 - self.score_bits)
        square = 1.5 * 2.0 ** (52 - self.square_bits)
        width = (high - low) / BINS
        return Scale(
            score=score,
            score_zero=_read_bits(score) - (1 << self.count_shift),
            square=square,
            square_zero=_read_bits(square),
            count_shift=self.count_shift,
            low=low,
            bins_per_unit=1 / width if width > 0 else 0.0,
            limit=limit,
        )


def _read_bits(number: float) -> int:
    return int(np.float64(number).view(np.int64))


def ranked_top(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Return the top-K of a tally, the best first.

    Returns
    -------
    scores : ndarray
        ``(K,)`` float64, the higher the better.
    indices : ndarray
        Buy pair times the number of sell pairs plus sell pair, ``(K,)`` int64.
    """
    size = int(tally.heap.size[0])
    scores, indices = tally.heap.scores[:size], tally.heap.indices[:size]
    order = np.lexsort((indices, -scores))
    return scores[order], indices[order]
