"""Sweeps of random markets side by side: what is swept, stored, and refused."""

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, ResultError, Stopped
from qmac.robustness.luck.store import MemoryLuckStore
from qmac.robustness.markets.resample_run import ResampleRun, check_result
from qmac.robustness.markets.resample_sweep import RandomMarkets
from qmac.runtime.execution.parts import Part, PartQueue
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.machine import available_cpus

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 40, 50, 60, 70, 80))


class Records(MemoryLuckStore):
    """Remembers what it is handed."""

    def __init__(self):
        self.added = []

    def add(self, record):
        self.added.append(record)


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES, GRID, top=3)


def build(result, store, **limits):
    markets = RandomMarkets(PRICES, result.request, ("mirror",), seed=1)
    executor = ThreadExecutor(int(min(2, available_cpus())))
    return ResampleRun("SPY", markets, store, Limits(**limits), executor, None)


def build_queue(listener=None):
    return PartQueue({"mirror": lambda _: False}, {"mirror": 6}, listener=listener)


def test_scores_are_counted_in_their_order_and_stored(result):
    store = Records()
    run = build(result, store)
    queue = build_queue(run.record)
    assert run.run(queue) == []
    alone = [run.markets.compute(Part("mirror", k), np.zeros(1, np.uint8)) for k in range(6)]
    assert queue.values["mirror"] == alone
    assert sorted(store.added) == [("mirror", k, score) for k, score in enumerate(alone)]
    run.run(queue)  # nothing is left
    assert len(store.added) == 6


def test_limits_end_it(result):
    queue = build_queue()
    with pytest.raises(Stopped, match="of 6 sweeps of random markets"):
        build(result, Records(), max_time=1e-9).run(queue)
    assert not queue.is_complete
    with pytest.raises(OptionError, match="memory"):
        build(result, Records(), memory="2MiB").run(queue)


def test_results_are_checked(result):
    assert check_result(result).task == "SPY"
    for bad, error in ((3, OptionError), (result.__class__, OptionError)):
        with pytest.raises(error, match=r"qmac\.optimize"):
            check_result(bad)
    nothing = qmac.optimize(PRICES, GRID, constraints={"total_trades": (999, None)})
    with pytest.raises(ResultError, match="no combination was scored"):
        check_result(nothing)
