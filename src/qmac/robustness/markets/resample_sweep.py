"""The sweep of a random market: the number of a resample in, the best score of its grid out."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac._version import __version__
from qmac.data.prices import Prices
from qmac.data.quality import LEAST_PRICE, MOST_PRICE
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.best_score import compute_best_score
from qmac.engine.sweep.selftest import self_test_best
from qmac.engine.sweep.spec import SweepSpec, build_spec
from qmac.jobs.memory_model import resample_bytes
from qmac.kernels.compiler.sources import hash_arithmetic
from qmac.robustness.markets.resampling import COLUMNS, Resampler
from qmac.runs.header import prices_checksum
from qmac.runtime.execution.parts import Part
from qmac.strategy.grid import Grid
from qmac.strategy.request import Request

REAL = "real"
"""The sequence of one part that is the real market: its best must be that of the result."""
BUILDING_SECONDS, STEP_SECONDS = 30.0, 1e-11
"""A part takes no longer than both, the second for each combination and bar: ten times what was
measured of total_return, three times that of sharpe_ratio at 5,031 bars."""


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
        return compute_best_score(self.build_dataset(part), self.spec, stop)

    def build_dataset(self, part: Part) -> Dataset:
        """Return a resample, ready for the kernels.

        Parameters
        ----------
        part : Part
            Null hypothesis and number, or the one part of ``REAL``.

        Returns
        -------
        Dataset
            What is swept.
        """
        return Dataset.build(self.build_series(part), self.grid, self.spec.statistics)


@dataclass(frozen=True, eq=False)
class RandomMarkets:
    """What random markets are drawn from, and how they are swept: the work of ``run_parts``.

    Another machine needs no more than this; it builds the sweep itself, once.
    """

    prices: Prices
    """The real market."""
    request: Request
    nulls: tuple[str, ...]
    seed: int

    @functools.cached_property
    def sweep(self) -> ResampleSweep:
        """What does not depend on the number of a resample."""
        return ResampleSweep.build(self.prices, self.request, self.nulls, self.seed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "sweep"}

    @property
    def thread_bytes(self) -> int:
        """Memory that one thread needs."""
        sweep = self.sweep
        return resample_bytes(sweep.series, sweep.grid, sweep.spec)

    @property
    def most_seconds(self) -> float:
        """No part takes longer, however slow the machine."""
        return BUILDING_SECONDS + STEP_SECONDS * self.request.grid.size * len(self.prices)

    def compute(self, part: Part, stop: np.ndarray) -> float | None:
        """Return the best score on a resample; see ``ResampleSweep.compute_score``.

        Parameters
        ----------
        part : Part
            Null hypothesis and number.
        stop : ndarray
            ``(1,)`` uint8; the sweep ends early once it is not 0.

        Returns
        -------
        float or None
            None if it was stopped.
        """
        return self.sweep.compute_score(part, stop)

    def compute_checksum(self) -> str:
        """Return a checksum of everything that the scores follow from.

        Returns
        -------
        str
            SHA-256, hexadecimal.
        """
        values = (self.request.to_dict(), self.nulls, self.seed, prices_checksum(self.prices))
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def compute_fingerprint(self) -> dict[str, str]:
        """Return what must be equal on every machine that sweeps these markets.

        Unlike the dataset of a plain sweep, that of a resample is built where it is swept. So it
        is compared: a library that rounds a logarithm otherwise gives another one.

        Returns
        -------
        dict
            Version, hash of the sources of the kernels' arithmetic, a known answer to the last
            bit, and a checksum of the first resample of each null hypothesis.

        Raises
        ------
        InternalError
            If the kernels give wrong answers on this machine.
        """
        sweep = self.sweep
        fingerprint = {"version": __version__, "kernels": hash_arithmetic()}
        fingerprint["known answers"] = self_test_best(sweep.spec)
        for null in self.nulls:
            digest = hashlib.sha256()
            sweep.build_dataset(Part(null, 0)).update(digest)
            fingerprint[f"the first market of {null}"] = digest.hexdigest()
        return fingerprint
