"""A worker sweeps cells into its tally until it is stopped."""

import numpy as np
import pytest
from helpers.sweeps import GRID, PRICES, evaluator_of, run_sweep

import qmac
from qmac.engine.sweep.worker import count_blocks
from qmac.runtime.execution.threads import ThreadExecutor


@pytest.fixture
def evaluator():
    return evaluator_of(PRICES, GRID)


def test_errors_of_workers_are_raised(market, monkeypatch):
    from qmac.engine.sweep.worker import Worker

    prices, grid = market
    monkeypatch.setattr(Worker, "evaluate", lambda worker, unit: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_sweep(prices, grid, qmac.Rules(), ThreadExecutor(2))


def test_a_stopped_worker_says_so(evaluator):
    worker = evaluator.worker()
    evaluator.stop[0] = 1
    assert not worker.evaluate((0, worker.cells))
    evaluator.stop[0] = 0
    worker.start_over()
    assert worker.evaluate((0, worker.cells))
    assert worker.tally.totals.counts[0] == evaluator.counts.sum()


def test_a_released_tally_is_not_written_again(evaluator):
    worker = evaluator.worker()
    worker.evaluate((0, 1))
    first = worker.tally
    worker.release_tally()
    worker.evaluate((1, 2))
    assert first.totals.counts[0] == evaluator.counts[0]
    assert worker.tally is not first and worker.tally.totals.counts[0] == evaluator.counts[1]


def test_a_sink_takes_every_lane_block_once(evaluator):
    taken = {}
    evaluator.sink = lambda block, scores: taken.setdefault(block, scores.copy())
    worker = evaluator.worker()
    worker.evaluate((0, worker.cells))
    lists, lanes = evaluator.dataset.sells.count, evaluator.spec.lanes
    assert list(taken) == list(range(count_blocks(evaluator.dataset, lanes)))
    assert all(block.shape == (evaluator.dataset.buys.count, lanes) for block in taken.values())
    last = taken[max(taken)][:, lists % lanes or lanes :]
    assert np.isnan(last).all()  # lanes without a list


def test_bytes_are_known_before_the_tally_is_there(evaluator):
    worker = evaluator.worker()
    before = worker.nbytes
    worker.evaluate((0, 1))
    assert worker.nbytes == before == evaluator.worker_bytes > evaluator.tally_bytes
