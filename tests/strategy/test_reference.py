"""The reference against arithmetic done by hand: it must be right by itself."""

import math
from fractions import Fraction

import pytest

from qmac.strategy import reference
from qmac.strategy.rules import Rules

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


def test_averages_are_undefined_until_their_windows_exist():
    assert reference.compute_average("sma", [1.0, 2.0, 6.0], 2) == [None, 1.5, 4.0]
    hma = reference.compute_average("hma", [1.0, 2.0, 4.0, 8.0, 16.0], 4)
    assert hma[:4] == [None] * 4 and hma[4] is not None
    assert reference.compute_average("tema", [1.0, 2.0], 3) == [None, None]
    averages = reference.compute_averages([1.0, 2.0, 6.0], (1, 2, 1, 3), Rules(average="wma"))
    assert averages == {1: [1.0, 2.0, 6.0], 2: [None, 5 / 3, 14 / 3], 3: [None, None, 23 / 6]}


def test_averages_are_right_to_the_last_place():
    prices = [1e8 / 3, 1e-8 / 3, 1e8 / 7, 1e-8 / 7]
    exact = sum(Fraction(price) for price in prices[1:]) / 3
    assert reference.compute_average("sma", prices, 3)[3] == float(exact)


def test_sign():
    assert reference.sign(1.0, 1.0 + 2**-50) == 0
    assert reference.sign(1.0, 1.0 + 2**-40) == -1
    assert reference.sign(2.0, 1.0) == 1
    assert reference.sign(None, 1.0) is None


def test_one_round_trip_by_hand():
    # averages of 1 and 2 bars: above after a rise, below after a fall
    prices = [10.0, 9.0, 12.0, 15.0, 10.0, 9.0]
    rules = Rules(fees=0.01, slippage=0.02)
    simulation = reference.simulate(reference.Bars(prices), (1, 2, 1, 2), rules)
    shares = 100 / (12 * 1.02 * 1.01)
    cash = shares * 10 * 0.98 * 0.99
    assert [(t.opened, t.closed) for t in simulation.trades] == [(2, 4)]
    assert simulation.equity == pytest.approx([100, 100, shares * 12, shares * 15, cash, cash])
    numbers = reference.compute_metrics(simulation, rules, 252)
    assert numbers["total_return"] == pytest.approx(cash / 100 - 1)
    assert numbers["max_drawdown"] == pytest.approx(cash / (shares * 15) - 1)
    assert numbers["exposure"] == pytest.approx(2 / 6)
    assert numbers["win_rate"] == 0.0


def test_open_position_is_valued_at_the_last_close_without_cost():
    simulation = reference.simulate(
        reference.Bars([10.0, 9.0, 12.0, 15.0]), (1, 2, 1, 2), Rules(slippage=0.5)
    )
    assert simulation.trades[0].closed is None
    assert simulation.equity[-1] == pytest.approx(100 / (12 * 1.5) * 15)


def test_no_trade_leaves_ratios_undefined():
    numbers = reference.compute_metrics(
        reference.simulate(reference.Bars([5.0] * 10), (1, 2, 1, 3), Rules()), Rules(), 252
    )
    assert numbers["total_return"] == 0
    assert math.isnan(numbers["win_rate"])
    assert math.isnan(numbers["sharpe_ratio"])


@pytest.mark.parametrize(
    ("conflict", "trades"),
    [("ignore", []), ("opposite", [(3, None)])],
)
def test_entry_and_exit_on_one_bar_while_flat(conflict, trades):
    # bar 3: 10 is above the mean of 5, 11, 10 for the first time, and below the mean of 11, 10
    simulation = reference.simulate(
        reference.Bars([30.0, 5.0, 11.0, 10.0]), (1, 3, 1, 2), Rules(conflict=conflict)
    )
    assert [(t.opened, t.closed) for t in simulation.trades] == trades


@pytest.mark.parametrize(("conflict", "trades"), [("ignore", [(4, 8)]), ("opposite", [(4, 6)])])
def test_entry_and_exit_on_one_bar_while_holding(conflict, trades):
    # entries at 4 and 6, exits at 6 and 8: bar 6 is a conflict
    prices = [10.0, 9.0, 8.0, 8.0, 9.0, 8.0, 9.0, 8.0, 8.0]
    simulation = reference.simulate(reference.Bars(prices), (1, 3, 2, 3), Rules(conflict=conflict))
    assert [(t.opened, t.closed) for t in simulation.trades] == trades


# averages of 1 and 2 bars: an entry at bar 2, at a close of 12; no exit by signal before bar 9
RISING = [10.0, 9.0, 12.0, 12.1, 12.2, 12.3, 12.4, 12.5, 12.6]


@pytest.mark.parametrize(
    ("bar", "rules", "closed", "price"),
    [
        # (open, high, low) of bar 4, whose close is 12.2
        ((12.2, 12.2, 10.9), {"stop_loss": 0.05}, 4, 11.4),  # touched within the bar: at the stop
        ((11.0, 12.2, 10.9), {"stop_loss": 0.05}, 4, 11.0),  # opened below it: at the open
        ((12.2, 13.3, 12.2), {"take_profit": 0.1}, 4, 13.2),
        ((13.5, 13.6, 12.2), {"take_profit": 0.1}, 4, 13.5),
        # both: the one below comes first
        ((12.2, 13.3, 10.9), {"take_profit": 0.1, "stop_loss": 0.05}, 4, 11.4),
        ((13.5, 13.6, 10.9), {"take_profit": 0.1, "stop_loss": 0.05}, 4, 11.4),
        # the high counts from the next bar on, whose open is low
        ((12.2, 20.0, 18.0), {"trailing_stop": 0.1}, 5, 12.2),
        # like an exit by signal, slippage included
        ((12.2, 12.2, 12.2), {"max_bars": 2}, 4, 12.2 * 0.9),
        ((12.2, 12.2, 10.9), {"max_bars": 2, "stop_loss": 0.05}, 4, 11.4),
    ],
)
def test_which_exit_wins_on_a_bar(bar, rules, closed, price):
    opens = [10.0, *RISING[:-1]]
    highs = [max(pair) for pair in zip(opens, RISING, strict=True)]
    lows = [min(pair) for pair in zip(opens, RISING, strict=True)]
    opens[4], highs[4], lows[4] = bar
    bars = reference.Bars(RISING, opens, highs, lows)
    trade = reference.simulate(bars, (1, 2, 1, 2), Rules(slippage=0.1, **rules)).trades[0]
    assert (trade.opened, trade.closed) == (2, closed)
    assert trade.brought == pytest.approx(price)


def test_no_signal_acts_on_the_bar_of_a_stop():
    # entries at 2 and 5, no exit; the stop falls on bar 5, which is an entry too: then flat
    prices = [10.0, 9.0, 12.0, 13.0, 11.0, 11.3, 11.4]
    lows = [10.0, 9.0, 11.5, 12.0, 11.0, 10.0, 11.4]
    bars = reference.Bars(prices, None, None, lows)
    simulation = reference.simulate(bars, (1, 2, 1, 7), Rules(slippage=0, stop_loss=0.1))
    assert [(t.opened, t.closed) for t in simulation.trades] == [(2, 5)]
    assert simulation.trades[0].brought == pytest.approx(10.8)


def test_next_open_fills_at_the_open_after_the_signal():
    bars = reference.Bars([10.0, 9.0, 12.0, 15.0, 10.0, 9.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    simulation = reference.simulate(bars, (1, 2, 1, 2), Rules(slippage=0, fill="next_open"))
    assert [(t.opened, t.closed, t.paid, t.brought) for t in simulation.trades] == [
        (3, 5, 4.0, 6.0)
    ]


def test_ratios_by_hand():
    # bought at 10, sold at 12; then bought at 10 and sold at 9
    simulation = reference.Simulation(
        [100, 120, 120, 108], [True, False, True, False],
        [reference.Trade(0, 10, 10, 1, 12), reference.Trade(2, 10, 12, 3, 9)],
    )  # fmt: skip
    numbers = reference.compute_metrics(simulation, Rules(), 4)
    r = [0, 0.2, 0, -0.1]
    mean = sum(r) / 4
    assert numbers["sortino_ratio"] == pytest.approx(mean * 2 / math.sqrt(0.01 / 4))
    assert numbers["sharpe_ratio"] == pytest.approx(
        mean * 2 / math.sqrt(sum((x - mean) ** 2 for x in r) / 3)
    )
    assert numbers["omega_ratio"] == pytest.approx(2)
    assert numbers["max_drawdown"] == pytest.approx(-0.1)
    assert numbers["calmar_ratio"] == pytest.approx(0.8)
    assert (numbers["win_rate"], numbers["exposure"], numbers["average_bars"]) == (0.5, 0.5, 1)
    assert numbers["profit_factor"] == pytest.approx(20 / 12)
    assert numbers["expectancy"] == pytest.approx(4)
    assert numbers["simple_return"] == pytest.approx(0.1)
    assert (numbers["best_trade"], numbers["worst_trade"]) == pytest.approx((0.2, -0.1))
