"""The distribution of all outcomes, and where the winner and buy & hold stand in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.engine.sweep.distribution import Distribution
from qmac.results.result import Result
from qmac.strategy.objective import compute_score

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST_BARS = 160
TAIL = 0.001
"""Share at each end that is folded into the first and the last bar."""
CURVE = 401


@dataclass(frozen=True, eq=False)
class DistributionSummary:
    """The objective of every scored combination."""

    objective: str
    scored: int
    edges: (
        np.ndarray
    )  # (B + 1,) values of the objective; the first and the last bar hold what is beyond
    counts: np.ndarray  # (B,)
    shares: np.ndarray  # (C,) 0 ... 1
    curve: (
        np.ndarray
    )  # (C,) the value that this share of combinations does not reach: all outcomes, sorted
    quantiles: tuple[tuple[float, float], ...]
    low: float
    high: float
    mean: float
    """Of returns and drawdowns the compounded one."""
    one_sigma: tuple[float, float]
    """One standard deviation below and above the mean."""
    share_positive: float
    winner: float
    hold: float
    """Of buy & hold; NaN where it is undefined."""
    share_better_than_hold: float
    """To within one bin of the histogram of the run."""
    sigmas: float
    """How many standard deviations the winner stands above the mean; below 0 where the lowest was looked for."""


def distribution_of(result: Result) -> DistributionSummary | None:
    """The outcomes of a result; None if nothing was scored."""
    distribution, objective = result.distribution, result.distribution.objective
    if not result.scored:
        return None
    edges, counts = _folded(distribution)
    shares = np.linspace(0, 1, CURVE)
    curve = np.array([distribution.score_quantile(float(share)) for share in shares])
    mean, std = distribution.score_mean, distribution.score_std
    hold = result.hold[result.objective]
    return DistributionSummary(
        objective=result.objective,
        scored=result.scored,
        edges=objective.values(edges),
        counts=counts,
        shares=shares,
        curve=objective.values(curve),
        quantiles=tuple((q, distribution.quantile(q)) for q in QUANTILES),
        low=distribution.min,
        high=distribution.max,
        mean=distribution.mean,
        one_sigma=(objective.value(mean - std), objective.value(mean + std)),
        share_positive=distribution.share_positive,
        winner=objective.value(float(result.top_scores[0])),
        hold=hold,
        share_better_than_hold=share_better(distribution, hold),
        sigmas=(float(result.top_scores[0]) - mean) / std if std > 0 else math.nan,
    )


def share_better(distribution: Distribution, value: float) -> float:
    """Share of the combinations that do better than a value of the objective, within one bin."""
    objective = distribution.objective
    if not math.isfinite(value) or not distribution.scored:
        return math.nan
    score = compute_score(objective.metric, value, objective.years)
    edges = np.clip(distribution.score_edges, distribution.score_min, distribution.score_max)
    edges[0], edges[-1] = distribution.score_min, distribution.score_max
    below = np.concatenate(([0], np.cumsum(distribution.counts))) / distribution.scored
    if score < edges[0] or score >= edges[-1]:
        lower = float(score >= edges[-1])
    else:
        bin_ = int(np.searchsorted(edges, score, side="right")) - 1
        width = edges[bin_ + 1] - edges[bin_]
        lower = float(
            below[bin_]
            + (below[bin_ + 1] - below[bin_]) * ((score - edges[bin_]) / width if width else 0.0)
        )
    return 1 - lower if objective.maximize else lower


def _folded(distribution: Distribution) -> tuple[np.ndarray, np.ndarray]:
    """Score edges and counts of a few bars, each of equally many bins; the ends hold what is beyond."""
    low, high = (distribution.score_quantile(q) for q in (TAIL, 1 - TAIL))
    edges, counts = distribution.score_edges, distribution.counts
    if edges[-1] <= edges[0]:  # a single value
        return np.array([distribution.score_min, distribution.score_max]), np.array(
            [distribution.scored]
        )
    first = max(int(np.searchsorted(edges, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(edges, high, side="left")), counts.size)
    each = max(1, math.ceil((last - first) / MOST_BARS))
    starts = np.arange(first, max(last, first + 1), each)
    folded = np.add.reduceat(counts, starts)  # the last one takes all that follow
    folded[0] += counts[:first].sum()
    ends = np.append(edges[starts], edges[min(int(starts[-1]) + each, counts.size)])
    return ends, folded
