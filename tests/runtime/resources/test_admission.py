"""Admission control: no thread is admitted whose memory does not fit."""

import pickle

import pytest
from helpers.readings import LIMIT, MIB, readings, used
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError, OutOfMemoryError, PricesError
from qmac.runtime.resources import admission
from qmac.runtime.resources.admission import (
    MemoryRefusal,
    Shortage,
    admit,
    build_memory_check,
    check_memory,
    find_headrooms,
    find_least_headroom,
)
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Reading


def test_headroom_is_what_binds_first():
    reading = used(0.5, rss=100 * MIB, available=200 * MIB, total=8 * 2**30)
    assert find_least_headroom(Limits(), reading) == (
        200 * MIB,
        8 * 2**30,
        "the memory of this machine",
    )
    assert find_least_headroom(Limits(memory=250 * MIB), reading) == (
        150 * MIB,
        250 * MIB,
        "the limit set with memory",
    )
    assert find_least_headroom(Limits(), used(0.75)) == (
        150 * MIB,
        LIMIT,
        "the limit of the cgroup",
    )
    assert find_least_headroom(Limits(), used(2)) == (0, LIMIT, "the limit of the cgroup")
    assert find_least_headroom(Limits(), Reading(moment=0, cpus=1, affinity=1)) is None


@pytest.mark.parametrize(
    ("base", "each", "threads"),
    [(0, 0, 8), (0, 30, 8), (0, 40, 6), (100, 40, 3), (100, 140, 1), (200, 40, 1), (240, 0, 8)],
)
def test_admitted_threads(base, each, threads):
    assert (
        admit(Limits(), used(0.5), base * MIB, each * MIB, 8) == threads
    )  # 540 MiB less 300 MiB in use


def test_not_even_one_thread():
    says = (
        "The run needs 812 MiB with one thread, of which 300 MiB are in use already, but 600 MiB "
        "is the limit of the cgroup and 540 MiB of it may be used. Raise the limit to 903 MiB, "
        "or use fewer windows, or a smaller top."
    )
    with pytest.raises(OptionError) as caught:
        admit(Limits(), used(0.5), 500 * MIB, 12 * MIB, 8)
    assert str(caught.value) == says
    with pytest.raises(OptionError, match="400 MiB is the limit set with memory and 360 MiB of it"):
        admit(Limits(memory=400 * MIB), used(0, rss=350 * MIB), 0, 11 * MIB, 8)
    with pytest.raises(
        OptionError, match="needs 91 MiB .* 100 MiB is what this machine has available and 90 MiB"
    ):
        admit(Limits(), used(0, available=100 * MIB, total=2**33), 0, 91 * MIB, 8)


@pytest.mark.parametrize(
    ("reading", "is_shortage"),
    [
        (used(0.5, memory_of_others=200 * MIB), True),
        (used(0.5, memory_of_others=20 * MIB), False),
        (used(0.5), False),
        (used(0, available=100 * MIB, total=2**33, rss=50 * MIB), True),
        (used(0, available=100 * MIB, total=300 * MIB, rss=50 * MIB), False),
        # two limits, of which one never admits it
        (used(0.5, memory_of_others=200 * MIB, available=2**33, total=2**33, rss=MIB), True),
        (used(0.5, memory_of_others=2**30, available=200 * MIB, total=300 * MIB, rss=MIB), False),
    ],
)
def test_what_others_hold_may_come_back(reading, is_shortage):
    with pytest.raises(OptionError) as caught:
        admit(Limits(), reading, 250 * MIB, 100 * MIB, 8)
    assert isinstance(caught.value, Shortage) == is_shortage
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and type(again) is type(caught.value)


def test_a_machine_that_says_nothing_admits_all():
    assert admit(Limits(), Reading(moment=0, cpus=1, affinity=1), 2**50, 2**50, 8) == 8


@given(readings, st.integers(0, 300 * MIB), st.integers(0, 300 * MIB), st.integers(1, 60))
def test_what_is_admitted_fits(reading, base, each, threads):
    try:
        admitted = admit(Limits(), reading, base, each, threads)
    except OptionError:
        return
    assert 1 <= admitted <= threads
    assert reading.memory_used + base + admitted * each <= 0.9 * LIMIT


def test_a_share_of_a_huge_limit_is_one_of_what_is_ample():
    (headroom,) = find_headrooms(Limits(), used(0, memory_limit=2**40, memory_used=2**40 - 2**33))
    assert headroom.share == 0.5  # 8 of 16 GiB, not 8 of 1,024


def test_what_does_not_fit_is_refused_before_it_is_read(monkeypatch):
    reading = used(0.5, rss=100 * MIB, available=200 * MIB, total=8 * 2**30)
    monkeypatch.setattr(admission.Probe, "read", lambda _: reading)
    check = build_memory_check(Limits(memory=250 * MIB))
    check("a.csv: reading 9 rows", 124 * MIB)
    words = "a.csv: reading 9 rows needs 126 MiB of memory, but 125 MiB are left of 250 MiB, the "
    with pytest.raises(PricesError, match=words + "limit set with memory.*Raise the limit to 252"):
        check("a.csv: reading 9 rows", 126 * MIB)
    with pytest.raises(PricesError, match="180 MiB are left of 200 MiB, what this machine has"):
        build_memory_check(Limits())("a.csv: reading 9 rows", 190 * MIB)


def test_only_a_large_need_of_memory_looks_at_the_machine(monkeypatch):
    monkeypatch.setattr(admission.Probe, "read", lambda _: used(0.5))
    check_memory("a table", 240 * MIB)
    says = (
        "a table needs 241 MiB of memory, but 240 MiB are left of 600 MiB, the limit of the cgroup"
    )
    with pytest.raises(OutOfMemoryError, match=f"{says}.*, or show fewer") as caught:
        check_memory("a table", 241 * MIB, "show fewer: --rows")
    assert isinstance(caught.value, OptionError) and isinstance(caught.value, MemoryError)
    monkeypatch.setattr(admission.Probe, "read", None)
    check_memory("a table", admission.LARGE_BYTES)


@pytest.mark.parametrize("of_others", [0, 400 * MIB])
def test_advice_is_enough_for_what_is_foreseen(of_others):
    """A refusal of less than that says so; one of more stays as it is."""
    reading = used(5 / 6, memory_of_others=of_others)
    with pytest.raises(MemoryRefusal, match="Raise the limit to 667 MiB") as caught:
        admit(Limits(), reading, 100 * MIB, 0, 1)
    more = caught.value.foresee(220 * MIB)
    assert type(more) is type(caught.value)
    assert "needs 600 MiB" in str(more) and "Raise the limit to 801 MiB" in str(more)
    assert str(caught.value.foresee(50 * MIB)) == str(caught.value)
    copy = pickle.loads(pickle.dumps(more))
    assert type(copy) is type(more) and str(copy) == str(more)
    assert isinstance(more, Shortage) == bool(of_others)
