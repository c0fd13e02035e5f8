"""Where cells are evaluated. Every executor fills the ledger with the same answer; only the speed differs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from qmac import reductions
from qmac.evaluation import Evaluator, Worker
from qmac.kernels.tally import Tally
from qmac.machine import give_back
from qmac.run.ledger import Batch, Ledger

Value = TypeVar("Value")
POLL_SECONDS = 0.1
PATIENCE = 4.0
"""Seconds that a stop waits for the batches at hand; then the kernels leave at their next row, and those are lost."""


@dataclass(frozen=True)
class Orders:
    """What workers are to do from now on."""

    threads: int
    pause: bool = False
    stop: bool = False


Watch = Callable[..., Orders]
"""Called about ten times a second by the thread that waits, with the ledger, and with readings of nodes by name where there
are nodes: shows, saves, and says how to go on."""


class Executor(Protocol):
    """Evaluates cells and spreads small calls."""

    threads: int
    """That sweep in this process, at most."""
    workers: int
    """Threads that sweep, wherever they are."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]: ...

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Watch) -> None: ...


class SerialExecutor:
    """One batch after the other in the calling thread: what the others must equal."""

    threads = workers = 1

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        return map(function, items)

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Watch) -> None:
        worker, batches = evaluator.worker(), []
        while not watch(ledger).stop and (batch := ledger.take(0.0, 1)):
            worker.evaluate(batch)
            batches.append(batch)
            ledger.swept(batch, float(worker.tally.heap.scores.max()))
        ledger.settle(worker.tally, batches)


class ThreadExecutor:
    """Kernels release the GIL, so threads share one copy of the data and run side by side.

    The calling thread only waits and watches, so that Ctrl-C is seen at once. Whatever ends a run, batches at hand
    are finished and settled if that takes no longer than ``PATIENCE``. Only pool threads change the ledger: Ctrl-C
    may break into the calling thread between any two steps.
    """

    def __init__(self, threads: int) -> None:
        self.threads = self.workers = threads

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, items))

    def run(self, evaluator: Evaluator, ledger: Ledger, watch: Watch) -> None:
        count = min(self.threads, int(ledger.done.size - ledger.done.sum()))
        crew = _Crew(watch(ledger), evaluator, ledger)
        with ThreadPoolExecutor(max(count, 1)) as pool:
            workers: list[Future[Any]] = []
            try:
                for number in range(count):  # inside: Ctrl-C may come between two of them
                    workers.append(pool.submit(_work, crew, number))
                pending = set(workers)
                while pending and not crew.orders.stop:
                    done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    crew.say(watch(ledger))
            finally:
                crew.say(Orders(count, stop=True))
                _, late = wait(workers, timeout=PATIENCE)
                evaluator.stop[0] = 1 if late else 0
                wait(workers)
                _settle([worker.result() for worker in workers if worker.exception() is None], ledger, pool)


def tally_of(evaluator: Evaluator, threads: int = 1) -> Tally:
    """All of a grid in one call, with nobody watching."""
    ledger = Ledger(evaluator.counts(), evaluator.work(), evaluator.empty())
    ThreadExecutor(threads).run(evaluator, ledger, lambda _: Orders(threads))
    return ledger.tally


def _settle(shares: list[_Share | None], ledger: Ledger, pool: ThreadPoolExecutor) -> None:
    """Two by two, side by side: a merge of 1,419 windows takes most of a second, and 59 in a row would wait."""
    left = [share for share in shares if share is not None]
    while len(left) > 1:
        half = (len(left) + 1) // 2
        list(pool.map(_Share.add, left, left[half:]))
        left = left[:half]
    for share in left:
        pool.submit(share.settle, ledger).result()


@dataclass
class _Share:
    """What one worker has done since it last settled."""

    number: int
    worker: Worker
    batches: list[Batch] = field(default_factory=list)

    def add(self, other: _Share) -> None:
        reductions.merge(self.worker.tally, other.worker.tally)
        self.batches += other.batches

    def settle(self, ledger: Ledger) -> None:
        if self.batches:
            ledger.settle(self.worker.tally, self.batches, self.number)
            self.worker.start_over()
            self.batches = []


class _Crew:
    """What the workers of a run have in common."""

    def __init__(self, orders: Orders, evaluator: Evaluator, ledger: Ledger) -> None:
        self.orders, self.evaluator, self.ledger = orders, evaluator, ledger
        self.changed = threading.Condition()

    def say(self, orders: Orders) -> None:
        with self.changed:
            self.orders = orders
            self.changed.notify_all()

    def wants(self, number: int) -> bool:
        """Whether worker ``number`` is to sweep."""
        return not self.orders.stop and not self.orders.pause and number < self.orders.threads

    def wait_for(self, number: int) -> None:
        """Until the worker is to sweep, or all are to stop."""
        with self.changed:
            self.changed.wait_for(lambda: self.wants(number) or self.orders.stop or self.ledger.nothing_left)


def _work(crew: _Crew, number: int) -> _Share | None:
    """Sweep batches until none are left; None if what was not settled is lost."""
    ledger, share = crew.ledger, None
    epoch, speed = 0, 0.0  # a call that came before it started is for it too
    while True:
        if not crew.wants(number) and not crew.orders.stop:
            if share is not None:
                share.settle(ledger)
                share = None  # its tables are freed while it waits
                give_back()
            crew.wait_for(number)
        batch = None if crew.orders.stop else ledger.take(speed, max(1, crew.orders.threads))
        if batch is None:
            return share
        share = share or _Share(number, crew.evaluator.worker())
        began = time.perf_counter()
        if not share.worker.evaluate(batch):
            return None
        seconds = time.perf_counter() - began
        speed = (batch[1] - batch[0]) / max(seconds, 1e-9)
        share.batches.append(batch)
        ledger.swept(batch, float(share.worker.tally.heap.scores.max()), seconds)
        if ledger.epoch != epoch:
            epoch = ledger.epoch
            share.settle(ledger)
