"""One price series, prepared for the kernels; the driver computes it once and ships it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qmac.engine.dataset.period import Period
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import ABOVE, BELOW, MapFunction, PairPlaces, find_all_crosses
from qmac.engine.dataset.trade_values import build_trade_values
from qmac.kernels.signals.crosses import TIE, Crosses
from qmac.kernels.signals.event_lists import (
    MOST_PAIRS,
    Holders,
    Lists,
    Pairs,
    Side,
    Slices,
    build_lists,
    find_equal_lists,
    limit_pairs,
    pack_first_entries,
)
from qmac.kernels.trades.exit_tables import Stops, TradeValues
from qmac.kernels.trades.scores import Facts
from qmac.strategy.grid import Grid

SORTED_ENTRIES = 4
"""First entries that order the rows, as far as they fit 64 bits beside the place of the row.
Ordering by sixteen bytes saves a thousandth of the steps (800, 2,000 and 5,031 bars)."""


class EventLists(NamedTuple):
    """What the pairs of a grid do on a series, each distinct list once."""

    buys: Lists
    """Lists of entries, in the order in which they are walked."""
    sells: Lists
    """Lists of exits."""

    @classmethod
    def blank(cls) -> EventLists:
        """Return lists of no pair, of the types of those of a series of 16-bit codes.

        No kernel is needed for them, so they tell for which types kernels are to be compiled.

        Returns
        -------
        EventLists
            With no bar, no pair and no slice.
        """
        starts, prefixes = np.zeros(1, np.int64), np.zeros(1, np.int32)
        short, long = np.empty(0, np.int32), np.empty(0, np.int64)
        slices, holders = Slices(starts, short, starts, short), Holders(starts, long, short)
        crosses, pairs = Crosses(starts, np.empty(0, np.uint16)), Pairs(starts, short, short, short)
        lists = Lists(crosses, prefixes, pairs, slices, slices, holders, holders)
        return cls(lists, lists)


class TradeData(NamedTuple):
    """What the trades of a series are scored with."""

    values: TradeValues
    stops: Stops | None
    facts: Facts


@dataclass(frozen=True)
class Dataset:
    """Everything that a worker needs to sweep one series: read-only arrays."""

    windows: tuple[int, ...]
    buys: Lists
    """Lists of entries, in the order in which they are walked."""
    sells: Lists
    """Lists of exits."""
    bars: int
    """Bars of the trading period, the one before it included."""
    trade_values: TradeValues
    stops: Stops | None
    facts: Facts

    @classmethod
    def build(
        cls,
        series: PreparedSeries,
        grid: Grid,
        statistics: Collection[str],
        mapped: MapFunction = map,
        lists: EventLists | None = None,
    ) -> Dataset:
        """Return a series ready for some statistics of the trades of a grid.

        Parameters
        ----------
        series : PreparedSeries
            Prepared for the windows of the grid.
        grid : Grid
            Windows of entries and exits.
        statistics : collection of str
            Fields of ``walk.WalkState``.
        mapped : callable, optional
            Like ``map``; may spread the pairs over threads.
        lists : EventLists, optional
            Those of the series and the grid, if they are known.

        Returns
        -------
        Dataset
            The same bits whatever ``mapped`` is.
        """
        values, stops = build_trade_values(series.period, series.rules, statistics)
        trades = TradeData(values, stops, series.facts)
        if lists is not None:
            return cls.from_lists(lists, grid, int(series.period.close.size), trades)
        averages = series.compute_averages(grid.windows, mapped)
        return cls.from_averages(averages, grid, series.period, trades, mapped)

    def update(self, digest: Any) -> None:
        """Add all that the kernels read to a checksum.

        Parameters
        ----------
        digest : hash
            What ``hashlib.sha256`` returns.
        """
        _update_digest(digest, (self.buys, self.sells))
        _update_digest(digest, (self.trade_values, self.stops, self.facts))

    @classmethod
    def from_averages(
        cls,
        averages: np.ndarray,
        grid: Grid,
        period: Period,
        trades: TradeData,
        mapped: MapFunction = map,
        tie: float = TIE,
    ) -> Dataset:
        """Return a dataset of any averages and any values of the ends of trades.

        Parameters
        ----------
        averages : ndarray
            ``(W, T)`` over the whole series, in the order of ``grid.windows``.
        grid : Grid
            Windows of entries and exits.
        period : Period
            The bars that may trade.
        trades : TradeData
            What trades are scored with.
        mapped : callable, optional
            Like ``map``; may spread the pairs over threads.
        tie : float, optional
            Share of the averages within which two of them are equal.

        Returns
        -------
        Dataset
            With each distinct list of entries and of exits once.
        """
        bars = int(period.close.size)
        crosses = find_grid_crosses(averages, grid, period, mapped, tie)
        lists = build_event_lists(crosses, grid, bars, mapped)
        return cls.from_lists(lists, grid, bars, trades)

    @classmethod
    def from_lists(cls, lists: EventLists, grid: Grid, bars: int, trades: TradeData) -> Dataset:
        """Return a dataset of lists that are known.

        Parameters
        ----------
        lists : EventLists
            What ``build_event_lists`` returned.
        grid : Grid
            Windows of entries and exits.
        bars : int
            Bars of the trading period, the one before it included.
        trades : TradeData
            What trades are scored with.

        Returns
        -------
        Dataset
            Nothing is copied.
        """
        buys, sells = lists
        return cls(grid.windows, buys, sells, bars, *trades)


def find_grid_crosses(
    averages: np.ndarray, grid: Grid, period: Period, mapped: MapFunction = map, tie: float = TIE
) -> list[Crosses]:
    """Return where the pairs of a grid cross.

    Parameters
    ----------
    averages : ndarray
        ``(W, T)`` over the whole series, in the order of ``grid.windows``.
    grid : Grid
        Windows of entries and exits.
    period : Period
        The bars that may trade.
    mapped : callable, optional
        Like ``map``; may spread the pairs over threads.
    tie : float, optional
        Share of the averages within which two of them are equal.

    Returns
    -------
    list of Crosses
        Above, of each pair of entries; below, of each pair of exits.
    """
    buy_pairs, sell_pairs = _place_pairs(grid)
    find = functools.partial(find_all_crosses, averages, mapped=mapped, tie=tie)
    if (grid.sells.fast, grid.sells.slow) == (grid.buys.fast, grid.buys.slow):
        return find(buy_pairs, period)
    entries = find(buy_pairs, period, directions=(ABOVE,))
    exits = find(sell_pairs, period, directions=(BELOW,))
    return [*entries, *exits]


def build_event_lists(
    crosses: Sequence[Crosses], grid: Grid, bars: int, mapped: MapFunction = map
) -> EventLists:
    """Return the lists that the crosses of a grid come to.

    Parameters
    ----------
    crosses : sequence of Crosses
        What ``find_grid_crosses`` returned.
    grid : Grid
        Windows of entries and exits.
    bars : int
        Every cross is below it.
    mapped : callable, optional
        Like ``map``; may spread the lists over threads.

    Returns
    -------
    EventLists
        Each distinct list once.
    """
    (entries, exits), windows = crosses, len(grid.windows)
    buy_pairs, sell_pairs = _place_pairs(grid)
    walked = functools.partial(walking_order, bars=bars)
    sides = (
        functools.partial(build_side, entries, buy_pairs, MOST_PAIRS, walked),
        functools.partial(build_side, exits, sell_pairs, limit_pairs(windows)),
    )
    buys, sells = build_lists(list(mapped(lambda build: build(), sides)), windows, mapped)
    return EventLists(buys, sells)


@functools.lru_cache(maxsize=1)
def _place_pairs(grid: Grid) -> tuple[PairPlaces, PairPlaces]:
    """Return the places of the averages of all pairs, of entries and of exits.

    Thousands of series may be swept with one grid, and each would take 0.2 ms for it.
    """
    return grid.buys.positions(grid.windows), grid.sells.positions(grid.windows)


def build_side(
    crosses: Crosses,
    pairs: PairPlaces,
    most: int,
    order_of: Callable[[Crosses, np.ndarray], np.ndarray] | None = None,
) -> Side:
    """Return the lists of events of some pairs, equal lists once.

    Parameters
    ----------
    crosses : Crosses
        A list for each pair.
    pairs : tuple of ndarray
        Places of the fast and of the slow average of each pair, ``(P,)`` each.
    most : int
        Pairs that may share a list.
    order_of : callable, optional
        Orders the lists; without it they are in the order of their first pairs.

    Returns
    -------
    Side
        The lists, and the list of each pair.
    """
    ids, heads = find_equal_lists(crosses, most)
    if order_of is not None:
        order = order_of(crosses, heads)
        ranks = np.empty_like(order)
        ranks[order] = np.arange(order.size, dtype=order.dtype)
        ids = ranks[ids]
        heads = heads[order]
    return Side(crosses, heads, ids, *pairs)


def walking_order(entries: Crosses, lists: np.ndarray, bars: int) -> np.ndarray:
    """Return the order of lists by their entries, so that adjacent ones share a prefix.

    Sorted are keys that hold the place: 0.1 to 0.2 ms for 30,000 lists, where sorting places by
    keys took 0.7 to 1.2.

    Parameters
    ----------
    entries : Crosses
        The entries of all lists.
    lists : ndarray
        Numbers of the lists to order, ``(N,)``.
    bars : int
        Every entry is below it.

    Returns
    -------
    ndarray
        Places in ``lists``, ``(N,)`` int32.
    """
    place_bits, bar_bits = int(lists.size).bit_length(), bars.bit_length()
    key_bits = min(64 - place_bits, SORTED_ENTRIES * bar_bits)
    keys = pack_first_entries(entries, lists, bar_bits, key_bits)
    keys <<= np.uint64(place_bits)
    keys |= np.arange(lists.size, dtype=np.uint64)
    keys.sort()
    places = keys & np.uint64((1 << place_bits) - 1)
    order: np.ndarray = places.astype(np.int32)
    return order


def _update_digest(digest: Any, value: Any) -> None:
    """Add arrays, numbers and tuples of them to a digest."""
    if isinstance(value, tuple):
        for inner in value:
            _update_digest(digest, inner)
    elif isinstance(value, np.ndarray):
        digest.update(np.ascontiguousarray(value).tobytes())
    elif value is not None:
        digest.update(repr(value).encode())
