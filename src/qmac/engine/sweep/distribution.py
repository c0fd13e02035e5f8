"""The distribution of the objective over all scored combinations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qmac.engine.sweep.reductions import Units, sum_of_squares
from qmac.errors import OptionError
from qmac.kernels.sweep.tally import BINS, Cells, Scale, Tally
from qmac.strategy.objective import Objective


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
    def finish(
        cls, objective: Objective, tally: Tally, maps: Cells, scale: Scale, units: Units
    ) -> Distribution:
        """The tally ranks ``sign * score``; here are scores again."""
        scored, sign = int(tally.totals.counts[2]), objective.sign
        edges = (
            scale.low + np.arange(BINS + 1) / scale.bins_per_unit
            if scale.bins_per_unit
            else np.zeros(BINS + 1)
        )
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
            low, high = sorted(
                sign * float(value) + 0.0 for value in (tally.lowest[0], maps.best[0].max())
            )
        return cls(
            objective,
            edges,
            counts,
            scored,
            int(tally.totals.counts[3]),
            mean,
            std,
            low,
            high,
            scale.limit,
        )

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
