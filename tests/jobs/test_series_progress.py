"""How far series are that are swept at the same time, by threads, processes or nodes."""

import math
from dataclasses import replace

import pytest

from qmac.jobs import series_progress
from qmac.jobs.series_progress import SeriesProgress
from qmac.runtime.cluster.node import NodeReading
from qmac.runtime.monitoring.status import JobProgress, Status
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe

SIZE = 1000
STATUS = Status(done=250, size=SIZE, seconds=1, best=0.5, memory=1, rate=250.0, threads=1)


@pytest.fixture
def shown():
    return []


@pytest.fixture
def progress(shown):
    governor = Governor(Limits(), Probe(), 2)
    names = [*"ABCD", *map(str, range(46))]
    return SeriesProgress(SIZE, governor, JobProgress(shown.append, dict.fromkeys(names, 1)))


def test_series_of_threads_and_processes_are_shown_together(progress, shown):
    progress.listen(replace(STATUS, name="A"))
    progress.report("B", 0.0)
    progress.show()
    assert (shown[-1].name, shown[-1].threads, shown[-1].rate) == ("A", 2, 250.0)
    progress.report("B", 0.5)
    progress.end("A", is_done=True)
    progress.end("B", 0.7, is_done=True)
    progress.report("C", 0.0)
    progress.show()
    first, second, last = shown[1:]
    assert (first.name, first.done, first.best) == ("A", 250, 0.5)  # its last status
    assert (second.name, second.done, second.best) == ("B", SIZE, 0.7)
    assert (last.name, last.done, last.symbols_done) == ("C", 0, 2)
    assert last.rate > 0  # of the last one that ended
    assert last.job_best == 0.7


def test_what_a_snapshot_has_is_not_counted_as_speed(progress, shown):
    progress.listen(replace(STATUS, name="A"))
    progress.listen(replace(STATUS, name="A", done=500))
    progress.show()
    progress.listen(replace(STATUS, name="A", done=1000))
    progress.show()
    assert shown[0].job_left == math.inf and shown[0].job_done == 0.5 / 50
    assert math.isfinite(shown[1].job_left)


def test_what_is_not_done_is_not_counted_as_done(progress, shown):
    progress.report("A", 0.25)
    progress.end("A", is_done=False)
    progress.show()
    assert (shown[-1].name, shown[-1].done, shown[-1].symbols_done) == ("A", 250, 0)
    assert progress.share == 0.25 / 50
    progress.listen(replace(STATUS, name="A", done=0))  # by a thread, from its start
    progress.show()
    assert progress.share == 0


def test_of_many_that_end_at_once_the_last_are_shown_and_all_count(progress, shown):
    for number in range(40):
        progress.report(str(number), 0.0)
        progress.end(str(number), 40.0 - number, is_done=True)
    progress.show()
    assert len(shown) == series_progress.MOST_SHOWN
    assert {status.symbols_done for status in shown} == {40}
    assert shown[-1].name == "39" and shown[-1].job_best == 40
    assert progress.share == 0.8


def test_nodes_are_shown_with_the_last_series_that_ended(progress, shown):
    reading = NodeReading(threads=3, level="normal", memory=1, limit=None)
    progress.show_nodes("A", {"one": reading, "two": reading})
    assert (shown[-1].name, shown[-1].done, shown[-1].threads) == ("A", 0, 6)
    progress.end("B", 0.25, is_done=True)
    progress.end("C", 0.75, is_done=True)
    progress.show_nodes("A", {"one": reading})
    progress.show_nodes("A", {})
    assert [status.name for status in shown] == ["A", "B", "C", "C"]
    assert [status.best for status in shown[1:]] == [0.25, 0.75, 0.75]
    assert all(status.done == SIZE and status.rate > 0 for status in shown[1:])
    assert set(shown[1].nodes) == {"one"} and shown[-1].symbols_done == 2
