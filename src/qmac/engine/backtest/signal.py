"""What a combination says at the last bar, and what the next one would have to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac.engine.backtest.inputs import BacktestInputs, TradeList, build_inputs
from qmac.engine.backtest.next_bar import NO_CLOSE, Closes, NextBar, has_cross
from qmac.engine.dataset.period import Period
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import ABOVE, BELOW
from qmac.strategy.grid import Combination
from qmac.strategy.rules import Rules

FLAT, LONG = "flat", "long"
BUY, SELL, STOP = "buy", "sell", "stop"


@dataclass(frozen=True)
class Levels:
    """Prices at which a position ends by itself in the next bar, whatever the averages do."""

    stop: float | None = None
    """A fall to it sells there: the stop loss or the trailing stop, whichever is higher."""
    target: float | None = None
    """A rise to it sells there: the take profit."""
    bars_left: int | None = None
    """Bars until the holding time ends the position; at 1 the next bar does."""


@dataclass(frozen=True)
class Signal:
    """The state of one combination at the last bar, and what changes it at the next one.

    It is what ``backtest`` says: a bar appended to the prices is traded as ``buys``, ``sells`` and
    ``levels`` have it, which a property test holds to the last bit.
    """

    name: str
    """Name of the prices."""
    combination: Combination
    rules: Rules
    date: pd.Timestamp
    """The last bar."""
    close: float
    """Its close."""
    position: str
    """``"flat"`` or ``"long"``, at that close."""
    today: str | None
    """What the last bar signals: ``"buy"`` or ``"sell"``, filled at its close or at the next open
    as the rules say; ``"stop"`` where a stop or the holding time ended a position; or None."""
    since: pd.Timestamp | None
    """Bar of the entry of an open position, or of the last exit; None before the first trade."""
    bars: int
    """Bars in this position, or out of the market, the bar of the change included."""
    entry_price: float | None
    """Price of the entry with slippage, as in ``Backtest.trades``; None where flat."""
    open_profit: float | None
    """Profit of the open position as a fraction, as in ``Backtest.trades``: the costs of the entry
    are deducted, those of an exit are not; None where flat."""
    levels: Levels
    """Where stops are at the next bar; empty where flat."""
    entry: Closes | None
    """Closes of the next bar at which the buy pair crosses above; None for averages of the user's
    own, which say nothing of a bar to come."""
    exit: Closes | None
    """Closes of the next bar at which the sell pair crosses below."""
    buys: Closes | None
    """Closes of the next bar that buy: those of ``entry``, where the position is flat by then, but
    for those that an exit cross cancels (``conflict="ignore"``)."""
    sells: Closes | None
    """Closes of the next bar that sell, unless a stop comes first."""
    notes: tuple[str, ...] = ()
    """What is odd about it, a sentence each."""

    @property
    def order(self) -> str | None:
        """What is filled at the next open: ``"buy"``, ``"sell"`` or None."""
        return self.today if self.rules.fill == "next_open" and self.today != STOP else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        Returns
        -------
        dict
            Dates as text, closes with ``low`` and ``high``.
        """
        closes = {"entry": self.entry, "exit": self.exit, "buys": self.buys, "sells": self.sells}
        plain = {name: held and held.to_dict() for name, held in closes.items()}
        return {
            "name": self.name,
            "combination": list(self.combination),
            "date": str(self.date),
            "close": self.close,
            "position": self.position,
            "today": self.today,
            "order": self.order,
            "since": None if self.since is None else str(self.since),
            "bars": self.bars,
            "entry_price": self.entry_price,
            "open_profit": self.open_profit,
            "next": {
                "fill": self.rules.fill,
                "stop": self.levels.stop,
                "target": self.levels.target,
                "bars_left": self.levels.bars_left,
                **plain,
            },
            "notes": list(self.notes),
        }


def find_signal(series: PreparedSeries, combination: Sequence[int]) -> Signal:
    """Return what a combination says at the last bar of a series.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the combination, and maybe for others.
    combination : sequence of int
        Checked: buy fast, buy slow, sell fast, sell slow.

    Returns
    -------
    Signal
        Of the last bar that may trade.
    """
    buy_fast, buy_slow, sell_fast, sell_slow = windows = tuple(map(int, combination))
    inputs = build_inputs(series, np.array([windows], np.int64))
    trades = inputs.list_trades(0)
    period, rules = series.period, series.rules
    length = period.close.size
    dates = series.prices.index[period.first :]
    is_long = bool(trades.opened.size) and int(trades.closed[-1]) == length
    today = _find_today(inputs, trades, windows, is_long=is_long)
    levels = _find_levels(period, rules, int(trades.opened[-1])) if is_long else Levels()
    entry = exit_ = buys = sells = None
    if series.averages is None:
        close = series.prices.close[: period.first + length]
        kind = rules.average
        entry = NextBar(close, kind, buy_fast, buy_slow, ABOVE).find_closes()
        exit_ = NextBar(close, kind, sell_fast, sell_slow, BELOW).find_closes()
        buys, sells = _find_orders(entry, exit_, rules, is_long=is_long, today=today, levels=levels)
    changed = _find_change(trades, is_long=is_long)
    return Signal(
        name=series.prices.name,
        combination=(buy_fast, buy_slow, sell_fast, sell_slow),
        rules=rules,
        date=dates[length - 1],
        close=float(period.close[-1]),
        position=LONG if is_long else FLAT,
        today=today,
        since=None if changed is None else dates[changed],
        bars=length - (period.start if changed is None else changed),
        entry_price=float(trades.paid[-1] / (1 + rules.fees)) if is_long else None,
        open_profit=float(trades.returns[-1]) if is_long else None,
        levels=levels,
        entry=entry,
        exit=exit_,
        buys=buys,
        sells=sells,
    )


def _find_change(trades: TradeList, *, is_long: bool) -> int | None:
    """Return the bar of the last entry or exit; None without a trade."""
    if not trades.opened.size:
        return None
    return int(trades.opened[-1] if is_long else trades.closed[-1])


def _find_today(
    inputs: BacktestInputs, trades: TradeList, windows: tuple[int, ...], *, is_long: bool
) -> str | None:
    """Return what the last bar signals."""
    period, rules = inputs.series.period, inputs.series.rules
    last = period.close.size - 1
    changed = _find_change(trades, is_long=is_long) == last
    has_stopped = changed and not is_long and bool(trades.stopped[-1])
    if rules.fill == "close":
        if has_stopped or not changed:
            return STOP if has_stopped else None
        return BUY if is_long else SELL
    enters, leaves = _find_crosses(inputs, windows)
    if enters and leaves and rules.conflict == "ignore":
        enters = leaves = False
    if is_long and leaves:
        return SELL
    if not is_long and enters:
        return BUY
    return STOP if has_stopped else None


def _find_crosses(inputs: BacktestInputs, windows: tuple[int, ...]) -> tuple[bool, bool]:
    """Return whether the last bar has an entry and an exit cross, which no bar has filled yet."""
    buy_fast, buy_slow, sell_fast, sell_slow = (inputs.averages[window][-2:] for window in windows)
    if buy_fast.size < 2:
        return False, False
    return (
        has_cross(np.stack((buy_fast, buy_slow)), ABOVE),
        has_cross(np.stack((sell_fast, sell_slow)), BELOW),
    )


def _find_levels(period: Period, rules: Rules, opened: int) -> Levels:
    """Return where a position ends by itself at the next bar, as ``kernels/trades/stops.py`` does.

    The order of the operations is that of the kernel, for the sake of the last bit.
    """
    price = float(period.fill[opened])
    highs = period.highs[opened + 1 :]
    peak = max(price, float(highs.max())) if highs.size else price
    floors = []
    if rules.stop_loss is not None:
        floors.append(price * (1.0 - rules.stop_loss))
    if rules.trailing_stop is not None:
        floors.append(peak * (1.0 - rules.trailing_stop))
    target = None if rules.take_profit is None else price * (1.0 + rules.take_profit)
    bars_left = None
    if rules.max_bars is not None:
        bars_left = opened + rules.max_bars - (period.close.size - 1)
    return Levels(max(floors, default=None), target, bars_left)


def _find_orders(
    entry: Closes,
    exit_: Closes,
    rules: Rules,
    *,
    is_long: bool,
    today: str | None,
    levels: Levels,
) -> tuple[Closes, Closes]:
    """Return the closes of the next bar that buy, and those that sell.

    With fills at the open, the order of the last bar is filled before that close, and so ends a
    holding time; with fills at the close, no signal acts on the bar that ends it.
    """
    is_timed_out = levels.bars_left == 1
    if rules.fill == "next_open":
        is_long = today == BUY or (is_long and today != SELL and not is_timed_out)
    elif is_timed_out:
        return NO_CLOSE, NO_CLOSE
    if rules.conflict == "ignore":
        entry, exit_ = entry.without(exit_), exit_.without(entry)
    return (NO_CLOSE, exit_) if is_long else (entry, NO_CLOSE)
