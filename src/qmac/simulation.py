"""Single combinations in full: metrics, equity, trades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qmac.config import Rules
from qmac.dataset import Window, averages_of, crosses_of, trading_period
from qmac.grid import ROLES, Combination, checked_combination
from qmac.kernels.trades import find_trades
from qmac.metrics import METRICS, equity_of, metrics_of, trade_growth
from qmac.prices import Prices, infer_periods_per_year


@dataclass(frozen=True, eq=False)
class Backtest:
    """One combination on one series, from the first bar that may trade."""

    combination: Combination
    metrics: pd.Series
    """Every metric, by name."""
    equity: pd.Series
    """Value of the account at each close, in currency; ``(T,)`` by date."""
    trades: pd.DataFrame
    """One row a trade: entry and exit date and price, size, pnl (currency), return, bars, open."""


def evaluate(
    prices: Prices | pd.DataFrame | pd.Series, combinations: Iterable[Sequence[int]], rules: Rules | None = None
) -> pd.DataFrame:
    """All metrics of a list of combinations: ``(N, 4)`` whole numbers give N rows, in their order.

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
    prices, rules = Prices.of(prices), rules or Rules()
    wanted = [checked_combination(combination) for combination in combinations]
    if not wanted:
        return pd.DataFrame(columns=[*ROLES, *METRICS])
    traded = _Traded(prices, wanted, rules)
    rows = [metrics_of(traded.close, *trades, rules, traded.periods_per_year) for trades in traded]
    frame = pd.concat([pd.DataFrame(wanted, columns=list(ROLES)), pd.DataFrame(rows, columns=list(METRICS))], axis=1)
    return frame.astype({"total_trades": np.int64})


def backtest(
    prices: Prices | pd.DataFrame | pd.Series, combination: Sequence[int], rules: Rules | None = None
) -> Backtest:
    """One combination in full.

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
    prices, rules = Prices.of(prices), rules or Rules()
    wanted = checked_combination(combination)
    traded = _Traded(prices, [wanted], rules)
    opened, closed = next(iter(traded))
    numbers = metrics_of(traded.close, opened, closed, rules, traded.periods_per_year)
    equity = pd.Series(equity_of(traded.close, opened, closed, rules), traded.index, name="equity")
    return Backtest(wanted, pd.Series(numbers, name=str(wanted)), equity, _trade_table(traded, opened, closed, rules))


def buy_and_hold(prices: Prices, rules: Rules) -> dict[str, float]:
    """Metrics of buying at the first bar that may trade, with its costs, and holding to the end."""
    period = trading_period(prices, rules, (0,))
    close = period.close[period.start :]
    opened, closed = np.zeros(1, np.int64), np.full(1, close.size)
    return metrics_of(close, opened, closed, rules, periods_per_year(prices, rules))


def periods_per_year(prices: Prices, rules: Rules) -> float:
    """``rules.periods_per_year``, or what the dates say."""
    return rules.periods_per_year or infer_periods_per_year(prices.index)


class _Traded:
    """The trades of a list of combinations: (opened, closed) bars of each, counted from the first bar that may trade."""

    def __init__(self, prices: Prices, combinations: Sequence[Combination], rules: Rules) -> None:
        table = np.array(combinations, np.int64)
        windows, places = np.unique(table, return_inverse=True)
        places = places.reshape(table.shape)
        self._period: Window = trading_period(prices, rules, tuple(windows.tolist()))
        averages = averages_of(prices, tuple(windows.tolist()), rules)
        buys, self._buy = np.unique(places[:, :2], axis=0, return_inverse=True)
        sells, self._sell = np.unique(places[:, 2:], axis=0, return_inverse=True)
        self._entries = crosses_of(averages, buys[:, 0].copy(), buys[:, 1].copy(), self._period)
        self._exits = crosses_of(averages, sells[:, 1].copy(), sells[:, 0].copy(), self._period)
        self._ignore = rules.conflict == "ignore"
        self.close = self._period.close[self._period.start :]
        self.index = prices.index[len(prices) - self.close.size :]
        self.periods_per_year = periods_per_year(prices, rules)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for buy, sell in zip(self._buy.ravel(), self._sell.ravel(), strict=True):
            entries = self._entries.bars[self._entries.starts[buy] : self._entries.starts[buy + 1]]
            exits = self._exits.bars[self._exits.starts[sell] : self._exits.starts[sell + 1]]
            opened, closed = find_trades(entries, exits, self._period.close.size, self._ignore)
            yield opened - self._period.start, closed - self._period.start


def _trade_table(traded: _Traded, opened: np.ndarray, closed: np.ndarray, rules: Rules) -> pd.DataFrame:
    close, index = traded.close, traded.index
    growth = trade_growth(close, opened, closed, rules)
    cash = rules.init_cash * np.concatenate(([1.0], np.cumprod(growth)[:-1]))[: opened.size]
    still_open = closed == close.size
    last = np.minimum(closed, close.size - 1)
    return pd.DataFrame(
        {
            "entry_date": index[opened],
            "exit_date": index[last],
            "entry_price": close[opened] * (1 + rules.slippage),
            "exit_price": close[last] * np.where(still_open, 1.0, 1 - rules.slippage),
            "size": cash / (close[opened] * rules.buy_factor),
            "pnl": cash * (growth - 1),
            "return": growth - 1,
            "bars": closed - opened,
            "open": still_open,
        }
    )
