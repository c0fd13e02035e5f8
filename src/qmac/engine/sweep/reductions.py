"""What a run keeps of its combinations: memory that does not grow with their number.

A ``Tally`` (kernels/tally.py) is the state of all reductions; the sweep kernel updates it. Here are
the other verbs: ``empty``, ``merge`` and ``finish``. Merging is exact in any order: maxima, integer
counts, integer sums, and a top-K under a total order.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from qmac.engine.dataset.signals import MapFunction
from qmac.kernels.sweep.tally import BINS, Cells, Heap, Scale, Tally, Totals

LARGEST = 2.0**470
"""Scores of the pilot further from 0 count as this much. In sums scores may count as 16 times that, and squares of them, in their
units, are still within float64."""
PAIRS = (
    ("buy_fast", "buy_slow"),
    ("sell_fast", "sell_slow"),
    ("buy_fast", "sell_fast"),
    ("buy_fast", "sell_slow"),
    ("buy_slow", "sell_fast"),
    ("buy_slow", "sell_slow"),
)
"""Window pairs of the maps, in the order of their first axis."""


def blank(windows: int, buys: int, sells: int, top: int, constraints: int = 0) -> Tally:
    """A tally for so many lists of each side that holds anything; its memory is taken when it is first written."""
    return Tally(
        heap=Heap(np.empty(top), np.empty(top, np.int64), np.empty(1, np.int64)),
        totals=Totals(
            np.empty(4, np.int64),
            np.empty(constraints + 1, np.int64),
            np.empty(BINS, np.int64),
            np.empty(2, np.int64),
        ),
        lowest=np.empty(1),
        entries=_cells(buys),
        exits=_cells(sells),
        maps=_cells(len(PAIRS), windows, windows),
    )


def _cells(*shape: int) -> Cells:
    block = np.empty(
        (3, *shape)
    )  # in one piece, large enough for huge pages: 3 to 8 % on 251 windows and 800 bars
    return Cells(block[0], block[1].view(np.int64), block[2].view(np.int64))


def empty(windows: int, buys: int, sells: int, top: int, constraints: int = 0) -> Tally:
    """The tally of no combination at all, for so many lists of each side."""
    return clear(blank(windows, buys, sells, top, constraints))


def nbytes(tally: Tally) -> int:
    """Bytes of its arrays."""
    return sum(array.nbytes for array in named_arrays(tally).values())


def named_arrays(tally: Tally) -> dict[str, np.ndarray]:
    """Every array of a tally by its name, such as ``"heap.scores"``."""
    arrays: dict[str, np.ndarray] = {}
    for name, part in tally._asdict().items():
        if isinstance(part, np.ndarray):
            arrays[name] = part
        else:
            arrays |= {f"{name}.{field}": array for field, array in part._asdict().items()}
    return arrays


def clear(tally: Tally) -> Tally:
    """Make a tally that of no combination, in place."""
    for name, array in named_arrays(tally).items():
        array.fill(
            np.inf if name == "lowest" else -np.inf if name.endswith((".best", ".scores")) else 0
        )
    return tally


def merge(into: Tally, *others: Tally, mapped: MapFunction = map, parts: int = 1) -> Tally:
    """Add ``others`` to ``into``, in place; ``mapped`` may spread the cells, in so many parts, over threads."""
    cells = []
    for other in others:
        for target, source in zip(into.totals, other.totals, strict=True):
            np.add(target, source, out=target)
        np.minimum(into.lowest, other.lowest, out=into.lowest)
        for name in ("entries", "exits", "maps"):
            for function, *both in zip(
                (np.maximum, np.add, np.add), getattr(into, name), getattr(other, name), strict=True
            ):
                cells.append((function, *(array.reshape(-1) for array in both)))

    def add(part: int) -> None:
        for function, target, source in cells:
            here = slice(target.size * part // parts, target.size * (part + 1) // parts)
            function(target[here], source[here], out=target[here])

    def add_heaps() -> None:
        for other in others:  # one by one: 200,000 rows of 60 threads at once would take 366 MiB
            _add_heap(into.heap, other.heap)

    list(
        mapped(
            lambda piece: piece(),
            (add_heaps, *(functools.partial(add, part) for part in range(parts))),
        )
    )
    return into


def _add_heap(into: Heap, other: Heap) -> None:
    """The best of both, the worst first: what is sorted is a heap."""
    parts = [(heap.scores[: heap.size[0]], heap.indices[: heap.size[0]]) for heap in (into, other)]
    scores, indices = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((-indices, scores))[max(scores.size - into.scores.size, 0) :]
    into.scores[: order.size], into.indices[: order.size] = scores[order], indices[order]
    into.size[0] = order.size


def sum_of_squares(tally: Tally) -> int:
    """Of all scores, from its two halves."""
    high, low = (int(part) for part in tally.totals.squares)
    return (high << 32) + low


@dataclass(frozen=True)
class Units:
    """How fine scores are as integers, from how large and how many they can be.

    A score is ``round(score * 2**score_bits)``, a count ``2**count_shift``. With W windows, the cell of a
    block gets at most W scores, that of a map W squared: neither passes an int64.
    """

    score_bits: int
    square_bits: int
    count_shift: int

    MOST_BITS = 50  # of one rounded number; adding 1.5 * 2**52 leaves 51

    @classmethod
    def of(cls, bound: float, windows: int) -> Units:
        """For scores within ``bound``; the S&P 500 over 20 years and 251 windows keeps 2e-12 of a score."""
        wide = windows.bit_length()
        shift = 62 - wide
        size = math.ceil(math.log2(max(bound, 2.0**-20)))
        return cls(
            min(cls.MOST_BITS, shift - 1 - wide) - size,
            min(cls.MOST_BITS, 62 - 2 * wide) - 2 * size,
            shift,
        )

    def scale(self, low: float, high: float, limit: float | None) -> Scale:
        """With a histogram that covers ``low ... high`` and scores that count up to ``limit`` in sums."""
        score, square = (1.5 * 2.0 ** (52 - bits) for bits in (self.score_bits, self.square_bits))
        zeros = [int(np.float64(magic).view(np.int64)) for magic in (score, square)]
        width = (high - low) / BINS
        per_unit = 1 / width if width > 0 else 0.0
        return Scale(
            score,
            zeros[0] - (1 << self.count_shift),
            square,
            zeros[1],
            self.count_shift,
            low,
            per_unit,
            limit,
        )


def ranked_top(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Scores and indices (buy pair * sell pairs + sell pair) of the kept, best first."""
    size = int(tally.heap.size[0])
    order = np.lexsort((tally.heap.indices[:size], -tally.heap.scores[:size]))
    return tally.heap.scores[:size][order], tally.heap.indices[:size][order]
