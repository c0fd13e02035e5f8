"""What happens to a position opened at any bar, for a block of exit lists side by side.

A statistic that is not computed is ``None`` wherever it would stand, in ``TradeValues``, ``Tables`` and
``walk.WalkState``; its code is then not even compiled. Axes: ``T`` bars, ``L`` lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner
from qmac.kernels.compiler.lanes import LaneValues, load, splat, store, where


class Ends(NamedTuple):
    """A statistic as a difference: a trade from bar ``a`` to bar ``b`` adds ``exit[b] - entry[a]`` to it."""

    entry: np.ndarray | None  # (T,)
    exit: np.ndarray | None  # (T,)
    last: float  # in place of ``exit``, where a position is open at the end
    stopped: (
        np.ndarray | None
    )  # (T,) in place of ``exit``, where the trade opened at this bar ends by its own stop


class ReturnSums(NamedTuple):
    """Statistics that add up over trades, for whatever there is one of each: ends, columns, lanes."""

    gain: Any  # logarithm of the growth of cash
    returns: Any  # sum of r, the returns of the bars
    squares: Any  # sum of r**2
    downside: Any  # sum of min(r, 0)**2
    losses: Any  # sum of -min(r, 0)


class Excursions(NamedTuple):
    """Closes of a position from one bar to another, as logarithms."""

    lowest: LaneValues
    highest: LaneValues
    fall: LaneValues  # deepest, from an earlier close to a later one; 0 or negative


class TradeValues(NamedTuple):
    """What trades are worth."""

    sums: ReturnSums  # of Ends
    prices: Ends  # cash that one unit costs and brings
    levels: np.ndarray | None  # (T,) logarithms of the closes, for drawdowns


class Stops(NamedTuple):
    """What ends a trade whatever the exit pair says, by the bar at which it was opened."""

    code: np.ndarray  # (T,) 2 * bar of the end, 2 * T + 2 for never
    excursions: Excursions | None  # (T,) of a position held until then


class Tables(NamedTuple):
    """One lane block, one row a bar of a tile: what an entry at this bar does to each lane.

    ``code``: ``2 * exit bar + conflict``, the next exit after this bar, T where there is none.
    ``conflict`` is 1 where this bar is itself an exit and such a bar changes nothing. The others tell
    of the trade from here to that exit; on a conflict, of the *further* excursions of a position that was
    to be closed here and is held on, as if it had no stop.
    """

    code: LaneValues  # (rows, L) uint16 or uint32
    sums: ReturnSums  # of (rows, L) float64, what the trade adds
    brought: LaneValues  # (rows, L) float64, cash that one unit brings
    excursions: Excursions  # of (rows, L) float64, or None; relative to the logarithm of cash before the trade


class Tile(NamedTuple):
    """Bars whose tables are in memory at a time."""

    begin: int
    end: int
    length: int  # T, of the whole series


class Edge(NamedTuple):
    """What lies behind the end of a tile."""

    code: np.ndarray  # (1, L) as in Tables: the first exit from there on
    brings: np.ndarray  # (1, L) float64, what that exit brings


@inner
def fill_tables(width, tile, exits, lanes, values, stops, ignore, tables, edge):
    """Tables of the exit lists ``lanes (L,)``; a lane without a list, -1, never exits."""
    fill_codes(width, tile, exits, lanes, ignore, tables.code, edge.code)
    fill_column(width, tile, tables.code, values.sums.gain, stops, True, edge, tables.sums.gain)
    fill_column(
        width, tile, tables.code, values.sums.returns, stops, True, edge, tables.sums.returns
    )
    fill_column(
        width, tile, tables.code, values.sums.squares, stops, True, edge, tables.sums.squares
    )
    fill_column(
        width, tile, tables.code, values.sums.downside, stops, True, edge, tables.sums.downside
    )
    fill_column(width, tile, tables.code, values.sums.losses, stops, True, edge, tables.sums.losses)
    fill_column(width, tile, tables.code, values.prices, stops, False, edge, tables.brought)
    excursions = tables.excursions
    fill_excursions(
        width,
        tables.code,
        values.sums.gain,
        values.levels,
        stops,
        excursions.lowest,
        excursions.highest,
        excursions.fall,
    )
    apply_stops(width, tile, stops, tables.code)


@inner
def first_from(bars, k, last, bar):
    """Where among the ascending ``bars[k:last]`` the first one is that is not before ``bar``."""
    while k < last:
        middle = (k + last) // 2
        if bars[middle] < bar:
            k = middle + 1
        else:
            last = middle
    return k


@inner
def fill_codes(width, tile, exits, lanes, ignore, code, edge):
    """The exits by signal."""
    code[: tile.end - tile.begin] = 0
    for lane in range(len(width)):
        edge[0, lane] = 2 * tile.length
        if lanes[lane] >= 0:
            k, last = exits.starts[lanes[lane]], exits.starts[lanes[lane] + 1]
            k = first_from(exits.bars, k, last, tile.begin)
            while k < last and exits.bars[k] < tile.end:
                code[exits.bars[k] - tile.begin, lane] = 1
                k += 1
            if k < last:
                edge[0, lane] = 2 * exits.bars[k]
    following = load(edge, 0, width)
    for t in range(tile.end - 1, tile.begin - 1, -1):
        exit_here = load(code, t - tile.begin, width) != 0
        store(
            code,
            t - tile.begin,
            following | where(exit_here, splat(code.dtype.type(ignore), width), 0),
        )
        following = where(exit_here, splat(code.dtype.type(2 * t), width), following)


@inner
def fill_column(width, tile, code, ends, stops, difference, edge, column):
    """What a trade from here adds to a statistic; if not ``difference``, what its end alone is worth."""
    if column is not None:
        for lane in range(len(width)):
            following = np.int64(edge.code[0, lane]) // 2
            edge.brings[0, lane] = ends.last if following == tile.length else ends.exit[following]
        brings = load(edge.brings, 0, width)
        for t in range(tile.end - 1, tile.begin - 1, -1):
            here = load(code, t - tile.begin, width)
            if t + 1 < tile.end:
                brings = where(here < 2 * (t + 2), splat(ends.exit[t + 1], width), brings)
            conflict = (here & 1) != 0
            value = brings
            if stops is not None:
                value = where(conflict | (here < stops.code[t]), brings, ends.stopped[t])
            if difference:
                value = value - where(conflict, splat(ends.exit[t], width), ends.entry[t])
            store(column, t - tile.begin, value)


@inner
def fill_excursions(width, code, gain, levels, stops, lowest_column, highest_column, fall_column):
    """Lowest and highest close and deepest fall of the position from here to its exit; of a tile that is the series."""
    if lowest_column is not None:
        length = code.shape[0]
        lowest = splat(np.inf, width)
        highest = splat(-np.inf, width)
        fall = splat(0.0, width)
        for t in range(length - 1, -1, -1):
            here = load(code, t, width)
            if t + 1 < length:  # an exit at the next bar: nothing after this close is held
                ends_next = here < 2 * (t + 2)
                lowest = where(ends_next, splat(np.inf, width), lowest)
                highest = where(ends_next, splat(-np.inf, width), highest)
                fall = where(ends_next, splat(0.0, width), fall)
            fallen = lowest - levels[t]
            fall = where(fallen < fall, fallen, fall)
            lowest = where(lowest < levels[t], lowest, levels[t])
            highest = where(highest > levels[t], highest, levels[t])
            conflict = (here & 1) != 0
            base = where(conflict, splat(gain.exit[t], width), gain.entry[t])
            low, high, deepest = lowest, highest, fall
            if stops is not None:
                by_signal = conflict | (here < stops.code[t])
                low = where(by_signal, lowest, stops.excursions.lowest[t])
                high = where(by_signal, highest, stops.excursions.highest[t])
                deepest = where(by_signal, fall, stops.excursions.fall[t])
            store(lowest_column, t, low - base)
            store(highest_column, t, high - base)
            store(fall_column, t, deepest)


@inner
def apply_stops(width, tile, stops, code):
    """A stop ends the trade at its bar unless the signal came before it."""
    if stops is not None:
        for t in range(tile.begin, tile.end):
            here = load(code, t - tile.begin, width)
            by_signal = ((here & 1) != 0) | (here < stops.code[t])
            store(code, t - tile.begin, where(by_signal, here, stops.code[t]))
