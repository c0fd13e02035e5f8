"""The trades of one combination, from its entries and exits, and what its metrics are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import jit, spliced


class Market(NamedTuple):
    """What trades pay, bring and live through, ``(T,)`` each; bars count as in ``Period``."""

    close: np.ndarray
    moves: np.ndarray  # return of each close; of the first one 0
    paid: np.ndarray  # cash that one unit costs at a bar
    brought: np.ndarray  # (T + 1,) cash that it brings; at T the last close, for an open position
    stops: np.ndarray  # bar at which a trade ends by itself, by the bar of its entry; T for never
    stopped: np.ndarray  # cash that one unit brings at that bar


class ReplaySums(NamedTuple):
    """Sums over the bars and the trades of combinations, ``(N,)`` float64 each."""

    worth: np.ndarray  # at the end, in shares of the cash at the start
    gain: np.ndarray  # the logarithm of it, also where it is beyond float64
    fall: np.ndarray  # deepest drawdown, not above 0
    mean: np.ndarray  # of the returns of bars
    spread: np.ndarray  # sum of their squared distances from it
    squares: np.ndarray  # of their squares
    won: np.ndarray  # of those above 0
    below: np.ndarray  # of the others, as a number above 0
    downside: np.ndarray  # of the squares of the others
    trades: np.ndarray  # number
    finished: np.ndarray
    """Number of those not open at the end; what follows but held and simple is of these."""
    winners: np.ndarray
    held: np.ndarray  # bars in a position
    bars: np.ndarray
    profit: np.ndarray  # of what winners earned, in shares of the cash at the start
    loss: np.ndarray  # of what losers lost
    simple: np.ndarray  # of returns of trades
    best: np.ndarray  # highest return; -inf of none
    worst: np.ndarray


class TradeBars(NamedTuple):
    """The trades of a combination, ``(N,)`` each."""

    opened: np.ndarray  # int64, bar of the entry
    closed: np.ndarray  # int64, bar of the exit; T for a position that is open at the end
    stopped: np.ndarray  # bool, whether its own stop ended it


@jit
def find_trades(entries, exits, stops, length, ignore):
    """Find the trades of a list of entries and a list of exits.

    On the bar of a stop no signal acts.

    Parameters
    ----------
    entries, exits : ndarray
        Bars of the signals, ascending.
    stops : ndarray
        ``(T,)`` bars at which trades end by themselves, by the bar of their entry; T for never.
    length : int
        T, the number of bars.
    ignore : bool
        Whether neither signal acts on a bar with both; else the one that applies to the present
        position does.

    Returns
    -------
    TradeBars
        In the order of their entries.
    """
    opened = np.empty(entries.size, np.int64)
    closed = np.empty(entries.size, np.int64)
    stopped = np.zeros(entries.size, np.bool_)
    n, i, j, is_holding = 0, 0, 0, False
    while i < entries.size or j < exits.size:
        entry = entries[i] if i < entries.size else length
        leave = exits[j] if j < exits.size else length
        i += entry <= leave
        j += leave <= entry
        bar = min(entry, leave)
        if is_holding and stops[opened[n - 1]] <= bar:
            closed[n - 1], stopped[n - 1] = stops[opened[n - 1]], True
            is_holding = False
            if closed[n - 1] == bar:
                continue
        if ignore and entry == leave:
            continue
        if is_holding and leave <= entry:
            closed[n - 1], is_holding = leave, False
        elif not is_holding and entry <= leave:
            opened[n], closed[n], is_holding = entry, length, True
            n += 1
    if is_holding and stops[opened[n - 1]] < length:
        closed[n - 1], stopped[n - 1] = stops[opened[n - 1]], True
    return TradeBars(opened[:n].copy(), closed[:n].copy(), stopped[:n].copy())


@jit
def replay(entries, exits, entry_lists, exit_lists, market, start, ignore, sums):
    """Trade lists of entries against lists of exits, row by row and bar by bar.

    In NumPy, over all rows at once, the best 100 took 7 to 8 ms, a third of all that was serial.

    Parameters
    ----------
    entries, exits : Crosses
        Bars of the signals.
    entry_lists, exit_lists : ndarray
        ``(N,)`` the list of each row among them.
    market : Market
        What trades pay and bring.
    start : int
        First bar that may trade.
    ignore : bool
        As of ``find_trades``.
    sums : ReplaySums
        ``(N,)``, filled.
    """
    length = market.close.size
    returns = np.empty(length)
    for row in range(entry_lists.size):
        entry, leave = entry_lists[row], exit_lists[row]
        trades = find_trades(
            entries.bars[entries.starts[entry] : entries.starts[entry + 1]],
            exits.bars[exits.starts[leave] : exits.starts[leave + 1]],
            market.stops, length, ignore,
        )  # fmt: skip
        sums.fall[row] = _find_drawdown(trades, market, start)
        size = _list_returns(trades, market, returns)
        _add_returns(returns, size, length - start, sums, row)
        _add_trades(trades, market, sums, row)


@spliced
def _find_proceeds(trades, market, n):
    """Cash that one unit of trade ``n`` brings."""
    if trades.stopped[n]:
        return market.stopped[trades.opened[n]]
    return market.brought[trades.closed[n]]


@spliced
def _find_drawdown(trades, market, start):
    """Deepest drawdown, 0 or negative, of the equity at the closes."""
    fall, flat_from = 0.0, start
    peak = 0.0  # in shares of worth when a trade begins: no wealth is too large or too small
    for n in range(trades.opened.size):
        opened, closed = trades.opened[n], trades.closed[n]
        if opened > flat_from:
            peak = max(peak, 1.0)
            fall = min(fall, 1.0 / peak - 1.0)
        paid = market.paid[opened]
        units = 1.0 / paid
        for bar in range(opened, closed):
            value = units * market.close[bar]
            peak = max(peak, value)
            fall = min(fall, value / peak - 1.0)
        peak *= paid / _find_proceeds(trades, market, n)  # in shares of worth as it is now
        flat_from = closed
    if flat_from < market.close.size:
        peak = max(peak, 1.0)
        fall = min(fall, 1.0 / peak - 1.0)
    return fall


@spliced
def _list_returns(trades, market, returns):
    """List the returns of the bars in a position, the bars of both fills included; how many."""
    size = 0
    for n in range(trades.opened.size):
        opened, closed = trades.opened[n], trades.closed[n]
        returns[size] = market.close[opened] / market.paid[opened] - 1.0
        size += 1
        for bar in range(opened + 1, closed):
            returns[size] = market.moves[bar]
            size += 1
        if closed < market.close.size:
            brought = _find_proceeds(trades, market, n)
            returns[size] = brought / market.close[closed - 1] - 1.0
            size += 1
    return size


@spliced
def _add_returns(returns, size, bars, sums, row):
    """Sum the first returns of ``size``, and the zeros of the other ``bars``."""
    total = won = below = downside = 0.0
    for k in range(size):
        loss = min(returns[k], 0.0)
        total += returns[k]
        won += max(returns[k], 0.0)
        below -= loss
        downside += loss**2
    mean = total / bars
    spread, squares = mean * mean * (bars - size), 0.0
    for k in range(size):
        spread += (returns[k] - mean) ** 2
        squares += returns[k] ** 2
    sums.mean[row] = mean
    sums.spread[row] = spread
    sums.squares[row] = squares
    sums.won[row] = won
    sums.below[row] = below
    sums.downside[row] = downside


@spliced
def _add_trades(trades, market, sums, row):
    """Sum what the trades earned, and count them."""
    worth, gain = 1.0, 0.0
    held = finished = winners = bars = 0
    profit = loss = simple = 0.0
    best, worst = -np.inf, np.inf
    for n in range(trades.opened.size):
        opened, closed = trades.opened[n], trades.closed[n]
        paid = market.paid[opened]
        brought = _find_proceeds(trades, market, n)
        earned = (brought - paid) / paid
        simple += earned
        held += closed - opened
        if closed < market.close.size:
            pnl = worth * earned
            finished += 1
            winners += earned > 0.0
            bars += closed - opened
            profit += max(pnl, 0.0)
            loss -= min(pnl, 0.0)
            best, worst = max(best, earned), min(worst, earned)
        worth *= brought / paid
        gain += np.log(brought / paid)
    sums.worth[row] = worth
    sums.gain[row] = gain
    sums.trades[row] = trades.opened.size
    sums.finished[row] = finished
    sums.winners[row] = winners
    sums.held[row] = held
    sums.bars[row] = bars
    sums.profit[row] = profit
    sums.loss[row] = loss
    sums.simple[row] = simple
    sums.best[row] = best
    sums.worst[row] = worst
