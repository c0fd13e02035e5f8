"""Does the choice hold, for each of many symbols: walk-forwards one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from qmac import _views
from qmac._checks import check_callable, check_path
from qmac.data.arguments import ManyPrices, take_symbols
from qmac.errors import InputError, OptionError, PricesError, ResultError, printable, shell_quote
from qmac.jobs.job import Job, build_job
from qmac.jobs.runner import count_threads
from qmac.jobs.series_leases import LEAVES_OUT
from qmac.results.reader import FORWARD
from qmac.robustness.forward.answer import Forward, read_forward
from qmac.robustness.forward.folds import Layout
from qmac.robustness.forward.sentences import describe_many
from qmac.robustness.forward.store import TOP, begin_run, read_task_forward
from qmac.robustness.forward.walk_forward import Walk
from qmac.robustness.symbol_answers import Means, SymbolAnswers, answer_each
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.runtime.execution.executor import Executor, check_executor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits
from qmac.storage.files import look_up, resolve_typed
from qmac.strategy.constraints import Constraints
from qmac.strategy.grid import Grid, choose_grid
from qmac.strategy.request import check_request
from qmac.strategy.rules import Rules

ACCOUNTS = ("followed", "hold", "first", "hindsight")
"""Columns of ``Forward.metrics``."""


class Forwards(SymbolAnswers[Forward]):
    """The walk-forwards of many symbols by their names. Nothing of it can be changed.

    Parameters
    ----------
    answers : mapping of str to Forward
        By symbol; one or more.
    left_out : mapping of str to str
        Symbols without one, and why.
    """

    def __repr__(self) -> str:
        better = int((self.table["followed"] > self.table["hold"]).sum())
        return printable(
            f"Forwards({self._shown_names}; followed, {better} made more than buy & hold)"
        )

    def _repr_html_(self) -> str:
        html: str = _views.draw("forwards table", self)
        return html

    @property
    def table(self) -> pd.DataFrame:
        """A row for each symbol: folds, total returns by account, kept share, and ranks.

        ``ranked`` is the number of folds whose winner has a rank, ``above_median`` that of those
        whose winner is better than the median window set,
        ``better_than`` the mean share of window sets that it is better than.
        """
        rows = [
            {
                "symbol": name,
                "folds": len(forward.folds),
                **{account: forward.metrics[account]["total_return"] for account in ACCOUNTS},
                "sharpe_ratio": forward.metrics["followed"]["sharpe_ratio"],
                "max_drawdown": forward.metrics["followed"]["max_drawdown"],
                "kept_share": forward.kept_share,
                "ranked": forward.above_median[1],
                "above_median": forward.above_median[0],
                "better_than": float(forward.folds["better_than"].mean()),
            }
            for name, forward in self.items()
        ]
        return pd.DataFrame(rows).set_index("symbol")

    @property
    def sentences(self) -> list[str]:
        """What the answers say together, in words."""
        table = self.table
        better = int((table["followed"] > table["hold"]).sum())
        ranked, above = int(table["ranked"].sum()), int(table["above_median"].sum())
        kept_shares = table["kept_share"].dropna().tolist()
        return describe_many(len(table), better, ranked, above, kept_shares)

    def summary(self) -> dict[str, Any]:
        """Return the summary of each answer, and what they say together.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        return {
            "walk_forward": [forward.summary() for forward in self.values()],
            "left_out": self.left_out,
            "sentences": self.sentences,
        }

    def report(self, path: str | Path, *, each: bool = False) -> Path:
        """Write a page of all symbols, in one HTML file.

        Parameters
        ----------
        path : str or Path
            The file to write, such as ``all.html``.
        each : bool, default False
            Write the pages of all symbols, too: ``all-SPY.html`` beside ``all.html``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        WriteError
            If the file cannot be written.
        OptionError
            If Plotly and Jinja are not installed.
        """
        written: Path = _views.draw("forwards pages", self, check_path("path", path), each=each)
        return written


def walk_forward_many(  # noqa: PLR0913 - the arguments of walk_forward
    prices: ManyPrices,
    grid: Grid | None = None,
    objective: str = "total_return",
    rules: Rules | None = None,
    min_trades: int | None = None,
    threads: int | None = None,
    progress: Listener | None = None,
    *,
    train: int | str | None = None,
    test: int | str | None = None,
    holdout: float | str | date | None = None,
    anchored: bool = False,
    gap: int = 0,
    maximize: bool = True,
    constraints: Constraints | None = None,
    windows: Iterable[int] | str | None = None,
    out: str | Path | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
) -> Forwards:
    """Walk forward through each of many series, one after the other, see ``walk_forward``.

    Parameters
    ----------
    prices : dict of str to Prices, DataFrame, Series, str or Path; or str, Path or list of these
        Series by name; or files, directories and names, as in ``optimize_many``.
    grid : Grid, optional
        Windows of the four averages; in place of it, ``windows``.
    objective : str, default "total_return"
        Metric that chooses.
    rules : Rules, optional
        How signals become trades.
    min_trades : int, optional
        Combinations with fewer trades in a train are not chosen; 5 by default, 0 for none.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    train, test : int or str, optional
        Length of each part of a fold, in bars or of the calendar.
    holdout : float, str or date, optional
        In place of these, one test at the end: its share of the bars, or its first date.
    anchored : bool, default False
        Whether every train begins with the first bar.
    gap : int, default 0
        Bars between train and test.
    maximize : bool, default True
        Whether the highest objective is the best.
    constraints : dict of str to tuple, optional
        Lowest and highest value by metric. They choose, they do not judge.
    windows : iterable of int or str, optional
        Windows of all four averages, such as ``range(2, 253)`` or ``"2:252"``, the default.
    out : str or Path, optional
        Directory of a run that has these series, or a new one, which becomes a run: the same call
        goes on after an interruption, and so does ``qmac resume``.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where cells are swept; threads of this process by default.

    Returns
    -------
    Forwards
        By symbol; those without a whole fold are left out with a warning.

    Raises
    ------
    InputError
        If an argument is invalid, or no symbol has a whole fold.
    Stopped
        If a limit ended the run.

    Examples
    --------
    >>> import qmac
    >>> sample = qmac.sample_prices()
    >>> grid = qmac.Grid(windows=range(10, 101, 10))
    >>> series = {"all": sample, "late": sample.tail(2000)}
    >>> forwards = qmac.walk_forward_many(series, grid, train=1000, test=500)
    >>> forwards.table["folds"].tolist()
    [7, 1]
    """
    check_callable("progress", progress)
    check_executor(executor)
    symbols = take_symbols(prices, stacklevel=2)
    grid = choose_grid(grid, windows)
    request = check_request(
        grid, objective, rules, TOP, min_trades, maximize=maximize, constraints=constraints
    )
    layout = Layout.check(train, test, holdout, anchored=anchored, gap=gap)
    job = build_job(symbols, request)
    place = None if out is None else check_path("out", out, is_new=True)
    limits = Limits.of(limits)
    executor = executor or ThreadExecutor(count_threads(limits, threads))
    if place is not None:
        plan_each(job, layout)  # there is a whole fold, or nothing is written
        begin_run(job, layout.to_dict(), place, executor)
    return walk_each(job, layout, Means(place, limits, executor, progress))


def walk_each(job: Job, layout: Layout, means: Means) -> Forwards:
    """Walk forward through each series of a job.

    Parameters
    ----------
    job : Job
        Request and series.
    layout : Layout
        How bars are divided.
    means : Means
        What folds are swept with.

    Returns
    -------
    Forwards
        By symbol; those without a whole fold are left out with a warning.

    Raises
    ------
    InputError
        If no symbol has a whole fold.
    Stopped
        If a limit ended the run.
    """
    answers, left_out = answer_each(
        job.prices,
        lambda name: Walk.prepare(job.prices[name], job.request, layout, job.averages),
        means,
    )
    return Forwards(answers, dict(job.left_out) | left_out)


def plan_each(job: Job, layout: Layout) -> dict[str, Walk]:
    """Divide the series of a job into folds, before anything is written or swept.

    Parameters
    ----------
    job : Job
        Request and series.
    layout : Layout
        How bars are divided.

    Returns
    -------
    dict of str to Walk
        By symbol, those that have a whole fold.

    Raises
    ------
    InputError
        If no symbol has one.
    """
    walks: dict[str, Walk] = {}
    errors: list[InputError] = []
    for name in job.prices:
        try:
            walks[name] = Walk.prepare(job.prices[name], job.request, layout, job.averages)
        except (OptionError, PricesError) as error:
            errors.append(error)
    if not walks:
        raise errors[0]
    return walks


def read_finished(run: RunDirectory) -> Forward | Forwards | None:
    """Read the walk-forwards of a run, if every symbol has one; its prices are not needed.

    Parameters
    ----------
    run : RunDirectory
        The run of a walk-forward.

    Returns
    -------
    Forward or Forwards or None
        None where one is missing or damaged.
    """
    answers: dict[str, Forward] = {}
    for task in run.tasks:
        try:
            answer = read_task_forward(run, task)
        except ResultError:
            return None
        if answer is None:
            return None
        answers[task.symbol] = answer
    return Forwards(answers, run.header.left_out) if len(answers) > 1 else answers[task.symbol]


def read_walk(directory: Path, symbol: str | None = None) -> Forward | Forwards:
    """Read the walk-forward in a directory.

    Parameters
    ----------
    directory : Path
        What ``qmac walk-forward --out`` or ``qmac.walk_forward(out=...)`` wrote.
    symbol : str, optional
        The only symbol that is read.

    Returns
    -------
    Forward or Forwards
        Those of many symbols.

    Raises
    ------
    ResultError
        If nothing is done yet, or a file is damaged.
    SymbolError
        If there is no such symbol.
    """
    path = resolve_typed(directory).absolute()
    if look_up(path / FORWARD) is not None:
        forward = read_forward(path / FORWARD)
        return forward if symbol is None else SymbolAnswers({forward.name: forward})[symbol]
    run = RunDirectory.open(path)
    answers, left_out, missing = {}, dict(run.header.left_out), []
    for task in run.tasks:
        forward_of_task = read_task_forward(run, task)
        if forward_of_task is not None:
            answers[task.symbol] = forward_of_task
        elif task.symbol not in left_out:
            missing.append(task)
    if not answers:
        raise ResultError(
            f"{path} holds an unfinished walk-forward. Resume it: qmac resume {shell_quote(path)}"
        )
    layout = Layout.check(**next(iter(answers.values())).layout)
    left_out |= {task.symbol: _find_reason(run, task, layout) for task in missing}
    forwards = Forwards(answers, left_out)
    if symbol is not None:
        return forwards[symbol]
    return forwards if len(run.tasks) > 1 else next(iter(answers.values()))


def _find_reason(run: RunDirectory, task: Task, layout: Layout) -> str:
    """Return why a task has no answer, as the command that left it out said it."""
    try:
        prices = run.prices(task.symbol)
        Walk.prepare(prices, run.header.request, layout, run.averages())
    except LEAVES_OUT as error:
        return str(error)
    return f"{task.symbol} is not swept yet. Go on with it: qmac resume {shell_quote(run.path)}"
