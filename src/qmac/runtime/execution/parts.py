"""Numbered parts side by side: each thread does one alone, and they are counted in their order.

A part is small beside its sequence, such as one resample of a market, and needs nothing of another
one. Which thread does it, and when, changes nothing: values are counted by their numbers, and what
comes after the last one that counts is as if it had never been done.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, Protocol

import numpy as np

from qmac.errors import InternalError, Stopped
from qmac.runtime.execution.directive import PATIENCE_SECONDS, POLL_SECONDS, WorkerDirective
from qmac.runtime.resources.machine import release_freed_memory

TRIM_SECONDS = 1.0
"""Between two times at which freed memory is given back to the system."""


class Part(NamedTuple):
    """The name of one part."""

    sequence: str
    number: int
    """From 0 within its sequence."""


Counter = Callable[[float], bool]
"""Takes the values of a sequence in the order of their numbers; returns whether they are enough."""
Work = Callable[[Part, np.ndarray], float | None]
"""Returns the value of a part, or None once the flag ``(1,)`` is not 0."""
PartsMonitor = Callable[..., WorkerDirective]
"""Called about ten times a second by the thread that waits, with readings of nodes by name where
there are nodes."""


class PartWork(Protocol):
    """What does parts. Pickled, it is all that another machine needs to do the same."""

    def compute(self, part: Part, stop: np.ndarray, /) -> Any: ...

    @property
    def thread_bytes(self) -> int:
        """Memory of each thread."""

    @property
    def most_seconds(self) -> float:
        """No part takes longer on a thread, however slow the machine."""

    def compute_checksum(self) -> str: ...

    def compute_fingerprint(self) -> dict[str, str]: ...


class PartQueue:
    """Which parts of some sequences are to be done, and what those that are done have brought.

    A sequence ends after all of its values, or earlier, once its counter has enough. Parts are
    handed out by number, from each sequence in turn, so that sequences end at about the same time.

    Parameters
    ----------
    counters : mapping of str to callable
        The counter of each sequence, by its name.
    counts : mapping of str to int
        Most parts of each sequence.
    done : mapping of Part to float, optional
        Values of parts that were done before.
    listener : callable, optional
        Called with each part that is done, and its value.
    """

    def __init__(
        self,
        counters: Mapping[str, Counter],
        counts: Mapping[str, int],
        done: Mapping[Part, float] | None = None,
        listener: Callable[[Part, float], None] | None = None,
    ) -> None:
        self.counts = dict(counts)
        self.lock = threading.Lock()
        self.values: dict[str, list[float]] = {name: [] for name in counters}
        """Values that count, in order, by sequence."""
        self.swept_elsewhere = 0
        """Parts that other machines have done and not sent."""
        self._listener = listener
        self._counters = dict(counters)
        self._ended: set[str] = set()
        self._waiting = {
            part: value
            for part, value in (done or {}).items()
            if part.number < counts.get(part.sequence, 0)
        }
        """Values of parts before which another one is not done."""
        self._taken = set(self._waiting)
        self._next = dict.fromkeys(counters, 0)
        self._stops: dict[Part, np.ndarray] = {}
        """Flags of the parts under way."""
        self._is_closed = False
        for name in counters:
            self._count(name)

    @property
    def size(self) -> int:
        """Parts of all sequences, as far as it is known where they end."""
        return sum(
            len(values) if name in self._ended else self.counts[name]
            for name, values in self.values.items()
        )

    @property
    def counted(self) -> int:
        """Values that count, of all sequences."""
        return sum(map(len, self.values.values()))

    @property
    def swept(self) -> int:
        """Parts that are done, whether or not those before them are."""
        return self.counted + sum(part.sequence not in self._ended for part in list(self._waiting))

    @property
    def is_complete(self) -> bool:
        """Whether every sequence has ended."""
        return len(self._ended) == len(self._counters)

    @property
    def ended(self) -> frozenset[str]:
        """Sequences that have ended."""
        return frozenset(self._ended)

    def is_open(self, part: Part) -> bool:
        """Return whether a part is to be done, and was not taken.

        Parameters
        ----------
        part : Part
            Its name.

        Returns
        -------
        bool
            False also where its sequence has ended.
        """
        is_before = part.number < self._next[part.sequence]
        return not (part.sequence in self._ended or is_before or part in self._taken)

    @property
    def is_exhausted(self) -> bool:
        """Whether no part is left to be taken."""
        with self.lock:
            return self._find_next() is None

    def take(self) -> tuple[Part, np.ndarray] | None:
        """Return the next part, and the flag that is set once it is of no use any more.

        Returns
        -------
        tuple of Part and ndarray, or None
            None if no part is left.
        """
        with self.lock:
            part = self._find_next()
            if part is None:
                return None
            self._taken.add(part)
            stop = self._stops[part] = np.zeros(1, np.uint8)
            return part, stop

    def _find_next(self) -> Part | None:
        """Return the part with the lowest number that was not taken."""
        if self._is_closed:
            return None
        for name in self._counters:
            while Part(name, self._next[name]) in self._taken:
                self._taken.remove(Part(name, self._next[name]))
                self._next[name] += 1
        numbers = [
            (number, place, name)
            for place, (name, number) in enumerate(self._next.items())
            if name not in self._ended and number < self.counts[name]
        ]
        if not numbers:
            return None
        number, _, name = min(numbers)
        return Part(name, number)

    def check(self, part: Part, value: Any, node: str) -> None:
        """Check a value that another machine has sent.

        Parameters
        ----------
        part : Part
            What it is of.
        value : object
            What arrived; None if nothing did.
        node : str
            The machine.

        Raises
        ------
        InternalError
            If it is no number.
        """
        if type(value) is not float or math.isnan(value):
            raise InternalError(f"node {node} sent {value!r} for {part}, which is no number.")

    def give_up(self, part: Part, why: str) -> None:
        """End the run: a part is needed that failed on every node.

        Parameters
        ----------
        part : Part
            Its name.
        why : str
            The last error.

        Raises
        ------
        Stopped
            Always.
        """
        raise Stopped(
            f"part {part.number} of {part.sequence} failed on every node "
            f"({why.removesuffix('.')}). Run it on threads, or on other nodes."
        )

    def record(self, part: Part, value: Any) -> None:
        """Take the value of a part, and count what can be counted.

        Parameters
        ----------
        part : Part
            What ``take`` returned.
        value : float or None
            None if it was stopped.
        """
        with self.lock:
            self._stops.pop(part, None)
            if value is not None:
                if self._listener is not None:
                    self._listener(part, value)
                self._waiting[part] = value
                self._count(part.sequence)

    def _count(self, name: str) -> None:
        """Count the values of a sequence up to the first part that is not done."""
        values = self.values[name]
        while name not in self._ended:
            value = self._waiting.pop(Part(name, len(values)), None)
            if value is None:
                return
            values.append(value)
            is_enough = self._counters[name](value)
            if is_enough or len(values) == self.counts[name]:
                self._end(name)

    def _end(self, name: str) -> None:
        """End a sequence: what is under way of it is of no use."""
        self._ended.add(name)
        for part, stop in self._stops.items():
            if part.sequence == name:
                stop[0] = 1

    def close(self) -> None:
        """Hand out no more parts: all are done, or the run ends."""
        self._is_closed = True

    def stop_all(self) -> None:
        """Stop what is under way; it is to be done again another time."""
        with self.lock:
            for stop in self._stops.values():
                stop[0] = 1


def run_parts(queue: PartQueue, work: Work, threads: int, monitor: PartsMonitor) -> None:
    """Do the parts of a queue on some threads, until it is empty or the monitor stops them.

    The calling thread only waits and calls the monitor, so that Ctrl-C is seen at once. Whatever
    ends it, the parts under way are finished if that takes no longer than ``PATIENCE_SECONDS``;
    then they are stopped, and lost.

    Parameters
    ----------
    queue : PartQueue
        Which parts; takes their values.
    work : callable
        Does one part.
    threads : int
        Most threads.
    monitor : callable
        Returns how to go on.
    """
    _PartThreads(queue, work, max(1, min(threads, queue.size - queue.swept))).run(monitor)


class _PartThreads:
    """Threads that take parts of a queue, as many of them as a monitor allows."""

    def __init__(self, queue: PartQueue, work: Work, threads: int) -> None:
        self._queue = queue
        self._work = work
        self._threads = threads
        self._changed = threading.Condition()
        self._directive = WorkerDirective(threads)
        self._trimmed = time.monotonic()

    def run(self, monitor: PartsMonitor) -> None:
        """Do what is left of the queue."""
        self._directive = monitor()
        futures: list[Future[None]] = []
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for number in range(self._threads):  # inside: Ctrl-C may come between two of them
                    futures.append(pool.submit(self._take_turns, number))
                self._supervise(futures, monitor)
            finally:
                self._finish(futures)

    def _supervise(self, futures: Iterable[Future[None]], monitor: PartsMonitor) -> None:
        """Pass the monitor's directives on until all threads have ended, or are to stop."""
        pending = set(futures)
        while pending and not self._directive.stop:
            done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            self._direct(monitor())

    def _finish(self, futures: list[Future[None]]) -> None:
        """Let the threads end, with their present parts or without."""
        self._queue.close()
        self._direct(WorkerDirective(self._threads, stop=True))
        try:
            wait(futures, timeout=PATIENCE_SECONDS)
        finally:  # a second Ctrl-C does not wait for them
            self._queue.stop_all()

    def _direct(self, directive: WorkerDirective) -> None:
        with self._changed:
            self._directive = directive
            self._changed.notify_all()

    def _may_work(self, number: int) -> bool:
        directive = self._directive
        return not directive.pause and number < directive.threads

    def _rest(self, number: int) -> None:
        """Wait until a thread may work again, or there is nothing left to do."""
        release_freed_memory()
        with self._changed:
            self._changed.wait_for(
                lambda: self._may_work(number) or self._directive.stop or self._queue.is_exhausted
            )

    def _take_turns(self, number: int) -> None:
        """Do part after part."""
        while True:
            if not self._may_work(number) and not self._directive.stop:
                self._rest(number)
            taken = None if self._directive.stop else self._queue.take()
            if taken is None:
                return
            part, stop = taken
            value = None
            try:
                value = self._work(part, stop)
            finally:
                self._queue.record(part, value)
            self._trim()

    def _trim(self) -> None:
        """Give back memory that parts have freed, now and then.

        Without it the process grew by 24 MiB in 400 random markets of the full grid on 800 bars,
        with it every 8 of them by 0.3 MiB; it took 4 ms each time, measured with two threads.
        """
        now = time.monotonic()
        if now - self._trimmed >= TRIM_SECONDS:
            self._trimmed = now
            release_freed_memory()
