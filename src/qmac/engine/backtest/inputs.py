"""Signals and fills of single combinations, as the replay takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qmac.engine.dataset.period import Period, code_dtype
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import MapFunction, find_all_crosses
from qmac.engine.dataset.trade_values import compute_forced_exits
from qmac.kernels.signals.crosses import Crosses
from qmac.kernels.trades.replay import Market, ReplaySums, find_trades, replay
from qmac.strategy.metrics import compute_metrics
from qmac.strategy.rules import Rules

REPLAYED_BARS = 1 << 15
"""In one call of the kernel, a part of a millisecond: the best 100 rows spread over threads, and
Ctrl-C is heard."""


@dataclass(frozen=True)
class TradeList:
    """The trades of one combination, ``(N,)`` each; bars count as in the period."""

    opened: np.ndarray
    """Bar of the entry."""
    closed: np.ndarray
    """Bar of the exit; T where a position is open at the end."""
    stopped: np.ndarray
    """Whether a stop or the holding time ended it."""
    paid: np.ndarray
    """Cash that one unit cost."""
    brought: np.ndarray
    """Cash that it brought; the last close for an open position."""

    @property
    def returns(self) -> np.ndarray:
        """Profit of each trade as a share of its cost."""
        returns: np.ndarray = (self.brought - self.paid) / self.paid
        return returns

    def measure_states(self, length: int) -> np.ndarray:
        """Return how long the account is flat and in a position in turn.

        Parameters
        ----------
        length : int
            T, bars of the period.

        Returns
        -------
        ndarray
            ``(2 * N + 1,)`` bars, which add up to T.
        """
        changes = np.column_stack((self.opened, self.closed)).ravel()
        return np.diff(changes, prepend=0, append=length)

    def find_held(self, length: int) -> np.ndarray:
        """Return whether each bar ends in a position.

        Parameters
        ----------
        length : int
            T, bars of the period.

        Returns
        -------
        ndarray
            ``(T,)`` bool.
        """
        lengths = self.measure_states(length)
        return np.repeat(np.arange(lengths.size) % 2 == 1, lengths)


@dataclass(frozen=True)
class BacktestInputs:
    """N combinations on one market."""

    series: PreparedSeries
    market: Market
    entries: Crosses
    """Distinct lists of entries."""
    exits: Crosses
    """Distinct lists of exits."""
    buys: np.ndarray
    """Number of each combination's list of entries, ``(N,)``."""
    sells: np.ndarray
    """Number of each combination's list of exits, ``(N,)``."""
    averages: dict[int, np.ndarray]
    """Averages by window, ``(T,)`` each."""

    def compute_metrics(self, mapped: MapFunction = map) -> dict[str, np.ndarray]:
        """Return every metric of the combinations.

        Parameters
        ----------
        mapped : callable, optional
            Like ``map``; may spread the combinations over threads.

        Returns
        -------
        dict of str to ndarray
            All of ``METRICS``, ``(N,)`` each.
        """
        rules, period = self.series.rules, self.series.period
        sums = ReplaySums(*(np.empty(self.buys.size) for _ in ReplaySums._fields))
        ignore = rules.conflict == "ignore"
        at_once = max(1, REPLAYED_BARS // period.close.size)

        def replay_from(begin: int) -> None:
            part = slice(begin, begin + at_once)
            buys, sells = self.buys[part], self.sells[part]
            filled = ReplaySums(*(column[part] for column in sums))
            replay(self.entries, self.exits, buys, sells, self.market, period.start, ignore, filled)

        list(mapped(replay_from, range(0, self.buys.size, at_once)))
        return compute_metrics(sums, self.series.facts)

    def list_trades(self, row: int) -> TradeList:
        """Return the trades of one combination.

        Parameters
        ----------
        row : int
            Its number.

        Returns
        -------
        TradeList
            In the order of time.
        """
        market = self.market
        opened, closed, stopped = find_trades(
            _select_list(self.entries, self.buys[row]),
            _select_list(self.exits, self.sells[row]),
            market.stops,
            self.series.period.close.size,
            self.series.rules.conflict == "ignore",
        )
        brought = np.where(stopped, market.stopped[opened], market.brought[closed])
        return TradeList(opened, closed, stopped, market.paid[opened], brought)


def build_inputs(
    series: PreparedSeries, combinations: np.ndarray, mapped: MapFunction = map
) -> BacktestInputs:
    """Return the signals and fills of some combinations.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the combinations, and maybe for others.
    combinations : ndarray
        Checked windows, ``(N, 4)`` int64.
    mapped : callable, optional
        Like ``map``; may spread the averages over threads.

    Returns
    -------
    BacktestInputs
        With each pair of windows once.
    """
    windows, places = np.unique(combinations, return_inverse=True)
    places = places.reshape(combinations.shape)
    lengths = tuple(windows.tolist())
    averages = series.compute_averages(lengths, mapped)
    numbers = places[:, [0, 2]] * windows.size + places[:, [1, 3]]  # of both pairs
    pairs, ids = np.unique(numbers.T, return_inverse=True)
    buys, sells = ids.reshape(2, -1)
    period = series.period
    fast, slow = np.divmod(pairs, windows.size)
    entries, exits = find_all_crosses(averages, (fast, slow), period)
    shown = averages[:, period.first : period.first + period.close.size]
    return BacktestInputs(
        series=series,
        market=_build_market(period, series.rules),
        entries=entries,
        exits=exits,
        buys=buys,
        sells=sells,
        averages=dict(zip(lengths, shown, strict=True)),
    )


def build_hold_inputs(series: PreparedSeries) -> BacktestInputs:
    """Return a combination that enters at the first close that may trade, and never exits.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for any windows.

    Returns
    -------
    BacktestInputs
        One combination, without stops.
    """
    period = replace(series.period, fill=series.period.close)
    length = period.close.size
    never = np.full(length, length)
    market = _build_market(period, series.rules)._replace(stops=never)
    code = code_dtype(length)
    only = np.zeros(1, np.int64)
    return BacktestInputs(
        series=series,
        market=market,
        entries=Crosses(np.array([0, 1]), np.array([period.start], code)),
        exits=Crosses(np.array([0, 0]), np.array([], code)),
        buys=only,
        sells=only,
        averages={},
    )


def _build_market(period: Period, rules: Rules) -> Market:
    exits = compute_forced_exits(period, rules)
    close = period.close
    proceeds = period.fill * rules.sell_factor
    return Market(
        close=close,
        moves=np.append(0.0, close[1:] / close[:-1] - 1),
        paid=period.fill * rules.buy_factor,
        brought=np.append(proceeds, close[-1]),
        stops=exits.bars,
        stopped=exits.brought,
    )


def _select_list(crosses: Crosses, number: int) -> np.ndarray:
    begin, end = crosses.starts[number : number + 2]
    return crosses.bars[begin:end]
