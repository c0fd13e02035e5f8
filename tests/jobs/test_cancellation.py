"""A cancellation: what it ends, and when."""

import pytest

import qmac
from qmac.errors import Stopped
from qmac.jobs.cancellation import CancellableExecutor
from qmac.runtime.execution.executor import SerialExecutor


def test_a_cancellation_acts_once_it_is_attached():
    calls = []
    cancellation = qmac.Cancellation()
    cancellation.attach(lambda: calls.append("attached"))
    cancellation.cancel()
    cancellation.attach(None)
    cancellation.cancel()
    assert calls == ["attached"]
    cancellation.attach(lambda: calls.append("late"))
    assert calls == ["attached", "late"]


def test_a_map_ends_at_a_cancellation():
    cancellation, done = qmac.Cancellation(), []

    def work(item):
        done.append(item)
        if item == 2:
            cancellation.cancel()

    executor = CancellableExecutor(SerialExecutor(), cancellation)
    with pytest.raises(Stopped):
        list(executor.map(work, range(9)))
    assert done == [0, 1, 2]
