"""Single combinations in full: metrics, equity, trades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qmac.config import Rules
from qmac.dataset import (
    Averages,
    averages_of,
    crosses_of,
    delay_of,
    periods_per_year,
    trading_period,
)
from qmac.errors import GridError
from qmac.grid import ROLES, Combination, checked_combination
from qmac.kernels.trades import find_trades
from qmac.metrics import METRICS, Trades, equity_of, metrics_of
from qmac.prices import Prices
from qmac.values import facts_of, own_exits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

REPLAYED_BARS = 1 << 18
"""Bars of all combinations that are replayed at once: a few arrays of 2 MiB."""


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

    def plot(self) -> Figure:
        """Price with averages and trades, equity beside buy & hold, drawdown: a Plotly figure (``qmac[report]``)."""
        from qmac.report.course import course_of
        from qmac.report.figures import plot_backtest

        return plot_backtest(course_of(self))

    def __repr__(self) -> str:
        made = f"total_return {self.metrics['total_return']:.1%} in {len(self.trades)} trades"
        return f"Backtest({self.combination}: {made})"

    def _repr_html_(self) -> str:
        from qmac.report.notebook import html_of_backtest

        return html_of_backtest(self)


def evaluate(
    prices: Prices | pd.DataFrame | pd.Series,
    combinations: Iterable[Sequence[int]] | pd.DataFrame,
    rules: Rules | None = None,
    averages: Averages | None = None,
) -> pd.DataFrame:
    """All metrics of a list of combinations: ``(N, 4)`` whole numbers give N rows, in their order.

    ``averages`` are your own, by window: a mapping or a frame with one series of T values for each; an array
    ``(W, T)`` goes by the windows of the combinations in ascending order.

    Raises
    ------
    PricesError, GridError : prices or windows that cannot be used.

    Examples
    --------
    >>> import qmac
    >>> frame = qmac.evaluate(qmac.sample_prices(), [(10, 50, 20, 100), (5, 20, 5, 20)])
    >>> frame[["buy_slow", "total_trades"]].values.tolist()
    [[50, 30], [20, 159]]
    """
    prices, rules = Prices.of(prices), Rules.of(rules)
    if isinstance(combinations, pd.DataFrame):  # such as result.top
        if not set(ROLES) <= set(combinations.columns):
            raise GridError(f"combinations are a frame without the columns {', '.join(ROLES)}. Name them so.")
        combinations = combinations[list(ROLES)].to_numpy()
    wanted = [checked_combination(combination) for combination in combinations]
    if not wanted:
        return no_rows()
    traded = _Traded(prices, wanted, rules, averages)
    at_once, each = max(1, REPLAYED_BARS // traded.close.size), iter(traded)
    parts = []
    while rows := list(islice(each, at_once)):
        parts.append(metrics_of(traded.close, rows, rules, traded.facts))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in METRICS}
    columns["total_trades"] = columns["total_trades"].astype(np.int64)
    return pd.DataFrame(dict(zip(ROLES, np.array(wanted, np.int64).T, strict=True)) | columns)


def no_rows() -> pd.DataFrame:
    """The table of no combination, with the types that it has with some."""
    whole = {*ROLES, "total_trades"}
    return pd.DataFrame({name: np.zeros(0, np.int64 if name in whole else np.float64) for name in (*ROLES, *METRICS)})


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
    wanted = checked_combination(combination)
    traded = _Traded(prices, [wanted], rules, averages)
    trades = next(iter(traded))
    numbers = _only(metrics_of(traded.close, [trades], rules, traded.facts))
    equity, hold = equity_of(traded.close, [trades, _held_throughout(traded.close, rules)], rules.init_cash)
    return Backtest(
        wanted,
        pd.Series(numbers, name=str(wanted)),
        pd.Series(equity, traded.index, name="equity"),
        _trade_table(traded, trades, rules),
        pd.DataFrame({"close": traded.close, **traded.averages, "hold": hold}, traded.index),
    )


def same_trades(
    prices: Prices, combinations: Sequence[Combination], rules: Rules, averages: Averages | None = None
) -> np.ndarray:
    """Which combinations make the very same trades: ``(N,)`` whole numbers, equal where they do, by first appearance."""
    numbers: dict[bytes, int] = {}
    found = [
        numbers.setdefault(np.concatenate((trades.opened, trades.closed)).tobytes(), len(numbers))
        for trades in (_Traded(prices, combinations, rules, averages) if combinations else ())
    ]
    return np.array(found, np.int64)


def buy_and_hold(prices: Prices, rules: Rules) -> dict[str, float]:
    """Metrics of buying at the first close that may trade, with its costs, and holding to the end."""
    period = trading_period(prices, rules, (0,))
    close = period.close[period.start :]
    trades = _held_throughout(close, rules)
    return _only(metrics_of(close, [trades], rules, facts_of(period, rules, periods_per_year(prices, rules))))


def _held_throughout(close: np.ndarray, rules: Rules) -> Trades:
    """One trade, from the first close on."""
    return Trades(
        np.zeros(1, np.int64), np.full(1, close.size), np.zeros(1, np.bool_), close[:1] * rules.buy_factor, close[-1:]
    )


def _only(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """The only row."""
    return {name: float(column[0]) for name, column in columns.items()}


class _Traded:
    """The trades of a list of combinations, one after the other."""

    def __init__(
        self, prices: Prices, combinations: Sequence[Combination], rules: Rules, averages: Averages | None
    ) -> None:
        table = np.array(combinations, np.int64)
        windows, places = np.unique(table, return_inverse=True)
        places = places.reshape(table.shape)
        self._period = period = trading_period(prices, rules, tuple(windows.tolist()))
        rows = averages_of(prices, tuple(windows.tolist()), rules, averages)
        buys, self._buy = np.unique(places[:, :2], axis=0, return_inverse=True)
        sells, self._sell = np.unique(places[:, 2:], axis=0, return_inverse=True)
        self._entries = crosses_of(rows, buys[:, 0], buys[:, 1], period, delay_of(rules))
        self._exits = crosses_of(rows, sells[:, 1], sells[:, 0], period, delay_of(rules))
        self._rules = rules
        self._own = own_exits(period, rules)
        self.close = period.close[period.start :]
        self.fill = period.fill[period.start :]
        traded = slice(period.first + period.start, period.first + period.close.size)
        self.index = prices.index[traded]
        self.averages = dict(zip(windows.tolist(), rows[:, traded], strict=True))
        self.facts = facts_of(period, rules, periods_per_year(prices, rules))

    def __iter__(self) -> Iterator[Trades]:
        period, rules, own = self._period, self._rules, self._own
        length = period.close.size
        brings = np.append(period.fill * rules.sell_factor, period.close[-1])  # at bar T: an open position
        for buy, sell in zip(self._buy.ravel(), self._sell.ravel(), strict=True):
            entries = self._entries.bars[self._entries.starts[buy] : self._entries.starts[buy + 1]]
            exits = self._exits.bars[self._exits.starts[sell] : self._exits.starts[sell + 1]]
            opened, closed, stopped = find_trades(entries, exits, own.bars, length, rules.conflict == "ignore")
            yield Trades(
                opened - period.start,
                closed - period.start,
                stopped,
                period.fill[opened] * rules.buy_factor,
                np.where(stopped, own.brought[opened], brings[closed]),
            )


def _trade_table(traded: _Traded, trades: Trades, rules: Rules) -> pd.DataFrame:
    index, still_open = traded.index, trades.closed == traded.close.size
    cash = rules.init_cash * np.concatenate(([1.0], np.cumprod(1 + trades.returns)[:-1]))[: trades.opened.size]
    fees = np.where(still_open, 1.0, 1 - rules.fees)
    return pd.DataFrame(
        {
            "entry_date": index[trades.opened],
            "exit_date": index[np.minimum(trades.closed, traded.close.size - 1)],
            "entry_price": trades.paid / (1 + rules.fees),
            "exit_price": trades.brought / fees,
            "size": cash / trades.paid,
            "pnl": cash * trades.returns,
            "return": trades.returns,
            "bars": trades.closed - trades.opened,
            "exit": np.where(still_open, "open", np.where(trades.stopped, "stop", "signal")),
        }
    )
