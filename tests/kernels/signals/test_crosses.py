"""Crosses: exact on ties, blind to the future, symmetric."""

import math

import numpy as np
import pytest
from helpers.series import closes, series
from hypothesis import given
from hypothesis import strategies as st

from qmac.engine.dataset.dataset import walking_order
from qmac.engine.dataset.period import Period
from qmac.engine.dataset.signals import find_all_crosses
from qmac.kernels.signals.averages import sma
from qmac.kernels.signals.crosses import TIE, Crosses, count_shared_prefixes, cut_lists
from qmac.kernels.signals.event_lists import gather_lists
from qmac.strategy import reference

WINDOWS = np.array([1, 2, 3, 5, 8])
FAST, SLOW = (array.astype(np.int32) for array in np.triu_indices(WINDOWS.size, 1))


def period_of(close, delay=0):
    return Period(0, 0, close, close, close, close, close, delay)


def crosses(close):
    """Above, and below, of every pair."""
    return [
        bars
        for found in find_all_crosses(sma(close, WINDOWS), (FAST, SLOW), period_of(close))
        for bars in lists(found)
    ]


def lists(found):
    return [found.bars[a:b].tolist() for a, b in zip(found.starts, found.starts[1:], strict=False)]


@pytest.mark.parametrize(
    ("difference", "fires"),
    [
        ([-1, 1], [1]),
        ([-1, 0, 1], [2]),
        ([-1, 1, 0, 1], [1, 3]),
        ([0, 1], [1]),
        ([math.nan, 1], []),
        ([-1, math.nan, 1], []),
        ([0, 0, 0], []),
        ([-1e-16, 1e-16], []),  # a difference that rounding could have made
    ],
)
def test_truth_table(difference, fires):
    averages = np.array([[1.0] * len(difference), [1.0] * len(difference)])
    averages[0] += difference
    one, other = np.array([0], np.int32), np.array([1], np.int32)
    period = period_of(averages[0])
    above, _ = find_all_crosses(averages, (one, other), period)
    assert lists(above) == [fires]
    mirrored = np.array([2 - averages[0], averages[1]])
    _, below = find_all_crosses(mirrored, (one, other), period)
    assert lists(below) == [fires]  # below is above, turned over


def fires_of(over, under):
    """Bars at which one average crosses above another, by the reference; None where undefined."""
    signs = [reference.sign(a, b) for a, b in zip(over, under, strict=True)]
    return [t for t in range(1, len(signs)) if reference.crosses_above(signs[t - 1], signs[t])]


@given(closes)
def test_equal_to_the_reference(close):
    averages = [reference.compute_average("sma", close.tolist(), int(window)) for window in WINDOWS]
    for bars, (one, other) in zip(
        crosses(close), [*zip(FAST, SLOW), *zip(SLOW, FAST)], strict=True
    ):
        assert bars == fires_of(averages[one], averages[other])


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 127, 128, 129, 300])
@pytest.mark.parametrize("delay", [0, 1])
def test_words_of_bars_give_what_bars_give(length, delay):
    random = np.random.default_rng(length)
    averages = 2 + random.integers(-1, 2, (6, length)) * random.choice(
        [1.0, 2.0**-50], (6, length)
    )  # many ties
    averages[random.random((6, length)) < 0.1] = np.nan
    averages[3:] *= -1  # a user's own may be below 0
    fast, slow = (places.astype(np.int32) for places in np.nonzero(~np.eye(6, dtype=bool)))
    found = find_all_crosses(averages, (fast, slow), period_of(averages[0], delay))
    for sides, crossed in zip(((fast, slow), (slow, fast)), found, strict=True):
        assert crossed.bars.size > 0 or length < 3
        for over, under, bars in zip(*sides, lists(crossed), strict=True):
            one, other = (
                [None if math.isnan(value) else value for value in averages[k].tolist()]
                for k in (over, under)
            )
            assert bars == [t + delay for t in fires_of(one, other) if t + delay < length]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_band_of_a_tie_is_of_the_larger_size(sign):
    """The band is that of the average that is further from 0, above it and below it."""
    averages = sign * np.array([[1.0, 1.0, 1.0], [0.5, 1 - TIE, 1.5], [1.5, 1 - TIE, 0.5]])
    fast, slow = np.array([1, 2], np.int32), np.array([0, 0], np.int32)
    for sides, crossed in zip(
        ((fast, slow), (slow, fast)),
        find_all_crosses(averages, (fast, slow), period_of(averages[0])),
        strict=True,
    ):
        assert lists(crossed) == [
            fires_of(averages[over], averages[under]) for over, under in zip(*sides, strict=True)
        ]


@given(closes, st.integers(1, 20), st.integers(0, 99))
def test_later_bars_change_no_earlier_cross(close, more, seed):
    longer = np.concatenate((close, series("random", more, seed)))
    for before, after in zip(crosses(close), crosses(longer), strict=True):
        assert before == [bar for bar in after if bar < close.size]


@given(closes)
def test_scaling_by_two_changes_nothing(close):
    assert crosses(close) == crosses(close * 2)


@pytest.mark.parametrize("price", [0.1, 1 / 3, 1234.56, 1e-7])
def test_no_phantom_crosses_on_flat_prices(price):
    flat = np.full(3_000, price)
    assert not any(crosses(flat))
    after_a_move = np.concatenate((series("random", 50, 3), np.full(2_000, 17.3)))
    assert all(not bars or bars[-1] < 50 + 8 for bars in crosses(after_a_move))


def test_equal_averages_of_ticks_are_ties():
    # averages of 2 and 4 bars are the same number here, but not the same rounding
    close = np.tile([0.1, 0.7, 0.2, 0.6], 200)
    two_four = crosses(close)[list(zip(WINDOWS[FAST], WINDOWS[SLOW], strict=True)).index((2, 3))]
    exact = [round(10 * price) for price in close]
    signs = [
        None if t < 2 else np.sign(3 * sum(exact[t - 1 : t + 1]) - 2 * sum(exact[t - 2 : t + 1]))
        for t in range(800)
    ]
    assert two_four == [t for t in range(1, 800) if reference.crosses_above(signs[t - 1], signs[t])]


@given(closes)
def test_rows_are_ordered_to_share(close):
    entries, _ = find_all_crosses(sma(close, WINDOWS), (FAST, SLOW), period_of(close))
    order, found = (
        walking_order(entries, np.arange(entries.starts.size - 1), close.size),
        lists(entries),
    )
    assert sorted(order.tolist()) == list(range(FAST.size))
    shared = count_shared_prefixes(gather_lists(entries, order), 4)
    for i in range(1, order.size):
        a, b = found[order[i - 1]], found[order[i]]
        common = next((k for k in range(4) if k >= min(len(a), len(b)) or a[k] != b[k]), 4)
        assert shared[i] == common
    assert shared[0] == shared[order.size] == 0
    assert TIE == reference.TIE


@given(st.lists(st.sets(st.integers(0, 39)), min_size=1, max_size=6), st.integers(1, 45))
def test_lists_are_cut_at_the_ends_of_tiles(sets, tile_bars):
    ascending = [sorted(bars) for bars in sets]
    starts = np.cumsum([0, *map(len, ascending)])
    whole = Crosses(starts, np.array(sum(ascending, []), np.uint16))
    tiles = -(-40 // tile_bars)
    parts = lists(cut_lists(whole, tile_bars, tiles))
    expected = []
    for tile in range(tiles):
        for bars in ascending:
            expected.append([bar for bar in bars if bar // tile_bars == tile])
    assert parts == expected
