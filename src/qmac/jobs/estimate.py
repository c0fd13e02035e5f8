"""What a job will take, from a second or two of it."""

from __future__ import annotations

import dataclasses
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.selftest import self_test
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker
from qmac.errors import OptionError
from qmac.jobs.job import Job
from qmac.jobs.memory_model import admitted, finishing_bytes
from qmac.jobs.top_rows import count_rows_at_once, replay_top
from qmac.runs.score_store import check_dtype, packed
from qmac.runtime.monitoring.status import format_duration, format_rate
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import count_allowed_threads
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Probe

MEASURED_SECONDS = 1.0
SLACK = 0.25
"""Share by which a run may be quicker; it may take twice that longer: other programs, slower clocks under load."""
SNAPSHOTS = 4  # three kept, and one being written
ALIKE = 1.2
"""Where the longest series has no more bars than this times those of the middle one, one of them is measured."""
KEPT_BYTES = 28 * 8
"""Of a kept row on disk."""
FEWEST_ROWS, MOST_ROWS, REPLAYED = 16, 256, 1 << 21
"""Kept rows that are replayed, and their bars: 0.1 s or so."""
SYMBOL_SECONDS, CELL_SECONDS = 0.02, 4e-6
"""Of each symbol, and of each cell of a map, beside what is measured. From jobs of 60 and of 10 symbols, 28 to 250 windows."""


@dataclass(frozen=True)
class Estimate:
    """What a job will take: seconds, and bytes at most."""

    combinations: int
    symbols: int
    cells: int
    rate: float  # combinations a second, all threads
    seconds: float
    memory: int
    disk: int
    threads: int

    @property
    def cpu_seconds(self) -> float:
        """Of all threads together."""
        return self.seconds * self.threads

    @property
    def shown_threads(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads != 1)}"

    @property
    def lines(self) -> list[str]:
        """For people."""
        low, high = self.seconds * (1 - SLACK), self.seconds * (1 + 2 * SLACK)
        symbols = f" on {self.symbols:,} symbols" if self.symbols > 1 else ""
        return [
            f"combinations  {self.combinations:,}{symbols}, in {self.cells:,} cells",
            f"time          {_shown(self.seconds)} ({_shown(low)} to {_shown(high)}) on {self.shown_threads} here",
            f"speed         {format_rate(self.rate)}",
            f"memory        {format_bytes(self.memory)}",
            f"disk          {format_bytes(self.disk)} with --out",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else format_duration(seconds)


@dataclass(frozen=True)
class _Series:
    """What one series takes on one thread: ``seconds`` but for the sweep, ``swept`` of the sweep; bytes."""

    bars: int
    cells: int
    seconds: float
    swept: float
    memory: int
    snapshot: int
    result: int
    threads: int


def estimate(job: Job, limits: Limits, threads: int, save_grid: str | None = None) -> Estimate:
    """What the job will take: its series of middle length and its longest are measured for a second or two, the others count
    by their bars. ``save_grid`` is the type of the scores that are kept, if they are. Series that do not fit into the memory
    limit are left out with a warning, as a run does.

    Raises
    ------
    OptionError : the only series does not fit into the memory limit, or scores cannot be kept as that type.
    """
    check_dtype(save_grid)
    names, probe = sorted(job.prices, key=lambda name: len(job.prices[name])), Probe()

    def measured(name: str) -> _Series:
        series = job.prepare(job.prices[name])
        spec = job.build_spec(series)
        with admitted(limits, probe.read, series, job.request.grid, spec):
            return _measured(series, job, spec, limits, threads, probe, save_grid)

    while True:
        try:
            longest = measured(names[-1])
            break
        except OptionError as error:
            if job.strict or len(names) == 1:
                raise
            warnings.warn(f"will be left out: {names.pop()}: {error}", stacklevel=2)
    bars = np.array([len(job.prices[name]) for name in names])
    middle = (
        measured(names[len(names) // 2]) if bars[-1] > ALIKE * bars[len(bars) // 2] else longest
    )
    given = min(middle.threads, longest.threads)
    at = [middle.bars, longest.bars]
    shares = bars / np.clip(
        bars, middle.bars, longest.bars
    )  # of series that are shorter or longer than those
    sweeping = float((shares * np.interp(bars, at, [middle.swept, longest.swept])).sum()) / given
    others = float((shares * np.interp(bars, at, [middle.seconds, longest.seconds])).sum())
    return Estimate(
        combinations=job.request.grid.size * len(names),
        symbols=len(names),
        cells=middle.cells * len(names),
        rate=job.request.grid.size * len(names) / sweeping,
        seconds=sweeping + others + len(names) * _symbol_seconds(job),
        memory=max(middle.memory, longest.memory),
        disk=SNAPSHOTS * longest.snapshot + (len(names) - 1) * middle.result + longest.result,
        threads=given,
    )


def _measured(
    series: PreparedSeries,
    job: Job,
    spec: SweepSpec,
    limits: Limits,
    threads: int,
    probe: Probe,
    save_grid: str | None,
) -> _Series:
    """On as many threads as fit: sweeps cells of both kinds, spread over the grid, for a second, and replays a few rows."""
    grid, packing = job.request.grid, _Packing(save_grid)
    self_test(spec)
    began = time.perf_counter()
    dataset = Dataset.build(series, grid, spec.statistics)
    evaluator = Evaluator(dataset, spec)
    preparing = time.perf_counter() - began
    evaluator.sink = packing if save_grid else None
    worker_bytes, reading = evaluator.worker_bytes, probe.read()
    threads = admit(
        limits,
        reading,
        evaluator.tally_bytes,
        worker_bytes,
        count_allowed_threads(limits, reading, threads),
    )
    worker, work = evaluator.worker(), evaluator.work
    kinds = np.split(np.arange(work.size), np.flatnonzero(np.diff(evaluator.counts < 0)) + 1)
    swept = sum(_seconds(worker, work, cells, MEASURED_SECONDS / len(kinds)) for cells in kinds)
    snapshot, rows = (
        evaluator.tally_bytes,
        finishing_bytes(len(series.prices), len(grid.windows), spec.top),
    )
    chunks = int((evaluator.counts >= 0).sum())
    return _Series(
        bars=len(series.prices),
        cells=work.size,
        seconds=preparing + _finishing_seconds(series, job, evaluator, worker),
        swept=swept,
        memory=(reading.rss or 0) + snapshot + max(threads * (worker_bytes + packing.held), rows),
        snapshot=snapshot,
        result=snapshot + KEPT_BYTES * spec.top + chunks * packing.mean,
        threads=threads,
    )


class _Packing:
    """Takes scores as ``ScoreWriter`` does, and writes nothing: what they come to, and what packing them holds."""

    def __init__(self, dtype: str | None) -> None:
        self._dtype, self._bytes, self._chunks, self.held = np.dtype(dtype or "float32"), 0, 0, 0

    def __call__(self, _: int, scores: np.ndarray) -> None:
        self._bytes += len(packed(scores, self._dtype))
        self._chunks += 1
        self.held = 3 * scores.size * self._dtype.itemsize  # as that type, as bytes, packed

    @property
    def mean(self) -> int:
        """Bytes of a chunk."""
        return self._bytes // max(self._chunks, 1)


def _finishing_seconds(
    series: PreparedSeries, job: Job, evaluator: Evaluator, worker: Worker
) -> float:
    """Of all rows that are kept, from a few of those that the worker has found: from the middle, the best are too much alike."""
    top, (scores, indices) = evaluator.spec.top, reductions.ranked_top(worker.tally)
    many = min(scores.size, max(FEWEST_ROWS, min(MOST_ROWS, REPLAYED // len(series.prices))))
    begin, few = (scores.size - many) // 2, many // 4

    def seconds(count: int) -> float:
        some = slice(begin, begin + count)
        began = time.perf_counter()
        replay_top(series, job.request.grid, evaluator, (scores[some], indices[some]))
        return time.perf_counter() - began

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a run says it once
        seconds(few)
        first, more = seconds(few), seconds(many)
    if top <= many:
        return more
    each = max(more - first, 0.0) / max(many - few, 1)
    parts = -(-top // count_rows_at_once(evaluator.dataset.bars))
    return parts * max(first - few * each, 0.0) + top * each


def _symbol_seconds(job: Job) -> float:
    """Of what the pilot does not do: reductions made ready, the result written and read again."""
    return SYMBOL_SECONDS + len(job.request.grid.windows) ** 2 * CELL_SECONDS


def _seconds(worker: Worker, work: np.ndarray, cells: np.ndarray, most: float) -> float:
    """Seconds that the cells would take one after the other."""
    order = np.random.default_rng(0).permutation(cells)  # the same cells every time
    worker.evaluate((int(order[0]), int(order[0]) + 1))  # memory is touched for the first time
    began, swept = time.perf_counter(), 0
    for cell in order.tolist():
        worker.evaluate((cell, cell + 1))
        swept += int(work[cell])
        if time.perf_counter() - began > most:
            break
    return (time.perf_counter() - began) * float(work[cells].sum()) / max(swept, 1)
