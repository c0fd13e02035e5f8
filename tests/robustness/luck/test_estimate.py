"""How long random markets take, about."""

import pytest
from helpers.series import frame, series

import qmac
from qmac.jobs.job import Job
from qmac.robustness.luck.estimate import (
    Duration,
    add_durations,
    estimate_duration,
    estimate_luck,
)
from qmac.robustness.luck.search import Plan
from qmac.strategy.request import check_request


def test_it_is_longer_with_more_of_everything():
    plan = Plan.check()
    one = estimate_duration(1.0, 1000, "total_return", plan, 1)
    assert 0 < one.low < one.high
    assert estimate_duration(2.0, 1000, "total_return", plan, 1).high > one.high
    assert estimate_duration(1.0, 2000, "total_return", plan, 1).high > one.high
    assert estimate_duration(1.0, 1000, "total_return", plan, 2).high == one.high / 2
    assert (
        estimate_duration(1.0, 1000, "total_return", Plan.check(nulls="mirror"), 1).high
        == one.high / 2
    )
    assert estimate_duration(1.0, 1000, "sharpe_ratio", plan, 1).high > one.high
    never = estimate_duration(1.0, 1000, "total_return", Plan.check(stop_after=None), 1)
    assert never.low == never.high == one.high


def test_words():
    assert Duration(0.1, 0.5).text == "1 s"
    assert Duration(30, 120).text == "30 s to 2 min"
    assert add_durations([Duration(1, 2), Duration(3, 4)]) == Duration(4, 6)


@pytest.mark.parametrize("count", [1, 2])
def test_of_a_job(count):
    grid = qmac.Grid(windows=(2, 3, 5, 8, 13))
    prices = {name: qmac.Prices.of(frame(series("random", 300, 4)), name) for name in "AB"[:count]}
    estimate = estimate_luck(Job(prices, check_request(grid)), Plan.check(19), qmac.Limits(), 1)
    assert (estimate.combinations, estimate.resamples) == (grid.size, 38)
    assert estimate.memory > 0 and estimate.duration.high > 0
    assert estimate.to_dict()["symbols"] == count
    text = "\n".join(estimate.lines)
    assert f"{38 * count * grid.size:,} in all" in text
    assert ("for each of 2 symbols" in text) == (count == 2)
