"""The sweep: every buy list against a block of sell lists, scored and summarised in one pass.

Buy lists are walked in their order, so that neighbours share a prefix: the state after each shared entry
is kept and walked from there. Where the tables of the whole series do not fit a cache, time is cut into
tiles, and the state of each row is kept from one tile to the next.
Axes: ``T`` bars, ``N`` lists, ``L`` lanes (sell lists of a block), ``C`` constraints.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, sealed
from qmac.kernels.lanes import item, load, splat, store, where
from qmac.kernels.lists import Lists
from qmac.kernels.maps import add_to_maps, close_maps, open_block
from qmac.kernels.measures import Facts, measure
from qmac.kernels.shared import FAST, SLOW, Visit, close_shared, open_shared, take_off_row, visit_window, weigh_row
from qmac.kernels.tables import Edge, Stops, Tables, Tile, Values, fill_tables
from qmac.kernels.tally import Block, Scale, add_row, add_weighted, close_sums, flush_histogram
from qmac.kernels.walk import State, enter, settle_last


MOST_PENDING = 2**32 - 2**30
"""Combinations in a histogram of 32 bits, before a row of up to 32 * MOST_PAIRS**2 more."""


class Aim(NamedTuple):
    """What is asked of every combination."""

    measure: int  # the metric that gives the score, see measures
    sign: float  # -1.0 to look for the lowest
    traded: bool  # leave out combinations without a trade
    metrics: np.ndarray  # (C,) int64, constraints: a measure
    low: np.ndarray  # (C,) float64, and what it must not be below
    high: np.ndarray  # (C,) float64, or above
    ignore: int  # 1 if an entry and an exit on one bar change nothing
    shared_windows: bool


class Data(NamedTuple):
    """The series, both sides of the grid, and what is asked."""

    buys: Lists  # in the order in which they are walked
    prefixes: np.ndarray  # (N + 1,) int32, leading entries of a buy list in common with the one before
    sells: Lists
    values: Values
    stops: Stops | None
    facts: Facts
    aim: Aim
    scale: Scale
    bars: int  # T
    tile: int  # bars whose tables are in memory at a time


class Scratch(NamedTuple):
    """What one worker writes on."""

    tables: Tables
    edge: Edge
    states: State  # row 0 before any entry; then after each entry of the row at hand, or of each row of a tile
    held: Any  # see walk.stopped_course
    cursors: np.ndarray  # (N,) int64, entries of each row before the tile
    every: Visit  # all rows
    some: Visit  # those with one window
    block: Block


@sealed
def sweep_units(width, units, data, scratch, tally, stop):
    """Sweep units ``units[0] ... units[1]``: lane blocks, then shared windows; False if ``stop`` was set meanwhile."""
    blocks = (data.sells.starts.size - 2) // len(width) + 1
    rows = data.buys.starts.size - 1
    block = scratch.block
    for unit in range(units[0], units[1]):
        if unit < blocks:
            open_block(width, data.sells, unit * len(width), data.aim.shared_windows, block)
            if not sweep_block(width, -1, FAST, rows, scratch.every, data, scratch, tally, stop):
                return False
            close_maps(width, data.buys.pairs.size, data.sells, block, tally, data.scale)
            close_sums(width, 1, block, tally)
            continue
        window = unit - blocks
        found = visit_window(data.buys, window, scratch.states.code.shape[0] - 1, scratch.some)
        for role in (FAST, SLOW):
            first = 0
            while found > 0 and open_shared(width, data.sells, window, role, first, block):
                if not sweep_block(width, window, role, found, scratch.some, data, scratch, tally, stop):
                    return False
                close_shared(window, role, block, tally)
                close_sums(width, -1, block, tally)
                first += len(width)
    return True


@sealed
def sweep_block(width, window, role, rows, visit, data, scratch, tally, stop):
    """Walk the first ``rows`` of a visit against the lanes of the block, tile by tile."""
    begin = 0
    while begin < data.bars:
        tile = Tile(begin, min(begin + data.tile, data.bars), data.bars)
        fill_tables(
            width, tile, data.sells.crosses, scratch.block.lanes, data.values, data.stops, data.aim.ignore,
            scratch.tables, scratch.edge,
        )  # fmt: skip
        if not walk_rows(
            width, tile, window, role, rows, visit, data, data.values, data.stops, scratch.tables, scratch.states,
            scratch.held, scratch.cursors, scratch.block, tally, stop,
        ):  # fmt: skip
            return False
        begin = tile.end
    return True


@sealed
def walk_rows(
    width, tile, window, role, rows, visit, data, values, stops, tables, states, held, cursors, block, tally, stop
):  # fmt: skip
    """Walk the entries of a tile and, after the last one, score each row against each lane."""
    entries, first_bar = data.buys.crosses, data.facts.first
    whole = tile.end - tile.begin == tile.length
    for i in range(rows):
        if stop[0]:
            return False
        row = item(visit.rows, i)
        begin, end = item(entries.starts, row), item(entries.starts, row + 1)
        if whole:
            k, come_back = begin + item(visit.prefixes, i), begin + item(visit.prefixes, i + 1)
            state = load(states, k - begin, width)
        else:
            k, come_back = begin, 0
            if tile.begin > 0:
                k = item(cursors, i)
            state = load(states, i + 1 if tile.begin > 0 else 0, width)
        while k < end and item(entries.bars, k) < tile.end:
            state = enter(tile, entries, begin, k, values, stops, tables, held, first_bar, state)
            k += 1
            if k <= come_back:  # the next row starts from here
                store(states, k - begin, state)
        if tile.end < tile.length:
            store(states, i + 1, state)
            cursors[i] = k
            continue
        state = settle_last(state, tile.length)
        score_row(width, i, row, window, role, visit, state, tile.length, data, block, tally)
    return True


@inlined
def score_row(width, i, row, window, role, visit, s, length, data, block, tally):
    """From the state after the last bar to scores, and these into the summaries."""
    aim, facts, scale = data.aim, data.facts, data.scale
    factor = item(data.buys.starts, row + 1) - item(data.buys.starts, row)
    counts, weights = splat(np.int32(factor), width), block.members
    if window >= 0:
        weigh_row(i, role, data.buys, visit, block)
        weights, factor = block.weights, 1
        counts = load(weights, 0, width)
    none = counts ^ counts
    alive = load(block.alive, 0, width)
    passed = alive != 0
    if aim.traded:
        passed = (alive & s.code) != 0
        add_row(block.removed, 0, where(passed, none, counts))
    for k in range(aim.metrics.size):
        found = measure(aim.metrics[k], s, length, facts)
        inside = (found >= aim.low[k]) & (found <= aim.high[k])
        add_row(block.removed, k + 1, where(inside, none, counts))
        passed = passed & inside
    metric = measure(aim.measure, s, length, facts)
    scored = passed & (metric - metric == 0.0)
    positive = scored & (metric > 0.0)
    values = metric * aim.sign + 0.0
    units = add_weighted(counts, weights, factor, passed, scored, positive, values, block, scale)
    if window < 0:
        add_to_maps(width, row, data.buys, data.sells, aim.shared_windows, scored, values, units, block, tally, scale)
        block.pending[0] += factor * block.pairs[0]
        if block.pending[0] >= MOST_PENDING:
            flush_histogram(block, 1, tally)
    else:
        one = splat(np.int64(1), width)
        store(block.ones, 0, where(scored, one, 0))
        store(block.units, 0, units - where(scored, splat(np.int64(1) << scale.count_shift, width), 0))
        take_off_row(i, window, role, data.buys, visit, block, tally)
