"""A node of a cluster: threads, kernels and governor of one machine, for a driver elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qmac._version import __version__
from qmac.engine.dataset.period import code_dtype
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.selftest import self_test
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import OptionError, Stopped
from qmac.kernels.compiler.sources import hash_arithmetic
from qmac.kernels.sweep.tally import Tally
from qmac.runtime.cluster.free_cells import find_ranges
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.execution.threads import WorkerPool
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe


@dataclass(frozen=True)
class LeaseResult:
    """What a node swept of a lease.

    The tally belongs to the node, and is filled anew with the next lease: by then it must be on its
    way. One made for each lease took 0.2 s of all threads at 939 windows, to touch 140 MB for the
    first time.
    """

    cells: tuple[Batch, ...]
    seconds: float
    tally: Tally | None
    """None without cells."""


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


def node_fingerprint(spec: SweepSpec, bars: int) -> dict[str, str]:
    """Return what must be equal on every machine that sweeps one grid.

    Parameters
    ----------
    spec : SweepSpec
        What is computed.
    bars : int
        Length of the series; longer ones have other kernels, without known answers.

    Returns
    -------
    dict
        Version, hash of the sources of the kernels' arithmetic, and known answers to the last bit.

    Raises
    ------
    InternalError
        If the kernels give wrong answers on this machine.
    """
    answers = self_test(spec) if code_dtype(bars) is np.uint16 else "not computed"
    return {"version": __version__, "kernels": hash_arithmetic(), "known answers": answers}


@dataclass(frozen=True)
class _Loaded:
    """A dataset in memory, and what sweeps it."""

    checksum: str
    pool: WorkerPool
    tally: Tally
    counts: np.ndarray
    work: np.ndarray
    threads: int  # that fit into memory


class Node:
    """Sweeps leases, one at a time. One thread calls ``work``, any thread the other methods.

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
        self._is_recalled = False
        self._lease: Lease | None = None
        self._ledger: Ledger | None = None

    def work(
        self, lease: Lease, generation: int, checksum: str, load: Callable[[], Evaluator]
    ) -> LeaseResult:
        """Sweep the cells of a lease; fewer of them after ``recall``.

        Parameters
        ----------
        lease : Lease
            The cells.
        generation : int
            Number of the sweep; a new one ends a recall.
        checksum : str
            Names the dataset.
        load : callable
            Returns the evaluator, if the dataset is not loaded yet.

        Returns
        -------
        LeaseResult
            The cells that are done, and their tally.

        Raises
        ------
        OptionError
            If the dataset does not fit into the memory of this node, or is not what was sent.
        Stopped
            If this node has no memory left.
        """
        loaded = self._prepare(checksum, load)
        self._enter(generation, loaded.pool, again=lease.again)
        decision = self._governor.tick()
        if decision.stop is not None:
            raise Stopped(decision.reason)
        if self._is_recalled:
            return LeaseResult((), 0.0, None)
        ledger = self._begin(lease, loaded)
        try:
            loaded.pool.run(ledger, self._direct)
            ledger.check()
        except BaseException:  # the tally is lost, and what was surpassed with it
            loaded.pool.forget()
            raise
        cells = tuple(find_ranges(ledger.done))
        # without the time to make workers: small leases would tell that the node is slow, and the
        # next ones be small, too
        seconds = ledger.busy / max(1, self._directive.threads)
        return LeaseResult(cells, seconds, ledger.tally if cells else None)

    def recall(self) -> None:
        """Let the current lease end after its current batches, and those that wait at once."""
        self._is_recalled = True

    def reading(self) -> NodeReading:
        """Return how the node is.

        Returns
        -------
        NodeReading
            For the driver, and for those who watch the run.
        """
        governor, lease, ledger = self._governor, self._lease, self._ledger
        decision = governor.tick()
        return NodeReading(
            threads=self._directive.threads,
            level=decision.level.name.lower(),
            memory=governor.memory_used,
            limit=governor.memory_limit,
            lease=0 if lease is None else lease.number,
            swept=0 if ledger is None else ledger.swept_work,
            paused=decision.pause,
            generation=self._generation,
        )

    def _prepare(self, checksum: str, load: Callable[[], Evaluator]) -> _Loaded:
        """Return the dataset, loaded if it is another one than before."""
        if self._loaded is None or checksum != self._loaded.checksum:
            self._loaded = self._ledger = self._lease = None  # room for the next one
            self._loaded = self._load(load(), checksum)
        return self._loaded

    def _load(self, evaluator: Evaluator, checksum: str) -> _Loaded:
        if evaluator.compute_checksum() != checksum:
            raise OptionError(
                "what arrived of the dataset is not what was sent. "
                "Look for a fault of this node's memory."
            )
        limits, reading = self._governor.limits, self._governor.read_now()
        tally_bytes, worker_bytes = evaluator.tally_bytes, evaluator.worker_bytes
        threads = admit(limits, reading, tally_bytes, worker_bytes, self.threads)
        return _Loaded(
            checksum,
            pool=WorkerPool(evaluator, self.threads),
            tally=evaluator.empty(),
            counts=evaluator.counts,
            work=evaluator.work,
            threads=threads,
        )

    def _enter(self, generation: int, pool: WorkerPool, *, again: bool) -> None:
        """Begin another sweep, or go on with the same."""
        if generation != self._generation:
            self._generation = generation
            self._is_recalled = False
            self._lease = self._ledger = None
            pool.forget()
        elif again:  # what became of these cells is unknown: they are swept like the first ones
            pool.forget()

    def _begin(self, lease: Lease, loaded: _Loaded) -> Ledger:
        """Return a ledger of the cells of a lease."""
        tally = reductions.clear(loaded.tally)
        ledger = Ledger(loaded.counts, loaded.work, lambda: tally)
        ledger.allocate()  # workers keep their tallies
        ledger.restrict_to(lease.first, lease.last)
        self._lease, self._ledger = lease, ledger
        return ledger

    def _direct(self, _: Ledger) -> WorkerDirective:
        """Return what the threads are to do: the monitor of a lease."""
        decision = self._governor.tick()
        most = self.threads if self._loaded is None else self._loaded.threads
        self._directive = WorkerDirective(
            threads=min(decision.threads, most),
            pause=decision.pause,
            stop=self._is_recalled or decision.stop is not None,
        )
        return self._directive
