"""What many threads make of many series: real runs, and a simulation fed by measured times.

    python -m benchmarks.many_series_threads [--threads 1 2] [--series 120] [--out]

Each series is a part of ``benchmarks.many_threads``: it holds the interpreter for a while, lets it
go, takes it again. What a job does before and after all series is counted as one after the other.
Commits, which other threads do meanwhile, are counted as if the thread of their series did them and
held the interpreter all the time. On processes a thread hands a series over, waits as long as it
takes without the interpreter, and stores what came. Left out: that processes start, for 2 s in
which threads sweep; what is shown ten times a second; memory bandwidth, caches, clock frequencies
that fall with the number of busy CPUs, locks of the system, and the wait for the disk, which no
sweep does.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import qmac
from benchmarks.interpreter import restart_with_clock, time_pieces
from benchmarks.many_series import BARS, GRIDS, SMALL, build_series
from benchmarks.many_threads import simulate
from benchmarks.measuring import Section, spread
from qmac.jobs import series_processes
from qmac.jobs.runner import _TaskRunner
from qmac.jobs.series_processes import SeriesProcesses
from qmac.jobs.side_by_side import SideBySide
from qmac.runs.tasks import Task
from qmac.runtime.execution.parts import Part
from qmac.runtime.execution.processes import can_start

PROJECTED, THREADS = 500, 60
JOB_COLUMNS = "beside, ms", "alone, ms"
MEASURED = {"2:252:5": 60, "2:252": 8}
"""Series that are timed; the projected ones are drawn from these."""


@dataclass(frozen=True)
class Times:
    """Where the CPU time of a job goes."""

    parts: list[np.ndarray]
    """Of each message the seconds with and without the interpreter, in turn."""
    sizes: list[int]
    """Series of each message: one on threads."""
    alone: float
    """Seconds of the job for each series, before and after all of them."""
    beside: float
    """Seconds of other threads for each series, while they are swept."""

    def draw(self, count: int) -> list[np.ndarray]:
        """Return the parts of so many series, commits included."""
        parts, rng = [], np.random.default_rng(1)
        while count > 0:
            place = rng.choice(len(self.parts))
            pieces = self.parts[place].copy()
            pieces[0] += self.sizes[place] * self.beside
            parts.append(pieces)
            count -= self.sizes[place]
        return parts

    def project(self, count: int, threads: int) -> tuple[float, float]:
        """Return seconds and efficiency of a job of so many series."""
        parts, alone = self.draw(count), count * self.alone
        seconds = alone + simulate(parts, threads)
        work = alone + sum(float(pieces.sum()) for pieces in parts)
        return seconds, work / (threads * seconds)


@contextmanager
def swept_on(threads: int) -> Iterator[list[float]]:
    """Sweep series side by side on so many threads, one too; yield the seconds that they take."""
    run, seconds = SideBySide.run, []

    def timed(job: SideBySide, _: int) -> float:
        began = time.perf_counter()
        try:
            return run(job, threads)
        finally:
            seconds.append(time.perf_counter() - began)

    SideBySide.run = timed  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        SideBySide.run = run  # type: ignore[method-assign]


def run_job(grid: qmac.Grid, prices: dict[str, qmac.Prices], *, writes: bool) -> tuple[float, Any]:
    """Return the seconds of a job, and its digests."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run" if writes else None
        began = time.perf_counter()
        results = qmac.optimize_many(prices, grid, threads=2, out=out)
        seconds = time.perf_counter() - began
        return seconds, {name: result.digest for name, result in results.items()}


@contextmanager
def swept_by_processes() -> Iterator[None]:
    """Let processes sweep every series."""
    names, values = ("LEAST_THREADS", "LEAST_SECONDS"), []
    for name in names:
        values.append(getattr(series_processes, name))
        setattr(series_processes, name, 0)
    sweep = SeriesProcesses.sweep

    def awaited(processes: SeriesProcesses, *arguments: Any) -> Any:
        while not processes._processes.alive:
            time.sleep(0.01)
        return sweep(processes, *arguments)

    SeriesProcesses.sweep = awaited  # type: ignore[method-assign]
    try:
        yield
    finally:
        SeriesProcesses.sweep = sweep  # type: ignore[method-assign]
        for name, value in zip(names, values, strict=True):
            setattr(series_processes, name, value)


def hand_over(handing: Times, times: Times) -> Times:
    """Return where time goes on processes, from that of threads that hand over, and of sweeps."""
    swept = iter(float(pieces.sum()) for pieces in times.parts)
    for pieces, size in zip(handing.parts, handing.sizes, strict=True):
        pieces[len(pieces) // 4 * 2 + 1] += sum(itertools.islice(swept, size))
    parts, sizes = handing.parts[1:], handing.sizes[1:]  # without waiting for a process
    return Times(parts, sizes, handing.alone, handing.beside)


@contextmanager
def timed_together() -> Iterator[list[tuple[float, float]]]:
    """Yield CPU seconds while series are swept: of all threads, and of the one that shows."""
    run, seconds = SideBySide.run, []

    def timed(job: SideBySide, threads: int) -> float:
        cpu, shown = time.process_time(), time.thread_time()
        try:
            return run(job, threads)
        finally:
            seconds.append((time.process_time() - cpu, time.thread_time() - shown))

    SideBySide.run = timed  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        SideBySide.run = run  # type: ignore[method-assign]


def time_job(grid: qmac.Grid, count: int, *, writes: bool) -> Times:
    """Time every piece of the series of a job, one after the other."""
    prices, parts, sizes = build_series(count), [], []
    run_job(grid, dict(list(prices.items())[:3]), writes=writes)  # kernels are loaded
    compute = SideBySide._compute

    def timed(job: SideBySide, part: Part, stop: np.ndarray) -> float | None:
        values: list[float | None] = []
        parts.append(time_pieces(lambda: values.append(compute(job, part, stop))))
        sizes.append(len(job._batches[part.number]))
        return values[0]

    SideBySide._compute = timed  # type: ignore[method-assign]
    try:
        with timed_together() as seconds, swept_on(1):
            run_job(grid, prices, writes=writes)
    finally:
        SideBySide._compute = compute  # type: ignore[method-assign]
    beside = sum(cpu - shown for cpu, shown in seconds)
    beside -= sum(float(pieces.sum()) for pieces in parts)
    return Times(parts, sizes, time_alone(grid, writes=writes), max(beside, 0.0) / count)


def time_alone(grid: qmac.Grid, *, writes: bool) -> float:
    """Return CPU seconds of a job of the projected size for each series, before and after all."""
    prices = build_series(PROJECTED)
    result = qmac.optimize(prices["S0000"], grid, threads=2)

    def store(runner: _TaskRunner, _: Any, tasks: list[Task], *__: Any) -> None:
        for task in tasks:
            runner.readers[task.name] = runner.sink.store(task, result)

    do = _TaskRunner._do_beside
    _TaskRunner._do_beside = store  # type: ignore[method-assign]
    try:
        with timed_together() as seconds, tempfile.TemporaryDirectory() as folder:
            whole = time.process_time()
            out = Path(folder) / "run" if writes else None
            qmac.optimize_many(prices, grid, threads=2, out=out)
            whole = time.process_time() - whole
    finally:
        _TaskRunner._do_beside = do  # type: ignore[method-assign]
    return (whole - sum(cpu for cpu, _ in seconds)) / PROJECTED


def project(*, writes: bool, wide: bool = True) -> Section:
    """Return the table of docs/performance.md."""
    section = Section(
        "many_series_threads",
        f"{PROJECTED} series on {THREADS} threads: a simulation",
        f"Series of {BARS:,} bars, total_return, {'in a directory' if writes else 'in memory'}. "
        "Times of each series with and without the interpreter, of commits beside, and of the job "
        f"alone before and after, in CPU time of one thread; {PROJECTED} series drawn from these.",
        ("grid", "on", "held, ms", "not held, ms", *JOB_COLUMNS, "seconds", "efficiency"),
    )
    for name, grid in GRIDS.items():
        if grid is not SMALL and not wide:
            continue
        times = time_job(grid, MEASURED[name], writes=writes)
        _add_row(section, name, "threads", times)
        if can_start():
            with swept_by_processes():
                handing = time_job(grid, MEASURED[name], writes=writes)
            _add_row(section, name, "processes", hand_over(handing, times))
    return section


def _add_row(section: Section, grid: str, where: str, times: Times) -> None:
    parts = list(zip(times.parts, times.sizes, strict=True))
    held = [1e3 * float(pieces[::2].sum()) / size for pieces, size in parts]
    free = [1e3 * float(pieces[1::2].sum()) / size for pieces, size in parts]
    seconds, share = times.project(PROJECTED, THREADS)
    job = (f"{1e3 * times.beside:.2f}", f"{1e3 * times.alone:.2f}")
    figures = (*job, f"{seconds:.2f}", f"{share:.0%}")
    section.rows.append((grid, where, spread(held, 2), spread(free, 1), *figures))


def compare_with_reality(threads: Sequence[int], count: int, *, writes: bool) -> Section:
    """Return simulated and real seconds of the series of a job, by threads."""
    section = Section(
        "many_series_reality",
        f"{count} series, 2:252:5, real and simulated",
        "Wall seconds of the series side by side, without the job before and after; digests "
        "checked. The least of three runs.",
        ("threads", "simulated, s", "real, s", "real over simulated", "job, s"),
    )
    prices, times = build_series(count), time_job(SMALL, count, writes=writes)
    expected: Any = None
    for number in threads:
        simulated, jobs = simulate(times.parts, number), []
        with swept_on(number) as seconds:
            for _ in range(3):
                whole, digests = run_job(SMALL, prices, writes=writes)
                jobs.append(whole)
                if digests != (expected := expected or digests):
                    raise SystemExit("the digests depend on the number of threads")
        real = min(seconds)
        cells = (f"{simulated:.2f}", f"{real:.2f}", f"{real / simulated:.2f}", f"{min(jobs):.2f}")
        section.rows.append((str(number), *cells))
    return section


if __name__ == "__main__":
    restart_with_clock("benchmarks.many_series_threads")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--series", type=int, default=120)
    parser.add_argument("--out", action="store_true", help="in a directory")
    parser.add_argument("--quick", action="store_true", help="without the full grid")
    arguments = parser.parse_args()
    print(project(writes=arguments.out, wide=not arguments.quick).markdown())
    compared = compare_with_reality(arguments.threads, arguments.series, writes=arguments.out)
    print(compared.markdown())
