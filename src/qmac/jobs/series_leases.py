"""Many series on a cluster: each is prepared, swept and finished by one thread of a node."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
from qmac.jobs.result_sink import PackedResult, WrittenResult
from qmac.jobs.series_progress import SeriesProgress
from qmac.jobs.series_sweep import sweep
from qmac.results.result import Result, find_best_row
from qmac.runs.header import prices_checksum
from qmac.runs.tasks import Task
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.cluster.payloads import CellProbe
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.execution.parts import Part, PartQueue
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


AnswerOutcome = PackedResult | WrittenResult | InputError
"""What another process made of a series; an error says why it is left out."""


class Answer(NamedTuple):
    """What another process says of a series."""

    outcome: Any
    """``AnswerOutcome``; on its way the length of a result instead of it."""
    best: float
    """Objective of the winner."""
    texts: list[str]
    """What was warned of."""


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
        """Series of the present part that are swept, and the share of the next one."""
        return np.zeros(2)

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

    def compute(self, _: Part, stop: np.ndarray, packed: bytes | memoryview = b"") -> bytes | None:
        """Return what becomes of series, one after the other.

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
            For ``unpack``: of all series, or of those before a stop; None if there is none.
        """
        self._share[:] = 0.0  # first: a process says meanwhile how far it is
        answers: list[Answer] = []
        for sent in pickle.loads(packed):  # noqa: S301, of the process that hands out work
            self._share[:] = len(answers), 0.0
            with collect_warnings() as texts:
                try:
                    best, outcome = self._do(sent, stop)
                except LEAVES_OUT as error:
                    best, outcome = math.nan, error
                except Stopped:
                    break
            answers.append(Answer(outcome, best, texts))
        self._share[:] = len(answers), 0.0
        return _pack_answers(answers) if answers else None

    def _do(self, sent: Any, stop: np.ndarray) -> tuple[float, AnswerOutcome]:
        """Return the best value of a series, and its result."""
        result = self._sweep(sent, stop)
        return find_best(result), PackedResult(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))

    def _sweep(self, prices: Prices | InputError, stop: np.ndarray) -> Result:
        """Sweep a series on this thread; the result is without its prices."""
        if isinstance(prices, InputError):
            raise prices
        job, grid = self._job, self.request.grid
        series = job.prepare(prices)
        monitor, executor = _StoppableMonitor(stop, self._share[1:]), SerialExecutor(stop)
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


def find_best(result: Result) -> float:
    """Return the objective of the winner.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    float
        NaN if nothing was scored.
    """
    return (find_best_row(result) or {}).get(result.objective, math.nan)


def read(job: Job, task: Task) -> Prices | InputError:
    """Return the prices of a task, or why it is left out: whoever sweeps it says so.

    Parameters
    ----------
    job : Job
        Reads them.
    task : Task
        One of the job.

    Returns
    -------
    Prices or InputError
        The error is one of ``LEAVES_OUT``.
    """
    try:
        return job.series(task)
    except LEAVES_OUT as error:
        return error


def pack(sent: Sequence[Any]) -> bytes:
    """Return what ``SeriesWork.compute`` needs of some series.

    Parameters
    ----------
    sent : sequence
        Prices of each, or what stands for them.

    Returns
    -------
    bytes
        Pickled.
    """
    return pickle.dumps(sent, pickle.HIGHEST_PROTOCOL)


def _pack_answers(answers: Sequence[Answer]) -> bytes:
    """Return answers in one piece; results come last, so that reading copies none."""
    results, others = [], []
    for answer in answers:
        if isinstance(answer.outcome, PackedResult):
            results.append(answer.outcome.pickled)
            answer = answer._replace(outcome=len(answer.outcome.pickled))
        others.append(answer)
    return b"".join((pickle.dumps(others, pickle.HIGHEST_PROTOCOL), *results))


def unpack(packed: bytes | memoryview) -> list[Answer]:
    """Return what became of series, and issue what was warned of.

    Parameters
    ----------
    packed : bytes
        What ``SeriesWork.compute`` returned; results are parts of it.

    Returns
    -------
    list of Answer
        In the order in which they were sent.
    """
    view = memoryview(packed)
    answers = pickle.loads(view)  # noqa: S301, of a process or node of the user's
    end = len(view)
    for place, answer in reversed(list(enumerate(answers))):
        if isinstance(answer.outcome, int):
            start = end - answer.outcome
            answers[place] = answer._replace(outcome=PackedResult(view[start:end]))
            end = start
    for answer in answers:
        for text in answer.texts:
            warn(text, stacklevel=2)
    return answers  # type: ignore[no-any-return]


class LeasedSeries:
    """Series that nodes sweep, and the monitor of them.

    Parameters
    ----------
    job : Job
        Reads the prices of each.
    tasks : sequence of Task
        The longest first: what is begun last is short, so nodes end together.
    settle : callable
        Takes what became of each: a result, or why it is left out. Any thread calls it.
    governor : Governor
        Of the run.
    progress : SeriesProgress
        Shown about ten times a second.
    """

    def __init__(
        self,
        job: Job,
        tasks: Sequence[Task],
        settle: Callable[[Task, AnswerOutcome], None],
        governor: Governor,
        progress: SeriesProgress,
    ) -> None:
        self._job = job
        self._tasks = tasks
        self._settle = settle
        self._governor = governor
        self._progress = progress

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
            queue = _LeaseQueue(len(self._tasks), self._take, pool)
            try:
                executor.run_parts(queue, work, self._monitor, self._pack)
            finally:
                queue.wait()
        self._show({})
        if not queue.is_complete:
            reason = self._governor.tick().reason
            raise Stopped(f"stopped between two symbols: {reason}.")

    def _pack(self, part: Part) -> bytes:
        return pack([read(self._job, self._tasks[part.number])])

    def _take(self, number: int, packed: bytes) -> None:
        """Store what became of a series."""
        task, (answer,) = self._tasks[number], unpack(packed)
        self._settle(task, answer.outcome)
        self._progress.end(task.name, answer.best, is_done=True)

    def _monitor(self, nodes: Mapping[str, Any] | None = None) -> WorkerDirective:
        """Show how far all are, and return what nodes do."""
        decision = self._governor.tick()
        self._show(nodes or {})
        return WorkerDirective(decision.threads, decision.pause, decision.stop is not None)

    def _show(self, nodes: Mapping[str, Any]) -> None:
        self._progress.show_nodes(self._tasks[0].name, nodes)


class _LeaseQueue(PartQueue):
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
