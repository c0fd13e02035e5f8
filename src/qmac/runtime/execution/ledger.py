"""Which cells of a dataset are done, and the reductions of exactly those.

A cell is what the kernels sweep in one go (``Evaluator.cells``), and the atom of accounting: it is
done or not, whoever does it, in whatever batch. The ledger is consistent at any moment, so a
snapshot may be taken at any.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable

import numpy as np

from qmac.engine.sweep import reductions
from qmac.errors import InternalError
from qmac.kernels.sweep.tally import Tally

Batch = tuple[int, int]
"""Cells from the first to before the second."""
BATCH_SECONDS = 0.25
"""Work of a batch: what a stop waits for, and what a killed worker loses beside a snapshot."""
SMALLEST_SHARE = 4
"""Near the end, batches are at most this part of the work that is left for each of several workers,
so that they end together. Counted in cells, of which the last are small, two threads were 8 %
slower on 800 bars: one of them waited."""


class Ledger:
    """The accounts of one dataset.

    A tally that was handed over before there was one to merge it into becomes that of the ledger:
    this saves 5 ms of 200.

    Parameters
    ----------
    counts : ndarray
        Combinations of each cell, ``(C,)``.
    work : ndarray
        Steps of each cell, ``(C,)``.
    empty : callable
        Makes the tally that others are merged into, when it is first needed.
    """

    def __init__(self, counts: np.ndarray, work: np.ndarray, empty: Callable[[], Tally]) -> None:
        self.counts = counts
        self.work = work
        self.done = np.zeros(counts.size, np.bool_)
        self.lock = threading.Lock()
        self.failed: dict[int, str] = {}
        """Cells that were given up after every possible try, and why."""
        self.swept_elsewhere = 0
        """Work that other machines have swept and not sent."""
        self.best = -math.inf
        """The highest score so far, of settled batches and others."""
        self.epoch = 0
        """Workers settle when it has changed."""
        self.settled_by: set[int] = set()
        """Workers that have settled since it changed."""
        self.busy = 0.0
        """Seconds that threads have swept, all together."""
        self._empty = empty
        self._tally: Tally | None = None
        self._taken = self.done.copy()
        self._next = 0
        self._swept = 0
        self._work_before = np.concatenate(([0], np.cumsum(work)))  # (C + 1,) of all cells before

    @property
    def tally(self) -> Tally:
        """Reductions of the cells that are done."""
        with self.lock:
            return self._make_tally()

    def _make_tally(self) -> Tally:
        if self._tally is None:
            self._tally = self._empty()
        return self._tally

    def allocate(self) -> None:
        """Make the tally now, while there is memory.

        Where workers settle and go on, a tally that is handed over would have to be made anew.
        """
        with self.lock:
            self._make_tally()

    def restore(self, done: np.ndarray) -> None:
        """Resume from a snapshot, whose reductions ``tally`` holds already.

        Parameters
        ----------
        done : ndarray
            Cells that are done, ``(C,)`` of bool.

        Raises
        ------
        InternalError
            If the reductions are not those of these cells.
        """
        self.done[:] = done
        self._taken[:] = done
        self._swept = int(self.work[done].sum())
        self.best = float(self.tally.heap.scores.max(initial=-math.inf))
        self.check()

    def restrict_to(self, first: int, last: int) -> None:
        """Leave all other cells to others.

        Parameters
        ----------
        first, last : int
            Cells from ``first`` to before ``last`` are to be taken.
        """
        self._taken[:] = True
        self._taken[first:last] = False
        self._next = first

    @property
    def swept_work(self) -> int:
        """Work of the batches that are swept, settled or not."""
        return self._swept

    @property
    def is_complete(self) -> bool:
        """Whether every cell is done."""
        return bool(self.done.all())

    @property
    def is_exhausted(self) -> bool:
        """Whether every cell is done or being done."""
        return bool(self._taken.all())

    @property
    def share(self) -> float:
        """Share of the work that is swept, from 0 to 1; settled or not."""
        whole = int(self._work_before[-1])
        if whole == 0:
            return 1.0
        return min(1.0, (self._swept + self.swept_elsewhere) / whole)

    def take(self, speed: float, workers: int, least_seconds: float = 0.0) -> Batch | None:
        """Return the next cells for a worker.

        Parameters
        ----------
        speed : float
            Work that the worker does in a second; 0 if unknown.
        workers : int
            How many workers there are.
        least_seconds : float, default 0
            Work of a batch at least, also near the end, once the speed is known.

        Returns
        -------
        tuple of int, or None
            None if no cells are left.
        """
        with self.lock:
            free = self._next + np.flatnonzero(~self._taken[self._next :])
            if not free.size:
                return None
            first = int(free[0])
            amount = speed * BATCH_SECONDS
            if workers > 1:
                work_left = int(self.work[free].sum())
                share = work_left / (SMALLEST_SHARE * workers)
                amount = min(amount, max(share, speed * least_seconds))
            last = self._find_end(free, amount)
            self._taken[first:last] = True
            self._next = last
            return first, last

    def _find_end(self, free: np.ndarray, amount: float) -> int:
        """Return the end of a batch of so much work: at least a cell, without a gap."""
        first = int(free[0])
        limit = self._work_before[first] + amount
        end = int(np.searchsorted(self._work_before, limit, "right")) - 1
        most = max(1, end - first)
        candidates = free[:most]
        adjacent = first + np.arange(candidates.size)
        count = np.count_nonzero(candidates == adjacent)
        return first + int(count)

    def compute_work(self, batch: Batch) -> int:
        """Return the work of a batch.

        Parameters
        ----------
        batch : tuple of int
            Cells from the first to before the second.

        Returns
        -------
        int
            Steps.
        """
        first, last = batch
        return int(self._work_before[last] - self._work_before[first])

    def record_swept(self, batch: Batch, best: float, seconds: float = 0.0) -> None:
        """Record that a batch is in a worker's tally; it is done when that tally is settled.

        Parameters
        ----------
        batch : tuple of int
            Cells from the first to before the second.
        best : float
            The highest score of that tally.
        seconds : float
            How long it took.
        """
        with self.lock:
            self.busy += seconds
            self._swept += self.compute_work(batch)
            self.best = max(self.best, best)

    def settle(
        self, tally: Tally, batches: Iterable[Batch], worker: int = -1, *, may_keep: bool = False
    ) -> bool:
        """Merge what a worker has done since it last settled.

        Executors never call it where Ctrl-C may be raised.

        Parameters
        ----------
        tally : Tally
            Reductions of exactly these batches.
        batches : iterable of tuple
            Cells that are done now.
        worker : int
            Number of the worker.
        may_keep : bool, default False
            Whether the tally may become that of the ledger.

        Returns
        -------
        bool
            Whether it has; then the worker must not touch it any more.

        Raises
        ------
        InternalError
            If the counts do not add up, or a cell was done twice.
        """
        cells = np.zeros(self.done.size, np.bool_)
        for first, last in batches:
            cells[first:last] = True
        self._check_counts(tally, cells)
        with self.lock:
            repeated = np.flatnonzero(cells & self.done)
            if repeated.size:
                raise InternalError(f"cell {int(repeated[0])} was done twice.")
            is_kept = may_keep and self._tally is None
            if is_kept:
                self._tally = tally
            else:
                reductions.merge(self._make_tally(), tally)
            self.done |= cells
            self.settled_by.add(worker)
        return is_kept

    def request_settlement(self) -> None:
        """Let the workers settle after their current batches."""
        with self.lock:
            self.epoch += 1
            self.settled_by = set()

    def check(self) -> None:
        """Check that the tally counts exactly the combinations of the cells that are done.

        Raises
        ------
        InternalError
            If it does not.
        """
        self._check_counts(self.tally, self.done)

    def _check_counts(self, tally: Tally, cells: np.ndarray) -> None:
        counted = int(tally.totals.counts[0])
        expected = int(self.counts[cells].sum())
        if counted != expected:
            raise InternalError(
                f"the counts do not add up: {counted} combinations were counted in "
                f"{int(cells.sum())} cells, which hold {expected}."
            )
