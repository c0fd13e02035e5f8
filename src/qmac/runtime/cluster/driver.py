"""Drives nodes: between ``leases``, which decides, and ``Nodes``, which sweep somewhere else."""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import InputError, Stopped, warn
from qmac.runtime.cluster.accounts import Account, CellAccount, PartAccount
from qmac.runtime.cluster.messages import Accept, Action, Event, Grant, Reject, Tick
from qmac.runtime.cluster.node import NodeReading
from qmac.runtime.cluster.payloads import Payload
from qmac.runtime.execution.directive import PATIENCE_SECONDS, POLL_SECONDS, WorkerDirective
from qmac.runtime.execution.executor import Monitor, Value
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.execution.parts import Part, PartQueue, PartsMonitor, PartWork
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.resources.machine import available_cpus

EMPTY_SECONDS, LONELY_SECONDS = 60.0, 8.0
"""A run without a single node ends after so long, and says after less that it waits."""
REFUSED_SECONDS = 10.0
"""It ends sooner if nodes were there and are refused."""
DELIVERY_SECONDS = 1.0
"""For results on their way, beyond the patience of the nodes, when a run is stopped."""


class Nodes(ABC):
    """Where leases are swept. One thread calls them."""

    refused: dict[str, str]
    """Nodes that must not sweep, and why."""
    awaited: dict[str, str]
    """Nodes that have been waited for a good while, and what for."""
    starting: int = 0
    """Nodes that are about to join."""

    @abstractmethod
    def begin(self, payload: Payload) -> None:
        """Begin what is to be swept; what comes of an earlier payload is dropped.

        Parameters
        ----------
        payload : Payload
            What each node is sent once.
        """

    @abstractmethod
    def poll(self, seconds: float) -> Iterable[Event]:
        """Return what happened.

        Parameters
        ----------
        seconds : float
            How long to wait at most for something to happen.

        Returns
        -------
        iterable of Event
            In order.
        """

    @abstractmethod
    def do(self, action: Action) -> None:
        """Grant, ping, recall, drop or expel; what follows from it comes as events.

        Parameters
        ----------
        action : Action
            What is to be done.
        """


class ClusterExecutor:
    """Sweeps on ``nodes``; counts, snapshots and the answer are those of every other executor."""

    threads = 1
    workers = 0
    options: Sequence[str] = ()
    """Words of the command line that choose this executor."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        """Apply a function to each item on this machine: what is small is not sent.

        Parameters
        ----------
        function : callable
            Takes an item.
        items : iterable
            Read to its end before the first call.

        Returns
        -------
        list
            Values in the order of the items.
        """
        return ThreadExecutor(available_cpus()).map(function, items)

    def connect(self) -> None:
        """Find out whether there is a cluster, before anything is written."""

    def nodes(self) -> Nodes:
        """Return the nodes.

        Returns
        -------
        Nodes
            Those of this executor.
        """
        raise NotImplementedError

    def run(self, evaluator: Evaluator, ledger: Ledger, monitor: Monitor) -> None:
        """Sweep what is left of a ledger, which another thread changes.

        Parameters
        ----------
        evaluator : Evaluator
            The dataset and its spec.
        ledger : Ledger
            Which cells are done.
        monitor : callable
            Called about ten times a second, with readings of the nodes.
        """
        self._sweep(CellAccount(evaluator, ledger), functools.partial(monitor, ledger))

    def run_parts(
        self,
        queue: PartQueue,
        work: PartWork,
        monitor: PartsMonitor,
        pack: Callable[[Part], bytes] | None = None,
    ) -> None:
        """Do what is left of a queue, which another thread changes.

        Parameters
        ----------
        queue : PartQueue
            Which parts; counts their values.
        work : PartWork
            Does them; each node is sent it once.
        monitor : callable
            Called about ten times a second, with readings of the nodes.
        pack : callable, optional
            Returns what a part needs beside ``work``; it is sent with the lease of the part.
        """
        self._sweep(PartAccount(work, queue, pack), monitor)

    def _sweep(self, account: Account, monitor: Callable[..., WorkerDirective]) -> None:
        """Sweep; the calling thread waits and calls the monitor, with readings of the nodes."""
        sweep = ClusterSweep(self.nodes(), account)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(sweep.run)
            try:
                while not future.done() and not sweep.directive.stop:
                    wait([future], timeout=POLL_SECONDS)
                    sweep.directive = monitor(sweep.readings)
            finally:
                sweep.directive = WorkerDirective(0, stop=True)
                wait([future])
                self.workers = sweep.threads
        future.result()


class ClusterSweep:
    """The sweep of one dataset, or of many parts, on a cluster.

    Parameters
    ----------
    nodes : Nodes
        Where leases are swept.
    account : Account
        What is to be swept, and what is done of it.
    """

    def __init__(self, nodes: Nodes, account: Account) -> None:
        self.directive = WorkerDirective(0)
        self.readings: dict[str, NodeReading] = {}
        """The last reading of each node."""
        self.threads = 0
        """Most threads that were there at a time."""
        self.leases = account.build_leases()
        self._nodes = nodes
        self._account = account
        self._warned: set[str] = set()

    def run(self) -> None:
        """Sweep until all is done or given up.

        After a stop, it ends when all leases are back, or some seconds after ``PATIENCE_SECONDS``.

        Raises
        ------
        InputError
            If every node is refused.
        Stopped
            If there is no node any more.
        """
        self._nodes.begin(self._account.payload)
        last_alive = time.monotonic()
        stopped_at: float | None = None
        while not self.leases.is_finished:
            self._step()
            now = time.monotonic()
            if self.directive.stop:
                stopped_at = now if stopped_at is None else stopped_at
                if now - stopped_at > PATIENCE_SECONDS + DELIVERY_SECONDS:
                    break
            elif self.leases.readings:
                last_alive = now
            else:
                self._check_absence(now - last_alive)
        self._conclude()

    def _step(self) -> None:
        """Take in what happened, and do what follows from it."""
        tick = Tick(self.directive.pause, self.directive.stop)
        for event in [*self._nodes.poll(POLL_SECONDS), tick]:
            for action in self.leases.step(event, time.monotonic()):
                self._act(action)
        self._warn_of_absent()
        self._account.note_swept(self.leases.swept_work)
        self.threads = max(self.threads, self.leases.threads)
        readings = self.leases.readings.items()
        self.readings = {name: reading for name, reading in readings if reading is not None}

    def _act(self, action: Action) -> None:
        if isinstance(action, Accept):
            for first, last in self._account.settle(action):
                for drop in self.leases.waive(first, last):
                    self._nodes.do(drop)
        elif isinstance(action, Grant):
            self._nodes.do(self._account.load(action))
        elif not isinstance(action, Reject):
            self._nodes.do(action)

    def _conclude(self) -> None:
        late = self.leases.late
        if late:
            warn(f"{late} results came late or twice, and were not counted.", stacklevel=2)
        self._account.conclude(self.leases.failed)

    def _warn_of_absent(self) -> None:
        """Warn once of each node that is waited for, and of each that does not take part."""
        for name, why in self._nodes.awaited.items():
            self._warn(f"waiting for node {name}", why)
        for name, why in self._nodes.refused.items():
            self._warn(f"without node {name}", why)

    def _warn(self, subject: str, why: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            warn(f"{subject}: {why.removesuffix('.')}.", stacklevel=4)

    def _check_absence(self, seconds: float) -> None:
        """End the run if there has been no node for too long."""
        refused, awaited = self._nodes.refused, self._nodes.awaited
        absent = " ".join(
            f"{name}: {why.removesuffix('.')}." for name, why in {**refused, **awaited}.items()
        )
        if refused and not self._nodes.starting and seconds > REFUSED_SECONDS:
            raise InputError(f"every node of the cluster is refused. {absent}")
        is_empty = not absent and not self._nodes.starting
        if is_empty and seconds > LONELY_SECONDS:
            self._warn("waiting for a node", "no node with a CPU is there; look with: ray status")
        if seconds > EMPTY_SECONDS:
            if is_empty:
                absent = "No node with a CPU is there; look with: ray status."
            raise Stopped(f"no node of the cluster was ready for {EMPTY_SECONDS:.0f} s. {absent}")
