"""What is asked of every combination: conditions as text, scores as values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError
from qmac.strategy.constraints import check_constraints, limits_of, parse_conditions
from qmac.strategy.metrics import LOGARITHMS, MEASURES
from qmac.strategy.objective import Objective, score_bounds, score_of_value


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
        ("total_trades > inf", "which no finite value keeps"),
        ("total_trades < -inf", "which no finite value keeps"),
        ("total_trades > 1e400", "which no finite value keeps"),
        ("total_trades < nan", "not a number"),
    ],
)
def test_bad_conditions(text, says):
    with pytest.raises(OptionError, match=says):
        check_constraints(parse_conditions([text]), 0)


@pytest.mark.parametrize("metric", MEASURES)
def test_scores_are_values_in_another_form(metric):
    objective = Objective(metric, maximize=True, years=3.5)
    for value in (-0.5, 0.0, 0.25):
        assert objective.value(score_of_value(metric, value, 3.5)) == pytest.approx(value)


@pytest.mark.parametrize("metric", LOGARITHMS)
@pytest.mark.parametrize("years", [120 / 525_960, 3.5])
@pytest.mark.parametrize(
    "text",
    ["> 0", ">= 0", "< 0", "<= 0", "> 0.05", "<= 0.05", "> -0.3", "< 1e-300", ">= 1e300", "> -1"],
)
def test_bounds_are_of_values(metric, years, text):
    """Scores that keep them are those whose values do, to the last one."""
    low, high = score_bounds(metric, *parse_conditions([f"{metric} {text}"])[metric], years)
    assert low > -math.inf or high < math.inf
    objective, (sign, limit) = Objective(metric, True, years), text.split()
    for edge in (low, high):
        for score in (math.nextafter(edge, -math.inf), edge, math.nextafter(edge, math.inf)):
            value, limit = objective.value(score), float(limit)
            holds = {
                ">": value > limit,
                ">=": value >= limit,
                "<": value < limit,
                "<=": value <= limit,
            }[sign]
            assert holds == (low <= score <= high), (score, value)


def test_bounds_of_no_value():
    assert score_bounds("total_return", -2.0, -1.5, 1.0) == (-math.inf, -math.inf)
    assert score_bounds("total_return", -math.inf, math.inf, 1.0) == (-math.inf, math.inf)


@pytest.mark.parametrize("metric", MEASURES)
@pytest.mark.parametrize("years", [1e-9, 120 / 525_960, 1.0, 300.0])
def test_the_highest_score_is_the_last_of_a_finite_value(metric, years):
    objective = Objective(metric, True, years)
    assert math.isfinite(objective.value(objective.highest))
    assert math.isinf(objective.value(math.nextafter(objective.highest, math.inf)))


@pytest.mark.parametrize(
    "texts",
    [
        ["win_rate > 0.3"], ["win_rate >= 0.3", "win_rate < 1"], ["total_return > 0"], ["total_return < -0.05"],
        ["max_drawdown >= -0.2"], ["total_trades >= 11", "total_trades <= 19"], ["sharpe_ratio == 1.5"], ["omega_ratio < 1e+300"],
    ],
)  # fmt: skip
def test_bounds_are_shown_as_they_were_given(texts):
    ((metric, bounds),) = parse_conditions(texts).items()
    shown = [f"{metric} {sign} {number}" for sign, number in limits_of(metric, bounds)]
    assert shown == (
        [texts[0].replace("==", ">="), texts[0].replace("==", "<=")] if "==" in texts[0] else texts
    )


@given(
    st.sampled_from(sorted(MEASURES)), st.sampled_from(["<", ">", "<=", ">="]), st.floats(-1e9, 1e9)
)
def test_shown_bounds_are_read_as_the_same(metric, sign, number):
    bounds = parse_conditions([f"{metric} {sign} {number!r}"])
    texts = [f"{metric} {shown} {limit}" for shown, limit in limits_of(metric, bounds[metric])]
    assert parse_conditions(texts) == bounds
