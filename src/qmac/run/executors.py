"""Where units are evaluated. Every executor gives the same tally; only the speed differs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

from qmac import reductions
from qmac.evaluation import Evaluator, Worker
from qmac.kernels.tally import Tally

Unit = tuple[int, int]
Report = Callable[[Sequence[Tally]], None]
Value = TypeVar("Value")
POLL_SECONDS = 0.1


class Executor(Protocol):
    """Evaluates units and spreads small calls."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]: ...

    def run(self, evaluator: Evaluator, units: Iterable[Unit], report: Report) -> Tally: ...


class SerialExecutor:
    """One unit after the other in the calling thread: what the others must equal."""

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        return map(function, items)

    def run(self, evaluator: Evaluator, units: Iterable[Unit], report: Report) -> Tally:
        worker = evaluator.worker()
        for unit in units:
            worker.evaluate(unit)
            report([worker.tally])
        return worker.tally


class ThreadExecutor:
    """Kernels release the GIL, so threads share one copy of the data and run side by side.

    The calling thread only waits and reports, so that Ctrl-C is seen at once; the kernels then leave
    at their next row.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def map(self, function: Callable[[Any], Value], items: Iterable[Any]) -> Iterable[Value]:
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, items))

    def run(self, evaluator: Evaluator, units: Iterable[Unit], report: Report) -> Tally:
        queue = _Shared(units)
        count = min(self.threads, evaluator.blocks)
        workers = list(self.map(lambda _: evaluator.worker(), range(count)))  # each fills its maps
        with ThreadPoolExecutor(len(workers)) as pool:
            pending: set[Future[None]] = {pool.submit(_drain, worker, queue) for worker in workers}
            try:
                while pending:
                    done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    report([worker.tally for worker in workers])
            except BaseException:
                evaluator.stop[0] = 1
                raise
        return self._merged([worker.tally for worker in workers])

    def _merged(self, tallies: list[Tally]) -> Tally:
        """Two by two, side by side: a merge of 1,419 windows takes most of a second, and 59 in a row would wait."""
        while len(tallies) > 1:
            half = (len(tallies) + 1) // 2
            pairs = zip(tallies, tallies[half:], strict=False)
            self.map(lambda pair: reductions.merge(*pair), pairs)
            tallies = tallies[:half]
        return tallies[0]


def _drain(worker: Worker, queue: _Shared) -> None:
    for unit in queue:
        if not worker.evaluate(unit):
            return


class _Shared(Iterator[Unit]):
    """An iterator that several threads may draw from."""

    def __init__(self, items: Iterable[Unit]) -> None:
        self._items, self._lock = iter(items), threading.Lock()

    def __next__(self) -> Unit:
        with self._lock:
            return next(self._items)
