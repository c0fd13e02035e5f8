"""Random markets, with nothing in them that can be predicted, and with trends that were planted.

Each is a function of random numbers and a number of bars that returns the changes of the logarithm
of the close, of bars like days: a deviation of about 1 %, and a drift of 3 bp.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pandas as pd

import qmac

Random = np.random.Generator
Market = Callable[[Random, int], np.ndarray]

DRIFT, DEVIATION = 3e-4, 0.01
"""Of a bar."""
DURATION = 60
"""Mean number of bars after which a planted trend turns."""
INDEPENDENT = "independent normal moves"


def normal(rng: Random, bars: int) -> np.ndarray:
    """Return independent normal changes."""
    return DRIFT + DEVIATION * rng.standard_normal(bars)


def garch(
    rng: Random, bars: int, up: float = 0.10, down: float = 0.10, past: float = 0.88
) -> np.ndarray:
    """Return changes of clustered volatility; a fall may raise it more than a rise (GJR).

    Parameters
    ----------
    rng : Generator
        Random numbers.
    bars : int
        Number of changes.
    up, down : float
        Share of a squared rise, and of a squared fall, in the variance of the next bar.
    past : float
        Share of the variance in that of the next bar.

    Returns
    -------
    ndarray
        ``(bars,)``.
    """
    shocks = rng.standard_normal(bars)
    level = 1 - (up + down) / 2 - past
    variances, variance = np.empty(bars), 1.0
    for bar, shock in enumerate(shocks.tolist()):
        variances[bar] = variance
        variance *= past + (up if shock > 0 else down) * shock * shock
        variance += level
    return DRIFT + DEVIATION * np.sqrt(variances) * shocks


def regimes(rng: Random, bars: int, wild: float = 0.022, calm: float = 0.006) -> np.ndarray:
    """Return changes of a deviation that is low and high in turn, for 100 bars on average."""
    is_wild = np.cumsum(rng.random(bars) < 1 / 100) % 2 == 1
    return DRIFT + np.where(is_wild, wild, calm) * rng.standard_normal(bars)


def skewed(rng: Random, bars: int) -> np.ndarray:
    """Return independent changes of skewness -2: a bound above, exponential tails below."""
    return DRIFT - DEVIATION * (rng.standard_exponential(bars) - 1)


def jumping(rng: Random, bars: int, jump: float = -0.08, chance: float = 1 / 250) -> np.ndarray:
    """Return normal changes with a fall of 8 % about once a year, for which the others make up."""
    jumps = jump * (rng.random(bars) < chance)
    return normal(rng, bars) + jumps - jump * chance


MARKETS: dict[str, Market] = {
    INDEPENDENT: normal,
    "GARCH(1, 1), .10 and .88": garch,
    "volatility regimes of 0.6 and 2.2 %": regimes,
    "volatility regimes of 0.6 and 3.0 %": functools.partial(regimes, wild=0.030),
    "leverage: falls raise volatility (GJR, .02, .16, .89)": functools.partial(
        garch, up=0.02, down=0.16, past=0.89
    ),
    "skewness of -2": skewed,
    "jumps of -8 % once a year": jumping,
}
"""Markets in which no direction can be predicted, by their description."""


def plant_trends(rng: Random, bars: int, drift: float, duration: int = DURATION) -> np.ndarray:
    """Return normal changes whose drift turns from up to down and back.

    Parameters
    ----------
    rng : Generator
        Random numbers.
    bars : int
        Number of changes.
    drift : float
        Of a bar, up or down, with the same chance at the first bar.
    duration : int, optional
        Mean number of bars after which it turns.

    Returns
    -------
    ndarray
        ``(bars,)``.
    """
    is_up = (np.cumsum(rng.random(bars) < 1 / duration) + rng.integers(2)) % 2 == 1
    return np.where(is_up, drift, -drift) + DEVIATION * rng.standard_normal(bars)


def build_prices(changes: np.ndarray) -> qmac.Prices:
    """Return the closes that changes of their logarithms make, on business days.

    Parameters
    ----------
    changes : ndarray
        ``(T,)``.

    Returns
    -------
    Prices
        ``T`` bars.
    """
    dates = pd.bdate_range("2000-01-03", periods=changes.size)
    close = 100 * np.exp(np.cumsum(changes))
    return qmac.Prices.of(pd.DataFrame({"Close": close}, dates), "random")
