"""The replay of combinations: trades by a state that goes bar by bar, and sums in NumPy."""

import numpy as np
import pytest
from helpers.series import series
from hypothesis import given
from hypothesis import strategies as st

from qmac.kernels.signals.crosses import Crosses
from qmac.kernels.trades.replay import Market, ReplaySums, find_trades, replay

BARS = 30
signal_bars = st.lists(st.integers(0, BARS - 1), unique=True, max_size=12).map(sorted)


def trades_of(entries, exits, stops, ignore):
    """Return entry bar, exit bar and whether a stop ended it, of each trade."""
    trades, holding = [], None
    for bar in range(BARS):
        if holding is not None and stops[holding] == bar:
            trades.append((holding, bar, True))
            holding = None
            continue
        enters, leaves = bar in entries, bar in exits
        if ignore and enters and leaves:
            continue
        if holding is not None and leaves:
            trades.append((holding, bar, False))
            holding = None
        elif holding is None and enters:
            holding = bar
    return trades if holding is None else [*trades, (holding, BARS, False)]


@given(signal_bars, signal_bars, st.booleans(), st.integers(1, 40), st.integers(0, 99))
def test_trades_are_those_of_a_state_that_goes_bar_by_bar(entries, exits, ignore, longest, seed):
    stops = np.arange(BARS) + np.random.default_rng(seed).integers(1, longest + 1, BARS)
    stops = np.minimum(stops, BARS)
    found = find_trades(
        np.array(entries, np.uint16), np.array(exits, np.uint16), stops, BARS, ignore
    )
    rows = list(zip(*(column.tolist() for column in found), strict=True))
    assert rows == trades_of(entries, exits, stops, ignore)


def market():
    close = series("random", BARS, 8)
    stops = np.full(BARS, BARS)
    stops[4] = 9
    moves = np.append(0.0, close[1:] / close[:-1] - 1)
    brought = np.append(close * 0.99, close[-1])
    return Market(close, moves, close * 1.01, brought, stops, close * 0.9)


@pytest.mark.parametrize("start", [0, 1])
def test_sums_are_those_of_the_equity_and_of_the_trades(start):
    lists = [[4, 12, 20], [5, 15], [9, 25], [2, 14], [], [1]]
    starts = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    signals = Crosses(starts, np.array(sum(lists, []), np.uint16))
    entry_lists, exit_lists = np.array([0, 0, 3, 4, 5]), np.array([1, 2, 4, 1, 4])
    sums = ReplaySums(*np.empty((len(ReplaySums._fields), 5)))
    replay(signals, signals, entry_lists, exit_lists, market(), start, True, sums)
    for row, (entry, leave) in enumerate(zip(entry_lists, exit_lists, strict=True)):
        expected = sums_of(lists[entry], lists[leave], start)
        for name, value in expected.items():
            assert getattr(sums, name)[row] == pytest.approx(value, rel=1e-12, abs=1e-15), name


def sums_of(entries, exits, start):
    """Return the sums of one combination, from its equity at each close."""
    prices = market()
    trades = trades_of(entries, exits, prices.stops, ignore=True)
    equity, cash, earned, pnl, held = np.ones(BARS), 1.0, [], [], 0
    for opened, closed, stopped in trades:
        units = cash / prices.paid[opened]
        equity[opened:closed] = units * prices.close[opened:closed]
        brought = prices.stopped[opened] if stopped else prices.brought[closed]
        earned.append(brought / prices.paid[opened] - 1)
        pnl.append(units * brought - cash)
        cash = units * brought
        equity[closed:] = cash
        held += closed - opened
    returns = np.diff(equity[start:], prepend=1.0) / np.append(1.0, equity[start:-1])
    finished = np.array([closed < BARS for _, closed, _ in trades], bool)
    done, money = np.array(earned)[finished], np.array(pnl)[finished]
    peaks = np.maximum.accumulate(equity[start:])
    return {
        "worth": cash,
        "gain": np.log(cash),
        "fall": (equity[start:] / peaks - 1).min(),
        "mean": returns.mean(),
        "spread": ((returns - returns.mean()) ** 2).sum(),
        "squares": (returns**2).sum(),
        "won": np.maximum(returns, 0).sum(),
        "below": np.maximum(-returns, 0).sum(),
        "downside": (np.minimum(returns, 0) ** 2).sum(),
        "trades": len(trades),
        "finished": finished.sum(),
        "winners": (done > 0).sum(),
        "held": held,
        "bars": sum(closed - opened for opened, closed, _ in trades if closed < BARS),
        "profit": np.maximum(money, 0).sum(),
        "loss": np.maximum(-money, 0).sum(),
        "simple": np.sum(earned),
        "best": done.max(initial=-np.inf),
        "worst": done.min(initial=np.inf),
    }
