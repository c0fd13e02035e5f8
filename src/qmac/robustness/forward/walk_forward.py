"""Does the choice hold on bars it has not seen? The whole grid, chosen and ranked fold by fold."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import check_callable, check_path
from qmac.data.arguments import take_prices
from qmac.data.prices import AnyPrices, Prices
from qmac.engine.dataset.period import periods_per_year
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import Averages, check_averages
from qmac.errors import GridError, Stopped
from qmac.jobs.job import Job
from qmac.jobs.runner import count_threads
from qmac.robustness.forward import accounts
from qmac.robustness.forward.accounts import Account
from qmac.robustness.forward.answer import (
    DATES,
    Forward,
    convert_whole,
    list_records,
)
from qmac.robustness.forward.fold_sweep import (
    QUANTILES,
    TEST,
    TRAIN,
    Choice,
    FoldRecord,
    FoldSweep,
    Ranking,
    choose_rank_metric,
    identify_part,
    prepare_bars,
)
from qmac.robustness.forward.folds import Folds, Layout, plan_folds
from qmac.robustness.forward.store import (
    TOP,
    begin_run,
    build_store,
    describe_question,
    store_forward,
)
from qmac.robustness.record_store import RecordStore
from qmac.runs.header import Fingerprint, Identity, prices_checksum
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.execution.executor import Executor, check_executor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.status import JobProgress, Listener
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe
from qmac.storage.json_text import compute_checksum
from qmac.strategy.constraints import Constraints
from qmac.strategy.grid import ROLES, Combination, Grid, choose_grid
from qmac.strategy.objective import Objective
from qmac.strategy.request import Request, check_request
from qmac.strategy.rules import Rules


def walk_forward(  # noqa: PLR0913 - public signature
    prices: AnyPrices,
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
    averages: Averages | None = None,
    out: str | Path | None = None,
    limits: Limits | None = None,
    executor: Executor | None = None,
) -> Forward:
    """Choose the best of the whole grid on some bars, and see what it does on the bars after.

    Every train is the sweep of ``optimize`` on its bars, and every test ranks its winner among all
    combinations, exactly. Positions are carried over the border.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, str or Path
        Bars with a Close, or the path of a file or a name such as ``"yahoo:SPY"`` that has them.
        The first train begins where the largest window is defined.
    grid : Grid, optional
        Windows of the four averages; in place of it, ``windows``.
    objective : str, default "total_return"
        Metric that chooses. Those that are no sums over bars, such as max_drawdown, choose only; in
        the tests, total_return ranks.
    rules : Rules, optional
        How signals become trades; its start and end bound all folds.
    min_trades : int, optional
        Combinations with fewer trades in a train are not chosen; 5 by default, 0 for none.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default. The answer does not depend
        on it.
    progress : callable, optional
        Called about ten times a second with a ``Status``.
    train, test : int or str, optional
        Length of each part of a fold: bars, or a length of the calendar such as ``"4y"``,
        ``"6mo"``, ``"8w"``. Each test begins where the one before ends.
    holdout : float, str or date, optional
        In place of these, one test at the end: its share of the bars, or its first date.
    anchored : bool, default False
        Whether every train begins with the first bar.
    gap : int, default 0
        Bars between train and test.
    maximize : bool, default True
        Whether the highest objective is the best.
    constraints : dict of str to tuple, optional
        Lowest and highest value by metric, as in ``optimize``. They choose, they do not judge.
    windows : iterable of int or str, optional
        Windows of all four averages, such as ``range(2, 253)`` or ``"2:252"``, the default.
    averages : ndarray or DataFrame, optional
        Averages of your own, as in ``optimize``.
    out : str or Path, optional
        Directory of a run that has this series, or a new one, which becomes a run: the same call
        goes on after an interruption, and so does ``qmac resume``.
    limits : Limits, optional
        Limits of memory, CPUs, disk and time; ``Limits()`` by default.
    executor : Executor, optional
        Where cells are swept; threads of this process by default.

    Returns
    -------
    Forward
        Folds, equity of the account that follows the winners, metrics.

    Raises
    ------
    PricesError
        If the prices are invalid or too few.
    GridError
        If the grid has no combination.
    RulesError
        If a rule does not fit the prices.
    OptionError
        If there is no whole fold, or another argument is invalid.
    ResultError
        If ``out`` is in use, holds something else, or cannot be written.
    Stopped
        If a limit ended the run.

    Examples
    --------
    >>> import qmac
    >>> grid = qmac.Grid(windows=range(10, 101, 10))
    >>> forward = qmac.walk_forward(qmac.sample_prices(), grid, train=1000, test=1000)
    >>> len(forward.folds), forward.left_over
    (3, 931)
    """
    check_callable("progress", progress)
    check_executor(executor)
    series = take_prices(prices, stacklevel=2)
    grid = choose_grid(grid, windows)
    request = check_request(
        grid, objective, rules, TOP, min_trades, maximize=maximize, constraints=constraints
    )
    layout = Layout.check(train, test, holdout, anchored=anchored, gap=gap)
    place = None if out is None else check_path("out", out, is_new=True)
    limits = Limits.of(limits)
    executor = executor or ThreadExecutor(count_threads(limits, threads))
    walk = Walk.prepare(series, request, layout, averages)
    if place is not None:
        job = Job({series.name: series}, request, averages)
        begin_run(job, layout.to_dict(), place, executor)
    return walk.run(place, limits, executor, progress)


@dataclass(frozen=True)
class Walk:
    """One series, and the folds into which it is divided."""

    prices: Prices
    request: Request
    averages: Averages | None
    layout: Layout
    folds: Folds

    @classmethod
    def prepare(
        cls, prices: Prices, request: Request, layout: Layout, averages: Averages | None = None
    ) -> Walk:
        """Divide a series into folds.

        Parameters
        ----------
        prices : Prices
            The series.
        request : Request
            What is swept in each fold.
        layout : Layout
            How bars are divided.
        averages : ndarray or DataFrame, optional
            The user's own.

        Returns
        -------
        Walk
            With one fold at least.

        Raises
        ------
        PricesError
            If the prices do not fit the request.
        GridError
            If the averages are undefined.
        OptionError
            If there is no whole fold, or a train or test is too short.
        """
        request = dataclasses.replace(request, top=TOP)
        return cls(prices, request, averages, layout, _plan(prices, request, averages, layout))

    @property
    def weights(self) -> dict[str, float]:
        """How much work each sweep is, by its key: the bars on which it trades."""
        weights: dict[str, float] = {}
        for fold in self.folds.folds:
            weights[identify_part(TRAIN, fold)] = fold.train_stop - fold.train_start
            weights[identify_part(TEST, fold)] = fold.test_stop - fold.train_start
        return weights

    def run(
        self, out: Path | None, limits: Limits, executor: Executor, progress: Listener | None
    ) -> Forward:
        """Sweep all folds, or those that are left of an earlier call.

        Parameters
        ----------
        out : Path or None
            Directory of the run that has the prices, or another one; None for memory.
        limits : Limits
            Of memory, CPUs, disk and time.
        executor : Executor
            Where cells are swept.
        progress : callable or None
            Gets each status.

        Returns
        -------
        Forward
            What they say.

        Raises
        ------
        ResultError
            If the directory is in use, holds something else, or cannot be written.
        Stopped
            If a limit ended the run.
        """
        rows = None
        if self.averages is not None:
            rows = check_averages(self.averages, self.request.grid.windows, self.prices)
        fingerprint = Fingerprint.of(self.request, rows)
        identity = Identity(fingerprint, self.prices.name, prices_checksum(self.prices))
        question = describe_question(identity, self.layout.to_dict())
        store, answer = build_store(out, identity, question)
        if isinstance(executor, ClusterExecutor):
            executor.connect()
        with store.opened(progress) as listener:
            forward = _Run(self, store, limits, executor, listener).compute(
                compute_checksum(question)
            )
            return forward if answer is None else store_forward(forward, answer)


def _plan(prices: Prices, request: Request, averages: Averages | None, layout: Layout) -> Folds:
    """Return the folds of the bars that may trade and have all averages."""
    windows = request.grid.windows
    series = PreparedSeries.build(prices, windows, request.rules, averages)
    period, longest = series.period, windows[-1]
    is_defined = ~np.isnan(series.compute_averages((longest,))[0])
    if not is_defined.any():
        raise GridError(f"the averages of window {longest} are undefined. Use a smaller window.")
    # a cross looks one bar back
    first = max(period.first + period.start, int(is_defined.argmax()) + 1)
    return plan_folds(prices, layout, first, period.first + period.close.size, longest)


@dataclass(frozen=True)
class _Run:
    """The sweeps that one call makes, and the answer that they give."""

    walk: Walk
    store: RecordStore[FoldRecord]
    limits: Limits
    executor: Executor
    listener: Listener | None

    def compute(self, question: str) -> Forward:
        """Sweep what is left, and return what it says."""
        has_workers_here = not isinstance(self.executor, ClusterExecutor)
        probe = Probe(self.store.directory, children=has_workers_here)
        governor = Governor(self.limits, probe, self.executor.threads)
        outcomes = {(record.part, record.fold): record for record in self.store.read()}
        self._sweep(outcomes, governor)
        count = len(self.walk.folds.folds)
        choices = [outcomes[TRAIN, number].outcome for number in range(count)]
        rankings = [outcomes[TEST, number].outcome for number in range(count)]
        judge = _Judge(self.walk, choices, rankings)  # type: ignore[arg-type]
        needed = [outcomes[part, number] for number in range(count) for part in (TRAIN, TEST)]
        forward = judge.build(question, list_records(needed), governor.degradations)
        return dataclasses.replace(forward, elapsed=self.store.elapsed)

    def _sweep(self, outcomes: dict[tuple[str, int], FoldRecord], governor: Governor) -> None:
        """Sweep the trains and tests that are not among the outcomes yet."""
        parts = [(part, n) for n in range(len(self.walk.folds.folds)) for part in (TRAIN, TEST)]
        if all(part in outcomes for part in parts):
            return
        if self.store.directory is not None:
            governor.admit_disk(None)
        sweep = FoldSweep(
            self.walk.prices,
            self.walk.request,
            self.walk.averages,
            self.executor,
            governor,
            self._progress(),
            self.store.snapshots,
        )
        for part, number in parts:
            if (part, number) in outcomes:
                continue
            fold = self.walk.folds.folds[number]
            try:
                outcome: Choice | Ranking
                if part == TRAIN:
                    outcome = sweep.train(fold)
                else:
                    choice = outcomes[TRAIN, number].outcome
                    assert isinstance(choice, Choice)
                    outcome = sweep.test(fold, choice.winner)
            except Stopped as error:
                text = str(error).removesuffix(".")
                raise Stopped(
                    f"{text} ({part} of fold {number + 1} of {len(self.walk.folds.folds)})."
                ) from None
            record = outcomes[part, number] = FoldRecord(part, number, outcome)
            self.store.add(record)
            self.store.write_pending()
            if self.store.snapshots is not None:
                self.store.snapshots.drop_snapshots()

    def _progress(self) -> JobProgress | None:
        return None if self.listener is None else JobProgress(self.listener, self.walk.weights)


@dataclass(frozen=True)
class _Judge:
    """Makes tables, accounts and metrics of what was swept."""

    walk: Walk
    choices: list[Choice]
    rankings: list[Ranking]

    @property
    def request(self) -> Request:
        """What is swept in each fold."""
        return self.walk.request

    @property
    def metric(self) -> str:
        """What ranks window sets in tests."""
        return choose_rank_metric(self.request.objective)

    def build(
        self, question: str, records: list[dict[str, Any]], degradations: list[dict[str, Any]]
    ) -> Forward:
        """Return the answer, but for the seconds that it took."""
        walk, folds = self.walk, self.walk.folds
        series = self._prepare(folds.test_start, folds.test_stop)
        winners = [self._trade(number) for number in range(len(folds.folds))]
        accounts_by_name = {
            "followed": accounts.follow(series, winners),
            "hold": accounts.follow(series, [accounts.hold(series, folds.test_start)]),
            "first": accounts.follow(series, [self._stay_with_first()]),
            "hindsight": accounts.follow(series, list(map(self._trade_best, range(len(winners))))),
        }
        cash = walk.request.rules.init_cash
        dates = walk.prices.index[folds.test_start : folds.test_stop]
        equity = {name: cash * account.equity[1:] for name, account in accounts_by_name.items()}
        measured = {
            name: accounts.measure(account, series.facts)
            for name, account in accounts_by_name.items()
        }
        followed = accounts_by_name["followed"]
        return Forward(
            name=walk.prices.name,
            objective=walk.request.objective,
            maximize=walk.request.maximize,
            ranked_by=self.metric,
            combinations=walk.request.grid.size,
            layout=walk.layout.to_dict(),
            left_over=folds.left_over,
            folds=self._build_table(winners),
            equity=pd.DataFrame(equity, dates),
            metrics=pd.DataFrame(measured).rename_axis("metric"),
            kept_share=self._compute_kept_share(followed, series),
            records=records,
            question=question,
            elapsed=0.0,
            degradations=degradations,
        )

    def _prepare(self, start: int, stop: int) -> PreparedSeries:
        walk = self.walk
        return prepare_bars(walk.prices, walk.request, walk.averages, start, stop)

    def _trade(self, number: int) -> Account:
        """Return what the winner of a fold does in its test."""
        return self._trade_in(number, self.choices[number].winner)

    def _trade_best(self, number: int) -> Account:
        return self._trade_in(number, self.rankings[number].best)

    def _trade_in(self, number: int, combination: Combination | None) -> Account:
        fold = self.walk.folds.folds[number]
        series = self._prepare(fold.train_start, fold.test_stop)
        return accounts.trade(series, combination, fold.test_start)

    def _stay_with_first(self) -> Account:
        """Return what the first winner does in all tests."""
        folds = self.walk.folds
        series = self._prepare(folds.folds[0].train_start, folds.test_stop)
        return accounts.trade(series, self.choices[0].winner, folds.test_start)

    def _compute_kept_share(self, followed: Account, series: PreparedSeries) -> float:
        years = series.facts.bars / series.facts.per_year
        grown = list(map(self._grow_in_train, range(len(self.choices))))
        mean = math.fsum(grown) / len(grown)
        return math.log(followed.growth) / years / mean if mean > 0 else math.nan

    def _grow_in_train(self, number: int) -> float:
        """Return the log growth a year of a winner in its train.

        The return a year is no way to it: of some minutes, it may be beyond float64.
        """
        fold = self.walk.folds.folds[number]
        series = self._prepare(fold.train_start, fold.train_stop)
        winner = accounts.trade(series, self.choices[number].winner, fold.train_start)
        return math.log(winner.growth) / (series.facts.bars / series.facts.per_year)

    def _build_table(self, winners: list[Account]) -> pd.DataFrame:
        rows = [self._build_row(number, winner) for number, winner in enumerate(winners)]
        table = pd.DataFrame(rows)
        index, folds = self.walk.prices.index, self.walk.folds.folds
        bars = [
            (fold.train_start, fold.train_stop - 1, fold.test_start, fold.test_stop - 1)
            for fold in folds
        ]
        for place, (name, column) in enumerate(zip(DATES, zip(*bars, strict=True), strict=True)):
            table.insert(place, name, index[list(column)])
        return convert_whole(table)

    def _build_row(self, number: int, winner: Account) -> dict[str, float]:
        """Return all but the dates of a fold."""
        choice = self.choices[number]
        windows = choice.winner or (math.nan,) * len(ROLES)
        return {
            **dict(zip(ROLES, windows, strict=True)),
            **self._describe_train(number),
            **self._describe_test(number, winner),
            "same_position": self._compare_positions(number, winner),
        }

    def _describe_train(self, number: int) -> dict[str, float]:
        """Return what the winner of a fold made in its train."""
        fold, choice, request = self.walk.folds.folds[number], self.choices[number], self.request
        bars_a_year = periods_per_year(self.walk.prices, request.rules)
        years = (fold.train_stop - fold.train_start) / bars_a_year
        objective = Objective(request.objective, request.maximize, years)
        return {
            "train_score": objective.value(_number(choice.score)),
            "train_annualized": _number(choice.annualized),
        }

    def _describe_test(self, number: int, winner: Account) -> dict[str, float]:
        """Return what the winner of a fold, buy & hold and all window sets made in its test."""
        fold, ranking = self.walk.folds.folds[number], self.rankings[number]
        series = self._prepare(fold.train_start, fold.test_stop).counting_from(fold.test_start)
        hold = accounts.measure(accounts.hold(series, fold.test_start), series.facts)
        years = series.facts.bars / series.facts.per_year
        metric = Objective(self.metric, self.request.maximize, years)
        quantiles = {
            f"q{100 * q:02.0f}": metric.value(_number(score))
            for q, score in zip(QUANTILES, ranking.quantiles, strict=True)
        }
        rank = math.nan if ranking.score is None else ranking.better + 1
        return {
            "test_score": metric.value(_number(ranking.score)),
            "test_return": winner.growth - 1,
            "hold": hold[self.metric],
            "rank": rank,
            "scored": ranking.scored,
            "better_than": math.nan if ranking.score is None else 1 - rank / ranking.scored,
            **quantiles,
        }

    def _compare_positions(self, number: int, winner: Account) -> float:
        """Return the share of a test's bars on which the winner before holds the same."""
        if number == 0 or None in (self.choices[number].winner, self.choices[number - 1].winner):
            return math.nan
        before = self._trade_in(number, self.choices[number - 1].winner)
        return float((before.held[1:] == winner.held[1:]).mean())


def _number(value: float | None) -> float:
    return math.nan if value is None else value
