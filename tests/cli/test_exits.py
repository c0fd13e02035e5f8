"""Exit codes and their lines on standard error."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.terminal import qmac

from qmac.cli import exits
from qmac.cli.interrupts import Interruption
from qmac.errors import InternalError, ResultError, Stopped, WriteError

ROOT = Path(__file__).parents[2]


def test_exit_codes_are_documented():
    page = (ROOT / "docs" / "command-line.md").read_text()
    assert {
        int(code): words for code, words in re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    } == exits.MEANINGS


def test_a_mistake_in_a_process():
    done = qmac("optimize", "--nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr.startswith("qmac: No such option: --nonsense. See: ")
        and done.stderr.count("\n") == 1
    )


@pytest.mark.slow
def test_a_pipe_whose_reader_ends(csv):
    command = (
        f"{sys.executable} -m qmac evaluate {csv} 2 5 3 9 --csv | true; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)
    said = [
        line
        for line in done.stderr.splitlines()
        if not line.startswith(("qmac: compiling", "qmac: spy, 300 bars", "qmac: read as"))
    ]  # the first run ever, and what was read
    assert done.stdout == f"{exits.PIPE}\n" and said == []


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ResultError("no result."), exits.INPUT, "no result."),
        (WriteError("disk is full."), exits.OUTPUT, "disk is full."),
        (Stopped("max_time is over."), exits.RESUMABLE, "max_time is over. Nothing was saved: "),
        (InternalError("counts differ."), exits.DEFECT, "internal error: counts differ. Please"),
        (FileNotFoundError(2, "no such file", "x.csv"), exits.OUTPUT, "x.csv: no such file."),
    ],
)
def test_errors_become_a_line_and_an_exit_code(error, code, line, capsys, monkeypatch):
    def fail():
        raise error

    assert exits.exit_code(fail) == code
    assert capsys.readouterr().err.startswith(f"qmac: {line}")
    monkeypatch.setattr(Interruption, "resume", "qmac resume runs/first")
    assert exits.exit_code(fail) == code
    assert capsys.readouterr().err.endswith(" Resume with: qmac resume runs/first\n")


def test_a_command_that_returns_is_finished():
    assert exits.exit_code(lambda: None) == exits.DONE
    assert exits.exit_code(lambda: exits.LEFT_OUT) == exits.LEFT_OUT


def test_memory_that_runs_out_ends_in_one_line(capsys, monkeypatch):
    def fail():
        raise MemoryError

    monkeypatch.setattr(Interruption, "resume", "qmac resume runs/a")
    assert exits.exit_code(fail) == exits.RESUMABLE
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "memory ran out" in line and "qmac resume runs/a" in line
