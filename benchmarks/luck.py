"""Whole resamples of a market, swept for their best score, beside plain sweeps of the same series.

python -m benchmarks.luck [--rounds 5]
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np

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
from qmac.robustness.markets.resample_sweep import ResampleSweep
from qmac.runtime.execution.parts import Part
from qmac.strategy.request import check_request

BARS = (800, 2000, 5031)
OBJECTIVES = ("total_return", "sharpe_ratio")
RESAMPLES = 19
"""Of the comparison of threads, beside the real market."""


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the CPU time of a call: that of other programs does not count."""
    began = time.process_time()
    function()
    return time.process_time() - began


class Contest:
    """One resample after the other, swept in both ways."""

    def __init__(self, bars: int, objective: str) -> None:
        prices = qmac.sample_prices().tail(bars)
        self._objective = objective
        self._sweep = ResampleSweep.build(
            prices, check_request(GRID, objective), ("shuffle",), seed=1
        )
        self._numbers = {"lean": itertools.count(), "plain": itertools.count()}
        self._check_parity()

    def _part(self, name: str) -> Part:
        return Part("shuffle", next(self._numbers[name]))

    def sweep_lean(self) -> float | None:
        """Build the next resample and find its best score: path, averages, crosses, lists, best."""
        return self._sweep.compute_score(self._part("lean"), np.zeros(1, np.uint8))

    def sweep_plain(self) -> float:
        """Sweep the next resample, of the same bits, with all reductions."""
        prices = self._sweep.build_series(self._part("plain")).prices
        result = qmac.optimize(prices, GRID, self._objective, threads=1)
        return float(result.top_scores[0])

    def _check_parity(self) -> None:
        lean, plain = self.sweep_lean(), self.sweep_plain()
        if lean != plain:
            raise SystemExit(f"the best score is {lean!r}, but {plain!r} by a plain sweep")


def measure(rounds: int = 5) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "luck",
        "Random markets: the best score alone",
        "Full grid. A resample is built, prepared and swept for its best score, as `qmac luck` "
        "does, and swept by `qmac.optimize`, both on one thread; CPU seconds, in turn, equal "
        f"scores checked first. Threads: `qmac.luck` with {RESAMPLES} resamples, {THREADS} threads "
        "over one, wall time.",
        (
            "bars",
            "objective",
            "resample, s",
            "plain sweep, s",
            "share",
            f"{THREADS} threads over 1",
        ),
    )
    for bars, objective in itertools.product(BARS, OBJECTIVES):
        contest = Contest(bars, objective)
        lean, plain = in_turn(
            {
                "lean": lambda contest=contest: cpu_seconds(contest.sweep_lean),
                "plain": lambda contest=contest: cpu_seconds(contest.sweep_plain),
            },
            rounds,
        ).values()
        shown = spread(lean, 3), spread(plain, 3), spread(ratios(lean, plain), 3)
        section.rows.append((f"{bars:,}", objective, *shown, compare_threads(bars, objective)))
    return section


def compare_threads(bars: int, objective: str, rounds: int = 3) -> str:
    """Return how much faster all threads are than one."""
    result = qmac.optimize(qmac.sample_prices().tail(bars), GRID, objective)

    def sweep(threads: int) -> float:
        return seconds(
            lambda: qmac.luck(
                result, RESAMPLES, nulls=("shuffle",), stop_after=None, threads=threads
            )
        )

    one, several = in_turn({"1": lambda: sweep(1), "all": lambda: sweep(THREADS)}, rounds).values()
    return spread(ratios(one, several), 2)


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 5)).markdown())
