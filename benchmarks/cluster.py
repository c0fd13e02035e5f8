"""What Ray costs beside threads of one process, on this machine.

    python -m benchmarks.cluster [--rounds 3]

Needs the extra ``ray``.
"""

from __future__ import annotations

import time

import qmac
from benchmarks.measuring import THREADS, Section, in_turn, ratios, rounds_from, spread

WIDE = qmac.Grid(windows=range(2, 521))


def measure(rounds: int = 3) -> Section:
    section = Section(
        "cluster",
        "Ray beside threads, one machine",
        f"{WIDE.size:,} combinations (windows 2:520), 5,031 bars, total_return, {THREADS} threads each, in turn; digests equal. A Ray "
        "of its own is started for each call, one of a cluster runs already and only an actor is started.",
        ("executor", "seconds", "over threads"),
    )
    prices, digests = qmac.sample_prices(), set()

    def timed(**keywords: object) -> float:
        began = time.perf_counter()
        digests.add(qmac.optimize(prices, WIDE, **keywords).digest)  # type: ignore[arg-type]
        return time.perf_counter() - began

    def started() -> float:
        began = time.perf_counter()
        with qmac.RayExecutor() as executor:
            timed(executor=executor)
            return time.perf_counter() - began

    def running() -> float:
        with qmac.RayExecutor() as executor:
            qmac.optimize(prices, qmac.Grid(windows=range(2, 22)), executor=executor)  # Ray and the actor are there
            return timed(executor=executor)

    qmac.optimize(prices, qmac.Grid(windows=range(2, 22)))
    found = in_turn({"threads": timed, "Ray that is there": running, "Ray started and ended": started}, rounds)
    assert len(digests) == 1
    for name, seconds in found.items():
        section.rows.append((name, spread(seconds, 1), spread(ratios(seconds, found["threads"]), 3)))
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
