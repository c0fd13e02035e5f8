"""Single combinations in full: metrics, equity, trades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qmac.config import Rules
from qmac.dataset import (
    Averages,
    Map,
    averages_of,
    crosses_of,
    delay_of,
    periods_per_year,
    trading_period,
)
from qmac.errors import GridError
from qmac.grid import ROLES, Combination, checked_combination
from qmac.kernels.crosses import Crosses
from qmac.kernels.measures import Facts
from qmac.kernels.trades import Market, Sums, find_trades, replay
from qmac.metrics import METRICS, metrics_of
from qmac.prices import Prices
from qmac.values import Period, code_dtype, facts_of, own_exits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


REPLAYED_BARS = 1 << 15
"""In one call of the kernel, a part of a millisecond: the best 100 rows spread over threads, and Ctrl-C is heard."""


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
    return pd.DataFrame(replayed(prices, np.array(wanted, np.int64), rules, averages)) if wanted else no_rows()


def replayed(
    prices: Prices,
    wanted: np.ndarray,
    rules: Rules,
    averages: Averages | None = None,
    facts: Facts | None = None,
    mapped: Map = map,
) -> dict[str, np.ndarray]:
    """The columns of ``evaluate`` for combinations that are checked, one at least, ``(N, 4)`` int64.

    ``facts`` are those of the series, where they are known; ``mapped`` may spread the rows over threads.
    """
    signals = _signals_of(prices, wanted, rules, averages, mapped)
    columns = signals.metrics(facts or signals.facts(prices), mapped)
    whole = {"total_trades": columns["total_trades"].astype(np.int64)}
    return dict(zip(ROLES, wanted.T, strict=True)) | columns | whole


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
    signals = _signals_of(prices, np.array([wanted], np.int64), rules, averages)
    period, trades = signals.period, signals.trades(0)
    hold = _held_throughout(period, rules).trades(0)
    index = prices.index[period.first :][: period.close.size]
    equity, held = (_equity_of(period, each, rules.init_cash) for each in (trades, hold))
    bars = pd.DataFrame({"close": period.close, **signals.averages, "hold": held}, index)
    return Backtest(
        wanted,
        pd.Series(_only(signals.metrics(signals.facts(prices))), name=str(wanted)),
        pd.Series(equity, index, name="equity")[period.start :],
        _trade_table(index, trades, rules),
        bars[period.start :],
    )


def same_trades(
    prices: Prices, combinations: Sequence[Combination], rules: Rules, averages: Averages | None = None
) -> np.ndarray:
    """Which combinations make the very same trades: ``(N,)`` whole numbers, equal where they do, by first appearance."""
    if not combinations:
        return np.zeros(0, np.int64)
    signals = _signals_of(prices, np.array(combinations, np.int64), rules, averages)
    numbers: dict[bytes, int] = {}
    found = []
    for row in range(len(combinations)):
        trades = signals.trades(row)
        found.append(numbers.setdefault(np.concatenate((trades.opened, trades.closed)).tobytes(), len(numbers)))
    return np.array(found, np.int64)


def buy_and_hold(prices: Prices, rules: Rules, facts: Facts | None = None) -> dict[str, float]:
    """Metrics of buying at the first close that may trade, with its costs, and holding to the end."""
    signals = _held_throughout(trading_period(prices, rules, (0,)), rules)
    return _only(signals.metrics(facts or signals.facts(prices)))


def _only(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """The only row."""
    return {name: float(column[0]) for name, column in columns.items()}


@dataclass(frozen=True)
class _Trades:
    """The trades of one combination, ``(N,)`` each; bars count as in the period."""

    opened: np.ndarray
    closed: np.ndarray  # T where a position is open at the end
    stopped: np.ndarray  # ended by a stop or by the holding time
    paid: np.ndarray  # cash that one unit cost
    brought: np.ndarray  # cash that it brought; of an open one, the last close

    @property
    def returns(self) -> np.ndarray:
        """What each trade earned, as a share of what it cost."""
        returns: np.ndarray = (self.brought - self.paid) / self.paid
        return returns


@dataclass(frozen=True)
class _Signals:
    """N combinations on one market: list ``buys[n]`` of the entries, list ``sells[n]`` of the exits."""

    period: Period
    rules: Rules
    market: Market
    entries: Crosses
    exits: Crosses
    buys: np.ndarray  # (N,)
    sells: np.ndarray  # (N,)
    averages: dict[Any, np.ndarray]  # (T,) by window

    def facts(self, prices: Prices) -> Facts:
        """Of the bars that may trade."""
        return facts_of(self.period, self.rules, periods_per_year(prices, self.rules))

    def metrics(self, facts: Facts, mapped: Map = map) -> dict[str, np.ndarray]:
        """All of ``METRICS``, ``(N,)`` each."""
        rules, period = self.rules, self.period
        sums = Sums(*(np.empty(self.buys.size) for _ in Sums._fields))
        ignore = rules.conflict == "ignore"
        at_once = max(1, REPLAYED_BARS // period.close.size)

        def replay_from(begin: int) -> None:
            part = slice(begin, begin + at_once)
            buys, sells, own = self.buys[part], self.sells[part], Sums(*(column[part] for column in sums))
            replay(self.entries, self.exits, buys, sells, self.market, period.start, ignore, own)

        list(mapped(replay_from, range(0, self.buys.size, at_once)))
        return metrics_of(sums, rules, facts)

    def trades(self, row: int) -> _Trades:
        """Of one of them."""
        market, length = self.market, self.period.close.size
        entries, exits = (
            crosses.bars[crosses.starts[which] : crosses.starts[which + 1]]
            for crosses, which in ((self.entries, self.buys[row]), (self.exits, self.sells[row]))
        )
        opened, closed, stopped = find_trades(entries, exits, market.stops, length, self.rules.conflict == "ignore")
        brought = np.where(stopped, market.stopped[opened], market.brought[closed])
        return _Trades(opened, closed, stopped, market.paid[opened], brought)


def _signals_of(
    prices: Prices, combinations: np.ndarray, rules: Rules, averages: Averages | None, mapped: Map = map
) -> _Signals:
    windows, places = np.unique(combinations, return_inverse=True)
    places = places.reshape(combinations.shape)
    period = trading_period(prices, rules, tuple(windows.tolist()))
    rows = averages_of(prices, tuple(windows.tolist()), rules, averages, mapped)
    of_both_sides = np.concatenate([fast * windows.size + slow for fast, slow in (places.T[:2], places.T[2:])])
    pairs, ids = np.unique(of_both_sides, return_inverse=True)
    buy, sell = np.split(ids, 2)
    entries, exits = crosses_of(rows, *np.divmod(pairs, windows.size), period, delay_of(rules))
    return _Signals(
        period,
        rules,
        _market_of(period, rules),
        entries,
        exits,
        buy,
        sell,
        dict(zip(windows.tolist(), rows[:, period.first : period.first + period.close.size], strict=True)),
    )


def _held_throughout(period: Period, rules: Rules) -> _Signals:
    """One combination that enters at the first close that may trade, and never leaves."""
    period, length = replace(period, fill=period.close), period.close.size
    market = _market_of(period, rules)._replace(stops=np.full(length, length))
    entries, exits = (np.array(bars, code_dtype(length)) for bars in ([period.start], []))
    signals = Crosses(np.array([0, 1]), entries), Crosses(np.array([0, 0]), exits)
    none = np.zeros(1, np.int64)
    return _Signals(period, rules, market, *signals, none, none, {})


def _market_of(period: Period, rules: Rules) -> Market:
    own, close = own_exits(period, rules), period.close
    return Market(
        close,
        np.append(0.0, close[1:] / close[:-1] - 1),
        period.fill * rules.buy_factor,
        np.append(period.fill * rules.sell_factor, close[-1]),
        own.bars,
        own.brought,
    )


def _equity_of(period: Period, trades: _Trades, cash: float) -> np.ndarray:
    """Value of the account at each close, ``(T,)``, in currency."""
    levels = [cash]  # while flat; units while held, and so on in turn
    for paid, brought in zip(trades.paid.tolist(), trades.brought.tolist(), strict=True):
        units = levels[-1] / paid
        levels += (units, units * brought)
    turns = np.column_stack((trades.opened, trades.closed)).ravel()
    lengths = np.diff(turns, prepend=0, append=period.close.size)
    equity = np.repeat(levels, lengths)
    np.multiply(equity, period.close, out=equity, where=np.repeat(np.arange(lengths.size) % 2 == 1, lengths))
    return equity


def _trade_table(index: pd.DatetimeIndex, trades: _Trades, rules: Rules) -> pd.DataFrame:
    """``index (T,)`` is that of the period."""
    still_open = trades.closed == index.size
    cash = rules.init_cash * np.concatenate(([1.0], np.cumprod(1 + trades.returns)[:-1]))[: trades.opened.size]
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
