"""Best, mean and count of the objective for each value of two windows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import check_choice
from qmac._fields import protected
from qmac.engine.dataset.signals import MapFunction
from qmac.engine.sweep.reductions import PAIRS, Units
from qmac.errors import OptionError
from qmac.kernels.signals.event_lists import Lists
from qmac.kernels.sweep.pair_maps import add_lists, finish_cells
from qmac.kernels.sweep.tally import Cells, Tally
from qmac.strategy.grid import ROLES, Grid
from qmac.strategy.objective import Objective

ADDED_LISTS = 2048
"""Lists that are added to maps in one call of the kernel: less than a tenth of a millisecond."""


def build_maps(
    tally: Tally, buys: Lists, sells: Lists, shared_windows: bool, mapped: MapFunction = map
) -> Cells:
    """Complete the maps of a tally, in place: sums of a list move to its pairs.

    Parameters
    ----------
    tally : Tally
        Of all combinations; its cells of lists are used up.
    buys, sells : Lists
        Of the dataset.
    shared_windows : bool
        Whether combinations may share a window; otherwise cells of those that do are emptied.
    mapped : callable, optional
        Like ``map``; may spread the lists over threads.

    Returns
    -------
    Cells
        ``(6, W, W)`` each, in the order of ``reductions.PAIRS``.
    """
    maps = tally.maps
    additions = [
        *_list_additions(tally.entries, buys, _select_map(maps, 0)),
        *_list_additions(tally.exits, sells, _select_map(maps, 1)),
    ]
    list(mapped(lambda add: add(), additions))
    if not shared_windows:
        same = np.arange(maps.sums.shape[1])
        maps.sums[2:, same, same] = 0
        maps.counts[2:, same, same] = 0
    return maps


def _select_map(maps: Cells, number: int) -> Cells:
    return Cells(*(array[number] for array in maps))


def _list_additions(cells: Cells, lists: Lists, into: Cells) -> list[functools.partial[Any]]:
    """Return the steps that move the cells of lists to the map of their pairs."""
    steps = []
    for first in range(0, lists.count, ADDED_LISTS):
        last = min(first + ADDED_LISTS, lists.count)
        step = functools.partial(add_lists, first, last, lists.pairs, cells, into)
        steps.append(step)
    return steps


@protected("best", "means", "counts")
@dataclass(frozen=True, eq=False)
class Maps:
    """Best, mean and count of the objective for each value of two of the four windows."""

    objective: Objective
    windows: tuple[int, ...]
    best: np.ndarray
    """Highest or lowest scores, ``(6, W, W)``; NaN where nothing is scored."""
    means: np.ndarray
    """Mean scores, ``(6, W, W)``; NaN where nothing is scored."""
    counts: np.ndarray
    """Scored combinations, ``(6, W, W)`` int64."""

    @classmethod
    def from_cells(
        cls, objective: Objective, maps: Cells, grid: Grid, units: Units, mapped: MapFunction = map
    ) -> Maps:
        """Return scores and means in place of bests and sums.

        With 1,419 windows each array is 97 MB, and new memory takes as long as the rest.

        Parameters
        ----------
        objective : Objective
            What was ranked.
        maps : Cells
            What ``build_maps`` returned; it is used up.
        grid : Grid
            Its windows are the axes.
        units : Units
            Of the sums.
        mapped : callable, optional
            Like ``map``; may spread the maps over threads.

        Returns
        -------
        Maps
            In the memory of ``maps``.
        """
        means = maps.sums.view(np.float64)
        sign = float(objective.sign)
        unit = objective.sign * 2.0**-units.score_bits
        arrays = (maps.best, maps.sums, maps.counts, means)
        best, sums, counts, shown = (array.reshape(len(PAIRS), -1) for array in arrays)  # views

        def finish(k: int) -> None:
            finish_cells(best[k], sums[k], counts[k], shown[k], sign, unit)

        list(mapped(finish, range(len(PAIRS))))
        return cls(objective, grid.windows, maps.best, means, maps.counts)

    def frame(self, grid: Grid, rows: str, columns: str, stat: str) -> pd.DataFrame:
        """Return one map as values of the objective.

        Parameters
        ----------
        grid : Grid
            Windows of entries and exits.
        rows, columns : str
            Two of the four windows, such as ``"buy_fast"``.
        stat : str
            ``"best"``, which is ``"max"`` (``"min"`` of a lowest), ``"mean"`` or ``"count"``.

        Returns
        -------
        DataFrame
            The windows of ``rows`` as index, those of ``columns`` as columns; NaN where nothing
            was scored.

        Raises
        ------
        OptionError
            If a window or a stat is unknown, or both windows are the same.
        """
        best = "max" if self.objective.maximize else "min"
        _check_map(rows, columns, stat, ("best", best, "mean", "count"))
        return self._build_frame(grid, rows, columns, self.array(grid, rows, columns, stat))

    def array(self, grid: Grid, rows: str, columns: str, stat: str) -> np.ndarray:
        """Return one map as values of the objective, without a frame around them.

        Parameters
        ----------
        grid : Grid
            Windows of entries and exits.
        rows, columns : str
            Two of the four windows, such as ``"buy_fast"``.
        stat : str
            ``"mean"``, ``"count"``, or any other text for the best.

        Returns
        -------
        ndarray
            ``(R, C)`` float64, int64 of counts; NaN where nothing was scored.
        """
        if stat == "count":
            return self._select(grid, rows, columns, self.counts)
        maps = self.means if stat == "mean" else self.best
        return self.objective.values(self._select(grid, rows, columns, maps))

    def mean_scores(self, grid: Grid, rows: str, columns: str) -> pd.DataFrame:
        """Return the map of means as scores, of which means may be taken again.

        Parameters
        ----------
        grid : Grid
            Windows of entries and exits.
        rows, columns : str
            Two of the four windows, such as ``"buy_fast"``.

        Returns
        -------
        DataFrame
            Shaped as by ``frame``.
        """
        scores = self._select(grid, rows, columns, self.means)
        return self._build_frame(grid, rows, columns, scores)

    def _select(self, grid: Grid, rows: str, columns: str, maps: np.ndarray) -> np.ndarray:
        """Return one of ``maps (6, W, W)``, transposed where it lies the other way round."""
        if (rows, columns) in PAIRS:
            cells = maps[PAIRS.index((rows, columns))]
        else:
            cells = maps[PAIRS.index((columns, rows))].T
        places = [np.searchsorted(self.windows, grid.roles[role]) for role in (rows, columns)]
        selected: np.ndarray = cells[np.ix_(*places)]
        return selected

    def _build_frame(self, grid: Grid, rows: str, columns: str, values: np.ndarray) -> pd.DataFrame:
        """Return a map ``(R, C)`` with its windows."""
        index, header = list(grid.roles[rows]), list(grid.roles[columns])
        frame = pd.DataFrame(values, index, header)
        return frame.rename_axis(index=rows, columns=columns)


def _check_map(rows: str, columns: str, stat: str, stats: tuple[str, ...]) -> None:
    check_choice("rows", rows, ROLES)
    check_choice("columns", columns, ROLES)
    check_choice("stat", stat, stats)
    if rows == columns:
        raise OptionError(f"a map needs two different windows, but both are {rows!r}.")
