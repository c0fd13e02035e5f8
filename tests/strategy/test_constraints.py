"""Constraints: conditions as text, bounds as numbers, and texts of bounds."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError
from qmac.strategy.constraints import (
    check_constraints,
    find_oddities,
    format_bounds,
    parse_conditions,
)
from qmac.strategy.defaults import DEFAULT_MIN_TRADES
from qmac.strategy.metrics import MEASURES


def test_conditions():
    assert parse_conditions([]) == {}
    assert parse_conditions(["total_trades >= 10", "max_drawdown>=-0.25"]) == {
        "total_trades": (10, math.inf),
        "max_drawdown": (-0.25, math.inf),
    }
    assert parse_conditions(["win_rate == 0.5"]) == {"win_rate": (0.5, 0.5)}
    assert parse_conditions(["total_trades > 10", "total_trades < 20"]) == {
        "total_trades": (11, 19)
    }
    low, high = parse_conditions(["exposure > 0.1", "exposure < 0.9", "exposure < 0.95"])[
        "exposure"
    ]
    assert low > 0.1 and high < 0.9 and low == pytest.approx(0.1) and high == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("total_trades", "is not understood"),
        ("win_rate >= x", "'x' is not a number"),
        ("win_rate => 1", "not understood"),
        ("total_trades > inf", "which no finite value satisfies"),
        ("total_trades < -inf", "which no finite value satisfies"),
        ("total_trades > 1e400", "which no finite value satisfies"),
        ("total_trades < nan", "not a number"),
    ],
)
def test_bad_conditions(text, says):
    with pytest.raises(OptionError, match=says):
        check_constraints(parse_conditions([text]), 0)


@pytest.mark.parametrize(
    "texts",
    [
        ["win_rate > 0.3"],
        ["win_rate >= 0.3", "win_rate < 1"],
        ["total_return > 0"],
        ["total_return < -0.05"],
        ["max_drawdown >= -0.2"],
        ["total_trades >= 11", "total_trades <= 19"],
        ["sharpe_ratio == 1.5"],
        ["omega_ratio < 1e+300"],
    ],
)
def test_bounds_are_shown_as_they_were_given(texts):
    ((metric, bounds),) = parse_conditions(texts).items()
    shown = [f"{metric} {sign} {number}" for sign, number in format_bounds(metric, bounds)]
    assert shown == (
        [texts[0].replace("==", ">="), texts[0].replace("==", "<=")] if "==" in texts[0] else texts
    )


@given(
    st.sampled_from(sorted(MEASURES)), st.sampled_from(["<", ">", "<=", ">="]), st.floats(-1e9, 1e9)
)
def test_shown_bounds_are_read_as_the_same(metric, sign, number):
    bounds = parse_conditions([f"{metric} {sign} {number!r}"])
    texts = [f"{metric} {shown} {limit}" for shown, limit in format_bounds(metric, bounds[metric])]
    assert parse_conditions(texts) == bounds


def test_the_least_number_of_trades_is_a_constraint():
    assert check_constraints(None, 0) == {}
    assert check_constraints({}, 3) == {"total_trades": (3.0, math.inf)}
    assert check_constraints({"total_trades": (5, 9)}, 3) == {"total_trades": (5.0, 9.0)}
    assert check_constraints({"win_rate": (None, 1)}, 1) == {
        "win_rate": (-math.inf, 1.0),
        "total_trades": (1.0, math.inf),
    }


def test_bounds_of_trades_replace_the_default():
    assert check_constraints(None, None) == {"total_trades": (DEFAULT_MIN_TRADES, math.inf)}
    assert check_constraints({"total_trades": (None, 3)}, None) == {"total_trades": (-math.inf, 3)}
    assert check_constraints({"total_trades": (2, None)}, None) == {"total_trades": (2, math.inf)}
    with pytest.raises(OptionError, match="contradict each other"):
        check_constraints({"total_trades": (None, 3)}, DEFAULT_MIN_TRADES)


@pytest.mark.parametrize(
    ("constraints", "says"),
    [
        (["total_trades >= 10"], "constraints must be a mapping, got list."),
        ({"win_rat": (0, 1)}, "unknown metric 'win_rat'. Did you mean 'win_rate'?"),
        ({"best_trade": (0.1, None)}, "It is computed for the best rows only."),
        ({"win_rate": 0.9}, "constraint on win_rate must be (lowest, highest), got 0.9."),
        ({"win_rate": (0, "x")}, "must be (lowest, highest), got (0, 'x')."),
        ({"win_rate": (math.nan, 1)}, "has a bound that is not a number"),
        ({"win_rate": (math.inf, None)}, "which no finite value satisfies"),
        ({"win_rate": (0.9, 0.1)}, "contradict each other: at least 0.9 and at most 0.1."),
        ({"total_trades": (None, 3)}, "contradict each other: at least 4 and at most 3."),
    ],
)
def test_bad_constraints(constraints, says):
    with pytest.raises(OptionError, match=re.escape(says)):
        check_constraints(constraints, 4)


EVERY, NO = "every combination", "no combination"
RANGES = {"max_drawdown": "in [-1, 0]", "win_rate": "in [0, 1]", "exposure": "in [0, 1]"}


@pytest.mark.parametrize(
    ("text", "holds", "fraction"),
    [
        ("max_drawdown < 0.05", EVERY, " For 5 %: max_drawdown > -0.05."),
        ("max_drawdown > -10", EVERY, " For 10 %: max_drawdown > -0.1."),
        ("max_drawdown <= 20", EVERY, " For 20 %: max_drawdown >= -0.2."),
        ("max_drawdown > 0", NO, ""),
        ("win_rate > 50", NO, " For 50 %: win_rate > 0.5."),
        ("win_rate < 60", EVERY, " For 60 %: win_rate < 0.6."),
        ("win_rate < -50", NO, ""),
        ("exposure >= 90", NO, " For 90 %: exposure >= 0.9."),
        ("exposure > 5000", NO, ""),
        ("total_return > -20", EVERY, " For 20 %: total_return > -0.2."),
        ("annualized_return < -3", NO, " For 3 %: annualized_return < -0.03."),
    ],
)
def test_a_bound_outside_of_a_metrics_range_is_odd(text, holds, fraction):
    (hint,) = find_oddities(check_constraints(parse_conditions([text]), 1))
    span = RANGES.get(text.split()[0], "of at least -1")
    assert hint == f"{text} holds for {holds}: it is a fraction {span}.{fraction}"


def test_one_value_outside_of_a_range_is_one_hint():
    (hint,) = find_oddities(check_constraints(parse_conditions(["win_rate == 50"]), 1))
    assert hint.startswith("win_rate >= 50 holds for no combination")


@pytest.mark.parametrize(
    "texts",
    [
        ["max_drawdown > -0.2", "win_rate >= 0.4", "win_rate <= 1", "exposure < 1"],
        ["max_drawdown <= 0", "max_drawdown >= -1", "total_return > 50", "total_return > -1"],
        ["sharpe_ratio > -5", "total_trades > -1", "profit_factor < 99", "simple_return < -7"],
    ],
)
def test_bounds_within_the_range_are_not_odd(texts):
    assert find_oddities(check_constraints(parse_conditions(texts), 1)) == []


@pytest.mark.parametrize("bounds", ["12", {1, 2}, {0: 1, 1: 2}, (True, None), ("0.1", None), 5])
def test_bounds_are_a_pair_of_numbers(bounds):
    with pytest.raises(OptionError, match=r"win_rate must be \(lowest, highest\), got"):
        check_constraints({"win_rate": bounds}, 0)
