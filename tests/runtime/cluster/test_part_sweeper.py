"""Parts on a node: lease after lease without a gap, and an end to each of them."""

import threading
import time

import pytest

from qmac.runtime.cluster import part_sweeper
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.cluster.part_sweeper import PartLayout, PartSweeper
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import Part

LAYOUT = PartLayout({"a": 6, "b": 4})


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(part_sweeper, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(part_sweeper, "PATIENCE_SECONDS", 0.05)


class Work:
    """Parts whose values are their numbers; what is named in ``held`` waits until it is let go."""

    def __init__(self, held=(), seconds=0.0):
        self.held, self.seconds = {part: threading.Event() for part in held}, seconds
        self.began, self.stopped = [], []
        self.at_work = self.most = 0

    def compute(self, part, stop):
        self.began.append(part)
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        time.sleep(self.seconds)
        try:
            while part in self.held and not self.held[part].is_set():
                if stop[0]:
                    self.stopped.append(part)
                    return None
                time.sleep(0.001)
        finally:
            self.at_work -= 1
        return float(part.number)


class Bad(Work):
    def compute(self, part, stop):
        if part.number == 1:
            raise ZeroDivisionError
        return super().compute(part, stop)


def build(work, threads=2, direct=None):
    return PartSweeper(work, LAYOUT, threads, direct or (lambda: WorkerDirective(threads)))


def begin(sweeper, *lease):
    """Work on a lease in another thread; a function that returns the result."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(sweeper.work(Lease(lease[0], "n", *lease[1:])))
    )
    thread.start()

    def end():
        thread.join(60)
        return results[0]

    return end


def until(condition):
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_places_are_numbers_of_sequences_one_after_the_other():
    parts = [LAYOUT.find_part(place) for place in range(LAYOUT.size)]
    assert parts == [Part("a", k) for k in range(6)] + [Part("b", k) for k in range(4)]
    with pytest.raises(IndexError):
        LAYOUT.find_part(10)


def test_a_lease_brings_the_values_of_its_parts():
    sweeper = build(Work(seconds=0.002))
    result = sweeper.work(Lease(7, "n", 2, 8))
    assert result.cells == ((2, 8),)
    assert result.values == {2: 2.0, 3: 3.0, 4: 4.0, 5: 5.0, 6: 0.0, 7: 1.0}
    assert 0.006 <= result.seconds < 1
    assert sweeper.progress == (7, 6)


def test_the_next_lease_begins_while_the_last_parts_of_one_are_under_way():
    work = Work(held=[Part("a", 1)])
    sweeper = build(work)
    first = begin(sweeper, 1, 0, 2)
    until(lambda: sweeper.progress == (1, 1))
    second = begin(sweeper, 2, 6, 8)
    assert second().values == {6: 0.0, 7: 1.0}
    assert sweeper.progress == (1, 1)
    work.held[Part("a", 1)].set()
    assert first().cells == ((0, 2),)


def test_a_recall_ends_all_leases_after_the_parts_under_way(monkeypatch):
    monkeypatch.setattr(part_sweeper, "PATIENCE_SECONDS", 60.0)
    work = Work(held=[Part("a", 0), Part("a", 1)])
    sweeper = build(work)
    first = begin(sweeper, 1, 0, 6)
    until(lambda: len(work.began) == 2)
    leases = first, begin(sweeper, 2, 6, 10)
    sweeper.recall()
    for event in work.held.values():
        event.set()
    assert [lease().cells for lease in leases] == [((0, 2),), ()]
    assert sweeper.work(Lease(3, "n", 6, 10)).cells == ()
    sweeper.start_over()
    assert sweeper.work(Lease(1, "n", 6, 10)).cells == ((6, 10),)


def test_a_part_that_takes_too_long_after_a_recall_is_stopped():
    work = Work(held=[Part("a", 1)])
    sweeper = build(work)
    lease = begin(sweeper, 1, 0, 2)
    until(lambda: len(work.began) == 2)
    sweeper.recall()
    assert lease().cells == ((0, 1),)
    assert work.stopped == [Part("a", 1)]


def test_a_lease_that_is_dropped_ends_at_once_and_others_do_not():
    work = Work(held=[Part("a", 0), Part("b", 0)])
    sweeper = build(work)
    first = begin(sweeper, 1, 0, 6)
    until(lambda: Part("a", 0) in work.began)
    second = begin(sweeper, 2, 6, 10)
    until(lambda: sweeper.progress[1] == 5 or len(work.began) >= 2)
    sweeper.drop(1)
    sweeper.drop(3)
    first()
    assert Part("a", 0) in work.stopped
    work.held[Part("b", 0)].set()
    assert second().cells == ((6, 10),)
    assert sweeper.work(Lease(3, "n", 0, 6)).cells == ()  # it came after it was dropped
    assert sweeper.work(Lease(4, "n", 4, 6)).cells == ((4, 6),)


def test_another_run_and_the_end_stop_what_is_under_way():
    work = Work(held=[Part("a", 0)])
    sweeper = build(work)
    for end in (sweeper.start_over, sweeper.close):
        lease = begin(sweeper, 1, 0, 1)
        until(lambda: work.at_work == 1)
        end()
        assert lease().cells == ()


def test_a_part_that_fails_is_an_error_of_its_lease_alone():
    sweeper = build(Bad())
    with pytest.raises(ZeroDivisionError):
        sweeper.work(Lease(1, "n", 0, 6))
    assert sweeper.work(Lease(2, "n", 2, 6)).cells == ((2, 6),)


def test_the_governor_says_how_many_work_and_when():
    work, directives = Work(seconds=0.002), iter([WorkerDirective(2, pause=True)] * 20)
    sweeper = build(work, 4, lambda: next(directives, WorkerDirective(2)))
    assert sweeper.work(Lease(1, "n", 0, 10)).cells == ((0, 10),)
    assert work.most <= 2
    stopped = build(Work(), 2, lambda: WorkerDirective(2, stop=True))
    assert stopped.work(Lease(1, "n", 0, 10)).values == {}
