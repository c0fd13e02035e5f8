"""The public calls: one series, many, and a run that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from qmac.data.prices import Prices
from qmac.data.symbols import Symbols, from_frames
from qmac.engine.dataset.signals import Averages
from qmac.jobs.job import Job, build_job
from qmac.jobs.runner import count_threads, create_directory, run
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.runs.directory import RunDirectory
from qmac.runtime.execution.executor import Executor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits
from qmac.strategy.constraints import Constraints
from qmac.strategy.grid import Grid
from qmac.strategy.request import check_request
from qmac.strategy.rules import Rules


def optimize(
    prices: Prices | pd.DataFrame | pd.Series,
    grid: Grid,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int = 1,
    threads: int | None = None,
    progress: Listener | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    averages: Averages | None = None,
    out: str | Path | None = None,
    save_grid: str | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
) -> Result:
    """Backtest every combination of the grid.

    Parameters
    ----------
    prices : bars with a Close, of which at least one more than the largest window.
    grid : the window sets.
    objective : metric to rank by, one of ``qmac.objective.MEASURES``; docs/metrics.md defines them.
    rules : how signals become trades; ``Rules()`` if None.
    top : number of best combinations to keep.
    min_trades : combinations with fewer trades are filtered: counted, neither ranked nor in the distribution.
    threads : at a time; all CPUs that the process may use if None. The answer does not depend on it.
    progress : called about ten times a second with a ``Status``.
    maximize : False to look for the lowest.
    constraints : (lowest, highest) by metric, None for no bound; combinations outside are filtered, and so are
        those for which the metric is undefined. ``min_trades=n`` is short for ``{"total_trades": (n, None)}``.
    averages : your own ``(W, T)``, in the order of ``grid.windows``, or by window; ``rules.average`` if None.
    out : new directory for snapshots and the result; ``resume`` goes on with it if anything happens.
    save_grid : ``"float32"`` or ``"float64"`` to keep every score in ``out``, read by ``result.scores``.
    limits : what the run may use of the machine; ``Limits()`` if None.
    executor : where it is swept, such as ``qmac.RayExecutor()``, which has threads and limits of its own for each node;
        threads of this process if None.

    Raises
    ------
    PricesError, GridError, RulesError, OptionError : something that was given cannot be used.
    ResultError : ``out`` is in use, holds another run, or cannot be written.
    Stopped : a limit ended the run.

    Examples
    --------
    >>> import qmac
    >>> result = qmac.optimize(qmac.sample_prices(), qmac.Grid(windows=range(10, 101, 10)), top=3)
    >>> result.evaluated == result.grid.size == 1260
    True
    >>> result.best
    (10, 70, 60, 90)
    """
    series = Prices.of(prices)
    symbols = Symbols({series.name: series}, {})
    request = check_request(
        grid, objective, rules, top, min_trades, maximize=maximize, constraints=constraints
    )
    job = build_job(symbols, request, averages, strict=True)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    directory = create_directory(job, out, save_grid, executor)
    return next(iter(run(job, directory, limits, threads, progress, executor).values()))


def optimize_many(
    prices: Mapping[str, Prices | pd.DataFrame | pd.Series],
    grid: Grid,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int = 1,
    threads: int | None = None,
    progress: Listener | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    out: str | Path | None = None,
    save_grid: str | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
    strict: bool = False,
) -> Results:
    """``optimize`` for many series by name, one after the other, each over the whole grid.

    A series that cannot be used is left out with a warning (``Results.left_out``); ``strict=True`` raises instead. Without
    ``out``, results are held in memory: about 4 MiB each with 251 windows.

    Raises
    ------
    InputError : as ``optimize``; or no series can be used.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> results = qmac.optimize_many({"all": sample, "late": sample.tail(2000)}, qmac.Grid(windows=range(10, 101, 10)))
    >>> results.winners["buy_slow"].tolist()
    [70, 40]
    """
    symbols = from_frames(prices)
    request = check_request(
        grid, objective, rules, top, min_trades, maximize=maximize, constraints=constraints
    )
    job = build_job(symbols, request, strict=strict)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    directory = create_directory(job, out, save_grid, executor)
    return run(job, directory, limits, threads, progress, executor)


def resume(
    directory: str | Path,
    threads: int | None = None,
    progress: Listener | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
    *,
    retry_failed: bool = False,
) -> Results:
    """Go on with a run that was interrupted; what is done is not done again. A run that is complete is only read.

    ``retry_failed`` tries cells again that failed on every node of a cluster (``Result.failed``), here or on another
    executor; only those are swept.

    Raises
    ------
    ResultError : there is no run, it is damaged, another process holds it, or this version cannot go on with it.
    """
    found = RunDirectory.open(Path(directory).expanduser())
    limits = Limits.of(limits)
    return run(
        Job.from_directory(found),
        found,
        limits,
        count_threads(limits, threads),
        progress,
        executor,
        retry_failed=retry_failed,
    )
