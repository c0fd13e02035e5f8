"""The list of runs says how each is, and nothing damaged stops it."""

import json
import re
from pathlib import Path

import pytest
from helpers.run_directories import PRICES, created, results_of

from qmac.data.prices import Prices
from qmac.errors import OptionError, ResultError
from qmac.jobs.listing import (
    DAMAGED,
    FINISHED,
    INCOMPLETE,
    INTERRUPTED,
    RUNNING,
    Entry,
    describe_directory,
    find,
)
from qmac.results.reader import load
from qmac.runs.directory import PROGRESS
from qmac.runs.header import HEADER
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import GONE, ProgressLog, follow
from qmac.storage.json_text import compute_checksum

SERIES = {"SPY": PRICES, "QQQ": Prices(PRICES.frame, "QQQ")}


@pytest.fixture(scope="module")
def results():
    return results_of(SERIES)


@pytest.fixture
def result(results):
    return results["SPY"]


@pytest.fixture
def directory(tmp_path):
    return created(tmp_path / "run", SERIES)


def store(directory, symbol, result, failed=()):
    """Write a result into a run, with cells that failed."""
    place = result.save(directory.result(Task(symbol)))
    header = json.loads((place / "result.json").read_text())
    header["failed"] = list(failed)
    header["checksum"] = compute_checksum(header)
    (place / "result.json").write_text(json.dumps(header))


def test_an_interrupted_run(directory, results):
    result = results["QQQ"]
    store(directory, "QQQ", result)
    ProgressLog(directory.path / PROGRESS).end("stopped at 30 %")
    entry = describe_directory(directory.path)
    assert (entry.state, entry.message) == (INTERRUPTED, "stopped at 30 %")
    assert (entry.symbols, entry.done, entry.symbol) == (2, 1, "QQQ")
    assert entry.combination == result.best
    assert entry.best == result.top["total_return"].iloc[0]
    assert entry.request == "total_return, 2:11, fees 0.1"


def test_a_run_whose_lock_is_held_is_running(directory):
    with directory.locked():
        assert describe_directory(directory.path).state == RUNNING
    assert describe_directory(directory.path).state == INTERRUPTED


@pytest.mark.parametrize("failed", [[], [{"cell": 1, "combinations": 2, "reason": "lost"}]])
def test_a_run_of_which_every_result_is_there(directory, results, failed):
    store(directory, "SPY", results["SPY"])
    store(directory, "QQQ", results["QQQ"], failed)
    entry = describe_directory(directory.path)
    assert entry.state == (INCOMPLETE if failed else FINISHED)
    assert entry.message == ("cells failed of QQQ" if failed else "")
    assert entry.done == entry.symbols == 2 and entry.symbol == "SPY"  # the first of equal ones


def test_a_result_by_itself(tmp_path, result):
    entry = describe_directory(result.save(tmp_path / "result"))
    assert (entry.state, entry.symbols, entry.symbol) == (FINISHED, 1, "SPY")
    assert entry.combination == result.best and entry.date


def test_runs_and_results_below_a_directory(directory, result, tmp_path):
    result.save(tmp_path / "deep" / "er" / "result")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "result.json").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").touch()  # of another program: no prices beside it
    store(directory, "SPY", result)
    places = [entry.path for entry in find([tmp_path])]
    assert places == [tmp_path / "deep" / "er" / "result", directory.path]
    with pytest.raises(OptionError, match="does not exist"):
        list(find([tmp_path / "nothing"]))
    with pytest.raises(OptionError, match="is a file"):
        list(find([directory.path / HEADER]))


def test_damage_is_a_state(directory, tmp_path):
    (directory.path / HEADER).write_text("{\x1b")
    (entry,) = find([tmp_path])
    assert entry.state == DAMAGED and entry.message.startswith("run.json is damaged")
    assert entry.date


def write_header(directory, values):
    values.pop("checksum")
    values["checksum"] = compute_checksum(values)
    (directory.path / HEADER).write_text(json.dumps(values))


def test_a_run_of_an_earlier_format_is_listed_as_any_other(directory):
    before = describe_directory(directory.path)
    header = directory.header.to_dict() | {"format": 1}
    header["asked"] = header.pop("fingerprint")
    write_header(directory, header)
    entry = describe_directory(directory.path)
    assert entry.state == before.state != DAMAGED
    assert (entry.request, entry.symbols) == (before.request, before.symbols)


def test_a_run_of_a_newer_format_says_so(directory):
    write_header(directory, directory.header.to_dict() | {"format": 99})
    entry = describe_directory(directory.path)
    assert entry.state == DAMAGED and "in run format 99" in entry.message


def test_json_has_the_names_that_programs_read(directory):
    values = describe_directory(directory.path).to_dict()
    assert values["asked"] == "total_return, 2:11, fees 0.1" and values["said"] == ""
    assert not {"request", "message"} & set(values)


def test_an_unknown_home_directory():
    with pytest.raises(OptionError, match="'~no-such-user/x' names a home directory that is not"):
        list(find([Path("~no-such-user/x")]))


@pytest.mark.parametrize("when", [1e308, -1e308, float("inf"), float("nan"), 1e15])
def test_a_moment_that_is_no_date(tmp_path, when):
    assert Entry(tmp_path, "running", when=when).date == ""


@pytest.fixture
def finished(directory, results):
    for symbol, result in results.items():
        result.save(directory.result(Task(symbol)))
    return directory


def test_best_rows_of_another_run_are_damage(finished, results, tmp_path):
    """Rows that are sound, with a header that is sound, but not those it was written with."""
    other = results["SPY"].top.iloc[::-1]
    place = finished.result(Task("SPY"))
    other.to_parquet(place / "top.parquet")
    entry = describe_directory(finished.path)
    assert (entry.state, entry.done, entry.symbol) == (DAMAGED, 1, "QQQ")
    reason = "results/SPY/top.parquet is damaged: its checksum differs."
    assert entry.message.startswith(reason)
    with pytest.raises(ResultError, match=re.escape(reason)):
        load(place)
    assert describe_directory(place).state == DAMAGED


@pytest.mark.parametrize("name", ["elapsed", "digest", "checksum"])
def test_a_changed_result_is_damage(finished, name):
    place = finished.result(Task("SPY"))
    header = json.loads((place / "result.json").read_text())
    header[name] = 7
    (place / "result.json").write_text(json.dumps(header))
    for path in (finished.path, place):
        entry = describe_directory(path)
        assert entry.state == DAMAGED
        assert "result.json was changed: its checksum differs." in entry.message


def test_a_result_of_another_run_is_damage_under_its_path_too(directory, results):
    place = results["QQQ"].save(directory.result(Task("SPY")))
    assert "is the result of QQQ, not of SPY" in describe_directory(place).message


def test_the_end_of_a_run_is_that_of_its_results_where_the_log_says_none(finished):
    path = finished.path / PROGRESS
    for content in (b"", b"\x00\xff", b'{"state": ["\\u001b[2J"], "time": 1}\n'):
        path.write_bytes(content)
        entry = describe_directory(finished.path)
        assert entry.state == entry.describe_end(follow(path, print, once=True)) == FINISHED
    assert entry.describe_end(GONE) == FINISHED
    assert entry.describe_end("stopped at 30 %") == "stopped at 30 %"
    (finished.result(Task("SPY")) / "result.json").write_text("{}")
    assert "results/SPY is damaged" in describe_directory(finished.path).describe_end("finished")
