"""Numbered parts, done on a node: each by one thread, lease after lease without a gap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qmac.runtime.cluster.free_cells import find_ranges
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.execution.directive import PATIENCE_SECONDS, POLL_SECONDS, WorkerDirective
from qmac.runtime.execution.ledger import Batch
from qmac.runtime.execution.parts import Part, PartWork
from qmac.runtime.resources.machine import release_freed_memory


@dataclass(frozen=True)
class PartLayout:
    """Places of the parts of some sequences, one sequence after the other: cells of leases.

    Examples
    --------
    >>> layout = PartLayout({"shuffle": 3, "mirror": 2})
    >>> layout.size, layout.starts, layout.find_part(4), layout.find_span("mirror")
    (5, [0, 3], Part(sequence='mirror', number=1), (3, 5))
    """

    counts: dict[str, int]
    """Parts of each sequence."""

    @property
    def size(self) -> int:
        """Parts of all sequences."""
        return sum(self.counts.values())

    @property
    def starts(self) -> list[int]:
        """Place of the first part of each sequence."""
        return [self.find_span(sequence)[0] for sequence in self.counts]

    def find_span(self, sequence: str) -> Batch:
        """Return the places of a sequence.

        Parameters
        ----------
        sequence : str
            Its name.

        Returns
        -------
        tuple of int
            Of its first part, and the one after its last.
        """
        names = list(self.counts)
        before = names[: names.index(sequence)]
        first = sum(self.counts[name] for name in before)
        return first, first + self.counts[sequence]

    def find_part(self, place: int) -> Part:
        """Return the part at a place.

        Parameters
        ----------
        place : int
            From 0 to before ``size``.

        Returns
        -------
        Part
            Its sequence and number.

        Raises
        ------
        IndexError
            If there is none.
        """
        for sequence, count in self.counts.items():
            if place < count:
                return Part(sequence, place)
            place -= count
        raise IndexError(place)


@dataclass(frozen=True)
class PartResult:
    """What a node did of a lease."""

    cells: tuple[Batch, ...]
    """Places of the parts that are done."""
    seconds: float
    """That the threads of the node took for it."""
    values: dict[int, Any]
    """By place."""


@dataclass
class _OpenLease:
    """A lease whose parts are under way."""

    lease: Lease
    stop: np.ndarray = field(default_factory=lambda: np.zeros(1, np.uint8))
    ended: float | None = None
    """When no more parts of it are to begin."""
    values: dict[int, Any] = field(default_factory=dict)
    seconds: float = 0.0
    """Of all threads."""

    def find_inputs(self, place: int) -> tuple[bytes, ...]:
        """Return what came with the lease for a part, if anything."""
        inputs = self.lease.inputs
        return () if inputs is None else (inputs[place - self.lease.first],)

    def end(self) -> None:
        """Begin no more parts."""
        if self.ended is None:
            self.ended = time.monotonic()

    def stop_late_parts(self) -> None:
        """Stop parts that take too long after the end."""
        if self.ended is not None and time.monotonic() - self.ended > PATIENCE_SECONDS:
            self.stop[0] = 1


class PartSweeper:
    """Does leases of parts. Any threads call it.

    Threads take parts in the order in which leases came, so that those of the next one begin while
    the last ones of a lease are under way: a lease would otherwise end with threads that wait, for
    half a part on average.

    Parameters
    ----------
    work : PartWork
        Does a part.
    layout : PartLayout
        Which parts are at which places.
    threads : int
        Most threads.
    direct : callable
        Returns what the governor of the node says.
    """

    def __init__(
        self,
        work: PartWork,
        layout: PartLayout,
        threads: int,
        direct: Callable[[], WorkerDirective],
    ) -> None:
        self._work = work
        self._layout = layout
        self._pool = ThreadPoolExecutor(threads)
        self._direct = direct
        self._directive = WorkerDirective(threads)
        self._changed = threading.Condition()
        self._busy = 0
        self._open: dict[int, _OpenLease] = {}
        self._last = (0, 0)
        self._is_recalled = False
        self._dropped: set[int] = set()
        """Leases that are needed no more; some may not have come yet."""

    @property
    def progress(self) -> tuple[int, int]:
        """Number of the lease that ends next, and parts of it that are done."""
        with self._changed:
            for number, current in self._open.items():
                return number, len(current.values)
            return self._last

    def start_over(self) -> None:
        """Begin another run: what is under way is of no use, and a recall is over."""
        self._end_all(stops=True)
        with self._changed:
            self._last = (0, 0)
            self._is_recalled = False
            self._dropped.clear()

    def work(self, lease: Lease) -> PartResult:
        """Do the parts of a lease; fewer of them after ``recall`` or ``drop``.

        Parameters
        ----------
        lease : Lease
            Places of the parts.

        Returns
        -------
        PartResult
            The values of those that are done.
        """
        current = _OpenLease(lease)
        with self._changed:
            if self._is_recalled or lease.number in self._dropped:
                return PartResult((), 0.0, {})
            self._open[lease.number] = current
        try:
            self._do_all(current)
        finally:
            with self._changed:
                del self._open[lease.number]
                self._last = lease.number, len(current.values)
        is_done = np.zeros(self._layout.size, np.bool_)
        is_done[list(current.values)] = True
        seconds = current.seconds / max(1, self._directive.threads)
        return PartResult(tuple(find_ranges(is_done)), seconds, current.values)

    def recall(self) -> None:
        """Let all leases end after the parts that are under way."""
        self._is_recalled = True
        self._end_all(stops=False)

    def drop(self, number: int) -> None:
        """Let a lease end at once.

        Parameters
        ----------
        number : int
            Of the lease, which may have ended, or not come yet.
        """
        with self._changed:
            self._dropped.add(number)
            current = self._open.get(number)
            if current is not None:
                current.end()
                current.stop[0] = 1
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads."""
        self._end_all(stops=True)
        self._pool.shutdown(wait=False)

    def _end_all(self, *, stops: bool) -> None:
        with self._changed:
            for current in self._open.values():
                current.end()
                if stops:
                    current.stop[0] = 1
            self._changed.notify_all()

    def _do_all(self, current: _OpenLease) -> None:
        """Let threads do the parts of a lease, as the governor says."""
        lease = current.lease
        futures: list[Future[None]] = []
        self._follow(self._direct(), current)
        try:
            for place in range(lease.first, lease.last):
                futures.append(self._pool.submit(self._do, current, place))
            pending = set(futures)
            while pending:
                _, pending = wait(pending, POLL_SECONDS)
                self._follow(self._direct(), current)
        finally:
            current.end()
        for future in futures:
            future.result()

    def _follow(self, directive: WorkerDirective, current: _OpenLease) -> None:
        if directive.stop:
            current.end()
        current.stop_late_parts()
        with self._changed:
            self._directive = directive
            self._changed.notify_all()

    def _may_begin(self) -> bool:
        directive = self._directive
        return not directive.pause and self._busy < directive.threads

    def _do(self, current: _OpenLease, place: int) -> None:
        """Do a part, unless its lease has ended."""
        if not self._may_begin():
            release_freed_memory()
        with self._changed:
            self._changed.wait_for(lambda: self._may_begin() or current.ended is not None)
            if current.ended is not None:
                return
            self._busy += 1
        began = time.perf_counter()
        value: Any = None
        compute: Callable[..., Any] = self._work.compute
        part, inputs = self._layout.find_part(place), current.find_inputs(place)
        try:
            value = compute(part, current.stop, *inputs)
        except BaseException:
            current.end()  # the whole lease fails
            raise
        finally:
            with self._changed:
                self._busy -= 1
                current.seconds += time.perf_counter() - began
                if value is not None:
                    current.values[place] = value
                self._changed.notify_all()
