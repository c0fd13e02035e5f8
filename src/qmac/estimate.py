"""What a job will take, from a second or two of it."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac import reductions
from qmac.dataset import Dataset
from qmac.evaluation import Evaluator, Question, Worker
from qmac.jobs import Job
from qmac.kernels.tally import Tally
from qmac.prices import Prices
from qmac.run.headroom import admit
from qmac.run.limits import Limits, shown_bytes
from qmac.run.needs import admitted, finishing_bytes
from qmac.run.probes import Probe
from qmac.run.progress import duration, millions
from qmac.selftest import self_test

MEASURED_SECONDS = 1.0
SLACK = 0.25
"""Share by which a run may be quicker; it may take twice that longer: other programs, slower clocks under load."""
SNAPSHOTS = 4  # three kept, and one being written


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
            f"speed         {millions(self.rate)}",
            f"memory        {shown_bytes(self.memory)}",
            f"disk          {shown_bytes(self.disk)} with --out",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def estimate(job: Job, limits: Limits, threads: int) -> Estimate:
    """What the job will take: its series of middle length is measured for a second or two, the others count by their bars.

    Raises
    ------
    OptionError : it does not fit into the memory limit.
    """
    bars = {name: len(series) for name, series in job.prices.items()}
    middle = sorted(bars, key=lambda name: bars[name])[len(bars) // 2]
    series, probe = job.prices[middle], Probe()
    question = job.question(series)
    with admitted(limits, probe.read, series, job.grid, question, job.averages):
        one = _measured(series, job, question, limits, threads, probe)
    return _of_many(one, len(bars), bars[middle] / sum(bars.values()))


def _measured(series: Prices, job: Job, question: Question, limits: Limits, threads: int, probe: Probe) -> Estimate:
    """For one series, on as many threads as fit: sweeps cells of both kinds, spread over the grid, for a second."""
    grid = job.grid
    self_test(question)
    began = time.perf_counter()
    dataset = Dataset.build(series, grid, question.rules, question.statistics, job.averages)
    evaluator = Evaluator(dataset, question)
    preparing = time.perf_counter() - began
    worker_bytes, reading = evaluator.worker_bytes, probe.read()
    threads = admit(limits, reading, _nbytes(evaluator.empty()), worker_bytes, threads)
    worker, work = evaluator.worker(), evaluator.work()
    kinds = np.split(np.arange(work.size), np.flatnonzero(np.diff(evaluator.counts() < 0)) + 1)
    seconds = sum(_seconds(worker, work, cells, MEASURED_SECONDS / len(kinds)) for cells in kinds)
    files, finishing = _nbytes(worker.tally), finishing_bytes(len(series), len(grid.windows), question.top)
    return Estimate(
        combinations=grid.size,
        symbols=1,
        cells=work.size,
        rate=grid.size * threads / seconds,
        seconds=preparing + seconds / threads,
        memory=(reading.rss or 0) + files + max(threads * worker_bytes, finishing),
        disk=SNAPSHOTS * files,
        threads=threads,
    )


def _nbytes(tally: Tally) -> int:
    """Of a run's tally, and of a snapshot of it."""
    return sum(array.nbytes for array in reductions.arrays_of(tally).values())


def _of_many(one: Estimate, symbols: int, share: float) -> Estimate:
    """For ``symbols`` series, of which the measured one has ``share`` of all bars; they run one after the other."""
    return dataclasses.replace(
        one,
        combinations=one.combinations * symbols,
        symbols=symbols,
        cells=one.cells * symbols,
        rate=one.rate * symbols * share,
        seconds=one.seconds / share,
        disk=one.disk + symbols * one.disk // SNAPSHOTS,
    )


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
