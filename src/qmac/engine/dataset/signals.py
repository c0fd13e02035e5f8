"""Moving averages of a series and the bars where pairs of them cross."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.dataset.period import Period, code_dtype
from qmac.errors import GridError
from qmac.kernels.signals.averages import moving_averages
from qmac.kernels.signals.crosses import TIE, TOGETHER, Crosses, find_crosses
from qmac.strategy.rules import Rules

MapFunction = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Averages = np.ndarray | Mapping[int, Any] | pd.DataFrame
"""A user's own averages: ``(W, T)`` in the order of the grid's windows, or by window, ``(T,)`` each."""
ABOVE, BELOW = 0, 1
"""Directions of crosses."""
AVERAGED_BARS = 50_000
"""Of all windows that are averaged in one call of the kernel: a part of a millisecond."""
BUFFERED_BARS = 250_000
"""Room for crosses of each direction in one call of the kernel: half a MB to one, of which little is touched."""


def compute_averages(
    prices: Prices,
    windows: tuple[int, ...],
    rules: Rules,
    own: Averages | None = None,
    mapped: MapFunction = map,
) -> np.ndarray:
    """Averages ``(W, T)`` over the whole series: of the kind ``rules.average``, or the user's own."""
    if own is None:
        found, at_once = np.empty((len(windows), len(prices))), max(1, AVERAGED_BARS // len(prices))

        def average(begin: int) -> None:
            part = slice(begin, begin + at_once)
            found[part] = moving_averages(
                rules.average, prices.close, np.array(windows[part], np.int64)
            )

        list(mapped(average, range(0, len(windows), at_once)))
        return found
    if isinstance(own, np.ndarray):
        rows = own
    elif not isinstance(own, Mapping | pd.DataFrame):
        raise GridError(
            f"averages are a {type(own).__name__}, but must be an array, a mapping or a frame by window."
        )
    else:
        if isinstance(own, pd.DataFrame) and not own.index.equals(prices.index):
            raise GridError(
                "averages have other dates than the prices. Give them on the same index."
            )
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
        raise GridError(
            "averages hold something that is not a number. Give floats, NaN where undefined."
        ) from None
    if np.isinf(rows).any():
        raise GridError("averages hold an infinite value. Give NaN where they are undefined.")
    return rows


def find_all_crosses(
    averages: np.ndarray,
    fast: np.ndarray,
    slow: np.ndarray,
    period: Period,
    delay: int = 0,
    mapped: MapFunction = map,
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
