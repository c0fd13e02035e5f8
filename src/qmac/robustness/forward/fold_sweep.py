"""The two sweeps of a fold: the choice on the bars of its train, and all others in its test."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from qmac.data.prices import Prices
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import Averages
from qmac.engine.sweep import reductions
from qmac.engine.sweep.pilot import compute_score
from qmac.engine.sweep.spec import SweepSpec, build_spec
from qmac.errors import Stopped
from qmac.jobs.monitor import SweepMonitor
from qmac.jobs.series_sweep import prepare_dataset, sweep, sweep_cells
from qmac.jobs.waiting import Patience
from qmac.kernels.trades.exit_tables import ReturnSums
from qmac.robustness.forward.folds import Fold
from qmac.runs.directory import RunDirectory
from qmac.runs.records import RecordKind
from qmac.runs.tasks import Task
from qmac.runtime.execution.executor import Executor
from qmac.runtime.monitoring.status import JobProgress
from qmac.runtime.resources.governor import Governor
from qmac.strategy.grid import Combination
from qmac.strategy.metrics import METRICS
from qmac.strategy.request import Request
from qmac.strategy.rules import Rules

Outcome = TypeVar("Outcome")
TRAIN, TEST = "train", "test"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of all window sets in a test."""
TIE = 1e-12
"""Scores that differ by less are equal: the same trades, summed in another order, as of stops."""
FALLBACK = "total_return"
"""Ranks window sets in a test by another objective that is no sum over bars."""


def choose_rank_metric(objective: str) -> str:
    """Return the metric that ranks window sets in a test.

    Parameters
    ----------
    objective : str
        What ranks them in a train.

    Returns
    -------
    str
        The same one, if it is made of sums over bars; else total_return.

    Examples
    --------
    >>> choose_rank_metric("sharpe_ratio"), choose_rank_metric("max_drawdown")
    ('sharpe_ratio', 'total_return')
    """
    is_sum = METRICS[objective].statistics <= set(ReturnSums._fields)
    return objective if is_sum else FALLBACK


class Choice(NamedTuple):
    """What a train chooses."""

    winner: Combination | None
    """None where no combination is scored."""
    score: float | None
    """Of the winner, as a score of the sweep."""
    annualized: float | None
    """Its return a year in the train."""
    scored: int
    digest: str
    """That of the result of ``qmac.optimize`` on the same bars."""


class Ranking(NamedTuple):
    """What all combinations do in a test; scores are those of the metric that ranks them."""

    score: float | None
    """Of the winner of the train; None where it has none, such as a ratio of no trades."""
    scored: int
    better: int
    """Combinations that are better than the winner."""
    quantiles: tuple[float | None, ...]
    """Scores below which the shares ``QUANTILES`` lie, to within a bin."""
    best: Combination | None
    """The best combination in hindsight."""
    best_score: float | None


class FoldRecord(NamedTuple):
    """One of the two outcomes of a fold."""

    part: str
    """``TRAIN`` or ``TEST``."""
    fold: int
    outcome: Choice | Ranking


def to_values(record: FoldRecord) -> dict[str, Any]:
    """Return a record as plain values of JSON.

    Parameters
    ----------
    record : FoldRecord
        An outcome.

    Returns
    -------
    dict
        ``from_values`` returns the record again.
    """
    return {"part": record.part, "fold": record.fold} | record.outcome._asdict()


def from_values(values: dict[str, Any]) -> FoldRecord:
    """Build a record from plain values of an untrusted file.

    Parameters
    ----------
    values : dict
        What ``to_values`` returned.

    Returns
    -------
    FoldRecord
        The same record.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it is none.
    """
    rest = dict(values)
    part, fold = rest.pop("part"), rest.pop("fold")
    if part not in (TRAIN, TEST) or type(fold) is not int or fold < 0:
        raise ValueError("it is no outcome of a fold")
    tuples: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in rest.items()
    }
    return FoldRecord(part, fold, Choice(**tuples) if part == TRAIN else Ranking(**tuples))


FOLDS = RecordKind("folds", to_values, from_values)


@dataclass(frozen=True)
class FoldSweep:
    """Sweeps the trains and tests of one series, each with all threads."""

    prices: Prices
    request: Request
    averages: Averages | None
    executor: Executor
    governor: Governor
    progress: JobProgress | None
    snapshots: RunDirectory | None = None
    """Where a sweep at hand is saved; None where one that is interrupted is swept again."""

    def prepare(self, start: int, stop: int) -> PreparedSeries:
        """Return the series, traded on some of its bars.

        Parameters
        ----------
        start, stop : int
            First bar that may trade, and the one after the last.

        Returns
        -------
        PreparedSeries
            Averages are warmed up on the bars before.
        """
        return prepare_bars(self.prices, self.request, self.averages, start, stop)

    def train(self, fold: Fold) -> Choice:
        """Sweep a train, as ``qmac.optimize`` does.

        Parameters
        ----------
        fold : Fold
            Its train.

        Returns
        -------
        Choice
            The winner.

        Raises
        ------
        Stopped
            If a limit ended the sweep, or a cell failed on every node.
        """
        request, executor = self.request, self.executor
        series = self.prepare(fold.train_start, fold.train_stop)
        spec = build_spec(
            series,
            request.grid,
            request.objective,
            request.maximize,
            request.constraints,
            min(request.top, request.grid.size),
        )

        def run(monitor: SweepMonitor) -> Choice:
            result = sweep(series, request.grid, spec, executor, monitor)
            if result.failed:
                raise Stopped(_describe_failed(len(result.failed)))
            if result.best is None:
                return Choice(None, None, None, 0, result.digest)
            score, annualized = result.top_scores[0], result.top["annualized_return"].iloc[0]
            return Choice(
                result.best, float(score), float(annualized), result.scored, result.digest
            )

        return self._watch(TRAIN, fold, series, spec, run, TRAIN)

    def test(self, fold: Fold, winner: Combination | None) -> Ranking:
        """Sweep a test: all combinations on its bars, beside the winner of its train.

        Parameters
        ----------
        fold : Fold
            Its test. Combinations trade from the start of the train on, so that positions are
            carried in.
        winner : tuple of int or None
            What is ranked among them.

        Returns
        -------
        Ranking
            Its exact rank, and what the others do. Constraints choose, they do not judge: every
            combination counts.

        Raises
        ------
        Stopped
            If a limit ended the sweep, or a cell failed on every node.
        """
        request, executor = self.request, self.executor
        series = self.prepare(fold.train_start, fold.test_stop).counting_from(fold.test_start)
        metric = choose_rank_metric(request.objective)
        maximize = request.maximize if metric == request.objective else True
        plain = build_spec(series, request.grid, metric, maximize, {}, 1)

        def run(monitor: SweepMonitor) -> Ranking:
            dataset = prepare_dataset(series, request.grid, plain, executor)
            score = math.nan if winner is None else compute_score(dataset, plain, winner)
            spec = draw_line(plain, score)
            swept = sweep_cells(series, request.grid, spec, dataset, executor, monitor)
            if swept.ledger.failed:
                raise Stopped(_describe_failed(len(swept.ledger.failed)))
            totals = swept.ledger.tally.totals.counts.tolist()
            scores, indices = reductions.ranked_top(swept.ledger.tally)
            distribution = swept.build_distribution(swept.build_cells())
            best = best_score = None
            if indices.size:
                best = tuple(request.grid.combinations_at(indices[:1])[0].tolist())
                best_score = float(scores[0]) * spec.objective.sign + 0.0
            return Ranking(
                score=None if math.isnan(score) else score,
                scored=totals[2],
                better=totals[3] if maximize else totals[2] - totals[3],
                quantiles=tuple(_finite(distribution.score_quantile(q)) for q in QUANTILES),
                best=best,
                best_score=best_score,
            )

        purpose = f"{TEST} from bar {fold.train_start} of {winner}"
        return self._watch(TEST, fold, series, plain, run, purpose)

    def _watch(
        self,
        part: str,
        fold: Fold,
        series: PreparedSeries,
        spec: SweepSpec,
        run: Callable[[SweepMonitor], Outcome],
        purpose: str,
    ) -> Outcome:
        """Sweep within the limits; while other programs hold the memory for it, wait."""
        grid, governor, progress = self.request.grid, self.governor, self.progress
        task = (name_train if part == TRAIN else name_test)(self.prices, fold)
        if progress is not None:
            progress.begin(identify_part(part, fold))
        patience = Patience(task.name, grid.size, governor, progress)

        def attempt() -> Outcome:
            monitor = SweepMonitor(
                task,
                spec.objective,
                grid.size,
                governor,
                progress,
                self.snapshots,
                patience,
            )
            monitor.purpose = purpose
            with monitor.admitted(series, grid, spec):
                return run(monitor)

        return patience.insist(attempt)


def prepare_bars(
    prices: Prices, request: Request, averages: Averages | None, start: int, stop: int
) -> PreparedSeries:
    """Return a series, traded on some of its bars.

    Parameters
    ----------
    prices : Prices
        The whole series.
    request : Request
        Windows and rules.
    averages : Averages or None
        The user's own.
    start, stop : int
        First bar that may trade, and the one after the last.

    Returns
    -------
    PreparedSeries
        Averages are warmed up on the bars before.
    """
    rules = restrict_rules(prices, request.rules, start, stop)
    return PreparedSeries.build(prices, request.grid.windows, rules, averages)


def restrict_rules(prices: Prices, rules: Rules, start: int, stop: int) -> Rules:
    """Return rules by which some of the bars are traded.

    Parameters
    ----------
    prices : Prices
        The whole series.
    rules : Rules
        Of all bars.
    start, stop : int
        First bar that may trade, and the one after the last.

    Returns
    -------
    Rules
        With two dates.
    """
    index = prices.index
    return dataclasses.replace(rules, start=index[start], end=index[stop - 1])


def draw_line(spec: SweepSpec, score: float) -> SweepSpec:
    """Return a spec that counts the combinations that are better than a score, ties in its favour.

    Parameters
    ----------
    spec : SweepSpec
        What is computed.
    score : float
        NaN counts none.

    Returns
    -------
    SweepSpec
        Where the lowest is the best, it counts those that are not better.
    """
    if math.isnan(score):
        return dataclasses.replace(spec, line=math.inf if spec.objective.maximize else -math.inf)
    margin = TIE * max(1.0, abs(score))
    return dataclasses.replace(
        spec, line=score + margin if spec.objective.maximize else score - margin
    )


def identify_part(part: str, fold: Fold) -> str:
    """Return the key of a sweep: the test of a fold may have the bars of the next train.

    Parameters
    ----------
    part : str
        ``TRAIN`` or ``TEST``.
    fold : Fold
        The fold.

    Returns
    -------
    str
        Different for all sweeps of a series.

    Examples
    --------
    >>> identify_part(TRAIN, Fold(0, 100, 100, 200))
    'train of test 100'
    """
    return f"{part} of test {fold.test_start}"


def name_train(prices: Prices, fold: Fold) -> Task:
    """Return the name of a train.

    Parameters
    ----------
    prices : Prices
        The series.
    fold : Fold
        Its train.

    Returns
    -------
    Task
        Symbol, first and last date.
    """
    return _name(prices, fold.train_start, fold.train_stop)


def name_test(prices: Prices, fold: Fold) -> Task:
    """Return the name of a test.

    Parameters
    ----------
    prices : Prices
        The series.
    fold : Fold
        Its test.

    Returns
    -------
    Task
        Symbol, first and last date.
    """
    return _name(prices, fold.test_start, fold.test_stop)


def _name(prices: Prices, start: int, stop: int) -> Task:
    index = prices.index
    first, last = (str(index[bar]).removesuffix(" 00:00:00") for bar in (start, stop - 1))
    return Task(prices.name, (first, last))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _describe_failed(cells: int) -> str:
    return f"{cells} cells failed on every node that tried, and no fold can lack them."
