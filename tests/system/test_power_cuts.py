"""Power cuts and kills at random moments: a run loses little, and its answer stays the same."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from helpers.faults import LONG, PRICES
from helpers.power import power_disk
from helpers.stopwatch import Stopwatch

import qmac

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed, disks are mounted"),
]

GRID = qmac.Grid(windows=range(2, 42), shared_windows=True)
CUTS = 100 if LONG else 3
KILLS = 40 if LONG else 2
STARTING = 5.0
"""Seconds that a start takes at most, with its first second of a sweep."""
SLOWED = """
import os, sys, threading, time
from qmac.engine.sweep.worker import Worker
from qmac.runtime.execution import ledger
from qmac.runtime.monitoring import progress_log
progress_log.LINE_SECONDS = 0.05
evaluate = Worker.evaluate
def slowly(worker, batch):
    if threading.current_thread() is not threading.main_thread():
        time.sleep({seconds})
    return evaluate(worker, batch)
Worker.evaluate = slowly
ledger.BATCH_SECONDS = 0.0
"""
MAIN = "\nfrom qmac.cli.main import main\nmain()\n"
FORKED = """
import qmac
from qmac.jobs import monitor
from qmac.runtime.execution import threads
monitor.SNAPSHOT_SECONDS, monitor.SNAPSHOT_COST, threads.POLL_SECONDS = 0.02, 1.0, 0.005
from helpers.faults import PRICES
grid = qmac.Grid(windows=range(2, 42), shared_windows=True)
limits = qmac.Limits(disk_free=None)
qmac.optimize(PRICES, qmac.Grid(windows=[2, 3, 5, 8]), threads=1)
for line in sys.stdin:
    path = line.strip()
    pid = os.fork()
    if pid == 0:
        os.close(1)
        code = 1
        try:
            if os.path.exists(path + "/run.json"):
                qmac.resume(path, threads=2, limits=limits)
            else:
                qmac.optimize(PRICES, grid, top=20, threads=2, out=path, limits=limits)
            code = 0
        finally:
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def start(code, *words, **pipes):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
        text=True,
        **pipes,
    )


def test_power_cuts_at_random_moments(tmp_path):
    """Whatever reached the disk is whole, and is resumed; the rest is done again."""
    digest = qmac.optimize(PRICES, GRID, top=20).digest
    dice = random.Random(1)
    limits = qmac.Limits(disk_free=None)
    code = SLOWED.format(seconds=0.02) + FORKED
    cuts = resumed = number = 0
    with (
        power_disk(tmp_path) as disk,
        start(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1) as process,
    ):
        while cuts < CUTS:
            path = disk.place / f"run{number}"
            process.stdin.write(f"{path}\n")
            child = int(process.stdout.readline())
            time.sleep(dice.uniform(0.01, 0.5))
            disk.cut()
            with suppress(ProcessLookupError):  # it ended at the disk's error
                os.kill(child, signal.SIGKILL)  # as the machine itself is off
            process.stdout.readline()
            disk.restart()
            cuts += 1
            resumed += any((path / "snapshots").glob("0*"))
            if (path / "run.json").exists() and dice.random() < 0.3:
                (result,) = qmac.resume(path, threads=2, limits=limits).values()
                assert result.digest == digest
                number += 1
        process.stdin.close()
        for path in disk.place.glob("run*"):
            if (path / "run.json").exists():
                (result,) = qmac.resume(path, threads=2, limits=limits).values()
                assert result.digest == digest
    assert resumed or not LONG


def count_lines(out):
    path = out / "progress.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def live(process, out, dice):
    """Let a process live for a while; return for how long, or None if it has ended."""
    began = time.monotonic()
    if LONG:
        with suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(3, 20))
    else:
        await_snapshot(process, out)
    if process.poll() is not None:
        assert process.returncode == 0
        return None
    process.kill()
    return time.monotonic() - began if LONG else STARTING


def await_snapshot(process, out):
    """Wait until a new one is there, from the first line on, and no longer than is promised."""
    lines, before = count_lines(out), newest(out)
    while count_lines(out) <= lines and process.poll() is None:
        time.sleep(0.02)
    with Stopwatch() as watch:
        while newest(out) <= before and process.poll() is None and watch.seconds < 2.2:
            time.sleep(0.02)


def test_kills_in_a_row_each_gain_something(tmp_path):
    """From one second of a sweep on, a kill loses no more than what came after a snapshot."""
    dice, out = random.Random(2), tmp_path / "run"
    words = ("optimize", "--sample", "--windows", "2:252", "--threads", "2", "--out", out)
    code = SLOWED.format(seconds=0.16 if LONG else 0.1) + MAIN
    numbers = [0]
    for _ in range(KILLS):
        with start(code, *words, stdout=subprocess.DEVNULL) as process:
            lived = live(process, out, dice)
        if lived is None:
            break
        numbers.append(newest(out))
        assert numbers[-1] > numbers[-2] or lived < STARTING, numbers
        if (out / "run.json").exists():
            words = ("resume", out, "--threads", "2")
    assert numbers[-1] >= len(numbers) // 2
    if LONG:
        with start(code, "resume", out, stdout=subprocess.DEVNULL) as process:
            assert process.wait(600) == 0
        header = json.loads(next((out / "results").glob("*/result.json")).read_text())
        grid = qmac.Grid(windows=range(2, 253))
        assert header["digest"] == qmac.optimize(qmac.sample_prices(), grid, top=20).digest


def newest(out):
    """Return how many snapshots were written so far: each has more cells than the one before."""
    names = [int(path.name) for path in (out / "snapshots").glob("0*")]
    return max(names, default=0)
