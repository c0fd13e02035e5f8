"""Parts side by side: the same values count, whoever does them and whatever interrupts them."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmac.runtime.execution import parts as parts_module
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import Part, PartQueue, run_parts

COUNT = 40


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(parts_module, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(parts_module, "PATIENCE_SECONDS", 0.05)


class Enough:
    """A counter that has enough after some values of 1."""

    def __init__(self, most=None):
        self.most, self.ones = most, 0

    def __call__(self, value):
        self.ones += value >= 1
        return self.ones == self.most


def value_of(part):
    """Return 1 for every third part of "a", and for every part of "b"."""
    return float(part.sequence == "b" or part.number % 3 == 0)


def build_queue(most=5, count=COUNT, done=None):
    return PartQueue({"a": Enough(most), "b": Enough(most)}, {"a": count, "b": count}, done)


def always(threads):
    return lambda: WorkerDirective(threads)


def do_at_once(part, stop):
    return value_of(part)


EXPECTED = {"a": [value_of(Part("a", number)) for number in range(13)], "b": [1.0] * 5}


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_same_values_count_on_any_number_of_threads(threads):
    queue, random = build_queue(), np.random.default_rng(threads)
    waits = {Part(name, k): random.uniform(0, 2e-3) for name in "ab" for k in range(COUNT)}

    def work(part, stop):
        time.sleep(waits[part])
        return value_of(part)

    run_parts(queue, work, threads, always(threads))
    assert queue.values == EXPECTED
    assert queue.is_complete
    assert queue.size == queue.counted == 18


def test_without_an_early_end_all_parts_count():
    queue = build_queue(most=None, count=7)
    run_parts(queue, do_at_once, 3, always(3))
    assert queue.size == queue.counted == 14


@given(st.sets(st.builds(Part, st.sampled_from("ab"), st.integers(0, 2 * COUNT))))
def test_what_was_done_before_is_not_done_again(earlier):
    queue, done = build_queue(done={part: value_of(part) for part in earlier}), []

    def work(part, stop):
        done.append(part)
        return value_of(part)

    run_parts(queue, work, 1, always(1))
    assert queue.values == EXPECTED
    assert not earlier & set(done)
    assert len(done) == len(set(done))


def test_parts_that_are_of_no_use_any_more_are_stopped():
    """While part 5 of "b" is at work, the first five turn out to be enough."""
    queue, stopped = build_queue(), []
    at_work = threading.Event()

    def work(part, stop):
        if part == Part("b", 4):
            assert at_work.wait(60)
        if part == Part("b", 5):
            at_work.set()
            while not stop[0]:
                time.sleep(1e-3)
            stopped.append(part)
            return None
        return value_of(part)

    run_parts(queue, work, 2, always(2))
    assert stopped == [Part("b", 5)]
    assert queue.values == EXPECTED


def test_a_later_part_that_is_done_does_not_count():
    queue = build_queue(most=1)
    first, _ = queue.take()
    _, _ = queue.take()
    second, _ = queue.take()
    queue.record(second, 1.0)
    assert queue.values["a"] == []
    assert queue.swept == 1
    queue.record(first, 1.0)
    assert queue.values["a"] == [1.0]


@settings(max_examples=15)
@given(
    st.lists(st.builds(WorkerDirective, st.integers(1, 3), st.booleans()), max_size=12),
    st.integers(1, 3),
)
def test_directives_that_change_while_it_runs(directives, threads):
    queue, script = build_queue(), iter(directives)

    def work(part, stop):
        time.sleep(1e-3)
        return value_of(part)

    run_parts(queue, work, threads, lambda: next(script, WorkerDirective(threads)))
    assert queue.values == EXPECTED


def test_fewer_threads_work_when_the_monitor_says_so():
    queue, at_work, most = build_queue(most=None), [], []

    def work(part, stop):
        at_work.append(part)
        most.append(len(at_work))
        time.sleep(1e-3)
        at_work.remove(part)
        return value_of(part)

    run_parts(queue, work, 4, always(1))
    assert max(most) == 1


def endless(part, stop):
    """Do a part that ends only when it is stopped; two of each sequence end at once."""
    while part.number > 1 and not stop[0]:
        time.sleep(1e-3)
    return None if stop[0] else value_of(part)


def test_a_stop_ends_parts_that_take_long():
    queue = build_queue()
    run_parts(queue, endless, 2, lambda: WorkerDirective(2, stop=queue.counted == 4))
    assert not queue.is_complete
    assert queue.values == {"a": [1.0, 0.0], "b": [1.0, 1.0]}


def test_ctrl_c_ends_it_and_loses_nothing_that_is_done():
    queue = build_queue()

    def interrupt():
        if queue.counted == 4:
            raise KeyboardInterrupt
        return WorkerDirective(2)

    with pytest.raises(KeyboardInterrupt):
        run_parts(queue, endless, 2, interrupt)
    assert queue.values == {"a": [1.0, 0.0], "b": [1.0, 1.0]}


def test_an_error_of_a_part_ends_it():
    def work(part, stop):
        if part.number == 3:
            raise ZeroDivisionError
        return 0.0

    queue = build_queue()
    with pytest.raises(ZeroDivisionError):
        run_parts(queue, work, 2, always(2))
    assert queue.counted >= 6


@pytest.mark.parametrize(("seconds", "least", "most"), [(0.0, COUNT, COUNT), (60.0, 0, 0)])
def test_freed_memory_is_given_back_now_and_then(monkeypatch, seconds, least, most):
    trimmed = []
    monkeypatch.setattr(parts_module, "TRIM_SECONDS", seconds)
    monkeypatch.setattr(parts_module, "release_freed_memory", lambda: trimmed.append(1))
    queue = PartQueue({"b": lambda _: False}, {"b": COUNT})
    run_parts(queue, lambda part, _: value_of(part), 1, lambda: WorkerDirective(1))
    assert queue.is_complete and least <= len(trimmed) <= most
