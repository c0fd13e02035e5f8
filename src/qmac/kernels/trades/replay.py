"""The trades of one combination, from its entries and exits, and what its metrics are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import jit


class Market(NamedTuple):
    """What trades pay, bring and live through, ``(T,)`` each; bars count as in ``values.Period``."""

    close: np.ndarray
    moves: np.ndarray  # return of each close; of the first one 0
    paid: np.ndarray  # cash that one unit costs at a bar
    brought: np.ndarray  # (T + 1,) cash that it brings; at T the last close, for an open position
    stops: np.ndarray  # bar at which a trade ends by itself, by the bar of its entry; T for never
    stopped: np.ndarray  # cash that one unit brings there


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
    finished: (
        np.ndarray
    )  # of them not open at the end; what follows but held and simple is of these
    winners: np.ndarray
    held: np.ndarray  # bars in a position
    bars: np.ndarray
    profit: np.ndarray  # of what winners earned, in shares of the cash at the start
    loss: np.ndarray  # of what losers lost
    simple: np.ndarray  # of returns of trades
    best: np.ndarray  # highest return; -inf of none
    worst: np.ndarray


@jit
def find_trades(entries, exits, stops, length, ignore):
    """Entry and exit bars ``(N,)`` of the trades and whether their own stop ended them.

    ``stops (T,)`` are the bars at which trades end by themselves, by the bar of their entry; T for never.
    An open trade's exit bar is ``length``. On a bar with both signals neither acts if ``ignore``, else the
    one that applies to the present position does. On the bar of a stop no signal acts.
    """
    opened = np.empty(entries.size, np.int64)
    closed = np.empty(entries.size, np.int64)
    stopped = np.zeros(entries.size, np.bool_)
    n, i, j, holding = 0, 0, 0, False
    while i < entries.size or j < exits.size:
        entry = entries[i] if i < entries.size else length
        leave = exits[j] if j < exits.size else length
        i += entry <= leave
        j += leave <= entry
        bar = min(entry, leave)
        if holding and stops[opened[n - 1]] <= bar:
            closed[n - 1], stopped[n - 1], holding = stops[opened[n - 1]], True, False
            if closed[n - 1] == bar:
                continue
        if ignore and entry == leave:
            continue
        if holding and leave <= entry:
            closed[n - 1], holding = leave, False
        elif not holding and entry <= leave:
            opened[n], closed[n], holding = entry, length, True
            n += 1
    if holding and stops[opened[n - 1]] < length:
        closed[n - 1], stopped[n - 1] = stops[opened[n - 1]], True
    return opened[:n].copy(), closed[:n].copy(), stopped[:n].copy()


@jit
def replay(entries, exits, entry_lists, exit_lists, market, start, ignore, found):
    """Trade list ``entry_lists[n]`` of the entries against list ``exit_lists[n]`` of the exits, from bar ``start`` on, into ``found``.

    Bar by bar and row by row: in NumPy, over all rows at once, the best 100 took 7 to 8 ms, a third of all that was serial.
    """
    close, moves, length = market.close, market.moves, market.close.size
    returns = np.empty(length)
    for row in range(entry_lists.size):
        entry_list, exit_list = entry_lists[row], exit_lists[row]
        opened, closed, stopped = find_trades(
            entries.bars[entries.starts[entry_list] : entries.starts[entry_list + 1]],
            exits.bars[exits.starts[exit_list] : exits.starts[exit_list + 1]],
            market.stops, length, ignore,
        )  # fmt: skip
        worth, gain, fall, flat_from, size = 1.0, 0.0, 0.0, start, 0
        peak = 0.0  # highest worth by now, in shares of worth when the trade at hand began: no wealth is too large or too small
        total = won = below = downside = 0.0
        held = finished = winners = bars = 0
        profit = loss = simple = 0.0
        best, worst = -np.inf, np.inf
        for n in range(opened.size):
            if opened[n] > flat_from:
                peak = max(peak, 1.0)
                fall = min(fall, 1.0 / peak - 1.0)
            paid = market.paid[opened[n]]
            brought = market.stopped[opened[n]] if stopped[n] else market.brought[closed[n]]
            units = 1.0 / paid
            for bar in range(opened[n], closed[n]):
                value = units * close[bar]
                peak = max(peak, value)
                fall = min(fall, value / peak - 1.0)
                returns[size] = close[bar] / paid - 1.0 if bar == opened[n] else moves[bar]
                size += 1
            if closed[n] < length:
                returns[size] = brought / close[closed[n] - 1] - 1.0
                size += 1
            earned = (brought - paid) / paid
            simple += earned
            held += closed[n] - opened[n]
            if closed[n] < length:
                pnl = worth * earned
                finished += 1
                winners += earned > 0.0
                bars += closed[n] - opened[n]
                profit += max(pnl, 0.0)
                loss -= min(pnl, 0.0)
                best, worst = max(best, earned), min(worst, earned)
            worth *= brought / paid
            gain += np.log(brought / paid)
            peak *= paid / brought  # in shares of worth as it is now
            flat_from = closed[n]
        if flat_from < length:
            peak = max(peak, 1.0)
            fall = min(fall, 1.0 / peak - 1.0)
        for k in range(size):
            total += returns[k]
            won += max(returns[k], 0.0)
            below -= min(returns[k], 0.0)
            downside += min(returns[k], 0.0) ** 2
        mean = total / (length - start)
        spread, squares = mean * mean * (length - start - size), 0.0
        for k in range(size):
            spread += (returns[k] - mean) ** 2
            squares += returns[k] ** 2
        found.worth[row], found.gain[row], found.fall[row] = worth, gain, fall
        found.mean[row], found.spread[row] = mean, spread
        found.squares[row], found.won[row], found.below[row], found.downside[row] = (
            squares,
            won,
            below,
            downside,
        )
        found.trades[row], found.finished[row], found.winners[row] = opened.size, finished, winners
        found.held[row], found.bars[row], found.profit[row], found.loss[row] = (
            held,
            bars,
            profit,
            loss,
        )
        found.simple[row], found.best[row], found.worst[row] = simple, best, worst
