"""One conformance suite over all executors: the same answer, however the work is spread."""

import numpy as np
import pytest
from helpers.sweeps import GRID, PRICES, done, evaluator_of, ledger_of, sweep_with, take_small_steps

from qmac.jobs.monitor import NullMonitor
from qmac.runtime.execution import executor as executor_module
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.parts import PartQueue
from qmac.runtime.execution.threads import ThreadExecutor

EXECUTORS = [SerialExecutor(), *map(ThreadExecutor, (1, 2, 3, 64))]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    take_small_steps(monkeypatch)


@pytest.fixture(scope="module")
def digest():
    return sweep_with(SerialExecutor(), PRICES, GRID).digest


@pytest.mark.parametrize(
    "executor", EXECUTORS, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'threads', 1)}"
)
def test_conformance(executor, digest):
    assert list(executor.map(abs, range(-3, 3))) == [3, 2, 1, 0, 1, 2]
    assert sweep_with(executor, PRICES, GRID).digest == digest
    evaluator = evaluator_of(PRICES, GRID)
    ledger = ledger_of(evaluator)
    ledger.settle(done(evaluator, (1, 4), (40, 46)), [(1, 4), (40, 46)])
    ledger.restore(ledger.done.copy())  # it goes on with what is left
    executor.run(evaluator, ledger, NullMonitor(2))
    assert ledger.is_complete and ledger.share == 1.0
    ledger.check()


class Squares:
    """Work whose parts are numbers."""

    def compute(self, part, stop):
        return float(part.number**2)


@pytest.mark.parametrize("executor", EXECUTORS[:3], ids=["serial", "1", "2"])
def test_conformance_of_parts(executor):
    done = []
    queue = PartQueue(
        {"a": lambda value: value == 25}, {"a": 9}, listener=lambda *each: done.append(each)
    )
    executor.run_parts(queue, Squares(), lambda: WorkerDirective(2))
    assert queue.is_complete
    assert queue.values == {"a": [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]}
    assert {(part.number, value) for part, value in done} >= {(5, 25.0), (0, 0.0)}


def test_no_worker_starts_after_a_stop():
    evaluator = evaluator_of(PRICES, GRID)
    for executor in EXECUTORS:
        ledger = ledger_of(evaluator)
        executor.run(evaluator, ledger, lambda _: WorkerDirective(2, stop=True))
        assert ledger.done.sum() == 0
        queue = PartQueue({"a": lambda _: False}, {"a": 9})
        executor.run_parts(queue, Squares(), lambda: WorkerDirective(2, stop=True))
        assert queue.counted == 0


def test_a_pause_of_the_serial_executor_hands_over_what_is_swept(monkeypatch, digest):
    monkeypatch.setattr(executor_module, "POLL_SECONDS", 0.001)
    evaluator, seen = evaluator_of(PRICES, GRID), []
    ledger = ledger_of(evaluator)

    def monitor(ledger):
        seen.append(int(ledger.done.sum()))
        return WorkerDirective(1, pause=4 < len(seen) < 8)

    SerialExecutor().run(evaluator, ledger, monitor)
    assert len(set(seen[5:8])) == 1 and seen[5] > 0 and ledger.is_complete
    ledger.check()


def test_a_stop_flag_of_the_serial_executor_loses_the_batch_at_hand_only():
    stop = np.zeros(1, np.uint8)
    evaluator, calls = evaluator_of(PRICES, GRID), []
    ledger = ledger_of(evaluator)

    def monitor(ledger):
        calls.append(ledger)
        stop[0] = len(calls) > 3
        return WorkerDirective(1)

    SerialExecutor(stop).run(evaluator, ledger, monitor)
    assert len(calls) == 4 and not ledger.is_complete
    ledger.check()
    stop[0] = 0
    ledger = ledger_of(evaluator)
    SerialExecutor(stop).run(evaluator, ledger, NullMonitor(1))
    assert ledger.is_complete
