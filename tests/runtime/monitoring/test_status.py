"""A status in words, and how far a job of many symbols is."""

import math
from dataclasses import replace

import pytest
from helpers.statuses import STATUS

from qmac.runtime.monitoring import status as status_module
from qmac.runtime.monitoring.prometheus import format_gauges
from qmac.runtime.monitoring.status import (
    JobProgress,
    Status,
    format_duration,
    format_rate,
    join_listeners,
    shorten_name,
)


@pytest.mark.parametrize(
    ("changes", "left", "words"),
    [
        ({}, 15, ["0.00 million/s", "15 s left", "300 MiB of 1,024", "2 threads"]),
        ({"limit": None}, 15, ["300 MiB  2 threads"]),
        ({"rate": 3e8, "size": 10**12}, (10**12 - 500) / 3e8, ["300 million/s", "56 min left"]),
        ({"level": "pause"}, 15, ["pause  15 s left"]),
        ({"level": ""}, 15, ["2 threads"]),
        ({"done": 2000}, 0, ["0 s left"]),
    ],
)
def test_a_status_in_words(changes, left, words):
    status = Status(**(STATUS.__dict__ | changes))
    assert status.left == left
    assert all(word in status.text for word in words), status.text


@pytest.mark.parametrize("rate", [0.0, math.nan])
def test_what_is_not_known_yet_is_left_out(rate):
    status = Status(**(STATUS.__dict__ | {"rate": rate}))
    assert status.left == math.inf and status.text == "300 MiB of 1,024  2 threads"
    many = Status(**(status.__dict__ | {"finishing": 0.5, "job_left": math.inf}))
    assert many.text.startswith("finishing 50%")


def test_places_are_in_what_people_count():
    assert STATUS.place == "500 of 2,000 combinations"
    markets = {"done": 0, "size": 386_525_065_500, "markets_done": 0, "markets": 399}
    status = Status(**(STATUS.__dict__ | markets))
    assert status.place == "0 of 399 random markets"
    assert replace(status, part=2, parts=3).place == "SPY (2 of 3) 0%"


def test_times_and_rates_in_words():
    shown = [
        format_duration(seconds)
        for seconds in (0, 45.4, 99.9, 100, 5940, 6060, 3.6e6, math.inf, math.nan)
    ]
    assert shown == [
        "0 s",
        "45 s",
        "100 s",
        "2 min",
        "99 min",
        "1 h 41 min",
        "1,000 h 0 min",
        "? s",
        "? s",
    ]
    assert [format_rate(rate) for rate in (0, 1.2e6, 2e9)] == [
        "0.00 million/s",
        "1.20 million/s",
        "2,000 million/s",
    ]


@pytest.mark.parametrize(
    ("level", "nodes", "alerts"),
    [
        ("normal", None, []),
        ("", {"a": {"level": "normal"}}, []),
        ("hold", {"a": {"level": "normal"}, "b": {"level": "pause"}}, ["hold (why)", "b pause"]),
    ],
)
def test_alerts_are_levels_that_are_not_normal(level, nodes, alerts):
    status = Status(**(STATUS.__dict__ | {"level": level, "nodes": nodes, "reason": "why; more"}))
    assert status.alerts == alerts


def test_threads_of_nodes():
    one, two = {"a": {"level": "normal"}}, {name: {"level": "normal"} for name in "ab"}
    for threads, nodes, words in [
        (1, None, "1 thread"),
        (1, one, "1 thread on 1 node"),
        (60, two, "60 threads on 2 nodes"),
    ]:
        status = Status(**(STATUS.__dict__ | {"threads": threads, "nodes": nodes}))
        assert status.text.endswith(f"  {words}")


def test_two_listeners_are_called_in_turn():
    calls = []
    first, second = (lambda status, name=name: calls.append((name, status)) for name in "ab")
    join_listeners(first, second)(STATUS)
    assert calls == [("a", STATUS), ("b", STATUS)]
    assert join_listeners(first, None) is first


def test_a_job_says_how_far_all_of_it_is_and_how_long_it_takes(monkeypatch):
    now, statuses = [1000.0], []
    monkeypatch.setattr(status_module.time, "monotonic", lambda: now[0])
    parts = JobProgress(statuses.append, {"done": 100, "SPY": 300, "last": 600})
    parts.begin("SPY")  # the first was done by another process
    parts(Status(**(STATUS.__dict__ | {"done": 0})))
    assert (
        statuses[-1].part,
        statuses[-1].parts,
        statuses[-1].job_done,
        statuses[-1].job_left,
    ) == (
        2,
        3,
        0.1,
        math.inf,
    )
    now[0] += 30
    parts(Status(**(STATUS.__dict__ | {"done": 2000})))
    assert statuses[-1].job_done == pytest.approx(0.4) and statuses[-1].job_left == pytest.approx(
        60
    )
    parts.begin("last")
    now[0] += 30
    parts(Status(**(STATUS.__dict__ | {"done": 1000})))
    assert statuses[-1].job_done == pytest.approx(0.7) and statuses[-1].job_left == pytest.approx(
        30
    )
    assert "30 s left" in statuses[-1].text and statuses[-1].share == statuses[-1].job_done
    gauges = format_gauges(statuses[-1])
    assert (
        'qmac_job_done_ratio{symbol="SPY"} 0.7' in gauges
        and 'qmac_job_left_seconds{symbol="SPY"} 30' in gauges
    )
    alone = JobProgress(statuses.append, {"SPY": 300})
    alone.begin("SPY")
    alone(STATUS)
    assert statuses[-1] == STATUS and 'qmac_job_done_ratio{symbol="SPY"} 0.25' in format_gauges(
        STATUS
    )


@pytest.mark.parametrize(("former", "present"), [("trouble", "alerts"), ("words", "figures")])
def test_former_names_work_and_say_so(former, present):
    with pytest.warns(DeprecationWarning, match=f"called {present}"):
        assert getattr(STATUS, former) == getattr(STATUS, present)


def test_a_job_within_a_job_counts_by_its_share():
    statuses = []
    symbols = JobProgress(statuses.append, {"SPY": 1, "QQQ": 1})
    folds = JobProgress(symbols, {"train": 3, "test": 1})
    symbols.begin("QQQ")
    folds.begin("test")
    folds(Status(**(STATUS.__dict__ | {"done": 1000, "size": 2000})))
    assert (statuses[-1].part, statuses[-1].parts) == (2, 2)
    assert statuses[-1].job_done == pytest.approx(0.5 + 0.5 * 0.875)


def test_of_symbols_side_by_side_rate_and_threads_are_those_under_way():
    statuses = []
    job = JobProgress(statuses.append, {"A": 1, "B": 1, "C": 2})
    ended, *active = (
        replace(STATUS, name=name, done=done, threads=1)
        for name, done in {"A": 2000, "B": 500, "C": 1000}.items()
    )
    job.show_together(active, ended)
    job.show_together(active)
    job.show_together([], ended)
    shown = [(status.name, status.threads, status.rate) for status in statuses]
    assert shown == [("A", 2, 200.0), ("B", 2, 200.0), ("A", 1, 100.0)]
    assert {status.job_done for status in statuses} == {(1 + 0.25 + 2 * 0.5) / 4}


def test_what_another_process_did_of_symbols_side_by_side_is_no_speed(monkeypatch):
    now, statuses = [1000.0], []
    monkeypatch.setattr(status_module.time, "monotonic", lambda: now[0])
    job = JobProgress(statuses.append, {"A": 1, "B": 1, "C": 2})
    first = replace(STATUS, name="A", done=1000)
    job.restore("A", 0.5)
    job.show_together([first])
    now[0] += 1
    job.restore("B", 0.8)
    job.show_together([replace(first, done=1200), replace(first, name="B", done=1600)])
    assert statuses[-1].job_done == pytest.approx((0.6 + 0.8) / 4)
    assert statuses[-1].job_left == pytest.approx((4 - 1.4) / 0.1)


def test_the_place_of_symbols_side_by_side_is_that_in_which_they_end():
    statuses = []
    job = JobProgress(statuses.append, {"A": 1, "B": 1, "C": 2})
    long, short = (replace(STATUS, name=name) for name in "CA")
    job.show_together([long, short])
    job.end("C")
    job.show_together([short], long)
    job.show_together([short])
    assert [status.part for status in statuses] == [1, 1, 2] and job.share == (0.25 + 0.5) / 4


def test_a_name_is_cut_off_before_its_dates():
    minutes = "x" * 30 + " 2024-03-04 09:30:00-05:00 to 2024-03-05 16:00:00-05:00"
    assert shorten_name(minutes) == "x" * 15 + "… 2024-03-04 09:30 to 2024-03-05 16:00"
    assert shorten_name("SPY") == "SPY" and len(shorten_name("y" * 99)) == 16


@pytest.mark.parametrize(("maximize", "best"), [(True, 0.5), (False, 0.1)])
def test_symbols_side_by_side_are_counted_and_their_best_is_that_of_all(maximize, best):
    statuses = []
    job = JobProgress(statuses.append, {"A": 1, "B": 1, "C": 2}, maximize=maximize)
    one, two, three = (
        replace(STATUS, name=name, best=value)
        for name, value in {"A": 0.5, "B": math.nan, "C": 0.1}.items()
    )
    job.show_together([two])
    assert math.isnan(statuses[-1].shown_best)
    job.show_together([one, two, three])
    job.end("A")
    job.show_together([two, three])
    assert [status.place for status in statuses] == ["0 of 3 done", "0 of 3 done", "1 of 3 done"]
    assert statuses[-1].shown_best == best and math.isnan(statuses[-1].best)
    assert replace(STATUS, parts=3).place == "SPY (1 of 3) 25%" and STATUS.shown_best == 0.25
