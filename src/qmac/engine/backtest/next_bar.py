"""The closes of the next bar that make averages cross, to the last bit of a float64.

Every kind of average is linear in its newest price, so the closes at which a fast average crosses
a slow one are all those above a price, or all those below it. The price is found by asking the
kernels of the backtest themselves, so that no rounding can lie between this answer and what the
backtest says when the bar is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qmac.data.quality import LEAST_PRICE, MOST_PRICE
from qmac.engine.dataset.period import Period
from qmac.engine.dataset.signals import ABOVE, find_all_crosses
from qmac.kernels.signals.averages import moving_averages
from qmac.kernels.signals.crosses import TIE

ONE_PAIR = (np.array([0]), np.array([1]))
"""The fast average is in row 0, the slow one in row 1."""
FAR = 2.0**20
"""A close so many times higher shows the weight of the newest price to the last digits."""
ROUNDING = 2 * TIE
"""Averages are wrong by less than this share of the price, by a factor of four."""
SAME_WEIGHT = 2.0**-44
"""Weights nearer than this are equal: windows would have to be longer than any series."""


@dataclass(frozen=True)
class Closes:
    """All closes from a lowest to a highest one, both included; none where low is above high."""

    low: float
    """0 where there is no lower end."""
    high: float
    """Infinite where there is no upper end."""
    rounding: float = 0.0
    """Nearer than this to an end, rounding decides whether the averages cross or tie: ``low`` does
    and the next float below does not, but a few floats further on it may be otherwise."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no such close."""
        return self.low > self.high

    @property
    def is_any(self) -> bool:
        """Whether every close is one of them."""
        return self.low == 0 and self.high == math.inf

    def __contains__(self, close: float) -> bool:
        return self.low <= close <= self.high

    def without(self, other: Closes) -> Closes:
        """Return those of the closes that are not among others.

        Parameters
        ----------
        other : Closes
            Others that have no end on one side, or none on both.

        Returns
        -------
        Closes
            Maybe none.
        """
        if other.is_empty or self.is_empty or other.low > self.high or other.high < self.low:
            return self
        rounding = max(self.rounding, other.rounding)
        if other.low > self.low:
            return Closes(self.low, math.nextafter(other.low, 0), rounding)
        if other.high < self.high:
            return Closes(math.nextafter(other.high, math.inf), self.high, rounding)
        return NO_CLOSE

    @property
    def which(self) -> str:
        """``"any"``, ``"none"``, ``"above"`` a level, ``"below"`` one, or ``"between"`` two."""
        if self.is_empty or self.is_any:
            return "none" if self.is_empty else "any"
        if self.low > 0:
            return "between" if math.isfinite(self.high) else "above"
        return "below"

    def to_dict(self) -> dict[str, str | float | None]:
        """Return ``which`` and both ends as plain values, for JSON.

        Returns
        -------
        dict of str to str, float or None
            None where there is no end.
        """
        return {
            "which": self.which,
            "low": self.low if 0 < self.low < math.inf else None,
            "high": self.high if 0 < self.high < math.inf else None,
            "rounding": self.rounding,
        }


ANY_CLOSE = Closes(0.0, math.inf)
NO_CLOSE = Closes(math.inf, 0.0)


class NextBar:
    """The two averages of a pair at the last bar and at one that is still to come.

    Parameters
    ----------
    close : ndarray
        ``(T,)`` closes up to the last bar.
    kind : str
        Of the averages, see ``Rules.average``.
    fast, slow : int
        Windows.
    direction : int
        ``ABOVE`` or ``BELOW``, of the cross.
    """

    def __init__(self, close: np.ndarray, kind: str, fast: int, slow: int, direction: int) -> None:
        self._close = np.append(close, np.nan)
        self._kind, self._direction = kind, direction
        self._windows = np.array([fast, slow], np.int64)

    def compute_averages(self, close: float) -> np.ndarray:
        """Return the averages of the last bar and of the next one.

        Parameters
        ----------
        close : float
            Of the next bar.

        Returns
        -------
        ndarray
            ``(2, 2)``: the fast one, then the slow one.
        """
        self._close[-1] = close
        averages = moving_averages(self._kind, self._close, self._windows)
        return np.ascontiguousarray(averages[:, -2:])

    def crosses(self, close: float) -> bool:
        """Return whether the next bar has a cross.

        Parameters
        ----------
        close : float
            Of the next bar.

        Returns
        -------
        bool
            As the backtest finds it.
        """
        return has_cross(self.compute_averages(close), self._direction)

    def find_closes(self) -> Closes:
        """Return the closes of the next bar that make a cross.

        Returns
        -------
        Closes
            All above a price or below one, any, or none.
        """
        at_low, at_high = self.crosses(LEAST_PRICE), self.crosses(MOST_PRICE)
        if at_low == at_high:
            return ANY_CLOSE if at_low else NO_CLOSE
        start, rounding = self._estimate()
        low, high = max(start - rounding, LEAST_PRICE), min(start + rounding, MOST_PRICE)
        if not (low < high and self.crosses(low) == at_low and self.crosses(high) == at_high):
            low, high = LEAST_PRICE, MOST_PRICE
        low, high = self._bisect(low, high, at_low)
        return Closes(0.0, low, rounding) if at_low else Closes(high, math.inf, rounding)

    def _estimate(self) -> tuple[float, float]:
        """Return about where the cross begins, and how far from there rounding may decide."""
        base = float(self._close[-2])
        near, far = self.compute_averages(base)[:, 1], self.compute_averages(base * FAR)[:, 1]
        weights = (far - near) / (base * FAR - base)
        weight = float(weights[0] - weights[1])
        if abs(weight) <= SAME_WEIGHT * float(np.abs(weights).max()):
            return base, 0.0  # Hull averages of two windows may weigh the newest price alike
        close = base - float(near[0] - near[1]) / weight
        sign = 1 if self._direction == ABOVE else -1
        size = max(abs(close), base, float(np.abs(near).max()))
        return close + sign * TIE * size / weight, ROUNDING * size / abs(weight)

    def _bisect(self, low: float, high: float, at_low: bool) -> tuple[float, float]:
        """Return two neighbouring floats, of which one makes a cross and the other does not."""
        below, above = np.array([low, high]).view(np.int64).tolist()  # ordered as the floats are
        while above - below > 1:
            middle = (below + above) // 2
            if self.crosses(_read_bits(middle)) == at_low:
                below = middle
            else:
                above = middle
        return _read_bits(below), _read_bits(above)


def _read_bits(word: int) -> float:
    return float(np.int64(word).view(np.float64))


def has_cross(averages: np.ndarray, direction: int) -> bool:
    """Return whether two averages cross at the second of two bars.

    Parameters
    ----------
    averages : ndarray
        ``(2, 2)`` the fast one and the slow one, at both bars.
    direction : int
        ``ABOVE`` or ``BELOW``.

    Returns
    -------
    bool
        As the backtest finds it: ties are no cross.
    """
    nothing = np.zeros(2)
    period = Period(0, 0, nothing, nothing, nothing, nothing, nothing)
    (crosses,) = find_all_crosses(averages, ONE_PAIR, period, directions=(direction,))
    return bool(crosses.bars.size)
