"""The sweep: every buy pair against a block of sell pairs, scored and summarised in one pass.

Buy pairs are walked in the order of their entry lists, so that neighbours share a prefix: the state
after each shared entry is kept and walked from there. Axes: ``T`` bars, ``P`` buy pairs, ``L`` lanes
(sell pairs of a block), ``C`` constraints.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import sealed
from qmac.kernels.crosses import Crosses
from qmac.kernels.lanes import item, load, popcount, store
from qmac.kernels.measures import measure
from qmac.kernels.tables import fill_tables
from qmac.kernels.tally import close_block, offer, open_block, summarise
from qmac.kernels.walk import enter, settle_last


class Pairs(NamedTuple):
    """Windows of each pair, as positions among all windows of the grid."""

    fast: np.ndarray  # (P,) int32
    slow: np.ndarray  # (P,) int32


class Rows(NamedTuple):
    """The buy side, in the order in which it is walked."""

    order: np.ndarray  # (P,) int32
    shared: np.ndarray  # (P + 1,) int32, leading entries in common with the row before
    entries: Crosses
    pairs: Pairs


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


@sealed
def walk_rows(
    width, rows, sells, first, aim, facts, values, stops, tables, held, states, block, tally, scale, stop
):  # fmt: skip
    """Score every buy pair against the lane block; False if ``stop`` was set meanwhile."""
    order, shared, entries, pairs = rows
    length = tables.code.shape[0] - 1
    for i in range(order.size):
        if stop[0]:
            return False
        pair = item(order, i)
        begin, end = item(entries.starts, pair), item(entries.starts, pair + 1)
        known, known_next = item(shared, i), item(shared, i + 1)
        state = load(states, known, width)
        for k in range(begin + known, end):
            state = enter(entries, begin, k, values, stops, tables, held, facts.first, state)
            if k < begin + known_next:  # the next row starts from here
                store(states, k + 1 - begin, state)
        s = settle_last(state, length)
        fast, slow = item(pairs.fast, pair), item(pairs.slow, pair)
        kept = load(block.keep, fast, width) & load(block.keep, slow, width)
        passed = kept != 0
        evaluated = popcount(passed)
        tally.counts[0] += evaluated
        if aim.traded:
            passed = (kept & s.code) != 0
            tally.removed[0] += evaluated - popcount(passed)
        for k in range(aim.metrics.size):
            found = measure(aim.metrics[k], s, length, facts)
            inside = (found >= aim.low[k]) & (found <= aim.high[k])
            tally.removed[k + 1] += evaluated - popcount((kept != 0) & inside)
            passed = passed & inside
        metric = measure(aim.measure, s, length, facts)
        scored = passed & (metric - metric == 0.0)
        best = summarise(width, pair, fast, slow, metric * aim.sign + 0.0, scored, block, tally, scale)
        tally.counts[1] += popcount(passed)
        tally.counts[2] += popcount(scored)
        tally.counts[3] += popcount(scored & (metric > 0.0))
        index = np.int64(pair) * sells.fast.size + first
        if best > -np.inf and (
            tally.heap_size[0] < tally.heap_score.size
            or best > tally.heap_score[0]
            or (best == tally.heap_score[0] and index < tally.heap_index[0])  # a win rate of 1 has many ties
        ):
            for lane in range(len(width)):
                if block.scores[0, lane] > -np.inf:
                    offer(tally.heap_score, tally.heap_index, tally.heap_size, block.scores[0, lane], index + lane)
    return True


@sealed
def sweep_blocks(
    width, blocks, rows, sells, exits, aim, facts, values, stops, tables, held, states, block, tally, scale, stop
):
    """Sweep lane blocks ``blocks[0] ... blocks[1]``; False if ``stop`` was set meanwhile.

    Row 0 of ``states`` is the state before the first entry.
    """
    for b in range(blocks[0], blocks[1]):
        first = b * len(width)
        fill_tables(width, exits, first, values, stops, aim.ignore, tables)
        open_block(width, sells, first, aim.shared_windows, block)
        if not walk_rows(
            width, rows, sells, first, aim, facts, values, stops, tables, held, states, block, tally, scale, stop
        ):
            return False
        close_block(width, sells, first, block, tally, scale)
    return True
