"""The sweep: every entry list against a block of exit lists, scored and summarised in one pass.

Entry lists are walked in their order, so that neighbours share a prefix: the state after each shared entry
is kept and walked from there. Where the tables of the whole series do not fit a cache, time is cut into
tiles, and the state of each row is kept from one tile to the next.
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
"""Combinations in a histogram of 32 bits before it is folded; one more row brings up to 2**30, 64 * MOST_PAIRS**2."""
FINITE = np.finfo(np.float64).max


class Aim(NamedTuple):
    """What is asked of every combination."""

    measure: int  # the metric that gives the score, see measures
    sign: float  # -1.0 to look for the lowest
    highest: float  # the highest score whose value is finite
    traded: bool  # leave out combinations without a trade
    metrics: np.ndarray  # (C,) int64, constraints: a measure
    low: np.ndarray  # (C,) float64, and what it must not be below
    high: np.ndarray  # (C,) float64, or above
    ignore: int  # 1 if an entry and an exit on one bar change nothing
    shared_windows: bool


class Data(NamedTuple):
    """The series, both sides of the grid, and what is asked."""

    entries: Lists  # in the order in which they are walked
    exits: Lists
    values: TradeValues
    stops: Stops | None
    facts: Facts
    aim: Aim
    scale: Scale
    bars: int  # T
    tile: int  # bars whose tables are in memory at a time


class Workspace(NamedTuple):
    """What one worker writes on."""

    tables: Tables
    edge: Edge
    states: WalkState  # row 0 before any entry; then after each entry of the row at hand, or of each row of a tile
    cursors: np.ndarray  # (N,) int64, where the entries of each row go on after a tile
    floors: np.ndarray  # (N,) float64, see maps.look_closer
    every: Visit  # all rows
    some: Visit  # those with one window
    lanes: BlockLanes
    margins: Margins
    sums: BlockSums
    row: Row
    shared: SharedLanes


@sealed
def sweep_cells(width, batch, data, workspace, tally, stop):
    """Sweep the cells ``batch[0] ... batch[1]``; False if ``stop`` was set meanwhile.

    A cell is a lane block; after those, a window that combinations must not share, in a role of the exit pair. Where scores are
    kept, those of a batch follow each other: there must be room for all of its rows.
    """
    entries, exits, lanes = data.entries, data.exits, workspace.lanes
    blocks = (exits.pairs.starts.size - 2) // len(width) + 1
    for cell in range(batch[0], batch[1]):
        window, role, first = (cell - blocks) // 2, (cell - blocks) % 2, cell * len(width)
        rows, visit = entries.pairs.starts.size - 1, workspace.every
        kept = (cell - batch[0]) * rows
        if window >= 0:
            first, visit, deepest = 0, workspace.some, workspace.states.code.shape[0] - 1
            rows = visit_window(
                window, entries.crosses, entries.fast_holders, entries.slow_holders, deepest, visit
            )
        while True:
            if window < 0:
                open_block(exits.pairs, first, data.aim.shared_windows, lanes, workspace.margins)
            elif not open_shared(window, role, first, exits, lanes, workspace.shared):
                break
            begin = 0
            while begin < data.bars:
                tile = Tile(begin, min(begin + data.tile, data.bars), data.bars)
                fill_tables(
                    width, tile, exits.crosses, lanes.lists, data.values, data.stops, data.aim.ignore,
                    workspace.tables, workspace.edge,
                )  # fmt: skip
                if not walk_rows(
                    width,
                    tile,
                    window,
                    role,
                    rows,
                    visit,
                    kept,
                    data,
                    data.values,
                    data.stops,
                    workspace,
                    tally,
                    stop,
                ):
                    return False
                begin = tile.end
            if window < 0:
                close_block(data, workspace, tally)
                break
            close_shared(window, role, lanes.lists, workspace.shared, tally.maps)
            close_sums(np.int64(-1), lanes.pairs, workspace.sums, tally.totals)
            first += len(width)
    return True


@spliced
def close_block(data, workspace, tally):
    """Fold the summaries of a lane block into the tally."""
    lanes, exits = workspace.lanes, data.exits
    tally.totals.counts[0] += count_pairs(lanes.pairs) * data.entries.pairs.pairs.size
    for role in range(np.int64(2)):
        margin = workspace.margins.slow if role else workspace.margins.fast
        close_margin(
            role, lanes, margin, exits.pairs, exits.by_fast, exits.by_slow, data.scale.count_shift,
            tally.totals.counts, tally.exits, tally.maps,
        )  # fmt: skip
    close_sums(np.int64(1), lanes.pairs, workspace.sums, tally.totals)


@inner
def count_pairs(pairs):
    """Exit pairs of a block."""
    found = np.int64(0)
    for lane in range(pairs.shape[1]):
        found += np.int64(pairs[0, lane])
    return found


@spliced
def walk_rows(
    width, tile, window, role, rows, visit, kept, data, values, stops, workspace, tally, stop
):
    """Walk the entries of a tile and, after the last one, score each row against each lane."""
    crosses, states = data.entries.crosses, workspace.states
    whole = tile.end - tile.begin == tile.length
    pending, most_pending = 0, MOST_PENDING // max(1, count_pairs(workspace.lanes.pairs))
    for i in range(rows):
        if stop[0]:
            return False
        row = item(visit.rows, i)
        begin, end = item(crosses.starts, row), item(crosses.starts, row + 1)
        if whole:
            k, come_back = begin + item(visit.prefixes, i), begin + item(visit.prefixes, i + 1)
            state = load(states, k - begin, width)
        else:
            k, come_back = begin, 0
            if tile.begin > 0:
                k = item(workspace.cursors, i)
            state = load(states, i + 1 if tile.begin > 0 else 0, width)
        while k < end and item(crosses.bars, k) < tile.end:
            bar = item(crosses.bars, k)
            state = enter(tile, bar, values, stops, workspace.tables, data.facts.first, state)
            k += 1
            if k <= come_back:  # the next row starts from here
                store(states, k - begin, state)
        if tile.end < tile.length:
            store(states, i + 1, state)
            workspace.cursors[i] = k
            continue
        state = settle_last(state, tile.length)
        pairs = score_row(
            width, i, row, window, role, visit, kept, state, tile.length, data, workspace, tally
        )
        pending += pairs
        if window < 0 and pending > most_pending:
            flush_histogram(workspace.sums.histogram, np.int64(1), tally.totals.histogram)
            pending = pairs
    return True


@spliced
def score_row(width, i, row, window, role, visit, kept, s, length, data, workspace, tally):
    """From the state after the last bar to scores, and these into the summaries; returns the pairs of the row."""
    aim, facts, scale, entries, exits, lanes = (
        data.aim,
        data.facts,
        data.scale,
        data.entries,
        data.exits,
        workspace.lanes,
    )
    first, last = item(entries.pairs.starts, row), item(entries.pairs.starts, row + 1)
    factor = last - first
    counts, weights = splat(np.int32(factor), width), lanes.pairs
    if window >= 0:
        weights, factor = workspace.row.weights, np.int64(1)
        weigh_row(
            i,
            role,
            entries.by_fast,
            entries.by_slow,
            visit.slices,
            lanes.pairs,
            workspace.shared.places,
            weights,
        )
        counts = load(weights, 0, width)
    none = counts ^ counts
    alive = load(lanes.alive, 0, width)
    passed = alive != 0
    if aim.traded:
        passed = (alive & s.code) != 0
        add_row(workspace.sums.removed, 0, where(passed, none, counts))
    for k in range(aim.metrics.size):
        found = measure(aim.metrics[k], s, length, facts)
        inside = (found >= aim.low[k]) & (found <= aim.high[k])
        add_row(workspace.sums.removed, k + 1, where(inside, none, counts))
        passed = passed & inside
    metric = measure(aim.measure, s, length, facts)
    scored = passed & (metric >= -FINITE) & (metric <= aim.highest)  # NaN is neither
    values = metric * aim.sign + 0.0
    units = add_sums(
        counts,
        weights,
        factor,
        passed,
        scored,
        scored & (metric > 0.0),
        values,
        workspace.sums,
        scale,
    )
    if window >= 0:
        one = splat(np.int64(1), width)
        ones = where(scored, one, one ^ one)
        store(workspace.row.ones, 0, ones)
        store(workspace.row.units, 0, units - ones * (np.int64(1) << scale.count_shift))
        take_off_row(
            i, window, role, entries.by_fast, entries.by_slow, visit.slices, workspace.row, workspace.shared,
            tally.totals.counts, tally.maps,
        )  # fmt: skip
        return factor
    pairs = load(lanes.pairs, 0, width)
    score = where(scored, values, -np.inf)
    scores, map_best = workspace.row.scores, tally.maps.best
    place = kept + row if scores.shape[0] > 1 else 0
    store(scores, place, score)
    count = total(where(scored, pairs, none))
    tally.entries.sums[row] += total(units * wide(pairs)) - (count << scale.count_shift)
    tally.entries.counts[row] += count
    for side in range(np.int64(2)):
        slices = entries.by_slow if side else entries.by_fast
        margin = workspace.margins.slow if side else workspace.margins.fast
        add_slices(
            width,
            slices,
            row,
            side,
            score,
            units,
            margin,
            exits.pairs,
            lanes,
            scores,
            place,
            map_best,
        )
    best = highest(score)
    lowest_index = (
        np.int64(entries.pairs.pairs[first]) * exits.pairs.pairs.size
        + exits.pairs.pairs[exits.pairs.starts[lanes.lists[0]]]
    )
    if (
        best > workspace.floors[row]
        or may_enter(best, lowest_index, tally.heap)
        or rarely(scored & (values < tally.lowest[0]))
    ):
        look_closer(
            row, entries.pairs, exits.pairs, aim.shared_windows, lanes, scores, place, tally.lowest, tally.entries.best,
            workspace.floors, map_best, tally.heap,
        )  # fmt: skip
    return factor
