"""The reference against arithmetic done by hand: it must be right by itself."""

import math

import pytest

from qmac import reference
from qmac.config import Rules

N = None


@pytest.mark.parametrize(
    ("signs", "fires"),
    [
        ([-1, 1], [1]),
        ([-1, 0, 1], [2]),
        ([-1, 1, 0, 1], [1, 3]),
        ([0, 1], [1]),
        ([N, 1], []),
        ([-1, N, 1], []),
        ([0, 0, 0], []),
        ([1, 1], []),
        ([1, -1, 1], [2]),
    ],
)
def test_truth_table(signs, fires):
    pairs = list(enumerate(zip(signs, signs[1:], strict=False), start=1))
    assert [t for t, (a, b) in pairs if reference.crosses_above(a, b)] == fires
    flipped = [None if s is None else -s for s in signs]
    pairs = list(enumerate(zip(flipped, flipped[1:], strict=False), start=1))
    assert [t for t, (a, b) in pairs if reference.crosses_below(a, b)] == fires


def test_average_and_sign():
    assert reference.average([1.0, 2.0, 6.0], 2, 0) is None
    assert reference.average([1.0, 2.0, 6.0], 2, 2) == 4.0
    assert reference.sign(1.0, 1.0 + 2**-50) == 0
    assert reference.sign(1.0, 1.0 + 2**-40) == -1
    assert reference.sign(None, 1.0) is None


def test_one_round_trip_by_hand():
    # averages of 1 and 2 bars: above after a rise, below after a fall
    prices = [10.0, 9.0, 12.0, 15.0, 10.0, 9.0]
    rules = Rules(fees=0.01, slippage=0.02)
    course = reference.simulate(prices, (1, 2, 1, 2), rules)
    shares = 100 / (12 * 1.02 * 1.01)
    cash = shares * 10 * 0.98 * 0.99
    assert [(t.opened, t.closed) for t in course.trades] == [(2, 4)]
    assert course.equity == pytest.approx([100, 100, shares * 12, shares * 15, cash, cash])
    numbers = reference.metrics(course, rules, 252)
    assert numbers["total_return"] == pytest.approx(cash / 100 - 1)
    assert numbers["max_drawdown"] == pytest.approx(cash / (shares * 15) - 1)
    assert numbers["exposure"] == pytest.approx(2 / 6)
    assert numbers["win_rate"] == 0.0


def test_open_position_is_valued_at_the_last_close_without_cost():
    course = reference.simulate([10.0, 9.0, 12.0, 15.0], (1, 2, 1, 2), Rules(slippage=0.5))
    assert course.trades[0].closed is None
    assert course.equity[-1] == pytest.approx(100 / (12 * 1.5) * 15)


def test_no_trade_leaves_ratios_undefined():
    numbers = reference.metrics(reference.simulate([5.0] * 10, (1, 2, 1, 3), Rules()), Rules(), 252)
    assert numbers["total_return"] == 0
    assert math.isnan(numbers["win_rate"])
    assert math.isnan(numbers["sharpe_ratio"])


@pytest.mark.parametrize(
    ("conflict", "trades"),
    [("ignore", []), ("opposite", [(3, None)])],
)
def test_entry_and_exit_on_one_bar_while_flat(conflict, trades):
    # bar 3: 10 is above the mean of 5, 11, 10 for the first time, and below the mean of 11, 10
    course = reference.simulate([30.0, 5.0, 11.0, 10.0], (1, 3, 1, 2), Rules(conflict=conflict))
    assert [(t.opened, t.closed) for t in course.trades] == trades


@pytest.mark.parametrize(("conflict", "trades"), [("ignore", [(4, 8)]), ("opposite", [(4, 6)])])
def test_entry_and_exit_on_one_bar_while_holding(conflict, trades):
    # entries at 4 and 6, exits at 6 and 8: bar 6 is a conflict
    prices = [10.0, 9.0, 8.0, 8.0, 9.0, 8.0, 9.0, 8.0, 8.0]
    course = reference.simulate(prices, (1, 3, 2, 3), Rules(conflict=conflict))
    assert [(t.opened, t.closed) for t in course.trades] == trades
