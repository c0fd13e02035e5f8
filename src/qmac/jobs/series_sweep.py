"""The sweep over the whole grid of one series: prices and a question in, a Result out."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from qmac.engine.backtest import batch
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.period import code_dtype
from qmac.engine.dataset.series import PreparedSeries, Series
from qmac.engine.dataset.signals import MapFunction
from qmac.engine.neighbourhood.plateau import AS_BARS, compute_plateaus
from qmac.engine.sweep import distribution as distribution_module
from qmac.engine.sweep import reductions, window_maps
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.selftest import self_test
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import InternalError, Stopped
from qmac.kernels.sweep.tally import Tally
from qmac.results.result import Result
from qmac.runtime.execution.executor import Executor, WorkerDirective
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.resources.machine import describe_machine
from qmac.strategy.grid import ROLES, Grid

AGREEMENT = 1e-9
"""How far the sweep and the bar-by-bar metrics of a kept row may differ without a word."""
DISAGREEMENT = 1e-3
"""How far at all: beyond this it is no matter of digits."""
FINISHED_BARS, FINISHED_ROWS = 1 << 28, 1024
"""Kept rows are finished so many at a time: in about a second, but so many at least that averages, made anew for each part,
take a fortieth of it."""


class SweepMonitorProtocol(Protocol):
    """Who looks after a run, see ``run.keeper``."""

    @property
    def seconds(self) -> float: ...

    def begin(self, evaluator: Evaluator, ledger: Ledger, threads: int, /) -> None: ...

    def __call__(self, ledger: Ledger, nodes: Mapping[str, Any] = ..., /) -> WorkerDirective: ...

    def end(self, ledger: Ledger, /) -> list[dict[str, Any]]: ...

    def finishing(self, ledger: Ledger, share: float, /) -> None: ...


class NullMonitor:
    """Nobody does."""

    def __init__(self, threads: int) -> None:
        self._orders, self._began = WorkerDirective(threads), time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def begin(self, *_: object) -> None: ...

    def __call__(self, *_: object) -> WorkerDirective:
        return self._orders

    def end(self, *_: object) -> list[dict[str, Any]]:
        return []

    def finishing(self, *_: object) -> None: ...


def sweep(
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
    executor: Executor,
    watch: SweepMonitorProtocol | None = None,
) -> Result:
    """``qmac.optimize`` for checked arguments, on any executor and tile."""
    if code_dtype(series.period.close.size) is np.uint16:
        self_test(spec)  # longer series have kernels of their own
    watch = watch or NullMonitor(executor.threads)
    dataset = Dataset.build(series, grid, spec.statistics, executor.map)
    evaluator = Evaluator(dataset, spec, executor.map)
    ledger = Ledger(evaluator.counts, evaluator.work, evaluator.empty)
    watch.begin(evaluator, ledger, executor.threads)
    try:
        executor.run(evaluator, ledger, watch)
    finally:
        degradations = watch.end(ledger)
    return _finish(series, grid, spec, executor, evaluator, ledger, watch, degradations)


def _finish(
    series: PreparedSeries,
    grid: Grid,
    spec: SweepSpec,
    executor: Executor,
    evaluator: Evaluator,
    ledger: Ledger,
    watch: SweepMonitorProtocol,
    degradations: list[dict[str, Any]],
) -> Result:
    rules, objective, tally, elapsed = (
        spec.rules,
        spec.objective,
        ledger.tally,
        watch.seconds,
    )
    if ledger.failed and (
        not ledger.done.any() or any(ledger.counts[cell] < 0 for cell in ledger.failed)
    ):
        # of cells that take off what shares a window, none may be missing
        cell, why = next(
            iter(sorted(ledger.failed.items(), key=lambda item: ledger.counts[item[0]]))
        )
        raise Stopped(
            f"cell {cell} failed on every node that tried ({why}), and without it there is no answer."
        )
    size = grid.size - sum(int(ledger.counts[cell]) for cell in ledger.failed)
    evaluated, passed, scored = (int(count) for count in tally.totals.counts[:3])
    if not evaluated == size >= passed >= scored == int(tally.totals.histogram.sum()):
        raise InternalError(
            f"the counts do not add up: grid {size}, evaluated {evaluated}, passed {passed}, scored {scored}, "
            f"histogram {int(tally.totals.histogram.sum())}."
        )
    removed = dict(zip(spec.bounds, tally.totals.removed[1:].tolist(), strict=True))
    if spec.traded:
        removed["total_trades"] = int(tally.totals.removed[0])
    scores, indices = reductions.ranked_top(tally)
    distribution, maps = _summary(tally, grid, evaluator, executor.map)
    prices, period = series.prices, series.period
    start = period.first + period.start
    return Result(
        top=finished(
            series,
            grid,
            evaluator,
            scores,
            indices,
            executor.map,
            lambda share: watch.finishing(ledger, share),
        ),
        top_scores=scores * objective.sign + 0.0,  # no minus zero
        distribution=distribution,
        evaluated=evaluated,
        scored=scored,
        unscored=passed - scored,
        filtered=evaluated - passed,
        filtered_by={metric: removed[metric] for metric in spec.constraints},
        elapsed=elapsed,
        grid=grid,
        rules=rules,
        objective=objective.metric,
        maximize=objective.maximize,
        constraints=dict(spec.constraints),
        threads=executor.workers,
        prices={
            "name": prices.name,
            "bars": period.bars,
            "first": str(prices.index[start]),
            "last": str(prices.index[start + period.bars - 1]),
            "averages": rules.average if series.averages is None else "own",
        },
        periods_per_year=series.periods_per_year,
        hold=batch.evaluate_hold(series),
        maps=maps,
        degradations=degradations,
        machine=describe_machine(),
        source=functools.partial(Series.from_rows, prices, series.averages, grid.windows),
        failed=[
            {"cell": cell, "combinations": int(ledger.counts[cell]), "reason": why}
            for cell, why in sorted(ledger.failed.items())
        ],
    )


def _summary(
    tally: Tally, grid: Grid, evaluator: Evaluator, mapped: MapFunction
) -> tuple[distribution_module.Distribution, window_maps.Maps]:
    """All scored combinations, and by their windows; the tally is used up."""
    dataset, objective, units = evaluator.dataset, evaluator.spec.objective, evaluator.units
    maps = window_maps.build_maps(tally, dataset.buys, dataset.sells, grid.shared_windows, mapped)
    distribution = distribution_module.Distribution.finish(
        objective, tally, maps, evaluator.scale, units
    )
    return distribution, window_maps.Maps.finish(objective, maps, grid, units, mapped)


def rows_at_once(bars: int) -> int:
    """Kept rows that are finished at a time."""
    return max(FINISHED_ROWS, FINISHED_BARS // (bars + AS_BARS))


def finished(
    series: PreparedSeries,
    grid: Grid,
    evaluator: Evaluator,
    ranked: np.ndarray,
    indices: np.ndarray,
    mapped: MapFunction = map,
    tell: Callable[[float], None] = lambda _: None,
) -> pd.DataFrame:
    """The kept combinations, replayed in full, and their plateau; the replay must agree with the sweep.

    ``tell`` is called with the share that is done, after each part but the last; what it raises ends it.
    """
    spec = evaluator.spec
    at_once, parts = rows_at_once(evaluator.dataset.bars), []
    for begin in range(0, indices.size, at_once):
        if begin:
            tell(begin / indices.size)
        kept = grid.combinations_at(indices[begin : begin + at_once])
        rows = batch.replay_metrics(series, kept, mapped)
        rows["plateau"] = compute_plateaus(evaluator, grid, kept, mapped)
        parts.append(rows)
    if not parts:
        return batch.empty_table().assign(plateau=np.zeros(0))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    objective = spec.objective
    values, replayed = objective.values(ranked * objective.sign + 0.0), columns[objective.metric]
    differences = np.abs(replayed - values) / np.maximum(np.abs(values), 1.0)
    if not differences.max() <= AGREEMENT:
        worst = tuple(int(columns[role][differences.argmax()]) for role in ROLES)
        if not differences.max() <= DISAGREEMENT:
            raise InternalError(
                f"combination {worst}: the sweep and its replay differ by {differences.max():.2e}."
            )
        warnings.warn(
            f"{objective.metric} is exact to {differences.max():.0e} only ({worst}): what these combinations hold "
            "moves too little beside the rest of the series.",
            stacklevel=2,
        )
    # the replay's last bits must not break the order
    columns[objective.metric] = values.astype(replayed.dtype)
    return pd.DataFrame(columns)
