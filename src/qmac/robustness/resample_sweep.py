"""The sweep of a random market: the number of a resample in, the best score of its grid out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qmac.data.prices import Prices
from qmac.data.quality import LEAST_PRICE, MOST_PRICE
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.best_score import compute_best_score
from qmac.engine.sweep.spec import SweepSpec, build_spec
from qmac.robustness.resampling import COLUMNS, Resampler
from qmac.runtime.execution.parts import Part
from qmac.strategy.grid import Grid
from qmac.strategy.request import Request

REAL = "real"
"""The sequence of one part that is the real market: its best must be that of the result."""


@dataclass(frozen=True, eq=False)
class ResampleSweep:
    """Sweeps the resamples of one series, each for its best score; shared by threads."""

    series: PreparedSeries
    """The real market up to the last bar that may trade."""
    grid: Grid
    spec: SweepSpec
    resamplers: Mapping[str, Resampler]
    """By null hypothesis."""

    @classmethod
    def build(
        cls, prices: Prices, request: Request, nulls: Sequence[str], seed: int
    ) -> ResampleSweep:
        """Return the sweep of the resamples of a series.

        Parameters
        ----------
        prices : Prices
            The real market.
        request : Request
            What was computed for it; the rules have its bars a year.
        nulls : sequence of str
            Null hypotheses.
        seed : int
            Of the random words.

        Returns
        -------
        ResampleSweep
            What does not depend on the number of a resample is computed once.

        Raises
        ------
        PricesError
            If the series has too few moves, or the same one again and again.
        """
        windows, rules = request.grid.windows, request.rules
        whole = PreparedSeries.build(prices, windows, rules).period
        last = whole.first + whole.close.size
        if last < len(prices):
            prices = Prices(prices.frame.iloc[:last], prices.name, prices.origin)
        series = PreparedSeries.build(prices, windows, rules)
        spec = build_spec(
            series,
            request.grid,
            request.objective,
            request.maximize,
            request.constraints,
            top=1,
        )
        first = whole.first + whole.start
        resamplers = {null: Resampler(prices, first, null, seed) for null in nulls}
        return cls(series, request.grid, spec, resamplers)

    def check_prices(self, count: int) -> None:
        """Check that no resample leaves the range of prices, before any is swept.

        Parameters
        ----------
        count : int
            Resamples of each null hypothesis.

        Raises
        ------
        PricesError
            If one does; the message names row and date.
        """
        if self._is_within_range():
            return
        for null in self.resamplers:
            for number in range(count):
                self.build_series(Part(null, number))

    def _is_within_range(self) -> bool:
        """Whether even all moves in one direction would lead to prices that are valid."""
        close = self.series.prices.close
        logs = [
            np.abs(np.log(values[1:] / close[:-1]))
            for values in map(self.series.prices.column, COLUMNS)
            if values is not None
        ]
        # a mirrored move is as large, beside the drift
        spread = np.max(logs, axis=0).sum() + 2 * abs(math.log(close[-1] / close[0])) + 1
        low, high = math.log(close.min()) - spread, math.log(close.max()) + spread
        return bool(math.log(LEAST_PRICE) < low and high < math.log(MOST_PRICE))

    def build_series(self, part: Part) -> PreparedSeries:
        """Return a resample, prepared as the real market is.

        Parameters
        ----------
        part : Part
            Null hypothesis and number, or the one part of ``REAL``.

        Returns
        -------
        PreparedSeries
            As many bars, with the same dates.

        Raises
        ------
        PricesError
            If a price is beyond what ``Prices`` may hold.
        """
        if part.sequence == REAL:
            return self.series
        prices = self.resamplers[part.sequence].build(part.number)
        return PreparedSeries.build(prices, self.series.windows, self.series.rules)

    def compute_score(self, part: Part, stop: np.ndarray) -> float | None:
        """Return the best score of all combinations on a resample.

        Parameters
        ----------
        part : Part
            Null hypothesis and number.
        stop : ndarray
            ``(1,)`` uint8; the sweep ends early once it is not 0.

        Returns
        -------
        float or None
            The higher the better; -inf where no combination is scored; None if it was stopped.

        Raises
        ------
        PricesError
            If a price is beyond what ``Prices`` may hold.
        """
        series = self.build_series(part)
        dataset = Dataset.build(series, self.grid, self.spec.statistics)
        return compute_best_score(dataset, self.spec, stop)
