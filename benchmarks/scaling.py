"""Time and peak memory of whole processes from 1e7 to 1e12 combinations, and a plot of both.

python -m benchmarks.scaling [--rounds 1]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import qmac
from benchmarks.measuring import THREADS, Section, rounds_from, spread

WINDOWS = {"1e7": 82, "1e8": 143, "1e9": 252, "1e10": 448, "1e11": 796, "1e12": 1420}
BARS = 2000
SCRIPT = """
import time, qmac
qmac.optimize(qmac.sample_prices(), qmac.Grid(windows=[5, 10, 20, 40, 80]))  # kernels are loaded
prices = qmac.sample_prices()
grid = qmac.Grid(windows=range(2, {last} + 1))
rules = qmac.Rules(start=prices.index[-{bars}].isoformat())
began = time.perf_counter()
result = qmac.optimize(prices, grid, rules=rules)
seconds = time.perf_counter() - began
lines = open("/proc/self/status").readlines()  # ru_maxrss is the parent's
peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
print(result.evaluated, seconds, int(peak) / 1024, *result.best)
"""
PLOT = Path(__file__).parents[1] / "docs" / "scaling.svg"


def measure(rounds: int = 1, sizes: tuple[str, ...] = tuple(WINDOWS)) -> Section:
    """Return the section of docs/benchmarks.md, and draw its plot."""
    section = Section(
        "scaling",
        "From 1e7 to 1e12 combinations",
        f"Windows 2 to the last one, the last {BARS:,} bars of the sample (the averages are "
        f"warmed up on those before), total_return, {THREADS} threads, all reductions, one "
        "process each; seconds of the `optimize` call, kernels loaded. Memory follows the square "
        "of the number of windows (six maps of best, sum and count for each thread), not the "
        "combinations. ![time and memory](scaling.svg)",
        ("windows", "combinations", "seconds", "million/s", "peak memory, MiB", "best"),
    )
    points = []
    for last in (WINDOWS[size] for size in sizes):
        found = []
        for _ in range(rounds):
            command = [sys.executable, "-c", SCRIPT.format(last=last, bars=BARS)]
            found.append(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            )
        evaluated, times = int(found[0][0]), [float(row[1]) for row in found]
        memory = max(float(row[2]) for row in found)
        if evaluated != qmac.Grid(windows=range(2, last + 1)).size:
            raise SystemExit(f"2:{last}: {evaluated} combinations were evaluated.")
        points.append((evaluated, sorted(times)[len(times) // 2], memory))
        section.rows.append(
            (
                f"2:{last}",
                f"{evaluated:,}",
                spread(times, 2),
                f"{evaluated / points[-1][1] / 1e6:,.0f}",
                f"{memory:,.0f}",
                ", ".join(found[0][3:]),
            )
        )
    plot(points)
    return section


def plot(points: list[tuple[int, float, float]]) -> None:
    """Both on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "qmac"
    from matplotlib import pyplot as plt

    sizes, times, memory = zip(*points, strict=True)
    figure, axes = plt.subplots(figsize=(6, 3.5))
    axes.loglog(sizes, times, "o-", label="seconds")
    axes.loglog(sizes, [times[0] * size / sizes[0] for size in sizes], ":", label="linear")
    axes.loglog(sizes, memory, "s-", label="peak memory, MiB")
    axes.set_xlabel("combinations")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 1)).markdown())
