"""Scores of the sweep against values of the metric."""

import math
import re

import pytest

from qmac.errors import OptionError
from qmac.strategy.constraints import parse_conditions
from qmac.strategy.metrics import LOGARITHMS, MEASURES
from qmac.strategy.objective import Objective, check_objective, compute_score, score_bounds


@pytest.mark.parametrize("metric", MEASURES)
def test_scores_are_values_in_another_form(metric):
    objective = Objective(metric, maximize=True, years=3.5)
    for value in (-0.5, 0.0, 0.25):
        assert objective.value(compute_score(metric, value, 3.5)) == pytest.approx(value)


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


@pytest.mark.parametrize("metric", MEASURES)
def test_objectives_that_the_sweep_computes(metric):
    assert check_objective(metric) == metric


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("sharp", "objective 'sharp' is not known. Did you mean 'sharpe_ratio'?"),
        (
            "best_trade",
            "'best_trade' cannot be ranked by. It is computed for the best rows only. Use one of",
        ),
        (["total_return"], "is not known"),
        (None, "objective None is not known"),
    ],
)
def test_bad_objectives(metric, says):
    with pytest.raises(OptionError, match=re.escape(says)):
        check_objective(metric)
