"""The best score of a sweep and nothing else: no maps, no sums, no histogram.

The walk, the tables and the measures are those of ``sweep``, so that the score has the same bits.
What shares a window is not taken off: where a row has a new best, its pairs are looked at one by
one, which is rare. Axes: ``L`` lanes (exit lists of a block), ``N`` entry lists.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, sealed, spliced
from qmac.kernels.compiler.lanes import item, load, rarely, store, where
from qmac.kernels.sweep.pair_maps import is_disjoint
from qmac.kernels.sweep.shared_windows import Visit
from qmac.kernels.sweep.sweep import FINITE, walk_row
from qmac.kernels.trades.exit_tables import Edge, Tables, Tile, fill_tables
from qmac.kernels.trades.scores import measure
from qmac.kernels.trades.walk import WalkState, settle_last


class BestWorkspace(NamedTuple):
    """What one worker writes on."""

    tables: Tables
    edge: Edge
    states: WalkState  # row 0 before any entry; then after each entry of a row, or each row's
    every: Visit  # all rows
    lists: np.ndarray  # (L,) int32, the exit list of each lane; -1 for none
    alive: np.ndarray  # (1, L) unsigned, all ones, or 0 in a lane without a list
    scores: np.ndarray  # (1, L) float64, the present row


@sealed
def find_best(width, data, workspace, best, stop):
    """Raise ``best`` to the best score of all combinations.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    data : Data
        Series, grid and aim, as of ``sweep.sweep_cells``.
    workspace : BestWorkspace
        Arrays of this worker.
    best : ndarray
        ``(1,)`` float64, the higher the better; -inf where nothing is scored.
    stop : ndarray
        ``(1,)``; whatever sets it ends the search at the next row.

    Returns
    -------
    bool
        False if ``stop`` was set meanwhile; the score is then worth nothing.
    """
    lists = data.exits.pairs.starts.size - 1
    for first in range(0, lists, len(width)):
        _open_lanes(first, lists, workspace.lists, workspace.alive)
        begin = 0
        while begin < data.bars:
            end = min(begin + data.tile, data.bars)
            tile = Tile(begin, end, data.bars, begin // data.tile)
            fill_tables(
                width, tile, data.exits.crosses, workspace.lists, data.values, data.stops,
                data.aim.ignore, workspace.tables, workspace.edge,
            )  # fmt: skip
            if not _walk_rows(width, tile, data, workspace, best, stop):
                return False
            begin = tile.end
    return True


@inner
def _open_lanes(first, lists, numbers, alive):
    """Open lanes for the exit lists from ``first`` on."""
    for lane in range(numbers.size):
        is_open = first + lane < lists
        numbers[lane] = first + lane if is_open else -1
        alive[0, lane] = ~alive.dtype.type(0) if is_open else alive.dtype.type(0)


@spliced
def _walk_rows(width, tile, data, workspace, best, stop):
    """Walk the entries of a tile and, after the last one, score each row against each lane.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    tile : Tile
        Bars of the tables.
    data, workspace, best, stop : Data, BestWorkspace, ndarray, ndarray
        As of ``find_best``.

    Returns
    -------
    bool
        False if ``stop`` was set meanwhile.
    """
    rows = workspace.every.rows.size
    first = tile.number * rows
    for row in range(rows):
        if stop[0]:
            return False
        state = walk_row(
            width, tile, row, first + row, workspace.every.prefixes, data.entries.crosses,
            data.values, data.stops, data.facts.first, workspace.tables, workspace.states,
        )  # fmt: skip
        if tile.end < tile.length:
            continue
        state = settle_last(state, tile.length)
        _score_row(width, row, state, tile.length, data, workspace, best)
    return True


@spliced
def _score_row(width, row, state, length, data, workspace, best):
    """Score a row from the state after the last bar; nothing is stored but a new best.

    Whether a lane counts is asked only where one is higher than the best, which is rare.
    """
    aim = data.aim
    metric = measure(aim.measure, state, length, data.facts)
    if rarely(metric * aim.sign > best[0]):  # NaN is not
        scored = _find_scored(width, metric, state, length, data, workspace.alive)
        score = where(scored, metric * aim.sign + 0.0, -np.inf)
        store(workspace.scores, 0, score)
        _look_closer(
            row, data.entries.pairs, data.exits.pairs, aim.shared_windows, workspace.lists,
            workspace.scores, best,
        )  # fmt: skip


@spliced
def _find_scored(width, metric, state, length, data, open_lanes):
    """Return the mask of the lanes with a list, a score, and nothing that a constraint removes."""
    aim = data.aim
    alive = load(open_lanes, 0, width)
    passed = alive != 0
    if aim.traded:
        passed = (alive & state.code) != 0
    for k in range(aim.metrics.size):
        value = measure(aim.metrics[k], state, length, data.facts)
        passed = passed & (value >= aim.low[k]) & (value <= aim.high[k])
    return passed & (metric >= -FINITE) & (metric <= aim.highest)


@inner
def _look_closer(row, entries, exits, shared_windows, lists, scores, best):
    """Raise the best by lanes whose pairs share no window with one of the row's."""
    for lane in range(lists.size):
        score = scores[0, lane]
        if score > best[0] and (shared_windows or _has_disjoint(row, lists[lane], entries, exits)):
            best[0] = score


@spliced
def _has_disjoint(row, exit_list, entries, exits):
    """Whether a pair of the entry list and one of the exit list share no window."""
    for k in range(item(entries.starts, row), item(entries.starts, row + 1)):
        for m in range(item(exits.starts, exit_list), item(exits.starts, exit_list + 1)):
            if is_disjoint(entries, k, exits, m):
                return True
    return False
