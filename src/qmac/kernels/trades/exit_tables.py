"""What happens to a position opened at any bar, for a block of exit lists side by side.

A statistic that is not computed is ``None`` wherever it would stand, in ``TradeValues``, ``Tables``
and ``walk.WalkState``; its code is then not even compiled. Axes: ``T`` bars, ``L`` lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inner, spliced
from qmac.kernels.compiler.lanes import LaneValues, load, splat, store, where


class Ends(NamedTuple):
    """A statistic as a difference: a trade from bar ``a`` to ``b`` adds ``exit[b] - entry[a]``."""

    entry: np.ndarray | None  # (T,)
    exit: np.ndarray | None  # (T,)
    last: float  # in place of ``exit``, where a position is open at the end
    stopped: np.ndarray | None
    """``(T,)`` in place of ``exit``, where the trade opened at this bar ends by its own stop."""


class ReturnSums(NamedTuple):
    """Statistics that add up over trades, for whatever has one of each: ends, columns, lanes."""

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
    ``conflict`` is 1 where this bar is itself an exit and such a bar changes nothing. The others
    tell of the trade from this bar to that exit; on a conflict, of what *follows* for a position
    that was to be closed at this bar and is held on, as if it had no stop.
    """

    code: LaneValues  # (rows, L) uint16 or uint32
    sums: ReturnSums  # of (rows, L) float64, what the trade adds
    brought: LaneValues  # (rows, L) float64, cash that one unit brings
    excursions: Excursions
    """``(rows, L)`` float64, or None; relative to the logarithm of cash before the trade."""


class Tile(NamedTuple):
    """Bars whose tables are in memory at a time."""

    begin: int
    end: int
    length: int  # T, of the whole series
    number: int  # of the tiles before


class Edge(NamedTuple):
    """What lies behind the end of a tile."""

    code: np.ndarray  # (1, L) as in Tables: the first exit from there on
    brings: np.ndarray  # (1, L) float64, what that exit brings


@inner
def fill_tables(width, tile, exits, lanes, values, stops, ignore, tables, edge):
    """Fill the tables of a block of exit lists.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    tile : Tile
        Bars of the tables.
    exits : Crosses
        Exit lists.
    lanes : ndarray
        ``(L,)`` the list of each lane; a lane without one, -1, never exits.
    values : TradeValues
        What trades are worth.
    stops : Stops or None
        What ends trades by itself.
    ignore : int
        1 if an entry and an exit on one bar change nothing.
    tables : Tables
        Filled.
    edge : Edge
        Overwritten.
    """
    ends, code, columns = values.sums, tables.code, tables.sums
    _fill_codes(width, tile, exits, lanes, ignore, code, edge.code)
    _fill_column(width, tile, code, ends.gain, stops, True, edge, columns.gain)
    _fill_column(width, tile, code, ends.returns, stops, True, edge, columns.returns)
    _fill_column(width, tile, code, ends.squares, stops, True, edge, columns.squares)
    _fill_column(width, tile, code, ends.downside, stops, True, edge, columns.downside)
    _fill_column(width, tile, code, ends.losses, stops, True, edge, columns.losses)
    _fill_column(width, tile, code, values.prices, stops, False, edge, tables.brought)
    lowest, highest, fall = tables.excursions
    _fill_excursions(width, code, ends.gain, values.levels, stops, lowest, highest, fall)
    _apply_stops(width, tile, stops, code)


@inner
def _find_first(bars, k, last, bar):
    """Find where the first of the ascending ``bars[k:last]`` is that is not before a bar.

    Parameters
    ----------
    bars : ndarray
        Ascending.
    k, last, bar : int
        The first place, and the one after the last; the bar.

    Returns
    -------
    int
        Its place; ``last`` if there is none.
    """
    while k < last:
        middle = (k + last) // 2
        if bars[middle] < bar:
            k = middle + 1
        else:
            last = middle
    return k


@inner
def _fill_codes(width, tile, exits, lanes, ignore, code, edge):
    """Fill the codes of the exits by signal, and those behind the tile.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    tile : Tile
        Bars of the codes.
    exits : Crosses
        Exit lists.
    lanes : ndarray
        ``(L,)`` the list of each lane, or -1.
    ignore : int
        The conflict of a bar that is an exit.
    code, edge : ndarray
        ``(rows, L)`` and ``(1, L)``, filled.
    """
    code[: tile.end - tile.begin] = 0
    for lane in range(len(width)):
        edge[0, lane] = 2 * tile.length
        if lanes[lane] >= 0:
            begin, last = exits.starts[lanes[lane]], exits.starts[lanes[lane] + 1]
            k = _find_first(exits.bars, begin, last, tile.begin)
            while k < last and exits.bars[k] < tile.end:
                code[exits.bars[k] - tile.begin, lane] = 1
                k += 1
            if k < last:
                edge[0, lane] = 2 * exits.bars[k]
    conflict = splat(code.dtype.type(ignore), width)
    following = load(edge, 0, width)
    for t in range(tile.end - 1, tile.begin - 1, -1):
        row = t - tile.begin
        is_exit = load(code, row, width) != 0
        store(code, row, following | where(is_exit, conflict, 0))
        following = where(is_exit, splat(code.dtype.type(2 * t), width), following)


@inner
def _fill_column(width, tile, code, ends, stops, difference, edge, column):
    """Fill what a trade from each bar adds to a statistic, from the codes of its exits by signal.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    tile : Tile
        Bars of the column.
    code : ndarray
        ``Tables.code`` before the stops are applied.
    ends : Ends or None
        The statistic.
    stops : Stops or None
        What ends trades by itself.
    difference : bool
        False for what the end of the trade alone is worth.
    edge : Edge
        Codes behind the tile; ``brings`` is overwritten.
    column : ndarray or None
        ``(rows, L)``, filled; nothing is done for None.
    """
    if column is not None:
        _load_edge(width, tile, ends, edge)
        brings = load(edge.brings, 0, width)
        for t in range(tile.end - 1, tile.begin - 1, -1):
            row = load(code, t - tile.begin, width)
            if t + 1 < tile.end:
                ends_next = row < 2 * (t + 2)
                brings = where(ends_next, splat(ends.exit[t + 1], width), brings)
            conflict = (row & 1) != 0
            value = brings
            if stops is not None:
                by_signal = conflict | (row < stops.code[t])
                value = where(by_signal, brings, ends.stopped[t])
            if difference:
                value = value - where(conflict, splat(ends.exit[t], width), ends.entry[t])
            store(column, t - tile.begin, value)


@spliced
def _load_edge(width, tile, ends, edge):
    """What the first exit behind the tile brings, in each lane."""
    for lane in range(len(width)):
        bar = np.int64(edge.code[0, lane]) // 2
        edge.brings[0, lane] = ends.last if bar == tile.length else ends.exit[bar]


@inner
def _fill_excursions(width, code, gain, levels, stops, lowest_column, highest_column, fall_column):
    """Fill the excursions of the position from each bar to its exit; the tile is the series.

    Parameters
    ----------
    width : tuple of int
        One item a lane.
    code : ndarray
        ``Tables.code`` before the stops are applied, ``(T, L)``.
    gain : Ends
        Logarithm of the growth of cash.
    levels : ndarray
        ``(T,)`` logarithms of the closes.
    stops : Stops or None
        What ends trades by itself.
    lowest_column, highest_column, fall_column : ndarray or None
        ``(T, L)``, filled; nothing is done for None.
    """
    if lowest_column is not None:
        length = code.shape[0]
        no_lowest, no_highest = splat(np.inf, width), splat(-np.inf, width)
        no_fall = splat(0.0, width)
        lowest, highest, fall = no_lowest, no_highest, no_fall
        for t in range(length - 1, -1, -1):
            row = load(code, t, width)
            if t + 1 < length:  # an exit at the next bar: nothing after this close is held
                ends_next = row < 2 * (t + 2)
                lowest = where(ends_next, no_lowest, lowest)
                highest = where(ends_next, no_highest, highest)
                fall = where(ends_next, no_fall, fall)
            level = levels[t]
            fallen = lowest - level
            fall = where(fallen < fall, fallen, fall)
            lowest = where(lowest < level, lowest, level)
            highest = where(highest > level, highest, level)
            conflict = (row & 1) != 0
            base = where(conflict, splat(gain.exit[t], width), gain.entry[t])
            low, high, deepest = lowest, highest, fall
            if stops is not None:
                by_signal = conflict | (row < stops.code[t])
                low = where(by_signal, lowest, stops.excursions.lowest[t])
                high = where(by_signal, highest, stops.excursions.highest[t])
                deepest = where(by_signal, fall, stops.excursions.fall[t])
            store(lowest_column, t, low - base)
            store(highest_column, t, high - base)
            store(fall_column, t, deepest)


@inner
def _apply_stops(width, tile, stops, code):
    """End trades at the bar of their stop, unless the signal comes before it."""
    if stops is not None:
        for t in range(tile.begin, tile.end):
            row = load(code, t - tile.begin, width)
            conflict = (row & 1) != 0
            by_signal = conflict | (row < stops.code[t])
            ended = where(by_signal, row, stops.code[t])
            store(code, t - tile.begin, ended)
