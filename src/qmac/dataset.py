"""One price series made ready for the kernels. The driver computes all of it once and ships it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qmac.config import Rules
from qmac.errors import GridError, PricesError
from qmac.grid import Grid
from qmac.kernels.averages import moving_averages
from qmac.kernels.crosses import TIE, TOGETHER, Crosses, find_crosses
from qmac.kernels.lists import MOST_PAIRS, Lists, Side, equal_lists, first_entries, lists_of, most_pairs
from qmac.kernels.measures import Facts
from qmac.kernels.tables import Stops, Values
from qmac.prices import Prices
from qmac.values import Period, code_dtype, facts_of, values_of

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Averages = np.ndarray | Mapping[int, Any] | pd.DataFrame
"""A user's own averages: ``(W, T)`` in the order of the grid's windows, or by window, ``(T,)`` each."""

ABOVE, BELOW = 0, 1
"""Directions of crosses."""
SORTED_ENTRIES = 4
"""First entries that order the rows, as far as they fit 64 bits beside the place of the row. Ordering by sixteen bytes saves a
thousandth of the steps (800, 2,000 and 5,031 bars)."""
BAR_TOLERANCE = 1e-3
"""How far, as a share, a close or open may lie outside its bar: vendors round the four apart."""
AVERAGED_BARS = 50_000
"""Of all windows that are averaged in one call of the kernel: a part of a millisecond."""
BUFFERED_BARS = 250_000
"""Room for crosses of each direction in one call of the kernel: half a MB to one, of which little is touched."""


@dataclass(frozen=True)
class Dataset:
    """Everything that a worker needs to sweep one series; arrays only, read only."""

    windows: tuple[int, ...]
    buys: Lists  # in the order in which they are walked
    sells: Lists
    bars: int
    values: Values
    stops: Stops | None
    facts: Facts

    @classmethod
    def build(
        cls,
        prices: Prices,
        grid: Grid,
        rules: Rules,
        statistics: Collection[str],
        averages: Averages | None = None,
        mapped: Map = map,
    ) -> Dataset:
        """A series ready for the ``statistics`` (fields of ``walk.State``) that are asked for.

        ``mapped`` may spread the pairs over threads.
        """
        period = trading_period(prices, rules, grid.windows)
        rows = averages_of(prices, grid.windows, rules, averages, mapped)
        values, stops = values_of(period, rules, statistics)
        facts = facts_of(period, rules, periods_per_year(prices, rules))
        return cls.of_averages(rows, period, grid, values, stops, facts, delay_of(rules), mapped)

    @classmethod
    def of_averages(
        cls,
        averages: np.ndarray,
        period: Period,
        grid: Grid,
        values: Values,
        stops: Stops | None,
        facts: Facts,
        delay: int = 0,
        mapped: Map = map,
        tie: float = TIE,
    ) -> Dataset:
        """The same from any averages ``(W, T)`` of the grid's windows and any values of the trades' ends."""
        buy = sell = grid.buys.positions(grid.windows)
        if (grid.sells.fast, grid.sells.slow) == (grid.buys.fast, grid.buys.slow):
            entries, exits = crosses_of(averages, *buy, period, delay, mapped, tie)
        else:
            sell = grid.sells.positions(grid.windows)
            (entries,) = crosses_of(averages, *buy, period, delay, mapped, tie, (ABOVE,))
            (exits,) = crosses_of(averages, *sell, period, delay, mapped, tie, (BELOW,))
        windows, bars = len(grid.windows), int(period.close.size)
        told_apart = (
            (entries, *buy, MOST_PAIRS, functools.partial(walking_order, bars=bars)),
            (exits, *sell, most_pairs(windows), None),
        )
        buys, sells = lists_of(list(mapped(lambda given: distinct(*given), told_apart)), windows, mapped)
        return cls(grid.windows, buys, sells, bars, values, stops, facts)


def delay_of(rules: Rules) -> int:
    """Bars from a signal to its fill."""
    return int(rules.fill == "next_open")


def periods_per_year(prices: Prices, rules: Rules) -> float:
    """``rules.periods_per_year``, or what the dates say."""
    return rules.periods_per_year or prices.periods_per_year


def trading_period(prices: Prices, rules: Rules, windows: tuple[int, ...]) -> Period:
    """Bars from ``rules.start`` to ``rules.end``. Kernels need one bar before the first that may trade."""
    stop = len(prices) if rules.end is None else bar_after(prices, str(rules.end))
    if stop <= windows[-1]:
        until = "" if rules.end is None else f" up to {rules.end}"
        raise PricesError(
            f"{prices.name} has {stop} bars{until}, but window {windows[-1]} needs at least {windows[-1] + 1}. "
            "Give more history, or smaller windows."
        )
    start = 0 if rules.start is None else first_bar(prices, str(rules.start))
    if start >= stop:
        raise PricesError(
            f"{prices.name} has no bar between start {rules.start} and end {rules.end}. Give a later end."
        )
    first = max(start - 1, 0)
    bars = slice(first, stop)
    close, opens = prices.close, prices.column("Open")
    if rules.fill == "next_open" and opens is None:
        raise PricesError(
            f'fill="next_open" fills at the next bar\'s open, but {prices.name} has no Open column. '
            'Give one, or use fill="close".'
        )
    highs, lows = prices.column("High"), prices.column("Low")
    if rules.has_stops or rules.fill == "next_open":
        _check_bars(prices, opens, highs, lows)
    opens = close if opens is None else opens
    return Period(
        first=first,
        start=start - first,
        close=close[bars],
        fill=(opens if rules.fill == "next_open" else close)[bars],
        opens=opens[bars],
        highs=(np.maximum(opens, close) if highs is None else highs)[bars],
        lows=(np.minimum(opens, close) if lows is None else lows)[bars],
    )


def _check_bars(prices: Prices, opens: Any, highs: Any, lows: Any) -> None:
    """Stops and opens need bars of one piece: low <= open, close <= high."""
    for name, values in (("Close", prices.close), ("Open", opens)):
        for bound, limits, sign in (("High", highs, 1), ("Low", lows, -1)):
            if values is None or limits is None:
                continue
            bad = np.flatnonzero(sign * (values - limits) > BAR_TOLERANCE * values)
            if bad.size:
                row = int(bad[0])
                raise PricesError(
                    f"{prices.name}: {name} is {values[row]:g} but {bound} is {limits[row]:g} in row {row + 1} "
                    f"({prices.index[row]}), {bad.size} rows in all. An adjusted close beside unadjusted prices? "
                    "Adjust all four alike, or leave Open, High and Low out."
                )


def first_bar(prices: Prices, start: str) -> int:
    """Number of the first bar that is not before ``start``."""
    bar = int(prices.index.searchsorted(prices.moment(start)))
    if bar >= len(prices):
        raise PricesError(f"start is {start}, but {prices.name} ends at {prices.index[-1]}. Give an earlier start.")
    return bar


def bar_after(prices: Prices, end: str) -> int:
    """Number of the first bar after ``end``; a date without a time means all of that day."""
    if len(end) <= len("2010-01-04"):
        following = pd.Timestamp(end) + pd.Timedelta(days=1)  # before a time zone makes days of 23 hours
        bar = int(prices.index.searchsorted(prices.moment(following.isoformat())))
    else:
        bar = int(prices.index.searchsorted(prices.moment(end), side="right"))
    if bar == 0:
        raise PricesError(f"end is {end}, but {prices.name} begins at {prices.index[0]}. Give a later end.")
    return bar


def averages_of(
    prices: Prices, windows: tuple[int, ...], rules: Rules, own: Averages | None = None, mapped: Map = map
) -> np.ndarray:
    """Averages ``(W, T)`` over the whole series: of the kind ``rules.average``, or the user's own."""
    if own is None:
        found, at_once = np.empty((len(windows), len(prices))), max(1, AVERAGED_BARS // len(prices))

        def average(begin: int) -> None:
            part = slice(begin, begin + at_once)
            found[part] = moving_averages(rules.average, prices.close, np.array(windows[part], np.int64))

        list(mapped(average, range(0, len(windows), at_once)))
        return found
    if isinstance(own, np.ndarray):
        rows = own
    elif not isinstance(own, Mapping | pd.DataFrame):
        raise GridError(f"averages are a {type(own).__name__}, but must be an array, a mapping or a frame by window.")
    else:
        if isinstance(own, pd.DataFrame) and not own.index.equals(prices.index):
            raise GridError("averages have other dates than the prices. Give them on the same index.")
        missing = [window for window in windows if window not in own]
        if missing:
            raise GridError(
                f"averages have no window {missing[0]}. Give one row of {len(prices)} bars for each window."
            )
        series = {window: np.asarray(own[window]) for window in windows}
        short = next((window for window in windows if series[window].shape != (len(prices),)), None)
        if short is not None:
            raise GridError(
                f"the averages of window {short} have the shape {series[short].shape}, not ({len(prices)},)."
            )
        rows = np.array(list(series.values()))
    if rows.shape != (len(windows), len(prices)):
        raise GridError(
            f"averages have the shape {rows.shape}, but {len(windows)} windows on {len(prices)} bars need "
            f"({len(windows)}, {len(prices)}): one row a window, in the order of grid.windows."
        )
    try:
        rows = np.ascontiguousarray(rows, np.float64)
    except (TypeError, ValueError):
        raise GridError("averages hold something that is not a number. Give floats, NaN where undefined.") from None
    if np.isinf(rows).any():
        raise GridError("averages hold an infinite value. Give NaN where they are undefined.")
    return rows


def crosses_of(
    averages: np.ndarray,
    fast: np.ndarray,
    slow: np.ndarray,
    period: Period,
    delay: int = 0,
    mapped: Map = map,
    tie: float = TIE,
    directions: Sequence[int] = (ABOVE, BELOW),
) -> list[Crosses]:
    """Bars ``delay`` after those where each ``averages[fast]`` crosses above its ``averages[slow]``, and where below it, or
    one of both."""
    before = max(period.first + period.start - 1, 0)  # a cross looks one bar back
    averages = np.ascontiguousarray(averages[:, before : period.first + period.close.size])
    length = averages.shape[1]
    if length < TOGETHER:
        averages = np.pad(averages, ((0, 0), (0, TOGETHER - length)), constant_values=np.nan)
    most = length // 2 + 1  # a pair cannot cross above on two bars in a row
    at_once = max(1, BUFFERED_BARS // most)

    def find(begin: int) -> list[tuple[np.ndarray, np.ndarray]]:
        chunk = slice(begin, begin + at_once)
        highs, lows = fast[chunk].astype(np.int32), slow[chunk].astype(np.int32)
        sizes = np.empty((2, highs.size), np.int64)
        bars = np.empty((2, highs.size * most), code_dtype(period.close.size))
        found = find_crosses(
            (0,) * TOGETHER, averages, highs, lows, length, period.first - before, delay, tie,
            sizes[ABOVE], sizes[BELOW], bars[ABOVE], bars[BELOW],
        )  # fmt: skip
        return [(sizes[side], bars[side, : found[side]].copy()) for side in directions]

    chunks = list(mapped(find, range(0, fast.size, at_once)))

    def join(k: int) -> Crosses:
        sizes, bars = map(np.concatenate, zip(*(chunk[k] for chunk in chunks), strict=True))
        return Crosses(np.concatenate(([0], np.cumsum(sizes))), bars)

    return list(mapped(join, range(len(directions))))


def distinct(
    crosses: Crosses,
    fast: np.ndarray,
    slow: np.ndarray,
    most: int,
    order_of: Callable[[Crosses, np.ndarray], np.ndarray] | None = None,
) -> Side:
    """The lists of the pairs (fast, slow), each once; in the order of their first pairs, or in that of ``order_of``."""
    ids, heads = equal_lists(crosses, most)
    if order_of is not None:
        order = order_of(crosses, heads)
        ranks = np.empty_like(order)
        ranks[order] = np.arange(order.size, dtype=order.dtype)
        ids, heads = ranks[ids], heads[order]
    return Side(crosses, heads, ids, fast, slow)


def walking_order(entries: Crosses, lists: np.ndarray, bars: int) -> np.ndarray:
    """Places ``(N,)`` int32 of the ``lists (N,)`` sorted by their entries, bars below ``bars``, so that neighbours share a
    prefix.

    Sorted are keys that hold the place: 0.1 to 0.2 ms for 30,000 lists, where sorting places by keys took 0.7 to 1.2.
    """
    place_bits, bar_bits = int(lists.size).bit_length(), bars.bit_length()
    keys = first_entries(entries, lists, bar_bits, min(64 - place_bits, SORTED_ENTRIES * bar_bits))
    keys <<= np.uint64(place_bits)
    keys |= np.arange(lists.size, dtype=np.uint64)
    keys.sort()
    order: np.ndarray = (keys & np.uint64((1 << place_bits) - 1)).astype(np.int32)
    return order
