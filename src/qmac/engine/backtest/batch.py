"""Metrics of a list of combinations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import pandas as pd

from qmac._checks import describe
from qmac.data.arguments import take_prices
from qmac.data.prices import AnyPrices, Prices
from qmac.engine.backtest.inputs import build_hold_inputs, build_inputs
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import Averages, MapFunction
from qmac.errors import GridError
from qmac.strategy.grid import ROLES, Combination, check_combination
from qmac.strategy.metrics import METRICS
from qmac.strategy.rules import Rules

COUNTS = (*ROLES, "total_trades")
"""Columns of whole numbers."""
LEAST_ROWS, ROW_BARS = 1024, 1 << 26
"""Rows that are evaluated at a time, and their bars: what is held for a row, 4 KB on 5,031 bars, is
held for these only."""


def evaluate(
    prices: AnyPrices,
    combinations: Iterable[Sequence[int]] | pd.DataFrame,
    rules: Rules | None = None,
    averages: Averages | None = None,
) -> pd.DataFrame:
    """Return all metrics of a list of combinations, computed bar by bar.

    Parameters
    ----------
    prices : Prices, DataFrame, Series, str or Path
        Bars by date; a Series holds closes; a text is the path of a file, or a name such as
        ``"yahoo:SPY"``.
    combinations : iterable of sequences of int, or DataFrame
        Windows ``(N, 4)``: buy fast, buy slow, sell fast, sell slow; or a frame with these columns,
        such as ``result.top``.
    rules : Rules, optional
        How signals are traded.
    averages : mapping, DataFrame or ndarray, optional
        Your own averages by window: a mapping or a frame with one series of T values for each; an
        array ``(W, T)`` goes by the windows of the combinations in ascending order.

    Returns
    -------
    DataFrame
        N rows in the order of the combinations: the four windows, then every metric.

    Raises
    ------
    PricesError
        If the prices are invalid or too few.
    GridError
        If windows or averages are invalid.

    Examples
    --------
    >>> import qmac
    >>> frame = qmac.evaluate(qmac.sample_prices(), [(10, 50, 20, 100), (5, 20, 5, 20)])
    >>> frame[["buy_slow", "total_trades"]].values.tolist()
    [[50, 30], [20, 159]]
    """
    prices, rules = take_prices(prices, stacklevel=2), Rules.of(rules)
    if isinstance(combinations, pd.DataFrame):
        combinations = _window_columns(combinations)
    is_other = isinstance(combinations, str | bytes | bytearray | Mapping | AbstractSet)
    has_rows = isinstance(combinations, Iterable) and getattr(combinations, "ndim", 1) > 0
    if is_other or not has_rows:
        raise GridError(
            f"combinations must be a list of four windows each, got {describe(combinations)}. "
            "Use [(10, 50, 20, 100)]."
        )
    rows = [check_combination(combination) for combination in combinations]
    if not rows:
        return empty_table()
    windows = np.array(rows, np.int64)
    series = PreparedSeries.build(prices, distinct_windows(windows), rules, averages)
    at_once = max(LEAST_ROWS, ROW_BARS // series.period.bars)
    parts = [
        pd.DataFrame(replay_metrics(series, windows[begin : begin + at_once]))
        for begin in range(0, len(windows), at_once)
    ]
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _window_columns(frame: pd.DataFrame) -> np.ndarray:
    if not set(ROLES) <= set(frame.columns):
        raise GridError(
            f"combinations are a frame without the columns {', '.join(ROLES)}. Name them so."
        )
    return frame[list(ROLES)].to_numpy()


def distinct_windows(combinations: np.ndarray) -> tuple[int, ...]:
    """Return the windows that occur, ascending.

    Returns
    -------
    tuple of int
        Each once.
    """
    return tuple(np.unique(combinations).tolist())


def replay_metrics(
    series: PreparedSeries, combinations: np.ndarray, mapped: MapFunction = map
) -> dict[str, np.ndarray]:
    """Return the columns of ``evaluate`` for checked combinations.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the combinations, and maybe for others.
    combinations : ndarray
        ``(N, 4)`` int64, at least one.
    mapped : callable, optional
        Like ``map``; may spread the rows over threads.

    Returns
    -------
    dict of str to ndarray
        The four windows and every metric, ``(N,)`` each.
    """
    columns = build_inputs(series, combinations, mapped).compute_metrics(mapped)
    columns["total_trades"] = columns["total_trades"].astype(np.int64)
    return dict(zip(ROLES, combinations.T, strict=True)) | columns


def empty_table() -> pd.DataFrame:
    """Return the table of ``evaluate`` without a row, with the types that it has with some.

    Returns
    -------
    DataFrame
        Of 0 rows.
    """
    return pd.DataFrame(empty_columns())


def empty_columns() -> dict[str, np.ndarray]:
    """Return the columns of ``empty_table``.

    Returns
    -------
    dict of str to ndarray
        ``(0,)`` each.
    """
    columns = (*ROLES, *METRICS)
    dtypes = {name: np.int64 if name in COUNTS else np.float64 for name in columns}
    return {name: np.zeros(0, dtype) for name, dtype in dtypes.items()}


def group_by_trades(series: PreparedSeries, combinations: Sequence[Combination]) -> np.ndarray:
    """Return a number for each combination, equal where the trades are the very same.

    Parameters
    ----------
    series : PreparedSeries
        Prepared for the windows of the combinations, and maybe for others.
    combinations : sequence of tuple
        The four windows of each.

    Returns
    -------
    ndarray
        ``(N,)`` int64, counted by first appearance.
    """
    if not combinations:
        return np.zeros(0, np.int64)
    inputs = build_inputs(series, np.array(combinations, np.int64))
    numbers: dict[bytes, int] = {}
    groups = np.empty(len(combinations), np.int64)
    for row in range(len(combinations)):
        trades = inputs.list_trades(row)
        key = np.concatenate((trades.opened, trades.closed)).tobytes()
        groups[row] = numbers.setdefault(key, len(numbers))
    return groups


def buy_and_hold(prices: Prices, rules: Rules) -> dict[str, float]:
    """Return the metrics of buying at the first close that may trade and holding to the end.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    rules : Rules
        Dates and costs.

    Returns
    -------
    dict of str to float
        Every metric by name.

    Raises
    ------
    PricesError
        If no bar may trade.
    """
    return evaluate_hold(PreparedSeries.build(prices, (0,), rules))


def evaluate_hold(series: PreparedSeries) -> dict[str, float]:
    """Return the metrics of buy and hold on a series that is prepared.

    Returns
    -------
    dict of str to float
        Every metric by name.
    """
    return first_row(build_hold_inputs(series).compute_metrics())


def first_row(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the first value of each column.

    Returns
    -------
    dict of str to float
        By the name of the column.
    """
    return {name: float(column[0]) for name, column in columns.items()}
