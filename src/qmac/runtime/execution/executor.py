"""What every executor does, and the serial one, which the others must equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from qmac._checks import describe
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import OptionError
from qmac.runtime.execution.directive import WorkerDirective
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
    """One batch after the other in the calling thread: what the others must equal."""

    threads = workers = 1

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
            Called before each batch.
        """
        worker = evaluator.worker()
        batches: list[Batch] = []
        while not monitor(ledger).stop:
            batch = ledger.take(0.0, 1)
            if batch is None:
                break
            worker.evaluate(batch)
            batches.append(batch)
            ledger.record_swept(batch, float(worker.tally.heap.scores.max()))
        ledger.settle(worker.tally, batches, may_keep=True)

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
