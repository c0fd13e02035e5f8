"""Which cells of a dataset are done, and the reductions of exactly those.

A cell is what the kernels sweep in one go (``Evaluator.cells``) and the atom of accounting: it is done or not,
whoever does it, in whatever batch. The ledger is consistent at any moment, so a snapshot may be taken at any.
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
"""A batch is work for so long: what a stop waits for, and what a killed worker loses beside a snapshot."""
SMALLEST_SHARE = 4
"""Near the end, batches are at most this part of the work that is left for each worker, so that workers end together. Counted
in cells, of which the last are small, two threads were 8 % slower on 800 bars: one of them waited."""


class Ledger:
    """The books of one dataset: ``counts (C,)`` combinations and ``work (C,)`` steps of each cell.

    ``empty`` makes the tally that others are merged into, when it is first asked for. If by then one was settled that was
    given away, that one is kept as it is: this saves 5 ms of 200.
    """

    def __init__(self, counts: np.ndarray, work: np.ndarray, empty: Callable[[], Tally]) -> None:
        self.counts, self.work = counts, work
        self._empty = empty
        self._tally: Tally | None = None
        self.done = np.zeros(counts.size, np.bool_)
        self.lock = threading.Lock()
        self.failed: dict[int, str] = {}
        """Cells that cannot be swept, and why: given up after all that could have tried."""
        self.swept_elsewhere = 0
        """Work that is swept elsewhere, and not settled."""
        self.best = -math.inf
        """The highest score so far, of settled batches and others."""
        self.epoch = 0
        """Workers settle when it has changed."""
        self.settled_by: set[int] = set()
        """Who has, since."""
        self._taken = self.done.copy()
        self._next = 0
        self._worked = 0
        self.busy = 0.0
        """Seconds that threads have swept, all together."""
        self._before = np.concatenate(([0], np.cumsum(work)))  # (C + 1,) work of all cells before

    @property
    def tally(self) -> Tally:
        """The reductions of the cells that are done."""
        with self.lock:
            return self._made()

    def _made(self) -> Tally:
        if self._tally is None:
            self._tally = self._empty()
        return self._tally

    def allocate(self) -> None:
        """Make the tally now, while there is memory: where workers settle and go on, a tally given away would be made anew."""
        with self.lock:
            self._made()

    def restore(self, done: np.ndarray) -> None:
        """Go on from a snapshot, whose reductions ``tally`` holds."""
        self.done[:] = done
        self._taken[:] = done
        self._worked = int(self.work[done].sum())
        self.best = float(self.tally.heap.scores.max(initial=-math.inf))
        self.check()

    def restrict_to(self, first: int, last: int) -> None:
        """Leave cells before ``first`` and from ``last`` on to others."""
        self._taken[:] = True
        self._taken[first:last] = False
        self._next = first

    @property
    def swept_work(self) -> int:
        """Work of the batches that are behind, settled or not."""
        return self._worked

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
        """Share of the work that is behind, from 0 to 1; settled or not."""
        return (
            min(1.0, (self._worked + self.swept_elsewhere) / whole)
            if (whole := int(self._before[-1]))
            else 1.0
        )

    def take(self, speed: float, workers: int) -> Batch | None:
        """The next cells for a worker that does so much work a second (0 if it does not know); None if none are left."""
        with self.lock:
            free = self._next + np.flatnonzero(~self._taken[self._next :])
            if not free.size:
                return None
            first, left = int(free[0]), int(self.work[free].sum())
            limit = self._before[first] + min(
                speed * BATCH_SECONDS, left / (SMALLEST_SHARE * workers)
            )
            most = max(1, int(np.searchsorted(self._before, limit, "right")) - 1 - first)
            together = free[:most] - first == np.arange(min(most, free.size))
            last = first + int(together.sum())
            self._taken[first:last] = True
            self._next = last
            return first, last

    def compute_work(self, batch: Batch) -> int:
        """Of its cells."""
        return int(self._before[batch[1]] - self._before[batch[0]])

    def record_swept(self, batch: Batch, best: float, seconds: float = 0.0) -> None:
        """A batch is in a worker's tally, after so many seconds; it is done when the tally is settled."""
        with self.lock:
            self.busy += seconds
            self._worked += self.compute_work(batch)
            self.best = max(self.best, best)

    def settle(
        self, tally: Tally, batches: Iterable[Batch], worker: int = -1, *, given: bool = False
    ) -> bool:
        """Merge what a worker has done since it last settled. Never called where Ctrl-C may be raised: see executors.

        A tally that is ``given`` may be kept: returns whether it was, and is nobody else's any more.
        """
        cells = np.zeros(self.done.size, np.bool_)
        for first, last in batches:
            cells[first:last] = True
        counted, expected = int(tally.totals.counts[0]), int(self.counts[cells].sum())
        if counted != expected:
            raise InternalError(
                f"the books do not balance: {counted} combinations counted in {int(cells.sum())} cells that hold {expected}."
            )
        with self.lock:
            if (cells & self.done).any():
                raise InternalError(
                    f"cell {int(np.flatnonzero(cells & self.done)[0])} was done twice."
                )
            kept = given and self._tally is None
            if kept:
                self._tally = tally
            else:
                reductions.merge(self._made(), tally)
            self.done |= cells
            self.settled_by.add(worker)
        return kept

    def request_settlement(self) -> None:
        """Ask the workers to settle after the batch at hand."""
        with self.lock:
            self.epoch += 1
            self.settled_by = set()

    def check(self) -> None:
        """The books balance: counted are the combinations of the cells that are done.

        Raises
        ------
        InternalError : they do not.
        """
        counted, expected = int(self.tally.totals.counts[0]), int(self.counts[self.done].sum())
        if counted != expected:
            raise InternalError(
                f"the books do not balance: {counted} combinations counted, but the {int(self.done.sum())} cells done "
                f"hold {expected}."
            )
