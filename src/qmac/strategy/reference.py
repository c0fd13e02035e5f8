"""The strategy in plain Python, bar by bar, one combination: the meaning of every kernel.

Slow on purpose. Nothing here is vectorised, compiled or shared with the fast path; tests hold the
two against each other, and where they differ this file is right.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import NamedTuple

from qmac.strategy.averages import AVERAGES
from qmac.strategy.rules import Rules

TIE = 2.0**-48
"""Averages nearer than this fraction of their size are equal."""
NO_RETURN = 1e-12
"""The return of a bar below this is rounding."""
NO_FALL = 2.0**-36
"""A drawdown below this is rounding."""
NO_VARIANCE = 2.0**-40
"""A variance below this fraction of the mean square is rounding."""
DIGITS = 50
"""Digits of averages, so that they are right to the last place of a float."""
Averages = dict[int, list[float | None]]


class Bar(NamedTuple):
    """Prices of one bar."""

    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True)
class Bars:
    """Prices of a series. Without opens, highs or lows, they are those of the closes."""

    close: Sequence[float]
    open: Sequence[float] | None = None
    high: Sequence[float] | None = None
    low: Sequence[float] | None = None

    def at(self, bar: int) -> Bar:
        """Return the prices of a bar.

        Parameters
        ----------
        bar : int
            Number of the bar.

        Returns
        -------
        Bar
            Open, high, low and close.
        """
        close = self.close[bar]
        opened = _price(self.open, bar, close)
        high = _price(self.high, bar, max(opened, close))
        low = _price(self.low, bar, min(opened, close))
        return Bar(opened, high, low, close)


def _price(column: Sequence[float] | None, bar: int, default: float) -> float:
    return default if column is None else column[bar]


@dataclass
class Trade:
    """One round trip."""

    opened: int
    """Bar of the entry."""
    paid: float
    """Cash that one unit cost."""
    size: float
    """Units."""
    closed: int | None = None
    """Bar of the exit; None while the position is open."""
    brought: float = math.nan
    """Cash that one unit brought, or is worth at the end."""
    stopped: bool = False
    """Whether something else than a signal closed it."""
    entry_price: float = math.nan
    """Price of the entry, before costs."""
    highest: float = math.nan
    """Highest high since the entry, before the present bar."""


@dataclass
class Simulation:
    """What one combination does on a series, from its first trading bar on."""

    equity: list[float] = field(default_factory=list)
    """Equity at each close, in currency."""
    held: list[bool] = field(default_factory=list)
    """Whether each bar ends in a position."""
    trades: list[Trade] = field(default_factory=list)
    """Trades in order."""


def compute_average(kind: str, prices: Sequence[float], window: int) -> list[float | None]:
    """Return a moving average at each bar; None until ``window`` bars exist (``hma``: longer).

    Parameters
    ----------
    kind : str
        Key of ``AVERAGES``.
    prices : sequence of float
        Closes, one per bar.
    window : int
        Number of bars, at least 1.

    Returns
    -------
    list of float or None
        One value per bar, right to the last place.
    """
    with localcontext() as context:
        context.prec = DIGITS
        exact = [Decimal(price) for price in prices]
        values = [float(value) for value in AVERAGES[kind].compute(exact, window)]
    undefined: list[float | None] = [None] * (len(prices) - len(values))
    return undefined + values


def compute_averages(close: Sequence[float], combination: Sequence[int], rules: Rules) -> Averages:
    """Return the averages of a combination.

    Parameters
    ----------
    close : sequence of float
        Closes, one per bar.
    combination : sequence of int
        buy_fast, buy_slow, sell_fast, sell_slow.
    rules : Rules
        Rules, for the kind of the averages.

    Returns
    -------
    dict of int to list
        Values at each bar by window.
    """
    windows = set(combination)
    return {window: compute_average(rules.average, close, window) for window in windows}


def sign(fast: float | None, slow: float | None) -> int | None:
    """Return 1 for above, -1 for below, 0 for a tie.

    Parameters
    ----------
    fast, slow : float, optional
        Averages of one bar, None where they are undefined.

    Returns
    -------
    int or None
        None where one is undefined.
    """
    if fast is None or slow is None:
        return None
    largest = max(abs(fast), abs(slow))
    if abs(fast - slow) <= TIE * largest:
        return 0
    return 1 if fast > slow else -1


def crosses_above(before: int | None, now: int | None) -> bool:
    """Return whether the signs of two consecutive bars are a cross above.

    Parameters
    ----------
    before, now : int, optional
        Signs.

    Returns
    -------
    bool
        False where one is undefined.
    """
    return before is not None and now is not None and before <= 0 < now


def crosses_below(before: int | None, now: int | None) -> bool:
    """Return whether the signs of two consecutive bars are a cross below.

    Parameters
    ----------
    before, now : int, optional
        Signs.

    Returns
    -------
    bool
        False where one is undefined.
    """
    return before is not None and now is not None and before >= 0 > now


def find_signals(averages: Averages, combination: Sequence[int], bar: int) -> tuple[bool, bool]:
    """Return whether the buy pair crosses above and the sell pair below.

    Parameters
    ----------
    averages : dict of int to list
        Values at each bar by window.
    combination : sequence of int
        buy_fast, buy_slow, sell_fast, sell_slow.
    bar : int
        Number of the bar.

    Returns
    -------
    enters, leaves : bool
        Both False at the first bar.
    """
    if bar < 1:
        return False, False
    buy_fast, buy_slow, sell_fast, sell_slow = [averages[window] for window in combination]
    buy_before = sign(buy_fast[bar - 1], buy_slow[bar - 1])
    buy_now = sign(buy_fast[bar], buy_slow[bar])
    sell_before = sign(sell_fast[bar - 1], sell_slow[bar - 1])
    sell_now = sign(sell_fast[bar], sell_slow[bar])
    return crosses_above(buy_before, buy_now), crosses_below(sell_before, sell_now)


def find_stop(trade: Trade, bar: int, bars: Bars, rules: Rules) -> float | None:
    """Return what one unit brings if a stop or the holding time closes a position.

    Parameters
    ----------
    trade : Trade
        The open position.
    bar : int
        Number of a bar after its entry.
    bars : Bars
        Prices.
    rules : Rules
        Rules.

    Returns
    -------
    float or None
        Cash after costs; None if the position stays open, or a signal closes it.
    """
    price = _find_stop_price(trade, bars.at(bar), rules)
    if price is not None:
        return price * (1 - rules.fees)
    if rules.max_bars is not None and bar - trade.opened == rules.max_bars:
        return _fill_price(bars.at(bar), rules) * (1 - rules.slippage) * (1 - rules.fees)
    return None


def _find_stop_price(trade: Trade, now: Bar, rules: Rules) -> float | None:
    """Return the price at which a stop is filled. Where several are reached, the lowest is first.

    A price that the bar opens beyond is filled at the open.
    """
    floors = []
    if rules.stop_loss:
        floors.append(trade.entry_price * (1 - rules.stop_loss))
    if rules.trailing_stop:
        floors.append(trade.highest * (1 - rules.trailing_stop))
    if floors:
        floor = max(floors)
        if now.open <= floor:
            return now.open
        if now.low <= floor <= now.high:
            return floor
    if rules.take_profit:
        target = trade.entry_price * (1 + rules.take_profit)
        if now.open >= target:
            return now.open
        if now.low <= target <= now.high:
            return target
    return None


def _fill_price(now: Bar, rules: Rules) -> float:
    return now.open if rules.fill == "next_open" else now.close


def simulate(
    bars: Bars,
    combination: Sequence[int],
    rules: Rules,
    first: int = 0,
    averages: Averages | None = None,
) -> Simulation:
    """Trade one combination.

    Parameters
    ----------
    bars : Bars
        Prices.
    combination : sequence of int
        buy_fast, buy_slow, sell_fast, sell_slow.
    rules : Rules
        Rules. ``start`` and ``end`` are ignored.
    first : int
        First bar whose signals count.
    averages : dict of int to list, optional
        Values at each bar by window; computed by default.

    Returns
    -------
    Simulation
        Equity, positions and trades from bar ``first`` on.
    """
    averages = averages or compute_averages(bars.close, combination, rules)
    delay = 1 if rules.fill == "next_open" else 0
    simulation = Simulation()
    cash, position = rules.init_cash, None
    for bar in range(first, len(bars.close)):
        enters = leaves = False
        if bar - delay >= first:
            enters, leaves = find_signals(averages, combination, bar - delay)
        if enters and leaves and rules.conflict == "ignore":
            enters = leaves = False
        if position is None and enters:
            position = _open(bar, cash, bars.at(bar), rules)
            simulation.trades.append(position)
        elif position is not None:
            _close_if_due(position, bar, leaves, bars, rules)
            if position.closed is not None:
                cash, position = position.size * position.brought, None
        simulation.held.append(position is not None)
        simulation.equity.append(cash if position is None else position.size * bars.close[bar])
    if position is not None:
        position.brought = bars.close[-1]
    return simulation


def _open(bar: int, cash: float, now: Bar, rules: Rules) -> Trade:
    """Return a position that all cash is put into."""
    price = _fill_price(now, rules)
    paid = price * (1 + rules.slippage) * (1 + rules.fees)
    return Trade(bar, paid, cash / paid, entry_price=price, highest=price)


def _close_if_due(trade: Trade, bar: int, leaves: bool, bars: Bars, rules: Rules) -> None:
    """Close a position at a bar if a stop or a signal does; the stop comes first."""
    now = bars.at(bar)
    stop = find_stop(trade, bar, bars, rules)
    trade.highest = max(trade.highest, now.high)
    if stop is not None:
        trade.closed, trade.brought, trade.stopped = bar, stop, True
    elif leaves:
        price = _fill_price(now, rules)
        trade.closed, trade.brought = bar, price * (1 - rules.slippage) * (1 - rules.fees)


def compute_metrics(
    simulation: Simulation, rules: Rules, periods_per_year: float
) -> dict[str, float]:
    """Return all metrics of a simulation, as defined in docs/metrics.md.

    Parameters
    ----------
    simulation : Simulation
        What a combination did.
    rules : Rules
        Rules, for the cash at the start.
    periods_per_year : float
        Bars in a year.

    Returns
    -------
    dict of str to float
        Values by metric; NaN where undefined.
    """
    bars = len(simulation.equity)
    growth = simulation.equity[-1] / rules.init_cash
    annualized = _annualize(growth, periods_per_year / bars)
    deepest = _find_max_drawdown(simulation.equity)
    return {
        "total_return": growth - 1,
        "annualized_return": annualized,
        "max_drawdown": deepest,
        "calmar_ratio": annualized / -deepest if deepest < 0 else math.nan,
        "exposure": sum(simulation.held) / bars,
        **_compute_return_metrics(_compute_returns(simulation, rules), periods_per_year),
        **_compute_trade_metrics(simulation.trades),
    }


def _annualize(growth: float, periods: float) -> float:
    try:
        return float(growth**periods) - 1
    except OverflowError:  # two days, compounded to a year
        return math.inf


def _find_max_drawdown(equity: Sequence[float]) -> float:
    highest, deepest = 0.0, 0.0
    for value in equity:
        highest = max(highest, value)
        deepest = min(deepest, value / highest - 1)
    return deepest if deepest < -NO_FALL else 0.0


def _compute_returns(simulation: Simulation, rules: Rules) -> list[float]:
    """Return the returns of bars, the first one's against the cash at the start."""
    returns = []
    before = rules.init_cash
    for now in simulation.equity:
        value = now / before - 1
        returns.append(value if abs(value) > NO_RETURN else 0.0)
        before = now
    return returns


def _compute_return_metrics(returns: Sequence[float], periods_per_year: float) -> dict[str, float]:
    """Return the metrics that are made of the returns of bars."""
    bars, year = len(returns), math.sqrt(periods_per_year)
    mean = math.fsum(returns) / bars
    deviation = _compute_deviation(returns)
    gains = math.fsum(r for r in returns if r > 0)
    losses = -math.fsum(r for r in returns if r < 0)
    squares_below = math.fsum(r * r for r in returns if r < 0)
    downside = math.sqrt(squares_below / bars)
    return {
        "sharpe_ratio": mean / deviation * year,
        "sortino_ratio": divide(mean * year, downside),
        "omega_ratio": divide(gains, losses),
        "annualized_volatility": deviation * year,
    }


def _compute_deviation(returns: Sequence[float]) -> float:
    """Return the standard deviation of returns; NaN where they do not vary."""
    if len(returns) < 2:
        return math.nan
    variance = statistics.variance(returns)
    squares = math.fsum(r * r for r in returns)
    varies = variance * (len(returns) - 1) > NO_VARIANCE * squares
    return math.sqrt(variance) if varies else math.nan


def _compute_trade_metrics(trades: Sequence[Trade]) -> dict[str, float]:
    """Return the metrics that are made of trades: of the closed ones, but for two sums."""
    closed = [trade for trade in trades if trade.closed is not None]
    bars = [trade.closed - trade.opened for trade in closed if trade.closed is not None]
    returns = [_trade_return(trade) for trade in closed]
    profits = [trade.size * (trade.brought - trade.paid) for trade in closed]
    won = math.fsum(profit for profit in profits if profit > 0)
    lost = -math.fsum(profit for profit in profits if profit < 0)
    winners = sum(value > 0 for value in returns)
    return {
        "total_trades": len(trades),
        "simple_return": math.fsum(_trade_return(trade) for trade in trades),
        "win_rate": divide(winners, len(closed)),
        "profit_factor": divide(won, lost),
        "expectancy": divide(math.fsum(profits), len(closed)),
        "best_trade": max(returns, default=math.nan),
        "worst_trade": min(returns, default=math.nan),
        "average_bars": divide(sum(bars), len(closed)),
    }


def _trade_return(trade: Trade) -> float:
    return (trade.brought - trade.paid) / trade.paid


def divide(a: float, b: float) -> float:
    """Return ``a / b``, infinite where only ``b`` is 0.

    Parameters
    ----------
    a, b : float
        Numbers.

    Returns
    -------
    float
        NaN where both are 0.
    """
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a)
    return a / b
