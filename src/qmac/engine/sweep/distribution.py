"""The distribution of the objective over all scored combinations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qmac._checks import check_number
from qmac._fields import protected
from qmac.engine.sweep.reductions import Units, sum_of_squares
from qmac.errors import OptionError
from qmac.kernels.sweep.tally import BINS, Cells, Scale, Tally
from qmac.strategy.objective import Objective


@protected("score_edges", "counts")
@dataclass(frozen=True, eq=False)
class Distribution:
    """All scored combinations, by their objective.

    Returns and drawdown are scored as logarithms, so their bins are even in log growth, their
    ``mean`` is the compounded one, ``expm1(mean(log1p(total_return)))``, and ``std`` is that of the
    logarithms. The first and the last bin hold everything beyond them, down to ``min`` and up to
    ``max``. In mean and std a score further from 0 than ``limit`` counts as the limit: ratios can
    be near infinite.
    """

    objective: Objective
    score_edges: np.ndarray
    """Edges of the bins, ``(B + 1,)`` float64."""
    counts: np.ndarray
    """Combinations in each bin, ``(B,)`` int64."""
    scored: int
    positive: int
    """Combinations whose objective is above 0, or whose score is above the line of their sweep."""
    score_mean: float
    score_std: float
    score_min: float
    score_max: float
    limit: float | None

    @classmethod
    def from_tally(
        cls, objective: Objective, tally: Tally, maps: Cells, scale: Scale, units: Units
    ) -> Distribution:
        """Return the distribution of a complete tally, which ranks ``sign * score``.

        Parameters
        ----------
        objective : Objective
            What was ranked.
        tally : Tally
            Of all combinations.
        maps : Cells
            What ``window_maps.build_maps`` returned.
        scale : Scale
            Of the histogram.
        units : Units
            Of the sums.

        Returns
        -------
        Distribution
            Of scores; NaN where nothing was scored.
        """
        scored = int(tally.totals.counts[2])
        edges, counts = _build_histogram(tally, scale, objective.sign)
        mean = std = low = high = math.nan
        if scored:
            total = _exact_sum(maps.sums[0])
            exact_mean = Fraction(total, scored) / Fraction(2) ** units.score_bits
            squares = Fraction(sum_of_squares(tally), scored) / Fraction(2) ** units.square_bits
            mean = objective.sign * float(exact_mean)
            std = math.sqrt(max(0.0, float(squares - exact_mean * exact_mean)))
            # adding 0 turns a minus zero
            ends = (tally.lowest[0], maps.best[0].max())
            low, high = sorted(objective.sign * float(end) + 0.0 for end in ends)
        return cls(
            objective=objective,
            score_edges=edges,
            counts=counts,
            scored=scored,
            positive=int(tally.totals.counts[3]),
            score_mean=mean,
            score_std=std,
            score_min=low,
            score_max=high,
            limit=scale.limit,
        )

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins, as values of the objective, ``(B + 1,)``."""
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
        """Lowest value of the objective."""
        return self.objective.value(self.score_min)

    @property
    def max(self) -> float:
        """Highest value of the objective."""
        return self.objective.value(self.score_max)

    @property
    def share_positive(self) -> float:
        """Share of the scored combinations whose objective is above 0, exact."""
        return self.positive / self.scored if self.scored else math.nan

    def share_below(self, score: float) -> float:
        """Return the share of scores below one, interpolated within its bin.

        Parameters
        ----------
        score : float
            A score, not a value of the objective.

        Returns
        -------
        float
            From 0 to 1.
        """
        lowest, highest = self.score_min, self.score_max
        if score < lowest:
            return 0.0
        if score >= highest:
            return 1.0
        edges = np.clip(self.score_edges, lowest, highest)
        edges[0], edges[-1] = lowest, highest
        bin_number = int(np.searchsorted(edges, score, side="right")) - 1
        width = float(edges[bin_number + 1] - edges[bin_number])
        part = float(score - edges[bin_number]) / width if width else 0.0
        lower = int(self.counts[:bin_number].sum()) / self.scored
        upper = int(self.counts[: bin_number + 1].sum()) / self.scored
        return lower + (upper - lower) * part

    def quantile(self, q: float) -> float:
        """Return the objective below which a share of the combinations lies, to within one bin.

        Parameters
        ----------
        q : float
            The share, from 0 to 1.

        Returns
        -------
        float
            NaN where nothing was scored.

        Raises
        ------
        OptionError
            If the share is outside 0 to 1.
        """
        return self.objective.value(self.score_quantile(q))

    def score_quantile(self, q: float) -> float:
        """Return a quantile as a score; see ``quantile``.

        Parameters
        ----------
        q : float
            The share, from 0 to 1.

        Returns
        -------
        float
            Interpolated within its bin.

        Raises
        ------
        OptionError
            If the share is outside 0 to 1.
        """
        q = check_number("quantile", q)
        if not 0 <= q <= 1:
            raise OptionError(f"quantile must be in [0, 1], got {q}. The median is 0.5.")
        if not self.scored:
            return math.nan
        edges = np.clip(self.score_edges, self.score_min, self.score_max)
        edges[0], edges[-1] = self.score_min, self.score_max
        shares = np.concatenate(([0], np.cumsum(self.counts))) / self.scored
        place = int(np.searchsorted(shares, q, side="left")) - 1
        left = min(max(place, 0), self.counts.size - 1)
        share = shares[left + 1] - shares[left]
        inside = (q - shares[left]) / max(share, 1e-300)
        width = edges[left + 1] - edges[left]
        score = float(edges[left] + min(max(inside, 0.0), 1.0) * width)
        return min(max(score, self.score_min), self.score_max)


def _build_histogram(tally: Tally, scale: Scale, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the bins as scores, ascending, and the counts."""
    edges = np.zeros(BINS + 1)
    if scale.bins_per_unit:
        edges = scale.low + np.arange(BINS + 1) / scale.bins_per_unit
    counts = tally.totals.histogram
    if sign > 0:
        return edges, counts
    return -edges[::-1], counts[::-1].copy()


def _exact_sum(numbers: np.ndarray) -> int:
    """Return the sum of int64 numbers, which may pass an int64."""
    high = int((numbers >> 32).sum())
    low = int((numbers & 0xFFFFFFFF).sum())
    return (high << 32) + low
