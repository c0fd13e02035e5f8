"""Parts of a sweep, one by one: a prepared series, its evaluator, its ledger, tallies of cells."""

import dataclasses

import qmac
from helpers.series import frame, series
from qmac.data.prices import Prices
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import LANES, SweepSpec, build_spec
from qmac.jobs.series_sweep import sweep
from qmac.runtime.execution import ledger as ledger_module
from qmac.runtime.execution import threads
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.ledger import Ledger
from qmac.strategy.constraints import check_constraints
from qmac.strategy.metrics import METRICS

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


class AllStatistics(SweepSpec):
    """A spec whose kernel keeps every statistic, so that tests of all metrics compile one."""

    statistics = frozenset[str]().union(*(metric.statistics for metric in METRICS.values()))


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


def whole_spec(spec, lanes=8):
    """Return a spec for the kernel of all statistics."""
    fields = dataclasses.fields(spec)
    values = {field.name: getattr(spec, field.name) for field in fields}
    return AllStatistics(**values | {"lanes": lanes})


def run_sweep(prices, grid, rules, executor=None, lanes=LANES, whole=False, **options):
    """Return the result of a sweep; ``whole`` with the kernel of all statistics."""
    series = prepared(prices, grid, rules)
    spec = dataclasses.replace(custom_spec(series, grid, **options), lanes=lanes)
    if whole:
        spec = whole_spec(spec, lanes)
    return sweep(series, grid, spec, executor or SerialExecutor())
