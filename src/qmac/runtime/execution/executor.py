"""What every executor does, and the serial one, which the others must equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import numpy as np

from qmac._checks import describe
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.worker import Worker
from qmac.errors import OptionError
from qmac.runtime.execution.directive import POLL_SECONDS, WorkerDirective
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.execution.parts import PartQueue, PartsMonitor, PartWork

Value = TypeVar("Value")
Monitor = Callable[..., WorkerDirective]
"""Called about ten times a second by the thread that waits, with the ledger, and with readings of
nodes by name where there are nodes. It shows progress, saves snapshots and returns how to go on."""


class Executor(Protocol):
    """Evaluates cells or numbered parts, and maps a function over items."""

    threads: int
    """Most threads that sweep in this process."""
    workers: int
    """Threads that sweep, wherever they are."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]: ...

    def run(self, evaluator: Evaluator, ledger: Ledger, monitor: Monitor) -> None: ...

    def run_parts(self, queue: PartQueue, work: PartWork, monitor: PartsMonitor) -> None: ...


def check_executor(executor: Any, method: str = "run") -> Executor | None:
    """Return where cells or parts are to be swept, or None for threads of this process.

    Parameters
    ----------
    executor : Executor or None
        What a user passed: an object, no class and no name.
    method : str
        What it must be able to do, ``"run"`` or ``"run_parts"``.

    Returns
    -------
    Executor or None
        The same.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    is_executor = callable(getattr(executor, method, None)) and hasattr(executor, "workers")
    if executor is not None and (isinstance(executor, type) or not is_executor):
        raise OptionError(
            f"executor must be an executor such as qmac.RayExecutor(), got {describe(executor)}. "
            "Leave it out for threads of this process."
        )
    return executor  # type: ignore[no-any-return]


class SerialExecutor:
    """One batch after the other on the calling thread: what the others must equal.

    Series side by side are swept by it, each on a thread of a pool. The thread that a user waits on
    needs another executor: here Ctrl-C would break into a batch.

    Parameters
    ----------
    stop : ndarray, optional
        ``(1,)`` uint8; once it is not 0, the batch at hand ends at its next row and is lost.
    """

    threads = workers = 1

    def __init__(self, stop: np.ndarray | None = None) -> None:
        self._stop = stop

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        """Apply a function to each item.

        Parameters
        ----------
        function : callable
            Takes an item.
        items : iterable
            Taken in order.

        Returns
        -------
        iterator
            Values in the order of the items.
        """
        return map(function, items)

    def run(self, evaluator: Evaluator, ledger: Ledger, monitor: Monitor) -> None:
        """Sweep what is left of a ledger.

        Parameters
        ----------
        evaluator : Evaluator
            Makes the worker.
        ledger : Ledger
            Which cells are done.
        monitor : callable
            Called before each batch, and after the last one.
        """
        if self._stop is not None:
            evaluator.stop = self._stop
        sweep = _SerialSweep(evaluator, ledger)
        try:
            sweep.run(monitor)
        except Exception:
            sweep.settle()
            raise
        sweep.settle()

    def run_parts(self, queue: PartQueue, work: PartWork, monitor: PartsMonitor) -> None:
        """Do the parts of a queue.

        Parameters
        ----------
        queue : PartQueue
            Which parts; takes their values.
        work : PartWork
            Does them.
        monitor : callable
            Called before each part.
        """
        while not monitor().stop:
            taken = queue.take()
            if taken is None:
                break
            part, stop = taken
            queue.record(part, work.compute(part, stop))


class _SerialSweep:
    """What the calling thread has swept of a ledger since it last settled."""

    def __init__(self, evaluator: Evaluator, ledger: Ledger) -> None:
        self._evaluator, self._ledger = evaluator, ledger
        self._worker: Worker | None = None
        self._batches: list[Batch] = []

    def run(self, monitor: Monitor) -> None:
        """Sweep batch after batch until none is left, one is lost, or the monitor ends it."""
        ledger, epoch, speed = self._ledger, 0, 0.0
        while not (directive := monitor(ledger)).stop:
            if ledger.epoch != epoch or directive.pause:
                epoch = ledger.epoch
                self.settle()
            if directive.pause:
                self._worker = None  # its tables are freed
                time.sleep(POLL_SECONDS)
                continue
            batch = ledger.take(speed, workers=1)
            if batch is None:
                return
            began = time.perf_counter()
            best = self._sweep(batch)
            if best is None:
                return
            seconds = time.perf_counter() - began
            speed = ledger.compute_work(batch) / max(seconds, 1e-9)
            ledger.record_swept(batch, best, seconds)

    def _sweep(self, batch: Batch) -> float | None:
        """Return the highest score so far; None if the batch was stopped, and all is lost."""
        worker = self._worker = self._worker or self._evaluator.worker()
        is_counted = False
        try:
            is_counted = worker.evaluate(batch)
        finally:
            if not is_counted:
                self._worker, self._batches = None, []
        if not is_counted:
            return None
        self._batches.append(batch)
        return float(worker.tally.heap.scores.max())

    def settle(self) -> None:
        """Hand over what is swept."""
        if self._worker is None or not self._batches:
            return
        if self._ledger.settle(self._worker.tally, self._batches, may_keep=True):
            self._worker.release_tally()
        else:
            self._worker.start_over()
        self._batches = []
