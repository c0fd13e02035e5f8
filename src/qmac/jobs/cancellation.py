"""How a question of a session is cancelled, at every stage and from any thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from qmac._checks import check_callable
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import Stopped
from qmac.jobs.monitor import SweepMonitor
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.executor import Executor, Value
from qmac.runtime.execution.ledger import Ledger


class Cancellation:
    """Ends the sweep that it was passed to, from any thread and at once.

    Examples
    --------
    >>> cancellation = Cancellation()
    >>> cancellation.cancel()
    >>> cancellation.is_cancelled
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._action: Callable[[], None] | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._is_cancelled

    def cancel(self) -> None:
        """End the sweep, or keep it from beginning."""
        with self._lock:
            self._is_cancelled = True
            if self._action is not None:
                self._action()

    def check(self) -> None:
        """Raise Stopped if it is cancelled.

        Raises
        ------
        Stopped
            If it is.
        """
        if self._is_cancelled:
            raise Stopped("the sweep was cancelled.")

    def attach(self, action: Callable[[], None] | None) -> None:
        """Call a function on ``cancel``, or now if that was before.

        Parameters
        ----------
        action : callable or None
            Makes the sweep end; it must return at once. None where there is none any more.

        Raises
        ------
        OptionError
            If it cannot be called.
        """
        check_callable("action", action)
        with self._lock:
            self._action = action
            if self._is_cancelled and action is not None:
                action()


class CancellableExecutor:
    """An executor whose work a cancellation ends, between two items of a map as well.

    Parameters
    ----------
    executor : Executor
        Does the work.
    cancellation : Cancellation
        Looked at before each item.
    """

    def __init__(self, executor: Executor, cancellation: Cancellation) -> None:
        self._executor = executor
        self._cancellation = cancellation
        self.threads = executor.threads
        self.workers = executor.workers
        self.run = executor.run  # its monitor ends it
        self.run_parts = executor.run_parts

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        """Apply a function to each item; see ``ThreadExecutor.map``.

        Parameters
        ----------
        function : callable
            Takes an item.
        items : iterable
            Read to its end before the first call.

        Returns
        -------
        iterable
            Values in the order of the items.

        Raises
        ------
        Stopped
            If it is cancelled.
        """

        def compute(item: Any) -> Value:
            self._cancellation.check()
            return function(item)

        return self._executor.map(compute, items)


class CancellableMonitor:
    """A monitor whose sweep a cancellation ends: kernels leave at their next row.

    Parameters
    ----------
    monitor : SweepMonitor
        Does everything else.
    cancellation : Cancellation
        Looked at by each call, and acts on the kernels between two.
    """

    def __init__(self, monitor: SweepMonitor, cancellation: Cancellation) -> None:
        self._monitor = monitor
        self._cancellation = cancellation

    @property
    def seconds(self) -> float:
        """Seconds on this task so far."""
        return self._monitor.seconds

    def begin(self, evaluator: Evaluator, ledger: Ledger, threads: int) -> None:
        """Begin the sweep, unless it is cancelled.

        Parameters
        ----------
        evaluator : Evaluator
            Makes the workers.
        ledger : Ledger
            What is done.
        threads : int
            Most threads.

        Raises
        ------
        Stopped
            If it is cancelled.
        """
        self._cancellation.check()
        self._monitor.begin(evaluator, ledger, threads)
        self._cancellation.attach(lambda: evaluator.stop.fill(1))

    def __call__(self, ledger: Ledger, nodes: Mapping[str, Any] | None = None) -> WorkerDirective:
        """Return what workers do, as the other monitor says; stop if it is cancelled."""
        directive = self._monitor(ledger, nodes)
        return replace(directive, stop=directive.stop or self._cancellation.is_cancelled)

    def end(self, ledger: Ledger) -> list[dict[str, Any]]:
        """End the sweep.

        Parameters
        ----------
        ledger : Ledger
            What is done.

        Returns
        -------
        list of dict
            What the governor did.

        Raises
        ------
        Stopped
            If it is cancelled, or the governor ended it.
        """
        self._cancellation.attach(None)
        if sys.exception() is None and not ledger.is_complete:
            self._cancellation.check()
        return self._monitor.end(ledger)

    def finishing(self, ledger: Ledger, share: float) -> None:
        """Show how far the replay of the top rows is.

        Parameters
        ----------
        ledger : Ledger
            All of it is done.
        share : float
            Share of the rows that are replayed.

        Raises
        ------
        Stopped
            If it is cancelled, or the governor ended it.
        """
        self._cancellation.check()
        self._monitor.finishing(ledger, share)
