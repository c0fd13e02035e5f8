"""One step of the walk: what an entry does to every lane of a block.

A lane's past is a ``State``: the exit of its last trade, and the statistics asked for. The last trade
is *pending* until the next one opens, for with ``conflict="ignore"`` its exit may yet be passed over:
sums are then corrected by what the table says, the others (drawdown, wins, ...) take the trade in when
it is settled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, inner
from qmac.kernels.lanes import Lanes, added, higher, item, load, lower, rarely, splat, store, where
from qmac.kernels.tables import Sums, Tables


class Drawdown(NamedTuple):
    """As logarithms; the pending exit is in neither."""

    peak: Lanes  # highest equity so far
    worst: Lanes  # deepest fall of equity so far; 0 or negative


class Counts(NamedTuple):
    """Whole numbers, unsigned, as wide as ``State.code``."""

    opened: Lanes  # trades
    held: Lanes  # twice the bars
    won: Lanes  # settled trades that brought more than they cost


class Trades(NamedTuple):
    """Statistics of trades one by one, float64."""

    paid: Lanes  # cash for one unit, in the pending trade
    brought: Lanes
    equity: Lanes  # growth of cash over the settled trades
    profit: Lanes  # sum of what settled trades earned, in units of the cash at the start
    loss: Lanes  # sum of what they lost, positive
    simple: Lanes  # sum of the returns of the settled trades


class State(NamedTuple):
    """Statistics of each lane after some entries: ``(L,)``, or ``(D, L)`` for each of D depths."""

    code: Lanes  # as in Tables: the exit of the last trade, 0 before the first
    own: Lanes  # as in Stops: the stop of the last trade, where a lane may be held on
    sums: Sums  # of float64
    drawdown: Drawdown
    counts: Counts
    trades: Trades


FIRST = State(
    code=0,
    own=0,
    sums=Sums(0.0, 0.0, 0.0, 0.0, 0.0),
    drawdown=Drawdown(-np.inf, 0.0),
    counts=Counts(0, 0, 0),
    trades=Trades(paid=1.0, brought=1.0, equity=1.0, profit=0.0, loss=0.0, simple=0.0),
)
"""Before the first entry, in every lane. The pending trade is one that neither won nor lost."""


@inlined
def settle(mask, seen, valued, s):
    """Take the pending trade in: into the drawdown where ``seen``, the sum of returns where ``valued``."""
    peak, worst = s.drawdown
    paid, brought, equity, profit, loss, simple = s.trades
    peak = where(seen, higher(peak, s.sums.gain), peak)
    worst = where(seen, lower(worst, s.sums.gain - peak), worst)
    won = where(mask & (brought > paid), s.counts.won + 1, s.counts.won)
    ratio = (brought - paid) / paid
    earned = equity * ratio
    trades = Trades(
        paid,
        brought,
        where(mask, equity + earned, equity),
        where(mask & (earned > 0.0), profit + earned, profit),
        where(mask & (earned < 0.0), loss - earned, loss),
        where(valued, simple + ratio, simple),
    )
    return State(s.code, s.own, s.sums, Drawdown(peak, worst), Counts(s.counts.opened, s.counts.held, won), trades)


@inlined
def settle_last(s, length):
    """The state after the last bar. A trade that is open then has no exit but is worth something."""
    everywhere = s.code == s.code
    return settle(s.code < 2 * length, everywhere, everywhere, s)


@inlined
def picked(mask, ends, bar, values):
    """What the own stop of a trade opened at ``bar`` is worth, in the lanes of ``mask``."""
    if ends is not None:
        return where(mask, item(ends.stopped, bar), values)
    return values


@inlined
def stopped_from(bar, mask, own, ends, stopped, further):
    """What a position held on at ``bar`` adds to a sum: until its own stop in the lanes of ``mask``."""
    if ends is not None:
        return where(mask, where(own > 2 * bar, stopped - item(ends.sell, bar), 0.0), further)
    return further


@inner
def patch_course(levels, bar, base, own, lowest, highest, fall):
    """The last row of a course, in lanes with a stop: closes from ``bar`` to it."""
    for lane in range(own.shape[1]):
        if own[0, lane] != 0:
            low, high, deepest = np.inf, -np.inf, 0.0
            for t in range(bar, own[0, lane] // 2):
                low, high = min(low, levels[t]), max(high, levels[t])
                deepest = min(deepest, levels[t] - high)
            lowest[-1, lane], highest[-1, lane], fall[-1, lane] = low - base, high - base, deepest


@inlined
def stopped_course(bar, mask, own, levels, gain, held, lowest, tables, course):
    """The course of a position held on at ``bar``, until its own stop in the lanes of ``mask``."""
    if lowest is not None:
        store(held, 0, where(mask, own, 0))
        store(tables, lowest.shape[0] - 1, course)
        patch_course(levels, bar, gain.sell[bar], held, lowest, tables.highest, tables.fall)
        return load(tables, lowest.shape[0] - 1, own)
    return course


@inlined
def stop_of(stops, bar):
    """The own stop of a trade opened at ``bar``, as in Stops."""
    if stops is not None:
        return item(stops.code, bar)
    return None


@inlined
def meet_stops(at, stops_first, own, entries, first, last, values, stops, tables, held):
    """The row ``at`` of the tables where lanes that are held on meet their own stop before the next exit.

    What the stops of those positions are worth is found by walking the list again: that is rare, and a
    walk that carried it along would pay for it at each of its steps.
    """
    leaves = at.code ^ at.code
    stop, stopped, brought = leaves, at.sums, at.brought
    ends = values.sums
    for k in range(first, last):
        bar = item(entries.bars, k)
        code = load(tables.code, bar, leaves)
        conflict = (code & 1) != 0
        acts = (leaves < 2 * bar) ^ conflict
        opens = (acts | conflict) ^ conflict
        stop = where(opens, item(stops.code, bar), stop)
        stopped = Sums(
            picked(opens, ends.gain, bar, stopped.gain),
            picked(opens, ends.returns, bar, stopped.returns),
            picked(opens, ends.squares, bar, stopped.squares),
            picked(opens, ends.downside, bar, stopped.downside),
            picked(opens, ends.losses, bar, stopped.losses),
        )
        brought = picked(opens, values.prices, bar, brought)
        leaves = where(acts, where(conflict & (stop < code), stop, code), leaves)
    bar = item(entries.bars, last)
    further = at.sums
    return Tables(
        where(stops_first, own, at.code),
        Sums(
            stopped_from(bar, stops_first, own, ends.gain, stopped.gain, further.gain),
            stopped_from(bar, stops_first, own, ends.returns, stopped.returns, further.returns),
            stopped_from(bar, stops_first, own, ends.squares, stopped.squares, further.squares),
            stopped_from(bar, stops_first, own, ends.downside, stopped.downside, further.downside),
            stopped_from(bar, stops_first, own, ends.losses, stopped.losses, further.losses),
        ),
        where(stops_first, brought, at.brought),
        stopped_course(
            bar, stops_first, own, values.levels, ends.gain, held, tables.course.lowest, tables.course, at.course
        ),
    )


@inlined
def enter(tile, entries, first, k, values, stops, tables, held, start, s):
    """The entry ``entries.bars[k]`` of the list from ``first`` on: a flat lane buys, a lane in conflict holds on,
    the others do nothing.

    Exit bars are compared as codes: ``2 * exit + 1 < 2 * bar + 0`` exactly where ``exit < bar``.
    A lane in conflict acts where it is *not* flat: then its exit can only be this very bar.
    """
    bar = item(entries.bars, k)
    at = load(tables, bar - tile.begin, s.code)
    flat = s.code < 2 * bar
    conflict = (at.code & 1) != 0
    acts = flat ^ conflict
    opens = flat & acts
    own = where(opens, stop_of(stops, bar), s.own)
    if held is not None:
        stops_first = acts & (own < at.code)  # of those held on: a trade that opens has its stop in the table
        if rarely(stops_first):
            at = meet_stops(at, stops_first, own, entries, first, k, values, stops, tables, held)
    s = settle(opens, opens & (splat(bar, s.code) > start), opens, s)  # cash before the first close is no peak
    opened, bars_held, won = s.counts
    paid, brought, equity, profit, loss, simple = s.trades
    return State(
        where(acts, at.code, s.code),
        own,
        added(acts, s.sums, at.sums),
        deepened(acts, s.drawdown, s.sums.gain, at.course),
        Counts(
            where(opens, opened + 1, opened),
            where(acts, bars_held + ((at.code - (at.code & 1)) - 2 * bar), bars_held),
            won,
        ),
        Trades(
            where(opens, item(values.prices.buy, bar), paid),
            where(acts, at.brought, brought),
            equity,
            profit,
            loss,
            simple,
        ),
    )


@inlined
def deepened(acts, drawdown, gain, course):
    """The drawdown with the course of a trade, without its exit; ``gain`` is that before the trade."""
    peak, worst = drawdown
    fallen = lower(lower(worst, course.fall), gain + course.lowest - peak)
    return Drawdown(where(acts, higher(peak, gain + course.highest), peak), where(acts, fallen, worst))
