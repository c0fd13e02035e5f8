"""The log of a run, and how it is followed from outside."""

import json
import math
import queue
import threading
import time

import pytest
from helpers.statuses import FULL, MANY, STATUS

from qmac.runtime.monitoring import progress_log
from qmac.runtime.monitoring.progress_log import LOG_BYTES, ProgressLog, follow
from qmac.runtime.monitoring.status import Status
from qmac.storage import atomic

ZEROS = ("size", "seconds", "best", "memory", "rate")


@pytest.fixture
def log(tmp_path):
    return ProgressLog(tmp_path / "progress.jsonl")


@pytest.fixture
def path(log):
    return log._path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_log_knows_of_the_job(log, path):
    log(Status(**(STATUS.__dict__ | MANY)))
    state = follow(path, never_mind, once=True)
    assert state.startswith(f"running, 43.2% done, {'X' * 15}… (2 of 500) 25%  2 h 0 min left")
    assert lines(path)[-1]["job_done"] == 0.4321 and lines(path)[-1]["job_left"] == 7200
    log.end("interrupted")
    assert follow(path, never_mind, once=True) == "interrupted at 43.2%"


@pytest.mark.parametrize("best", [0.5, math.nan])
def test_a_log_knows_how_many_symbols_are_done_side_by_side(log, path, best):
    together, seen = {"symbols_done": 1234, "parts": 2000, "job_best": best}, []
    log(Status(**(STATUS.__dict__ | MANY | together)))
    state = follow(path, seen.append, once=True)
    assert state.startswith("running, 43.2% done, 1,234 of 2,000 done  2 h 0 min left")
    assert seen[-1].shown_best == (0.5 if best == 0.5 else STATUS.best)


def never_mind(status):
    pass


def test_why_a_run_pauses_is_logged(log, path):
    log(Status(**(STATUS.__dict__ | FULL)))
    text = follow(path, never_mind, once=True)
    assert "  pause (disk: 57.3 MiB free, 256 MiB are to stay free)  " in text


# -- the log


def test_log_writes_a_line_every_few_seconds(log, path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress_log.time, "monotonic", lambda: now[0])
    for _ in range(5):
        log(STATUS)
        now[0] += 0.2 * progress_log.LINE_SECONDS
    assert len(lines(path)) == 1
    now[0] += 0.1 * progress_log.LINE_SECONDS
    log(Status(**(STATUS.__dict__ | {"best": math.nan, "rate": math.inf})))
    log.write({"state": "finished"})
    first, second, third = lines(path)
    assert (
        first["state"] == "running"
        and {key: first[key] for key in STATUS.__dict__} == STATUS.__dict__
    )
    assert second["best"] is None and second["rate"] is None
    assert third["state"] == "finished" and abs(third["time"] - time.time()) < 60


def test_log_is_bounded(log, path):
    for k in range(60):
        log.write({"state": "x" * 40_000, "k": k})
        assert path.stat().st_size < LOG_BYTES + 50_000
    kept = [line["k"] for line in lines(path)]
    assert kept == list(range(kept[0], 60)) and len(kept) > 10
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "damage", [bytes(2 * LOG_BYTES), b"x" * 2 * LOG_BYTES, b"\xff" * 100, b'{"state": "run', b""]
)
def test_a_damaged_log_is_written_on(log, path, damage):
    path.write_bytes(damage)
    log(STATUS)
    assert follow(path, lambda _: None, once=True).startswith("running")
    log.write({"state": "finished"})
    assert follow(path, lambda _: None) == "finished"
    assert path.stat().st_size < LOG_BYTES + 2000


def test_a_log_that_cannot_be_written_stops_nothing(log, path, monkeypatch):
    path.mkdir()
    log(STATUS)
    path.rmdir()
    path.write_bytes(b"x\n" * LOG_BYTES)

    def full(step):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "step", full)
    log.write({"state": "finished"})
    path.unlink()
    path.parent.rmdir()
    log.write({"state": "finished"})


# -- from outside


def never(status):
    raise AssertionError(status)


def test_follow_until_it_ends(log, path, monkeypatch):
    monkeypatch.setattr(progress_log, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(progress_log, "LINE_SECONDS", 0.0)
    seen, shown = [], queue.SimpleQueue()

    def run():
        for done in (500, 1000, 2000):
            log(Status(**(STATUS.__dict__ | {"done": done})))
            shown.get(timeout=60)
        log.write({"state": "stopped at 50.0%: max_time"})

    def listen(status):
        seen.append(status)
        shown.put(status)

    runner = threading.Thread(target=run)
    runner.start()
    assert follow(path, listen) == "stopped at 50.0%: max_time"
    runner.join()
    assert (
        [status.done for status in seen] == [500, 1000, 2000]
        and seen[-1].name == "SPY"
        and seen[-1].limit == 2**30
    )


def test_once_says_what_the_last_line_says(log, path):
    assert follow(path, never, once=True) == "no line yet"
    log(STATUS)
    seen = []
    assert follow(path, seen.append, once=True) == f"running, 25.0% done  {STATUS.text}"
    assert seen == [STATUS]
    log.write({"state": "interrupted"})  # as earlier versions did
    assert follow(path, never, once=True) == "interrupted"
    log.end("interrupted")
    assert (
        follow(path, never, once=True) == "interrupted at 25.0%"
        and progress_log.read_last_line(path).share == 0.25
    )
    log.end("finished")
    assert follow(path, never, once=True) == "finished"


def test_a_line_half_written_is_passed_over(log, path):
    log(STATUS)
    whole = path.read_bytes()
    for rest in (
        b"{",
        b'{"state": "fin',
        b'{"state": "finished"',
        b"\xff\xfe",
        b"\0" * 5000,
        b"7",
        b"null\n",
        b"\n\n",
    ):
        path.write_bytes(whole + rest)
        assert follow(path, lambda _: None, once=True).startswith("running"), rest


@pytest.mark.parametrize(
    "line",
    [
        "7", "[]", "null", "{}", '{"state": "running"}', '{"state": "running", "time": "x"}',
        "[" * 100_000, "\0" * 9000,
        json.dumps({"state": "running", "time": 0, "done": "x"} | dict.fromkeys(ZEROS, 0)),
    ],
)  # fmt: skip
def test_strange_lines_are_no_lines(path, line):
    path.write_text(line + "\n")
    assert follow(path, never, once=True) == "no line yet"


def test_untrusted_text_moves_no_cursor(path):
    path.write_text(json.dumps({"state": "done\x1b[2J", "time": 0}) + "\n")
    assert follow(path, never, once=True) == "done?[2J"


def test_a_run_that_says_nothing_more(log, path, monkeypatch):
    log(STATUS)
    monkeypatch.setattr(progress_log, "SILENT_SECONDS", -1.0)
    assert "its process may be gone" in follow(path, lambda _: None)


def test_numbers_that_are_not_known(log, path):
    log(Status(**(STATUS.__dict__ | {"best": math.nan, "rate": math.nan, "limit": None})))
    seen = []
    follow(path, seen.append, once=True)
    assert math.isnan(seen[0].best) and seen[0].left == math.inf and seen[0].limit is None
