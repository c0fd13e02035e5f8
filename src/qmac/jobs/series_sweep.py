"""The sweep over the whole grid of one series: a prepared series and a spec in, a result out."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qmac.data.description import describe_prices
from qmac.engine.backtest import batch
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.period import code_dtype
from qmac.engine.dataset.recent_lists import RecentLists
from qmac.engine.dataset.series import PreparedSeries, Series
from qmac.engine.neighbourhood.plateau import AS_BARS
from qmac.engine.sweep import reductions
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.window_maps import Maps, build_maps
from qmac.errors import InternalError, Stopped
from qmac.jobs.kernel_choice import check_kernel, choose_kernel
from qmac.jobs.monitor import NullMonitor, SeriesMonitor
from qmac.jobs.top_rows import replay_top
from qmac.kernels.sweep.tally import Cells
from qmac.results.result import Columns, Result
from qmac.runs.header import Fingerprint, prices_checksum
from qmac.runtime.execution.executor import Executor
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.resources.machine import describe_machine
from qmac.strategy.grid import Grid

DEFERRED_BARS = 1 << 22
"""Bars of top rows that a session replays when they are looked at: a hundredth of a second."""


@dataclass(frozen=True)
class SweptCells:
    """The cells of a grid that were swept on one series, and everything they were made of."""

    series: PreparedSeries
    grid: Grid
    spec: SweepSpec
    executor: Executor
    evaluator: Evaluator
    ledger: Ledger
    monitor: SeriesMonitor
    degradations: list[dict[str, Any]]
    """Steps of the governor."""

    def build_cells(self) -> Cells:
        """Return the six maps of all scored combinations; the tally is used up.

        Returns
        -------
        Cells
            ``(6, W, W)``.
        """
        dataset, tally = self.evaluator.dataset, self.ledger.tally
        shared_windows = self.grid.shared_windows
        return build_maps(tally, dataset.buys, dataset.sells, shared_windows, self.executor.map)

    def build_distribution(self, cells: Cells) -> Distribution:
        """Return the distribution of all scored combinations.

        Parameters
        ----------
        cells : Cells
            What ``build_cells`` returned.

        Returns
        -------
        Distribution
            Of the objective.
        """
        tally, evaluator = self.ledger.tally, self.evaluator
        return Distribution.from_tally(
            self.spec.objective, tally, cells, evaluator.scale, evaluator.units
        )


class _Counts(NamedTuple):
    """How many combinations of a grid went how far."""

    evaluated: int
    passed: int
    """Not removed by a constraint."""
    scored: int
    filtered_by: dict[str, int]
    """Combinations that each constraint removes by itself."""


def sweep(
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
    executor: Executor,
    monitor: SeriesMonitor | None = None,
    fingerprint: Fingerprint | None = None,
    recent: RecentLists | None = None,
) -> Result:
    """Sweep every combination of the grid, on any executor.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.
    executor : Executor
        Where it is computed; the result does not depend on it.
    monitor : SeriesMonitor, optional
        Shows progress, saves snapshots and may end the sweep.
    fingerprint : Fingerprint, optional
        Of the job, if the series is one of a job.
    recent : RecentLists, optional
        Of the questions before this one about the same prices and grid; then a few top rows are
        replayed when they are looked at.

    Returns
    -------
    Result
        With the prices, which are not copied.

    Raises
    ------
    Stopped
        If the monitor ended the sweep, or a cell failed on every node that no result can lack.
    InternalError
        If the counts do not add up.
    """
    if monitor is None:
        monitor = NullMonitor(executor.threads)
    spec = choose_kernel(series, grid, spec, executor)
    dataset = prepare_dataset(series, grid, spec, executor, recent)
    swept = sweep_cells(series, grid, spec, dataset, executor, monitor)
    return _build_result(swept, fingerprint, may_defer=recent is not None)


def prepare_dataset(
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
    executor: Executor,
    recent: RecentLists | None = None,
) -> Dataset:
    """Test the kernels of a sweep, and prepare a series for them.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.
    executor : Executor
        Helps.
    recent : RecentLists, optional
        Of the questions before this one about the same prices and grid.

    Returns
    -------
    Dataset
        What cells are swept with.

    Raises
    ------
    InternalError
        If the kernels are wrong on this machine.
    """
    if code_dtype(series.period.close.size) is np.uint16:  # longer ones have their own kernels
        check_kernel(spec)
    lists = None if recent is None else recent.build(series, executor.map)
    return Dataset.build(series, grid, spec.statistics, executor.map, lists)


def sweep_cells(
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
    dataset: Dataset,
    executor: Executor,
    monitor: SeriesMonitor,
) -> SweptCells:
    """Sweep every cell of the grid; nothing is made of the tally yet.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the grid.
    grid : Grid
        Window sets.
    spec : SweepSpec
        What is computed for each combination.
    dataset : Dataset
        What ``prepare_dataset`` returned.
    executor : Executor
        Where it is computed.
    monitor : SeriesMonitor
        Shows progress, saves snapshots and may end the sweep.

    Returns
    -------
    SweptCells
        With a complete tally, but for cells that failed.

    Raises
    ------
    Stopped
        If the monitor ended the sweep.
    """
    evaluator = Evaluator(dataset, spec, executor.map)
    ledger = Ledger(evaluator.counts, evaluator.work, evaluator.empty)
    monitor.begin(evaluator, ledger, executor.threads)
    try:
        executor.run(evaluator, ledger, monitor)
    finally:
        degradations = monitor.end(ledger)
    return SweptCells(series, grid, spec, executor, evaluator, ledger, monitor, degradations)


def _build_result(
    swept: SweptCells, fingerprint: Fingerprint | None, *, may_defer: bool = False
) -> Result:
    """Build the result of a sweep that has ended; its tally is used up."""
    series, grid, spec, ledger = swept.series, swept.grid, swept.spec, swept.ledger
    elapsed = swept.monitor.seconds
    _check_failed_cells(ledger)
    counts = _count(swept)
    ranked = reductions.ranked_top(ledger.tally)
    cells = swept.build_cells()
    distribution = swept.build_distribution(cells)
    units, mapped = swept.evaluator.units, swept.executor.map
    maps = Maps.from_cells(spec.objective, cells, grid, units, mapped)
    return Result(
        top=_build_top(swept, ranked, may_defer=may_defer),  # type: ignore[arg-type]
        top_scores=ranked[0] * spec.objective.sign + 0.0,  # no minus zero
        distribution=distribution,
        maps=maps,
        evaluated=counts.evaluated,
        scored=counts.scored,
        unscored=counts.passed - counts.scored,
        filtered=counts.evaluated - counts.passed,
        filtered_by=counts.filtered_by,
        failed=_describe_failed_cells(ledger),
        grid=grid,
        rules=spec.rules,
        objective=spec.objective.metric,
        maximize=spec.objective.maximize,
        constraints=dict(spec.constraints),
        prices=_describe_prices(series),
        periods_per_year=series.periods_per_year,
        hold=batch.evaluate_hold(series),
        elapsed=elapsed,
        threads=swept.executor.workers,
        degradations=swept.degradations,
        machine=describe_machine(),
        source=functools.partial(Series.from_rows, series.prices, series.averages, grid.windows),
        fingerprint=fingerprint,
    )


def _build_top(
    swept: SweptCells, ranked: tuple[np.ndarray, np.ndarray], *, may_defer: bool
) -> Columns:
    """Return the top rows; a few that may be deferred are replayed when they are looked at."""
    series, grid, evaluator = swept.series, swept.grid, swept.evaluator
    indices = ranked[1]
    if may_defer and 0 < indices.size * (evaluator.dataset.bars + AS_BARS) <= DEFERRED_BARS:
        replay = functools.partial(replay_top, series, grid, evaluator, ranked)
        return Columns(replay, grid.combinations_at(indices))
    show_share = functools.partial(swept.monitor.finishing, swept.ledger)
    return Columns(replay_top(series, grid, evaluator, ranked, swept.executor.map, show_share))


def _check_failed_cells(ledger: Ledger) -> None:
    """Raise Stopped if a cell failed that no result can lack.

    Cells with a negative count take off combinations that share a window: without one of them the
    others count too many.
    """
    if not ledger.failed:
        return
    cell = min(ledger.failed, key=lambda cell: (ledger.counts[cell], cell))
    if ledger.counts[cell] < 0 or not ledger.done.any():
        raise Stopped(
            f"cell {cell} failed on every node that tried ({ledger.failed[cell]}), and there is "
            "no result without it."
        )


def _describe_failed_cells(ledger: Ledger) -> list[dict[str, Any]]:
    return [
        {"cell": cell, "combinations": int(ledger.counts[cell]), "reason": reason}
        for cell, reason in sorted(ledger.failed.items())
    ]


def _count(swept: SweptCells) -> _Counts:
    """Count combinations, and check that the counts add up."""
    spec, ledger = swept.spec, swept.ledger
    totals = ledger.tally.totals
    failed = sum(int(ledger.counts[cell]) for cell in ledger.failed)
    size = swept.grid.size - failed
    evaluated, passed, scored = map(int, totals.counts[:3])
    in_histogram = int(totals.histogram.sum())
    if not evaluated == size >= passed >= scored == in_histogram:
        raise InternalError(
            f"the counts do not add up: grid {size}, evaluated {evaluated}, passed {passed}, "
            f"scored {scored}, histogram {in_histogram}."
        )
    removed = dict(zip(spec.bounds, totals.removed[1:].tolist(), strict=True))
    if spec.must_trade:
        removed["total_trades"] = int(totals.removed[0])
    filtered_by = {metric: removed[metric] for metric in spec.constraints}
    return _Counts(evaluated, passed, scored, filtered_by)


def _describe_prices(series: PreparedSeries) -> dict[str, Any]:
    """Return what a result says of its prices."""
    prices, period = series.prices, series.period
    dates = prices.index[period.first + period.start :][: period.bars]
    return describe_prices(prices) | {
        "name": prices.name,
        "bars": period.bars,
        "first": str(dates[0]),
        "last": str(dates[-1]),
        "averages": series.rules.average if series.averages is None else "own",
        "sha256": prices_checksum(prices),
    }
