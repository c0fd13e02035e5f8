"""What many threads make of many series: real runs, and a simulation fed by measured times.

    python -m benchmarks.many_series_threads [--threads 1 2] [--series 120] [--out]

Each series is a part of ``benchmarks.many_threads``: it holds the interpreter for a while, lets it
go, takes it again. What a job does before and after all series is counted as one after the other.
Commits, which other threads do meanwhile, are counted as if the thread of their series did them and
held the interpreter all the time. On processes a part is a message of one series or several: a
thread hands them over, waits without the interpreter for as long as a process works, and stores
what came. Real runs are compared with the same model, but on CPUs as slow as they are while so many
processes sweep that share nothing.

Left out of the projection: that processes start, for 2 s in which threads sweep; what is shown ten
times a second; memory bandwidth, caches, clock frequencies that fall with the number of busy CPUs,
locks of the system, and the wait for the disk, which no sweep does.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

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

THREADS = 60
PROJECTED, WHOLE_ROUNDS = 500, 540
"""Series of a job. 500 on 60 threads take nine rounds, the last of which is a third full: 93 % at
most where all take as long. 540 are nine whole rounds."""
MEASURED = {"2:252:5": 60, "2:252": 4}
"""Series that are timed; the projected ones are drawn from these."""
ROUNDS = 3
START_SECONDS = 120.0
"""Most until a process is ready."""


@dataclass(frozen=True)
class Times:
    """Where the CPU time of the series of a job goes."""

    parts: list[np.ndarray]
    """Of each message the seconds with and without the interpreter, in turn."""
    sizes: list[int]
    """Series of each message: one on threads."""
    beside: float
    """Seconds of other threads for each series: commits."""
    process: float = 0.0
    """Seconds of a process for each series, where processes sweep."""

    @property
    def whole(self) -> list[np.ndarray]:
        """Parts with what other threads do for their series."""
        parts = []
        for pieces, size in zip(self.parts, self.sizes, strict=True):
            parts.append(pieces.copy())
            parts[-1][0] += size * self.beside
        return parts

    def draw(self, count: int) -> list[np.ndarray]:
        """Return the parts of so many series; messages of few are the last, as in a job."""
        drawn, whole, rng = list[int](), self.whole, np.random.default_rng(1)
        while count > 0:
            drawn.append(int(rng.choice(len(whole))))
            count -= self.sizes[drawn[-1]]
        return [whole[place] for place in sorted(drawn, key=lambda place: -self.sizes[place])]

    def project(self, count: int, threads: int, alone: float) -> tuple[float, float]:
        """Return seconds and efficiency of a job of so many series.

        ``alone`` are seconds of the job for each series, before and after all of them.
        """
        parts = self.draw(count)
        seconds = count * alone + simulate(parts, threads)
        work = count * alone + sum(float(pieces.sum()) for pieces in parts)
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
def swept_by_processes() -> Iterator[list[float]]:
    """Let processes sweep every series; yield their CPU seconds from the first one on, at last."""
    names, values = ("LEAST_THREADS", "LEAST_SECONDS"), []
    for name in names:
        values.append(getattr(series_processes, name))
        setattr(series_processes, name, 0)
    sweep, seconds, began = SeriesProcesses.sweep, list[float](), list[float]()
    close = series_processes.Processes.close

    def counted(processes: series_processes.Processes) -> bool:
        if began:
            seconds.append(_count_seconds() - began[0])
            began.clear()
        return close(processes)

    def awaited(processes: SeriesProcesses, *arguments: Any) -> Any:
        deadline = time.monotonic() + START_SECONDS
        while not processes._processes.alive:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no process was ready within {START_SECONDS:.0f} s")
            time.sleep(0.01)
        if not began:
            began.append(_count_seconds())
        return sweep(processes, *arguments)

    SeriesProcesses.sweep = awaited  # type: ignore[method-assign]
    series_processes.Processes.close = counted  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        SeriesProcesses.sweep = sweep  # type: ignore[method-assign]
        series_processes.Processes.close = close  # type: ignore[method-assign]
        for name, value in zip(names, values, strict=True):
            setattr(series_processes, name, value)


def _count_seconds() -> float:
    """Return the CPU seconds of all processes that this one, or one of them, has started."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


def hand_over(handing: Times, swept: Times) -> Times:
    """Return where time goes on processes: on threads that hand over, and in a process.

    Series differ as they do where threads sweep them.
    """
    totals = [float(pieces.sum()) for pieces in swept.parts]
    shares, parts = itertools.cycle(total / statistics.mean(totals) for total in totals), []
    for handed, size in zip(handing.parts, handing.sizes, strict=True):
        pieces = handed.copy()
        pieces[len(pieces) // 4 * 2 + 1] += handing.process * sum(itertools.islice(shares, size))
        parts.append(pieces)
    return Times(parts, handing.sizes, handing.beside, handing.process)


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


def time_series(grid: qmac.Grid, count: int, *, writes: bool) -> Times:
    """Time every piece of the series of a job, one after the other."""
    prices, parts, sizes = build_series(count), [], []
    run_job(SMALL, dict(list(prices.items())[:3]), writes=writes)  # kernels are loaded
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
    return Times(parts, sizes, max(beside, 0.0) / count)


def time_handing(grid: qmac.Grid, count: int, *, writes: bool) -> Times:
    """Time the threads that hand series over to processes, but the first one, and the processes.

    That one waits until there is a process.
    """
    with swept_by_processes() as seconds:
        times = time_series(grid, count, writes=writes)
    return Times(times.parts[1:], times.sizes[1:], times.beside, seconds[-1] / count)


def time_alone(*, writes: bool) -> float:
    """Return CPU seconds of a job of the projected size for each series, before and after all.

    Of a small grid: what lies before and after knows of no more than its windows.
    """
    prices = build_series(PROJECTED)
    result = qmac.optimize(prices["S0000"], SMALL, threads=2)

    def store(runner: _TaskRunner, _: Any, tasks: list[Task], *__: Any) -> None:
        for task in tasks:
            runner.readers[task.name] = runner.sink.store(task, result)

    do = _TaskRunner._do_beside
    _TaskRunner._do_beside = store  # type: ignore[method-assign]
    try:
        with timed_together() as seconds, tempfile.TemporaryDirectory() as folder:
            whole = time.process_time()
            out = Path(folder) / "run" if writes else None
            qmac.optimize_many(prices, SMALL, threads=2, out=out)
            whole = time.process_time() - whole
    finally:
        _TaskRunner._do_beside = do  # type: ignore[method-assign]
    return (whole - sum(cpu for cpu, _ in seconds)) / PROJECTED


def project(*, writes: bool, wide: bool = True) -> Section:
    """Return the table of docs/performance.md."""
    counts = (PROJECTED, WHOLE_ROUNDS)
    alone = time_alone(writes=writes)
    section = Section(
        "many_series_threads",
        f"{PROJECTED} series on {THREADS} threads: a simulation",
        f"Series of {BARS:,} bars, total_return, {'in a directory' if writes else 'in memory'}. "
        "Times of each series in this process with and without the interpreter, in a process that "
        "sweeps it, and of commits beside, in CPU time; the job alone, before and after, takes "
        f"{1e3 * alone:.2f} ms a series. {PROJECTED} series are nine rounds of {THREADS} threads, "
        f"the last a third full, so 93 % at most; {WHOLE_ROUNDS} are nine whole rounds.",
        (
            *("grid", "on", "held, ms", "not held, ms", "in a process, ms", "beside, ms"),
            *(f"{count} series: seconds, efficiency" for count in counts),
        ),
    )
    for name, grid in GRIDS.items():
        if grid is not SMALL and not wide:
            continue
        times = time_series(grid, MEASURED[name], writes=writes)
        _add_row(section, (name, "threads"), times, times, alone)
        if can_start():
            handing = time_handing(grid, MEASURED[name], writes=writes)
            _add_row(section, (name, "processes"), handing, hand_over(handing, times), alone)
    return section


def _add_row(
    section: Section, names: tuple[str, ...], here: Times, times: Times, alone: float
) -> None:
    """Add what is measured in this process and beside it, and what is projected from all."""
    parts = list(zip(here.parts, here.sizes, strict=True))
    held = [1e3 * float(pieces[::2].sum()) / size for pieces, size in parts]
    free = [1e3 * float(pieces[1::2].sum()) / size for pieces, size in parts]
    process = f"{1e3 * here.process:.1f}" if here.process else "-"
    cells = []
    for count in (PROJECTED, WHOLE_ROUNDS):
        seconds, share = times.project(count, THREADS, alone)
        cells.append(f"{seconds:.2f} s, {share:.0%}")
    figures = (spread(held, 2), spread(free, 1), process, f"{1e3 * here.beside:.2f}")
    section.rows.append((*names, *figures, *cells))


def measure_slowdown(processes: int, series: int) -> float:
    """Return how much more CPU time sweeps take while other processes sweep, on a CPU each.

    They share nothing but the machine: memory, caches, and cores where a CPU is half of one.
    """
    if processes == 1:
        return 1.0
    context = multiprocessing.get_context("spawn")
    barrier, ratios = context.Barrier(processes), context.SimpleQueue()
    workers = [
        context.Process(target=_sweep_in_rounds, args=(number, series, barrier, ratios))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    values = [ratios.get() for _ in range(ROUNDS)]
    for worker in workers:
        worker.join()
    return max(1.0, statistics.median(values))  # less is noise: none is faster beside others


def _sweep_in_rounds(number: int, series: int, barrier: Any, ratios: Any) -> None:
    """Sweep in turn alone, which the first process does, and all together."""
    prices = build_series(series)
    qmac.optimize(prices["S0000"], SMALL, threads=1)

    def sweep() -> float:
        began = time.process_time()
        for one in prices.values():
            qmac.optimize(one, SMALL, threads=1)
        return time.process_time() - began

    for _ in range(ROUNDS):
        barrier.wait()
        alone = sweep() if number == 0 else 0.0
        barrier.wait()
        together = sweep()
        if number == 0:
            ratios.put(together / alone)


def compare_with_reality(threads: Sequence[int], count: int, *, writes: bool) -> Section:
    """Return simulated and real seconds of the series of a job, by threads."""
    section = Section(
        "many_series_threads",
        f"{count} series, 2:252:5, real and simulated",
        "Wall seconds of the series side by side, without the job before and after; digests "
        "checked. Simulated as above, once on CPUs as fast as one alone, once as slow as they are "
        "while as many processes as threads sweep, each by itself. The least of three runs.",
        (
            *("threads", "a CPU beside others", "simulated, s", "on slower CPUs, s"),
            *("real, s", "real over simulated", "job, s"),
        ),
    )
    prices, times = build_series(count), time_series(SMALL, count, writes=writes)
    expected: Any = None
    for number in threads:
        slowdown, jobs = measure_slowdown(number, count), []
        fast, slow = (
            simulate([factor * pieces for pieces in times.whole], number)
            for factor in (1.0, slowdown)
        )
        with swept_on(number) as seconds:
            for _ in range(ROUNDS):
                whole, digests = run_job(SMALL, prices, writes=writes)
                jobs.append(whole)
                if digests != (expected := expected or digests):
                    raise SystemExit("the digests depend on the number of threads")
        real = min(seconds)
        cells = (f"{slowdown:.2f}", f"{fast:.2f}", f"{slow:.2f}", f"{real:.2f}")
        section.rows.append((str(number), *cells, f"{real / slow:.2f}", f"{min(jobs):.2f}"))
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
