"""Stops: where a position ends by itself, against a walk that looks at every bar."""

import numpy as np
import pytest
from helpers.series import KINDS, ohlc, series

from qmac.kernels.trades.stops import SPAN, find_excursions, find_stops


def end_of(entry, price, opens, highs, lows, stop_loss, trailing_stop, take_profit, max_bars):
    """Return bar and price of the end of one position, by definition."""
    peak, target = price[entry], price[entry] * (1 + take_profit)
    for t in range(entry + 1, price.size):
        level = max(price[entry] * (1 - stop_loss), peak * (1 - trailing_stop))
        if opens[t] <= level:
            return t, opens[t]
        if lows[t] <= level <= highs[t]:
            return t, level
        if opens[t] >= target:
            return t, opens[t]
        if lows[t] <= target <= highs[t]:
            return t, target
        if t - entry == max_bars:
            return t, np.nan
        peak = max(peak, highs[t])
    return price.size, np.nan


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "stops",
    [
        (0.03, 1.0, np.inf, 10**6),
        (1.0, 0.05, np.inf, 10**6),
        (1.0, 1.0, 0.04, 10**6),
        (1.0, 1.0, np.inf, 7),
        (0.3, 0.4, 0.9, 10**6),  # wide: whole spans are passed over
        (0.02, 0.03, 0.02, 5),
    ],
)
def test_equal_to_a_walk_over_every_bar(kind, stops):
    bars = 5 * SPAN + 3
    table = ohlc(kind, bars, 11)
    columns = [table[name].to_numpy() for name in ("Close", "Open", "High", "Low")]
    found, prices = find_stops(*columns, *stops)
    expected = [end_of(entry, *columns, *stops) for entry in range(bars)]
    assert found.tolist() == [bar for bar, _ in expected]
    assert np.array_equal(prices, [price for _, price in expected], equal_nan=True)


def test_what_is_switched_off_never_ends():
    close = series("random", 200, 3)
    found, prices = find_stops(close, close, close, close, 1.0, 1.0, np.inf, close.size)
    assert (found == close.size).all() and np.isnan(prices).all()


def test_excursions_are_those_of_the_closes_before_the_end():
    levels = np.log(series("ticks", 120, 5))
    ends = np.random.default_rng(1).integers(1, 40, 120) + np.arange(120)
    ends = np.minimum(ends, 120)
    lowest, highest, fall = find_excursions(levels, ends)
    for t in range(120):
        if ends[t] < 120:
            held = levels[t : max(ends[t], t + 1)]
            assert (lowest[t], highest[t]) == (held.min(), held.max())
            assert fall[t] == (held - np.maximum.accumulate(held)).min()
