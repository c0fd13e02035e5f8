"""What all threads bring, beside what the machine lets as many processes have that share nothing.

python -m benchmarks.threads [--rounds 5]

Each process sweeps the full grid on one thread, all at the same time. What they lose to one alone
is the machine's: clocks that fall with load, a cache that is shared, neighbours. What threads lose
beyond it is ours.
"""

from __future__ import annotations

import subprocess
import sys

import qmac
from benchmarks.measuring import (
    GRID,
    THREADS,
    Section,
    in_turn,
    ratios,
    rounds_from,
    seconds,
    spread,
)

BARS = (800, 2000, 5031)


class Child:
    """A process that sweeps on command."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.threads", "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, bars: int, threads: int) -> None:
        """Begin a sweep."""
        assert self._process.stdin is not None
        print(bars, threads, file=self._process.stdin, flush=True)

    def seconds(self) -> float:
        """Return the time of the sweep that was begun."""
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve() -> None:
    """Sweep for each line of bars and threads, and print the seconds."""
    sample = qmac.sample_prices()
    for line in sys.stdin:
        bars, threads = map(int, line.split())
        prices = sample.tail(bars)

        def sweep(prices: qmac.Prices = prices, threads: int = threads) -> None:
            qmac.optimize(prices, GRID, threads=threads)

        print(seconds(sweep), flush=True)


def measure(rounds: int = 5) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "threads",
        f"{THREADS} threads, and what the machine has for them",
        f"Whole `qmac.optimize` calls, full grid, total_return: on {THREADS} threads, and in "
        f"{THREADS} processes at the same time on one thread each, over one on one thread alone. "
        "Processes share nothing, so what they lack is what the machine lacks.",
        (
            "bars",
            f"{THREADS} threads over 1",
            f"{THREADS} processes over 1",
            "threads over processes",
        ),
    )
    children = [Child() for _ in range(THREADS)]

    def rate(bars: int, threads: int, many: int) -> float:
        for child in children[:many]:
            child.begin(bars, threads)
        return many / max([child.seconds() for child in children[:many]])

    for bars in BARS:
        one, threads, processes = in_turn(
            {
                "one": lambda bars=bars: rate(bars, 1, 1),
                "threads": lambda bars=bars: rate(bars, THREADS, 1),
                "processes": lambda bars=bars: rate(bars, 1, THREADS),
            },
            rounds,
        ).values()
        gains = ratios(threads, one), ratios(processes, one), ratios(threads, processes)
        section.rows.append((f"{bars:,}", *(spread(gain, 2) for gain in gains)))
    for child in children:
        child.end()
    return section


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        print(measure(rounds_from(__doc__, 5)).markdown())
