"""Speed of the full grid, its scaling over threads, and the original's scorer on the same bars.

    python -m benchmarks.throughput [--bars 800,2000,5031] [--rounds 7]

Contenders are interleaved (A B A B ...), parity is checked before anything is timed, and every
figure is a median with its smallest and largest round.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import numba
import numpy as np

import qmac
from benchmarks import original
from qmac import reductions
from qmac.config import available_cpus
from qmac.evaluation import Evaluator
from qmac.run.executors import ThreadExecutor

GRID = qmac.Grid(windows=range(2, 253))
ORIGINAL_SAMPLE = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", default="800,2000,5031")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(machine())
    for bars in (int(text) for text in options.bars.split(",")):
        prices = qmac.sample_prices().tail(bars)
        check_parity(prices.close)
        measure(prices, options.rounds)


def machine() -> str:
    return (
        f"{available_cpus()} CPUs ({numba.config.CPU_NAME or _host_cpu()}), Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {numba.__version__}, qmac {qmac.__version__}"
    )


def _host_cpu() -> str:
    import llvmlite.binding

    return str(llvmlite.binding.get_host_cpu_name())


def check_parity(close: np.ndarray) -> None:
    """Given the original's averages and costs, the engine gives the original's scores."""
    grid = qmac.Grid(windows=range(2, 253, 25))
    evaluator = Evaluator(original.as_dataset(close, grid), original.question(grid, grid.size))
    tally = ThreadExecutor(1).run(evaluator, grid.units(evaluator.blocks), lambda tallies: None)
    scores, indices = reductions.top_of(tally)
    rows = [(*grid.buys.pair(i // grid.sells.size), *grid.sells.pair(i % grid.sells.size)) for i in indices.tolist()]
    expected = original.score_all(close, np.array(rows), grid.windows[-1])
    worst = float(np.abs(scores - expected).max())
    if worst > 1e-12:
        raise SystemExit(f"no parity with the original: {worst}")
    print(f"{close.size} bars: {grid.size:,} combinations equal to the original's scorer within {worst:.0e}")


def measure(prices: qmac.Prices, rounds: int) -> None:
    rng = np.random.default_rng(1)
    sample = np.array([GRID.combination(int(i)) for i in rng.integers(0, GRID.size, ORIGINAL_SAMPLE)])
    contenders: dict[str, Callable[[], float]] = {
        "qmac, 1 thread": lambda: GRID.size / qmac.optimize(prices, GRID, threads=1).elapsed,
        "qmac, 2 threads": lambda: GRID.size / qmac.optimize(prices, GRID, threads=2).elapsed,
        "original's scorer, 1 thread": lambda: _rate(prices.close, sample),
    }
    for contender in contenders.values():
        contender()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            rates[name].append(contender())
    for name, found in rates.items():
        middle = statistics.median(found)
        print(f"  {name:30s} {middle / 1e6:10.3f} million/s   ({min(found) / 1e6:.3f} ... {max(found) / 1e6:.3f})")
    one, two, theirs = rates.values()
    _ratio("2 threads over 1", two, one)
    _ratio("per core over the original", one, theirs)


def _rate(close: np.ndarray, sample: np.ndarray) -> float:
    began = time.perf_counter()
    original.score_all(close, sample, 252)
    return len(sample) / (time.perf_counter() - began)


def _ratio(name: str, a: list[float], b: list[float]) -> None:
    ratios = sorted(x / y for x, y in zip(a, b, strict=True))
    print(f"  {name:30s} {statistics.median(ratios):10.2f}             ({ratios[0]:.2f} ... {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
