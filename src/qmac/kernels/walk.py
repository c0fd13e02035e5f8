"""One step of the walk: what an entry does to every lane of a block.

A lane's past is a ``State``: the exit of its last trade, and the statistics asked for. The last trade
is *pending* until the next one opens, for with ``conflict="ignore"`` its exit may yet be passed over:
sums are then corrected by what the table says, the others (drawdown, wins, ...) take the trade in when
it is settled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import inlined, jit
from qmac.kernels.lanes import Lanes, added, higher, item, load, lower, popcount, splat, store, where
from qmac.kernels.tables import Sums


class Drawdown(NamedTuple):
    """As logarithms; the pending exit is in neither."""

    peak: Lanes  # highest equity so far
    worst: Lanes  # deepest fall of equity so far; 0 or negative


class Counts(NamedTuple):
    """Whole numbers, unsigned, as wide as ``State.code``."""

    opened: Lanes  # trades
    held: Lanes  # twice the bars
    since: Lanes  # bar at which the pending trade was opened
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
    sums: Sums  # of float64
    drawdown: Drawdown
    counts: Counts
    trades: Trades


FIRST = State(
    code=0,
    sums=Sums(0.0, 0.0, 0.0, 0.0, 0.0),
    drawdown=Drawdown(-np.inf, 0.0),
    counts=Counts(0, 0, 0, 0),
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
    return State(
        s.code, s.sums, Drawdown(peak, worst), Counts(s.counts.opened, s.counts.held, s.counts.since, won), trades
    )


@inlined
def settle_last(s, length):
    """The state after the last bar. A trade that is open then has no exit but is worth something."""
    everywhere = s.code == s.code
    return settle(s.code < 2 * length, everywhere, everywhere, s)


@jit
def patch_sum(column, ends, spare, lane, bar, opened, end):
    if column is not None:
        column[spare, lane] = ends.stopped[opened] - ends.sell[bar] if end > bar else 0.0


@jit
def patch_course(lowest, highest, fall, levels, gain, spare, lane, bar, end):
    if lowest is not None:
        low, high, deepest = np.inf, -np.inf, 0.0
        for t in range(bar, end):
            low, high = min(low, levels[t]), max(high, levels[t])
            deepest = min(deepest, levels[t] - high)
        lowest[spare, lane], highest[spare, lane] = low - gain.sell[bar], high - gain.sell[bar]
        fall[spare, lane] = deepest


@jit
def patch_brought(column, stopped, spare, lane, opened):
    if column is not None:
        column[spare, lane] = stopped[opened]


@jit
def meet_stops(bar, held, values, stops, tables):
    """Rewrite the spare row for lanes that are held on at ``bar`` but whose own stop comes before the next
    exit; ``held (1, L)`` is the bar after their entry, or 0. A stop at ``bar`` itself leaves nothing to add.
    """
    spare = tables.code.shape[0] - 1
    sums, ends, course = tables.sums, values.sums, tables.course
    for lane in range(held.shape[1]):
        if held[0, lane] != 0:
            opened = np.int64(held[0, lane]) - 1
            if stops.code[opened] <= tables.code[bar, lane]:
                end = np.int64(stops.code[opened]) // 2
                tables.code[spare, lane] = stops.code[opened]
                patch_sum(sums.gain, ends.gain, spare, lane, bar, opened, end)
                patch_sum(sums.returns, ends.returns, spare, lane, bar, opened, end)
                patch_sum(sums.squares, ends.squares, spare, lane, bar, opened, end)
                patch_sum(sums.downside, ends.downside, spare, lane, bar, opened, end)
                patch_sum(sums.losses, ends.losses, spare, lane, bar, opened, end)
                patch_brought(tables.brought, values.prices.stopped, spare, lane, opened)
                patch_course(
                    course.lowest, course.highest, course.fall, values.levels, ends.gain, spare, lane, bar, end
                )


@inlined
def with_stops(at, bar, holds, since, values, stops, tables, held):
    """The row ``at`` of the tables, with the stops of positions that are held on in it, which tables cannot know
    of. That is rare: the others pay a test."""
    if since is not None:  # noqa: SIM102 (a test for None that stands alone is decided when compiling)
        if popcount(holds) != 0:
            spare = tables.code.shape[0] - 1
            store(tables, spare, at)
            store(held, 0, where(holds, since + 1, 0))
            meet_stops(bar, held, values, stops, tables)
            return load(tables, spare, holds)
    return at


@inlined
def enter(bar, costs, values, stops, tables, held, first, s):
    """An entry at ``bar``: a flat lane buys, a lane in conflict holds on, the others do nothing.

    Exit bars are compared as codes: ``2 * exit + 1 < 2 * bar + 0`` exactly where ``exit < bar``.
    A lane in conflict acts where it is *not* flat: then its exit can only be this very bar.
    """
    at = load(tables, bar, s.code)
    flat = s.code < 2 * bar
    conflict = (at.code & 1) != 0
    acts = flat ^ conflict
    opens = flat & acts
    at = with_stops(at, bar, acts & conflict, s.counts.since, values, stops, tables, held)
    s = settle(opens, opens & (splat(bar, s.code) > first), opens, s)  # cash before the first close is no peak
    opened, bars_held, since, won = s.counts
    paid, brought, equity, profit, loss, simple = s.trades
    return State(
        where(acts, at.code, s.code),
        added(acts, s.sums, at.sums),
        deepened(acts, s.drawdown, s.sums.gain, at.course),
        Counts(
            where(opens, opened + 1, opened),
            where(acts, bars_held + ((at.code - (at.code & 1)) - 2 * bar), bars_held),
            where(opens, bar, since),
            won,
        ),
        Trades(
            where(opens, item(costs, bar), paid),
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
