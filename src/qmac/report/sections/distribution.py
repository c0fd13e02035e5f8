"""Distribution of the objective over all combinations, with the places of winner and buy & hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.engine.sweep.distribution import Distribution
from qmac.results.outline import compute_share_better
from qmac.results.result import Result

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST_BARS = 160
TAIL_SHARE = 0.001
"""Share of the combinations at each end that the first and the last bar include."""
CURVE_POINTS = 401


@dataclass(frozen=True, eq=False)
class DistributionSummary:
    """The objective of every scored combination."""

    objective: str
    scored: int
    edges: np.ndarray
    """Values of the objective, ``(B + 1,)``; the end bars include what is beyond them."""
    counts: np.ndarray
    """Combinations of each bar, ``(B,)``."""
    shares: np.ndarray
    """From 0 to 1, ``(C,)``."""
    curve: np.ndarray
    """Value below which this share of the combinations lies, ``(C,)``: all of them sorted."""
    quantiles: tuple[tuple[float, float], ...]
    """Share and value."""
    low: float
    high: float
    mean: float
    """Compounded mean for returns and drawdowns."""
    one_sigma: tuple[float, float]
    """One standard deviation below and above the mean."""
    share_positive: float
    winner: float
    hold: float
    """Value of buy & hold; NaN where it is undefined."""
    share_better_than_hold: float
    """Within one bin of the run's histogram."""
    sigmas: float
    """Standard deviations from the mean to the winner, negative where the lowest is the best."""


def summarize_distribution(
    result: Result, curve_points: int = CURVE_POINTS
) -> DistributionSummary | None:
    """Return the distribution of the objective over all scored combinations of a result.

    Parameters
    ----------
    result : Result
        Any result.
    curve_points : int
        Points of the curve of all combinations; each takes a tenth of a millisecond.

    Returns
    -------
    DistributionSummary or None
        None if no combination was scored.
    """
    if not result.scored:
        return None
    distribution = result.distribution
    objective = distribution.objective
    edges, counts = _fold_bins(distribution)
    shares = np.linspace(0, 1, curve_points)
    curve = np.array([distribution.score_quantile(float(share)) for share in shares])
    mean, deviation = distribution.score_mean, distribution.score_std
    best_score = float(result.top_scores[0])
    hold = result.hold[result.objective]
    return DistributionSummary(
        objective=result.objective,
        scored=result.scored,
        edges=objective.values(edges),
        counts=counts,
        shares=shares,
        curve=objective.values(curve),
        quantiles=tuple((share, distribution.quantile(share)) for share in QUANTILES),
        low=distribution.min,
        high=distribution.max,
        mean=distribution.mean,
        one_sigma=(objective.value(mean - deviation), objective.value(mean + deviation)),
        share_positive=distribution.share_positive,
        winner=objective.value(best_score),
        hold=hold,
        share_better_than_hold=compute_share_better(distribution, hold),
        sigmas=(best_score - mean) / deviation if deviation > 0 else math.nan,
    )


def _fold_bins(distribution: Distribution) -> tuple[np.ndarray, np.ndarray]:
    """Return the histogram of a run in fewer bars.

    Parameters
    ----------
    distribution : Distribution
        Histogram of a run, of many bins.

    Returns
    -------
    edges : numpy.ndarray
        Scores, ``(B + 1,)``, with B at most ``MOST_BARS``.
    counts : numpy.ndarray
        ``(B,)``. Bars have equally many bins; the first and the last include the tails.
    """
    edges, counts = distribution.score_edges, distribution.counts
    if edges[-1] <= edges[0]:  # a single value
        ends = [distribution.score_min, distribution.score_max]
        return np.array(ends), np.array([distribution.scored])
    low = distribution.score_quantile(TAIL_SHARE)
    high = distribution.score_quantile(1 - TAIL_SHARE)
    first = max(int(np.searchsorted(edges, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(edges, high, side="left")), counts.size)
    bins_per_bar = max(1, math.ceil((last - first) / MOST_BARS))
    starts = np.arange(first, max(last, first + 1), bins_per_bar)
    folded = np.add.reduceat(counts, starts)  # the last bar takes all bins that follow
    folded[0] += counts[:first].sum()
    end = min(int(starts[-1]) + bins_per_bar, counts.size)
    return np.append(edges[starts], edges[end]), folded
