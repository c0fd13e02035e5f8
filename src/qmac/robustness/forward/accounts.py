"""Accounts over the tests of a walk-forward: who follows the winners, holds, or knew the future.

An account that follows takes the position that the new winner has at the close before each test,
or, where signals are filled at the next open, after the orders of its first open. Its equity is the
product of the winners' own in the tests and the costs of these switches. Bars count over the whole
series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qmac.engine.backtest.backtest import compute_equity
from qmac.engine.backtest.inputs import TradeList, build_inputs
from qmac.engine.dataset.series import PreparedSeries
from qmac.kernels.trades.replay import ReplaySums
from qmac.kernels.trades.scores import Facts
from qmac.strategy.grid import Combination
from qmac.strategy.metrics import compute_metrics


@dataclass(frozen=True)
class Account:
    """What one account does on N bars, from the close before them on."""

    start: int
    """First of the bars."""
    equity: np.ndarray
    """At the close before them and at each of theirs, ``(N + 1,)``."""
    held: np.ndarray
    """Whether these closes are in a position, ``(N + 1,)``."""
    trades: TradeList
    """All that are open on one of the bars, or at the close before them."""

    @property
    def stop(self) -> int:
        """Bar after the last."""
        return self.start + self.equity.size - 1

    @property
    def growth(self) -> float:
        """Factor by which the equity grows over the bars."""
        return float(self.equity[-1] / self.equity[0])


def trade(series: PreparedSeries, combination: Combination | None, start: int) -> Account:
    """Trade a combination, and return what its account does from a bar on.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the combination; it trades from the start of the period.
    combination : tuple of int or None
        The four windows; None for an account that stays in cash.
    start : int
        First bar that counts.

    Returns
    -------
    Account
        Up to the end of the period; what was earned before does not count.
    """
    period = series.period
    eve = start - 1 - period.first
    if combination is None:
        bars = period.close.size - eve
        return Account(start, np.ones(bars), np.zeros(bars, np.bool_), _list([]))
    trades = build_inputs(series, np.array([combination], np.int64)).list_trades(0)
    equity = compute_equity(period, trades, 1.0)
    held = trades.find_held(period.close.size)
    is_shown = trades.closed > eve
    shown = TradeList(
        opened=trades.opened[is_shown] + period.first,
        closed=trades.closed[is_shown] + period.first,
        stopped=trades.stopped[is_shown],
        paid=trades.paid[is_shown],
        brought=trades.brought[is_shown],
    )
    return Account(start, equity[eve:], held[eve:], shown)


def hold(series: PreparedSeries, start: int) -> Account:
    """Return an account that is in a position all the time.

    Parameters
    ----------
    series : PreparedSeries
        Up to the last bar that counts.
    start : int
        First bar that counts.

    Returns
    -------
    Account
        Its one trade is open since the close before.
    """
    period = series.period
    eve = start - 1 - period.first
    close = period.close[eve:]
    only = _Trade(start - 1, float(close[0]), start - 1 + close.size, float(close[-1]))
    return Account(start, close / close[0], np.ones(close.size, np.bool_), _list([only]))


@dataclass
class _Trade:
    """One round trip in the making."""

    opened: int
    paid: float
    closed: int
    brought: float
    stopped: bool = False


def _list(trades: Sequence[_Trade]) -> TradeList:
    return TradeList(
        opened=np.array([trade.opened for trade in trades], np.int64),
        closed=np.array([trade.closed for trade in trades], np.int64),
        stopped=np.array([trade.stopped for trade in trades], np.bool_),
        paid=np.array([trade.paid for trade in trades], np.float64),
        brought=np.array([trade.brought for trade in trades], np.float64),
    )


class _Follower:
    """An account that follows others, one after the other."""

    def __init__(self, series: PreparedSeries) -> None:
        self._series = series
        self._equity = [np.ones(1)]
        self._held = [np.zeros(1, np.bool_)]
        self._trades: list[_Trade] = []

    @property
    def is_holding(self) -> bool:
        """Whether the last close is in a position."""
        return bool(self._held[-1][-1])

    def follow(self, account: Account) -> None:
        """Take the position of another account at the close before its bars, and its trades."""
        period, rules = self._series.period, self._series.rules
        switch = account.start - 1 + period.delay
        eve = float(period.close[account.start - 1 - period.first])
        price = float(period.fill[switch - period.first])
        is_carried_in, exit_price = bool(account.held[0]), price * rules.sell_factor
        wants = is_carried_in
        if period.delay:
            wants, exit_price = self._take_orders(account, price)
        # by what a change of position multiplies the equity, beside that of one without a change
        entering, leaving = eve / (price * rules.buy_factor), exit_price / eve
        by_switch = {(False, True): entering, (True, False): leaving}
        factor = 1.0
        if self.is_holding != is_carried_in:
            paid = by_switch.get((self.is_holding, wants), 1.0)
            factor = paid / by_switch.get((is_carried_in, wants), 1.0)
        if wants == is_carried_in and wants != self.is_holding:
            if wants:
                self._open(switch, price * rules.buy_factor)
            else:
                self._close(switch, exit_price)
        self._take_trades(account)
        growth = account.equity[1:] / account.equity[0]
        self._equity.append(self._equity[-1][-1] * factor * growth)
        self._held.append(account.held[1:])

    def _take_orders(self, account: Account, price: float) -> tuple[bool, float]:
        """Return whether an account is in a position after the first open, and its exit's price.

        At that open its orders are filled, and stops that the price has jumped beyond.
        """
        rules, trades = self._series.rules, account.trades
        at_open = (price * rules.sell_factor, price * (1 - rules.fees))  # stops have no slippage
        if account.held[0]:
            for brought in trades.brought[trades.closed == account.start].tolist():
                if any(math.isclose(brought, cash, rel_tol=1e-12) for cash in at_open):
                    return False, brought
            return True, at_open[0]
        return bool((trades.opened == account.start).any()), at_open[0]

    @property
    def _is_open(self) -> bool:
        """Whether the last trade has not been closed."""
        period = self._series.period
        return bool(self._trades) and self._trades[-1].closed == period.first + period.close.size

    def _open(self, bar: int, paid: float) -> None:
        end = self._series.period.first + self._series.period.close.size
        last = float(self._series.period.close[-1])
        self._trades.append(_Trade(bar, paid, end, last))

    def _close(self, bar: int, brought: float, *, stopped: bool = False) -> None:
        last = self._trades[-1]
        last.closed, last.brought, last.stopped = bar, brought, stopped

    def _take_trades(self, account: Account) -> None:
        """Take its entries and exits, but for those of a first open that change nothing here."""
        trades = account.trades
        columns = (trades.opened, trades.paid, trades.closed, trades.brought, trades.stopped)
        for opened, paid, closed, brought, stopped in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            if opened >= account.start and not self._is_open:
                self._open(opened, paid)
            if account.start <= closed < account.stop and self._is_open:
                self._close(closed, brought, stopped=stopped)

    def build(self, start: int) -> Account:
        """Return the account."""
        equity, held = np.concatenate(self._equity), np.concatenate(self._held)
        return Account(start, equity, held, _list(self._trades))


def follow(series: PreparedSeries, accounts: Sequence[Account]) -> Account:
    """Return an account that follows others, each of which begins where the one before ends.

    Parameters
    ----------
    series : PreparedSeries
        Rules and prices, up to the end of the last account; with the bar before the first.
    accounts : sequence of Account
        One after the other.

    Returns
    -------
    Account
        Its equity begins with 1, in cash.
    """
    follower = _Follower(series)
    for account in accounts:
        follower.follow(account)
    return follower.build(accounts[0].start)


def measure(account: Account, facts: Facts) -> dict[str, float]:
    """Return every metric of an account.

    Parameters
    ----------
    account : Account
        N bars.
    facts : Facts
        Of the same bars.

    Returns
    -------
    dict of str to float
        By name. Trades that were opened before the bars are those of the account.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = {name: np.array([value]) for name, value in _sum_up(account).items()}
        columns = compute_metrics(ReplaySums(**sums), facts)
    return {name: float(column[0]) for name, column in columns.items()}


def _sum_up(account: Account) -> dict[str, float]:
    """Return the fields of ``ReplaySums``."""
    equity, trades = account.equity / account.equity[0], account.trades
    returns = equity[1:] / equity[:-1] - 1
    losses = np.minimum(returns, 0.0)
    peaks = np.maximum.accumulate(equity[1:])
    is_closed = trades.closed < account.stop
    each = trades.returns
    worth = np.cumprod(np.concatenate(([1.0], 1 + each)))[:-1]
    earned = (worth * each)[is_closed]
    finished = each[is_closed]
    return {
        "worth": equity[-1],
        "gain": np.log(equity[-1]),
        "fall": (equity[1:] / peaks - 1).min(),
        "mean": returns.mean(),
        "spread": np.square(returns - returns.mean()).sum(),
        "squares": np.square(returns).sum(),
        "won": np.maximum(returns, 0.0).sum(),
        "below": -losses.sum(),
        "downside": np.square(losses).sum(),
        "trades": float(each.size),
        "finished": float(finished.size),
        "winners": float((finished > 0).sum()),
        "held": float(account.held[1:].sum()),
        "bars": float((trades.closed - trades.opened)[is_closed].sum()),
        "profit": np.maximum(earned, 0.0).sum(),
        "loss": -np.minimum(earned, 0.0).sum(),
        "simple": each.sum(),
        "best": finished.max(initial=-np.inf),
        "worst": finished.min(initial=np.inf),
    }
