"""The sweep: every entry list against a block of exit lists, scored and summarised in one pass.

Entry lists are walked in their order, so that neighbours share a prefix: the state after each
shared entry is stored and walked on from there. Where the tables of the whole series do not fit a
cache, time is cut into tiles, and the state of each row is carried from one tile to the next.
Axes: ``T`` bars, ``N`` lists, ``L`` lanes (exit lists of a block), ``C`` constraints.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, sealed, spliced
from qmac.kernels.compiler.lanes import (
    highest,
    item,
    load,
    rarely,
    splat,
    store,
    total,
    where,
    wide,
)
from qmac.kernels.signals.event_lists import Lists
from qmac.kernels.sweep.pair_maps import (
    add_slices,
    close_margin,
    look_closer,
    may_enter,
    open_block,
)
from qmac.kernels.sweep.shared_windows import (
    SharedLanes,
    Visit,
    close_shared,
    open_shared,
    take_off_row,
    visit_window,
    weigh_row,
)
from qmac.kernels.sweep.tally import (
    BlockLanes,
    BlockSums,
    Margins,
    Row,
    Scale,
    add_row,
    add_sums,
    close_sums,
    flush_histogram,
)
from qmac.kernels.trades.exit_tables import Edge, Stops, Tables, Tile, TradeValues, fill_tables
from qmac.kernels.trades.scores import Facts, measure
from qmac.kernels.trades.walk import WalkState, enter, settle_last

MOST_PENDING = 2**32 - 2**30
"""Combinations in a histogram of 32 bits before it is folded; one more row brings up to 2**30,
64 * MOST_PAIRS**2."""
FINITE = np.finfo(np.float64).max


class Aim(NamedTuple):
    """What is computed of every combination, and which of them count."""

    measure: int  # the metric that gives the score, see scores.measure
    sign: float  # -1.0 to look for the lowest
    highest: float  # the highest score whose value is finite
    line: float  # scores above it are counted
    traded: bool  # leave out combinations without a trade
    metrics: np.ndarray  # (C,) int64, constraints: a measure
    low: np.ndarray  # (C,) float64, and what it must not be below
    high: np.ndarray  # (C,) float64, or above
    ignore: int  # 1 if an entry and an exit on one bar change nothing
    shared_windows: bool


class Data(NamedTuple):
    """The series, both sides of the grid, and what is computed."""

    entries: Lists
    """In the order in which they are walked; their crosses are cut at the ends of tiles."""
    exits: Lists
    values: TradeValues
    stops: Stops | None
    facts: Facts
    aim: Aim
    scale: Scale | None  # None where nothing is summed
    bars: int  # T
    tile: int  # bars whose tables are in memory at a time


class Workspace(NamedTuple):
    """What one worker writes on."""

    tables: Tables
    edge: Edge
    states: WalkState  # row 0 before any entry; then after each entry of a row, or each row's
    floors: np.ndarray  # (N,) float64, see pair_maps.look_closer
    every: Visit  # all rows
    some: Visit  # those with one window
    lanes: BlockLanes
    margins: Margins
    sums: BlockSums
    row: Row
    shared: SharedLanes


class Cell(NamedTuple):
    """A lane block, or what shares one window: the unit of work."""

    window: int  # that combinations must not share, by its place; below 0 for a lane block
    role: int  # of the window in the exit pair, 0 for fast
    visit: Visit  # the entry lists to walk
    rows: int  # how many they are
    first_score: int  # row of ``Row.scores`` for the first of them, where whole blocks are stored


@sealed
def sweep_cells(width, batch, data, workspace, tally, stop):
    """Sweep the cells ``batch[0] ... batch[1]`` into a tally.

    A cell is a lane block; after those, a window that combinations must not share, in a role of the
    exit pair. Where scores are stored, those of a batch follow each other: there must be room for
    all of its rows.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    batch : tuple of int
        First cell, and the one after the last.
    data : Data
        Series, grid and aim.
    workspace : Workspace
        Arrays of this worker.
    tally : Tally
        Reductions, updated in place.
    stop : ndarray
        ``(1,)``; whatever sets it ends the sweep at the next row.

    Returns
    -------
    bool
        False if ``stop`` was set meanwhile; the tally is then worth nothing.
    """
    entries, exits, lanes = data.entries, data.exits, workspace.lanes
    blocks = (exits.pairs.starts.size - 2) // len(width) + 1
    for number in range(batch[0], batch[1]):
        window, role, first = (number - blocks) // 2, (number - blocks) % 2, number * len(width)
        rows, visit = entries.pairs.starts.size - 1, workspace.every
        first_score = (number - batch[0]) * rows
        if window >= 0:
            first, visit, deepest = 0, workspace.some, workspace.states.code.shape[0] - 1
            rows = visit_window(
                window, entries.crosses, entries.fast_holders, entries.slow_holders, deepest, visit
            )
        cell = Cell(window, role, visit, rows, first_score)
        while True:
            if window < 0:
                open_block(exits.pairs, first, data.aim.shared_windows, lanes, workspace.margins)
            elif not open_shared(window, role, first, exits, lanes, workspace.shared):
                break
            begin = 0
            while begin < data.bars:
                end = min(begin + data.tile, data.bars)
                tile = Tile(begin, end, data.bars, begin // data.tile)
                fill_tables(
                    width, tile, exits.crosses, lanes.lists, data.values, data.stops,
                    data.aim.ignore, workspace.tables, workspace.edge,
                )  # fmt: skip
                if not _walk_rows(width, tile, cell, data, workspace, tally, stop):
                    return False
                begin = tile.end
            if window < 0:
                _close_block(data, workspace, tally)
                break
            close_shared(window, role, lanes.lists, workspace.shared, tally.maps)
            close_sums(np.int64(-1), lanes.pairs, workspace.sums, tally.totals)
            first += len(width)
    return True


@spliced
def _close_block(data, workspace, tally):
    """Fold the summaries of a lane block into the tally."""
    lanes, exits, totals = workspace.lanes, data.exits, tally.totals
    totals.counts[0] += _count_pairs(lanes.pairs) * data.entries.pairs.pairs.size
    for role in range(np.int64(2)):
        margin = workspace.margins.slow if role else workspace.margins.fast
        close_margin(
            role, lanes, margin, exits, data.scale.count_shift, totals.counts, tally.exits,
            tally.maps,
        )  # fmt: skip
    close_sums(np.int64(1), lanes.pairs, workspace.sums, totals)


@inner
def _count_pairs(pairs):
    """Exit pairs of a block.

    Parameters
    ----------
    pairs : ndarray
        ``BlockLanes.pairs``, ``(1, L)``.

    Returns
    -------
    int
        Sum over the lanes.
    """
    count = np.int64(0)
    for lane in range(pairs.shape[1]):
        count += np.int64(pairs[0, lane])
    return count


@spliced
def _walk_rows(width, tile, cell, data, workspace, tally, stop):
    """Walk the entries of a tile and, after the last one, score each row against each lane.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    tile : Tile
        Bars of the tables.
    cell : Cell
        Rows to walk.
    data, workspace, tally, stop : Data, Workspace, Tally, ndarray
        As of ``sweep_cells``.

    Returns
    -------
    bool
        False if ``stop`` was set meanwhile.
    """
    first = tile.number * (data.entries.pairs.starts.size - 1)
    pending, most_pending = 0, MOST_PENDING // max(1, _count_pairs(workspace.lanes.pairs))
    for i in range(cell.rows):
        if stop[0]:
            return False
        row = item(cell.visit.rows, i)
        state = walk_row(
            width, tile, i, first + row, cell.visit.prefixes, data.entries.crosses, data.values,
            data.stops, data.facts.first, workspace.tables, workspace.states,
        )  # fmt: skip
        if tile.end < tile.length:
            continue
        state = settle_last(state, tile.length)
        pairs = _score_row(width, i, row, cell, state, tile.length, data, workspace, tally)
        pending += pairs
        if cell.window < 0 and pending > most_pending:
            flush_histogram(workspace.sums.histogram, np.int64(1), tally.totals.histogram)
            pending = pairs
    return True


@spliced
def walk_row(width, tile, i, n, prefixes, crosses, values, stops, start, tables, states):
    """Return the state of the lanes after the entries of a row within a tile.

    It is stored where a later row or tile goes on from it.
    A tile that is the whole series starts from what the row before has in common with this one.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    tile : Tile
        Bars of the tables.
    i, n : int
        Place among the rows that are walked; number of the entry list in this tile.
    prefixes : ndarray
        ``(N + 1,)`` entries that each row has in common with the one before.
    crosses : Crosses
        Entries of all lists, see ``crosses.cut_lists``.
    values, stops, start, tables : TradeValues, Stops or None, int, Tables
        What trades are scored with, see ``walk.enter``.
    states : WalkState
        Stored states.

    Returns
    -------
    WalkState
        Of each lane.
    """
    begin, end = item(crosses.starts, n), item(crosses.starts, n + 1)
    if tile.end - tile.begin == tile.length:
        k, come_back = begin + item(prefixes, i), begin + item(prefixes, i + 1)
        state = load(states, k - begin, width)
    else:
        k, come_back = begin, 0
        state = load(states, i + 1 if tile.begin > 0 else 0, width)
    while k < end:
        state = enter(tile, item(crosses.bars, k), values, stops, tables, start, state)
        k += 1
        if k <= come_back:  # the next row starts from there
            store(states, k - begin, state)
    if tile.end < tile.length:
        store(states, i + 1, state)
    return state


@spliced
def _score_row(width, i, row, cell, state, length, data, workspace, tally):
    """Score a row from the state after the last bar, and add the scores to the summaries.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    i, row : int
        Place among the rows of the cell; number of the entry list.
    cell : Cell
        What is swept.
    state : WalkState
        Statistics of each lane, all trades settled.
    length : int
        Bars of the series.
    data, workspace, tally : Data, Workspace, Tally
        As of ``sweep_cells``.

    Returns
    -------
    int
        Entry pairs of the row; 1 for a window, whose weights differ by lane.
    """
    aim, entries, exits, lanes = data.aim, data.entries, data.exits, workspace.lanes
    factor = item(entries.pairs.starts, row + 1) - item(entries.pairs.starts, row)
    counts, weights = splat(np.int32(factor), width), lanes.pairs
    if cell.window >= 0:
        weights, factor = workspace.row.weights, np.int64(1)
        weigh_row(
            i, cell.role, entries.by_fast, entries.by_slow, cell.visit.slices, lanes.pairs,
            workspace.shared.places, weights,
        )  # fmt: skip
        counts = load(weights, 0, width)
    alive, removed = load(lanes.alive, 0, width), workspace.sums.removed
    passed = _check_constraints(counts, alive, state, length, aim, data.facts, removed)
    metric = measure(aim.measure, state, length, data.facts)
    scored = passed & (metric >= -FINITE) & (metric <= aim.highest)  # NaN is neither
    values = metric * aim.sign + 0.0
    positive = scored & (metric > aim.line)
    units = add_sums(
        counts, weights, factor, passed, scored, positive, values, workspace.sums, data.scale
    )
    if cell.window >= 0:
        _store_row(width, scored, units, data.scale.count_shift, workspace.row)
        take_off_row(
            i, cell.window, cell.role, entries.by_fast, entries.by_slow, cell.visit.slices,
            workspace.row, workspace.shared, tally.totals.counts, tally.maps,
        )  # fmt: skip
        return factor
    score = where(scored, values, -np.inf)
    scores, best = workspace.row.scores, tally.maps.best
    place = cell.first_score + row if scores.shape[0] > 1 else 0
    store(scores, place, score)
    _add_list(width, row, scored, units, lanes.pairs, data.scale.count_shift, tally.entries)
    for side in range(np.int64(2)):
        slices = entries.by_slow if side else entries.by_fast
        margin = workspace.margins.slow if side else workspace.margins.fast
        add_slices(
            width, slices, row, side, score, units, margin, exits.pairs, lanes, scores, place, best
        )
    highest_score = highest(score)
    index = _lowest_index(row, lanes.lists[0], entries.pairs, exits.pairs)
    if (
        highest_score > workspace.floors[row]
        or may_enter(highest_score, index, tally.heap)
        or rarely(scored & (values < tally.lowest[0]))
    ):
        look_closer(
            row, entries.pairs, exits.pairs, aim.shared_windows, lanes, scores, place,
            tally.lowest, tally.entries.best, workspace.floors, best, tally.heap,
        )  # fmt: skip
    return factor


@spliced
def _check_constraints(counts, alive, state, length, aim, facts, removed):
    """Return the mask of the lanes that pass.

    What each constraint removes, in combinations, is added to its row of ``removed``.
    """
    none = counts ^ counts
    passed = alive != 0
    if aim.traded:
        passed = (alive & state.code) != 0
        add_row(removed, 0, where(passed, none, counts))
    for k in range(aim.metrics.size):
        value = measure(aim.metrics[k], state, length, facts)
        inside = (value >= aim.low[k]) & (value <= aim.high[k])
        add_row(removed, k + 1, where(inside, none, counts))
        passed = passed & inside
    return passed


@spliced
def _store_row(width, scored, units, count_shift, row):
    """Store scores without their counts, and where there are any, for single lanes."""
    one = splat(np.int64(1), width)
    ones = where(scored, one, one ^ one)
    counts = ones * (np.int64(1) << count_shift)
    store(row.ones, 0, ones)
    store(row.units, 0, units - counts)


@spliced
def _add_list(width, row, scored, units, lane_pairs, count_shift, cells):
    """Add a row to the sums of its entry list, over the exit pairs of the lanes."""
    pairs = load(lane_pairs, 0, width)
    none = pairs ^ pairs
    count = total(where(scored, pairs, none))
    packed = total(units * wide(pairs))
    cells.sums[row] += packed - (count << count_shift)
    cells.counts[row] += count


@spliced
def _lowest_index(row, exit_list, entries, exits):
    """Return the index of the first combination of an entry list and an exit list."""
    entry_pair = np.int64(entries.pairs[entries.starts[row]])
    exit_pair = exits.pairs[exits.starts[exit_list]]
    return entry_pair * exits.pairs.size + exit_pair
