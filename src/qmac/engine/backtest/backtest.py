"""One combination in full: metrics, equity curve, trades."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac import _views
from qmac._fields import protected
from qmac.data.arguments import take_prices
from qmac.data.prices import AnyPrices
from qmac.engine.backtest.batch import distinct_windows, first_row
from qmac.engine.backtest.inputs import TradeList, build_hold_inputs, build_inputs
from qmac.engine.backtest.signal import Signal, find_signal
from qmac.engine.dataset.period import Period
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import Averages
from qmac.strategy.grid import Combination, check_combination
from qmac.strategy.rules import Rules


@protected("metrics", "equity", "trades", "bars")
@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """One combination on one series, from the first bar that may trade; its frames are copies."""

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
    """What it was computed from, ``(T, ...)`` by date: ``close``, the averages by window (``10``,
    ``50``, ...), and ``hold``, the equity of buying at the first close and holding."""
    series: PreparedSeries
    """The prices and rules that were traded."""

    @functools.cached_property
    def signal(self) -> Signal:
        """What the last bar says, long or flat, and what would change it at the next one."""
        return find_signal(self.series, self.combination)

    def plot(self) -> Any:
        """Return a figure of the price with averages and trades, the equity curve, the drawdown.

        Returns
        -------
        plotly.graph_objects.Figure
            The equity curve beside buy and hold.

        Raises
        ------
        OptionError
            If Plotly is not installed.
        """
        return _views.draw("backtest figure", self)

    def __repr__(self) -> str:
        total_return = self.metrics["total_return"]
        outcome = f"total_return {total_return:.1%} in {len(self.trades)} trades"
        return f"Backtest({self.combination}: {outcome})"

    def _repr_html_(self) -> str:
        html: str = _views.draw("backtest", self)
        return html


def backtest(
    prices: AnyPrices,
    combination: Sequence[int],
    rules: Rules | None = None,
    averages: Averages | None = None,
) -> Backtest:
    """Return one combination in full: metrics, equity curve, trades.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, str or Path
        Bars by date; a Series holds closes; a text is the path of a file, or a name such as
        ``"yahoo:SPY"``.
    combination : sequence of int
        The four windows: buy fast, buy slow, sell fast, sell slow.
    rules : Rules, optional
        How signals are traded.
    averages : mapping, DataFrame or ndarray, optional
        Your own averages, as in ``evaluate``.

    Returns
    -------
    Backtest
        From the first bar that may trade to the last.

    Raises
    ------
    PricesError
        If the prices are invalid or too few.
    GridError
        If windows or averages are invalid.

    Examples
    --------
    >>> import qmac
    >>> run = qmac.backtest(qmac.sample_prices(), (10, 50, 20, 100))
    >>> len(run.equity), len(run.trades)
    (5031, 30)
    """
    prices, rules = take_prices(prices, stacklevel=2), Rules.of(rules)
    windows = check_combination(combination)
    row = np.array([windows], np.int64)
    series = PreparedSeries.build(prices, distinct_windows(row), rules, averages)
    inputs = build_inputs(series, row)
    trades = inputs.list_trades(0)
    hold = build_hold_inputs(series).list_trades(0)
    period = series.period
    index = prices.index[period.first :][: period.close.size]
    columns: dict[Any, np.ndarray] = {
        "close": period.close,
        **inputs.averages,
        "hold": compute_equity(period, hold, rules.init_cash),
    }
    equity = pd.Series(compute_equity(period, trades, rules.init_cash), index, name="equity")
    return Backtest(
        combination=windows,
        metrics=pd.Series(first_row(inputs.compute_metrics()), name=str(windows)),
        equity=equity[period.start :],
        trades=_build_trade_table(index, trades, rules),
        bars=pd.DataFrame(columns, index)[period.start :],
        series=series,
    )


def compute_equity(period: Period, trades: TradeList, cash: float) -> np.ndarray:
    """Return the value of an account at each close.

    Levels are in turn the cash while flat and the units while a position is open.

    Parameters
    ----------
    period : Period
        The bars that may trade.
    trades : TradeList
        In the order of time.
    cash : float
        At the start.

    Returns
    -------
    ndarray
        ``(T,)``, in currency.
    """
    levels = [cash]
    for paid, brought in zip(trades.paid.tolist(), trades.brought.tolist(), strict=True):
        units = levels[-1] / paid
        levels.append(units)
        levels.append(units * brought)
    equity = np.repeat(levels, trades.measure_states(period.close.size))
    is_invested = trades.find_held(period.close.size)
    np.multiply(equity, period.close, out=equity, where=is_invested)
    return equity


def _build_trade_table(index: pd.DatetimeIndex, trades: TradeList, rules: Rules) -> pd.DataFrame:
    """Return one row a trade; ``index (T,)`` holds the dates of the period."""
    is_open = trades.closed == index.size
    growth = np.cumprod(1 + trades.returns)
    before = np.concatenate(([1.0], growth[:-1]))[: trades.opened.size]
    cash = rules.init_cash * before
    fees = np.where(is_open, 1.0, 1 - rules.fees)
    last_bars = np.minimum(trades.closed, index.size - 1)
    reasons = np.where(is_open, "open", np.where(trades.stopped, "stop", "signal"))
    return pd.DataFrame(
        {
            "entry_date": index[trades.opened],
            "exit_date": index[last_bars],
            "entry_price": trades.paid / (1 + rules.fees),
            "exit_price": trades.brought / fees,
            "size": cash / trades.paid,
            "pnl": cash * trades.returns,
            "return": trades.returns,
            "bars": trades.closed - trades.opened,
            "exit": reasons,
        }
    )
