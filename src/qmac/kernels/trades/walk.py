"""One step of the walk: what an entry does to every lane of a block.

The past of a lane is a ``WalkState``: the exit of its last trade, and the statistics so far. The
last trade is *pending* until the next one opens, because with ``conflict="ignore"`` an entry on the
bar of its exit cancels that exit. Sums include a pending trade at once and are corrected from the
exit table where its exit is cancelled. Other statistics (drawdown, wins, ...) include a trade when
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
    """Peak and deepest fall, as logarithms; the pending exit is in neither."""

    peak: LaneValues  # highest equity so far
    worst: LaneValues  # deepest fall of equity so far; 0 or negative


class Counts(NamedTuple):
    """Whole numbers, unsigned, as wide as ``WalkState.code``."""

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
    """The last trade, where a lane may be held on; as wide as ``WalkState.code``."""

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
def settle(mask, seen, valued, state):
    """Take the pending trade in.

    Parameters
    ----------
    mask, seen, valued : vector
        Lanes whose wins, whose drawdown and whose sum of returns take it in.
    state : WalkState
        State before.

    Returns
    -------
    WalkState
        State with the trade settled.
    """
    peak, worst = state.drawdown
    paid, brought, equity, profit, loss, simple = state.trades
    gain, won = state.sums.gain, state.counts.won
    peak = where(seen, higher(peak, gain), peak)
    worst = where(seen, lower(worst, gain - peak), worst)
    won = where(mask & (brought > paid), won + 1, won)
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
    counts = Counts(state.counts.opened, state.counts.held, won)
    drawdown = Drawdown(peak, worst)
    return WalkState(state.code, state.last_trade, state.sums, drawdown, counts, trades)


@inlined
def settle_last(state, length):
    """Settle the last trade after the last bar.

    A trade that is open then has no exit but is worth something.

    Parameters
    ----------
    state : WalkState
        State after the last entry.
    length : int
        Bars of the series.

    Returns
    -------
    WalkState
        State with all trades settled.
    """
    everywhere = state.code == state.code
    return settle(state.code < 2 * length, everywhere, everywhere, state)


@inlined
def _read_stop(stops, bar):
    """Read the stop of a trade opened at ``bar``, as in Stops."""
    if stops is not None:
        return item(stops.code, bar)
    return None


@inlined
def _meet_stops(at, acts, stop, entry, bar, values, stops):
    """Put the stops of lanes that are held on at ``bar`` into its row of the tables.

    They count where they come before the exit: in one or two lanes of 32, at one entry in fifty,
    so these are put right one by one. To find the entry by walking the list again, for all lanes at
    once, cost up to a tenth of the sweep.
    """
    if stop is not None:
        # only of those held on: a trade that opens has its stop in the table
        stops_first = acts & (stop < at.code)
        if rarely(stops_first):
            word = pack_mask(stops_first)
            while word != 0:
                lane = lowest_bit(word)
                word &= word - 1
                opened = np.int64(pick(entry, lane)) // 2
                at = _meet_stop(at, only(lane, at.code), opened, bar, values, stops)
    return at


@inlined
def _meet_stop(at, mask, entry, bar, values, stops):
    """Put the stop of a trade opened at ``entry`` into a row, in the lanes of ``mask``."""
    ends, code, sums, excursions = values.sums, item(stops.code, entry), at.sums, at.excursions
    end = np.int64(code) // 2
    low, high, deepest = _find_excursion(values.levels, bar, end)
    base = _read_exit(ends.gain, bar)
    return Tables(
        where(mask, code, at.code),
        ReturnSums(
            where(mask, _extend_to_stop(ends.gain, entry, bar, end), sums.gain),
            where(mask, _extend_to_stop(ends.returns, entry, bar, end), sums.returns),
            where(mask, _extend_to_stop(ends.squares, entry, bar, end), sums.squares),
            where(mask, _extend_to_stop(ends.downside, entry, bar, end), sums.downside),
            where(mask, _extend_to_stop(ends.losses, entry, bar, end), sums.losses),
        ),
        where(mask, item(values.prices.stopped, entry), at.brought),
        Excursions(
            where(mask, _subtract(low, base), excursions.lowest),
            where(mask, _subtract(high, base), excursions.highest),
            where(mask, deepest, excursions.fall),
        ),
    )


@inlined
def _subtract(level, base):
    """Return how far a level is above another one, where it is computed."""
    if level is None or base is None:
        return None
    return level - base


@inlined
def _extend_to_stop(ends, entry, bar, end):
    """What a position held on at ``bar`` adds to a sum until its stop, if that is later."""
    if ends is not None:
        return item(ends.stopped, entry) - item(ends.exit, bar) if end > bar else 0.0
    return None


@inlined
def _read_exit(ends, bar):
    """Read what an exit at ``bar`` adds to a sum."""
    if ends is not None:
        return item(ends.exit, bar)
    return None


@inner
def _find_excursion(levels, bar, end):
    """Find the lowest and highest close from ``bar`` to before ``end``, and the deepest fall."""
    low, high, deepest = np.inf, -np.inf, 0.0
    if levels is not None:
        for t in range(bar, end):
            low, high = min(low, levels[t]), max(high, levels[t])
            deepest = min(deepest, levels[t] - high)
    return low, high, deepest


@inlined
def enter(tile, bar, values, stops, tables, start, state):
    """Enter at ``bar``: a flat lane opens, a lane in conflict holds on, the others do nothing.

    Exit bars are compared as codes: ``2 * exit + 1 < 2 * bar + 0`` exactly where ``exit < bar``.
    A lane in conflict acts where it is *not* flat: then its exit can only be this very bar.

    Parameters
    ----------
    tile : Tile
        Bars of the tables.
    bar : int
        Bar of the entry.
    values : TradeValues
        What trades are worth.
    stops : Stops or None
        What ends trades by itself.
    tables : Tables
        What an entry at each bar does.
    start : int
        First bar that may trade; cash before it is no peak.
    state : WalkState
        Statistics of each lane before.

    Returns
    -------
    WalkState
        Statistics after.
    """
    at = load(tables, bar - tile.begin, state.code)
    flat = state.code < 2 * bar
    conflict = (at.code & 1) != 0
    acts = flat ^ conflict
    opens = flat & acts
    last_trade = LastTrade(
        where(opens, _read_stop(stops, bar), state.last_trade.stop),
        where(opens, bar * 2, state.last_trade.entry),
    )
    at = _meet_stops(at, acts, last_trade.stop, last_trade.entry, bar, values, stops)
    state = settle(opens, opens & (splat(bar, state.code) > start), opens, state)
    opened, held, won = state.counts
    held_now = (at.code - (at.code & 1)) - 2 * bar
    trades = state.trades
    return WalkState(
        where(acts, at.code, state.code),
        last_trade,
        added(acts, state.sums, at.sums),
        _deepen(acts, state.drawdown, state.sums.gain, at.excursions),
        Counts(where(opens, opened + 1, opened), where(acts, held + held_now, held), won),
        Trades(
            where(opens, item(values.prices.entry, bar), trades.paid),
            where(acts, at.brought, trades.brought),
            trades.equity,
            trades.profit,
            trades.loss,
            trades.simple,
        ),
    )


@inlined
def _deepen(acts, drawdown, gain, excursions):
    """Take a trade but for its exit into the drawdown.

    ``gain`` is the logarithm of the growth of cash before the trade.
    """
    peak, worst = drawdown
    lowest = gain + excursions.lowest
    highest = gain + excursions.highest
    deepest_within = lower(worst, excursions.fall)
    fallen = lower(deepest_within, lowest - peak)
    raised = higher(peak, highest)
    return Drawdown(where(acts, raised, peak), where(acts, fallen, worst))
