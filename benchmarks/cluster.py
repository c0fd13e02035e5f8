"""What Ray costs beside threads of one process, on this machine.

    python -m benchmarks.cluster [--rounds 3]

Needs the extra ``ray``.
"""

from __future__ import annotations

import time

import qmac
from benchmarks.measuring import THREADS, Section, ratios, rounds_from, spread

WIDE = qmac.Grid(windows=range(2, 861))
"""A minute on two cores."""
SMALL = qmac.Grid(windows=range(2, 22))


def measure(rounds: int = 3) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "cluster",
        "Ray beside threads, one machine",
        f"{WIDE.size:,} combinations (windows 2:860), 5,031 bars, total_return, {THREADS} threads "
        "each, in turn; digests equal. Ray and its actor are there already; what it takes to "
        "start and end them is the last row, the same for any job.",
        ("executor", "seconds", "over threads"),
    )
    prices, digests = qmac.sample_prices(), set()

    def timed(grid: qmac.Grid = WIDE, **keywords: object) -> float:
        began = time.perf_counter()
        digests.add((grid.size, qmac.optimize(prices, grid, **keywords).digest))  # type: ignore[arg-type]
        return time.perf_counter() - began

    threads, there, started = [], [], []
    timed(SMALL)
    for _ in range(rounds):
        threads.append(timed())
        began = time.perf_counter()
        with qmac.RayExecutor() as executor:
            timed(SMALL, executor=executor)
            ready = time.perf_counter()
            there.append(timed(executor=executor))
            ended = time.perf_counter()
        started.append(ready - began + time.perf_counter() - ended - timed(SMALL))
    assert len(digests) == 2
    for name, seconds in (("threads", threads), ("Ray", there)):
        section.rows.append((name, spread(seconds, 1), spread(ratios(seconds, threads), 3)))
    section.rows.append(("Ray, to start and to end", spread(started, 1), ""))
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
