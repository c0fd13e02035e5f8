"""The public functions that read prices and sweep: one series, many series, a run to be resumed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qmac._checks import check_callable, check_flag, check_path
from qmac.data import readers
from qmac.data.arguments import ManyPrices, take_prices, take_symbols
from qmac.data.description import check_warnings, warn_of_prices
from qmac.data.options import ReadOptions
from qmac.data.prices import AnyPrices, Prices
from qmac.data.sources.names import is_source_name
from qmac.data.symbols import Symbols
from qmac.engine.dataset.signals import Averages
from qmac.errors import PricesError, ResultError, shell_quote
from qmac.jobs.job import Job, build_job
from qmac.jobs.runner import count_threads, create_directory, run
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.runs.directory import RunDirectory
from qmac.runtime.execution.executor import Executor, check_executor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.admission import build_memory_check
from qmac.runtime.resources.limits import Limits
from qmac.strategy.constraints import Constraints
from qmac.strategy.grid import Grid, choose_grid
from qmac.strategy.request import check_request
from qmac.strategy.rules import Rules


def read_prices(  # noqa: PLR0913 - public signature
    path: str | Path,
    *,
    close: str | None = None,
    date: str | None = None,
    columns: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    timezone: str | None = None,
    date_format: str | None = None,
    sort: bool = False,
    sheet: str | None = None,
    adjusted: bool = False,
    strict: bool = False,
) -> Prices:
    """Return the prices in a file.

    Layouts that are known by name are recognised, and files with columns called Date and Close in
    any case (docs/prices.md). Other files need options. What was read is in ``Prices.origin``, and
    what is odd in it is issued as ``qmac.errors.PricesWarning`` and stays in ``Prices.warnings``.

    Parameters
    ----------
    path : str or Path
        A file with dates and closing prices.
    close : str, optional
        Name of the column of closing prices.
    date : str, optional
        Name of the column of dates.
    columns : str, optional
        Names of the columns of a file without a header, in order, such as
        ``"date,open,high,low,close,-"``; ``-`` for one that is not needed.
    separator : str, optional
        What separates the columns: one character, or comma, semicolon, tab, pipe, space.
    decimal : str, optional
        Decimal mark: ``"."`` or ``","``.
    timezone : str, optional
        Time zone of dates that name none; others are converted to it.
    date_format : str, optional
        Form of the dates, such as ``"%d/%m/%Y"``, or ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` for
        numbers since 1970.
    sort : bool, default False
        Sort the rows by date.
    sheet : str, optional
        Name of the sheet of an .xlsx file.
    adjusted : bool, default False
        Take the adjusted closes that stand beside the closes, and scale Open, High and Low with
        them.
    strict : bool, default False
        Whether a warning about the prices is an error.

    Returns
    -------
    Prices
        Checked bars, named after the file.

    Raises
    ------
    PricesError
        If the file cannot be read, does not fit into memory, or a value in it is invalid; the
        message names row and date.
    OptionError
        If an option is invalid.

    Examples
    --------
    >>> import qmac
    >>> qmac.read_prices("no_such.csv")
    Traceback (most recent call last):
    ...
    qmac.errors.PricesError: no_such.csv: there is no such file. Check the path, or try --sample \
for the bundled prices.
    """
    strict = check_flag("strict", strict)
    options = ReadOptions(
        close=close,
        date=date,
        columns=columns,
        separator=separator,
        decimal=decimal,
        timezone=timezone,
        date_format=date_format,
        sort=sort,
        sheet=sheet,
        adjusted=adjusted,
    )
    path = check_path("path", path, PricesError)
    if is_source_name(path) and not path.exists():
        raise PricesError(
            f"{path.as_posix()}: there is no such file. If it is a name of prices at a source, use "
            f"qmac.fetch({path.as_posix()!r})."
        )
    prices = readers.read_prices(path, build_memory_check(Limits()), options)
    if strict:
        check_warnings([prices], "Correct the file, or read it without strict.")
    warn_of_prices([prices], stacklevel=2)
    return prices


def optimize(  # noqa: PLR0913 - public signature
    prices: AnyPrices,
    grid: Grid | None = None,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int | None = None,
    threads: int | None = None,
    progress: Listener | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    windows: Iterable[int] | str | None = None,
    averages: Averages | None = None,
    out: str | Path | None = None,
    save_grid: str | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
) -> Result:
    """Backtest every combination of the grid on one series of prices.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, str or Path
        Bars with a Close, at least one more than the largest window, or the path of a file or a
        name such as ``"yahoo:SPY"`` that has them.
    grid : Grid, optional
        Windows of the four averages; in place of it, ``windows``.
    objective : str, default "total_return"
        Metric to rank by; docs/metrics.md defines them.
    rules : Rules, optional
        How signals become trades; ``Rules()`` by default.
    top : int, default 100
        Number of best combinations in ``Result.top``.
    min_trades : int, optional
        Combinations with fewer trades are filtered: counted, but neither ranked nor in the
        distribution. 5 by default, unless ``constraints`` have bounds of total_trades; 0 filters
        none.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default. The result does not
        depend on it.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    maximize : bool, default True
        Whether the highest objective ranks first; False ranks the lowest first.
    constraints : dict of str to tuple, optional
        Lowest and highest value by metric, None for no bound. Combinations outside are filtered,
        and those for which the metric is undefined. ``min_trades=n`` is short for
        ``{"total_trades": (n, None)}``.
    windows : iterable of int or str, optional
        Windows of all four averages, such as ``range(2, 253)`` or ``"2:252"``, the default.
    averages : ndarray or DataFrame, optional
        Averages that replace those of ``rules.average``: ``(W, T)`` in the order of
        ``grid.windows``, or a frame with a column for each window.
    out : str or Path, optional
        New directory for snapshots and the result, from which ``resume`` continues.
    save_grid : str, optional
        Store every score in ``out``, as ``"float32"`` or ``"float64"``; ``Result.scores`` reads
        them.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where cells are swept, such as ``qmac.RayExecutor()``, which has threads and limits of its
        own for each node; threads of this process by default.

    Returns
    -------
    Result
        Top rows, distribution, maps and counts.

    Raises
    ------
    PricesError
        If the prices are invalid or too few.
    GridError
        If the grid has no combination.
    RulesError
        If a rule does not fit the prices.
    OptionError
        If another argument is invalid.
    ResultError
        If ``out`` is in use, holds another run, or cannot be written.
    Stopped
        If a limit ended the run.

    Examples
    --------
    >>> import qmac
    >>> grid = qmac.Grid(windows=range(10, 101, 10))
    >>> result = qmac.optimize(qmac.sample_prices(), grid, top=3)
    >>> result.evaluated == result.grid.size == 1260
    True
    >>> result.best
    (10, 70, 60, 90)
    """
    check_callable("progress", progress)
    check_executor(executor)
    series = take_prices(prices, stacklevel=2)
    symbols = Symbols({series.name: series}, {})
    grid = choose_grid(grid, windows)
    request = check_request(
        grid, objective, rules, top, min_trades, maximize=maximize, constraints=constraints
    )
    job = build_job(symbols, request, averages, strict=True)
    limits = Limits.of(limits)
    threads = count_threads(limits, threads)
    directory = create_directory(job, out, save_grid, executor)
    return next(iter(run(job, directory, limits, threads, progress, executor).values()))


def optimize_many(  # noqa: PLR0913 - public signature
    prices: ManyPrices,
    grid: Grid | None = None,
    objective: str = "total_return",
    rules: Rules | None = None,
    top: int = 100,
    min_trades: int | None = None,
    threads: int | None = None,
    progress: Listener | None = None,
    *,
    maximize: bool = True,
    constraints: Constraints | None = None,
    windows: Iterable[int] | str | None = None,
    out: str | Path | None = None,
    save_grid: str | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
    strict: bool = False,
) -> Results:
    """Backtest every combination of the grid on each of many series.

    Where there are more series than threads, each thread sweeps one alone, as memory allows.

    Without ``out``, results are in memory: about 4 MiB each with 251 windows.

    Parameters
    ----------
    prices : dict of str to Prices, DataFrame, Series, str or Path; or str, Path or list of these
        Series by name, as in ``optimize``; or files, directories and names, such as
        ``"data/"`` or ``["spy.csv", "yahoo:QQQ,IWM"]``.
    grid : Grid, optional
        Windows of the four averages; in place of it, ``windows``.
    objective : str, default "total_return"
        Metric to rank by.
    rules : Rules, optional
        How signals become trades; ``Rules()`` by default.
    top : int, default 100
        Number of best combinations of each series.
    min_trades : int, optional
        Combinations with fewer trades are filtered; 5 by default, 0 for none.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    maximize : bool, default True
        Whether the highest objective ranks first.
    constraints : dict of str to tuple, optional
        Lowest and highest value by metric, as in ``optimize``.
    windows : iterable of int or str, optional
        Windows of all four averages, such as ``range(2, 253)`` or ``"2:252"``, the default.
    out : str or Path, optional
        New directory for snapshots and results, from which ``resume`` continues.
    save_grid : str, optional
        Store every score in ``out``, as ``"float32"`` or ``"float64"``.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where cells are swept; threads of this process by default.
    strict : bool, default False
        Whether a series with invalid prices is an error. By default it is left out with a
        warning, and ``Results.left_out`` has the reason.

    Returns
    -------
    Results
        A result for each series, by name.

    Raises
    ------
    InputError
        If an argument is invalid, as in ``optimize``, or all series are.
    Stopped
        If a limit ended the run.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> grid = qmac.Grid(windows=range(10, 101, 10))
    >>> results = qmac.optimize_many({"all": sample, "late": sample.tail(2000)}, grid)
    >>> results.winners["buy_slow"].tolist()
    [70, 40]
    """
    check_callable("progress", progress)
    check_executor(executor)
    strict = check_flag("strict", strict)
    symbols = take_symbols(prices, stacklevel=2)
    grid = choose_grid(grid, windows)
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
    """Resume an interrupted run; finished cells are not computed again.

    A finished run is only read.

    Parameters
    ----------
    directory : str or Path
        Directory of the run, as in ``out`` of ``optimize``.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where cells are swept; it may be another one than before.
    retry_failed : bool, default False
        Whether to sweep the cells that failed on a cluster (``Result.failed``), and only these.

    Returns
    -------
    Results
        A result for each series, by name.

    Raises
    ------
    ResultError
        If there is no run, it is damaged, another process uses it, or its kernels are not those
        of this version.
    Stopped
        If a limit ended the run.
    """
    check_callable("progress", progress)
    check_executor(executor)
    retry_failed = check_flag("retry_failed", retry_failed)
    run_directory = RunDirectory.open(check_path("directory", directory, ResultError))
    if run_directory.header.folds is not None:
        raise ResultError(
            f"{run_directory.path} holds a walk-forward, not a sweep of all bars. Resume it: "
            f"qmac resume {shell_quote(run_directory.path)}"
        )
    limits = Limits.of(limits)
    return run(
        Job.from_directory(run_directory),
        run_directory,
        limits,
        count_threads(limits, threads),
        progress,
        executor,
        retry_failed=retry_failed,
    )
