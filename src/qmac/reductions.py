"""What a run keeps of its combinations: memory that does not grow with their number.

A ``Tally`` (kernels/tally.py) is the state of all reductions; the sweep kernel updates it. Here are
the other verbs: ``empty``, ``merge`` and ``finish``. Merging is exact in any order: maxima, integer
counts, integer sums, and a top-K under a total order.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from qmac.dataset import Map
from qmac.errors import OptionError, suggestion
from qmac.grid import ROLES, Grid
from qmac.kernels.lists import Lists
from qmac.kernels.maps import add_lists, finish_cells
from qmac.kernels.tally import BINS, Cells, Heap, Scale, Tally, Totals
from qmac.objective import Objective

LARGEST = 2.0**470
"""Scores of the pilot further from 0 count as this much. In sums scores may count as 16 times that, and squares of them, in their
units, are still within float64."""
ADDED_LISTS = 8192
"""To maps in one call of the kernel: a tenth of a millisecond."""
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
            np.empty(4, np.int64), np.empty(constraints + 1, np.int64), np.empty(BINS, np.int64), np.empty(2, np.int64)
        ),
        lowest=np.empty(1),
        buys=_cells(buys),
        sells=_cells(sells),
        maps=_cells(len(PAIRS), windows, windows),
    )


def _cells(*shape: int) -> Cells:
    block = np.empty((3, *shape))  # in one piece, large enough for huge pages: 3 to 8 % on 251 windows and 800 bars
    return Cells(block[0], block[1].view(np.int64), block[2].view(np.int64))


def empty(windows: int, buys: int, sells: int, top: int, constraints: int = 0) -> Tally:
    """The tally of no combination at all, for so many lists of each side."""
    return clear(blank(windows, buys, sells, top, constraints))


def nbytes(tally: Tally) -> int:
    """Bytes of its arrays."""
    return sum(array.nbytes for array in arrays_of(tally).values())


def arrays_of(tally: Tally) -> dict[str, np.ndarray]:
    """Every array of a tally by its name, such as ``"heap.scores"``."""
    found: dict[str, np.ndarray] = {}
    for name, part in tally._asdict().items():
        inner = {f"{name}.{field}": array for field, array in part._asdict().items()} if isinstance(part, tuple) else {}  # type: ignore[attr-defined]
        found |= inner or {name: part}
    return found


def clear(tally: Tally) -> Tally:
    """Make a tally that of no combination, in place."""
    for name, array in arrays_of(tally).items():
        array.fill(np.inf if name == "lowest" else -np.inf if name.endswith((".best", ".scores")) else 0)
    return tally


def merge(into: Tally, *others: Tally, mapped: Map = map, parts: int = 1) -> Tally:
    """Add ``others`` to ``into``, in place; ``mapped`` may spread the cells, in so many parts, over threads."""
    cells = []
    for other in others:
        for target, source in zip(into.totals, other.totals, strict=True):
            np.add(target, source, out=target)
        np.minimum(into.lowest, other.lowest, out=into.lowest)
        for name in ("buys", "sells", "maps"):
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

    list(mapped(lambda piece: piece(), (add_heaps, *(functools.partial(add, part) for part in range(parts)))))
    return into


def _add_heap(into: Heap, other: Heap) -> None:
    """The best of both, the worst first: what is sorted is a heap."""
    parts = [(heap.scores[: heap.size[0]], heap.indices[: heap.size[0]]) for heap in (into, other)]
    scores, indices = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((-indices, scores))[max(scores.size - into.scores.size, 0) :]
    into.scores[: order.size], into.indices[: order.size] = scores[order], indices[order]
    into.size[0] = order.size


def maps_of(tally: Tally, buys: Lists, sells: Lists, shared_windows: bool, mapped: Map = map) -> Cells:
    """The maps ``(6, W, W)`` of a tally that is complete, in place: what a list has moves to its pairs.

    Cells of combinations that share a window are emptied.
    """
    maps = tally.maps

    def add(part: tuple[int, int]) -> None:
        side, first = part
        cells, into = (tally.buys, tally.sells)[side], Cells(*(array[side] for array in maps))
        add_lists(first, min(first + ADDED_LISTS, cells.best.size), (buys, sells)[side].pairs, cells, into)

    sizes = tally.buys.best.size, tally.sells.best.size
    list(mapped(add, [(side, first) for side in range(2) for first in range(0, sizes[side], ADDED_LISTS)]))
    if not shared_windows:
        same = np.arange(maps.sums.shape[1])
        maps.sums[2:, same, same] = 0
        maps.counts[2:, same, same] = 0
    return maps


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
        return cls(min(cls.MOST_BITS, shift - 1 - wide) - size, min(cls.MOST_BITS, 62 - 2 * wide) - 2 * size, shift)

    def scale(self, low: float, high: float, limit: float | None) -> Scale:
        """With a histogram that covers ``low ... high`` and scores that count up to ``limit`` in sums."""
        score, square = (1.5 * 2.0 ** (52 - bits) for bits in (self.score_bits, self.square_bits))
        zeros = [int(np.float64(magic).view(np.int64)) for magic in (score, square)]
        width = (high - low) / BINS
        per_unit = 1 / width if width > 0 else 0.0
        return Scale(
            score, zeros[0] - (1 << self.count_shift), square, zeros[1], self.count_shift, low, per_unit, limit
        )


@dataclass(frozen=True, eq=False)
class Distribution:
    """All scored combinations, by their objective.

    Returns and drawdown are scored as logarithms, so their bins are even in log growth, their ``mean`` is the
    compounded one, ``expm1(mean(log1p(total_return)))``, and ``std`` is that of the logarithms. The first and
    the last bin hold everything beyond them, down to ``min`` and up to ``max``. In mean and std a score
    further from 0 than ``limit`` counts as the limit: ratios can be near infinite.
    """

    objective: Objective
    score_edges: np.ndarray  # (B + 1,) float64
    counts: np.ndarray  # (B,) int64
    scored: int
    positive: int
    score_mean: float
    score_std: float
    score_min: float
    score_max: float
    limit: float | None

    @classmethod
    def finish(cls, objective: Objective, tally: Tally, maps: Cells, scale: Scale, units: Units) -> Distribution:
        """The tally ranks ``sign * score``; here are scores again."""
        scored, sign = int(tally.totals.counts[2]), objective.sign
        edges = scale.low + np.arange(BINS + 1) / scale.bins_per_unit if scale.bins_per_unit else np.zeros(BINS + 1)
        counts = tally.totals.histogram
        if sign < 0:
            edges, counts = -edges[::-1], counts[::-1].copy()
        total = (int((maps.sums[0] >> 32).sum()) << 32) + int((maps.sums[0] & 0xFFFFFFFF).sum())
        squares = sum_of_squares(tally)
        mean = std = low = high = math.nan
        if scored:
            exact_mean = Fraction(total, scored) / Fraction(2) ** units.score_bits
            exact_square = Fraction(squares, scored) / Fraction(2) ** units.square_bits
            mean = sign * float(exact_mean)
            std = math.sqrt(max(0.0, float(exact_square - exact_mean * exact_mean)))
            low, high = sorted(sign * float(value) + 0.0 for value in (tally.lowest[0], maps.best[0].max()))
        return cls(objective, edges, counts, scored, int(tally.totals.counts[3]), mean, std, low, high, scale.limit)

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins ``(B + 1,)``, as values of the objective."""
        return self.objective.values(self.score_edges)

    @property
    def mean(self) -> float:
        """Mean of the objective; of returns and drawdowns the compounded one."""
        return self.objective.value(self.score_mean)

    @property
    def std(self) -> float:
        """Standard deviation of the scores, over all scored combinations."""
        return self.score_std

    @property
    def min(self) -> float:
        return self.objective.value(self.score_min)

    @property
    def max(self) -> float:
        return self.objective.value(self.score_max)

    @property
    def share_positive(self) -> float:
        """Share of the scored combinations whose objective is above 0, exact."""
        return self.positive / self.scored if self.scored else math.nan

    def quantile(self, q: float) -> float:
        """Objective below which the share ``q`` of the combinations lies, to within one bin."""
        return self.objective.value(self.score_quantile(q))

    def score_quantile(self, q: float) -> float:
        """The same as a score."""
        if not 0 <= q <= 1:
            raise OptionError(f"quantile {q} is outside 0 ... 1.")
        if not self.scored:
            return math.nan
        edges = np.clip(self.score_edges, self.score_min, self.score_max)
        edges[0], edges[-1] = self.score_min, self.score_max
        shares = np.concatenate(([0], np.cumsum(self.counts))) / self.scored
        bin_ = min(max(int(np.searchsorted(shares, q, side="left")) - 1, 0), self.counts.size - 1)
        inside = (q - shares[bin_]) / max(shares[bin_ + 1] - shares[bin_], 1e-300)
        score = float(edges[bin_] + min(max(inside, 0.0), 1.0) * (edges[bin_ + 1] - edges[bin_]))
        return min(max(score, self.score_min), self.score_max)


@dataclass(frozen=True, eq=False)
class Maps:
    """Best, mean and count of the objective for each value of two of the four windows."""

    objective: Objective
    windows: tuple[int, ...]
    best: np.ndarray  # (6, W, W) scores, the highest or lowest; NaN where nothing is scored
    means: np.ndarray  # (6, W, W) scores; NaN where nothing is scored
    counts: np.ndarray  # (6, W, W) int64

    @classmethod
    def finish(cls, objective: Objective, maps: Cells, grid: Grid, units: Units, mapped: Map = map) -> Maps:
        """In place of the sums and bests: with 1,419 windows each array is 97 MB, and new memory takes as long as the rest."""
        means = maps.sums.view(np.float64)
        sign, unit = float(objective.sign), objective.sign * 2.0**-units.score_bits
        best, sums, counts, shown = (array.reshape(len(PAIRS), -1) for array in (*maps, means))  # views
        list(mapped(lambda k: finish_cells(best[k], sums[k], counts[k], shown[k], sign, unit), range(len(PAIRS))))
        return cls(objective, grid.windows, maps.best, means, maps.counts)

    def frame(self, grid: Grid, rows: str, columns: str, stat: str) -> pd.DataFrame:
        """One map: index are the windows of ``rows``, columns those of ``columns``; NaN where empty."""
        for role in (rows, columns):
            if role not in ROLES:
                raise OptionError(f"window {role!r} is not known. {suggestion(role, ROLES)}")
        best = "max" if self.objective.maximize else "min"
        if stat not in (best, "mean", "count"):
            raise OptionError(f"stat {stat!r} is not kept. {suggestion(stat, (best, 'mean', 'count'))}")
        if rows == columns:
            raise OptionError(f"a map needs two different windows, but both are {rows!r}.")
        if stat == "count":
            return self._frame(grid, rows, columns, self.counts)
        scores = self._frame(grid, rows, columns, self.means if stat == "mean" else self.best)
        return pd.DataFrame(self.objective.values(scores.to_numpy()), scores.index, scores.columns)

    def mean_scores(self, grid: Grid, rows: str, columns: str) -> pd.DataFrame:
        """The map of means, as scores: of these, means may be taken again."""
        return self._frame(grid, rows, columns, self.means)

    def _frame(self, grid: Grid, rows: str, columns: str, maps: np.ndarray) -> pd.DataFrame:
        turned = (rows, columns) not in PAIRS
        cells = maps[PAIRS.index((columns, rows) if turned else (rows, columns))]
        frame = pd.DataFrame(cells.T if turned else cells, index=self.windows, columns=self.windows)
        frame = frame.loc[list(grid.roles[rows]), list(grid.roles[columns])]
        return frame.rename_axis(index=rows, columns=columns)


def top_of(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Scores and indices (buy pair * sell pairs + sell pair) of the kept, best first."""
    size = int(tally.heap.size[0])
    order = np.lexsort((tally.heap.indices[:size], -tally.heap.scores[:size]))
    return tally.heap.scores[:size][order], tally.heap.indices[:size][order]
