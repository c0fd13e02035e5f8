"""What trades pay and bring, bar by bar: the numbers behind every statistic of the sweep.

All is computed once, by the driver, in long doubles, and rounded to float64 at the end: a library's
float64 logarithm differs in the last bit between CPUs, and sums over 500,000 bars keep their last
digits.
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
    """How a position opened at each bar ends without an exit signal, ``(T,)`` each."""

    bars: np.ndarray
    """Bar of the exit; T for never."""
    brought: np.ndarray
    """Cash that one unit brings, costs deducted."""


def compute_forced_exits(period: Period, rules: Rules) -> ForcedExits:
    """Return the exits by stops and by the holding time.

    Parameters
    ----------
    period : Period
        The bars that may trade.
    rules : Rules
        Stops and costs. Slippage does not worsen the price of a stop, as in vectorbt.

    Returns
    -------
    ForcedExits
        By the bar of the entry.
    """
    length = period.close.size
    if not rules.has_stops:
        return ForcedExits(np.full(length, length), np.full(length, np.nan))
    bars, prices = find_stops(
        period.fill,
        period.opens,
        period.highs,
        period.lows,
        1.0 if rules.stop_loss is None else rules.stop_loss,
        1.0 if rules.trailing_stop is None else rules.trailing_stop,
        math.inf if rules.take_profit is None else rules.take_profit,
        length if rules.max_bars is None else rules.max_bars,
    )
    at_fill = period.fill[np.minimum(bars, length - 1)] * rules.sell_factor
    at_stop = prices * (1 - rules.fees)
    return ForcedExits(bars, np.where(np.isnan(prices), at_fill, at_stop))


def build_trade_values(
    period: Period, rules: Rules, statistics: Collection[str]
) -> tuple[TradeValues, Stops | None]:
    """Return what the sweep's statistics are differences of, by bar of entry and of exit.

    Parameters
    ----------
    period : Period
        The bars that may trade.
    rules : Rules
        Costs and stops.
    statistics : collection of str
        Fields of ``walk.WalkState``; what the others need is None.

    Returns
    -------
    values : TradeValues
        What an entry and an exit at each bar add, ``(T,)`` each.
    stops : Stops or None
        Exits without a signal, if the rules have any, or the last trade is among the statistics.
    """
    exits = compute_forced_exits(period, rules)
    sums: dict[str, Ends | None] = dict.fromkeys(PARTS)
    summed = [name for name in PARTS if name in statistics]
    if summed:
        returns = _Returns.build(period, rules, exits)
        sums |= {name: _sum_over_trades(period, exits, returns, PARTS[name]) for name in summed}
    gain = _build_gain(period, rules, exits) if "gain" in statistics else None
    prices = Ends(None, None, 0.0, None)
    if "paid" in statistics:
        paid = period.fill * rules.buy_factor
        brought = period.fill * rules.sell_factor
        prices = Ends(paid, brought, float(period.close[-1]), exits.brought)
    levels = _log(period.close, period.close[0]) if "worst" in statistics else None
    needs_stops = rules.has_stops or "stop" in statistics
    stops = _build_stops(exits, levels) if needs_stops else None
    return TradeValues(ReturnSums(gain=gain, **sums), prices, levels), stops


def _build_stops(exits: ForcedExits, levels: np.ndarray | None) -> Stops:
    length = exits.bars.size
    bars = np.where(exits.bars == length, length + 1, exits.bars)
    excursions = None
    if levels is not None and (exits.bars < length).any():
        excursions = Excursions(*find_excursions(levels, exits.bars))
    elif levels is not None:  # never used
        excursions = Excursions(levels, levels, levels)
    return Stops((2 * bars).astype(code_dtype(length)), excursions)


def build_facts(period: Period, rules: Rules, periods_per_year: float) -> Facts:
    """Return what metrics need beside the trades.

    Parameters
    ----------
    period : Period
        The bars that may trade.
    rules : Rules
        The cash at the start.
    periods_per_year : float
        Bars a year.

    Returns
    -------
    Facts
        Counts, cash, and the sums below which a combination's are rounding.
    """
    close = period.close[max(period.counts_from - 1, 0) :]
    moves = close[1:].astype(np.longdouble) / close[:-1] - 1
    return Facts(
        first=period.start,
        bars=float(period.bars),
        per_year=periods_per_year,
        cash=rules.init_cash,
        least_downside=NEGLIGIBLE * float(_squared_loss(moves).sum()),
        least_losses=NEGLIGIBLE * float(_loss(moves).sum()),
    )


def bound_log_gain(gain: Any) -> float:
    """Return a number that no sum of log gains exceeds in size.

    Parameters
    ----------
    gain : Ends
        Log gains of entries and exits.

    Returns
    -------
    float
        All moves in one direction, and the cost of a trade every other bar.
    """
    moves = float(np.abs(np.diff(gain.exit)).sum())
    last_move = abs(gain.last - float(gain.exit[-1]))
    round_trip = float(gain.entry[-1] - gain.exit[-1])
    most_trades = gain.entry.size // 2 + 1
    return float(moves + last_move + most_trades * round_trip + 1e-6)


def _unchanged(returns: np.ndarray) -> np.ndarray:
    return returns


def _loss(returns: np.ndarray) -> np.ndarray:
    loss: np.ndarray = np.maximum(-returns, 0)
    return loss


def _squared_loss(returns: np.ndarray) -> np.ndarray:
    squares: np.ndarray = np.square(np.minimum(returns, 0))
    return squares


PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "returns": _unchanged,
    "squares": np.square,
    "downside": _squared_loss,
    "losses": _loss,
}
"""What each statistic sums over the returns of bars."""


def _build_ends(
    period: Period,
    exits: ForcedExits,
    levels: np.ndarray,
    entry: np.ndarray,
    exit_: np.ndarray,
    stopped: np.ndarray,
) -> Ends:
    """Return ends, of which only bars add something that count in the period.

    ``levels`` is what is held at the close before the bars that count, and at the last close. A
    trade that ends before those bars adds nothing, and one that is open then adds what follows: its
    entry, and all exits before them, are at the level of that close.
    """
    before, last = levels
    if period.is_carried_in:
        border = period.counts_from
        entry, exit_ = entry.copy(), exit_.copy()
        entry[:border] = exit_[:border] = before
        stopped = np.where(exits.bars < border, before, stopped)
    return Ends(entry, exit_, float(last), stopped)


def _log(values: np.ndarray, base: float) -> np.ndarray:
    """Return logarithms of prices as multiples of ``base``.

    With a base among them the logarithms are small where prices hardly move.
    """
    ratios = values.astype(np.longdouble) / np.longdouble(base)
    logs: np.ndarray = np.log(ratios).astype(np.float64)
    return logs


def _build_gain(period: Period, rules: Rules, exits: ForcedExits) -> Ends:
    """Return the logarithm of the growth of cash, of entries and exits at each bar."""
    base = period.close[0]
    fill = _log(period.fill, base)
    levels = _log(period.close[_level_bars(period)], base)
    entry = fill + math.log(rules.buy_factor)
    exit_ = fill + math.log(rules.sell_factor)
    stopped = _log(exits.brought, base) if rules.has_stops else exits.brought
    return _build_ends(period, exits, levels, entry, exit_, stopped)


@dataclass(frozen=True)
class _Returns:
    """Returns of the bars of a trade, in long doubles, ``(T,)`` each."""

    close: np.ndarray
    """From close to close."""
    entry: np.ndarray
    """From the entry's fill to the close of its bar."""
    exit: np.ndarray
    """From the close before to the exit's fill."""
    stopped: np.ndarray
    """From the close before to a forced exit, by the bar of the entry."""
    last_held: np.ndarray
    """The bar before a forced exit, by the bar of the entry."""

    @classmethod
    def build(cls, period: Period, rules: Rules, exits: ForcedExits) -> _Returns:
        close = period.close.astype(np.longdouble)
        before = np.concatenate((close[:1], close[:-1]))
        last_held = np.maximum(np.minimum(exits.bars, close.size - 1), 1) - 1
        return cls(
            close=close / before - 1,
            entry=close / (period.fill * rules.buy_factor) - 1,
            exit=period.fill * rules.sell_factor / before - 1,
            stopped=exits.brought / close[last_held] - 1,
            last_held=last_held,
        )


def _sum_over_trades(
    period: Period,
    exits: ForcedExits,
    returns: _Returns,
    part: Callable[[np.ndarray], np.ndarray],
) -> Ends:
    """Return the sum of ``part`` over the bars of a trade, the bars of its two fills included."""
    total = np.cumsum(part(returns.close))  # over the bars up to t
    total_before = np.concatenate((total[:1], total[:-1]))
    entry = total - part(returns.entry)
    exit_ = total_before + part(returns.exit)
    stopped = total[returns.last_held] + part(returns.stopped)
    levels = total[_level_bars(period)]
    rounded = (values.astype(np.float64) for values in (levels, entry, exit_, stopped))
    return _build_ends(period, exits, *rounded)


def _level_bars(period: Period) -> list[int]:
    """Return the bar before those that count, and the last one."""
    return [max(period.counts_from - 1, 0), period.close.size - 1]
