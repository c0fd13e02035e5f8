"""What a run keeps of its combinations: memory that does not grow with their number.

A ``Tally`` (kernels/sweep.py) is the state of all reductions; the sweep kernel updates it. Here are
the other verbs: ``empty``, ``merge`` and ``finish``. Merging is exact in any order: maxima, integer
counts, integer sums, and a top-K under a total order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from qmac.errors import OptionError, suggestion
from qmac.grid import ROLES, Grid
from qmac.kernels.sweep import BINS, Scale, Tally, offer

CROSS_MAPS = (
    ("sell_fast", "sell_slow"),
    ("buy_fast", "sell_fast"),
    ("buy_fast", "sell_slow"),
    ("buy_slow", "sell_fast"),
    ("buy_slow", "sell_slow"),
)
"""Window pairs of ``Tally.map_*``, in the order of its first axis; (buy_fast, buy_slow) are its rows."""
STATS = ("max", "mean", "count")


def empty(windows: int, rows: int, top: int) -> Tally:
    """The tally of no combination at all."""
    maps = (len(CROSS_MAPS), windows, windows)
    return Tally(
        heap_score=np.full(top, -np.inf),
        heap_index=np.zeros(top, np.int64),
        heap_size=np.zeros(1, np.int64),
        counts=np.zeros(3, np.int64),
        histogram=np.zeros(BINS, np.int64),
        lowest=np.full(1, np.inf),
        squares=np.zeros(2, np.int64),
        row_max=np.full(rows, -np.inf),
        row_sum=np.zeros(rows, np.int64),
        row_count=np.zeros(rows, np.int64),
        map_max=np.full(maps, -np.inf),
        map_sum=np.zeros(maps, np.int64),
        map_count=np.zeros(maps, np.int64),
    )


def merge(into: Tally, other: Tally) -> Tally:
    """Add ``other`` to ``into``, in place."""
    for k in range(int(other.heap_size[0])):
        offer(into.heap_score, into.heap_index, into.heap_size, other.heap_score[k], other.heap_index[k])
    for name in ("counts", "histogram", "squares", "row_sum", "row_count", "map_sum", "map_count"):
        target = getattr(into, name)
        np.add(target, getattr(other, name), out=target)
    for name in ("row_max", "map_max"):
        target = getattr(into, name)
        np.maximum(target, getattr(other, name), out=target)
    np.minimum(into.lowest, other.lowest, out=into.lowest)
    return into


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

    def scale(self, low: float, high: float) -> Scale:
        """With a histogram that covers ``low ... high``."""
        score, square = (1.5 * 2.0 ** (52 - bits) for bits in (self.score_bits, self.square_bits))
        zeros = [int(np.float64(magic).view(np.int64)) for magic in (score, square)]
        width = (high - low) / BINS
        per_unit = 1 / width if width > 0 else 0.0
        return Scale(score, zeros[0] - (1 << self.count_shift), square, zeros[1], self.count_shift, low, per_unit)


@dataclass(frozen=True, eq=False)
class Distribution:
    """All scored combinations, by their objective.

    ``total_return`` is scored as log growth, so its bins are even in log growth and its ``mean`` is the
    compounded one: ``expm1(mean(log1p(total_return)))``. ``std`` is that of the scores. The first and
    the last bin hold everything beyond them, down to ``min`` and up to ``max``.
    """

    score_edges: np.ndarray  # (B + 1,) float64, log growth
    counts: np.ndarray  # (B,) int64
    scored: int
    positive: int
    score_mean: float
    score_std: float
    score_min: float
    score_max: float

    @classmethod
    def finish(cls, tally: Tally, scale: Scale, units: Units) -> Distribution:
        scored = int(tally.counts[1])
        edges = scale.low + np.arange(BINS + 1) / scale.bins_per_unit if scale.bins_per_unit else np.zeros(BINS + 1)
        total = sum(int(part) for part in tally.row_sum)
        squares = (int(tally.squares[0]) << 32) + int(tally.squares[1])
        mean = std = highest = math.nan
        if scored:
            exact_mean = Fraction(total, scored) / Fraction(2) ** units.score_bits
            exact_square = Fraction(squares, scored) / Fraction(2) ** units.square_bits
            mean = float(exact_mean)
            std = math.sqrt(max(0.0, float(exact_square - exact_mean * exact_mean)))
            highest = float(tally.row_max.max())
        lowest = float(tally.lowest[0]) if scored else math.nan
        return cls(edges, tally.histogram, scored, int(tally.counts[2]), mean, std, lowest, highest)

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins ``(B + 1,)``, as total returns."""
        edges: np.ndarray = np.expm1(self.score_edges)
        return edges

    @property
    def mean(self) -> float:
        """Compounded mean of the total returns."""
        return math.expm1(self.score_mean)

    @property
    def std(self) -> float:
        """Standard deviation of the scores (log growth), over all scored combinations."""
        return self.score_std

    @property
    def min(self) -> float:
        return math.expm1(self.score_min)

    @property
    def max(self) -> float:
        return math.expm1(self.score_max)

    @property
    def share_positive(self) -> float:
        """Share of the scored combinations that gained, exact."""
        return self.positive / self.scored if self.scored else math.nan

    def quantile(self, q: float) -> float:
        """Objective below which the share ``q`` of the combinations lies, to within one bin."""
        if not 0 <= q <= 1:
            raise OptionError(f"quantile {q} is outside 0 ... 1.")
        if not self.scored:
            return math.nan
        edges = np.clip(self.score_edges, self.score_min, self.score_max)
        edges[0], edges[-1] = self.score_min, self.score_max
        shares = np.concatenate(([0], np.cumsum(self.counts))) / self.scored
        bin_ = min(max(int(np.searchsorted(shares, q, side="left")) - 1, 0), self.counts.size - 1)
        inside = (q - shares[bin_]) / max(shares[bin_ + 1] - shares[bin_], 1e-300)
        score = edges[bin_] + min(max(inside, 0.0), 1.0) * (edges[bin_ + 1] - edges[bin_])
        return math.expm1(float(score))


@dataclass(frozen=True, eq=False)
class Maps:
    """Max, mean and count of the objective for each value of two of the four windows."""

    windows: tuple[int, ...]
    maxima: np.ndarray  # (6, W, W) scores; -inf where nothing is scored
    means: np.ndarray  # (6, W, W) scores; NaN where nothing is scored
    counts: np.ndarray  # (6, W, W) int64

    PAIRS = (("buy_fast", "buy_slow"), *CROSS_MAPS)

    @classmethod
    def finish(cls, tally: Tally, grid: Grid, units: Units) -> Maps:
        width = len(grid.windows)
        fast, slow = grid.buys.positions(grid.windows)
        first = np.full((width, width), -np.inf), np.zeros((width, width), np.int64), np.zeros((width, width), np.int64)
        for target, values in zip(first, (tally.row_max, tally.row_sum, tally.row_count), strict=True):
            target[fast, slow] = values
        maxima, sums, counts = (
            np.concatenate((head[None], rest))
            for head, rest in zip(first, (tally.map_max, tally.map_sum, tally.map_count), strict=True)
        )
        with np.errstate(invalid="ignore"):
            means = np.where(counts > 0, sums / counts * 2.0**-units.score_bits, np.nan)
        return cls(grid.windows, maxima, means, counts)

    def frame(self, grid: Grid, rows: str, columns: str, stat: str) -> pd.DataFrame:
        """One map: index are the windows of ``rows``, columns those of ``columns``; NaN where empty."""
        for role in (rows, columns):
            if role not in ROLES:
                raise OptionError(f"window {role!r} is not known. {suggestion(role, ROLES)}")
        if stat not in STATS:
            raise OptionError(f"stat {stat!r} is not known. {suggestion(stat, STATS)}")
        if rows == columns:
            raise OptionError(f"a map needs two different windows, but both are {rows!r}.")
        turned = (rows, columns) not in self.PAIRS
        which = self.PAIRS.index((columns, rows) if turned else (rows, columns))
        if stat == "count":
            values = self.counts[which]
        else:
            scores = (self.maxima if stat == "max" else self.means)[which]
            values = np.where(self.counts[which] > 0, np.expm1(scores), np.nan)
        frame = pd.DataFrame(values.T if turned else values, index=self.windows, columns=self.windows)
        frame = frame.loc[list(grid.roles[rows]), list(grid.roles[columns])]
        return frame.rename_axis(index=rows, columns=columns)


def top_of(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Scores and indices (buy pair * sell pairs + sell pair) of the kept, best first."""
    size = int(tally.heap_size[0])
    order = np.lexsort((tally.heap_index[:size], -tally.heap_score[:size]))
    return tally.heap_score[:size][order], tally.heap_index[:size][order]
