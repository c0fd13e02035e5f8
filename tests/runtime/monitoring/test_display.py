"""Progress on a terminal and in a pipe."""

import io
import math

import pytest
from helpers.statuses import FULL, MANY, STATUS
from rich.console import Console

from qmac.runtime.monitoring import display
from qmac.runtime.monitoring.compiling import compiling
from qmac.runtime.monitoring.display import ProgressBar, ProgressLines
from qmac.runtime.monitoring.status import Status


def test_lines(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with ProgressLines("{:+.1%}".format, stream) as listener:
        now[0] += 0.9 * display.LINE_SECONDS
        listener(STATUS)  # nothing yet: most runs are over before the first line
        assert stream.getvalue() == ""
        now[0] += 0.2 * display.LINE_SECONDS
        listener(STATUS)
        now[0] += 0.9 * display.LINE_SECONDS
        listener(STATUS)
        now[0] += 0.2 * display.LINE_SECONDS
        listener(Status(**(STATUS.__dict__ | {"part": 2, "parts": 3, "best": math.nan})))
    first, second = stream.getvalue().splitlines()
    assert first.startswith(
        " 25.0%  500 of 2,000 combinations  best +25.0%  15 s left  0.00 million/s"
    )
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
        listener(Status(**(STATUS.__dict__ | {"markets_done": 7, "markets": 399})))
        listener._progress.refresh()
    assert all(
        words in stream.getvalue()
        for words in ("100%", "shed  SPY (2/3)  best +25.0%", "2 threads", "7 of 399 random mar")
    )


def test_what_is_compiled_is_said_before_there_is_a_status():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    with ProgressBar("{:+.1%}".format, console) as listener:
        listener._progress.refresh()
        assert "preparing" in stream.getvalue()
        with compiling("sharpe_ratio"):
            listener._progress.refresh()
        listener(STATUS)
    assert "compiling for sharpe_ratio: 0 s of about 10 s, once" in stream.getvalue()
    lines = io.StringIO()
    with ProgressLines("{:+.1%}".format, lines), compiling("sharpe_ratio"):
        pass
    with compiling("sharpe_ratio"):
        pass
    assert lines.getvalue().count("compiling for sharpe_ratio") == 1


def test_bar_says_what_there_is_room_for():
    stream = io.StringIO()
    with ProgressBar(
        "{:+.1%}".format, Console(file=stream, force_terminal=True, width=60)
    ) as listener:
        listener(STATUS)
        listener._progress.refresh()
    assert all(words in stream.getvalue() for words in ("25%", "best +25.0%  15 s left"))
    assert "threads" not in stream.getvalue() and "…" not in stream.getvalue()


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


def test_the_dates_of_a_fold_are_shown_in_80_columns():
    stream, name = io.StringIO(), "sp500 2000-01-03 to 2003-12-31"
    status = Status(**(STATUS.__dict__ | {"name": name, "part": 7, "parts": 30}))
    with ProgressBar("{:+.1%}".format, Console(file=stream, width=80)) as listener:
        listener(status)
        text = listener._progress.columns[2].render(listener._progress.tasks[0]).plain
    assert text.startswith(f"{name} (7/30)  best +25.0%") and "left" in text


def test_of_symbols_side_by_side_is_shown_how_many_are_done_and_the_best_of_all():
    together = {"part": 8, "parts": 30, "symbols_done": 7, "job_best": 0.5, "job_done": 0.3}
    stream, status = io.StringIO(), Status(**(STATUS.__dict__ | together))
    with ProgressBar("{:+.1%}".format, Console(file=stream, width=80)) as listener:
        listener(status)
        text = listener._progress.columns[2].render(listener._progress.tasks[0]).plain
    assert text.startswith("7 of 30 done  best +50.0%") and "left" in text
    lines = ProgressLines("{:+.1%}".format, stream)
    lines._next = 0
    lines(status)
    assert stream.getvalue().splitlines()[-1].startswith(" 30.0%  7 of 30 done  best +50.0%")


def test_why_a_run_pauses_is_shown():
    stream = io.StringIO()
    listener = ProgressLines(str, stream)
    listener._next = 0
    listener(Status(**(STATUS.__dict__ | FULL)))
    assert "  pause (disk: 57.3 MiB free, 256 MiB are to stay free)  " in stream.getvalue()


def test_a_name_is_text(monkeypatch):
    """In brackets it is no style, and no character of it moves the cursor."""
    monkeypatch.setattr(display, "LINE_SECONDS", 0.0)
    hostile = {"name": "[red]a[/b]\x1b[2J\r\n", "parts": 2, "level": "shed", "reason": "[/]\x1b[2J"}
    status = Status(**(STATUS.__dict__ | hostile))
    stream = io.StringIO()
    ProgressLines("{:.1%}".format, stream)(status)
    assert "[red]a[/b]?[2J?" in stream.getvalue() and stream.getvalue().rstrip("\n").isprintable()
    stream = io.StringIO()
    with ProgressBar("{:.1%}".format, Console(file=stream, force_terminal=True, width=200)) as bar:
        bar(status)
        bar._progress.refresh()
    assert "shed ([/]?[2J)  [red]a[/b]?[2J?" in stream.getvalue()
