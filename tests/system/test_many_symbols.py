"""Runs of many small symbols against kill -9, again and again, on threads and on nodes."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.faults import LONG
from helpers.series import frame, series

import qmac
from qmac.data.symbols import Symbols
from qmac.jobs.job import build_job
from qmac.jobs.runner import create_directory
from qmac.results.reader import read_results
from qmac.strategy.request import check_request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed"),
]

SYMBOLS, KILLS = (1000, 20) if LONG else (60, 3)
GRID = qmac.Grid(windows=range(2, 12))
RUN = """
import os, sys
sys.path.insert(0, os.environ["TESTS"])
import qmac
from qmac.jobs.result_sink import DirectorySink
from helpers.nodes import LocalClusterExecutor
from helpers.series import frame, series

store, path, place = DirectorySink.store, sys.argv[1], sys.argv[2]

def show(sink, task, result):
    stored = store(sink, task, result)
    print("stored", flush=True)
    return stored

DirectorySink.store = show
qmac.optimize(frame(series("random", 60, 1)), qmac.Grid(windows=range(2, 12)), threads=1)
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            executor = LocalClusterExecutor(2) if place == "nodes" else None
            executor = qmac.RayExecutor() if place == "ray" else executor
            qmac.resume(path, threads=2, executor=executor)
            code = 0
        finally:
            os._exit(code)
    print(pid, flush=True)
    print("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Resumes a run for each line that it reads, in a process that may be killed."""
ENVIRONMENT = {**os.environ, "TESTS": str(Path(__file__).parents[1])}


class Resumer:
    """A process that resumes a run again and again."""

    def __init__(self, path, place):
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, path, place], env=ENVIRONMENT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1, start_new_session=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.__exit__(None, None, None)

    def resume(self, kill_after=None, seconds=0.0):
        """Return the exit code of a process that is killed once so many results are stored."""
        self.process.stdin.write("\n")
        pid, count = 0, 0
        while not (line := self.process.stdout.readline()).startswith("code"):
            assert line, "the process has ended"
            if line.strip().isdigit():
                pid = int(line)
            count += line == "stored\n"
            if pid and kill_after is not None and count >= kill_after:
                time.sleep(seconds)
                os.kill(pid, signal.SIGKILL)
                kill_after = None
        return int(line.split()[1])


def digest_of(results):
    lines = sorted(f"{name} {results.outline(name).digest}" for name in results)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.fixture(scope="module")
def frames():
    return {f"S{number:04d}": frame(series("random", 60, number)) for number in range(SYMBOLS)}


@pytest.fixture(scope="module")
def digest(frames):
    return digest_of(qmac.optimize_many(frames, GRID, top=5, threads=2))


@pytest.mark.parametrize("place", ["threads", "nodes", *(["ray"] if LONG else [])])
def test_a_run_that_is_killed_again_and_again_has_the_digest_of_one_that_is_not(
    frames, digest, tmp_path, place
):

    prices = {name: qmac.Prices.of(table, name) for name, table in frames.items()}
    path, chance = tmp_path / "run", random.Random(7)
    create_directory(build_job(Symbols(prices, {}), check_request(GRID, top=5)), path)
    each = max(2, SYMBOLS // (KILLS + 2))
    with Resumer(path, place) as resumer:
        for _ in range(KILLS):
            code = resumer.resume(chance.randint(1, each), chance.random() * 0.02)
            assert code == -signal.SIGKILL
        assert resumer.resume() == 0
    results = read_results(path)
    assert not results.missing
    assert digest_of(results) == digest
    assert list((path / "snapshots").iterdir()) == []
    assert all(results[name].digest == results.outline(name).digest for name in list(results)[::7])
