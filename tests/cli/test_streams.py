"""Standard output and standard error: closed, full, coloured; JSON in one line."""

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
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
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
