"""What is asked of every combination: conditions as text, scores as values."""

import math

import pytest

from qmac.errors import OptionError
from qmac.objective import MEASURES, Objective, parse_conditions, score_of_value


def test_conditions():
    assert parse_conditions([]) == {}
    assert parse_conditions(["total_trades >= 10", "max_drawdown>=-0.25"]) == {
        "total_trades": (10, math.inf),
        "max_drawdown": (-0.25, math.inf),
    }
    assert parse_conditions(["win_rate == 0.5"]) == {"win_rate": (0.5, 0.5)}
    assert parse_conditions(["total_trades > 10", "total_trades < 20"]) == {"total_trades": (11, 19)}
    low, high = parse_conditions(["exposure > 0.1", "exposure < 0.9", "exposure < 0.95"])["exposure"]
    assert low > 0.1 and high < 0.9 and low == pytest.approx(0.1) and high == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("total_trades", "is not understood"),
        ("win_rate >= x", "'x' is not a number"),
        ("win_rate => 1", "not understood"),
    ],
)
def test_bad_conditions(text, says):
    with pytest.raises(OptionError, match=says):
        parse_conditions([text])


@pytest.mark.parametrize("metric", MEASURES)
def test_scores_are_values_in_another_form(metric):
    objective = Objective(metric, maximize=True, years=3.5)
    for value in (-0.5, 0.0, 0.25):
        assert objective.value(score_of_value(metric, value, 3.5)) == pytest.approx(value)
