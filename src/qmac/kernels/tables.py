"""What happens to a position opened at any bar, for a block of sell pairs side by side.

A statistic that nobody asked for is ``None`` wherever it would stand, in ``Values``, ``Tables`` and
``walk.State``; its code is then not even compiled. Axes: ``T`` bars, ``L`` lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qmac.kernels._jit import sealed
from qmac.kernels.lanes import Lanes, load, splat, store, where


class Ends(NamedTuple):
    """A statistic as a difference: a trade from bar ``a`` to bar ``b`` adds ``sell[b] - buy[a]`` to it."""

    buy: np.ndarray | None  # (T,)
    sell: np.ndarray | None  # (T,)
    last: float  # in place of ``sell``, where a position is open at the end
    stopped: np.ndarray | None  # (T,) in place of ``sell``, where the trade opened at this bar ends by its own stop


class Sums(NamedTuple):
    """Statistics that add up over trades, for whatever there is one of each: ends, columns, lanes."""

    gain: Any  # logarithm of the growth of cash
    returns: Any  # sum of r, the returns of the bars
    squares: Any  # sum of r**2
    downside: Any  # sum of min(r, 0)**2
    losses: Any  # sum of -min(r, 0)


class Course(NamedTuple):
    """Closes of a position from one bar to another, as logarithms."""

    lowest: Lanes
    highest: Lanes
    fall: Lanes  # deepest, from an earlier close to a later one; 0 or negative


class Values(NamedTuple):
    """What trades are worth."""

    sums: Sums  # of Ends
    prices: Ends  # cash that one unit costs and brings
    levels: np.ndarray | None  # (T,) logarithms of the closes, for drawdowns


class Stops(NamedTuple):
    """What ends a trade whatever the sell pair says, by the bar at which it was opened."""

    code: np.ndarray  # (T,) 2 * bar of the end, 2 * T + 2 for never
    course: Course | None  # (T,) of a position held until then


class Tables(NamedTuple):
    """One lane block, one row a bar and a spare one: what an entry at this bar does to each lane.

    ``code``: ``2 * exit bar + conflict``, the next exit after this bar, T where there is none.
    ``conflict`` is 1 where this bar is itself an exit and such a bar changes nothing. The others tell
    of the trade from here to that exit; on a conflict, of the *further* course of a position that was
    to be closed here and is held on, as if it had no stop.
    """

    code: Lanes  # (T + 1, L) uint16 or uint32
    sums: Sums  # of (T + 1, L) float64, what the trade adds
    brought: Lanes  # (T + 1, L) float64, cash that one unit brings
    course: Course  # of (T + 1, L) float64, or None; relative to the logarithm of cash before the trade


@sealed
def fill_tables(width, exits, first, values, stops, ignore, tables):
    """Tables of the sell pairs ``first ... first + L``; lanes past the last pair never exit."""
    fill_codes(width, exits, first, ignore, tables.code)
    fill_column(width, tables.code, values.sums.gain, stops, True, tables.sums.gain)
    fill_column(width, tables.code, values.sums.returns, stops, True, tables.sums.returns)
    fill_column(width, tables.code, values.sums.squares, stops, True, tables.sums.squares)
    fill_column(width, tables.code, values.sums.downside, stops, True, tables.sums.downside)
    fill_column(width, tables.code, values.sums.losses, stops, True, tables.sums.losses)
    fill_column(width, tables.code, values.prices, stops, False, tables.brought)
    course = tables.course
    fill_course(width, tables.code, values.sums.gain, values.levels, stops, course.lowest, course.highest, course.fall)
    apply_stops(width, stops, tables.code)


@sealed
def fill_codes(width, exits, first, ignore, code):
    """The exits by signal."""
    length = code.shape[0] - 1
    code[:] = 0
    for lane in range(min(len(width), exits.starts.size - 1 - first)):
        for k in range(exits.starts[first + lane], exits.starts[first + lane + 1]):
            code[exits.bars[k], lane] = 1
    following = splat(code.dtype.type(2 * length), width)
    for t in range(length - 1, -1, -1):
        exit_here = load(code, t, width) != 0
        store(code, t, following | where(exit_here, splat(code.dtype.type(ignore), width), 0))
        following = where(exit_here, splat(code.dtype.type(2 * t), width), following)


@sealed
def fill_column(width, code, ends, stops, difference, column):
    """What a trade from here adds to a statistic; if not ``difference``, what its end alone is worth."""
    if column is not None:
        length = code.shape[0] - 1
        brings = splat(ends.last, width)
        for t in range(length - 1, -1, -1):
            here = load(code, t, width)
            if t + 1 < length:
                brings = where(here < 2 * (t + 2), splat(ends.sell[t + 1], width), brings)
            conflict = (here & 1) != 0
            value = brings
            if stops is not None:
                value = where(conflict | (here < stops.code[t]), brings, ends.stopped[t])
            if difference:
                value = value - where(conflict, splat(ends.sell[t], width), ends.buy[t])
            store(column, t, value)


@sealed
def fill_course(width, code, gain, levels, stops, lowest_column, highest_column, fall_column):
    """Lowest and highest close and deepest fall of the position from here to its exit."""
    if lowest_column is not None:
        length = code.shape[0] - 1
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
            base = where(conflict, splat(gain.sell[t], width), gain.buy[t])
            low, high, deepest = lowest, highest, fall
            if stops is not None:
                by_signal = conflict | (here < stops.code[t])
                low = where(by_signal, lowest, stops.course.lowest[t])
                high = where(by_signal, highest, stops.course.highest[t])
                deepest = where(by_signal, fall, stops.course.fall[t])
            store(lowest_column, t, low - base)
            store(highest_column, t, high - base)
            store(fall_column, t, deepest)


@sealed
def apply_stops(width, stops, code):
    """A stop ends the trade at its bar unless the signal came before it."""
    if stops is not None:
        for t in range(code.shape[0] - 1):
            here = load(code, t, width)
            by_signal = ((here & 1) != 0) | (here < stops.code[t])
            store(code, t, where(by_signal, here, stops.code[t]))
