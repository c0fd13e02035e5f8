"""A job: one request, and the series for which it is computed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac._version import __version__
from qmac.data.held_prices import HeldPrices, is_held
from qmac.data.prices import Prices
from qmac.data.symbols import Symbols
from qmac.engine.dataset.series import PreparedSeries, Series
from qmac.engine.dataset.signals import Averages, check_averages
from qmac.engine.sweep.spec import SweepSpec, build_spec
from qmac.errors import PricesError, ResultError, printable, warn
from qmac.runs.creation import NewRun
from qmac.runs.directory import RunDirectory
from qmac.runs.header import FORMAT, Fingerprint
from qmac.runs.tasks import Task
from qmac.strategy.request import Request


@dataclass(frozen=True)
class Job:
    """A request, and the series for which it is computed.

    Attributes
    ----------
    prices : mapping
        Series by symbol.
    request : Request
        What is computed for each.
    averages : Averages, optional
        The user's own averages; None for those of the rules.
    left_out : mapping
        Symbols that are not part of the job, and why.
    strict : bool
        Whether an invalid symbol ends the job.
    """

    prices: Mapping[str, Prices]
    request: Request
    averages: Averages | None = None
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    strict: bool = False

    @property
    def tasks(self) -> list[Task]:
        """Units of work, in the order of the series."""
        return [Task(symbol) for symbol in self.prices]

    def series(self, task: Task) -> Prices:
        """Return the prices of a task.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        Prices
            Read now, if they lie in a run directory.
        """
        return self.prices[task.symbol]

    def is_held(self, task: Task) -> bool:
        """Return whether the prices of a task lie in memory.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        bool
            False where they are read each time.
        """
        return is_held(self.prices, task.symbol)

    def count_bars(self, task: Task) -> int:
        """Return the bars of a task; prices that are not held are not read for it.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        int
            Number of bars.
        """
        if isinstance(self.prices, HeldPrices):
            return self.prices.count_bars(task.symbol)
        return len(self.series(task))

    def build_source(self, task: Task) -> Callable[[], Series]:
        """Return what makes the series of a result, with prices that are held or read then.

        Parameters
        ----------
        task : Task
            One of ``tasks``.

        Returns
        -------
        callable
            For ``Result.source``.
        """
        windows = self.request.grid.windows
        if self.is_held(task):
            return functools.partial(Series.from_rows, self.series(task), None, windows)
        return functools.partial(_read_series, self.prices, task.symbol, windows)

    def read_from(self, directory: RunDirectory) -> Job:
        """Return the job whose prices are read from its run directory, unless all are held.

        Parameters
        ----------
        directory : RunDirectory
            The run of this job.

        Returns
        -------
        Job
            The same for one whose prices are held.
        """
        if not isinstance(self.prices, HeldPrices) or self.prices.is_whole:
            return self
        return dataclasses.replace(self, prices=_StoredPrices(directory))

    def prepare(self, prices: Prices) -> PreparedSeries:
        """Return one of the series prepared for the windows and rules of the request.

        Parameters
        ----------
        prices : Prices
            One of ``prices``.

        Returns
        -------
        PreparedSeries
            With the user's own averages, if there are any.

        Raises
        ------
        PricesError
            If the series has too few bars, or lacks what the rules need.
        GridError
            If the averages do not fit the windows and the series.
        """
        request = self.request
        return PreparedSeries.build(prices, request.grid.windows, request.rules, self.averages)

    def build_spec(self, series: PreparedSeries) -> SweepSpec:
        """Return what the sweep computes for one of the series.

        Parameters
        ----------
        series : PreparedSeries
            What ``prepare`` returned.

        Returns
        -------
        SweepSpec
            The request, and the years of the series.

        Raises
        ------
        PricesError
            If a close has lost its decimal point.
        """
        request = self.request
        return build_spec(
            series,
            request.grid,
            request.objective,
            request.maximize,
            request.constraints,
            min(request.top, request.grid.size),
        )

    def checked_averages(self) -> np.ndarray | None:
        """Return the user's own averages as an array.

        Returns
        -------
        ndarray or None
            ``(W, T)``, checked; None if there are none.

        Raises
        ------
        GridError
            If they do not fit the windows and the series.
        """
        if self.averages is None:
            return None
        prices = next(iter(self.prices.values()))
        return check_averages(self.averages, self.request.grid.windows, prices)

    @functools.cached_property
    def fingerprint(self) -> Fingerprint:
        """Everything but the prices that the results follow from."""
        return Fingerprint.of(self.request, self.checked_averages())

    def new_run(
        self, save_grid: str | None = None, folds: Mapping[str, Any] | None = None
    ) -> NewRun:
        """Return what is written into a new run directory.

        Parameters
        ----------
        save_grid : str or None
            Type of the scores on disk, if they are written.
        folds : mapping, optional
            How bars are divided into folds, for a walk-forward.

        Returns
        -------
        NewRun
            Request, prices and the rest.
        """
        averages = self.checked_averages()
        return NewRun(self.request, self.prices, averages, self.left_out, save_grid, folds)

    @classmethod
    def from_directory(cls, directory: RunDirectory) -> Job:
        """Return the job of a run directory.

        Parameters
        ----------
        directory : RunDirectory
            The run.

        Returns
        -------
        Job
            Its prices are read when they are needed.

        Raises
        ------
        ResultError
            If the run has an earlier format, this version computes other bits, or the averages are
            damaged.
        """
        header = directory.header
        if header.format != FORMAT:
            raise ResultError(
                f"{directory.path} was written by qmac {printable(header.qmac)} in run format "
                f"{header.format}, which qmac {__version__} shows but does not resume: repeat it "
                f"with 'qmac optimize {directory.path / 'job.toml'} --out DIR'."
            )
        if not header.fingerprint.is_of_this_version:
            version = printable(header.qmac)
            raise ResultError(
                f"{directory.path} was written by qmac {version}, whose kernels are not those of "
                "this one. Resume it with that version, or start the run again in another "
                "directory."
            )
        prices = _StoredPrices(directory)
        return cls(prices, header.request, directory.averages(), header.left_out)


def _read_series(prices: Mapping[str, Prices], symbol: str, windows: tuple[int, ...]) -> Series:
    """Return the series of a symbol whose prices are not held."""
    return Series.from_rows(prices[symbol], None, windows)


class _StoredPrices(Mapping[str, Prices]):
    """Prices of a run, read when they are needed: 500 symbols of minute bars are gigabytes."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory

    def __getitem__(self, symbol: str) -> Prices:
        return self._directory.prices(symbol)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._directory.symbols  # nothing is read for it

    def __iter__(self) -> Iterator[str]:
        return iter(self._directory.symbols)

    def __len__(self) -> int:
        return len(self._directory.symbols)


def build_job(
    symbols: Symbols, request: Request, averages: Averages | None = None, *, strict: bool = False
) -> Job:
    """Build the job of all series that can be backtested.

    Series that are invalid, or too short for windows and dates, are left out with a warning.

    Parameters
    ----------
    symbols : Symbols
        Series, and those that could not be read.
    request : Request
        What is computed for each.
    averages : Averages or None
        The user's own averages; None for those of the rules.
    strict : bool
        Whether to raise the error of the first series that is invalid.

    Returns
    -------
    Job
        With one series at least.

    Raises
    ------
    PricesError
        If no series is left, or ``strict`` and one is invalid.
    """
    job = Job(symbols.prices, request, averages, strict=strict)
    errors = dict(symbols.bad)
    for symbol in symbols.prices:
        try:
            job.build_spec(job.prepare(symbols.prices[symbol]))
        except PricesError as error:
            errors[symbol] = error
    usable = _leave_out(symbols.prices, errors)
    if errors and (strict or not usable):
        raise next(iter(errors.values()))
    reasons = {symbol: str(error) for symbol, error in errors.items()}
    for reason in reasons.values():
        warn(f"left out: {reason}", stacklevel=3)
    return dataclasses.replace(job, prices=usable, left_out=reasons)


def _leave_out(prices: Mapping[str, Prices], symbols: Collection[str]) -> Mapping[str, Prices]:
    """Return the prices of other symbols; what is not held is not read for it."""
    if isinstance(prices, HeldPrices):
        return prices.without(symbols)
    return {symbol: series for symbol, series in prices.items() if symbol not in symbols}
