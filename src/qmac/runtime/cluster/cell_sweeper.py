"""Cells of a dataset, swept on a node lease after lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.sweep.tally import Tally
from qmac.runtime.cluster.free_cells import find_ranges
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.execution.threads import WorkerPool


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


class CellSweeper:
    """Sweeps leases of cells, one at a time. One thread calls ``work``, any thread the others.

    Parameters
    ----------
    evaluator : Evaluator
        The dataset and its spec.
    threads : int
        Most threads.
    direct : callable
        Returns what the governor of the node says.
    """

    def __init__(
        self, evaluator: Evaluator, threads: int, direct: Callable[[], WorkerDirective]
    ) -> None:
        self._pool = WorkerPool(evaluator, threads)
        self._tally = evaluator.empty()
        self._counts = evaluator.counts
        self._work = evaluator.work
        self._direct = direct
        self._directive = WorkerDirective(threads)
        self._is_recalled = False
        self._lease: Lease | None = None
        self._ledger: Ledger | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """Number of the current lease, and work of it that is done."""
        lease, ledger = self._lease, self._ledger
        if lease is None or ledger is None:
            return 0, 0
        return lease.number, ledger.swept_work

    def start_over(self) -> None:
        """Begin another sweep of the same cells; it ends a recall."""
        self._is_recalled = False
        self._lease = self._ledger = None
        self._pool.forget()

    def work(self, lease: Lease) -> LeaseResult:
        """Sweep the cells of a lease; fewer of them after ``recall``.

        Parameters
        ----------
        lease : Lease
            The cells.

        Returns
        -------
        LeaseResult
            The cells that are done, and their tally.
        """
        if lease.again:  # what became of these cells is unknown: they are swept like the first ones
            self._pool.forget()
        if self._is_recalled:
            return LeaseResult((), 0.0, None)
        ledger = self._begin(lease)
        try:
            self._pool.run(ledger, self._monitor)
            ledger.check()
        except BaseException:  # the tally is lost, and what was surpassed with it
            self._pool.forget()
            raise
        cells = tuple(find_ranges(ledger.done))
        # without the time to make workers: small leases would tell that the node is slow, and the
        # next ones be small, too
        seconds = ledger.busy / max(1, self._directive.threads)
        return LeaseResult(cells, seconds, ledger.tally if cells else None)

    def recall(self) -> None:
        """Let the current lease end after its current batches, and those that wait at once."""
        self._is_recalled = True

    def drop(self, _: int) -> None:
        """Do nothing: all cells of a dataset are needed."""

    def close(self) -> None:
        """Free the memory."""
        self._lease = self._ledger = None

    def _begin(self, lease: Lease) -> Ledger:
        """Return a ledger of the cells of a lease."""
        tally = reductions.clear(self._tally)
        ledger = Ledger(self._counts, self._work, lambda: tally)
        ledger.allocate()  # workers keep their tallies
        ledger.restrict_to(lease.first, lease.last)
        self._lease, self._ledger = lease, ledger
        return ledger

    def _monitor(self, _: Ledger) -> WorkerDirective:
        """Return what the threads are to do."""
        directive = self._direct()
        self._directive = replace(directive, stop=directive.stop or self._is_recalled)
        return self._directive
