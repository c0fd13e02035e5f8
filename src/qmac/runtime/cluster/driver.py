"""Drives nodes: between ``leases``, which decides, and ``Nodes``, which are somewhere. What Ray does is one kind of them."""

from __future__ import annotations

import os
import socket
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from qmac.engine.sweep.evaluator import Evaluator
from qmac.errors import InputError, OptionError, Stopped
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
ALONE_SECONDS = 60.0
REFUSED_SECONDS = 10.0
"""A run without a single node ends after so long; sooner, if some were there and cannot be used."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
FRAME, SETTINGS = 9, 4
"""HTTP/2 begins so, and with it what Ray speaks: a frame of settings from either side, its type in the fourth of nine bytes."""
HOMEWARD_SECONDS = 1.0
"""For results on their way, beyond the patience of the nodes, when a run is stopped."""


class Nodes(ABC):
    """Where leases are swept. One thread calls them."""

    refused: dict[str, str]
    """Nodes that cannot be used, and why."""
    awaited: dict[str, str]
    """Nodes that have been waited for a good while, and what for."""

    @abstractmethod
    def begin(self, evaluator: Evaluator) -> None:
        """From now on it is about this dataset; what comes of another one is dropped."""

    @abstractmethod
    def poll(self, seconds: float) -> Iterable[Event]:
        """What happened; waits so long at most for something to happen."""

    @abstractmethod
    def do(self, action: Action) -> None:
        """Grant, ping, recall, expel. What follows from it comes as events."""


class ClusterExecutor:
    """Sweeps on ``nodes``. The books, snapshots and the answer are those of every other executor."""

    threads = 1
    workers = 0
    options: Sequence[str] = ()
    """Of the command line, that ask for it again."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        """On this machine: what is small is not sent."""
        return ThreadExecutor(available_cpus()).map(function, items)

    def connect(self) -> None:
        """Find out whether there is a cluster, before anything is written."""

    def nodes(self) -> Nodes:
        """Those of this executor."""
        raise NotImplementedError

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Monitor) -> None:
        """As ``ThreadExecutor.run``: the calling thread watches, another changes the ledger."""
        course = ClusterSweep(self.nodes(), evaluator, ledger)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(course.follow)
            try:
                while not future.done() and not course.orders.stop:
                    wait([future], timeout=POLL_SECONDS)
                    course.orders = watch(ledger, course.readings)
            finally:
                course.orders = WorkerDirective(0, stop=True)
                wait([future])
                self.workers = course.threads
        future.result()


class ClusterSweep:
    """Of one dataset through a cluster."""

    def __init__(self, nodes: Nodes, evaluator: Evaluator, ledger: Ledger) -> None:
        self.orders = WorkerDirective(0)
        self.leases = Leases(ledger.work, ledger.done)
        self._nodes, self._evaluator, self._ledger = nodes, evaluator, ledger
        self.readings: dict[str, NodeReading] = {}
        """The last one of each node."""
        self.threads = 0
        """Most that were there at a time."""
        self._told: set[str] = set()

    def follow(self) -> None:
        """Until all is done or given up; after a stop, until what is out has come back or ``PATIENCE_SECONDS`` is over.

        Raises
        ------
        InputError : no node can be used.
        Stopped : none is there any more.
        """
        leases, nodes, ledger = self.leases, self._nodes, self._ledger
        nodes.begin(self._evaluator)
        heard, stopping = time.monotonic(), 0.0
        while not leases.finished:
            for event in [*nodes.poll(POLL_SECONDS), Tick(self.orders.pause, self.orders.stop)]:
                for action in leases.step(event, time.monotonic()):
                    self._follow(action)
            self._tell()
            ledger.swept_elsewhere, self.threads = leases.ahead, max(self.threads, leases.threads)
            self.readings = {
                name: reading for name, reading in leases.nodes.items() if reading is not None
            }
            now = time.monotonic()
            if self.orders.stop:
                stopping = stopping or now
                if now - stopping > PATIENCE_SECONDS + HOMEWARD_SECONDS:
                    break
            elif leases.nodes:
                heard = now
            elif now - heard > (REFUSED_SECONDS if nodes.refused else ALONE_SECONDS):
                self._alone()
        ledger.swept_elsewhere = 0
        ledger.failed = dict(leases.failed)
        if leases.late:
            warnings.warn(
                f"{leases.late} results came late or twice, and were not counted.", stacklevel=2
            )

    def _follow(self, action: Action) -> None:
        if isinstance(action, Accept):
            share = action.partial
            self._ledger.settle(share.tally, action.cells)
            for batch in action.cells:
                self._ledger.record_swept(
                    batch, float(share.tally.heap.scores.max(initial=-float("inf")))
                )
        elif not isinstance(action, Reject):
            self._nodes.do(action)

    def _tell(self) -> None:
        """Once of each node that is waited for."""
        for name, why in self._nodes.awaited.items():
            if name not in self._told:
                self._told.add(name)
                warnings.warn(f"waiting for node {name}: {why}.", stacklevel=3)

    def _alone(self) -> None:
        refused = [f"{name}: {why}" for name, why in self._nodes.refused.items()]
        if refused:
            raise InputError(f"no node of the cluster can be used. {' '.join(refused)}")
        awaited = " ".join(f"{name}: {why}." for name, why in self._nodes.awaited.items())
        raise Stopped(
            f"no node of the cluster was ready for {ALONE_SECONDS:.0f} s. "
            f"{awaited or 'No node with a CPU is there; look with: ray status'}"
        )


def check_address(address: str | None) -> None:
    """Whether somebody listens there who may be Ray: Ray itself would try for many minutes."""
    if address is None or address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise OptionError(
            f"a Ray cluster's address is auto or HOST:PORT, such as 10.0.0.1:6379, but got {address!r}."
        )
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS) as connection:
            strange = _strange(connection)
    except (OSError, OverflowError, UnicodeError) as error:
        raise OptionError(
            f"no Ray cluster answers at {address} ({error}). Start one there: ray start --head --port {port}"
        ) from None
    if strange:
        raise OptionError(
            f"what listens at {address} is no Ray cluster: {strange}. Give the address that 'ray start --head' printed."
        )


def _strange(connection: socket.socket) -> str:
    """What a server does that is not Ray; nothing where it may be."""
    if os.environ.get("RAY_USE_TLS") == "1":  # it would say nothing that can be read
        return ""
    connection.settimeout(CONNECT_SECONDS)
    heard = b""
    try:
        connection.sendall(PREFACE)
        while len(heard) < FRAME and (more := connection.recv(100)):
            heard += more
    except TimeoutError:
        return f"it says nothing for {CONNECT_SECONDS:.0f} s"
    if len(heard) >= FRAME and heard[3] == SETTINGS:
        return ""
    return f"it says {heard[:40]!r}" if heard else "it hangs up"
