"""What trades pay and bring, bar by bar: the numbers behind every statistic of the sweep.

All is computed once, by the driver, in long doubles, and rounded to float64 at the end: a library's
float64 logarithm differs in the last bit between CPUs, and sums over 500,000 bars keep their last digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from qmac.engine.dataset.period import Period, code_dtype
from qmac.kernels.trades.exit_tables import Ends, Excursions, ReturnSums, Stops, TradeValues
from qmac.kernels.trades.scores import Facts
from qmac.kernels.trades.stops import find_excursions, find_stops
from qmac.strategy.rules import Rules

NEGLIGIBLE = 2.0**-46
"""A sum over a combination's bars below this share of the same sum over all bars is rounding."""


@dataclass(frozen=True)
class ForcedExits:
    """How a position opened at each bar ends by itself; ``(T,)`` each."""

    bars: np.ndarray  # T for never
    brought: np.ndarray  # cash that one unit brings, costs taken


def compute_forced_exits(period: Period, rules: Rules) -> ForcedExits:
    """Stops and holding time. A stop's price is not worsened by slippage, as in vectorbt."""
    length = period.close.size
    if not rules.has_stops:
        return ForcedExits(np.full(length, length), np.full(length, np.nan))
    bars, prices = find_stops(
        period.fill, period.opens, period.highs, period.lows,
        1.0 if rules.stop_loss is None else rules.stop_loss,
        1.0 if rules.trailing_stop is None else rules.trailing_stop,
        math.inf if rules.take_profit is None else rules.take_profit,
        length if rules.max_bars is None else rules.max_bars,
    )  # fmt: skip
    by_time = period.fill[np.minimum(bars, length - 1)] * rules.sell_factor
    return ForcedExits(bars, np.where(np.isnan(prices), by_time, prices * (1 - rules.fees)))


def build_trade_values(
    period: Period, rules: Rules, statistics: Collection[str]
) -> tuple[TradeValues, Stops | None]:
    """Values for the statistics asked for (fields of ``walk.WalkState``), and the stops if there are any."""
    exits = compute_forced_exits(period, rules)
    paid, brought = period.fill * rules.buy_factor, period.fill * rules.sell_factor
    sums = ReturnSums(
        gain=_gain(period, rules, exits) if "gain" in statistics else None,
        returns=_summed(period, paid, brought, exits, lambda r: r)
        if "returns" in statistics
        else None,
        squares=_summed(period, paid, brought, exits, np.square)
        if "squares" in statistics
        else None,
        downside=_summed(period, paid, brought, exits, _below_squared)
        if "downside" in statistics
        else None,
        losses=_summed(period, paid, brought, exits, _below) if "losses" in statistics else None,
    )
    prices = Ends(None, None, 0.0, None)
    if "paid" in statistics:
        prices = Ends(paid, brought, float(period.close[-1]), exits.brought)
    levels = _log(period.close, period.close[0]) if "worst" in statistics else None
    stops = None
    if rules.has_stops:
        excursions = None if levels is None else Excursions(*find_excursions(levels, exits.bars))
        length = period.close.size
        never = exits.bars == length
        stops = Stops(
            (2 * np.where(never, length + 1, exits.bars)).astype(code_dtype(length)), excursions
        )
    return TradeValues(sums, prices, levels), stops


def build_facts(period: Period, rules: Rules, periods_per_year: float) -> Facts:
    """What metrics need beside the walk."""
    moves = period.close[1:].astype(np.longdouble) / period.close[:-1] - 1
    downside, losses = (NEGLIGIBLE * float(part(moves).sum()) for part in (_below_squared, _below))
    return Facts(
        period.start, float(period.bars), periods_per_year, rules.init_cash, downside, losses
    )


def bound_log_gain(gain: Any) -> float:
    """No sum of log gains is further from 0: all moves one way, and the cost of a trade every other bar."""
    moves = float(np.abs(np.diff(gain.exit)).sum()) + abs(gain.last - float(gain.exit[-1]))
    round_trip = float(gain.entry[0] - gain.exit[0])
    return float(moves + (gain.entry.size // 2 + 1) * round_trip + 1e-6)


def _below(r: np.ndarray) -> np.ndarray:
    below: np.ndarray = np.maximum(-r, 0)
    return below


def _below_squared(r: np.ndarray) -> np.ndarray:
    squares: np.ndarray = np.square(np.minimum(r, 0))
    return squares


def _log(values: np.ndarray, base: float) -> np.ndarray:
    """Logarithms of prices as multiples of ``base``, one of them: where prices hardly move, small numbers."""
    logs: np.ndarray = np.log(values.astype(np.longdouble) / np.longdouble(base)).astype(np.float64)
    return logs


def _gain(period: Period, rules: Rules, exits: ForcedExits) -> Ends:
    base = period.close[0]
    price, last = _log(period.fill, base), float(_log(period.close[-1:], base)[0])
    stopped = _log(exits.brought, base)
    return Ends(
        price + math.log(rules.buy_factor), price + math.log(rules.sell_factor), last, stopped
    )


def _summed(
    period: Period,
    paid: np.ndarray,
    brought: np.ndarray,
    exits: ForcedExits,
    of: Callable[[np.ndarray], np.ndarray],
) -> Ends:
    """Sum of ``of(r)`` over the bars of a trade, the bars of its two fills included."""
    close = period.close.astype(np.longdouble)
    before = np.concatenate((close[:1], close[:-1]))
    total = np.cumsum(of(close / before - 1))  # over the bars up to t
    total_before = np.concatenate((total[:1], total[:-1]))
    ended = np.maximum(np.minimum(exits.bars, close.size - 1), 1)
    return Ends(
        (total - of(close / paid - 1)).astype(np.float64),
        (total_before + of(brought / before - 1)).astype(np.float64),
        float(total[-1]),
        (total[ended - 1] + of(exits.brought / close[ended - 1] - 1)).astype(np.float64),
    )
