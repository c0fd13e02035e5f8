"""Pauses between requests, further tries, and an end of them."""

import pytest

from qmac.data.sources import request_queue
from qmac.data.sources.request_queue import RequestQueue
from qmac.errors import SourceBusyError, SourceError

pytestmark = pytest.mark.slow


@pytest.fixture
def waits(monkeypatch):
    """Waits, on a clock that only they move."""
    waited = []
    monkeypatch.setattr(request_queue.time, "monotonic", lambda: sum(waited))
    monkeypatch.setattr(request_queue.time, "sleep", waited.append)
    return waited


def fail_at_first(times, error=None):
    """Return a request that fails so often, and the list of its tries."""
    tries = []

    def send():
        tries.append(1)
        if len(tries) <= times:
            raise error or SourceBusyError("busy")
        return "answer"

    return send, tries


def test_a_busy_source_is_tried_again_after_longer_and_longer_waits(waits):
    send, tries = fail_at_first(3)
    assert RequestQueue(0).call(send) == "answer"
    assert len(tries) == 4 and waits == [1, 2, 4]


def test_the_last_fault_ends_the_queue_for_all_requests_after_it(waits):
    queue = RequestQueue(0)
    send, tries = fail_at_first(99)
    with pytest.raises(SourceBusyError):
        queue.call(send)
    other, others = fail_at_first(0)
    with pytest.raises(SourceBusyError):
        queue.call(other)
    assert len(tries) == 4 and not others


def test_a_fault_that_does_not_pass_is_not_tried_again(waits):
    queue = RequestQueue(0)
    send, tries = fail_at_first(1, SourceError("no symbol X"))
    with pytest.raises(SourceError):
        queue.call(send)
    assert len(tries) == 1 and waits == [] and queue.call(send) == "answer"


def test_requests_are_apart(waits):
    queue = RequestQueue(0.5)
    for _ in range(3):
        queue.call(lambda: None)
    assert waits == [0.5, 0.5]
