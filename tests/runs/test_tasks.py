"""The key of a task is that of its symbol, if it is all, and no two tasks share one."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.runs.tasks import Task
from qmac.storage.directories import safe_name

names = st.text(min_size=1, max_size=12) | st.sampled_from(["SPY", "spy", "SPY@R1", "2001-01-02"])
dates = st.sampled_from(["2001-01-02", "2005-12-30", "2005-12-30 16:00:00+00:00"])
tasks = st.builds(
    Task, names, st.none() | st.tuples(dates, dates), st.none() | st.integers(0, 10_000)
)


@pytest.mark.slow
@given(names)
def test_a_task_that_is_only_a_symbol_is_named_as_before(symbol):
    assert (Task(symbol).key, Task(symbol).name) == (safe_name(symbol), symbol)


@given(tasks, tasks)
def test_no_two_tasks_share_a_key_on_any_file_system(one, other):
    assert (one.key.lower() == other.key.lower()) == (one == other)
    assert not set('/\\:*?"<>| \n') & set(one.key)


def test_tasks_are_ordered_by_symbol_period_and_resample():
    period = ("2001-01-02", "2005-12-30")
    ordered = [
        Task("A"),
        Task("A", resample=0),
        Task("A", resample=10),
        Task("A", period),
        Task("A", period, 2),
        Task("B"),
    ]
    random.Random(0).shuffle(mixed := list(ordered))
    assert sorted(mixed) == ordered
    assert len(set(ordered)) == len(ordered)


def test_the_name_says_what_is_special():
    task = Task("SPY", ("2001-01-02", "2005-12-30"), 3)
    assert task.name == "SPY 2001-01-02 to 2005-12-30 resample 3"
