"""Many series on all threads, beside what their sweeps take by themselves.

python -m benchmarks.many_series [--rounds 3] [--series 60]

What a job takes beyond it is preparation, finish, directories and waiting. CPU seconds of the job
are compared in the same way: on a machine with other work, waiting for a CPU is in wall alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import tempfile
import time
from pathlib import Path

import numpy as np

import qmac
from benchmarks.markets import build_prices, normal
from benchmarks.measuring import GRID, THREADS, Section, spread

BARS, SERIES = 2000, 60
SMALL = qmac.Grid(windows=range(2, 253, 5))
GRIDS = {"2:252:5": SMALL, "2:252": GRID}


def build_series(count: int, bars: int = BARS) -> dict[str, qmac.Prices]:
    """Return so many random markets by name."""
    rng, names = np.random.default_rng(1), [f"S{number:04}" for number in range(count)]
    prices = (dataclasses.replace(build_prices(normal(rng, bars)), name=name) for name in names)
    return {one.name: one for one in prices}


class Contest:
    """The same series one by one on one thread, and as a job on all threads."""

    def __init__(self, grid: qmac.Grid, count: int, *, writes: bool) -> None:
        self._grid, self._writes = grid, writes
        self._prices = build_series(count)
        qmac.optimize(next(iter(self._prices.values())), grid, threads=1)

    def sweep_alone(self) -> tuple[float, float, dict[str, str]]:
        """Return wall and CPU seconds of all sweeps alone on one thread, and the digests."""
        wall, cpu = time.perf_counter(), time.process_time()
        results = {
            name: qmac.optimize(one, self._grid, threads=1) for name, one in self._prices.items()
        }
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        elapsed = sum(result.elapsed for result in results.values())
        return elapsed, cpu * elapsed / wall, {name: results[name].digest for name in results}

    def run_job(self) -> tuple[float, float, float, dict[str, str]]:
        """Return wall and CPU seconds of the job, its MiB on disk, and the digests."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run" if self._writes else None
            wall, cpu = time.perf_counter(), time.process_time()
            results = qmac.optimize_many(self._prices, self._grid, threads=THREADS, out=out)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            files = [] if out is None else [file for file in out.rglob("*") if file.is_file()]
            mib = sum(file.stat().st_size for file in files) / 2**20
            return wall, cpu, mib, {name: results[name].digest for name in results}


def measure(rounds: int = 3, series: int = SERIES, *, wide: bool = True) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "many_series",
        "Many series",
        f"`qmac.optimize_many` of {series} random markets of {BARS:,} bars on {THREADS} threads. "
        f"Wall: over a {_describe_share()} of the sum of `elapsed` of `qmac.optimize` calls on one "
        "thread, in turn, equal digests checked. CPU beside: what the job takes beyond that sum, "
        f"for each series. The full grid with a sixth of the series.",
        ("grid", "directory", "wall over sweeps", "CPU over sweeps", "CPU beside, s", "disk, MiB"),
    )
    for name, grid in GRIDS.items():
        if grid is GRID and not wide:
            continue
        count = series if grid is SMALL else max(1, series // 6)
        for writes in (False, True):
            figures = _row(Contest(grid, count, writes=writes), rounds)
            section.rows.append((name, "yes" if writes else "no", *figures))
    return section


def _describe_share() -> str:
    return {1: "whole", 2: "half"}.get(THREADS, f"{THREADS}th")


def _row(contest: Contest, rounds: int) -> tuple[str, ...]:
    walls, cpus, beside, disks = [], [], [], []
    for _ in range(rounds):
        alone, alone_cpu, expected = contest.sweep_alone()
        wall, cpu, mib, digests = contest.run_job()
        if digests != expected:
            raise SystemExit("the digests of the job are not those of its series alone")
        walls.append(wall * THREADS / alone)
        cpus.append(cpu / alone_cpu)
        beside.append((cpu - alone_cpu) / len(digests))
        disks.append(mib / len(digests))
    digits = functools.partial(spread, digits=2)
    return digits(walls), digits(cpus), spread(beside, 3), digits(disks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--quick", action="store_true", help="without the full grid")
    arguments = parser.parse_args()
    section = measure(arguments.rounds, arguments.series, wide=not arguments.quick)
    print(section.markdown())
