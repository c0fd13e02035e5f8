"""Signals and fills of single combinations, as the replay takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.data.prices import Prices
from qmac.engine.dataset.period import (
    Period,
    build_period,
    code_dtype,
    fill_delay,
    periods_per_year,
)
from qmac.engine.dataset.signals import Averages, MapFunction, compute_averages, find_all_crosses
from qmac.engine.dataset.trade_values import build_facts, compute_forced_exits
from qmac.kernels.signals.crosses import Crosses
from qmac.kernels.trades.replay import Market, ReplaySums, find_trades, replay
from qmac.kernels.trades.scores import Facts
from qmac.strategy.metrics import compute_metrics
from qmac.strategy.rules import Rules

if TYPE_CHECKING:
    pass
REPLAYED_BARS = 1 << 15
"""In one call of the kernel, a part of a millisecond: the best 100 rows spread over threads, and Ctrl-C is heard."""


@dataclass(frozen=True)
class TradeList:
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
class BacktestInputs:
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
        return build_facts(self.period, self.rules, periods_per_year(prices, self.rules))

    def metrics(self, facts: Facts, mapped: MapFunction = map) -> dict[str, np.ndarray]:
        """All of ``METRICS``, ``(N,)`` each."""
        rules, period = self.rules, self.period
        sums = ReplaySums(*(np.empty(self.buys.size) for _ in ReplaySums._fields))
        ignore = rules.conflict == "ignore"
        at_once = max(1, REPLAYED_BARS // period.close.size)

        def replay_from(begin: int) -> None:
            part = slice(begin, begin + at_once)
            buys, sells, own = (
                self.buys[part],
                self.sells[part],
                ReplaySums(*(column[part] for column in sums)),
            )
            replay(self.entries, self.exits, buys, sells, self.market, period.start, ignore, own)

        list(mapped(replay_from, range(0, self.buys.size, at_once)))
        return compute_metrics(sums, facts)

    def trades(self, row: int) -> TradeList:
        """Of one of them."""
        market, length = self.market, self.period.close.size
        entries, exits = (
            crosses.bars[crosses.starts[which] : crosses.starts[which + 1]]
            for crosses, which in ((self.entries, self.buys[row]), (self.exits, self.sells[row]))
        )
        opened, closed, stopped = find_trades(
            entries, exits, market.stops, length, self.rules.conflict == "ignore"
        )
        brought = np.where(stopped, market.stopped[opened], market.brought[closed])
        return TradeList(opened, closed, stopped, market.paid[opened], brought)


def build_inputs(
    prices: Prices,
    combinations: np.ndarray,
    rules: Rules,
    averages: Averages | None,
    mapped: MapFunction = map,
) -> BacktestInputs:
    windows, places = np.unique(combinations, return_inverse=True)
    places = places.reshape(combinations.shape)
    period = build_period(prices, rules, tuple(windows.tolist()))
    rows = compute_averages(prices, tuple(windows.tolist()), rules, averages, mapped)
    of_both_sides = np.concatenate(
        [fast * windows.size + slow for fast, slow in (places.T[:2], places.T[2:])]
    )
    pairs, ids = np.unique(of_both_sides, return_inverse=True)
    buy, sell = np.split(ids, 2)
    entries, exits = find_all_crosses(
        rows, *np.divmod(pairs, windows.size), period, fill_delay(rules)
    )
    return BacktestInputs(
        period,
        rules,
        _market_of(period, rules),
        entries,
        exits,
        buy,
        sell,
        dict(
            zip(
                windows.tolist(),
                rows[:, period.first : period.first + period.close.size],
                strict=True,
            )
        ),
    )


def build_hold_inputs(period: Period, rules: Rules) -> BacktestInputs:
    """One combination that enters at the first close that may trade, and never leaves."""
    period, length = replace(period, fill=period.close), period.close.size
    market = _market_of(period, rules)._replace(stops=np.full(length, length))
    entries, exits = (np.array(bars, code_dtype(length)) for bars in ([period.start], []))
    signals = Crosses(np.array([0, 1]), entries), Crosses(np.array([0, 0]), exits)
    none = np.zeros(1, np.int64)
    return BacktestInputs(period, rules, market, *signals, none, none, {})


def _market_of(period: Period, rules: Rules) -> Market:
    own, close = compute_forced_exits(period, rules), period.close
    return Market(
        close,
        np.append(0.0, close[1:] / close[:-1] - 1),
        period.fill * rules.buy_factor,
        np.append(period.fill * rules.sell_factor, close[-1]),
        own.bars,
        own.brought,
    )
