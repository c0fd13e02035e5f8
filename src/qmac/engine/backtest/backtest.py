"""One combination in full: metrics, equity curve, trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac import _views
from qmac.data.prices import Prices
from qmac.engine.backtest.batch import first_row
from qmac.engine.backtest.inputs import TradeList, build_hold_inputs, build_inputs
from qmac.engine.dataset.period import Period
from qmac.engine.dataset.signals import Averages
from qmac.strategy.grid import Combination, check_combination
from qmac.strategy.rules import Rules


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """One combination on one series, from the first bar that may trade."""

    combination: Combination
    metrics: pd.Series
    """Every metric, by name."""
    equity: pd.Series
    """Value of the account at each close, in currency; ``(T,)`` by date."""
    trades: pd.DataFrame
    """One row a trade: entry and exit date and price, size, pnl (currency), return, bars, exit.

    ``exit`` is ``"signal"``, ``"stop"`` (a stop or the holding time) or ``"open"``.
    """
    bars: pd.DataFrame
    """What it was made of: ``close``, the averages by window (``10``, ``50``, ...), and ``hold``, the equity of buying at
    the first close and holding; ``(T, ...)`` by date."""

    def plot(self) -> Any:
        """Price with averages and trades, equity beside buy & hold, drawdown: a Plotly figure (``qmac[report]``)."""
        return _views.draw("backtest figure", self)

    def __repr__(self) -> str:
        made = f"total_return {self.metrics['total_return']:.1%} in {len(self.trades)} trades"
        return f"Backtest({self.combination}: {made})"

    def _repr_html_(self) -> str:
        html: str = _views.draw("backtest", self)
        return html


def backtest(
    prices: Prices | pd.DataFrame | pd.Series,
    combination: Sequence[int],
    rules: Rules | None = None,
    averages: Averages | None = None,
) -> Backtest:
    """One combination in full. ``averages`` are as in ``evaluate``.

    Raises
    ------
    PricesError, GridError : prices or windows that cannot be used.

    Examples
    --------
    >>> import qmac
    >>> run = qmac.backtest(qmac.sample_prices(), (10, 50, 20, 100))
    >>> len(run.equity), len(run.trades)
    (5031, 30)
    """
    prices, rules = Prices.of(prices), Rules.of(rules)
    wanted = check_combination(combination)
    signals = build_inputs(prices, np.array([wanted], np.int64), rules, averages)
    period, trades = signals.period, signals.trades(0)
    hold = build_hold_inputs(period, rules).trades(0)
    index = prices.index[period.first :][: period.close.size]
    equity, held = (_equity_of(period, each, rules.init_cash) for each in (trades, hold))
    bars = pd.DataFrame({"close": period.close, **signals.averages, "hold": held}, index)
    return Backtest(
        wanted,
        pd.Series(first_row(signals.metrics(signals.facts(prices))), name=str(wanted)),
        pd.Series(equity, index, name="equity")[period.start :],
        _trade_table(index, trades, rules),
        bars[period.start :],
    )


def _equity_of(period: Period, trades: TradeList, cash: float) -> np.ndarray:
    """Value of the account at each close, ``(T,)``, in currency."""
    levels = [cash]  # while flat; units while held, and so on in turn
    for paid, brought in zip(trades.paid.tolist(), trades.brought.tolist(), strict=True):
        units = levels[-1] / paid
        levels += (units, units * brought)
    turns = np.column_stack((trades.opened, trades.closed)).ravel()
    lengths = np.diff(turns, prepend=0, append=period.close.size)
    equity = np.repeat(levels, lengths)
    np.multiply(
        equity, period.close, out=equity, where=np.repeat(np.arange(lengths.size) % 2 == 1, lengths)
    )
    return equity


def _trade_table(index: pd.DatetimeIndex, trades: TradeList, rules: Rules) -> pd.DataFrame:
    """``index (T,)`` is that of the period."""
    still_open = trades.closed == index.size
    cash = (
        rules.init_cash
        * np.concatenate(([1.0], np.cumprod(1 + trades.returns)[:-1]))[: trades.opened.size]
    )
    fees = np.where(still_open, 1.0, 1 - rules.fees)
    return pd.DataFrame(
        {
            "entry_date": index[trades.opened],
            "exit_date": index[np.minimum(trades.closed, index.size - 1)],
            "entry_price": trades.paid / (1 + rules.fees),
            "exit_price": trades.brought / fees,
            "size": cash / trades.paid,
            "pnl": cash * trades.returns,
            "return": trades.returns,
            "bars": trades.closed - trades.opened,
            "exit": np.where(still_open, "open", np.where(trades.stopped, "stop", "signal")),
        }
    )
