"""The catalogue of moving averages: their names, words and definitions.

To add an average, write its entry here and its kernel in ``kernels/signals/averages.py``. The
rules, the command line, the report and the reference read this catalogue, and a test holds the
kernel against ``Average.compute``. Nothing heavier than ``math`` is imported, because the command
line reads the names when it starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    Definition = Callable[[Sequence[Decimal], int], list[Decimal]]


@dataclass(frozen=True)
class Average:
    """One kind of moving average."""

    kind: str
    """Name, as in ``Rules(average=...)``."""
    words: str
    """Plural, as the report says it."""
    compute: Definition
    """Definition, of exact prices and a window: the values from the first bar that has one on."""


def _sma(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """Mean of the last ``window`` prices."""
    return _weighted(prices, [1] * window)


def _wma(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """Mean with the weights 1, 2, ... ``window``, the newest the heaviest."""
    return _weighted(prices, range(1, window + 1))


def _hma(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """``wma(2 * wma(window // 2) - wma(window), isqrt(window))`` (Hull 2005)."""
    half_window = max(window // 2, 1)
    half = _wma(prices, half_window)[window - half_window :]
    full = _wma(prices, window)
    pairs = zip(half, full, strict=True)
    ahead = [2 * h - f for h, f in pairs]
    return _wma(ahead, math.isqrt(window))


def _ema(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """``e[t] = e[t-1] + 2 / (window + 1) * (p[t] - e[t-1])`` from ``e[0] = p[0]``."""
    return _ema_from_start(prices, window)[window - 1 :]


def _rma(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """``e[t] = e[t-1] + 1 / window * (p[t] - e[t-1])`` from ``e[0] = p[0]`` (Wilder 1978)."""
    return _exponential(prices, 1, window)[window - 1 :]


def _dema(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """``2 * ema - ema(ema)`` (Mulloy 1994), the inner average from the first bar on."""
    once = _ema_from_start(prices, window)
    twice = _ema_from_start(once, window)
    pairs = zip(once, twice, strict=True)
    values = [2 * a - b for a, b in pairs]
    return values[window - 1 :]


def _tema(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """``3 * ema - 3 * ema(ema) + ema(ema(ema))`` (Mulloy 1994)."""
    once = _ema_from_start(prices, window)
    twice = _ema_from_start(once, window)
    thrice = _ema_from_start(twice, window)
    triples = zip(once, twice, thrice, strict=True)
    values = [3 * a - 3 * b + c for a, b, c in triples]
    return values[window - 1 :]


def _weighted(prices: Sequence[Decimal], weights: Sequence[int]) -> list[Decimal]:
    """Return the weighted means of as many prices as there are weights, the newest last."""
    window, total = len(weights), sum(weights)
    means = []
    for end in range(window, len(prices) + 1):
        last = prices[end - window : end]
        weighted = last[0] * weights[0]
        for price, weight in zip(last[1:], weights[1:], strict=True):
            weighted += price * weight
        means.append(weighted / total)
    return means


def _ema_from_start(prices: Sequence[Decimal], window: int) -> list[Decimal]:
    """Return the ``ema`` from the first bar on, for what is made of it."""
    return _exponential(prices, 2, window + 1)


def _exponential(prices: Sequence[Decimal], share: int, of: int) -> list[Decimal]:
    """Return the exponential averages that move by ``share / of`` towards each price."""
    value = prices[0]
    values = [value]
    for price in prices[1:]:
        value += share * (price - value) / of
        values.append(value)
    return values


AVERAGES = {
    average.kind: average
    for average in (
        Average("sma", "simple moving averages", _sma),
        Average("ema", "exponential moving averages", _ema),
        Average("wma", "linearly weighted moving averages", _wma),
        Average("hma", "Hull moving averages", _hma),
        Average("dema", "double exponential moving averages", _dema),
        Average("tema", "triple exponential moving averages", _tema),
        Average("rma", "Wilder's moving averages", _rma),
    )
}
"""Kinds of moving averages, by name."""
OF_THE_USER = "own"
"""What results call averages that the user computed. ``Rules`` has no such kind."""


def averages_in_words(kind: str) -> str:
    """Return what a kind of averages is called in a sentence.

    Parameters
    ----------
    kind : str
        Key of ``AVERAGES``, or ``"own"``.

    Returns
    -------
    str
        Plural, without an article.

    Examples
    --------
    >>> averages_in_words("rma")
    "Wilder's moving averages"
    """
    return "averages of the user's own" if kind == OF_THE_USER else AVERAGES[kind].words
