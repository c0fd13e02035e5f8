"""Best, mean and count of the objective for each value of two windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.engine.dataset.signals import MapFunction
from qmac.engine.sweep.reductions import PAIRS, Units
from qmac.errors import OptionError, suggestion
from qmac.kernels.signals.event_lists import Lists
from qmac.kernels.sweep.pair_maps import add_lists, finish_cells
from qmac.kernels.sweep.tally import Cells, Tally
from qmac.strategy.grid import ROLES, Grid
from qmac.strategy.objective import Objective

ADDED_LISTS = 8192
"""To maps in one call of the kernel: a tenth of a millisecond."""


def build_maps(
    tally: Tally, buys: Lists, sells: Lists, shared_windows: bool, mapped: MapFunction = map
) -> Cells:
    """The maps ``(6, W, W)`` of a tally that is complete, in place: what a list has moves to its pairs.

    Cells of combinations that share a window are emptied.
    """
    maps = tally.maps

    def add(part: tuple[int, int]) -> None:
        side, first = part
        cells, into = (tally.entries, tally.exits)[side], Cells(*(array[side] for array in maps))
        add_lists(
            first, min(first + ADDED_LISTS, cells.best.size), (buys, sells)[side].pairs, cells, into
        )

    sizes = tally.entries.best.size, tally.exits.best.size
    list(
        mapped(
            add,
            [(side, first) for side in range(2) for first in range(0, sizes[side], ADDED_LISTS)],
        )
    )
    if not shared_windows:
        same = np.arange(maps.sums.shape[1])
        maps.sums[2:, same, same] = 0
        maps.counts[2:, same, same] = 0
    return maps


@dataclass(frozen=True, eq=False)
class Maps:
    """Best, mean and count of the objective for each value of two of the four windows."""

    objective: Objective
    windows: tuple[int, ...]
    best: np.ndarray  # (6, W, W) scores, the highest or lowest; NaN where nothing is scored
    means: np.ndarray  # (6, W, W) scores; NaN where nothing is scored
    counts: np.ndarray  # (6, W, W) int64

    @classmethod
    def finish(
        cls, objective: Objective, maps: Cells, grid: Grid, units: Units, mapped: MapFunction = map
    ) -> Maps:
        """In place of the sums and bests: with 1,419 windows each array is 97 MB, and new memory takes as long as the rest."""
        means = maps.sums.view(np.float64)
        sign, unit = float(objective.sign), objective.sign * 2.0**-units.score_bits
        best, sums, counts, shown = (
            array.reshape(len(PAIRS), -1) for array in (*maps, means)
        )  # views
        list(
            mapped(
                lambda k: finish_cells(best[k], sums[k], counts[k], shown[k], sign, unit),
                range(len(PAIRS)),
            )
        )
        return cls(objective, grid.windows, maps.best, means, maps.counts)

    def frame(self, grid: Grid, rows: str, columns: str, stat: str) -> pd.DataFrame:
        """One map: index are the windows of ``rows``, columns those of ``columns``; NaN where empty."""
        for role in (rows, columns):
            if role not in ROLES:
                raise OptionError(f"window {role!r} is not known. {suggestion(role, ROLES)}")
        best = "max" if self.objective.maximize else "min"
        if stat not in (best, "mean", "count"):
            raise OptionError(
                f"stat {stat!r} is not kept. {suggestion(stat, (best, 'mean', 'count'))}"
            )
        if rows == columns:
            raise OptionError(f"a map needs two different windows, but both are {rows!r}.")
        if stat == "count":
            return self._frame(grid, rows, columns, self.counts)
        scores = self._frame(grid, rows, columns, self.means if stat == "mean" else self.best)
        return pd.DataFrame(self.objective.values(scores.to_numpy()), scores.index, scores.columns)

    def mean_scores(self, grid: Grid, rows: str, columns: str) -> pd.DataFrame:
        """The map of means, as scores: of these, means may be taken again."""
        return self._frame(grid, rows, columns, self.means)

    def _frame(self, grid: Grid, rows: str, columns: str, maps: np.ndarray) -> pd.DataFrame:
        turned = (rows, columns) not in PAIRS
        cells = maps[PAIRS.index((columns, rows) if turned else (rows, columns))]
        frame = pd.DataFrame(cells.T if turned else cells, index=self.windows, columns=self.windows)
        frame = frame.loc[list(grid.roles[rows]), list(grid.roles[columns])]
        return frame.rename_axis(index=rows, columns=columns)
