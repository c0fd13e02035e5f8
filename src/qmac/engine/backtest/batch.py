"""Metrics of a list of combinations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.backtest.inputs import build_hold_inputs, build_inputs
from qmac.engine.dataset.period import build_period
from qmac.engine.dataset.signals import Averages, MapFunction
from qmac.errors import GridError
from qmac.kernels.trades.scores import Facts
from qmac.strategy.grid import ROLES, Combination, check_combination
from qmac.strategy.metrics import METRICS
from qmac.strategy.rules import Rules

if TYPE_CHECKING:
    pass


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
            raise GridError(
                f"combinations are a frame without the columns {', '.join(ROLES)}. Name them so."
            )
        combinations = combinations[list(ROLES)].to_numpy()
    wanted = [check_combination(combination) for combination in combinations]
    return (
        pd.DataFrame(replay_metrics(prices, np.array(wanted, np.int64), rules, averages))
        if wanted
        else empty_table()
    )


def replay_metrics(
    prices: Prices,
    wanted: np.ndarray,
    rules: Rules,
    averages: Averages | None = None,
    facts: Facts | None = None,
    mapped: MapFunction = map,
) -> dict[str, np.ndarray]:
    """The columns of ``evaluate`` for combinations that are checked, one at least, ``(N, 4)`` int64.

    ``facts`` are those of the series, where they are known; ``mapped`` may spread the rows over threads.
    """
    signals = build_inputs(prices, wanted, rules, averages, mapped)
    columns = signals.metrics(facts or signals.facts(prices), mapped)
    whole = {"total_trades": columns["total_trades"].astype(np.int64)}
    return dict(zip(ROLES, wanted.T, strict=True)) | columns | whole


def empty_table() -> pd.DataFrame:
    """The table of no combination, with the types that it has with some."""
    whole = {*ROLES, "total_trades"}
    return pd.DataFrame(
        {
            name: np.zeros(0, np.int64 if name in whole else np.float64)
            for name in (*ROLES, *METRICS)
        }
    )


def group_by_trades(
    prices: Prices,
    combinations: Sequence[Combination],
    rules: Rules,
    averages: Averages | None = None,
) -> np.ndarray:
    """Which combinations make the very same trades: ``(N,)`` whole numbers, equal where they do, by first appearance."""
    if not combinations:
        return np.zeros(0, np.int64)
    signals = build_inputs(prices, np.array(combinations, np.int64), rules, averages)
    numbers: dict[bytes, int] = {}
    found = []
    for row in range(len(combinations)):
        trades = signals.trades(row)
        found.append(
            numbers.setdefault(
                np.concatenate((trades.opened, trades.closed)).tobytes(), len(numbers)
            )
        )
    return np.array(found, np.int64)


def buy_and_hold(prices: Prices, rules: Rules, facts: Facts | None = None) -> dict[str, float]:
    """Metrics of buying at the first close that may trade, with its costs, and holding to the end."""
    signals = build_hold_inputs(build_period(prices, rules, (0,)), rules)
    return first_row(signals.metrics(facts or signals.facts(prices)))


def first_row(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """The only row."""
    return {name: float(column[0]) for name, column in columns.items()}
