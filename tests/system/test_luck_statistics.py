"""How often luck finds what is not there, and what is, by the path of every user: `make test-long`.

Markets are those of `make truth`. A rate of 5 % of 400 markets has a standard error of 1.1 points.
"""

import functools
import sys
from pathlib import Path

import pytest
from helpers.faults import LONG

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.markets import INDEPENDENT, MARKETS, plant_trends
from benchmarks.truth import OBJECTIVES, compute_chi2, compute_ps, count_rejections

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not LONG, reason="with make test-long")]
WALKS = 400
MOST_REJECTIONS = 0.072
"""Two standard errors above 5 %."""


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_p_of_shuffle_is_uniform_on_independent_moves(objective):
    ps = compute_ps(
        MARKETS[INDEPENDENT], 1000, objective, range(WALKS), nulls=("shuffle",), stop_after=None
    )
    shuffle, _ = count_rejections(ps)
    assert 0.028 <= shuffle <= MOST_REJECTIONS
    assert compute_chi2(ps[:, 0]) < 21.7  # 9 degrees of freedom, 1 %


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", [name for name in MARKETS if name != INDEPENDENT])
def test_the_larger_p_finds_nothing_where_nothing_is(name, objective):
    ps = compute_ps(MARKETS[name], 1000, objective, range(WALKS))
    assert count_rejections(ps)[-1] <= MOST_REJECTIONS


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_planted_trends_are_found(objective):
    ps = compute_ps(
        functools.partial(plant_trends, drift=0.0015, duration=60), 2000, objective, range(100)
    )
    assert count_rejections(ps)[-1] >= 0.45
