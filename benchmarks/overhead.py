"""The price of a watched run: the governor's share of a core, the snapshots' share of the time.

python -m benchmarks.overhead [--rounds 3]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import qmac
from benchmarks.measuring import THREADS, Section, rounds_from, spread
from qmac.jobs.monitor import SweepMonitor
from qmac.runtime.execution.directive import POLL_SECONDS
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.resources.governor import READING_SECONDS, Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe

GOVERNOR, SNAPSHOTS = 0.005, 0.01
"""Promised shares."""
WIDE = qmac.Grid(windows=range(2, 501))
"""Half a minute on two cores."""
READINGS = 200


def measure(rounds: int = 3, wide: bool = True) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "overhead",
        "The price of being watched",
        f"Governor: CPU time of {1 / READING_SECONDS:.0f} readings and "
        f"{1 / POLL_SECONDS - 1 / READING_SECONDS:.0f} looks between them, a second; with a "
        "directory, so that the disk is asked as well. Snapshots: of a run on all threads into a "
        "directory, the time in which one is written, for which workers may have to wait, and "
        "that of the merges it calls for, of one thread. A share of the whole run, serial parts "
        "included.",
        ("what", "each, ms", "how often", "share", "promised"),
    )  # fmt: skip
    reading, look = zip(*(_tick() for _ in range(rounds)), strict=True)
    shares = [
        a / READING_SECONDS + b * (1 / POLL_SECONDS - 1 / READING_SECONDS)
        for a, b in zip(reading, look, strict=True)
    ]  # fmt: skip
    each = spread([1000 * value for value in reading], 2)
    section.rows.append(
        (
            "governor, of a core",
            each,
            f"{1 / READING_SECONDS:.0f} a second",
            _percent(shares),
            f"{GOVERNOR:.1%}",
        )
    )
    if wide:
        count, each, shares = zip(*(_snapshots() for _ in range(rounds)), strict=True)
        name = f"snapshots, of the time of {WIDE.size:,} combinations on {THREADS} threads"
        times = f"{min(count)} to {max(count)} a run"
        written = spread([1000 * value for value in each], 1)
        section.rows.append((name, written, times, _percent(shares), f"{SNAPSHOTS:.0%}"))
    return section


def _percent(shares: Any) -> str:
    return f"{spread([100 * share for share in shares], 3)} %"


def _tick() -> tuple[float, float]:
    """CPU seconds of a tick that reads, and of one between."""
    with tempfile.TemporaryDirectory() as directory:
        governor = Governor(Limits(), Probe(Path(directory)), THREADS)
        governor.tick()
        began = time.process_time()
        for _ in range(READINGS):
            governor._due = 0.0
            governor.tick()
        reading = (time.process_time() - began) / READINGS
        began = time.process_time()
        for _ in range(READINGS):
            governor.tick()
    return reading, (time.process_time() - began) / READINGS


def _snapshots() -> tuple[int, float, float]:
    """How many were written, seconds of each, and their share of the run."""
    spent: list[float] = []
    merged: list[float] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        patch.object(SweepMonitor, "_save", _timed(SweepMonitor._save, spent)),
        patch.object(Ledger, "settle", _timed(Ledger.settle, merged)),
    ):
        began = time.perf_counter()
        qmac.optimize(
            qmac.sample_prices(), WIDE, out=Path(directory) / "run", limits=Limits(disk_free=None)
        )
        whole = time.perf_counter() - began
    called_for = sum(merged[:-1]) / THREADS  # the last one ends any run
    return len(spent), sum(spent) / max(len(spent), 1), (sum(spent) + called_for) / whole


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function that adds the seconds of each call to a list."""

    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent.append(time.perf_counter() - began)

    return timed


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
