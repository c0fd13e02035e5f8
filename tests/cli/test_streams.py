"""Standard output and standard error: closed, full, coloured; JSON in one line."""

import io
import json
import math
import os
import subprocess
import sys

import pytest
from helpers.terminal import inside

from qmac.cli import exits, streams


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "code"), [("> /dev/full", exits.OUTPUT), (">&-", exits.DONE), ("2>&-", exits.DONE)]
)
def test_closed_and_full_streams(one_run, where, code):
    command = f"{sys.executable} -m qmac runs {one_run} {where}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.returncode == code and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_on_a_terminal_only(tmp_path, environment, coloured):
    pty = pytest.importorskip("pty")
    (tmp_path / "prices").mkdir()
    (tmp_path / "run.json").write_text("damaged, and so red")
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "qmac", "runs", str(tmp_path)]
    known = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")
    }
    subprocess.run(
        command,
        stdout=slave,
        env={**known, "TERM": "xterm", "COLUMNS": "80", **environment},
        check=True,
    )
    os.close(slave)
    shown = os.read(master, 1 << 16)
    os.close(master)
    assert (b"\x1b[31mdamaged" in shown) == coloured and b"damaged" in shown
    assert "\x1b" not in inside(*command[3:]).stdout


def test_json_is_one_object_on_one_line(capsys):
    rows = ({"sharpe_ratio": value} for value in (1.5, math.nan))
    streams.print_json({"best": (2, 5, 3, 9)}, top=rows, failed=[])
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "best": [2, 5, 3, 9],
        "top": [{"sharpe_ratio": 1.5}, {"sharpe_ratio": None}],
        "failed": [],
    }


def test_notes_are_on_standard_error(capsys):
    streams.print_note("starting Ray on this machine.")
    assert capsys.readouterr() == ("", "qmac: starting Ray on this machine.\n")


HOSTILE = "a\x1b[2J\x9b31m\x07\u202eb\u2028\ud800\r"


def test_nothing_that_is_printed_moves_the_cursor(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", streams.make_safe(sys.stdout))
    monkeypatch.setattr(sys, "stderr", streams.make_safe(sys.stderr))
    assert streams.make_safe(sys.stdout) is sys.stdout
    print(HOSTILE, "\t", sep="\n")
    sys.stderr.writelines([HOSTILE, "\n"])
    out, err = capsys.readouterr()
    assert out == "a?[2J?31m??b???\n\t\n" and err == "a?[2J?31m??b???\n"
    streams._show_warning(UserWarning(f"left out: {HOSTILE}\nqmac: all is well"))
    streams.print_line(f"{HOSTILE}\nsecond")
    out, err = capsys.readouterr()
    assert out.count("\n") == err.count("\n") == 1 and (out + err).replace("\n", "").isprintable()


def test_a_warning_is_shown_once(capsys):
    """A compiler's 30 helpers do not fit on a full disk, each with a warning of its own."""
    show = streams._show_once()
    for text in ("no space left", "no space left", "another"):
        show(UserWarning(text), UserWarning, "cache.py", 1)
    err = capsys.readouterr().err
    assert err == "qmac: note: no space left\nqmac: note: another\n"


def test_colours_are_those_of_the_console(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", streams.make_safe(sys.stdout))
    streams.build_console().print(HOSTILE, style="red", highlight=False)
    assert capsys.readouterr().out.splitlines() == ["\x1b[31ma?[2J?31m?b??\x1b[0m"]


@pytest.mark.parametrize("name", streams.SIZES)
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", None),
        ("-5", None),
        ("abc", None),
        ("", None),
        ("\u00b2", None),
        ("1", "least"),
        ("120", "120"),
        ("9" * 5000, "most"),
    ],
)
def test_a_size_that_no_terminal_has_is_corrected(monkeypatch, name, text, size):
    """As COLUMNS=0, with which rich prints nothing at all."""
    monkeypatch.setenv(name, text)
    least, most = streams.SIZES[name]
    streams._correct_size(name, least, most)
    assert os.environ.get(name) == {"least": str(least), "most": str(most)}.get(size, size)


@pytest.mark.parametrize(("columns", "width"), [(0, 80), (1, 40), (120, 120)])
def test_a_terminal_of_no_width(monkeypatch, columns, width):
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((columns, 0)))
    console = streams.build_console()
    assert (console.width, console.height) == (width, 25)


def test_a_fetch_is_shown_on_a_terminal_only(monkeypatch, capsys):
    from qmac.data.sources.fetching import FetchStatus

    with streams.show_fetch(2) as listener:
        assert listener is None  # a pipe
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with streams.show_fetch(2) as listener:
        listener(FetchStatus("yahoo:S\x1b[2JPY", 1, 2, 1234))
    shown = capsys.readouterr()
    assert shown.out == "" and "1/2" in shown.err and "yahoo:S?[2JPY, 1,234 bars" in shown.err


def test_a_reset_of_colours_at_the_end_is_not_printed():
    stream = io.StringIO()
    safe = streams.make_safe(stream)
    safe.write(streams.RESET)
    assert stream.getvalue() == ""
    safe.write(f"{streams.RESET}text")
    assert stream.getvalue() == "?[0mtext"
