"""Time and memory of the original, part by part: its scorer, its lists of tuples, its Ray batches.

    python -m benchmarks.original_profile [--rounds 5]

Ray is not needed: what a batch costs the driver and the worker beside the scoring is that its
tuples are pickled, sent through shared memory and unpickled, and its results the same way back;
pickling and unpickling are measured.
"""

from __future__ import annotations

import itertools
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

import qmac
from benchmarks import original
from benchmarks.measuring import GRID, Section, in_turn, rounds_from, seconds, spread

BARS, SCORED, LISTED = 2000, 2_000, 500_000


@numba.njit
def averages_alone(prices: Any, combinations: Any) -> float:
    """The four averages of each combination, and nothing else."""
    total = 0.0
    for n in range(combinations.shape[0]):
        for k in range(4):
            total += original.stale_averages(prices, combinations[n, k])[-2]
    return total


def measure(rounds: int = 5) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "original_profile",
        "Where the original's time and memory go",
        f"{BARS:,} bars, windows 2:252, one thread; for {GRID.size:,} combinations by "
        "multiplication. Its lists hold all combinations before the first is scored, and all "
        "results until the end.",
        ("part", "a combination", "for the full grid"),
    )
    prices = qmac.sample_prices().tail(BARS).close
    rng = np.random.default_rng(1)
    sample = np.array([GRID.combination(int(i)) for i in rng.integers(0, GRID.size, SCORED)])
    rows = [tuple(row) for row in np.resize(sample, (LISTED, 4)).tolist()]
    results = [(row, float(score)) for score, row in enumerate(rows)]
    packed, packed_results = pickle.dumps(rows, 5), pickle.dumps(results, 5)
    parts: dict[str, tuple[Callable[[], object], int]] = {
        "score one, all of it": (lambda: original.score_all(prices, sample, 252), SCORED),
        "of that, four averages": (lambda: averages_alone(prices, sample), SCORED),
        "build its tuple": (lambda: _tuples(LISTED), LISTED),
        "pickle and unpickle its tuple (a Ray batch out)": (
            lambda: pickle.loads(pickle.dumps(rows, 5)),
            LISTED,
        ),
        "pickle and unpickle its result (a Ray batch back)": (
            lambda: pickle.loads(pickle.dumps(results, 5)),
            LISTED,
        ),
    }
    times = in_turn(
        {
            name: lambda run=run, count=count: seconds(run) / count * 1e6
            for name, (run, count) in parts.items()
        },
        rounds,
    )
    for name, found in times.items():
        middle = float(np.median(found))
        section.rows.append((name, f"{spread(found, 3)} µs", _hours(middle * 1e-6 * GRID.size)))
    tuples = _bytes(lambda: _tuples(LISTED))
    listed = _bytes(lambda: [(row, 0.5 + n) for n, row in enumerate(rows)])
    for name, size in (
        ("memory of its tuple in the list", tuples),
        ("memory of its result in the list", listed),
        ("bytes of a batch out", len(packed) / LISTED),
        ("bytes of a batch back", len(packed_results) / LISTED),
    ):
        section.rows.append((name, f"{size:.0f} bytes", f"{size * GRID.size / 2**30:.0f} GiB"))
    return section


def _tuples(count: int) -> list[tuple[int, ...]]:
    """Return tuples as the original builds them: nested choices of windows that must differ."""
    windows = range(2, 253)
    quadruples = (
        (a, b, c, d)
        for a, b in itertools.combinations(windows, 2)
        for c, d in itertools.combinations(windows, 2)
        if len({a, b, c, d}) == 4
    )
    return list(itertools.islice(quadruples, count))


def _bytes(make: Callable[[], Any]) -> float:
    tracemalloc.start()
    kept = make()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(kept)


def _hours(duration: float) -> str:
    return f"{duration / 3600:.1f} h" if duration > 3600 else f"{duration / 60:.0f} min"


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
