"""The estimate of what a job takes, from a second or two of it."""

from __future__ import annotations

import dataclasses
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import SweepSpec
from qmac.engine.sweep.worker import Worker
from qmac.errors import OptionError, warn
from qmac.jobs.grid_part import Scale, choose_part
from qmac.jobs.job import Job
from qmac.jobs.kernel_choice import check_kernel
from qmac.jobs.memory_model import admitted, dataset_bytes, finishing_bytes, tallies_bytes
from qmac.jobs.top_rows import count_rows_at_once, replay_top
from qmac.runs.score_store import check_dtype, compress
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.status import format_duration, format_rate
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import count_allowed_threads
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Probe
from qmac.strategy.grid import Grid

MEASURED_SECONDS = 1.0
FASTER_SHARE, SLOWER_SHARE = 0.25, 0.5
"""By which a run may be faster or slower: other programs, lower clock rates under load."""
SCALED_FASTER_SHARE = 0.5
"""The same for a wide grid, of which a part is measured. Its work came out 0.9 to 1.8 times what it
is: 800, 2,000 and 5,031 bars, 400 to 1,000 windows."""
SNAPSHOTS = 4
"""Three that stay, and one being written."""
SIMILAR_LENGTHS = 1.2
"""Where the longest series has no more bars than this times those of the middle one, only one of
them is measured."""
ROW_DISK_BYTES = 28 * 8
"""A top row in a result."""
FEWEST_ROWS, MOST_ROWS, REPLAYED_BARS = 16, 256, 1 << 21
"""Top rows that are replayed, and their bars: 0.1 s or so."""
SYMBOL_SECONDS, MAP_CELL_SECONDS = 0.02, 4e-6
"""For each symbol, and for each cell of a map, beside what is measured. From jobs of 60 and of 10
symbols, 28 to 250 windows."""
LIST_BYTES = 330
"""A list of entries or exits in the workspace of a worker."""
EXACT_SECONDS = 10
"""Shorter times are shown with a decimal."""


@dataclass(frozen=True)
class Estimate:
    """What a job takes.

    Attributes
    ----------
    combinations, symbols, cells : int
        Combinations on all symbols, symbols, and cells on all symbols.
    rate : float
        Combinations a second, of all threads together.
    seconds : float
        Time of the job.
    memory, disk : int
        Bytes at most; on disk with a run directory.
    threads : int
        Threads that compute at a time.
    is_scaled : bool
        Whether a part of the grid was measured, and the rest is from its figures.
    """

    combinations: int
    symbols: int
    cells: int
    rate: float
    seconds: float
    memory: int
    disk: int
    threads: int
    is_scaled: bool = False

    @property
    def cpu_seconds(self) -> float:
        """Seconds of all threads together."""
        return self.seconds * self.threads

    @property
    def shown_threads(self) -> str:
        """Number of threads in words."""
        return "1 thread" if self.threads == 1 else f"{self.threads} threads"

    @property
    def lines(self) -> list[str]:
        """Lines of text for people."""
        symbols = f" on {self.symbols:,} symbols" if self.symbols > 1 else ""
        faster = SCALED_FASTER_SHARE if self.is_scaled else FASTER_SHARE
        low = _format_seconds(self.seconds * (1 - faster))
        high = _format_seconds(self.seconds * (1 + SLOWER_SHARE))
        duration = f"{_format_seconds(self.seconds)} ({low} to {high})"
        return [
            f"combinations  {self.combinations:,}{symbols}, in {self.cells:,} cells",
            f"time          {duration} on {self.shown_threads} here",
            f"speed         {format_rate(self.rate)}",
            f"memory        {format_bytes(self.memory)}",
            f"disk          {format_bytes(self.disk)} with --out",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Values by name of the attribute.
        """
        return dataclasses.asdict(self)


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < EXACT_SECONDS else format_duration(seconds)


@dataclass(frozen=True)
class _Measurement:
    """What one series takes."""

    bars: int
    cells: int
    sweep_seconds: float
    """Seconds of the sweep on one thread."""
    other_seconds: float
    """Seconds of all but the sweep."""
    memory: int
    snapshot_bytes: int
    result_bytes: int
    threads: int
    is_scaled: bool


def estimate(job: Job, limits: Limits, threads: int, save_grid: str | None = None) -> Estimate:
    """Estimate what a job takes.

    Its series of middle length and its longest are measured for a second or two, the others count
    by their bars. Of a grid too wide for that, a part is built and measured. Series that do not fit
    into the memory limit are left out with a warning, as a run does.

    Parameters
    ----------
    job : Job
        Request and series.
    limits : Limits
        What the run may use of the machine.
    threads : int
        Most threads.
    save_grid : str, optional
        Type of the scores on disk, if they are written.

    Returns
    -------
    Estimate
        Of this machine.

    Raises
    ------
    OptionError
        If the only series does not fit into the memory limit, or there is no such type of scores.
    """
    check_dtype(save_grid)
    meter = _Meter(job, limits, threads, save_grid)
    tasks = sorted(job.tasks, key=lambda task: len(job.series(task)))
    longest = _measure_longest(meter, tasks)
    bars = np.array([len(job.series(task)) for task in tasks])
    middle = longest
    if bars[-1] > SIMILAR_LENGTHS * bars[len(bars) // 2]:
        middle = meter.measure(tasks[len(tasks) // 2])
    count, size = len(tasks), job.request.grid.size
    used_threads = min(middle.threads, longest.threads)
    sweep_seconds, other_seconds = _sum_seconds(bars, middle, longest)
    sweep_seconds /= used_threads
    results_bytes = (count - 1) * middle.result_bytes + longest.result_bytes
    return Estimate(
        combinations=size * count,
        symbols=count,
        cells=middle.cells * count,
        rate=size * count / sweep_seconds,
        seconds=sweep_seconds + other_seconds + count * _count_fixed_seconds(job),
        memory=max(middle.memory, longest.memory),
        disk=SNAPSHOTS * longest.snapshot_bytes + results_bytes,
        threads=used_threads,
        is_scaled=middle.is_scaled or longest.is_scaled,
    )


def _measure_longest(meter: _Meter, tasks: list[Task]) -> _Measurement:
    """Measure the longest series that fits; longer ones are removed from the tasks."""
    while True:
        try:
            return meter.measure(tasks[-1])
        except OptionError as error:
            if meter.job.strict or len(tasks) == 1:
                raise
            warn(f"will be left out: {tasks.pop().name}: {error}", stacklevel=3)


def _sum_seconds(
    bars: np.ndarray, middle: _Measurement, longest: _Measurement
) -> tuple[float, float]:
    """Return the seconds of all series, of their sweeps and of the rest.

    Between the two that were measured they are interpolated; shorter series count by their bars.
    """
    measured = [middle.bars, longest.bars]
    shares = bars / np.clip(bars, middle.bars, longest.bars)
    sweeps = np.interp(bars, measured, [middle.sweep_seconds, longest.sweep_seconds])
    others = np.interp(bars, measured, [middle.other_seconds, longest.other_seconds])
    return float((shares * sweeps).sum()), float((shares * others).sum())


def _count_fixed_seconds(job: Job) -> float:
    """Return the seconds of each symbol for what is not measured: reductions, writing, reading."""
    return SYMBOL_SECONDS + len(job.request.grid.windows) ** 2 * MAP_CELL_SECONDS


class _Meter:
    """Measures series of a job on as many threads as fit."""

    def __init__(self, job: Job, limits: Limits, threads: int, save_grid: str | None) -> None:
        self.job = job
        self._limits = limits
        self._threads = threads
        self._save_grid = save_grid
        self._probe = Probe()

    def measure(self, task: Task) -> _Measurement:
        """Measure one series, refused as by a run if it does not fit into memory."""
        grid = self.job.request.grid
        series = self.job.prepare(self.job.series(task))
        spec = self.job.build_spec(series)
        with admitted(self._admit, series, grid, spec):
            return self._measure(series, spec)

    def _admit(self, needed: int) -> None:
        admit(self._limits, self._probe.read(), needed, 0, 1)

    def _measure(self, series: PreparedSeries, spec: SweepSpec) -> _Measurement:
        grid, bars = self.job.request.grid, len(series.prices)
        check_kernel(spec)
        part = choose_part(grid, bars)
        part_spec = replace(spec, top=min(spec.top, part.size))
        began = time.perf_counter()
        evaluator = Evaluator(Dataset.build(series, part, spec.statistics), part_spec)
        preparing_seconds = time.perf_counter() - began
        scale = Scale.measure(grid, part, evaluator)
        compression = _Compression(self._save_grid)
        evaluator.sink = compression if self._save_grid else None
        worker_bytes, tally_bytes = evaluator.worker_bytes, evaluator.tally_bytes
        more_maps = tallies_bytes(grid) // 2 - tallies_bytes(part) // 2
        tally_bytes += more_maps
        worker_bytes += more_maps + LIST_BYTES * scale.more_lists
        built_bytes = 0 if part is grid else dataset_bytes(series, grid)
        reading = self._probe.read()
        allowed = count_allowed_threads(self._limits, reading, self._threads)
        threads = admit(self._limits, reading, tally_bytes + built_bytes, worker_bytes, allowed)
        worker = evaluator.worker()
        sweep_seconds = _measure_sweep(evaluator, worker, scale)
        rows_bytes = finishing_bytes(bars, len(grid.windows), spec.top)
        workers_bytes = threads * (worker_bytes + compression.held_bytes)
        blocks = int((evaluator.counts >= 0).sum())
        chunks = scale.cells - (evaluator.work.size - blocks)
        replay_seconds = _measure_replay(series, part, evaluator, worker, spec.top)
        return _Measurement(
            bars=bars,
            cells=scale.cells,
            sweep_seconds=sweep_seconds,
            other_seconds=scale.pairs * preparing_seconds + replay_seconds,
            memory=(reading.rss or 0) + built_bytes + tally_bytes + max(workers_bytes, rows_bytes),
            snapshot_bytes=tally_bytes,
            result_bytes=(
                tally_bytes + ROW_DISK_BYTES * spec.top + chunks * compression.mean_bytes
            ),
            threads=threads,
            is_scaled=part is not grid,
        )


class _Compression:
    """Takes scores as ``ScoreWriter`` does, and counts their bytes instead of writing them."""

    def __init__(self, dtype: str | None) -> None:
        self._dtype = np.dtype(dtype or "float32")
        self._bytes = 0
        self._chunks = 0
        self.held_bytes = 0
        """Memory of a chunk while it is compressed: in its type, as bytes, compressed."""

    def __call__(self, _: int, scores: np.ndarray) -> None:
        self._bytes += len(compress(scores, self._dtype))
        self._chunks += 1
        self.held_bytes = 3 * scores.size * self._dtype.itemsize

    @property
    def mean_bytes(self) -> int:
        """Bytes of a chunk on disk."""
        return self._bytes // max(self._chunks, 1)


def _measure_sweep(evaluator: Evaluator, worker: Worker, scale: Scale) -> float:
    """Return the seconds of all cells, from a second of both kinds, spread over the grid."""
    work = evaluator.work
    cells = np.arange(work.size)
    takes_off = evaluator.counts < 0
    kinds = np.split(cells, np.flatnonzero(np.diff(takes_off)) + 1)
    most = MEASURED_SECONDS / len(kinds)
    factors = (scale.added, scale.taken_off)
    return sum(
        factor * _measure_cells(worker, work, cells, most)
        for factor, cells in zip(factors, kinds, strict=False)
    )


def _measure_cells(worker: Worker, work: np.ndarray, cells: np.ndarray, most: float) -> float:
    """Return the seconds of cells one after the other, from as many as fit into ``most``."""
    order = np.random.default_rng(0).permutation(cells).tolist()  # the same cells every time
    worker.evaluate((order[0], order[0] + 1))  # memory is touched for the first time
    began = time.perf_counter()
    swept = 0
    for cell in order:
        worker.evaluate((cell, cell + 1))
        swept += int(work[cell])
        if time.perf_counter() - began > most:
            break
    seconds = time.perf_counter() - began
    return seconds * float(work[cells].sum()) / max(swept, 1)


def _measure_replay(
    series: PreparedSeries, grid: Grid, evaluator: Evaluator, worker: Worker, top: int
) -> float:
    """Return the seconds of the replay of all top rows, from a few that the worker has.

    They are from the middle of its ranking: the best are too much alike.
    """
    scores, indices = reductions.ranked_top(worker.tally)
    affordable = min(MOST_ROWS, REPLAYED_BARS // len(series.prices))
    many = min(scores.size, max(FEWEST_ROWS, affordable))
    few = many // 4
    begin = (scores.size - many) // 2

    def measure(count: int) -> float:
        rows = slice(begin, begin + count)
        began = time.perf_counter()
        replay_top(series, grid, evaluator, (scores[rows], indices[rows]))
        return time.perf_counter() - began

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run will warn
        measure(few)  # memory is touched for the first time
        few_seconds, many_seconds = measure(few), measure(many)
    if top <= many:
        return many_seconds
    row_seconds = max(many_seconds - few_seconds, 0.0) / max(many - few, 1)
    part_seconds = max(few_seconds - few * row_seconds, 0.0)
    parts = -(-top // count_rows_at_once(evaluator.dataset.bars))
    return parts * part_seconds + top * row_seconds
