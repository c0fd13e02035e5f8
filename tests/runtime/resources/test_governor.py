"""Decisions: pure functions of readings, on scripted machines and on this one."""

import json
import math
import time
from dataclasses import replace

import pytest
from helpers.readings import LIMIT, MIB, readings, used
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError
from qmac.runtime.resources.governor import (
    READING_SECONDS,
    RECENT_SECONDS,
    RECORDS,
    Decision,
    Governor,
    GovernorState,
    decide,
)
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe, Reading
from qmac.runtime.resources.thresholds import THRESHOLDS, Level

DWELL = THRESHOLDS[Level.SHED].dwell


GOOD = used(0.5)


def simulate(readings, limits=None, threads=8, step=0.5, began=0.0):
    """Decisions for readings that are ``step`` seconds apart."""
    limits, decisions = limits or Limits(), []
    asked = min(limits.threads or threads, threads)
    state = GovernorState(began=began, requested_threads=asked, threads=asked)
    for k, reading in enumerate(readings):
        decision, state = decide(limits, replace(reading, moment=began + k * step), state)
        decisions.append(decision)
    return decisions


def last(*readings, **others):
    return simulate(readings, **others)[-1]


@pytest.mark.parametrize(
    ("reading", "level"),
    [
        (used(0.84), Level.NORMAL),
        (used(0.86), Level.HOLD),
        (used(0.91), Level.SHED),
        (used(0.96), Level.PAUSE),
        (used(1.2), Level.PAUSE),
        (used(0.5, pressure=0.06), Level.HOLD),
        (used(0.5, pressure=0.2), Level.SHED),
        (used(0.5, pressure=0.5), Level.PAUSE),
        (used(0.91, pressure=0.5), Level.PAUSE),
        (used(0.5, disk_free=257 * MIB), Level.NORMAL),
        (used(0.5, disk_free=255 * MIB), Level.SHED),
        (used(0.5, disk_free=63 * MIB), Level.PAUSE),
        (used(0.5, available=900 * MIB, total=8 * 2**30), Level.HOLD),
        (used(0.5, available=300 * MIB, total=8 * 2**30), Level.PAUSE),
        (used(0.5, available=20 * 2**30, total=2**40), Level.NORMAL),  # 2 %, but ample
        (used(0.5, available=2**30, total=2**40), Level.SHED),
        (Reading(moment=0, cpus=1, affinity=1), Level.NORMAL),  # a machine that says nothing
    ],
)
def test_levels(reading, level):
    decision = last(reading)
    assert decision.level is level
    assert decision.optional_outputs == (level < Level.SHED)
    assert decision.pause == (level >= Level.PAUSE)
    assert decision.stop is None
    assert bool(decision.reason) == (level > Level.NORMAL or decision.threads < 8)


@pytest.mark.parametrize(
    ("limits", "rss", "level"),
    [
        (Limits(memory=400 * MIB), 300 * MIB, Level.NORMAL),
        (Limits(memory=400 * MIB), 350 * MIB, Level.HOLD),
        (Limits(memory=400 * MIB), 500 * MIB, Level.PAUSE),
        (Limits(memory="50%"), 280 * MIB, Level.SHED),  # of the 600 MiB of the cgroup
        (Limits(memory="50%"), None, Level.NORMAL),
    ],
)
def test_the_limit_asked_for(limits, rss, level):
    assert (
        last(used(0.1, rss=rss, total=10 * 2**30, available=9 * 2**30), limits=limits).level
        is level
    )


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ([GOOD], ""),
        ([used(0.93)], "memory: 93 % of 600 MiB used, the limit of the cgroup"),
        (
            [used(0.93), GOOD],
            "memory: 50 % of 600 MiB used, the limit of the cgroup; it gets better",
        ),
        ([used(0.5, pressure=0.2)], "pressure: tasks wait for memory 20 % of the time"),
        ([used(0.5, disk_free=100 * MIB)], "disk: 100 MiB free, 256 MiB are to stay free"),
        ([used(0.93), *[GOOD] * 20], "threads come back a quarter at a time"),
        ([used(0.5, cpus=1.5)], "cpus: 1.5 may be used"),
    ],
)
def test_reasons(readings, reason):
    assert last(*readings).reason == reason


# Threads


@pytest.mark.parametrize(
    ("limits", "cpus", "threads"),
    [
        (Limits(), 64, 8),
        (Limits(threads=3), 64, 3),
        (Limits(threads=30), 64, 8),
        (Limits(), 2.9, 3),  # a part of a CPU is used: two threads of 1.9 CPUs took half the time
        (Limits(), 1.9, 2),
        (Limits(), 2.1, 3),
        (Limits(), 0.5, 1),
        (Limits(cpu_share=0.5), 3.9, 2),
        (Limits(cpu_share=0.5), 3, 1),
        (Limits(cpu_share=0.5), 8, 4),
        (Limits(cpu_share=0.1), 4, 1),
        (Limits(cpu_share=0.5, threads=2), 8, 2),
    ],
)
def test_threads(limits, cpus, threads):
    # no more than there are CPUs, whatever the quota says
    narrow = used(0.5, cpus=cpus, affinity=2)
    assert last(narrow, limits=limits).threads <= 2
    assert last(used(0.5, cpus=cpus), limits=limits).threads == threads


def test_threads_follow_a_quota_down_at_once_and_up_step_by_step():
    wide, narrow = used(0.5, cpus=8.0), used(0.5, cpus=2.0)
    threads = [decision.threads for decision in simulate([wide, *[narrow] * 4, *[wide] * 40])]
    assert threads[:5] == [8, 2, 2, 2, 2]
    assert threads[-1] == 8 and threads == [8, *sorted(threads[1:])]
    assert max(b - a for a, b in zip(threads[1:], threads[2:])) == 2  # a quarter
    assert all(decision.level is Level.NORMAL for decision in simulate([wide, narrow, wide]))


@pytest.mark.parametrize(
    ("load", "threads"), [(0, 8), (0.02, 8), (0.25, 6), (0.5, 4), (0.95, 1), (1, 1)]
)
def test_polite_threads_make_way(load, threads):
    busy = used(0.5, cpus=8.0, affinity=8, other_load=load)
    assert last(busy, limits=Limits(polite=True)).threads == threads
    assert last(busy).threads == 8
    assert last(replace(busy, other_load=None), limits=Limits(polite=True)).threads == 8


def test_polite_on_two_cpus_keeps_both_while_little_goes_on():
    assert (
        last(
            used(0.5, cpus=2.0, affinity=2, other_load=0.1), limits=Limits(polite=True), threads=2
        ).threads
        == 2
    )


def test_polite_within_a_quota_counts_what_the_whole_machine_has_left():
    reading = used(0.5, cpus=2.0, affinity=64, other_load=0.5)  # 32 CPUs are idle
    assert last(reading, limits=Limits(polite=True)).threads == 2


# Scenarios, a reading every half second


@pytest.mark.parametrize("threads", [1, 2, 7, 60])
def test_a_shock_sheds_within_two_seconds_and_is_over_within_a_minute(threads):
    decisions = simulate([GOOD, *[used(0.97)] * 20, *[GOOD] * 120], threads=threads)
    shock, after = decisions[1:21], decisions[21:]
    assert shock[0].pause and shock[3].threads <= max(1, threads // 16)
    assert after[0].threads == 1
    back = after.index(Decision(threads=threads))
    assert back * 0.5 <= 60
    assert set(after[back:]) == {Decision(threads=threads)}


def test_a_shock_with_pressure_that_fades_as_the_kernel_averages_it():
    fading = [used(0.5, pressure=0.9 * math.exp(-k * 0.5 / 10)) for k in range(120)]
    decisions = simulate([*[used(0.99, pressure=0.9)] * 10, *fading], threads=60)
    assert decisions[10].pause
    assert decisions[-1] == Decision(threads=60)


def test_a_bad_reading_at_a_time_halves_until_one_is_left():
    assert [d.threads for d in simulate([GOOD, *[used(0.92)] * 5])] == [8, 4, 2, 1, 1, 1]


def test_shedding_ends_once_it_has_helped():
    # between the threshold and its margin: not bad enough to halve again, not good enough to leave
    decisions = simulate([used(0.92), *[used(0.89)] * 100])
    assert {d.threads for d in decisions} == {4} and decisions[-1].level is Level.SHED


def test_levels_are_left_one_by_one_each_after_its_dwell():
    decisions = simulate([used(0.96), *[GOOD] * 40])
    levels = [d.level for d in decisions]
    changes = [k * 0.5 for k in range(1, len(levels)) if levels[k] != levels[k - 1]]
    assert [levels[int(2 * moment)] for moment in changes] == [Level.SHED, Level.HOLD, Level.NORMAL]
    assert changes == [0.5 + DWELL, 0.5 + 2 * DWELL, 0.5 + 3 * DWELL]


def test_one_bad_reading_begins_the_dwell_again():
    wait = [GOOD] * int(DWELL / 0.5)
    assert last(used(0.92), *wait, used(0.92), *wait).level is Level.SHED
    assert last(used(0.92), *wait, GOOD).level is Level.HOLD


@pytest.mark.parametrize("period", [1, 2, 3, 5, 8, 12, 20, 40])
@pytest.mark.parametrize("swing", [0.001, 0.01, 0.018])
@pytest.mark.parametrize("level", [Level.HOLD, Level.SHED])
def test_swinging_about_a_threshold_changes_the_level_once(level, swing, period):
    edge = 1 - THRESHOLDS[level].headroom
    readings = [used(edge + swing * math.sin(2 * math.pi * k / period)) for k in range(1000)]
    levels = [d.level for d in simulate(readings)]
    assert (
        sum(a != b for a, b in zip(levels, levels[1:])) <= 2
    )  # in 500 s: the level below may come first


@pytest.mark.parametrize("period", range(1, 9))
def test_swings_shorter_than_the_dwell_change_the_level_once_however_wide(period):
    readings = [used(0.92 if k % period == 0 else 0.2) for k in range(1000)]
    levels = [d.level for d in simulate(readings)]
    assert set(levels) == {Level.SHED}


def test_memory_that_stays_full_stops_after_a_while():
    decisions = simulate([used(0.99)] * 30)
    stops = [d.stop for d in decisions]
    assert stops.index("memory") * 0.5 == THRESHOLDS[Level.STOP].memory_seconds
    assert all(d.pause for d in decisions)


def test_a_peak_that_passes_does_not_stop():
    peak = [used(0.99)] * 15
    assert all(d.stop is None for d in simulate([*peak, used(0.97), *peak]))


def test_a_full_disk():
    low, lower = used(0.5, disk_free=200 * MIB), used(0.5, disk_free=10 * MIB)
    assert {(d.level, d.threads, d.optional_outputs) for d in simulate([low] * 500)} == {
        (Level.SHED, 8, False)
    }
    decisions = simulate([low, *[lower] * 200])
    assert decisions[1].pause and decisions[1].stop is None
    assert [d.stop for d in decisions].index("disk") == 1 + 60 / 0.5
    assert {d.stop for d in simulate([lower] * 119 + [low] * 300)} == {None}
    assert last(lower, limits=Limits(disk_free=None)).level is Level.NORMAL


def test_a_full_disk_keeps_no_threads_from_coming_back():
    low = used(0.5, disk_free=200 * MIB)
    decision = last(used(0.97, disk_free=200 * MIB), *[low] * 120)
    assert (decision.level, decision.threads) == (Level.SHED, 8)


def test_a_disk_is_looked_at_before_a_run_begins(recwarn):
    def admit(free, optional=None, **limits):
        governor = Governor(Limits(**limits), Script(used(0.5, disk_free=free)), 2)
        governor.admit_disk(optional)

    for free in (None, 256 * MIB):
        admit(free, "save_grid")
    admit(10 * MIB, disk_free=None)
    admit(10 * MIB, governor="observe")
    admit(100 * MIB)
    assert not recwarn
    with pytest.warns(UserWarning, match="100 MiB are free .* so save_grid is dropped. Make room"):
        admit(100 * MIB, "save_grid")
    with pytest.raises(
        OptionError, match="40 MiB are free .* 256 MiB are to stay free. .* --disk-free 20MiB"
    ):
        admit(40 * MIB)


def test_max_time():
    decisions = simulate([GOOD] * 30, limits=Limits(max_time="10s"), began=1000)
    assert [d.stop for d in decisions] == [None] * 20 + ["max_time"] * 10
    assert decisions[20].level is Level.STOP and decisions[20].reason == "max_time: 10 s are over"
    assert all(
        decision.optional_outputs for decision in decisions
    )  # nothing is short; another process goes on with them


# Properties

good_readings = st.builds(
    used,
    st.floats(0, 0.8),
    pressure=st.none() | st.floats(0, 0.04),
    disk_free=st.none() | st.integers(330 * MIB, 2**40),
)
limits = st.builds(
    Limits,
    threads=st.none() | st.integers(1, 70),
    cpu_share=st.none() | st.floats(0.01, 1),
    memory=st.none() | st.just("80%") | st.just(500 * MIB),
    polite=st.booleans(),
)


@given(st.lists(readings, min_size=1, max_size=60), limits, st.integers(1, 70), st.floats(0.01, 30))
def test_what_always_holds(readings, limits, threads, step):
    asked = min(limits.threads or threads, threads)
    decisions = simulate(readings, limits, threads, step)
    for k, (before, now) in enumerate(zip([Decision(threads=asked), *decisions], decisions)):
        assert 1 <= now.threads <= asked
        assert now.pause == (now.level >= Level.PAUSE)
        assert (now.stop is not None) == (now.level is Level.STOP)
        assert now.reason or (now.level is Level.NORMAL and now.threads == asked)
        if before.level is Level.STOP:
            assert now.level is Level.STOP
        if (
            now.level > Level.NORMAL
            and before.level > Level.NORMAL
            and readings[k].disk_free is None
        ):
            assert now.threads <= before.threads


@given(st.lists(good_readings, min_size=1, max_size=60), st.integers(1, 60))
def test_good_readings_change_nothing(readings, threads):
    assert set(simulate(readings, threads=threads)) == {Decision(threads=threads)}


@given(st.lists(readings, max_size=40), readings)
def test_it_gets_worse_at_once(before, reading):
    alone, after = last(reading), last(*before, reading)
    assert after.level >= alone.level


@given(
    st.lists(st.floats(0, 1.1), min_size=1, max_size=60),
    st.lists(st.floats(0, 0.5), min_size=60, max_size=60),
)
def test_more_memory_in_use_is_never_answered_with_more(shares, more):
    milder = simulate([used(share) for share in shares])
    harder = simulate([used(share + extra) for share, extra in zip(shares, more)])
    for mild, hard in zip(milder, harder):
        assert hard.level >= mild.level and hard.threads <= mild.threads


@given(st.lists(st.floats(0, 1.0), min_size=2, max_size=200))
def test_no_two_steps_up_within_a_dwell(shares):
    decisions = simulate([used(share) for share in shares], threads=60)
    better = [
        k * 0.5 for k in range(1, len(decisions)) if decisions[k].level < decisions[k - 1].level
    ]
    more = [
        k * 0.5 for k in range(1, len(decisions)) if decisions[k].threads > decisions[k - 1].threads
    ]
    for moments in (better, more):
        assert all(b - a >= DWELL for a, b in zip(moments, moments[1:]))


# The governor


class Script:
    """A probe that plays readings, and the clock beside it."""

    def __init__(self, *readings):
        self.readings, self.reads, self.now = list(readings), 0, 50.0
        self.reading = GOOD

    def read(self):
        self.reads += 1
        if self.readings:
            self.reading = self.readings.pop(0)
        return replace(self.reading, moment=-1.0)  # of a clock of its own

    def clock(self):
        return self.now

    def governor(self, limits=None, threads=8):
        return Governor(limits or Limits(), self, threads, self.clock)

    def play(self, governor, seconds, poll=0.125):
        decisions = []
        for _ in range(round(seconds / poll)):
            decisions.append(governor.tick())
            self.now += poll
        return decisions


def test_reads_at_most_twice_a_second():
    script = Script()
    governor = script.governor()
    before = script.reads
    decisions = script.play(governor, 10)
    assert script.reads - before == 10 / READING_SECONDS
    assert set(decisions) == {Decision(threads=8)}
    assert governor.degradations == []
    assert governor.memory_limit == LIMIT and governor.reading.moment == 59.5


def test_a_recent_reading_of_another_run_is_not_taken_again():
    """What it says is in force at once; another one is due when it is old."""
    script = Script()
    recent = replace(used(0.93), moment=script.now - 0.2)
    governor = Governor(Limits(), script, 8, script.clock, recent)
    assert governor.tick().threads == 4
    assert (script.reads, governor.reading) == (0, recent)
    script.now += READING_SECONDS
    governor.tick()
    assert script.reads == 1
    Governor(Limits(), script, 8, script.clock, recent)
    assert script.reads == 2


def test_a_recent_reading_admits_a_series_beside_others_where_memory_is_ample():
    script = Script()
    governor = script.governor()
    governor.read_now()
    reads = script.reads
    assert governor.admit(MIB, 1, 2, is_beside=True) == 2 and script.reads == reads
    governor.admit(MIB, 1, 2)
    assert script.reads == reads + 1
    script.now += RECENT_SECONDS  # it is old
    governor.admit(MIB, 1, 2, is_beside=True)
    assert script.reads == reads + 2
    governor.admit(LIMIT // 4, 1, 2, is_beside=True)  # it fits, but is not ample
    assert script.reads == reads + 3
    with pytest.raises(OptionError, match="needs"):
        governor.admit(LIMIT, 1, 2, is_beside=True)
    assert script.reads == reads + 4


def test_writes_down_every_change():
    script = Script(GOOD, GOOD, used(0.93), used(0.94), used(0.5))
    governor = script.governor()
    script.play(governor, 60)
    records = governor.degradations
    assert records[:2] == [
        {"seconds": 0.5, "level": "SHED", "threads": 4,
         "reason": "memory: 93 % of 600 MiB used, the limit of the cgroup"},
        {"seconds": 1.0, "level": "SHED", "threads": 2,
         "reason": "memory: 94 % of 600 MiB used, the limit of the cgroup"},
    ]  # fmt: skip
    assert records[-1]["level"] == "NORMAL" and records[-1]["threads"] == 8
    assert json.loads(json.dumps(records)) == records
    assert governor.omitted == 0


def test_the_record_is_bounded():
    script = Script(*[used(0.5, cpus=float(1 + k % 2)) for k in range(10)])
    governor = script.governor(threads=2)
    governor._note(Decision(threads=1), 50.0)
    for k in range(1000):
        governor._note(Decision(threads=1), 51.0 + k)
    records = governor.degradations
    assert len(records) == 2 * RECORDS and governor.omitted == 1001 - 2 * RECORDS
    assert [records[0]["seconds"], records[RECORDS]["seconds"], records[-1]["seconds"]] == [
        0,
        901,
        1000,
    ]


def test_observing_changes_nothing_but_the_end():
    script = Script(*[used(0.97)] * 1000)
    governor = script.governor(Limits(governor="observe", threads=6, max_time=20))
    decisions = script.play(governor, 20)
    assert set(decisions) == {Decision(threads=6)}
    assert {record["level"] for record in governor.degradations} == {"PAUSE"}
    assert all(record["observed"] for record in governor.degradations)
    decision = governor.tick()
    assert (decision.level, decision.stop) == (Level.STOP, "max_time")
    assert "observed" not in governor.degradations[-1]


def test_a_quota_from_the_start_is_written_down():
    script = Script(*[used(0.5, cpus=1.5)] * 10)
    governor = script.governor()
    assert governor.tick().threads == 2
    assert governor.degradations == [
        {"seconds": 0, "level": "NORMAL", "threads": 2, "reason": "cpus: 1.5 may be used"}
    ]


def test_on_this_machine():
    governor = Governor(Limits(), Probe(), threads=1)
    assert governor.tick().threads == 1
    assert governor.tick().stop is None


def test_ticks_are_cheap():
    # the promise is 0.5 % of a core, 5 ms a second: two readings and eight ticks between
    governor = Governor(Limits(), Probe(), threads=2)
    governor.tick()
    began = time.process_time()
    for _ in range(1000):
        governor.tick()
    between = (time.process_time() - began) / 1000
    began = time.process_time()
    for _ in range(50):
        governor._due = 0
        governor.tick()
    reading = (time.process_time() - began) / 50
    assert 2 * reading + 8 * between < 5e-3


def test_degradations_since_a_moment_say_what_was_in_force():
    governor = Governor(Limits(), Probe(), 2, clock=lambda: 100.0)
    records = [(1, "SHED", 1), (5, "NORMAL", 2), (9, "PAUSE", 1), (20, "NORMAL", 2)]
    governor._record._first = [
        {"seconds": s, "level": level, "threads": threads, "reason": ""}
        for s, level, threads in records
    ]
    seconds = {
        moment: [record["seconds"] for record in governor.degradations_since(moment)]
        for moment in (0, 3, 6, 12, 30)
    }
    assert seconds == {0: [1, 5, 9, 20], 3: [1, 5, 9, 20], 6: [9, 20], 12: [9, 20], 30: []}
