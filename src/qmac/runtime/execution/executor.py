"""What every executor does, and the serial one, which the others must equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from qmac.engine.sweep.evaluator import Evaluator
from qmac.runtime.execution.ledger import Ledger

Value = TypeVar("Value")
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 4.0
"""Seconds that a stop waits for the batches at hand; then the kernels leave at their next row, and those are lost."""


@dataclass(frozen=True)
class WorkerDirective:
    """What workers are to do from now on."""

    threads: int
    pause: bool = False
    stop: bool = False


Monitor = Callable[..., WorkerDirective]
"""Called about ten times a second by the thread that waits, with the ledger, and with readings of nodes by name where there
are nodes: shows, saves, and says how to go on."""


class Executor(Protocol):
    """Evaluates cells and spreads small calls."""

    threads: int
    """That sweep in this process, at most."""
    workers: int
    """Threads that sweep, wherever they are."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]: ...

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Monitor) -> None: ...


class SerialExecutor:
    """One batch after the other in the calling thread: what the others must equal."""

    threads = workers = 1

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        return map(function, items)

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Monitor) -> None:
        worker, batches = evaluator.worker(), []
        while not watch(ledger).stop and (batch := ledger.take(0.0, 1)):
            worker.evaluate(batch)
            batches.append(batch)
            ledger.record_swept(batch, float(worker.tally.heap.scores.max()))
        ledger.settle(worker.tally, batches, given=True)
