"""Moving averages of a series and the bars where pairs of them cross."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qmac._checks import describe
from qmac.data.prices import Prices
from qmac.engine.dataset.period import Period, code_dtype
from qmac.errors import GridError
from qmac.kernels.signals.averages import moving_averages
from qmac.kernels.signals.crosses import TIE, TOGETHER, Crosses, find_crosses

MapFunction = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Averages = np.ndarray | Mapping[int, Any] | pd.DataFrame
"""Averages of the user's own: ``(W, T)`` in the order of the grid's windows, or by window,
``(T,)`` each."""
PairPlaces = tuple[np.ndarray, np.ndarray]
"""Places of the fast and of the slow average of each pair, ``(P,)`` each."""
ABOVE, BELOW = 0, 1
"""Directions of crosses."""
AVERAGED_BARS = 50_000
"""Bars of all windows that are averaged in one call of the kernel: a part of a millisecond. Where
one thread makes all calls it is one: each holds the interpreter, and resamples on other threads
wait."""
BUFFERED_BARS, BUFFERED_BARS_ALONE = 250_000, 16_000_000
"""Room for crosses of each direction in one call of the kernel: half a MB to one, of which little
is touched; and where one thread makes all calls."""


def compute_averages(
    prices: Prices, windows: tuple[int, ...], kind: str, mapped: MapFunction = map
) -> np.ndarray:
    """Return the moving averages of the closes over the whole series.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    windows : tuple of int
        Window lengths in bars.
    kind : str
        Such as ``"sma"``, see ``Rules.average``.
    mapped : callable, optional
        Like ``map``; may spread the windows over threads.

    Returns
    -------
    ndarray
        ``(W, T)`` float64, NaN where undefined.
    """
    if mapped is map:
        return moving_averages(kind, prices.close, np.array(windows, np.int64))
    averages = np.empty((len(windows), len(prices)))
    at_once = max(1, AVERAGED_BARS // len(prices))

    def average(begin: int) -> None:
        part = slice(begin, begin + at_once)
        lengths = np.array(windows[part], np.int64)
        averages[part] = moving_averages(kind, prices.close, lengths)

    list(mapped(average, range(0, len(windows), at_once)))
    return averages


def check_averages(averages: Averages, windows: tuple[int, ...], prices: Prices) -> np.ndarray:
    """Return averages of the user's own as one array of floats.

    Parameters
    ----------
    averages : ndarray, mapping or DataFrame
        ``(W, T)`` in the order of ``windows``, or ``(T,)`` for each window.
    windows : tuple of int
        Window lengths in bars.
    prices : Prices
        The bars that they belong to.

    Returns
    -------
    ndarray
        ``(W, T)`` float64 in the order of ``windows``; the array itself where it fits.

    Raises
    ------
    GridError
        If a window is missing, or shapes, dates or values are invalid.
    """
    if isinstance(averages, np.ndarray):
        rows = averages
    elif isinstance(averages, Mapping | pd.DataFrame):
        rows = _stack_averages(averages, windows, prices)
    else:
        raise GridError(
            f"averages must be an array, a mapping or a frame by window, got "
            f"{type(averages).__name__}."
        )
    expected = (len(windows), len(prices))
    if rows.shape != expected:
        raise GridError(
            f"averages have the shape {rows.shape}, but {len(windows)} windows on {len(prices)} "
            f"bars need {expected}: one row a window, in the order of grid.windows."
        )
    try:
        if rows.dtype.kind not in "iufO":  # a text may read as a number, and a time is one inside
            raise TypeError
        rows = np.ascontiguousarray(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise GridError(
            "averages hold something that is not a number. Use floats, NaN where undefined."
        ) from None
    if np.isinf(rows).any():
        raise GridError("averages hold an infinite value. Use NaN where they are undefined.")
    return rows


def _stack_averages(
    averages: Mapping[int, Any] | pd.DataFrame, windows: tuple[int, ...], prices: Prices
) -> np.ndarray:
    """Return averages by window as one array, in the order of ``windows``."""
    if isinstance(averages, pd.DataFrame) and not averages.index.equals(prices.index):
        raise GridError("averages have other dates than the prices. Put them on the same index.")
    rows = []
    for window in windows:
        if window not in averages:
            raise GridError(
                f"averages have no window {window}. Add one row of {len(prices)} bars for each "
                "window."
            )
        row = _select_row(averages[window], window, prices)
        if row.shape != (len(prices),):
            raise GridError(
                f"the averages of window {window} have the shape {row.shape}, not ({len(prices)},)."
            )
        rows.append(row)
    return np.array(rows)


def _select_row(values: Any, window: int, prices: Prices) -> np.ndarray:
    """Return the averages of one window; those with dates have the dates of the prices."""
    is_dated = isinstance(values, pd.Series) and isinstance(values.index, pd.DatetimeIndex)
    if is_dated and not values.index.equals(prices.index):
        raise GridError(
            f"the averages of window {window} have other dates than the prices. Put them on the "
            "same index."
        )
    try:
        row = np.asarray(values)
    except ValueError:  # lists of different lengths
        row = np.empty(())
    if row.ndim == 0:
        raise GridError(
            f"the averages of window {window} must be a row of numbers, got {describe(values)}."
        )
    return row


def find_all_crosses(
    averages: np.ndarray,
    pairs: PairPlaces,
    period: Period,
    *,
    mapped: MapFunction = map,
    tie: float = TIE,
    directions: Sequence[int] = (ABOVE, BELOW),
) -> list[Crosses]:
    """Return the bars, ``period.delay`` later, where each fast average crosses its slow one.

    Parameters
    ----------
    averages : ndarray
        ``(W, T)`` over the whole series.
    pairs : tuple of ndarray
        Rows of the fast and of the slow averages, ``(P,)`` each.
    period : Period
        The bars that may trade; bars of crosses count from its first.
    mapped : callable, optional
        Like ``map``; may spread the pairs over threads.
    tie : float, optional
        Share of the averages within which two of them are equal.
    directions : sequence of int, optional
        ``ABOVE``, ``BELOW`` or both.

    Returns
    -------
    list of Crosses
        One for each direction, of ``P`` lists each.
    """
    before = max(period.first + period.start - 1, 0)  # a cross looks one bar back
    averages = np.ascontiguousarray(averages[:, before : period.first + period.close.size])
    length = averages.shape[1]
    if length < TOGETHER:
        padding = (0, TOGETHER - length)
        averages = np.pad(averages, ((0, 0), padding), constant_values=np.nan)
    code = code_dtype(period.close.size)
    offset = period.first - before
    most = length // 2 + 1  # a pair cannot cross above on two bars in a row
    at_once = max(1, (BUFFERED_BARS_ALONE if mapped is map else BUFFERED_BARS) // most)
    fast, slow = pairs

    def find(begin: int) -> list[tuple[np.ndarray, np.ndarray]]:
        part = slice(begin, begin + at_once)
        highs = fast[part].astype(np.int32, copy=False)
        lows = slow[part].astype(np.int32, copy=False)
        sizes = np.empty((2, highs.size), np.int64)
        bars = np.empty((2, highs.size * most), code)
        ends = find_crosses(
            (0,) * TOGETHER,
            averages,
            highs,
            lows,
            length,
            offset,
            period.delay,
            tie,
            sizes[ABOVE],
            sizes[BELOW],
            bars[ABOVE],
            bars[BELOW],
        )
        return [(sizes[side], bars[side, : ends[side]].copy()) for side in directions]

    parts = list(mapped(find, range(0, fast.size, at_once)))

    def join(direction: int) -> Crosses:
        columns = zip(*(part[direction] for part in parts), strict=True)
        sizes, bars = (_join_arrays(column) for column in columns)
        starts = np.zeros(sizes.size + 1, np.int64)
        np.cumsum(sizes, out=starts[1:])
        return Crosses(starts, bars)

    return list(mapped(join, range(len(directions))))


def _join_arrays(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays one after the other; one alone is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
