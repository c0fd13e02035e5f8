"""Many series on a cluster: each is prepared, swept and finished by one thread of a node."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from qmac.data.prices import Prices
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import (
    InputError,
    InternalError,
    OptionError,
    PricesError,
    ResultError,
    Stopped,
    collect_warnings,
    warn,
)
from qmac.jobs.job import Job
from qmac.jobs.memory_model import series_bytes
from qmac.jobs.monitor import NullMonitor
from qmac.jobs.series_sweep import sweep
from qmac.results.result import Result
from qmac.runs.header import prices_checksum
from qmac.runs.tasks import Task
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.cluster.payloads import CellProbe
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.execution.parts import Part, PartQueue
from qmac.runtime.monitoring.status import JobProgress, Status
from qmac.runtime.resources.governor import Governor
from qmac.strategy.request import Request

LEAVES_OUT = (OptionError, PricesError, ResultError)
"""Errors that concern one series: it does not fit into memory, or its file is damaged."""
SEQUENCE = "series"
MOST_BARS, MOST_STEPS = 200_000, 1e13
"""Bars of a series, and combinations times bars, up to which a thread of a node sweeps it alone, in
about 20 s: no snapshot is written meanwhile, and prices of many lie in memory. What is longer is
swept by all nodes together, which takes long beside what they exchange."""
BUILDING_SECONDS, STEP_SECONDS = 30.0, 1e-11
"""No series takes longer on a thread, however slow the machine."""
STORING_THREADS = 2
WAITING_RESULTS = 8
"""Results that wait to be stored, before no more are taken in."""


def suits_nodes(job: Job, bars: int) -> bool:
    """Return whether a series of a job is short enough to be swept by a thread of a node alone.

    Parameters
    ----------
    job : Job
        Its request counts, and whether averages are those of the rules.
    bars : int
        Bars of the series.

    Returns
    -------
    bool
        False where it is to be swept by all nodes together.
    """
    return job.averages is None and bars <= MOST_BARS and job.request.grid.size * bars <= MOST_STEPS


class _StoppableMonitor(NullMonitor):
    """The monitor of a sweep that ends once a flag is set."""

    def __init__(self, stop: np.ndarray, share: np.ndarray) -> None:
        super().__init__(1)
        self._stop = stop
        self._share = share

    def __call__(self, ledger: Ledger, /, *_: object) -> WorkerDirective:  # type: ignore[override]
        """Say how far it is, and return whether to go on."""
        self._share[0] = ledger.share
        return WorkerDirective(1, stop=bool(self._stop[0]))

    def end(self, ledger: Ledger, /) -> list[dict[str, Any]]:  # type: ignore[override]
        """Raise Stopped if not all is swept.

        Returns
        -------
        list
            Empty.
        """
        if not ledger.is_complete:
            raise Stopped("the series is needed no more.")
        return []


@dataclass(frozen=True, eq=False)
class SeriesWork:
    """What sweeps series of a job on another machine: the work of ``ClusterExecutor.run_parts``.

    Prices come with each lease, so neither this nor what a node holds grows with their number.
    """

    request: Request
    longest: Prices
    """One of the longest series: a node must prepare it to the last bit as here."""

    @functools.cached_property
    def _share(self) -> np.ndarray:
        return np.zeros(1)

    @functools.cached_property
    def _job(self) -> Job:
        return Job({self.longest.name: self.longest}, self.request)

    def _prepare(self) -> tuple[PreparedSeries, SweepSpec]:
        series = self._job.prepare(self.longest)
        return series, self._job.build_spec(series)

    @property
    def thread_bytes(self) -> int:
        """Memory that one thread needs."""
        series, spec = self._prepare()
        return series_bytes(series, self.request.grid, spec)

    @property
    def most_seconds(self) -> float:
        """No series takes longer, however slow the machine."""
        return BUILDING_SECONDS + STEP_SECONDS * self.request.grid.size * len(self.longest)

    def compute(self, _: Part, stop: np.ndarray, packed: bytes = b"") -> bytes | None:
        """Return the result of a series.

        Parameters
        ----------
        _ : Part
            Its number.
        stop : ndarray
            ``(1,)`` uint8; the sweep ends early once it is not 0.
        packed : bytes
            What ``pack`` returned.

        Returns
        -------
        bytes or None
            For ``unpack``; None if it was stopped.
        """
        with collect_warnings() as texts:
            try:
                outcome: Any = self._do(packed, stop)
            except LEAVES_OUT as error:
                outcome = error
            except Stopped:
                return None
        return pickle.dumps((outcome, texts), pickle.HIGHEST_PROTOCOL)

    def _do(self, packed: bytes, stop: np.ndarray) -> Any:
        """Return what ``unpack`` is to return."""
        prices = pickle.loads(packed)  # noqa: S301, of the driver
        if isinstance(prices, InputError):
            raise prices
        return self._sweep(prices, stop)

    def _sweep(self, prices: Prices, stop: np.ndarray) -> Result:
        """Sweep a series on this thread; the result is without its prices."""
        job, grid = self._job, self.request.grid
        series = job.prepare(prices)
        self._share[0] = 0.0
        monitor, executor = _StoppableMonitor(stop, self._share), SerialExecutor(stop)
        spec = job.build_spec(series)
        result = sweep(series, grid, spec, executor, monitor, job.fingerprint)
        return replace(result, source=None)

    def compute_checksum(self) -> str:
        """Return a checksum of everything but the prices that the results follow from.

        Returns
        -------
        str
            SHA-256, hexadecimal.
        """
        values = self.request.to_dict(), prices_checksum(self.longest)
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def compute_fingerprint(self) -> dict[str, str]:
        """Return what must be equal on every machine that sweeps these series.

        Returns
        -------
        dict
            Version, hash of the sources of the kernels' arithmetic, known answers, and a checksum
            of a whole dataset: a library that rounds a logarithm otherwise gives another one.

        Raises
        ------
        InternalError
            If the kernels give wrong answers on this machine.
        """
        series, spec = self._prepare()
        fingerprint = CellProbe(spec, series.period.close.size).compute_fingerprint()
        digest = hashlib.sha256()
        Dataset.build(series, self.request.grid, spec.statistics).update(digest)
        return {**fingerprint, "the longest series": digest.hexdigest()}


def pack(read: Callable[[], Prices]) -> bytes:
    """Return what ``SeriesWork.compute`` needs of a series.

    Parameters
    ----------
    read : callable
        Returns the prices.

    Returns
    -------
    bytes
        The prices, or the error that says why they cannot be read.
    """
    try:
        prices: Prices | InputError = read()
    except LEAVES_OUT as error:
        prices = error
    return pickle.dumps(prices, pickle.HIGHEST_PROTOCOL)


def unpack(packed: bytes) -> Result | InputError:
    """Return what a node made of a series, and issue what it warned of.

    Parameters
    ----------
    packed : bytes
        What ``SeriesWork.compute`` returned.

    Returns
    -------
    Result or InputError
        The result without its prices, or why the series is left out.
    """
    outcome, texts = pickle.loads(packed)  # noqa: S301, of a node of the user's
    for text in texts:
        warn(text, stacklevel=2)
    return outcome  # type: ignore[no-any-return]


class LeasedSeries:
    """Series that nodes sweep, and the monitor of them.

    Parameters
    ----------
    job : Job
        Reads the prices of each.
    tasks : sequence of Task
        The longest first: what is begun last is short, so nodes end together.
    store : callable
        Takes what became of each: a result, or why it is left out. Any thread calls it.
    governor : Governor
        Of the run.
    progress : JobProgress or None
        Gets a ``Status`` about ten times a second.
    """

    def __init__(
        self,
        job: Job,
        tasks: Sequence[Task],
        store: Callable[[Task, Result | InputError], None],
        governor: Governor,
        progress: JobProgress | None,
    ) -> None:
        self._job = job
        self._tasks = tasks
        self._store = store
        self._governor = governor
        self._progress = progress
        self._began = time.perf_counter()
        self._seen = 0
        """Series that have been shown as done."""
        self._done: list[tuple[str, float]] = []
        """Name and best value of each that is stored."""

    def run(self, executor: ClusterExecutor) -> None:
        """Sweep all of them, but for those that failed on every node.

        Parameters
        ----------
        executor : ClusterExecutor
            Where.

        Raises
        ------
        Stopped
            If a limit ended it.
        """
        work = SeriesWork(self._job.request, self._job.series(self._tasks[0]))
        with ThreadPoolExecutor(STORING_THREADS) as pool:
            queue = _SeriesQueue(len(self._tasks), self._take, pool)
            try:
                executor.run_parts(queue, work, self._monitor, self._pack)
            finally:
                queue.wait()
        self._show({})
        if not queue.is_complete:
            reason = self._governor.tick().reason
            raise Stopped(f"stopped between two symbols: {reason}.")

    def _pack(self, part: Part) -> bytes:
        return pack(lambda: self._job.series(self._tasks[part.number]))

    def _take(self, number: int, packed: bytes) -> None:
        """Store what became of a series."""
        task, outcome = self._tasks[number], unpack(packed)
        self._store(task, outcome)
        best = math.nan
        if self._progress is not None and isinstance(outcome, Result) and len(outcome.top):
            best = float(outcome.top[outcome.objective].iloc[0])
        self._done.append((task.name, best))

    def _monitor(self, nodes: Mapping[str, Any] | None = None) -> WorkerDirective:
        """Show how far all are, and return what nodes do."""
        decision = self._governor.tick()
        self._show(nodes or {})
        return WorkerDirective(decision.threads, decision.pause, decision.stop is not None)

    def _show(self, nodes: Mapping[str, Any]) -> None:
        """Show each series that has ended, or how the nodes are."""
        if self._progress is None:
            return
        ended = self._done[self._seen :]
        self._seen += len(ended)
        for name, best in ended:
            self._progress.end(name)
            self._progress.show_together([self._build_status(name, best, nodes)])
        if not ended:
            name, best = self._done[-1] if self._done else (self._tasks[0].name, math.nan)
            self._progress.show_together([self._build_status(name, best, nodes)])

    def _build_status(self, name: str, best: float, nodes: Mapping[str, Any]) -> Status:
        size, seconds = self._job.request.grid.size, time.perf_counter() - self._began
        return Status(
            done=size if self._done else 0,
            size=size,
            seconds=seconds,
            best=best,
            memory=self._governor.memory_used,
            rate=size * len(self._done) / max(seconds, 1e-9),
            name=name,
            threads=sum(node.threads for node in nodes.values()),
            limit=self._governor.memory_limit,
            nodes={name: asdict(node) for name, node in nodes.items()},
        )


class _SeriesQueue(PartQueue):
    """Numbers of series, whose results are stored by threads as they come."""

    def __init__(
        self, count: int, take: Callable[[int, bytes], None], pool: ThreadPoolExecutor
    ) -> None:
        super().__init__({SEQUENCE: lambda _: False}, {SEQUENCE: count})
        self._take = take
        self._pool = pool
        self._storing: list[Future[None]] = []

    def check(self, part: Part, value: Any, node: str) -> None:
        """Check that a node has sent something."""
        if type(value) is not bytes:
            raise InternalError(f"node {node} sent {value!r} for {part}, which is no result.")

    def give_up(self, part: Part, _: str) -> None:
        """Leave a series to all nodes together: they say more of what fails."""
        super().record(part, 0.0)

    def record(self, part: Part, value: Any) -> None:
        """Let a result be stored, once few wait for it."""
        self._storing.append(self._pool.submit(self._take, part.number, value))
        if len(self._storing) > WAITING_RESULTS:
            self._storing.pop(0).result()
        super().record(part, 1.0)

    def wait(self) -> None:
        """Wait until all results are stored."""
        while self._storing:
            self._storing.pop(0).result()
