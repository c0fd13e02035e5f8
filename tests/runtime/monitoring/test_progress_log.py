"""What a run says: on a terminal, in a pipe, in its log; and following it from outside."""

import io
import json
import math
import threading
import time

import pytest
from rich.console import Console

from qmac.runtime.monitoring import display, progress_log
from qmac.runtime.monitoring.display import ProgressBar, ProgressLines
from qmac.runtime.monitoring.progress_log import LOG_BYTES, ProgressLog, follow
from qmac.runtime.monitoring.prometheus import format_gauges
from qmac.runtime.monitoring.status import JobProgress, Status, format_duration, format_rate
from qmac.storage import atomic

STATUS = Status(
    done=500,
    size=2000,
    seconds=3.5,
    best=0.25,
    memory=300 * 2**20,
    rate=100.0,
    name="SPY",
    threads=2,
    limit=2**30,
)


@pytest.fixture
def log(tmp_path):
    return ProgressLog(tmp_path / "progress.jsonl")


@pytest.fixture
def path(log):
    return log._path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("changes", "left", "words"),
    [
        ({}, 15, ["0.00 million/s", "15 s left", "300 MiB of 1,024", "2 threads"]),
        ({"limit": None}, 15, ["300 MiB  2 threads"]),
        ({"rate": 0.0}, math.inf, ["? s left"]),
        ({"rate": math.nan}, math.inf, ["? s left"]),
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


def test_lines(monkeypatch):
    monkeypatch.setattr(display, "LINE_SECONDS", 0.05)
    stream = io.StringIO()
    with ProgressLines("{:+.1%}".format, stream) as listener:
        listener(STATUS)  # nothing yet: most runs are over before the first line
        assert stream.getvalue() == ""
        time.sleep(0.06)
        listener(STATUS)
        listener(STATUS)
        time.sleep(0.06)
        listener(Status(**(STATUS.__dict__ | {"part": 2, "parts": 3, "best": math.nan})))
    first, second = stream.getvalue().splitlines()
    assert first.startswith(" 25.0%  500 of 2,000  best +25.0%  15 s left  0.00 million/s")
    assert second.startswith(" 25.0%  SPY (2 of 3) 25%  best +nan%")


def test_bar():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    with ProgressBar("{:+.1%}".format, console) as listener:
        listener(STATUS)
        listener(
            Status(**(STATUS.__dict__ | {"part": 2, "parts": 3, "done": 2000, "level": "shed"}))
        )
        listener._progress.refresh()
    assert all(
        words in stream.getvalue()
        for words in ("100%", "shed  SPY (2/3)  best +25.0%", "2 threads")
    )


def test_bar_says_what_there_is_room_for():
    stream = io.StringIO()
    with ProgressBar(
        "{:+.1%}".format, Console(file=stream, force_terminal=True, width=60)
    ) as listener:
        listener(STATUS)
        listener._progress.refresh()
    assert all(words in stream.getvalue() for words in ("25%", "best +25.0%  15 s left"))
    assert "threads" not in stream.getvalue() and "…" not in stream.getvalue()


# -- a job of many symbols


def test_a_job_says_how_far_all_of_it_is_and_how_long_it_takes(monkeypatch):
    now, said = [1000.0], []
    monkeypatch.setattr(progress_log.time, "monotonic", lambda: now[0])
    parts = JobProgress(said.append, {"done": 100, "SPY": 300, "last": 600})
    parts.next("SPY")  # the first was done by another process
    parts(Status(**(STATUS.__dict__ | {"done": 0})))
    assert (said[-1].part, said[-1].parts, said[-1].job_done, said[-1].job_left) == (
        2,
        3,
        0.1,
        math.inf,
    )
    now[0] += 30
    parts(Status(**(STATUS.__dict__ | {"done": 2000})))
    assert said[-1].job_done == pytest.approx(0.4) and said[-1].job_left == pytest.approx(60)
    parts.next("last")
    now[0] += 30
    parts(Status(**(STATUS.__dict__ | {"done": 1000})))
    assert said[-1].job_done == pytest.approx(0.7) and said[-1].job_left == pytest.approx(30)
    assert "30 s left" in said[-1].text and said[-1].share == said[-1].job_done
    gauges = format_gauges(said[-1])
    assert (
        'qmac_job_done_ratio{symbol="SPY"} 0.7' in gauges
        and 'qmac_job_left_seconds{symbol="SPY"} 30' in gauges
    )
    alone = JobProgress(said.append, {"SPY": 300})
    alone.next("SPY")
    alone(STATUS)
    assert said[-1] == STATUS and 'qmac_job_done_ratio{symbol="SPY"} 0.25' in format_gauges(STATUS)


MANY = {"part": 2, "parts": 500, "job_done": 0.4321, "job_left": 7200.0, "name": "X" * 200}
FULL = {"level": "pause", "reason": "disk: 57.3 MiB free, 256 MiB are to stay free; it gets better"}


def test_a_log_knows_of_the_job(log, path):
    log(Status(**(STATUS.__dict__ | MANY)))
    said = follow(path, never_mind, once=True)
    assert said.startswith(f"running, 43.2% done, {'X' * 15}… (2 of 500) 25%  2 h 0 min left")
    assert lines(path)[-1]["job_done"] == 0.4321 and lines(path)[-1]["job_left"] == 7200
    log.end("interrupted")
    assert follow(path, never_mind, once=True) == "interrupted at 43.2%"


def never_mind(status):
    pass


@pytest.mark.parametrize(
    "changes", [{}, MANY, FULL, MANY | FULL, {"finishing": 0.34}, MANY | {"finishing": 0.34}]
)
def test_a_bar_fits_in_80_columns(changes):
    stream = io.StringIO()
    status = Status(
        **(STATUS.__dict__ | {"size": 10**12, "done": 25 * 10**10, "rate": 1e9} | changes)
    )
    with ProgressBar("{:+.1%}".format, Console(file=stream, width=80)) as listener:
        listener(status)
        text = listener._progress.columns[2].render(listener._progress.tasks[0]).plain
        share = listener._progress.tasks[0].percentage
    assert len(text) <= 80 - display.LEAST_BAR and share == pytest.approx(100 * status.share)
    wanted = "finishing 34%" if "finishing" in changes and "parts" not in changes else "left"
    if "level" in changes:
        wanted = "pause (disk: 57.3 MiB free, 256 MiB are to stay free)"
    assert wanted in text, text


def test_why_a_run_pauses_is_said(log, path):
    status = Status(**(STATUS.__dict__ | FULL))
    stream = io.StringIO()
    listener = ProgressLines(str, stream)
    listener._next = 0
    listener(status)
    log(status)
    for text in (stream.getvalue(), follow(path, never_mind, once=True)):
        assert "  pause (disk: 57.3 MiB free, 256 MiB are to stay free)  " in text


# -- the log


def test_log_writes_a_line_every_few_seconds(log, path, monkeypatch):
    monkeypatch.setattr(progress_log, "LINE_SECONDS", 0.05)
    for _ in range(5):
        log(STATUS)
    assert len(lines(path)) == 1
    time.sleep(0.06)
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
    seen = []

    def run():
        for done in (500, 1000, 2000):
            log(Status(**(STATUS.__dict__ | {"done": done})))
            time.sleep(0.1)
        log.write({"state": "stopped at 50.0%: max_time"})

    runner = threading.Thread(target=run)
    runner.start()
    assert follow(path, seen.append) == "stopped at 50.0%: max_time"
    runner.join()
    assert (
        {status.done for status in seen} >= {1000, 2000}
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
    ["7", "[]", "null", "{}", '{"state": "running"}', '{"state": "running", "time": "x"}', "[" * 100_000, "\0" * 9000,
     '{"state": "running", "time": 0, "done": "x", "size": 0, "seconds": 0, "best": 0, "memory": 0, "rate": 0}'],
)  # fmt: skip
def test_strange_lines_are_no_lines(path, line):
    path.write_text(line + "\n")
    assert follow(path, never, once=True) == "no line yet"


def test_what_a_stranger_wrote_moves_no_cursor(path):
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
