"""A node of a cluster: the threads, kernels and governor of one machine, at work on leases of a driver elsewhere."""

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
from qmac.kernels.compiler.sources import hash_kernel_sources
from qmac.kernels.sweep.tally import Tally
from qmac.runtime.cluster.leases import find_ranges
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.execution.executor import WorkerDirective
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.execution.threads import WorkerPool
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe


@dataclass(frozen=True)
class Share:
    """What a node swept of a lease: the cells, in how many seconds, and their tally, None without cells.

    The tally is the node's own, and is filled anew with the next lease: by then it must be on its way. One made for each
    lease took 0.2 s of all threads at 939 windows, to touch 140 MB for the first time.
    """

    cells: tuple[Batch, ...]
    seconds: float
    tally: Tally | None


@dataclass(frozen=True)
class NodeReading:
    """How a node is: active threads, its governor's level, bytes held and allowed, work swept of the lease at hand."""

    threads: int
    level: str
    memory: int
    limit: int | None
    lease: int = 0
    swept: int = 0
    paused: bool = False
    generation: int = 0


def node_fingerprint(spec: SweepSpec, bars: int) -> dict[str, str]:
    """What must be equal on every machine that sweeps one grid: version, kernels, and known answers to the last bit.

    Raises
    ------
    InternalError : the kernels give wrong answers here.
    """
    answers = (
        self_test(spec) if code_dtype(bars) is np.uint16 else "not asked for"
    )  # longer series: other kernels
    return {"version": __version__, "kernels": hash_kernel_sources(), "known answers": answers}


class Node:
    """Sweeps leases, one at a time, on ``threads`` threads. One thread calls ``work``, any the others."""

    def __init__(self, limits: Limits, threads: int) -> None:
        self.threads = threads
        self._governor = Governor(limits, Probe(None), threads)
        self._checksum, self._generation, self._recalled = "", 0, False
        self._crew: WorkerPool | None = None
        self._tally: Tally | None = None
        self._lease: Lease | None = None
        self._ledger: Ledger | None = None
        self._orders = WorkerDirective(threads)

    def work(
        self, lease: Lease, generation: int, checksum: str, evaluator: Callable[[], Evaluator]
    ) -> Share:
        """Sweep the cells of a lease; fewer of them after ``recall``, until the generation is another one.

        ``evaluator`` is called when the dataset, named by its checksum, is not the one at hand.

        Raises
        ------
        OptionError : the dataset does not fit into the memory of this node, or is not what was sent.
        Stopped : this node has no memory left.
        """
        if self._crew is None or checksum != self._checksum:
            self._crew = self._ledger = self._lease = None  # room for the next one
            self._checksum, self._tally = checksum, None
            self._crew = self._load(evaluator(), checksum)
        if generation != self._generation:
            self._generation, self._recalled, self._lease, self._ledger = (
                generation,
                False,
                None,
                None,
            )
            self._crew.forget()
        elif lease.again:  # what became of them is not known here: now they are swept as if nothing had been before
            self._crew.forget()
        decision = self._governor.tick()
        if decision.stop is not None:
            raise Stopped(decision.reason)
        if self._recalled:
            return Share((), 0.0, None)
        assert self._tally is not None
        tally = reductions.clear(self._tally)
        ledger = Ledger(self._counts, self._work, lambda: tally)
        ledger.allocate()  # workers keep theirs
        ledger.restrict_to(lease.first, lease.last)
        self._lease, self._ledger = lease, ledger
        try:
            self._crew.run(ledger, self._watch)
            ledger.check()
        except BaseException:  # the tally is lost, and what was surpassed with it
            self._crew.forget()
            raise
        cells = tuple(find_ranges(ledger.done))
        # without what it takes to make workers: small leases would say that the node is slow, and the next be small, too
        seconds = ledger.busy / max(1, self._orders.threads)
        return Share(cells, seconds, ledger.tally if cells else None)

    def recall(self) -> None:
        """Let the lease at hand end after the batches at hand, and those that wait at once."""
        self._recalled = True

    def reading(self) -> NodeReading:
        """How it is now."""
        governor, lease, ledger = self._governor, self._lease, self._ledger
        decision = governor.tick()
        return NodeReading(
            threads=self._orders.threads,
            level=decision.level.name.lower(),
            memory=governor.memory_used,
            limit=governor.memory_limit,
            lease=0 if lease is None else lease.number,
            swept=0 if ledger is None else ledger.swept_work,
            paused=decision.pause,
            generation=self._generation,
        )

    def _load(self, evaluator: Evaluator, checksum: str) -> WorkerPool:
        if evaluator.checksum != checksum:
            raise OptionError(
                "what arrived of the dataset is not what was sent. Look for a fault of this node's memory."
            )
        limits, reading = self._governor.limits, self._governor.read_now()
        self._fitting = admit(
            limits, reading, evaluator.tally_bytes, evaluator.worker_bytes, self.threads
        )
        self._tally, self._counts, self._work = evaluator.empty(), evaluator.counts, evaluator.work
        return WorkerPool(evaluator, self.threads)

    def _watch(self, _: Ledger) -> WorkerDirective:
        decision = self._governor.tick()
        stop = self._recalled or decision.stop is not None
        self._orders = WorkerDirective(min(decision.threads, self._fitting), decision.pause, stop)
        return self._orders
