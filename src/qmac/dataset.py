"""One price series made ready for the kernels. The driver computes all of it once and ships it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac.config import Rules
from qmac.errors import PricesError
from qmac.grid import Grid
from qmac.kernels.averages import sma
from qmac.kernels.crosses import TIE, Crosses, find_crosses, shared_prefixes
from qmac.kernels.sweep import Pairs, Rows
from qmac.kernels.tables import Values
from qmac.prices import Prices

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

DEEPEST = 63
"""States that a walk keeps to go back to; longer shared prefixes are walked again."""
SORTED_ENTRIES = 16
"""Entries that order the rows. At 2,000 bars ordering by all of them shares 1 % more steps."""
BUFFERED_BARS = 500_000
"""Room for crosses in one call of the kernel: 1 to 2 MB, a few milliseconds of work."""


@dataclass(frozen=True)
class Window:
    """The trading period of a series: bars from ``first`` on. Bar numbers below count from here."""

    first: int
    close: np.ndarray  # (T,) float64
    start: int  # first bar that may trade: 0, or 1 where a bar of warm-up leads


@dataclass(frozen=True)
class Dataset:
    """Everything that a worker needs to sweep one series; arrays only, read only."""

    windows: tuple[int, ...]
    rows: Rows  # buy pairs and their entries
    sells: Pairs
    exits: Crosses
    values: Values
    bound: float  # no score is further from 0

    @property
    def bars(self) -> int:
        return int(self.values.buy.size)

    @classmethod
    def build(cls, prices: Prices, grid: Grid, rules: Rules, mapped: Map = map) -> Dataset:
        """Averages, crosses and log prices of a series. ``mapped`` may spread the pairs over threads."""
        period = trading_period(prices, rules, grid.windows)
        averages = averages_of(prices, grid.windows, rules)
        values = log_values(period.close, rules)
        return cls.of_averages(averages, period, grid, values, score_bound(values), mapped)

    @classmethod
    def of_averages(
        cls,
        averages: np.ndarray,
        period: Window,
        grid: Grid,
        values: Values,
        bound: float,
        mapped: Map = map,
        tie: float = TIE,
    ) -> Dataset:
        """The same from any averages ``(W, T)`` of the grid's windows and any values of the trades' ends."""
        buys = Pairs(*grid.buys.positions(grid.windows))
        sells = Pairs(*grid.sells.positions(grid.windows))
        entries = crosses_of(averages, buys.fast, buys.slow, period, mapped, tie)
        exits = crosses_of(averages, sells.slow, sells.fast, period, mapped, tie)
        order = walking_order(entries)
        rows = Rows(order, shared_prefixes(order, entries, DEEPEST), entries, buys)
        return cls(grid.windows, rows, sells, exits, values, bound)


def trading_period(prices: Prices, rules: Rules, windows: tuple[int, ...]) -> Window:
    """Bars from ``rules.start`` on. Kernels need one bar before the first that may trade."""
    if len(prices) <= windows[-1]:
        raise PricesError(
            f"{prices.name} has {len(prices)} bars, but window {windows[-1]} needs at least {windows[-1] + 1}. "
            "Give more history, or smaller windows."
        )
    start = 0
    if rules.start is not None:
        start = first_bar(prices, str(rules.start))
    first = max(start - 1, 0)
    return Window(first, prices.close[first:], start - first)


def first_bar(prices: Prices, start: str) -> int:
    """Number of the first bar that is not before ``start``."""
    bar = int(prices.index.searchsorted(prices.moment(start)))
    if bar >= len(prices):
        raise PricesError(f"start is {start}, but {prices.name} ends at {prices.index[-1]}. Give an earlier start.")
    return bar


def averages_of(prices: Prices, windows: tuple[int, ...], rules: Rules) -> np.ndarray:
    """Averages of the kind ``rules.average``, ``(W, T)``, over the whole series."""
    kinds = {"sma": sma}
    return kinds[rules.average](prices.close, np.array(windows, np.int64))


def crosses_of(
    averages: np.ndarray, over: np.ndarray, under: np.ndarray, period: Window, mapped: Map = map, tie: float = TIE
) -> Crosses:
    """Where each ``averages[over]`` crosses above its ``averages[under]``, at bars that may trade."""
    from_bar = period.first + period.start
    sizes = np.zeros(over.size, np.int64)
    most = averages.shape[1] // 2 + 1  # a pair cannot cross above on two bars in a row
    at_once = max(1, BUFFERED_BARS // most)

    def find(begin: int) -> np.ndarray:
        chunk = slice(begin, begin + at_once)
        bars = np.empty(over[chunk].size * most, code_dtype(period.close.size))
        found = find_crosses(averages, over[chunk], under[chunk], from_bar, period.first, tie, sizes[chunk], bars)
        return bars[:found].copy()

    bars = np.concatenate(list(mapped(find, range(0, over.size, at_once))))
    return Crosses(np.concatenate(([0], np.cumsum(sizes))), bars)


def code_dtype(bars: int) -> type[np.unsignedinteger[Any]]:
    """The smallest type for the codes ``2 * bar + 1`` of the exit tables."""
    return np.uint16 if 2 * bars + 1 < 2**16 else np.uint32


def walking_order(entries: Crosses) -> np.ndarray:
    """Rows sorted by their entry lists, ``(P,)`` int32, so that neighbours share a prefix."""
    sizes = np.diff(entries.starts)
    keys = np.zeros((sizes.size, SORTED_ENTRIES), entries.bars.dtype.newbyteorder(">"))
    for k in range(SORTED_ENTRIES):
        longer = np.flatnonzero(sizes > k)
        keys[longer, k] = entries.bars[entries.starts[longer] + k]
    as_text = keys.view(f"S{keys.itemsize * SORTED_ENTRIES}").ravel()  # big-endian: byte order is number order
    return np.argsort(as_text, kind="stable").astype(np.int32)


def log_values(close: np.ndarray, rules: Rules) -> Values:
    """Logarithms of what trades pay and bring.

    Through long doubles: a library's float64 log differs in the last bit between CPUs, a rounded
    80-bit or 128-bit one does not, but for about one price in 2,000 times its error.
    """
    price = np.log(close.astype(np.longdouble)).astype(np.float64)
    return Values(price + math.log(rules.buy_factor), price + math.log(rules.sell_factor), float(price[-1]), False)


def score_bound(values: Values) -> float:
    """No sum of log gains is further from 0: all moves one way, and the cost of a trade every other bar."""
    moves = float(np.abs(np.diff(values.sell)).sum())
    round_trip = float(values.buy[0] - values.sell[0])
    return moves + (values.buy.size // 2 + 1) * round_trip + 1e-6
