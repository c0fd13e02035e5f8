"""A node of a cluster: threads, kernels and governor of one machine, for a driver elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from qmac.errors import OptionError, Stopped
from qmac.runtime.cluster.cell_sweeper import LeaseResult
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.cluster.part_sweeper import PartResult
from qmac.runtime.cluster.payloads import Payload, Sweeper
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe


@dataclass(frozen=True)
class NodeReading:
    """How a node is."""

    threads: int
    """Active threads."""
    level: str
    """Level of its governor."""
    memory: int
    """Bytes in use."""
    limit: int | None
    """Bytes that may be used."""
    lease: int = 0
    """Number of the current lease."""
    swept: int = 0
    """Work of that lease that is done."""
    paused: bool = False
    generation: int = 0
    """Of the sweep that the lease belongs to."""


@dataclass(frozen=True)
class _Loaded:
    """What was sent, in memory, and what sweeps it."""

    checksum: str
    sweeper: Sweeper
    threads: int  # that fit into memory


class Node:
    """Sweeps leases of what it is sent. Any thread calls it; leases of cells come one at a time.

    Parameters
    ----------
    limits : Limits
        Limits of this machine.
    threads : int
        Most threads.
    """

    def __init__(self, limits: Limits, threads: int) -> None:
        self.threads = threads
        self._governor = Governor(limits, Probe(None), threads)
        self._directive = WorkerDirective(threads)
        self._loaded: _Loaded | None = None
        self._generation = 0
        self._entry = threading.Lock()

    def work(
        self, lease: Lease, generation: int, checksum: str, load: Callable[[], Payload]
    ) -> LeaseResult | PartResult:
        """Sweep the cells of a lease; fewer of them after ``recall``.

        Parameters
        ----------
        lease : Lease
            The cells.
        generation : int
            Number of the sweep; a new one ends a recall.
        checksum : str
            Names the payload.
        load : callable
            Returns the payload, if it is not loaded yet.

        Returns
        -------
        LeaseResult or PartResult
            The cells that are done, and what is to be merged of them.

        Raises
        ------
        OptionError
            If the payload does not fit into the memory of this node, or is not what was sent.
        Stopped
            If this node has no memory left.
        """
        with self._entry:
            sweeper = self._prepare(checksum, load)
            if generation != self._generation:
                self._generation = generation
                sweeper.start_over()
            decision = self._governor.tick()
        if decision.stop is not None:
            raise Stopped(decision.reason)
        return sweeper.work(lease)

    def recall(self) -> None:
        """Let the current lease end after its current batches, and those that wait at once."""
        if self._loaded is not None:
            self._loaded.sweeper.recall()

    def drop(self, number: int) -> None:
        """Let a lease end at once, of which nothing is needed any more.

        Parameters
        ----------
        number : int
            Of the lease.
        """
        if self._loaded is not None:
            self._loaded.sweeper.drop(number)

    def reading(self) -> NodeReading:
        """Return how the node is.

        Returns
        -------
        NodeReading
            For the driver, and for those who watch the run.
        """
        governor, loaded = self._governor, self._loaded
        decision = governor.tick()
        lease, swept = (0, 0) if loaded is None else loaded.sweeper.progress
        return NodeReading(
            threads=self._directive.threads,
            level=decision.level.name.lower(),
            memory=governor.memory_used,
            limit=governor.memory_limit,
            lease=lease,
            swept=swept,
            paused=decision.pause,
            generation=self._generation,
        )

    def _prepare(self, checksum: str, load: Callable[[], Payload]) -> Sweeper:
        """Return what sweeps the payload, loaded if it is another one than before."""
        loaded = self._loaded
        if loaded is None or checksum != loaded.checksum:
            if loaded is not None:
                loaded.sweeper.close()
            self._loaded = loaded = None  # room for the next one
            self._loaded = loaded = self._load(load(), checksum)
        return loaded.sweeper

    def _load(self, payload: Payload, checksum: str) -> _Loaded:
        if payload.compute_checksum() != checksum:
            raise OptionError(
                "what arrived of the dataset is not what was sent. "
                "Look for a fault of this node's memory."
            )
        base_bytes, thread_bytes = payload.memory
        limits, reading = self._governor.limits, self._governor.read_now()
        threads = admit(limits, reading, base_bytes, thread_bytes, self.threads)
        return _Loaded(checksum, payload.build_sweeper(self.threads, self._direct), threads)

    def _direct(self) -> WorkerDirective:
        """Return what the threads are to do."""
        decision = self._governor.tick()
        most = self.threads if self._loaded is None else self._loaded.threads
        self._directive = WorkerDirective(
            threads=min(decision.threads, most),
            pause=decision.pause,
            stop=decision.stop is not None,
        )
        return self._directive
