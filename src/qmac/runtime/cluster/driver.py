"""Drives nodes: between ``leases``, which decides, and ``Nodes``, which sweep somewhere else."""

from __future__ import annotations

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from qmac._checks import describe
from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import InputError, OptionError, Stopped, warn
from qmac.runtime.cluster.leases import Leases
from qmac.runtime.cluster.messages import Accept, Action, Event, Reject, Tick
from qmac.runtime.cluster.node import NodeReading
from qmac.runtime.execution.executor import (
    PATIENCE_SECONDS,
    POLL_SECONDS,
    Monitor,
    Value,
    WorkerDirective,
)
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.resources.machine import available_cpus

CONNECT_SECONDS = 5.0
EMPTY_SECONDS = 60.0
"""A run without a single node ends after so long."""
REFUSED_SECONDS = 10.0
"""It ends sooner if nodes were there and are refused."""
DELIVERY_SECONDS = 1.0
"""For results on their way, beyond the patience of the nodes, when a run is stopped."""
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HTTP2_HEADER_BYTES = 9
HTTP2_TYPE_BYTE, HTTP2_SETTINGS = 3, 4
"""Ray speaks HTTP/2, which begins with a frame of settings from either side."""
SHOWN_BYTES = 40
"""Of the answer of another server, in an error."""


class Nodes(ABC):
    """Where leases are swept. One thread calls them."""

    refused: dict[str, str]
    """Nodes that must not sweep, and why."""
    awaited: dict[str, str]
    """Nodes that have been waited for a good while, and what for."""

    @abstractmethod
    def begin(self, evaluator: Evaluator) -> None:
        """Begin a dataset; what comes of an earlier one is dropped.

        Parameters
        ----------
        evaluator : Evaluator
            The dataset and its spec.
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
        """Grant, ping, recall or expel; what follows from it comes as events.

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
        """Sweep what is left of a ledger.

        The calling thread waits and calls the monitor, another thread changes the ledger.

        Parameters
        ----------
        evaluator : Evaluator
            The dataset and its spec.
        ledger : Ledger
            Which cells are done.
        monitor : callable
            Called about ten times a second, with readings of the nodes.
        """
        sweep = ClusterSweep(self.nodes(), evaluator, ledger)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(sweep.run)
            try:
                while not future.done() and not sweep.directive.stop:
                    wait([future], timeout=POLL_SECONDS)
                    sweep.directive = monitor(ledger, sweep.readings)
            finally:
                sweep.directive = WorkerDirective(0, stop=True)
                wait([future])
                self.workers = sweep.threads
        future.result()


class ClusterSweep:
    """The sweep of one dataset on a cluster.

    Parameters
    ----------
    nodes : Nodes
        Where leases are swept.
    evaluator : Evaluator
        The dataset and its spec.
    ledger : Ledger
        Which cells are done.
    """

    def __init__(self, nodes: Nodes, evaluator: Evaluator, ledger: Ledger) -> None:
        self.directive = WorkerDirective(0)
        self.readings: dict[str, NodeReading] = {}
        """The last reading of each node."""
        self.threads = 0
        """Most threads that were there at a time."""
        self.leases = Leases(ledger.work, ledger.done)
        self._nodes = nodes
        self._evaluator = evaluator
        self._ledger = ledger
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
        self._nodes.begin(self._evaluator)
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
        self._warn_of_awaited()
        self._ledger.swept_elsewhere = self.leases.swept_work
        self.threads = max(self.threads, self.leases.threads)
        readings = self.leases.readings.items()
        self.readings = {name: reading for name, reading in readings if reading is not None}

    def _act(self, action: Action) -> None:
        if isinstance(action, Accept):
            tally = action.result.tally
            self._ledger.settle(tally, action.cells)
            best = float(tally.heap.scores.max(initial=-float("inf")))
            for batch in action.cells:
                self._ledger.record_swept(batch, best)
        elif not isinstance(action, Reject):
            self._nodes.do(action)

    def _conclude(self) -> None:
        self._ledger.swept_elsewhere = 0
        self._ledger.failed = dict(self.leases.failed)
        late = self.leases.late
        if late:
            warn(f"{late} results came late or twice, and were not counted.", stacklevel=2)

    def _warn_of_awaited(self) -> None:
        """Warn once of each node that is waited for."""
        for name, why in self._nodes.awaited.items():
            if name not in self._warned:
                self._warned.add(name)
                warn(f"waiting for node {name}: {why}.", stacklevel=3)

    def _check_absence(self, seconds: float) -> None:
        """End the run if there has been no node for too long."""
        refused, awaited = self._nodes.refused, self._nodes.awaited
        if refused and seconds > REFUSED_SECONDS:
            reasons = " ".join(f"{name}: {why}" for name, why in refused.items())
            raise InputError(f"every node of the cluster is refused. {reasons}")
        if not refused and seconds > EMPTY_SECONDS:
            reasons = " ".join(f"{name}: {why}." for name, why in awaited.items())
            advice = "No node with a CPU is there; look with: ray status"
            raise Stopped(
                f"no node of the cluster was ready for {EMPTY_SECONDS:.0f} s. {reasons or advice}"
            )


def check_address(address: str | None) -> None:
    """Check that a server listens at an address that may be Ray: Ray itself tries for minutes.

    Parameters
    ----------
    address : str or None
        ``"HOST:PORT"``; nothing is checked for None and ``"auto"``.

    Raises
    ------
    OptionError
        If it is no such address, or another server listens there, or none.
    """
    text = address if isinstance(address, str) else ""
    if address is None or text == "auto":
        return
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise OptionError(
            "the address of a Ray cluster must be auto or HOST:PORT, such as 10.0.0.1:6379, "
            f"got {describe(address)}."
        )
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS) as connection:
            difference = _find_difference(connection)
    except (OSError, OverflowError, UnicodeError) as error:
        raise OptionError(
            f"no Ray cluster answers at {address} ({error}). "
            f"Start one there: ray start --head --port {port}"
        ) from None
    if difference:
        raise OptionError(
            f"what listens at {address} is no Ray cluster: {difference}. "
            "Give the address that 'ray start --head' printed."
        )


def _find_difference(connection: socket.socket) -> str:
    """Return what a server does that is not Ray; nothing where it may be."""
    if os.environ.get("RAY_USE_TLS") == "1":  # its answer could not be read
        return ""
    connection.settimeout(CONNECT_SECONDS)
    answer = b""
    try:
        connection.sendall(HTTP2_PREFACE)
        while len(answer) < HTTP2_HEADER_BYTES:
            more = connection.recv(100)
            if not more:
                break
            answer += more
    except TimeoutError:
        return f"it sends nothing for {CONNECT_SECONDS:.0f} s"
    if len(answer) >= HTTP2_HEADER_BYTES and answer[HTTP2_TYPE_BYTE] == HTTP2_SETTINGS:
        return ""
    return f"it sends {answer[:SHOWN_BYTES]!r}" if answer else "it hangs up"
