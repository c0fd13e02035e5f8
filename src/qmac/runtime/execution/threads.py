"""Threads of this process: kernels release the interpreter lock, so threads run side by side."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.worker import Worker
from qmac.kernels.sweep.tally import Tally
from qmac.runtime.execution.directive import PATIENCE_SECONDS, POLL_SECONDS, WorkerDirective
from qmac.runtime.execution.executor import Monitor, Value
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.execution.parts import PartQueue, PartsMonitor, PartWork, run_parts
from qmac.runtime.resources.machine import release_freed_memory

LEAST_SECONDS = 0.001
"""Work of a batch. To take one and to call its kernel needs the interpreter lock for a tenth of a
millisecond: in batches of a cell each, two threads swept small grids no faster than one."""


class ThreadExecutor:
    """Threads that share one copy of the data.

    Parameters
    ----------
    threads : int
        Most threads that sweep.
    """

    def __init__(self, threads: int) -> None:
        self.threads = self.workers = threads
        self._helpers: tuple[int, ThreadPoolExecutor] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[int]]:
        return type(self), (self.threads,)

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that help, from their first use on; after a fork, those of before are gone."""
        process = os.getpid()
        if self._helpers is None or self._helpers[0] != process:
            self._helpers = process, ThreadPoolExecutor(self.threads)
        return self._helpers[1]

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        """Apply a function to each item, on the calling thread and its helpers.

        Each takes the next item in turn: a future for each item took a tenth of the time.

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
        arguments = list(items)
        values: list[Any] = [None] * len(arguments)
        places = iter(range(len(arguments)))  # the GIL makes each step of it one

        def work() -> None:
            try:
                for place in places:
                    values[place] = function(arguments[place])
            except BaseException:
                deque(places, 0)  # the others end after their current items
                raise

        helpers: list[Future[None]] = []
        try:
            for _ in range(min(self.threads, len(arguments)) - 1):
                helpers.append(self._pool.submit(work))
            work()
        finally:
            started = [helper for helper in helpers if not helper.cancel()]
            wait(started)
        for helper in started:
            helper.result()
        return values

    def close(self) -> None:
        """End the threads that help; those that are needed later are started again."""
        self._end_helpers(is_waiting=False)

    def _end_helpers(self, *, is_waiting: bool) -> None:
        helpers, self._helpers = self._helpers, None
        if helpers is not None and helpers[0] == os.getpid():
            helpers[1].shutdown(wait=is_waiting)

    def run(self, evaluator: Evaluator, ledger: Ledger, monitor: Monitor) -> None:
        """Sweep what is left of a ledger; see ``WorkerPool.run``.

        Parameters
        ----------
        evaluator : Evaluator
            Makes workers.
        ledger : Ledger
            Which cells are done.
        monitor : callable
            Called about ten times a second.
        """
        cells_left = int(ledger.done.size - ledger.done.sum())
        pool = WorkerPool(evaluator, min(self.threads, cells_left), self._pool)
        try:
            pool.run(ledger, monitor)
        except BaseException:  # Ctrl-C may leave a thread behind that nothing waits for
            self._end_helpers(is_waiting=True)
            raise

    def run_parts(self, queue: PartQueue, work: PartWork, monitor: PartsMonitor) -> None:
        """Do the parts of a queue; see ``parts.run_parts``.

        Parameters
        ----------
        queue : PartQueue
            Which parts; takes their values.
        work : PartWork
            Does them, on any thread.
        monitor : callable
            Called about ten times a second.
        """
        run_parts(queue, work.compute, self.threads, monitor)


def compute_tally(evaluator: Evaluator, threads: int = 1) -> Tally:
    """Sweep a whole grid in one call, without a monitor.

    Parameters
    ----------
    evaluator : Evaluator
        One dataset and its spec.
    threads : int
        Most threads.

    Returns
    -------
    Tally
        The reductions of all combinations.
    """
    ledger = Ledger(evaluator.counts, evaluator.work, evaluator.empty)
    ThreadExecutor(threads).run(evaluator, ledger, lambda _: WorkerDirective(threads))
    return ledger.tally


@dataclass
class _Share:
    """What one worker has done since it last settled."""

    number: int
    worker: Worker
    batches: list[Batch] = field(default_factory=list)

    def settle(self, ledger: Ledger) -> None:
        if not self.batches:
            return
        is_kept = ledger.settle(self.worker.tally, self.batches, self.number, may_keep=True)
        if is_kept:
            self.worker.release_tally()
        self.batches = []


class WorkerPool:
    """Threads that sweep cells of one dataset, ledger after ledger, each with a worker of its own.

    A worker is made once; one whose thread is not to sweep is freed. Workers skip what any of them
    has surpassed, so the ledgers are to be merged into one: with floors of their own two workers
    took 4 to 7 % more time than one, and each new one 0.1 s at 639 windows.

    The calling thread only waits and calls the monitor, so that Ctrl-C is seen at once. Whatever
    ends a run, the current batches are finished and settled if that takes no longer than
    ``PATIENCE_SECONDS``. Only threads of the pool change the ledger: Ctrl-C may break into the
    calling thread between any two steps.

    Parameters
    ----------
    evaluator : Evaluator
        Makes workers.
    threads : int
        Most threads.
    pool : ThreadPoolExecutor, optional
        As many threads at least, which outlive this; they have nothing else to do meanwhile.
    """

    def __init__(
        self, evaluator: Evaluator, threads: int, pool: ThreadPoolExecutor | None = None
    ) -> None:
        self.evaluator = evaluator
        self.threads = threads
        self._is_owner = pool is None
        self._pool = ThreadPoolExecutor(max(threads, 1)) if pool is None else pool
        self._floors = evaluator.floors()
        self._workers: dict[int, Worker] = {}
        """Workers of threads that do not sweep now, whatever their tallies hold."""
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads, but for those of the caller."""
        if self._is_owner:
            self._pool.shutdown()

    def forget(self) -> None:
        """Skip nothing from now on: what was swept may not be merged with what follows."""
        self._floors.fill(-np.inf)

    def run(self, ledger: Ledger, monitor: Monitor) -> None:
        """Sweep what is left of a ledger.

        Parameters
        ----------
        ledger : Ledger
            Which cells are done.
        monitor : callable
            Called about ten times a second; it returns how to go on.
        """
        self._ledger, self._directive = ledger, monitor(ledger)
        futures: list[Future[_Share | None]] = []
        try:
            for number in range(self.threads):  # inside: Ctrl-C may come between two of them
                futures.append(self._pool.submit(self._work, number))
            self._supervise(futures, ledger, monitor)
        finally:
            self._finish(futures, ledger)

    def _supervise(
        self, futures: list[Future[_Share | None]], ledger: Ledger, monitor: Monitor
    ) -> None:
        """Pass the monitor's directives on until all threads have ended, or are to stop."""
        pending = set(futures)
        while pending and not self._directive.stop:
            done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            self._direct(monitor(ledger))

    def _finish(self, futures: list[Future[_Share | None]], ledger: Ledger) -> None:
        """Let the threads end, and settle what they have done."""
        self._direct(WorkerDirective(self.threads, stop=True))
        _, late = wait(futures, timeout=PATIENCE_SECONDS)
        try:
            self.evaluator.stop[0] = 1 if late else 0
            wait(futures)
        finally:
            self.evaluator.stop[0] = 0
        results = [future.result() for future in futures if future.exception() is None]
        shares = [share for share in results if share is not None]
        _settle(shares, ledger, self._pool)
        self._workers |= {share.number: share.worker for share in shares}

    def _direct(self, directive: WorkerDirective) -> None:
        with self._changed:
            self._directive = directive
            self._changed.notify_all()

    def _may_sweep(self, number: int) -> bool:
        """Return whether thread ``number`` is to sweep."""
        directive = self._directive
        return not directive.stop and not directive.pause and number < directive.threads

    def _rest(self, number: int) -> None:
        """Free the worker of a thread, and wait until it is to sweep or all are to stop."""
        self._workers.pop(number, None)
        release_freed_memory()
        with self._changed:
            self._changed.wait_for(
                lambda: self._may_sweep(number) or self._directive.stop or self._ledger.is_exhausted
            )

    def _begin_share(self, number: int) -> _Share:
        worker = self._workers.pop(number, None)
        if worker is None:
            worker = self.evaluator.worker(self._floors)
        else:
            worker.start_over()
        return _Share(number, worker)

    def _work(self, number: int) -> _Share | None:
        """Sweep batches until none are left.

        Returns None if nothing was swept, or if what was not settled is lost.
        """
        ledger = self._ledger
        share: _Share | None = None
        epoch = 0  # a request for settlement from before the start is for this thread, too
        speed = 0.0
        while True:
            if not self._may_sweep(number) and not self._directive.stop:
                if share is not None:
                    share.settle(ledger)
                share = None  # its tables are freed while the thread waits
                self._rest(number)
            batch = self._take(speed)
            if batch is None:
                return share
            share = share or self._begin_share(number)
            seconds = self._evaluate(share.worker, batch)
            if seconds is None:
                return None
            speed = ledger.compute_work(batch) / max(seconds, 1e-9)
            share.batches.append(batch)
            ledger.record_swept(batch, float(share.worker.tally.heap.scores.max()), seconds)
            if ledger.epoch != epoch:
                epoch = ledger.epoch
                share.settle(ledger)
                share.worker.start_over()

    def _take(self, speed: float) -> Batch | None:
        directive = self._directive
        if directive.stop:
            return None
        return self._ledger.take(speed, max(1, directive.threads), LEAST_SECONDS)

    def _evaluate(self, worker: Worker, batch: Batch) -> float | None:
        """Sweep a batch; return its seconds, or None if the worker's tally is lost."""
        began = time.perf_counter()
        is_counted = False
        try:
            is_counted = worker.evaluate(batch)
        finally:
            if not is_counted:
                # when its cells are swept again, nothing that they reach may be skipped
                self.forget()
        return time.perf_counter() - began if is_counted else None


def _settle(shares: list[_Share], ledger: Ledger, pool: ThreadPoolExecutor) -> None:
    """Merge all tallies, and settle the sum.

    Each thread merges a part of the cells of all: with 1,419 windows one merge takes most of a
    second. An exception that breaks in loses all of them, and no batch of them is done.
    """
    if not shares:
        return
    first, others = shares[0], shares[1:]
    tallies = [share.worker.tally for share in others]
    reductions.merge(first.worker.tally, *tallies, mapped=pool.map, parts=len(shares))
    for share in others:
        first.batches += share.batches
    pool.submit(first.settle, ledger).result()
