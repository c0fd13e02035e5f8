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
from qmac.runtime.execution.executor import (
    PATIENCE_SECONDS,
    POLL_SECONDS,
    Monitor,
    Value,
    WorkerDirective,
)
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.resources.machine import release_freed_memory


class ThreadExecutor:
    """Kernels release the GIL, so threads share one copy of the data and run side by side."""

    def __init__(self, threads: int) -> None:
        self.threads = self.workers = threads
        self._helpers: tuple[int, ThreadPoolExecutor] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[int]]:
        return type(self), (self.threads,)

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that help, from when they are needed to the end of the executor; those of before a fork are not here."""
        if self._helpers is None or self._helpers[0] != os.getpid():
            self._helpers = os.getpid(), ThreadPoolExecutor(self.threads)
        return self._helpers[1]

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        """The calling thread and its helpers take the next item in turn: a future for each took a tenth of the time."""
        wanted = list(items)
        found: list[Any] = [None] * len(wanted)
        left = iter(range(len(wanted)))  # the GIL makes each step of it one

        def work() -> None:
            try:
                for place in left:
                    found[place] = function(wanted[place])
            except BaseException:
                deque(left, 0)  # the others end after the items at hand
                raise

        helpers: list[Future[None]] = []
        try:
            for _ in range(min(self.threads, len(wanted)) - 1):
                helpers.append(self._pool.submit(work))
            work()
        finally:
            begun = [helper for helper in helpers if not helper.cancel()]
            wait(begun)
        for helper in begun:
            helper.result()
        return found

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Monitor) -> None:
        with WorkerPool(
            evaluator, min(self.threads, int(ledger.done.size - ledger.done.sum()))
        ) as crew:
            crew.run(ledger, watch)


def compute_tally(evaluator: Evaluator, threads: int = 1) -> Tally:
    """All of a grid in one call, with nobody watching."""
    ledger = Ledger(evaluator.counts, evaluator.work, evaluator.empty)
    ThreadExecutor(threads).run(evaluator, ledger, lambda _: WorkerDirective(threads))
    return ledger.tally


class WorkerPool:
    """Threads that sweep cells of one dataset, ledger after ledger, each with a worker of its own that is made once.

    Workers pass by what any of them has surpassed, so the ledgers are to be merged into one. With floors of their own two
    workers took 4 to 7 % more than one, each new one at 639 windows 0.1 s. A worker whose thread is not to sweep is freed.

    The calling thread only waits and watches, so that Ctrl-C is seen at once. Whatever ends a run, batches at hand
    are finished and settled if that takes no longer than ``PATIENCE_SECONDS``. Only pool threads change the ledger: Ctrl-C
    may break into the calling thread between any two steps.
    """

    def __init__(self, evaluator: Evaluator, threads: int) -> None:
        self.evaluator, self.threads = evaluator, threads
        self._pool = ThreadPoolExecutor(max(threads, 1))
        self._floors = evaluator.floors()
        self._workers: dict[int, Worker] = {}
        """Of threads that do not sweep now, whatever their tallies hold."""
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def forget(self) -> None:
        """Pass nothing by: what was swept before may not be merged with what follows."""
        self._floors.fill(-np.inf)

    def run(self, ledger: Ledger, watch: Monitor) -> None:
        """As ``Executor.run``."""
        self._ledger, self._orders = ledger, watch(ledger)
        work: list[Future[_Share | None]] = []
        try:
            for number in range(self.threads):  # inside: Ctrl-C may come between two of them
                work.append(self._pool.submit(self._work, number))
            pending = set(work)
            while pending and not self._orders.stop:
                done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                self._say(watch(ledger))
        finally:
            self._say(WorkerDirective(self.threads, stop=True))
            _, late = wait(work, timeout=PATIENCE_SECONDS)
            try:
                self.evaluator.stop[0] = 1 if late else 0
                wait(work)
            finally:
                self.evaluator.stop[0] = 0
            shares = [
                share
                for future in work
                if future.exception() is None and (share := future.result())
            ]
            _settle(shares, ledger, self._pool)
            self._workers |= {share.number: share.worker for share in shares}

    def _say(self, orders: WorkerDirective) -> None:
        with self._changed:
            self._orders = orders
            self._changed.notify_all()

    def _wants(self, number: int) -> bool:
        """Whether thread ``number`` is to sweep."""
        return not self._orders.stop and not self._orders.pause and number < self._orders.threads

    def _wait_for(self, number: int) -> None:
        """Until the thread is to sweep, or all are to stop."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._wants(number) or self._orders.stop or self._ledger.is_exhausted
            )

    def _share(self, number: int) -> _Share:
        if (worker := self._workers.pop(number, None)) is None:
            return _Share(number, self.evaluator.worker(self._floors))
        worker.start_over()
        return _Share(number, worker)

    def _work(self, number: int) -> _Share | None:
        """Sweep batches until none are left; None if nothing was swept, or what was not settled is lost."""
        ledger, share = self._ledger, None
        epoch, speed = 0, 0.0  # a call that came before it started is for it too
        while True:
            if not self._wants(number) and not self._orders.stop:
                if share is not None:
                    share.settle(ledger)
                share = None  # its tables are freed while it waits
                self._workers.pop(number, None)
                release_freed_memory()
                self._wait_for(number)
            batch = None if self._orders.stop else ledger.take(speed, max(1, self._orders.threads))
            if batch is None:
                return share
            share = share or self._share(number)
            began = time.perf_counter()
            kept = False
            try:
                kept = share.worker.evaluate(batch)
            finally:
                if not kept:
                    # its tally is lost: when its cells are swept again, nothing that they reach may be passed by
                    self.forget()
            if not kept:
                return None
            seconds = time.perf_counter() - began
            speed = ledger.compute_work(batch) / max(seconds, 1e-9)
            share.batches.append(batch)
            ledger.record_swept(batch, float(share.worker.tally.heap.scores.max()), seconds)
            if ledger.epoch != epoch:
                epoch = ledger.epoch
                share.settle(ledger)
                share.worker.start_over()


@dataclass
class _Share:
    """What one worker has done since it last settled."""

    number: int
    worker: Worker
    batches: list[Batch] = field(default_factory=list)

    def settle(self, ledger: Ledger) -> None:
        if self.batches:
            if ledger.settle(self.worker.tally, self.batches, self.number, given=True):
                self.worker.give_away()
            self.batches = []


def _settle(shares: list[_Share], ledger: Ledger, pool: ThreadPoolExecutor) -> None:
    """Each thread merges a part of the cells of all tallies: one of 1,419 windows takes most of a second.

    What breaks in loses all of them, and no batch of them is done.
    """
    if not shares:
        return
    first, others = shares[0], shares[1:]
    reductions.merge(
        first.worker.tally,
        *(share.worker.tally for share in others),
        mapped=pool.map,
        parts=len(shares),
    )
    for share in others:
        first.batches += share.batches
    pool.submit(first.settle, ledger).result()
