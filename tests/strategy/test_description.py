"""The line that says a run's settings."""

import pytest

import qmac
from qmac.strategy.description import describe_briefly, describe_costs, describe_settings

GRID = qmac.Grid(windows=range(2, 9))


def test_the_full_line_has_the_common_rules():
    line = describe_settings("total_return", GRID, qmac.Rules())
    assert line == (
        "highest total_return, windows 2:8, fees 0, slippage 0.0025, sma, fill close, "
        "conflict ignore"
    )
    rules = qmac.Rules(average="ema", stop_loss=0.1, end="2012-01-04")
    line = describe_settings("max_drawdown", GRID, rules, maximize=False)
    assert line.startswith("lowest max_drawdown, ") and " ema, " in line
    assert line.endswith(", end 2012-01-04, stop_loss 0.1")
    bounds = {"win_rate": (0.4, 0.9), "total_trades": (5.0, None)}
    line = describe_settings("total_return", GRID, qmac.Rules(), constraints=bounds)
    assert line.startswith(
        "highest total_return, win_rate >= 0.4, win_rate <= 0.9, total_trades >= 5, windows 2:8, "
    )


def test_averages_of_the_users_own_are_named():
    assert ", own, fill" in describe_settings("total_return", GRID, qmac.Rules(), average="own")


def test_the_brief_line_has_what_is_not_the_default():
    assert describe_briefly("total_return", GRID, qmac.Rules()) == "total_return, 2:8"
    rules = qmac.Rules(slippage=0, fill="next_open")
    line = describe_briefly("win_rate", GRID, rules, maximize=False)
    assert line == "lowest win_rate, 2:8, slippage 0.0, fill next_open"


@pytest.mark.parametrize("describe", [describe_settings, describe_briefly])
def test_windows_that_differ_are_named_by_average(describe):
    grid = qmac.Grid(
        buy_fast=[2, 3], buy_slow=[8, 9], sell_fast=[2], sell_slow=[9], shared_windows=True
    )
    line = describe("total_return", grid, qmac.Rules())
    assert "buy_fast 2,3, buy_slow 8,9, sell_fast 2, sell_slow 9, shared windows" in line


def test_costs_are_those_of_a_round_trip():
    rules = qmac.Rules(slippage=0.0025, fees=0.001)
    assert describe_costs(qmac.Rules()) == "Each round trip costs 0.5 %."
    assert describe_costs(rules) == "Each round trip costs 0.7 %."
    assert describe_costs(qmac.Rules(slippage=0)) == "Trading costs nothing."
