"""A session: one series and one grid, on which question after question is answered."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn, Self

from qmac._checks import check_callable, check_instance
from qmac._forks import call_after_fork
from qmac.data.arguments import take_prices
from qmac.data.prices import AnyPrices
from qmac.engine.dataset.recent_lists import RecentLists, build_whole_period
from qmac.errors import OptionError
from qmac.jobs.cancellation import CancellableExecutor, CancellableMonitor, Cancellation
from qmac.jobs.job import Job
from qmac.jobs.kernel_choice import choose_kernel
from qmac.jobs.monitor import SweepMonitor
from qmac.jobs.runner import count_threads
from qmac.jobs.series_sweep import sweep
from qmac.jobs.waiting import Patience
from qmac.results.result import Result
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe, Reading
from qmac.strategy.constraints import Constraints
from qmac.strategy.grid import Grid, choose_grid
from qmac.strategy.request import Request, check_request
from qmac.strategy.rules import Rules


class Session:
    """One series and one grid, and what does not change from one question about them to the next.

    Crosses are found again only for another average, and lists of events are built again only for
    other dates or another fill; threads go on. A hundred top rows are replayed when they are looked
    at. Memory does not grow with the number of questions.

    Answers are those of ``qmac.optimize``, digest for digest. Questions from several threads are
    answered one after the other.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, str or Path
        Bars with a Close, at least one more than the largest window, or the path of a file or a
        name such as ``"yahoo:SPY"`` that has them.
    grid : Grid, optional
        Windows of the four averages; in place of it, ``windows``.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    windows : iterable of int or str, optional
        Windows of all four averages, such as ``range(2, 253)`` or ``"2:252"``, the default.
    limits : Limits, optional
        Limits of memory, CPUs and time of each question; ``Limits()`` by default.

    Raises
    ------
    PricesError
        If the prices are invalid.
    OptionError
        If another argument is invalid.

    Examples
    --------
    >>> import qmac
    >>> with qmac.Session(qmac.sample_prices(), qmac.Grid(windows=range(10, 101, 10))) as session:
    ...     default = session.optimize()
    ...     dear = session.optimize(rules=qmac.Rules(fees=0.01))
    >>> default.best
    (10, 70, 60, 90)
    """

    def __init__(
        self,
        prices: AnyPrices,
        grid: Grid | None = None,
        threads: int | None = None,
        *,
        windows: Iterable[int] | str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.prices = take_prices(prices, stacklevel=2)
        self.grid = choose_grid(grid, windows)
        self.limits = Limits.of(limits)
        self.threads = count_threads(self.limits, threads)
        self._executor = ThreadExecutor(self.threads)
        self._probe: Probe | None = None
        self._reading: Reading | None = None
        """The last one of the machine, which counts for half a second."""
        self._is_closed = False
        self._begin_process()
        call_after_fork(self._begin_process)

    def __repr__(self) -> str:
        state = ", closed" if self._is_closed else ""
        size = f"{len(self.prices):,} bars, {self.grid.size:,} combinations"
        return f"Session({self.prices.name!r}: {size}{state})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Session holds threads, and cannot be copied or sent to another process. Make one "
            "there: qmac.Session(prices, grid)."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what the session holds, now or after the question at hand; it answers no more."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._recent = RecentLists(self.grid)
                self._executor.close()
            finally:
                self._lock.release()

    def optimize(  # noqa: PLR0913 - the arguments of qmac.optimize
        self,
        objective: str = "total_return",
        rules: Rules | None = None,
        top: int = 100,
        min_trades: int | None = None,
        progress: Listener | None = None,
        *,
        maximize: bool = True,
        constraints: Constraints | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Backtest every combination of the grid, see ``qmac.optimize``.

        Parameters
        ----------
        objective : str, default "total_return"
            Metric to rank by.
        rules : Rules, optional
            How signals become trades; ``Rules()`` by default.
        top : int, default 100
            Number of best combinations in ``Result.top``.
        min_trades : int, optional
            Combinations with fewer trades are filtered; 5 by default, 0 for none.
        progress : callable, optional
            Called about ten times a second with a ``Status``.
        maximize : bool, default True
            Whether the highest objective ranks first.
        constraints : dict of str to tuple, optional
            Lowest and highest value by metric, None for no bound.
        cancellation : Cancellation, optional
            Ends the sweep from another thread.

        Returns
        -------
        Result
            With the digest of ``qmac.optimize``.

        Raises
        ------
        InputError
            If an argument is invalid, as in ``qmac.optimize``, or the session is closed.
        Stopped
            If a limit or the cancellation ended the sweep.
        """
        check_callable("progress", progress)
        cancellation = Cancellation() if cancellation is None else cancellation
        check_instance("cancellation", cancellation, Cancellation, "Make one: Cancellation().")
        request = check_request(
            self.grid, objective, rules, top, min_trades, maximize=maximize, constraints=constraints
        )
        try:
            with self._hold():
                return self._answer(request, progress, cancellation)
        finally:
            if self._is_closed:  # meanwhile
                self.close()

    def _begin_process(self) -> None:
        """Begin without a question; in a forked process, the thread that answered one is gone."""
        self._recent = RecentLists(self.grid)
        self._lock: threading.Lock = threading.Lock()
        """Held by the thread whose question is answered."""
        self._holder = 0
        """Number of that thread; 0 where no question is answered."""

    @contextmanager
    def _hold(self) -> Iterator[None]:
        """Hold the lock; a thread that holds it already would wait for itself."""
        thread = threading.get_ident()
        if self._holder == thread:
            raise OptionError(
                "a session answers one question after the other, and progress was called within "
                "one. Call optimize once that is answered, or make another Session."
            )
        with self._lock:
            self._holder = thread
            try:
                yield
            finally:
                self._holder = 0

    def _answer(
        self, request: Request, progress: Listener | None, cancellation: Cancellation
    ) -> Result:
        """Sweep the grid for a checked question."""
        if self._is_closed:
            raise OptionError("the session is closed. Make another one: qmac.Session(...).")
        cancellation.check()
        job = Job({self.prices.name: self.prices}, request, strict=True)
        series = job.prepare(self.prices)
        spec = job.build_spec(series)
        governor = self._build_governor()
        (task,) = job.tasks
        size = self.grid.size
        patience = Patience(task.name, size, governor, progress, is_beside=True)
        watch = SweepMonitor(task, spec.objective, size, governor, progress, patience=patience)
        monitor = CancellableMonitor(watch, cancellation)
        executor = CancellableExecutor(self._executor, cancellation)
        whole = replace(series, period=build_whole_period(series))
        try:
            with watch.admitted(whole, self.grid, spec):
                spec = choose_kernel(series, self.grid, spec, self._executor, cancellation.check)
                return sweep(
                    series, self.grid, spec, executor, monitor, job.fingerprint, self._recent
                )
        finally:
            self._reading = governor.reading

    def _build_governor(self) -> Governor:
        """Return the governor of a question; a reading of a moment ago is not taken again."""
        if self._probe is None:
            self._probe = Probe(None)
        return Governor(self.limits, self._probe, self.threads, reading=self._reading)
