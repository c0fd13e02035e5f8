"""The parts of a sweep, each by itself: its evaluator, its ledger, tallies of some of its cells."""

import qmac
from helpers.series import frame, series
from qmac.data.prices import Prices
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import build_spec
from qmac.runtime.execution import ledger as ledger_module
from qmac.runtime.execution import threads
from qmac.runtime.execution.ledger import Ledger
from qmac.strategy.constraints import check_constraints

PRICES = Prices.of(frame(series("random", 300, 4)))
GRID = qmac.Grid(windows=range(2, 22))
"""46 cells."""


def take_small_steps(monkeypatch):
    """Let each cell be a batch, and a monitor be called after each."""
    monkeypatch.setattr(threads, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(ledger_module, "BATCH_SECONDS", 0.0)


def asked(prices, grid):
    bounds = check_constraints(None, 1)
    return build_spec(prices, grid, qmac.Rules(), "total_return", True, bounds, min(20, grid.size))


def evaluator_of(prices, grid):
    spec = asked(prices, grid)
    return Evaluator(Dataset.build(prices, grid, spec.rules, spec.statistics), spec)


def ledger_of(evaluator):
    return Ledger(evaluator.counts, evaluator.work, evaluator.empty)


def done(evaluator, *batches):
    """A tally of these batches."""
    worker = evaluator.worker()
    for batch in batches:
        assert worker.evaluate(batch)
    return worker.tally
