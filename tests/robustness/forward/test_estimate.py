"""The estimate of a walk-forward: folds, sweeps, time, memory, disk."""

import qmac
from qmac.robustness.forward.estimate import estimate_forward
from qmac.robustness.forward.folds import Layout
from qmac.robustness.forward.walk_forward import Walk
from qmac.runtime.resources.limits import Limits
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))


def test_it_counts_what_is_swept():
    prices = qmac.sample_prices().tail(300)
    request = check_request(GRID, "total_return", None, 100, 1)
    walk = Walk.prepare(prices, request, Layout.check(100, 60))
    one = estimate_forward({"sp500": walk}, Limits(), 1)
    assert (one.folds, one.sweeps, one.combinations) == (3, 6, GRID.size)
    assert one.seconds > 0 and one.memory > 0 and one.train.combinations == GRID.size
    assert f"in each of 6 sweeps, {6 * GRID.size:,} in all" in one.lines[1]
    assert f"{one.left_over} bars left over" in one.lines[0]
    two = estimate_forward({"a": walk, "b": walk}, Limits(), 1)
    assert two.folds == 6 and "6 of 2 symbols" in two.lines[0]
    assert one.to_dict()["train"]["combinations"] == GRID.size


def test_weights_of_each_sweep_also_where_a_test_is_the_next_train():
    prices = qmac.sample_prices().tail(300)
    request = check_request(GRID, "total_return", None, 100, 1)
    walk = Walk.prepare(prices, request, Layout.check(100, 60))
    assert len(walk.weights) == 6 and sum(walk.weights.values()) == 3 * (100 + 160)
    walk = Walk.prepare(prices, request, Layout.check(100, 100))
    assert len(walk.weights) == 2 * len(walk.folds.folds)
