"""What a Sharpe ratio says once it is known of how many tries it is the best.

Conventions of Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The
Deflated Sharpe Ratio" (2014): ratios are those of a bar, bars in cash have a return of 0, and
kurtosis is raw, 3 for normal returns. Free functions of numbers; docs/luck.md has an example, and
the report shows them beside luck.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
"""Probability at which a track record is long enough."""
MOST_TRIES = 1e18
"""More than any grid has combinations."""
NORMAL = NormalDist()
LARGEST, STEP = 11.0, 0.01
"""Range and step of the integral: trapezoids are right to 1e-9 for up to ``MOST_TRIES``."""
BISECTIONS = 60


class SharpeRatio(NamedTuple):
    """A Sharpe ratio of a bar, and what its standard error follows from."""

    ratio: float
    """Mean return of a bar over the standard deviation, ``ddof=1``."""
    bars: int
    skewness: float = 0.0
    kurtosis: float = 3.0
    """Raw: 3 for normal returns."""

    @property
    def spread(self) -> float:
        """Standard error times ``sqrt(bars - 1)``: 1 for normal returns and a small ratio."""
        ratio = self.ratio
        variance = 1 - self.skewness * ratio + (self.kurtosis - 1) / 4 * ratio**2
        return math.sqrt(max(variance, 0.0))  # by rounding below 0 for two values


def measure_sharpe_ratio(returns: np.ndarray) -> SharpeRatio:
    """Return the Sharpe ratio of returns, with their skewness and kurtosis.

    Parameters
    ----------
    returns : ndarray
        Returns of bars, ``(T,)``; 0 while in cash.

    Returns
    -------
    SharpeRatio
        NaN where the returns do not vary. Skewness and kurtosis are ratios of plain moments.

    Examples
    --------
    >>> measure_sharpe_ratio(np.array([0.0, 0.02, 0.0, 0.02]))
    SharpeRatio(ratio=0.8660254037844386, bars=4, skewness=0.0, kurtosis=1.0)
    """
    returns = np.asarray(returns, np.float64)
    mean, deviation = returns.mean(), returns.std()
    if not deviation > 0:
        return SharpeRatio(math.nan, returns.size, math.nan, math.nan)
    scaled = (returns - mean) / deviation
    unbiased = returns.std(ddof=1)
    skewness, kurtosis = float((scaled**3).mean()), float((scaled**4).mean())
    return SharpeRatio(float(mean / unbiased), returns.size, skewness, kurtosis)


def compute_probabilistic_sharpe(sharpe: SharpeRatio, hurdle: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above a hurdle (PSR).

    Parameters
    ----------
    sharpe : SharpeRatio
        The one that was measured.
    hurdle : float, default 0
        A Sharpe ratio of a bar.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> monthly = SharpeRatio(0.036 / 0.079, 24, skewness=-2.448, kurtosis=10.164)
    >>> round(compute_probabilistic_sharpe(monthly), 4)
    0.9127
    """
    if sharpe.spread == 0:
        return float(sharpe.ratio > hurdle)
    errors = (sharpe.ratio - hurdle) * math.sqrt(sharpe.bars - 1) / sharpe.spread
    return NORMAL.cdf(errors)


def compute_hurdle(bars: int, tries: float) -> float:
    """Return the Sharpe ratio that the best of some tries without skill has on average.

    Parameters
    ----------
    bars : int
        Length of the track record.
    tries : float
        Number of independent tries, 1 or more.

    Returns
    -------
    float
        Of a bar.
    """
    return expect_maximum(tries) / math.sqrt(bars - 1)


def compute_deflated_sharpe(sharpe: SharpeRatio, tries: float) -> float:
    """Return the probability that the true ratio is above that of luck in some tries (DSR).

    Parameters
    ----------
    sharpe : SharpeRatio
        The best of the tries.
    tries : float
        Number of independent tries, 1 or more.

    Returns
    -------
    float
        From 0 to 1; with one try it is the probabilistic Sharpe ratio.

    Examples
    --------
    >>> daily = SharpeRatio(2.5 / 250**0.5, 1250, skewness=-3, kurtosis=10)
    >>> [round(compute_deflated_sharpe(daily, tries), 4) for tries in (1, 100, 1e9)]
    [1.0, 0.9936, 0.3431]
    """
    return compute_probabilistic_sharpe(sharpe, compute_hurdle(sharpe.bars, tries))


def compute_least_bars(sharpe: SharpeRatio, hurdle: float = 0.0, level: float = LEVEL) -> float:
    """Return how long a track record must be for a ratio to be above a hurdle (MinTRL).

    Parameters
    ----------
    sharpe : SharpeRatio
        The one that was measured.
    hurdle : float, default 0
        A Sharpe ratio of a bar.
    level : float, default 0.95
        Probability that the true ratio is above the hurdle.

    Returns
    -------
    float
        Bars; infinite where the ratio is not above the hurdle.

    Examples
    --------
    >>> daily = SharpeRatio(2 / 250**0.5, 0)
    >>> round(compute_least_bars(daily, 1 / 250**0.5) / 250, 3)  # years
    2.731
    """
    if not sharpe.ratio > hurdle:
        return math.inf
    errors = NORMAL.inv_cdf(level) / (sharpe.ratio - hurdle)
    return 1 + (sharpe.spread * errors) ** 2


def expect_maximum(tries: float) -> float:
    """Return the mean of the largest of some independent standard normal numbers.

    Parameters
    ----------
    tries : float
        How many, from 1 to ``MOST_TRIES``; between whole numbers by the same formula.

    Returns
    -------
    float
        The integral of ``x N phi(x) Phi(x)^(N - 1)``.

    Examples
    --------
    >>> [round(expect_maximum(tries), 6) for tries in (2, 100, 968_734_500)]
    [0.56419, 2.507594, 6.082591]
    """
    points, logs = _tabulate()
    density = np.exp(math.log(tries) + (tries - 1) * logs - points**2 / 2)
    return float(np.trapezoid(points * density, points) / math.sqrt(2 * math.pi))


@functools.lru_cache(maxsize=1)
def _tabulate() -> tuple[np.ndarray, np.ndarray]:
    """Return the points of the integral, and the logarithms of the normal distribution there."""
    count = round(2 * LARGEST / STEP) + 1
    points = np.linspace(-LARGEST, LARGEST, count)
    return points, np.array([_log_distribution(x) for x in points.tolist()])


def _log_distribution(x: float) -> float:
    tail = math.erfc(abs(x) / math.sqrt(2)) / 2
    return math.log(tail) if x < 0 else math.log1p(-tail)


def solve_tries(maximum: float) -> float:
    """Return the number of independent tries whose largest is as large on average.

    Parameters
    ----------
    maximum : float
        Mean of the largest, in standard deviations.

    Returns
    -------
    float
        1 or more, and infinite above ``MOST_TRIES``.

    Examples
    --------
    >>> round(solve_tries(2.507594)), solve_tries(-0.5)
    (100, 1.0)
    """
    low, high = 0.0, math.log(MOST_TRIES)
    if maximum <= 0:
        return 1.0
    if maximum >= expect_maximum(MOST_TRIES):
        return math.inf
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if expect_maximum(math.exp(middle)) < maximum:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)
