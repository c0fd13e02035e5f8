"""What of a run does not spread over CPUs, and what that says of 60 of them.

python -m benchmarks.serial [--rounds 3]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import qmac
from benchmarks.measuring import GRID, Section, rounds_from
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import build_spec
from qmac.jobs.series_sweep import sweep
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.strategy.constraints import check_constraints
from qmac.strategy.rules import Rules

CPUS, FED = 60, 16
MERGED = 8
"""Tallies whose merging is timed."""
WIDE = qmac.Grid(windows=range(2, 1421))


class Timed(ThreadExecutor):
    """One thread that knows how long it was in kernels that run side by side on more.

    The longest item of a map counts as serial: it cannot be cut, and with many CPUs the others wait
    for it.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self.spread, self.merging = 0.0, 0.0
        self.extra = 0.0
        """Seconds of what no run does, but this benchmark."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Any:
        """Call a function on each item, and take the time of all but the longest call."""
        found, seconds = [], [0.0]
        for item in items:
            began = time.process_time()
            found.append(function(item))
            seconds.append(time.process_time() - began)
        self.spread += sum(seconds) - max(seconds)
        return found

    def run(self, evaluator: Evaluator, ledger: Any, monitor: Any) -> None:
        """Sweep, and take the time; then that of merging a tally, as many threads do it."""
        began = time.process_time()
        super().run(evaluator, ledger, monitor)
        self.spread += time.process_time() - began
        began = time.process_time()
        tallies = [evaluator.empty() for _ in range(MERGED)]
        reductions.merge(*tallies, parts=CPUS)
        second = time.process_time()
        reductions.merge(*tallies, parts=CPUS)
        self.merging = (time.process_time() - second) / (MERGED - 1)
        del tallies
        self.extra = time.process_time() - began


def measure(rounds: int = 3, wide: bool = True) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "serial",
        f"The serial share, and a projection to {CPUS} CPUs",
        "One thread, total_return, CPU time. Serial is all of a `sweep` but the kernels that run "
        "side by side (averages, crosses, lane blocks; of each kind of small ones the longest "
        "counts as serial): event lists, pilot, the replay of the best 100. Projected: serial + "
        "side by side / CPUs + merging, where threads take a part of the cells of all tallies, at "
        f"the speed of {FED} cores, which the memory of a server may feed. That takes it that "
        "cores are as fast together as one alone: tables stay in a core's caches (0.6 MB at "
        "2,000 bars, 1.6 MB at 5,031), so memory is read once a lane block, and two threads here "
        "are within noise of twice one. It leaves out clock rates that fall with load, and "
        "hyper-threads, which share an L2.",
        (
            "grid",
            "bars",
            "combinations",
            "one thread, s",
            "serial, s",
            "serial share",
            "merge, ms",
            f"{CPUS} CPUs, s",
            f"{CPUS} CPUs over 1",
        ),
    )
    prices = qmac.sample_prices()
    cases = [("2:252", GRID, prices.tail(bars), Rules()) for bars in (800, 2000, 5031)]
    if wide:
        cases += [
            ("2:1420", WIDE, prices, Rules(start=prices.index[-bars].isoformat()))
            for bars in (800, 2000)
        ]
    for name, grid, series, rules in cases:
        prepared = PreparedSeries.build(series, grid.windows, rules)
        spec = build_spec(prepared, grid, "total_return", True, check_constraints(None, 1), 100)
        found = []
        for _ in range((1 if grid is WIDE else rounds) + 1):
            executor = Timed()
            began = time.process_time()
            sweep(prepared, grid, spec, executor)
            total = time.process_time() - began - executor.extra
            found.append((total, total - executor.spread, executor.merging))
        total, serial, merging = (statistics.median(part) for part in zip(*found[1:], strict=True))
        projected = serial + (total - serial) / CPUS + merging * (CPUS - 1) / FED
        bars = (
            len(series)
            if rules.start is None
            else len(series) - series.index.searchsorted(rules.start)
        )
        section.rows.append(
            (
                name,
                f"{bars:,}",
                f"{grid.size:,}",
                f"{total:.2f}",
                f"{serial:.3f}",
                f"{serial / total:.2%}",
                f"{merging * 1000:.1f}",
                f"{projected:.2f}",
                f"{total / projected:.0f}",
            )
        )
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
