"""The strategy in plain Python, bar by bar, one combination: the meaning of every kernel.

Slow on purpose. Nothing here is vectorised, compiled or shared with the fast path; tests hold the
two against each other, and where they differ this file is right.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from qmac.config import Rules

TIE = 2.0**-48  # averages nearer than this share of their size are equal


@dataclass
class Trade:
    """One round trip; ``closed`` is None while the position is open."""

    opened: int
    closed: int | None = None
    paid: float = 0.0  # cash that went in
    brought: float = 0.0  # cash that came out, or value at the end


@dataclass
class Course:
    """What one combination does on a series, from its first trading bar on."""

    equity: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


def average(prices: Sequence[float], window: int, bar: int) -> float | None:
    """Simple moving average at ``bar``; None until ``window`` bars exist."""
    if bar < window - 1:
        return None
    return math.fsum(prices[bar - window + 1 : bar + 1]) / window


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


def simulate(prices: Sequence[float], combination: Sequence[int], rules: Rules, first: int = 0) -> Course:
    """Trade one combination; ``first`` is the first bar that may trade."""
    buy_fast, buy_slow, sell_fast, sell_slow = combination
    course = Course()
    cash, shares = rules.init_cash, 0.0
    buy_before: int | None = None
    sell_before: int | None = None
    for bar, price in enumerate(prices):
        buy_now = sign(average(prices, buy_fast, bar), average(prices, buy_slow, bar))
        sell_now = sign(average(prices, sell_fast, bar), average(prices, sell_slow, bar))
        entry, leave = crosses_above(buy_before, buy_now), crosses_below(sell_before, sell_now)
        buy_before, sell_before = buy_now, sell_now
        if bar < first:
            continue
        if entry and leave and rules.conflict == "ignore":
            entry = leave = False
        if shares > 0 and leave:
            cash = shares * price * (1 - rules.slippage) * (1 - rules.fees)
            course.trades[-1].closed, course.trades[-1].brought = bar, cash
            shares = 0.0
        elif shares == 0 and entry:
            course.trades.append(Trade(bar, paid=cash))
            shares = cash / (price * (1 + rules.slippage) * (1 + rules.fees))
            cash = 0.0
        course.held.append(shares > 0)
        course.equity.append(cash + shares * price)
    if shares > 0:
        course.trades[-1].brought = course.equity[-1]
    return course


def metrics(course: Course, rules: Rules, periods_per_year: float) -> dict[str, float]:
    """All metrics of a course, as defined in ``docs/metrics.md``."""
    bars = len(course.equity)
    before = [rules.init_cash, *course.equity[:-1]]
    returns = [now / then - 1 for now, then in zip(course.equity, before, strict=True)]
    growth = course.equity[-1] / rules.init_cash
    deviation = statistics.stdev(returns) if bars > 1 else 0.0
    highest, deepest = 0.0, 0.0
    for value in course.equity:
        highest = max(highest, value)
        deepest = min(deepest, value / highest - 1)
    closed = [trade for trade in course.trades if trade.closed is not None]
    won = sum(trade.brought > trade.paid for trade in closed)
    return {
        "total_return": growth - 1,
        "annualized_return": growth ** (periods_per_year / bars) - 1,
        "max_drawdown": deepest,
        "total_trades": len(course.trades),
        "win_rate": won / len(closed) if closed else math.nan,
        "exposure": sum(course.held) / bars,
        "sharpe_ratio": (
            math.fsum(returns) / bars / deviation * math.sqrt(periods_per_year) if deviation > 0 else math.nan
        ),
    }
