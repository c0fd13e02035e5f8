"""A price series and the averages of the user's own, if there are any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmac.data.prices import Prices


@dataclass(frozen=True, eq=False)
class Series:
    """Prices, and the user's own averages by window if there were any."""

    prices: Prices
    averages: dict[int, np.ndarray] | None = None

    @classmethod
    def of(cls, prices: Prices, averages: np.ndarray | None, windows: tuple[int, ...]) -> Series:
        """From own averages ``(W, T)`` in the order of ``windows``, or None."""
        return cls(prices, None if averages is None else dict(zip(windows, averages, strict=True)))
