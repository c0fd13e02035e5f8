"""The monitor of random markets: what it shows, and how it ends a run."""

import math

import pytest
from helpers.monitors import Machine

from qmac.errors import Stopped
from qmac.robustness.luck.store import MemoryLuckStore
from qmac.robustness.markets import monitor as luck_monitor
from qmac.robustness.markets.monitor import LuckMonitor
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import PartQueue
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits


def build(listener=None, limits=None, threads=8, markets=4):
    queue = PartQueue({"shuffle": lambda _: False}, {"shuffle": markets})
    governor = Governor(limits or Limits(), Machine(), 8)
    store = MemoryLuckStore()
    return queue, LuckMonitor("SPY", 100, queue, store, governor, listener, threads)


def test_it_shows_how_far_it_is():
    shown = []
    queue, monitor = build(shown.append)
    assert monitor() == WorkerDirective(8)
    part, _ = queue.take()
    queue.record(part, 0.5)
    monitor()
    assert [status.done for status in shown] == [0, 100]
    assert shown[-1].size == 400
    assert [status.place for status in shown] == [f"{done} of 4 random markets" for done in (0, 1)]
    assert shown[-1].rate > 0
    assert math.isnan(shown[-1].best)


def test_the_speed_is_that_of_now(monkeypatch):
    """Not the mean since the start, when kernels were compiled; it stays between two markets."""
    now, shown = [1000.0], []
    monkeypatch.setattr(luck_monitor.time, "perf_counter", lambda: now[0])
    queue, monitor = build(shown.append, threads=1, markets=30)
    monitor()
    now[0] += 60
    for _ in range(20):
        now[0] += 2
        part, _ = queue.take()
        queue.record(part, 0.5)
        monitor()
    assert shown[-1].rate == pytest.approx(100 / 2)
    assert shown[-1].left == pytest.approx(20)
    now[0] += 1.9
    monitor()
    assert shown[-1].rate == shown[-2].rate


def test_no_more_threads_work_than_fit():
    assert build(threads=3)[1]().threads == 3


def test_a_limit_of_time_ends_it():
    _, monitor = build(limits=Limits(max_time=1e-9))
    assert monitor().stop
    with pytest.raises(Stopped, match="after 0 of 4 sweeps of random markets: max_time"):
        monitor.end()


def test_all_that_is_done_is_no_stop():
    queue, monitor = build()
    while (taken := queue.take()) is not None:
        queue.record(taken[0], 0.5)
    monitor.end()
