"""The arrays that a worker sweeps with: tables, states, and the summaries of a lane block.

``L`` lanes lie side by side.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.period import code_dtype
from qmac.engine.sweep.spec import SweepSpec
from qmac.kernels.compiler.lanes import SUBHISTOGRAMS, allocate
from qmac.kernels.sweep.best_score import BestWorkspace
from qmac.kernels.sweep.shared_windows import SharedLanes, Visit
from qmac.kernels.sweep.sweep import Workspace
from qmac.kernels.sweep.tally import BINS, BlockLanes, BlockSums, Margin, Margins, Row
from qmac.kernels.trades.exit_tables import Edge, Excursions, ReturnSums, Tables
from qmac.kernels.trades.walk import FIRST, Counts, Drawdown, LastTrade, Trades, WalkState


def build_workspace(
    dataset: Dataset, spec: SweepSpec, tile: int, stored_rows: int, floors: np.ndarray | None
) -> Workspace:
    """Return the arrays of one worker.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed for each combination.
    tile : int
        Bars whose tables are in memory at a time.
    stored_rows : int
        Rows of scores that are stored; 0 for the one at hand only.
    floors : ndarray or None
        Scores that the pairs of each list of entries have reached, ``(N,)``; None for none.

    Returns
    -------
    Workspace
        Empty.
    """
    lanes, lists, windows = spec.lanes, dataset.buys.count, len(dataset.windows)
    code = code_dtype(dataset.bars)
    walk = _build_walk(dataset, spec, tile)
    return Workspace(
        tables=walk.tables,
        edge=walk.edge,
        states=walk.states,
        floors=np.full(lists, -np.inf) if floors is None else floors,
        every=walk.every,
        some=_build_visit(lists),
        lanes=BlockLanes(
            lists=np.zeros(lanes, np.int32),
            pairs=allocate(1, lanes, np.int32),
            alive=allocate(1, lanes, code),
            free=allocate(windows, lanes, code),
        ),
        margins=Margins(_build_margin(windows, lanes), _build_margin(windows, lanes)),
        sums=_build_sums(len(spec.aim.metrics), lanes),
        row=_build_row(stored_rows, lanes),
        shared=SharedLanes(
            np.zeros(lanes, np.int32),
            np.zeros(windows, np.int32),
            allocate(2, lanes, np.int64),
            allocate(2, lanes, np.int64),
        ),
    )


def build_best_workspace(dataset: Dataset, spec: SweepSpec, tile: int) -> BestWorkspace:
    """Return the arrays of one worker that looks for the best score only.

    Parameters
    ----------
    dataset : Dataset
        What is swept.
    spec : SweepSpec
        What is computed for each combination.
    tile : int
        Bars whose tables are in memory at a time.

    Returns
    -------
    BestWorkspace
        Empty.
    """
    lanes, walk = spec.lanes, _build_walk(dataset, spec, tile)
    return BestWorkspace(
        tables=walk.tables,
        edge=walk.edge,
        states=walk.states,
        every=walk.every,
        lists=np.zeros(lanes, np.int32),
        alive=allocate(1, lanes, code_dtype(dataset.bars)),
        scores=allocate(1, lanes, np.float64),
    )


class _Walk(NamedTuple):
    """What entries are walked with."""

    tables: Tables
    edge: Edge
    states: WalkState
    every: Visit


def _build_walk(dataset: Dataset, spec: SweepSpec, tile: int) -> _Walk:
    """Return tables, states and the order of rows."""
    buys, lanes = dataset.buys, spec.lanes
    code, statistics = code_dtype(dataset.bars), spec.statistics
    is_whole = tile == dataset.bars
    depths = int(buys.prefixes.max()) + 1 if is_whole else buys.count + 1
    tracks_trade = spec.rules.has_stops and spec.rules.conflict == "ignore"
    walked = statistics | set(LastTrade._fields) if tracks_trade else statistics
    rows = np.arange(buys.count, dtype=np.int32)
    return _Walk(
        tables=build_tables(tile, lanes, statistics, code),
        edge=Edge(allocate(1, lanes, code), allocate(1, lanes, np.float64)),
        states=build_states(depths, lanes, walked, code),
        every=Visit(rows, buys.prefixes, np.zeros((2, 0), np.int64)),
    )


def _build_visit(lists: int) -> Visit:
    """Return room for the lists that have a pair with one window."""
    return Visit(
        rows=np.zeros(lists, np.int32),
        prefixes=np.zeros(lists + 1, np.int32),
        slices=np.zeros((2, lists), np.int64),
    )


def _build_margin(windows: int, lanes: int) -> Margin:
    return Margin(allocate(windows, lanes, np.float64), allocate(windows, lanes, np.int64))


def _build_sums(constraints: int, lanes: int) -> BlockSums:
    return BlockSums(
        passed=allocate(1, lanes, np.int32),
        positive=allocate(1, lanes, np.int32),
        removed=allocate(constraints + 1, lanes, np.int32),
        squares=allocate(1, lanes, np.int64),
        histogram=np.zeros((SUBHISTOGRAMS, BINS + 1), np.uint32),
    )


def _build_row(stored_rows: int, lanes: int) -> Row:
    return Row(
        scores=allocate(max(stored_rows, 1), lanes, np.float64),
        weights=allocate(1, lanes, np.int32),
        units=allocate(1, lanes, np.int64),
        ones=allocate(1, lanes, np.int64),
    )


def build_tables(rows: int, lanes: int, statistics: Collection[str], code: Any) -> Tables:
    """Return the tables of a lane block with the columns of some statistics.

    Parameters
    ----------
    rows : int
        Bars of a tile.
    lanes : int
        Lists of exits side by side.
    statistics : collection of str
        Fields of ``walk.WalkState``.
    code : dtype
        Type of the bars of exits.

    Returns
    -------
    Tables
        ``(rows, L)`` each; None for the other columns.
    """

    def column(name: str) -> Any:
        return allocate(rows, lanes, np.float64) if name in statistics else None

    sums = ReturnSums(*(column(name) for name in ReturnSums._fields))
    excursions = Excursions(*(column("worst") for _ in Excursions._fields))
    return Tables(allocate(rows, lanes, code), sums, column("paid"), excursions)


def build_states(depths: int, lanes: int, statistics: Collection[str], code: Any) -> WalkState:
    """Return a state of the walk for each depth, the first one filled.

    Parameters
    ----------
    depths : int
        States.
    lanes : int
        Lists of exits side by side.
    statistics : collection of str
        Fields that are needed; the others are None.
    code : dtype
        Type of bars and counts.

    Returns
    -------
    WalkState
        ``(depths, L)`` each.
    """

    def rows(kind: Any, first: Any, dtype: Any) -> Any:
        arrays = []
        for name, value in zip(kind._fields, first, strict=True):
            array = None
            if name in statistics:
                array = allocate(depths, lanes, dtype)
                array[0] = value
            arrays.append(array)
        return kind(*arrays)

    return WalkState(
        allocate(depths, lanes, code),
        rows(LastTrade, FIRST.last_trade, code),
        rows(ReturnSums, FIRST.sums, np.float64),
        rows(Drawdown, FIRST.drawdown, np.float64),
        rows(Counts, FIRST.counts, code),
        rows(Trades, FIRST.trades, np.float64),
    )
