"""A price series, and a series prepared once for a sweep or a backtest."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from qmac._fields import protected
from qmac.data.prices import Prices
from qmac.engine.dataset.period import Period, build_period, periods_per_year
from qmac.engine.dataset.signals import (
    Averages,
    MapFunction,
    check_averages,
    compute_averages,
)
from qmac.engine.dataset.trade_values import build_facts
from qmac.kernels.trades.scores import Facts
from qmac.strategy.rules import Rules


@protected("averages")
@dataclass(frozen=True, eq=False)
class Series:
    """Prices, and averages of the user's own by window where there are any."""

    prices: Prices
    averages: dict[int, np.ndarray] | None = None

    @classmethod
    def from_rows(
        cls, prices: Prices, averages: np.ndarray | None, windows: tuple[int, ...]
    ) -> Series:
        """Return a series with averages that lie in one array.

        Parameters
        ----------
        prices : Prices
            Checked bars.
        averages : ndarray or None
            ``(W, T)`` in the order of ``windows``.
        windows : tuple of int
            Window lengths in bars.

        Returns
        -------
        Series
            The rows are views.
        """
        if averages is None:
            return cls(prices)
        return cls(prices, dict(zip(windows, averages, strict=True)))

    def prepare(self, windows: tuple[int, ...], rules: Rules) -> PreparedSeries:
        """Return the series prepared for some windows, see ``PreparedSeries.build``.

        Returns
        -------
        PreparedSeries
            With the averages of the user's own, if there are any.
        """
        return PreparedSeries.build(self.prices, windows, rules, self.averages)


@dataclass(frozen=True, eq=False)
class PreparedSeries:
    """Prices under some rules and windows: checked and derived once, then passed on."""

    prices: Prices
    rules: Rules
    windows: tuple[int, ...]
    """Window lengths in bars, ascending."""
    period: Period
    """The bars that may trade."""
    periods_per_year: float
    averages: np.ndarray | None
    """Averages of the user's own, ``(W, T)`` in the order of ``windows``."""

    @classmethod
    def build(
        cls,
        prices: Prices,
        windows: tuple[int, ...],
        rules: Rules,
        averages: Averages | None = None,
    ) -> PreparedSeries:
        """Return the trading period, the bars a year and the checked averages of a series.

        Parameters
        ----------
        prices : Prices
            Checked bars.
        windows : tuple of int
            Window lengths in bars, ascending.
        rules : Rules
            How signals are traded.
        averages : array, mapping or frame, optional
            Averages of the user's own.

        Returns
        -------
        PreparedSeries
            Prices and averages are not copied where their types fit.

        Raises
        ------
        PricesError
            If the prices are too few, or lack what the rules need.
        GridError
            If the averages do not fit the windows or the prices.
        """
        period = build_period(prices, rules, windows)
        rows = None if averages is None else check_averages(averages, windows, prices)
        return cls(prices, rules, windows, period, periods_per_year(prices, rules), rows)

    def counting_from(self, bar: int) -> PreparedSeries:
        """Return the series with bars that trade without counting.

        What is scored are the returns of the later bars, and positions are carried over the border.
        Only metrics that are sums over bars can be scored so.

        Parameters
        ----------
        bar : int
            Number of the first bar that counts, in the whole series.

        Returns
        -------
        PreparedSeries
            The same prices, rules and averages.
        """
        period = replace(self.period, counts_from=bar - self.period.first)
        return replace(self, period=period)

    @functools.cached_property
    def facts(self) -> Facts:
        """What metrics need beside the trades."""
        return build_facts(self.period, self.rules, self.periods_per_year)

    def compute_averages(self, windows: tuple[int, ...], mapped: MapFunction = map) -> np.ndarray:
        """Return the moving averages of some of the windows over the whole series.

        Parameters
        ----------
        windows : tuple of int
            Some of ``self.windows``, ascending.
        mapped : callable, optional
            Like ``map``; may spread the windows over threads.

        Returns
        -------
        ndarray
            ``(W, T)`` float64: of the kind ``rules.average``, or the user's own.
        """
        if self.averages is None:
            return compute_averages(self.prices, windows, self.rules.average, mapped)
        if windows == self.windows:
            return self.averages
        return self.averages[np.searchsorted(self.windows, windows)]
