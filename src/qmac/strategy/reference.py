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

from qmac.strategy.averages import AVERAGES
from qmac.strategy.rules import Rules

TIE = 2.0**-48  # averages nearer than this share of their size are equal
NO_RETURN = 1e-12  # the return of a bar below this is rounding
NO_FALL = 2.0**-36  # so is a drawdown below this
NO_VARIANCE = 2.0**-40  # and a variance below this share of the mean square
DIGITS = 50  # of averages, so that they are right to the last place of a float
Averages = dict[int, list[float | None]]


@dataclass(frozen=True)
class Bars:
    """Prices of a series; what is not known is taken from the close."""

    close: Sequence[float]
    open: Sequence[float] | None = None
    high: Sequence[float] | None = None
    low: Sequence[float] | None = None

    def at(self, bar: int) -> tuple[float, float, float, float]:
        """Open, high, low and close."""
        close = self.close[bar]
        opened = close if self.open is None else self.open[bar]
        high = max(opened, close) if self.high is None else self.high[bar]
        low = min(opened, close) if self.low is None else self.low[bar]
        return opened, high, low, close


@dataclass
class Trade:
    """One round trip; ``closed`` is None while the position is open."""

    opened: int
    paid: float  # cash that one unit cost
    size: float  # units
    closed: int | None = None
    brought: float = math.nan  # cash that one unit brought, or is worth at the end
    stopped: bool = False


@dataclass
class Course:
    """What one combination does on a series, from its first trading bar on."""

    equity: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


def average(kind: str, prices: Sequence[float], window: int) -> list[float | None]:
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


def sign(fast: float | None, slow: float | None) -> int | None:
    """1 above, -1 below, 0 for a tie, None where undefined."""
    if fast is None or slow is None:
        return None
    if abs(fast - slow) <= TIE * max(abs(fast), abs(slow)):
        return 0
    return 1 if fast > slow else -1


def crosses_above(before: int | None, now: int | None) -> bool:
    """Whether signs of two following bars are a cross above."""
    return before is not None and now is not None and before <= 0 < now


def crosses_below(before: int | None, now: int | None) -> bool:
    """Whether signs of two following bars are a cross below."""
    return before is not None and now is not None and before >= 0 > now


def own_exit(
    trade: Trade, bar: int, entry: float, highest: float, bars: Bars, rules: Rules
) -> float | None:
    """Price, costs taken, at which a position ends by itself at ``bar``; None if it does not.

    ``entry`` is the price of its fill before costs, ``highest`` the highest high since.
    """
    opened, high, low, close = bars.at(bar)
    floors = [entry * (1 - rules.stop_loss)] if rules.stop_loss else []
    floors += [highest * (1 - rules.trailing_stop)] if rules.trailing_stop else []
    stop: float | None = None
    if floors and opened <= max(floors):
        stop = opened
    elif floors and low <= max(floors) <= high:
        stop = max(floors)
    elif rules.take_profit and opened >= entry * (1 + rules.take_profit):
        stop = opened
    elif rules.take_profit and low <= entry * (1 + rules.take_profit) <= high:
        stop = entry * (1 + rules.take_profit)
    if stop is not None:
        return stop * (1 - rules.fees)
    if rules.max_bars is not None and bar - trade.opened == rules.max_bars:
        return (
            (opened if rules.fill == "next_open" else close)
            * (1 - rules.slippage)
            * (1 - rules.fees)
        )
    return None


def signals(averages: Averages, combination: Sequence[int], bar: int) -> tuple[bool, bool]:
    """Whether the buy pair crosses above and the sell pair below at ``bar``."""
    if bar < 1:
        return False, False
    buy_fast, buy_slow, sell_fast, sell_slow = (averages[window] for window in combination)
    buy = [sign(buy_fast[t], buy_slow[t]) for t in (bar - 1, bar)]
    sell = [sign(sell_fast[t], sell_slow[t]) for t in (bar - 1, bar)]
    return crosses_above(*buy), crosses_below(*sell)


def averages_for(close: Sequence[float], combination: Sequence[int], rules: Rules) -> Averages:
    """The averages that a combination looks at, by window."""
    return {window: average(rules.average, close, window) for window in set(combination)}


def simulate(
    bars: Bars,
    combination: Sequence[int],
    rules: Rules,
    first: int = 0,
    averages: Averages | None = None,
) -> Course:
    """Trade one combination; ``first`` is the first bar whose signals count."""
    averages = averages or averages_for(bars.close, combination, rules)
    delay = 1 if rules.fill == "next_open" else 0
    course = Course()
    cash, position, highest, entry_price = rules.init_cash, None, 0.0, 0.0
    for bar in range(first, len(bars.close)):
        opened, high, _, close = bars.at(bar)
        price = opened if delay else close
        entry, leave = (
            signals(averages, combination, bar - delay) if bar - delay >= first else (False, False)
        )
        if entry and leave and rules.conflict == "ignore":
            entry = leave = False
        if position is not None:
            stop = own_exit(position, bar, entry_price, highest, bars, rules)
            highest = max(highest, high)
            if stop is not None or leave:
                position.closed, position.stopped = bar, stop is not None
                position.brought = (
                    price * (1 - rules.slippage) * (1 - rules.fees) if stop is None else stop
                )
                cash, position = position.size * position.brought, None
        elif entry:
            paid = price * (1 + rules.slippage) * (1 + rules.fees)
            position = Trade(bar, paid, cash / paid)
            entry_price = highest = price
            course.trades.append(position)
        course.held.append(position is not None)
        course.equity.append(cash if position is None else position.size * close)
    if position is not None:
        position.brought = bars.close[-1]
    return course


def metrics(course: Course, rules: Rules, periods_per_year: float) -> dict[str, float]:
    """All metrics of a course, as defined in ``docs/metrics.md``."""
    bars = len(course.equity)
    before = [rules.init_cash, *course.equity[:-1]]
    returns = [now / then - 1 for now, then in zip(course.equity, before, strict=True)]
    returns = [r if abs(r) > NO_RETURN else 0.0 for r in returns]
    growth = course.equity[-1] / rules.init_cash
    mean, year = math.fsum(returns) / bars, math.sqrt(periods_per_year)
    variance = statistics.variance(returns) if bars > 1 else 0.0
    varies = variance * (bars - 1) > NO_VARIANCE * math.fsum(r * r for r in returns)
    deviation = math.sqrt(variance) if varies else math.nan
    downside = math.sqrt(math.fsum(min(r, 0) ** 2 for r in returns) / bars)
    losses = -math.fsum(min(r, 0) for r in returns)
    highest, deepest = 0.0, 0.0
    for value in course.equity:
        highest = max(highest, value)
        deepest = min(deepest, value / highest - 1)
    deepest = deepest if deepest < -NO_FALL else 0.0
    try:
        annualized = growth ** (periods_per_year / bars) - 1
    except OverflowError:  # two days, carried on over a year
        annualized = math.inf
    closed = [trade for trade in course.trades if trade.closed is not None]
    earned = [(trade.brought - trade.paid) / trade.paid for trade in closed]
    pnl = [trade.size * (trade.brought - trade.paid) for trade in closed]
    return {
        "total_return": growth - 1,
        "annualized_return": annualized,
        "max_drawdown": deepest,
        "total_trades": len(course.trades),
        "win_rate": ratio(sum(e > 0 for e in earned), len(closed)),
        "exposure": sum(course.held) / bars,
        "sharpe_ratio": mean / deviation * year,
        "sortino_ratio": ratio(mean * year, downside),
        "calmar_ratio": annualized / -deepest if deepest < 0 else math.nan,
        "omega_ratio": ratio(math.fsum(max(r, 0) for r in returns), losses),
        "profit_factor": ratio(
            math.fsum(p for p in pnl if p > 0), -math.fsum(p for p in pnl if p < 0)
        ),
        "expectancy": ratio(math.fsum(pnl), len(closed)),
        "simple_return": math.fsum(
            (trade.brought - trade.paid) / trade.paid for trade in course.trades
        ),
        "annualized_volatility": deviation * year,
        "best_trade": max(earned, default=math.nan),
        "worst_trade": min(earned, default=math.nan),
        "average_bars": ratio(
            sum(trade.closed - trade.opened for trade in closed if trade.closed), len(closed)
        ),
    }


def ratio(a: float, b: float) -> float:
    """``a / b``, infinite where only ``b`` is 0, NaN where both are."""
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a)
    return a / b
