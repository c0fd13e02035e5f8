"""Walk-forward of the whole grid beside plain sweeps of the bars of each fold.

python -m benchmarks.forward [--rounds 3]
"""

from __future__ import annotations

import dataclasses

import qmac
from benchmarks.luck import cpu_seconds
from benchmarks.measuring import GRID, Section, in_turn, ratios, rounds_from, seconds, spread
from qmac.robustness.forward.answer import Forward

TRAIN, TEST, FOLDS = 1000, 250, 15
GRIDS = {
    "2:252": (GRID, "total_return"),
    "2:252, sharpe_ratio": (GRID, "sharpe_ratio"),
    "2:252:5": (qmac.Grid(windows=range(2, 253, 5)), "total_return"),
}
PARITY_FOLDS = 2
"""Whose trains are compared with plain sweeps."""


class Contest:
    """The same folds, in both ways."""

    def __init__(self, grid: qmac.Grid, objective: str, folds: int = FOLDS) -> None:
        first = grid.windows[-1]
        self._prices = qmac.sample_prices()
        self._grid, self._objective = grid, objective
        end = self._prices.index[first + TRAIN + folds * TEST - 1]
        self._rules = qmac.Rules(end=end)
        self._starts = [first + number * TEST for number in range(folds)]
        self._check_parity()

    def walk(self) -> Forward:
        """Walk forward: a train and a test for each fold, and the answer."""
        return qmac.walk_forward(
            self._prices, self._grid, self._objective, self._rules, train=TRAIN, test=TEST
        )

    def sweep(self, bars: int = TRAIN + TEST) -> list[str]:
        """Sweep the bars of each fold once, by itself."""
        return [self._optimize(start, bars).digest for start in self._starts]

    def _optimize(self, start: int, bars: int) -> qmac.Result:
        index = self._prices.index
        rules = dataclasses.replace(self._rules, start=index[start], end=index[start + bars - 1])
        return qmac.optimize(self._prices, self._grid, self._objective, rules)

    def _check_parity(self) -> None:
        digests = self.walk().train_digests
        if len(digests) != len(self._starts):
            raise SystemExit(f"{len(digests)} folds, not {len(self._starts)}")
        for digest, start in list(zip(digests, self._starts, strict=True))[:PARITY_FOLDS]:
            if self._optimize(start, TRAIN).digest != digest:
                raise SystemExit("a train has another digest than the plain sweep of its bars")


def measure(rounds: int = 3, folds: int = FOLDS) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "forward",
        "Walk-forward: train and test of every fold",
        f"{folds} folds of {TRAIN:,} + {TEST} bars of the sample. `qmac.walk_forward` sweeps the "
        "train, and train and test once more; beside it one `qmac.optimize` of all bars of each "
        "fold, in turn, equal digests of trains checked first. CPU seconds; the wall time is that "
        "of the walk-forward.",
        ("windows", "walk-forward, s", "plain sweeps, s", "ratio", "wall, s"),
    )
    for name, (grid, objective) in GRIDS.items():
        contest = Contest(grid, objective, folds)
        walls: list[float] = []

        def walk(contest: Contest = contest, walls: list[float] = walls) -> float:
            return cpu_seconds(lambda: walls.append(seconds(contest.walk)))

        walked, swept = in_turn(
            {"walk": walk, "sweep": lambda contest=contest: cpu_seconds(contest.sweep)}, rounds
        ).values()
        shown = spread(walked, 1), spread(swept, 1), spread(ratios(walked, swept), 2)
        section.rows.append((name, *shown, spread(walls[1:], 1)))
    return section


if __name__ == "__main__":
    print(measure(rounds_from(__doc__, 3)).markdown())
