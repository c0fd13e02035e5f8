"""Combinations per second on the full grid, beside the original's scorer.

    python -m benchmarks.throughput [--rounds 5]

Before anything is timed, qmac must compute the original's scores from the original's averages. Then
one thread, all threads and the original take turns. The whole of ``qmac.optimize`` is timed, from
prices in memory to the result. The original has one thread and scores a random sample of the grid.
"""

from __future__ import annotations

import numpy as np

import qmac
from benchmarks import original
from benchmarks.measuring import (
    GRID,
    THREADS,
    Section,
    entries_per_pair,
    in_turn,
    ratios,
    rounds_from,
    seconds,
    spread,
)
from qmac.engine.sweep import reductions
from qmac.engine.sweep.evaluator import Evaluator
from qmac.runtime.execution.threads import compute_tally

BARS = (800, 2000, 5031)
SAMPLE = 20_000


def check_parity(close: np.ndarray) -> None:
    """Given the original's averages and costs, the engine gives the original's scores."""
    grid = qmac.Grid(windows=range(2, 253, 25))
    evaluator = Evaluator(original.as_dataset(close, grid), original.build_spec(grid, grid.size))
    tally = compute_tally(evaluator, 1)
    scores, indices = reductions.ranked_top(tally)
    rows = grid.combinations_at(indices)
    expected = original.score_all(close, rows, grid.windows[-1])
    worst = float(np.abs(scores - expected).max())
    if len(rows) != grid.size or worst > 1e-12:
        raise SystemExit(f"no parity with the original: {worst}")


def measure(rounds: int = 5) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "throughput",
        "The full grid: 968,734,500 combinations",
        "total_return, all reductions, million combinations/s of whole `qmac.optimize` calls on "
        f"1 and {THREADS} threads, beside the original's scorer (no Ray, no lists) on one; scores "
        "equal to 1e-12 before timing. An equivalent bar is one bar of one combination, which "
        "nobody computes any more.",
        (
            "bars",
            "entries a pair",
            "1 thread",
            f"{THREADS} threads",
            f"{THREADS} over 1",
            "ns per (entry, combination), a core",
            "equivalent bars/s",
            "original, 1 thread",
            "per core over the original",
        ),
    )
    for bars in BARS:
        prices = qmac.sample_prices().tail(bars)
        check_parity(prices.close)
        rng = np.random.default_rng(1)
        sample = np.array([GRID.combination(int(i)) for i in rng.integers(0, GRID.size, SAMPLE)])
        rates = in_turn(
            {
                "one": lambda prices=prices: (
                    GRID.size / seconds(lambda: qmac.optimize(prices, GRID, threads=1)) / 1e6
                ),
                "all": lambda prices=prices: (
                    GRID.size / seconds(lambda: qmac.optimize(prices, GRID, threads=THREADS)) / 1e6
                ),
                "original": lambda prices=prices, sample=sample: (
                    SAMPLE / seconds(lambda: original.score_all(prices.close, sample, 252)) / 1e6
                ),
            },
            rounds,
        )
        entries = entries_per_pair(prices)
        one, every, theirs = rates.values()
        section.rows.append(
            (
                f"{bars:,}",
                f"{entries:.1f}",
                spread(one),
                spread(every),
                spread(ratios(every, one), 2),
                spread([1000 / rate / entries for rate in one], 2),
                f"{np.median(every) * 1e6 * bars:.2g}",
                spread(theirs, 3),
                spread(ratios(one, theirs)),
            )
        )
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
