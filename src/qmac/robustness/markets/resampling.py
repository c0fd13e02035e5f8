"""Random markets like a real one, except that nothing in them can be predicted.

Whole bars are drawn at a time, and under a null hypothesis every market begins and ends as the real
one does. A market is of the same bits on every machine: random words come from Philox, n-th roots
from ``decimal``, a mean from an exact sum, and the rest are multiplications and divisions.
"""

from __future__ import annotations

import decimal
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qmac._checks import check_choice, check_count, check_instance
from qmac.data.prices import Prices, replace_values
from qmac.data.quality import LEAST_PRICE, MOST_PRICE
from qmac.errors import OptionError, PricesError

COLUMNS = ("Open", "High", "Low", "Close")
"""Columns that are resampled, the closes last. A random market has no volume."""
LEAST_MOVES = 30
MOST_SEED = 2**63 - 1
"""As a file of settings holds it."""
SAME_MOVE = 1e-12
"""Moves that differ by less differ by the rounding of their prices."""
TOP_BIT = np.uint64(1 << 63)
LEAST_PATH, MOST_PATH = 1e-290, 1e290
"""Products of moves beyond these may have lost digits; no price is near them."""
ROOT_DIGITS = 28
"""Of n-th roots; a float64 has 17."""


@dataclass(frozen=True)
class Moves:
    """Prices of bars over the close before each of them, ``(columns, n)``, the closes last."""

    ratios: np.ndarray
    """As they are."""
    mirrored: np.ndarray
    """As large, in the other direction, beside the mean move: ``G^2 / ratios``, where ``G`` is the
    n-th root of ``growth``. Highs become lows and lows highs."""
    growth: float
    """Last close over the close before the first move."""

    @property
    def count(self) -> int:
        """Number of moves, n."""
        return int(self.ratios.shape[1])

    @functools.cached_property
    def mean(self) -> float:
        """Mean move from close to close, of the same bits on every machine."""
        return math.fsum(self.ratios[-1]) / self.count


def shuffle(moves: Moves, words: np.ndarray) -> np.ndarray:
    """Return the moves in random order, as if they were exchangeable.

    It leaves every move as it is, and so the drift, the volatility and the tails. Clusters of
    volatility are lost.

    Parameters
    ----------
    moves : Moves
        Those of the real market.
    words : ndarray
        Random words, ``(n,)`` uint64.

    Returns
    -------
    ndarray
        ``(columns, n)``.
    """
    return moves.ratios.take(np.argsort(words, kind="stable"), axis=1)


def mirror(moves: Moves, words: np.ndarray) -> np.ndarray:
    """Return the moves in random direction, as if a coin decided it beside the drift.

    It leaves volatility at its dates. Skewness is lost. All moves are then multiplied by one number
    very near 1, with which the market ends as the real one does.

    Parameters
    ----------
    moves : Moves
        Those of the real market.
    words : ndarray
        Random words, ``(n,)`` uint64; the top bit is the coin.

    Returns
    -------
    ndarray
        ``(columns, n)``.
    """
    drawn = np.where(words >= TOP_BIT, moves.mirrored, moves.ratios)
    path = np.cumprod(drawn[-1])
    if path.min() < LEAST_PATH or path.max() > MOST_PATH:
        return drawn  # leaves the range of prices, in a row that a message can name
    return drawn * compute_root(moves.growth / float(path[-1]), moves.count)


def shuffle_without_drift(moves: Moves, words: np.ndarray) -> np.ndarray:
    """Return the moves in random order, without drift: the mean return of a bar is 0.

    It is no null hypothesis, because the drift of the real market counts for its best combination.
    A mean logarithm of 0 would leave half the variance as a mean return, and so a Sharpe ratio
    that no skill has made: on 5,031 bars a grid of 1,499,400 seemed worth 309 tries, not 179.

    Parameters
    ----------
    moves : Moves
        Those of the real market.
    words : ndarray
        Random words, ``(n,)`` uint64.

    Returns
    -------
    ndarray
        ``(columns, n)``.
    """
    return shuffle(moves, words) / moves.mean


Draw = Callable[[Moves, np.ndarray], np.ndarray]
"""From moves and random words to the moves of a random market."""
NULLS: dict[str, Draw] = {"shuffle": shuffle, "mirror": mirror}
"""Null hypotheses by name."""
DRIFTLESS = "driftless"
DRAWS: dict[str, Draw] = NULLS | {DRIFTLESS: shuffle_without_drift}
"""All ways to draw a random market, by name."""
STREAMS = {"shuffle": 0, "mirror": 1, DRIFTLESS: 2}
"""Numbers of the streams of random words; a new way to draw has the next one."""


@dataclass(frozen=True)
class Resampler:
    """Random markets of one series that are drawn in one way, by number.

    It can be shared by threads. What does not depend on the number is computed once.

    Examples
    --------
    >>> import qmac
    >>> prices = qmac.sample_prices()
    >>> random = Resampler(prices, 0, "shuffle", seed=1).build(0)
    >>> len(random) == len(prices), round(float(random.close[-1] / prices.close[-1]), 9)
    (True, 1.0)
    """

    prices: Prices
    """The real market; its last bar is the last that may trade."""
    first: int
    """Number of the first bar that may trade, from 0. It and the bars before it stay as they are,
    so averages are warmed up on the real past."""
    null: str
    """One of ``DRAWS``."""
    seed: int

    def __post_init__(self) -> None:
        check_instance("prices", self.prices, Prices, "Use Prices.of(frame).")
        check_choice("null", self.null, DRAWS)
        check_count("seed", self.seed, 0, MOST_SEED)
        check_count("first", self.first, 0)
        count = max(len(self.prices) - 1 - self.first, 0)
        if count < LEAST_MOVES:
            raise PricesError(
                f"{self.prices.name} has {count} moves from close to close in the bars that may "
                f"trade, but random markets need at least {LEAST_MOVES}. Use an earlier start, or "
                "more bars."
            )
        ratios = self._moves.ratios
        if (ratios.max(axis=1) <= ratios.min(axis=1) * (1 + SAME_MOVE)).all():
            raise PricesError(
                f"{self.prices.name} moves by the same factor in every bar that may trade, so "
                "every random market would be the real one. Use prices that change."
            )

    @functools.cached_property
    def _columns(self) -> tuple[str, ...]:
        return tuple(name for name in COLUMNS if self.prices.column(name) is not None)

    @functools.cached_property
    def _values(self) -> np.ndarray:
        """Real prices, ``(columns, T)``."""
        return np.array([self.prices.column(name) for name in self._columns])

    @functools.cached_property
    def _moves(self) -> Moves:
        close = self._values[-1]
        before = close[self.first : -1]
        ratios = self._values[:, self.first + 1 :] / before
        growth = float(close[-1] / before[0])
        by_column = dict(zip(self._columns, ratios, strict=True))
        return Moves(ratios, _turn(by_column, growth), growth)

    def build(self, number: int) -> Prices:
        """Return a random market.

        Parameters
        ----------
        number : int
            Number of the resample, from 0. Each has a stream of random words, so any can be built
            alone and in any order.

        Returns
        -------
        Prices
            As many bars, with the same dates.

        Raises
        ------
        OptionError
            If the number is negative.
        PricesError
            If a price is beyond what ``Prices`` may hold; the message names row and date.
        """
        check_count("number", number, 0)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # is checked below
            moves = DRAWS[self.null](self._moves, self._draw(number))
            values = self._compound(moves)
        if not (values.min() >= LEAST_PRICE and values.max() <= MOST_PRICE):  # NaN is beyond, too
            raise PricesError(self._describe_bad_price(values, number))
        return replace_values(self.prices, self._columns, values)

    def _draw(self, number: int) -> np.ndarray:
        """Return a random word for each move; only words are the same in all versions of NumPy."""
        stream = (STREAMS[self.null], number)
        bits = np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=stream))
        words: np.ndarray = bits.random_raw(self._moves.count)
        return words

    def _compound(self, moves: np.ndarray) -> np.ndarray:
        """Return the prices that moves make, ``(columns, T)``."""
        values = self._values.copy()
        close = values[-1, self.first :]
        close[1:] = moves[-1]
        np.cumprod(close, out=close)
        np.multiply(moves[:-1], close[:-1], out=values[:-1, self.first + 1 :])
        return values

    def _describe_bad_price(self, values: np.ndarray, number: int) -> str:
        """Return the message for prices that are out of range."""
        is_bad = ~((values >= LEAST_PRICE) & (values <= MOST_PRICE))
        row = int(is_bad.any(axis=0).argmax())
        column = int(is_bad[:, row].argmax())
        return (
            f"{self.prices.name}: {self._columns[column]} of resample {number} by {self.null} is "
            f"{values[column, row]:g} in row {row + 1} ({self.prices.index[row]}). Prices must be "
            f"positive numbers, from {LEAST_PRICE:g} to {MOST_PRICE:g}. The moves are too large to "
            f"be drawn at random: fix them, or leave {self.null} out."
        )


def _turn(ratios: dict[str, np.ndarray], growth: float) -> np.ndarray:
    """Return the mirrored moves; a column that is missing is as stops take it (build_period)."""
    close = ratios["Close"]
    opens = ratios.get("Open", close)
    sources = {
        "Open": opens,
        "High": ratios.get("Low", np.minimum(opens, close)),
        "Low": ratios.get("High", np.maximum(opens, close)),
        "Close": close,
    }
    mean = compute_root(growth, close.size)
    return mean * mean / np.array([sources[name] for name in ratios])


def compute_root(value: float, degree: int) -> float:
    """Return the root of a number, of the same bits on every machine.

    Parameters
    ----------
    value : float
        A positive number.
    degree : int
        1 or more.

    Returns
    -------
    float
        The nearest to ``value ** (1 / degree)``.

    Raises
    ------
    OptionError
        If the number is not positive and finite.

    Examples
    --------
    >>> compute_root(1024.0, 10)
    2.0
    """
    if not 0 < value < np.inf:
        raise OptionError(f"value must be a positive number, got {value}.")
    # logarithm and exponential of decimal are rounded correctly, those of a C library are not
    context = decimal.Context(prec=ROOT_DIGITS, rounding=decimal.ROUND_HALF_EVEN)
    logarithm = context.ln(decimal.Decimal(value))
    return float(context.exp(context.divide(logarithm, decimal.Decimal(degree))))
