"""Parts of a sweep, one by one: a prepared series, its evaluator, its ledger, tallies of cells."""

import dataclasses

import qmac
from helpers.series import frame, series
from qmac.data.prices import Prices
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import LANES, build_spec
from qmac.jobs.series_sweep import sweep
from qmac.runtime.execution import ledger as ledger_module
from qmac.runtime.execution import threads
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.ledger import Ledger
from qmac.strategy.constraints import check_constraints

PRICES = Prices.of(frame(series("random", 300, 4)))
GRID = qmac.Grid(windows=range(2, 22))
"""46 cells."""


def take_small_steps(monkeypatch):
    """Let each cell be a batch, and a monitor be called after each."""
    monkeypatch.setattr(threads, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(ledger_module, "BATCH_SECONDS", 0.0)


def prepared(prices, grid, rules=None, averages=None):
    return PreparedSeries.build(Prices.of(prices), grid.windows, qmac.Rules.of(rules), averages)


def dataset_of(prices, grid, rules, statistics):
    return Dataset.build(prepared(prices, grid, rules), grid, statistics)


def default_spec(series, grid, top=20):
    bounds = check_constraints(None, 1)
    return build_spec(series, grid, "total_return", True, bounds, min(top, grid.size))


def evaluator_of(prices, grid):
    series = prepared(prices, grid)
    spec = default_spec(series, grid)
    return Evaluator(Dataset.build(series, grid, spec.statistics), spec)


def sweep_with(executor, prices, grid, watch=None):
    """Return the result of a default sweep."""
    series = prepared(prices, grid)
    return sweep(series, grid, default_spec(series, grid), executor, watch)


def ledger_of(evaluator):
    return Ledger(evaluator.counts, evaluator.work, evaluator.empty)


def done(evaluator, *batches):
    """Return a tally of these batches."""
    worker = evaluator.worker()
    for batch in batches:
        assert worker.evaluate(batch)
    return worker.tally


def custom_spec(
    series,
    grid,
    objective="total_return",
    maximize=True,
    constraints=None,
    min_trades=0,
    top=None,
):
    bounds = check_constraints(constraints, min_trades)
    return build_spec(series, grid, objective, maximize, bounds, top or grid.size)


def whole_spec(spec):
    """Return a spec for the general kernel: all statistics by one kernel, which users run, too."""
    return dataclasses.replace(spec, is_general=True)


def run_sweep(prices, grid, rules, executor=None, lanes=LANES, whole=False, **options):
    """Return the result of a sweep; ``whole`` by the general kernel."""
    series = prepared(prices, grid, rules)
    spec = dataclasses.replace(custom_spec(series, grid, **options), lanes=lanes, is_general=whole)
    return sweep(series, grid, spec, executor or SerialExecutor())


def sweep_ticks(min_trades):
    """Return the result of a small sweep of a series with many ties."""
    grid = qmac.Grid(windows=range(2, 8))
    return qmac.optimize(
        frame(series("ticks", 80, 3)), grid, top=9, threads=1, min_trades=min_trades
    )
