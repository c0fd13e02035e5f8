"""The metrics, for all lanes at once, from the statistics of a walk.

``which`` is chosen at run time, a branch a row; which statistics exist is chosen when the kernel is
compiled. A metric whose statistics are not computed is NaN. The catalogue in
``strategy/metrics.py`` says what each needs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels.compiler.jit import inlined
from qmac.kernels.compiler.lanes import bits, floats, from_bits, or_nan, sqrt, where

GROWTH, VOLATILITY, SHARPE, SORTINO, OMEGA, DRAWDOWN, CALMAR = range(7)
TRADES, WIN_RATE, PROFIT_FACTOR, EXPECTANCY, SIMPLE_RETURN, EXPOSURE = range(7, 13)
NO_VARIANCE = 2.0**-40
"""A variance below this share of the mean square is rounding: equal returns differ by that."""
NO_FALL = -(2.0**-36)
"""A drawdown above this is rounding: of logarithms, whose last digits are about 1e-16."""
ROUNDER = 1.5 * 2.0**52
ROUNDER_BITS = 0x4338000000000000


class Facts(NamedTuple):
    """What metrics need beside the walk."""

    first: int  # the bar at which trading starts
    bars: float  # number of bars from there on
    per_year: float  # bars in a year
    cash: float  # at the start
    least_downside: float  # sums below these are rounding, and count as 0
    least_losses: float


@inlined
def expm1(x):
    """Return ``exp(x) - 1`` to about one unit in the last place, the same bits on every CPU.

    The nearest whole number of doublings is taken out; the rest goes through a Taylor series.

    Parameters
    ----------
    x : vector
        ``(L,)`` float64.

    Returns
    -------
    vector
        ``(L,)`` float64.
    """
    x = where(x < -700.0, -700.0, x)
    x = where(x > 710.0, 710.0, x)  # enough to be infinite, as -700 is to be -1
    shifted = x * 1.4426950408889634 + ROUNDER
    doublings = shifted - ROUNDER
    r = (x - doublings * 0.6931471803691238) - doublings * 1.9082149292705877e-10
    y = r * 1.6059043836821613e-10 + 2.08767569878681e-09
    y = r * y + 2.505210838544172e-08
    y = r * y + 2.755731922398589e-07
    y = r * y + 2.7557319223985893e-06
    y = r * y + 2.48015873015873e-05
    y = r * y + 0.0001984126984126984
    y = r * y + 0.001388888888888889
    y = r * y + 0.008333333333333333
    y = r * y + 0.041666666666666664
    y = r * y + 0.16666666666666666
    y = r * y + 0.5
    y = r * (r * y) + r
    half_bits = (bits(shifted) - (ROUNDER_BITS - 1022)) * 2**52
    half = from_bits(half_bits)  # of the power: 2**1024 is no float64
    return (half * y + (half - 0.5)) * 2.0


@inlined
def measure(which, state, length, facts):
    """Compute a metric from the state of a walk; ``GROWTH`` and ``DRAWDOWN`` as logarithms.

    Parameters
    ----------
    which : int
        ``GROWTH`` ... ``EXPOSURE``.
    state : WalkState
        Statistics of each lane, all trades settled.
    length : int
        Bars of the series.
    facts : Facts
        Bars, years and cash.

    Returns
    -------
    vector
        ``(L,)`` float64.
    """
    if which <= OMEGA:
        return _measure_returns(which, state.sums, state.code, facts)
    if which <= CALMAR:
        return _measure_falls(which, state, facts)
    return _measure_trades(which, state, length, facts)


@inlined
def _measure_returns(which, sums, code, facts):
    """Compute a metric of the returns of bars."""
    if which == GROWTH:
        return or_nan(sums.gain, code)
    root_year = np.sqrt(facts.per_year)
    if which == VOLATILITY:
        return or_nan(_deviation(sums, facts) * root_year, code)
    yearly = sums.returns * (root_year / facts.bars)
    if which == SHARPE:
        return or_nan(yearly / _deviation(sums, facts), code)
    if which == SORTINO:
        below = where(sums.downside > facts.least_downside, sums.downside, 0.0)
        downside_deviation = sqrt(below * (1.0 / facts.bars))
        return or_nan(yearly / downside_deviation, code)
    losses = where(sums.losses > facts.least_losses, sums.losses, 0.0)
    won = sums.returns + sums.losses
    profits = where(won > facts.least_losses, won, 0.0)
    return or_nan(profits / losses, code)


@inlined
def _measure_falls(which, state, facts):
    """Compute a metric of the drawdown."""
    worst = state.drawdown.worst
    fall = where(worst < NO_FALL, worst, 0.0)
    if which == DRAWDOWN:
        return or_nan(fall, state.code)
    years = facts.per_year / facts.bars
    yearly = expm1(state.sums.gain * years)
    fallen = where(fall < 0.0, fall, np.nan)
    deepest = expm1(fallen) * -1.0
    return or_nan(yearly / deepest, state.code)


@inlined
def _measure_trades(which, state, length, facts):
    """Compute a metric of the trades."""
    code, counts, trades = state.code, state.counts, state.trades
    if which == TRADES:
        return or_nan(floats(counts.opened), code)
    closed = floats(where(code < 2 * length, counts.opened, counts.opened - 1))
    if which == WIN_RATE:
        return or_nan(floats(counts.won) / closed, code)
    if which == EXPECTANCY:
        return or_nan((trades.equity - 1.0) * facts.cash / closed, code)
    if which == PROFIT_FACTOR:
        return or_nan(trades.profit / trades.loss, code)
    if which == SIMPLE_RETURN:
        return or_nan(trades.simple, code)
    exposure = floats(counts.held) * 0.5 / facts.bars  # one rounding, as where it is shown
    return or_nan(exposure, code)


@inlined
def _deviation(sums, facts):
    """Standard deviation of the returns of bars; NaN if they do not vary."""
    spread = sums.squares - sums.returns * (sums.returns * (1.0 / facts.bars))
    varying = where(spread > sums.squares * NO_VARIANCE, spread, np.nan)
    return sqrt(varying * (1.0 / (facts.bars - 1.0)))
