"""Ctrl-C, SIGTERM and a closed terminal."""

import signal
import subprocess
import sys
import time

import pytest
from helpers.stopwatch import Stopwatch

from qmac.cli import interrupts
from qmac.cli.interrupts import Interrupted, Interruption
from qmac.runtime.monitoring.compiling import compiling


@pytest.mark.slow
def test_interrupt(tmp_path):
    command = [
        sys.executable,
        "-m",
        "qmac",
        "optimize",
        "--sample",
        "--slippage",
        "0.001",
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        [*command, "--windows", "2:400"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = iter(process.stderr.readline, "")
    assert any("left" in line for line in lines)  # the sweep runs
    with Stopwatch() as watch:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert watch.seconds < 5
    assert process.returncode == 75
    assert f"Resume with: qmac resume {tmp_path / 'run'}" in errors and "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="terminals are closed otherwise here")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal(tmp_path, ignored):
    """Ends as Ctrl-C does; under nohup it is not heeded."""
    handler = "SIG_IGN" if ignored else "SIG_DFL"
    call = f"import signal; signal.signal(signal.SIGHUP, signal.{handler})\n"
    call += "import qmac.__main__ as start; start.main()"
    words = ["optimize", "--sample", "--windows", "2:400", "--out", str(tmp_path / "run")]
    words += ["--max-time", "3s" if ignored else "5min"]
    process = subprocess.Popen(
        [sys.executable, "-c", call, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if ignored:  # its seconds may be over before a line says how much is left
        while not (tmp_path / "run").exists() and process.poll() is None:
            time.sleep(0.01)
    else:
        assert any("left" in line for line in iter(process.stderr.readline, ""))  # the sweep runs
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 75 and f"Resume with: qmac resume {tmp_path / 'run'}" in errors
    assert ("max_time" in errors) == ignored and "Traceback" not in errors


@pytest.fixture
def ending(monkeypatch):
    """The lines of an interrupted process, which ends as SystemExit."""
    events = []
    monkeypatch.setattr(interrupts, "write_line", events.append)
    monkeypatch.setattr(interrupts.os, "_exit", sys.exit)
    monkeypatch.setattr(Interruption, "interrupted", False)
    monkeypatch.setattr(Interruption, "resume", None)
    return events


def test_the_second_interrupt_leaves_at_once(ending, monkeypatch):
    monkeypatch.setattr(Interruption, "resume", "qmac resume runs/first")
    with pytest.raises(Interrupted):
        interrupts.interrupt()
    with pytest.raises(SystemExit) as exiting:
        interrupts.interrupt()
    assert exiting.value.code == interrupts.EXIT_RESUMABLE
    first, second = ending
    assert "Interrupt again" in first and "Resume with: qmac resume" in second


def test_nothing_is_printed_without_a_run_directory(ending):
    with pytest.raises(Interrupted):
        interrupts.interrupt()
    assert ending == [] and Interruption.interrupted


def test_nothing_is_lost_while_kernels_are_compiled(ending, monkeypatch):
    monkeypatch.setattr(Interruption, "resume", "qmac resume run")
    with compiling("sharpe_ratio"), pytest.raises(Interrupted):
        interrupts.interrupt()
    (line,) = ending
    assert "stopping; kernels are being compiled, so nothing is lost." in line
