"""Closes that make averages cross: linear by hand, to the last float, and sets of them."""

import math

import numpy as np
import pytest
from helpers.series import closes
from hypothesis import given
from hypothesis import strategies as st

from qmac.engine.backtest.next_bar import ANY_CLOSE, NO_CLOSE, Closes, NextBar, has_cross
from qmac.engine.dataset.signals import ABOVE, BELOW
from qmac.strategy.averages import AVERAGES


@pytest.mark.parametrize(
    ("prices", "direction", "expected"),
    [
        # the fast average of 1 is c, the slow one of 2 is (4 + c) / 2: c > 4, or c < 4
        ([6.0, 5.0, 4.0], ABOVE, (4, math.inf)),
        ([6.0, 5.0, 4.0], BELOW, (math.inf, 0)),
        ([4.0, 5.0, 6.0], BELOW, (0, 6)),
        ([4.0, 5.0, 6.0], ABOVE, (math.inf, 0)),
        ([4.0, 5.0, 5.0], ABOVE, (5, math.inf)),  # a tie before is no side
        ([4.0, 5.0, 5.0], BELOW, (0, 5)),
    ],
)
def test_two_averages_by_hand(prices, direction, expected):
    closes = NextBar(np.array(prices), "sma", 1, 2, direction).find_closes()
    assert (closes.low, closes.high) == pytest.approx(expected, rel=1e-12)


def test_a_cross_that_any_close_makes_or_none():
    falling = NextBar(np.array([1.0, 9, 9, 1, 1]), "sma", 2, 4, BELOW)
    assert falling.find_closes().which == "none"  # it is below already
    # (9 + c) / 3 is above (10 + c) / 4 whatever c is, and was below it with the 9 in it
    rising = NextBar(np.array([9.0, 9, 1, 5, 4]), "sma", 3, 4, ABOVE)
    assert rising.find_closes() == ANY_CLOSE
    early = NextBar(np.array([5.0, 4.0]), "sma", 2, 9, ABOVE)  # the slow one is not defined yet
    assert early.find_closes() == NO_CLOSE


@given(
    closes,
    st.sampled_from(list(AVERAGES)),
    st.sampled_from([(1, 2), (2, 3), (2, 7), (4, 9), (5, 6)]),
    st.sampled_from([ABOVE, BELOW]),
)
def test_the_ends_are_neighbours_of_floats_that_do_not_cross(prices, kind, pair, direction):
    bar = NextBar(prices, kind, *pair, direction)
    found = bar.find_closes()
    if found.which in ("any", "none"):
        for close in (1e-30, prices[-1] / 2, prices[-1], 2 * prices[-1], 1e30):
            assert bar.crosses(close) == found.is_any
        return
    is_above = found.which == "above"
    end = found.low if is_above else found.high
    beside = math.nextafter(end, 0 if is_above else math.inf)
    assert bar.crosses(end) and not bar.crosses(beside)
    for step in (2, 1e3, 1e6):
        near = (end + step * found.rounding, end - step * found.rounding)
        inside, outside = near if is_above else near[::-1]
        assert bar.crosses(inside)
        assert outside <= 0 or not bar.crosses(outside)
    assert found.rounding <= 1e-9 * max(end, prices.max())


def test_ties_are_no_cross():
    assert has_cross(np.array([[1.0, 2.0], [1.0, 1.0]]), ABOVE)
    assert not has_cross(np.array([[1.0, 1.0 + 2**-52], [1.0, 1.0]]), ABOVE)
    assert not has_cross(np.array([[np.nan, 2.0], [1.0, 1.0]]), ABOVE)
    assert has_cross(np.array([[1.0, 1.0], [1.0, 2.0]]), BELOW)


def test_sets_of_closes():
    above, below = Closes(5.0, math.inf, 1e-9), Closes(0.0, 7.0)
    assert 5.0 in above and 4.9 not in above and 7.0 in below and 7.1 not in below
    assert above.without(below) == Closes(math.nextafter(7, math.inf), math.inf, 1e-9)
    assert below.without(above) == Closes(0.0, math.nextafter(5, 0), 1e-9)
    assert above.without(Closes(0.0, 4.0)) == above
    assert above.without(NO_CLOSE) == above and NO_CLOSE.without(above) == NO_CLOSE
    assert above.without(ANY_CLOSE) == above.without(above) == NO_CLOSE
    assert ANY_CLOSE.without(above) == Closes(0.0, math.nextafter(5, 0), 1e-9)
    assert above.without(Closes(8.0, math.inf)).which == "between"
    kinds = [closes.which for closes in (above, below, ANY_CLOSE, NO_CLOSE)]
    assert kinds == ["above", "below", "any", "none"]
    assert above.to_dict() == {"which": "above", "low": 5.0, "high": None, "rounding": 1e-9}
    assert ANY_CLOSE.to_dict() | NO_CLOSE.to_dict() | {"which": "", "rounding": 0} == {
        "which": "", "low": None, "high": None, "rounding": 0,
    }  # fmt: skip
