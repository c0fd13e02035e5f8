"""One step of the walk: what an entry does to every lane of a block.

A lane's past is a ``WalkState``: the exit of its last trade, and the statistics asked for. The last trade
is *pending* until the next one opens, for with ``conflict="ignore"`` its exit may yet be passed over:
sums are then corrected by what the table says, the others (drawdown, wins, ...) take the trade in when
it is settled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inlined, inner
from qmac.kernels.compiler.lanes import (
    LaneValues,
    added,
    higher,
    item,
    load,
    lower,
    lowest_bit,
    only,
    pack_mask,
    pick,
    rarely,
    splat,
    where,
)
from qmac.kernels.trades.exit_tables import Excursions, ReturnSums, Tables


class Drawdown(NamedTuple):
    """As logarithms; the pending exit is in neither."""

    peak: LaneValues  # highest equity so far
    worst: LaneValues  # deepest fall of equity so far; 0 or negative


class Counts(NamedTuple):
    """Whole numbers, unsigned, as wide as ``State.code``."""

    opened: LaneValues  # trades
    held: LaneValues  # twice the bars
    won: LaneValues  # settled trades that brought more than they cost


class Trades(NamedTuple):
    """Statistics of trades one by one, float64."""

    paid: LaneValues  # cash for one unit, in the pending trade
    brought: LaneValues
    equity: LaneValues  # growth of cash over the settled trades
    profit: LaneValues  # sum of what settled trades earned, in units of the cash at the start
    loss: LaneValues  # sum of what they lost, positive
    simple: LaneValues  # sum of the returns of the settled trades


class LastTrade(NamedTuple):
    """Of the last trade, where a lane may be held on; as wide as ``State.code``."""

    stop: LaneValues  # as in Stops
    entry: LaneValues  # twice the bar


class WalkState(NamedTuple):
    """Statistics of each lane after some entries: ``(L,)``, or ``(D, L)`` for each of D depths."""

    code: LaneValues  # as in Tables: the exit of the last trade, 0 before the first
    last_trade: LastTrade
    sums: ReturnSums  # of float64
    drawdown: Drawdown
    counts: Counts
    trades: Trades


FIRST = WalkState(
    code=0,
    last_trade=LastTrade(0, 0),
    sums=ReturnSums(0.0, 0.0, 0.0, 0.0, 0.0),
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
    return WalkState(
        s.code,
        s.last_trade,
        s.sums,
        Drawdown(peak, worst),
        Counts(s.counts.opened, s.counts.held, won),
        trades,
    )


@inlined
def settle_last(s, length):
    """The state after the last bar. A trade that is open then has no exit but is worth something."""
    everywhere = s.code == s.code
    return settle(s.code < 2 * length, everywhere, everywhere, s)


@inlined
def read_stop(stops, bar):
    """The own stop of a trade opened at ``bar``, as in Stops."""
    if stops is not None:
        return item(stops.code, bar)
    return None


@inlined
def meet_stops(at, acts, stop, entry, bar, values, stops):
    """The row ``at`` of the tables, with the own stop of lanes that are held on at ``bar`` where it comes before the exit.

    One or two lanes of 32 do, at one entry in fifty: they are put right one by one. To find the entry by walking the list
    again, for all lanes at once, cost up to a tenth of the sweep.
    """
    if stop is not None:
        stops_first = acts & (
            stop < at.code
        )  # only of those held on: a trade that opens has its stop in the table
        if rarely(stops_first):
            word = pack_mask(stops_first)
            while word != 0:
                lane = lowest_bit(word)
                word &= word - 1
                at = meet_stop(
                    at, only(lane, at.code), np.int64(pick(entry, lane)) // 2, bar, values, stops
                )
    return at


@inlined
def meet_stop(at, mask, entry, bar, values, stops):
    """The row with the stop of a trade opened at ``entry``, in the lanes of ``mask``."""
    ends, code, sums = values.sums, item(stops.code, entry), at.sums
    end = np.int64(code) // 2
    low, high, deepest = find_excursion(values.levels, bar, end)
    base = read_exit(ends.gain, bar)
    return Tables(
        where(mask, code, at.code),
        ReturnSums(
            where(mask, extend_to_stop(ends.gain, entry, bar, end), sums.gain),
            where(mask, extend_to_stop(ends.returns, entry, bar, end), sums.returns),
            where(mask, extend_to_stop(ends.squares, entry, bar, end), sums.squares),
            where(mask, extend_to_stop(ends.downside, entry, bar, end), sums.downside),
            where(mask, extend_to_stop(ends.losses, entry, bar, end), sums.losses),
        ),
        where(mask, item(values.prices.stopped, entry), at.brought),
        Excursions(
            where(mask, low - base, at.excursions.lowest),
            where(mask, high - base, at.excursions.highest),
            where(mask, deepest, at.excursions.fall),
        ),
    )


@inlined
def extend_to_stop(ends, entry, bar, end):
    """What a position held on at ``bar`` adds to a sum until its own stop; a stop at ``bar`` itself adds nothing."""
    if ends is not None:
        return item(ends.stopped, entry) - item(ends.exit, bar) if end > bar else 0.0
    return None


@inlined
def read_exit(ends, bar):
    """What a sale at ``bar`` adds to a sum."""
    if ends is not None:
        return item(ends.exit, bar)
    return None


@inner
def find_excursion(levels, bar, end):
    """Lowest and highest close from ``bar`` to before ``end``, and the deepest fall."""
    low, high, deepest = np.inf, -np.inf, 0.0
    if levels is not None:
        for t in range(bar, end):
            low, high = min(low, levels[t]), max(high, levels[t])
            deepest = min(deepest, levels[t] - high)
    return low, high, deepest


@inlined
def enter(tile, bar, values, stops, tables, start, s):
    """An entry at ``bar``: a flat lane enters, a lane in conflict holds on, the others do nothing.

    Exit bars are compared as codes: ``2 * exit + 1 < 2 * bar + 0`` exactly where ``exit < bar``.
    A lane in conflict acts where it is *not* flat: then its exit can only be this very bar.
    """
    at = load(tables, bar - tile.begin, s.code)
    flat = s.code < 2 * bar
    conflict = (at.code & 1) != 0
    acts = flat ^ conflict
    opens = flat & acts
    last_trade = LastTrade(
        where(opens, read_stop(stops, bar), s.last_trade.stop),
        where(opens, bar * 2, s.last_trade.entry),
    )
    at = meet_stops(at, acts, last_trade.stop, last_trade.entry, bar, values, stops)
    s = settle(
        opens, opens & (splat(bar, s.code) > start), opens, s
    )  # cash before the first close is no peak
    opened, bars_held, won = s.counts
    paid, brought, equity, profit, loss, simple = s.trades
    return WalkState(
        where(acts, at.code, s.code),
        last_trade,
        added(acts, s.sums, at.sums),
        deepened(acts, s.drawdown, s.sums.gain, at.excursions),
        Counts(
            where(opens, opened + 1, opened),
            where(acts, bars_held + ((at.code - (at.code & 1)) - 2 * bar), bars_held),
            won,
        ),
        Trades(
            where(opens, item(values.prices.entry, bar), paid),
            where(acts, at.brought, brought),
            equity,
            profit,
            loss,
            simple,
        ),
    )


@inlined
def deepened(acts, drawdown, gain, excursions):
    """The drawdown with the excursions of a trade, without its exit; ``gain`` is that before the trade."""
    peak, worst = drawdown
    fallen = lower(lower(worst, excursions.fall), gain + excursions.lowest - peak)
    return Drawdown(
        where(acts, higher(peak, gain + excursions.highest), peak), where(acts, fallen, worst)
    )
