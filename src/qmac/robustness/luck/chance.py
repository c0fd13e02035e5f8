"""What counts of random markets say: p, its interval, when to stop, the verdict.

Free functions of counts. They import ``math`` and NumPy only.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
"""Confidence of intervals."""
SMALL_P, VERY_SMALL_P = 0.05, 0.01
"""Up to which luck alone is unlikely, and hardly explains a score."""
STOP_AFTER = 20
"""Resamples at least as good, after which the answer is luck and counting stops."""
LEAST_STOP_AFTER = 5
LEAST_RESAMPLES = 19
"""With fewer, p cannot be ``SMALL_P``."""
MOST_RESAMPLES_TO_DECIDE = 100_000
"""Above it the answer is too close to call."""
BISECTIONS = 52
"""Halvings of 0 ... 1, after which 2e-16 is left."""

HARD_TO_EXPLAIN = "hard_to_explain_by_luck"
UNLIKELY = "unlikely_luck_alone"
LUCK = "luck_alone_brings_this"
OPEN = "open"
VERDICTS = (HARD_TO_EXPLAIN, UNLIKELY, LUCK, OPEN)


class Interval(NamedTuple):
    """Bounds of the p that infinitely many resamples would give."""

    low: float
    high: float


@dataclass(frozen=True)
class Exceedances:
    """How many resamples under a null hypothesis were counted, and how many were as good."""

    resamples: int
    """Counted ones."""
    at_least: int
    """Those with a score of at least that of the real market."""
    is_stopped: bool
    """Whether counting stopped because as many were as good as ``stop_after`` says."""

    @property
    def p(self) -> float:
        """Probability that luck alone does as well, see ``compute_p``."""
        return compute_p(self.resamples, self.at_least, is_stopped=self.is_stopped)

    @functools.cached_property
    def interval(self) -> Interval:
        """Bounds of ``p``, see ``compute_interval``."""
        return compute_interval(self.resamples, self.at_least, is_stopped=self.is_stopped)


@dataclass(frozen=True)
class Conclusion:
    """What all null hypotheses say together."""

    p: float
    """The largest p, times the searches that were tried, at most 1."""
    interval: Interval
    """Bounds of ``p``."""
    decided_by: str
    """Null hypothesis with the largest p."""
    verdict: str
    """One of ``VERDICTS``."""
    resamples_to_decide: int | None
    """Resamples after which an open verdict would be decided; None where it is too close to call,
    or decided."""


class TrendPower(NamedTuple):
    """How often planted trends are found at a p of 0.05, by the larger p of both nulls."""

    bars: int
    """Length of the series."""
    drift: float
    """Of a bar, up or down, beside a volatility of 0.01."""
    duration: int
    """Mean number of bars after which the trend turns."""
    total_return: float
    """Share of series in which it is found with this objective."""
    sharpe_ratio: float


TREND_POWER = (
    TrendPower(1000, 0.0010, 60, 0.17, 0.14),
    TrendPower(1000, 0.0015, 60, 0.40, 0.32),
    TrendPower(2000, 0.0010, 60, 0.20, 0.18),
    TrendPower(2000, 0.0015, 60, 0.60, 0.50),
    TrendPower(5000, 0.0010, 60, 0.40, 0.33),
    TrendPower(5000, 0.0015, 60, 0.88, 0.81),
)
"""From docs/truth.md, "Where there is something to find": 200 series for each, 12 windows."""


def find_trend_power(bars: int) -> list[TrendPower]:
    """Return how often trends are found in series about as long as another one.

    Parameters
    ----------
    bars : int
        Length of that one.

    Returns
    -------
    list of TrendPower
        The rows of ``TREND_POWER`` whose length is nearest by its ratio, the weakest trend first.

    Examples
    --------
    >>> [power.bars for power in find_trend_power(1300)]
    [1000, 1000]
    """

    def compute_ratio(power: TrendPower) -> float:
        return abs(math.log(power.bars / bars))

    nearest = min(TREND_POWER, key=compute_ratio).bars
    return [power for power in TREND_POWER if power.bars == nearest]


def count_exceedances(
    scores: Sequence[float] | np.ndarray, score: float, stop_after: int | None = STOP_AFTER
) -> Exceedances:
    """Return how many resamples are at least as good, up to where counting stops.

    Parameters
    ----------
    scores : array of float
        Best score of each resample, in the order of their numbers, ``(B,)``; the larger the better,
        ``-inf`` where no combination was scored.
    score : float
        Best score of the real market.
    stop_after : int, optional
        Counting stops with so many that are at least as good. Resamples after that are not counted,
        though they be there. None: all are counted.

    Returns
    -------
    Exceedances
        The counts.

    Notes
    -----
    Sequential Monte Carlo p-values: Besag and Clifford, Biometrika 78 (1991).

    Examples
    --------
    >>> count_exceedances([0.1, 0.4, 0.2, 0.5, 0.9], 0.3, stop_after=2)
    Exceedances(resamples=4, at_least=2, is_stopped=True)
    """
    places = np.flatnonzero(np.asarray(scores, np.float64) >= score)
    if stop_after is not None and places.size >= stop_after:
        return Exceedances(int(places[stop_after - 1]) + 1, stop_after, is_stopped=True)
    return Exceedances(len(scores), int(places.size), is_stopped=False)


def compute_p(resamples: int, at_least: int, *, is_stopped: bool) -> float:
    """Return the probability that luck alone does as well.

    Parameters
    ----------
    resamples : int
        Counted resamples.
    at_least : int
        Those that were at least as good.
    is_stopped : bool
        Whether counting stopped at the last of these.

    Returns
    -------
    float
        ``at_least / resamples`` where counting stopped, else ``(1 + at_least) / (1 + resamples)``.
        Whatever the stopping number, at most ``x`` of all series without anything to find have a p
        up to ``x``.

    Examples
    --------
    >>> compute_p(40, 20, is_stopped=True), compute_p(199, 0, is_stopped=False)
    (0.5, 0.005)
    """
    if is_stopped:
        return at_least / resamples
    return (1 + at_least) / (1 + resamples)


def compute_interval(resamples: int, at_least: int, *, is_stopped: bool) -> Interval:
    """Return the bounds of the p that infinitely many resamples would give.

    Parameters
    ----------
    resamples : int
        Counted resamples.
    at_least : int
        Those that were at least as good.
    is_stopped : bool
        Whether counting stopped at the last of these.

    Returns
    -------
    Interval
        Of confidence ``LEVEL``; Clopper and Pearson's where counting did not stop.

    Examples
    --------
    >>> low, high = compute_interval(400, 20, is_stopped=True)
    >>> round(low, 4), round(high, 4)
    (0.0308, 0.0734)
    """
    others = resamples - at_least
    tail = (1 - LEVEL) / 2
    low = invert_beta(tail, at_least, others + 1) if at_least else 0.0
    if others == 0:
        return Interval(low, 1.0)
    # the resample at which counting stops is at least as good for certain
    return Interval(low, invert_beta(1 - tail, at_least + (not is_stopped), others))


def invert_beta(share: float, a: int, b: int) -> float:
    """Return a quantile of a beta distribution of whole parameters.

    Parameters
    ----------
    share : float
        Probability below the quantile.
    a, b : int
        Parameters, 1 or more.

    Returns
    -------
    float
        To 1e-12, for up to 100,000 resamples.

    Notes
    -----
    It is the chance at which ``a`` or more of ``a + b - 1`` draws succeed with probability
    ``share``; bisection on that tail of the binomial distribution, from its largest term on.

    Examples
    --------
    >>> round(invert_beta(0.25, 1, 1), 12)
    0.25
    """
    if a < b:  # as many failures: the shorter sum
        return 1 - invert_beta(1 - share, b, a)
    draws = a + b - 1
    successes = np.arange(a, draws + 1)
    steps = np.log((draws + 1 - successes[1:]) / successes[1:])
    # not by lgamma, whose error grows with the draws: 1e-12 of the quantile at 10,000
    ways = math.log(math.comb(draws, a)) + np.concatenate(([0.0], np.cumsum(steps)))
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        chance = (low + high) / 2
        logs = ways + successes * math.log(chance) + (draws - successes) * math.log1p(-chance)
        if np.exp(logs).sum() < share:
            low = chance
        else:
            high = chance
    return (low + high) / 2


def conclude(counts: Mapping[str, Exceedances], tried: int = 1) -> Conclusion:
    """Return what all null hypotheses say together.

    Parameters
    ----------
    counts : mapping of str to Exceedances
        Counts by null hypothesis; one or more.
    tried : int
        Number of searches of which this is the best, this one included.

    Returns
    -------
    Conclusion
        The largest p decides, the first of equal ones: alone, each null hypothesis rejects too
        often in some market without anything to find.
    """
    decided_by = max(counts, key=lambda name: counts[name].p)
    deciding = counts[decided_by]
    low, high = (min(1.0, tried * bound) for bound in deciding.interval)
    verdict = choose_verdict(Interval(low, high))
    share = deciding.at_least / deciding.resamples
    more = estimate_resamples(share, tried) if verdict == OPEN else None
    return Conclusion(min(1.0, tried * deciding.p), Interval(low, high), decided_by, verdict, more)


def choose_verdict(interval: Interval) -> str:
    """Return the verdict by the bounds of p.

    Parameters
    ----------
    interval : Interval
        Bounds.

    Returns
    -------
    str
        One of ``VERDICTS``.

    Examples
    --------
    >>> choose_verdict(Interval(0.0308, 0.0734))
    'open'
    """
    if interval.high <= VERY_SMALL_P:
        return HARD_TO_EXPLAIN
    if interval.high <= SMALL_P:
        return UNLIKELY
    return LUCK if interval.low > SMALL_P else OPEN


def estimate_resamples(share: float, tried: int = 1) -> int | None:
    """Return the number of resamples that would decide whether p is small.

    Parameters
    ----------
    share : float
        Share of the resamples so far that are at least as good, of one search. Not p, which is
        never 0 and would lie at the bound after 19 resamples without one that is as good.
    tried : int
        Searches that were tried; p times these is what must be small.

    Returns
    -------
    int or None
        With so many, and the same share, the bounds of p are on one side of ``SMALL_P / tried``;
        None above 100,000, where it is too close to call.

    Notes
    -----
    At the bound ``b = SMALL_P / tried`` the count of ``n`` resamples has a standard error of
    ``sqrt(n b (1 - b))``. The share is decided two of them from ``b``, and above it one count
    more: the distribution leans to that side. Within a tenth of what Clopper and Pearson's
    interval needs, and always more than what has left a verdict open.

    Examples
    --------
    >>> estimate_resamples(0.0), estimate_resamples(0.04), estimate_resamples(0.0499)
    (76, 1900, None)
    """
    bound = SMALL_P / tried
    distance = abs(share - bound)
    if distance == 0:
        return None
    error = 2 * math.sqrt(bound * (1 - bound))
    counts = 1 if share > bound else 0
    # the n of: distance n = error sqrt(n) + counts
    root = (error + math.sqrt(error**2 + 4 * distance * counts)) / (2 * distance)
    number = math.ceil(round(root**2, 6))  # 0.05 - 0.04 is a little more than 0.01
    return number if number <= MOST_RESAMPLES_TO_DECIDE else None


def adjust_holm(ps: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p-values of many series, adjusted for their number.

    Parameters
    ----------
    ps : array of float
        A p for each of S series, ``(S,)``.

    Returns
    -------
    ndarray
        ``(S,)``, in their order. The chance that any of those up to x has nothing to find is at
        most x (Holm, Scandinavian Journal of Statistics 6, 1979).

    Examples
    --------
    >>> adjust_holm([0.04, 0.01, 0.5]).round(9).tolist()
    [0.08, 0.03, 0.5]
    """
    values = np.asarray(ps, np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, factors * values[order]))
    return adjusted


def can_decide(series: int, resamples: int) -> bool:
    """Return whether the smallest p of so many resamples stays small among many series.

    Parameters
    ----------
    series : int
        Number of series, such as symbols.
    resamples : int
        Number of resamples of each.

    Returns
    -------
    bool
        False where even the smallest adjusted p is above ``SMALL_P``: too few resamples to tell.

    Examples
    --------
    >>> can_decide(9, 199), can_decide(11, 199)
    (True, False)
    """
    return series / (resamples + 1) <= SMALL_P
