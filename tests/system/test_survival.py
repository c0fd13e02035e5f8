"""Runs against kill -9, signals and machines that stop: they resume, and the answer is the same."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from helpers.faults import LONG
from helpers.series import frame, ohlc, series
from helpers.stopwatch import Stopwatch

import qmac
from qmac.errors import ResultError
from qmac.runs.header import HEADER
from qmac.storage.atomic import STEPS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed"),
]

GRID = qmac.Grid(windows=range(2, 42))
"""105 cells."""
FRAMES = {
    "SPY": frame(series("random", 300, 4)),
    "QQQ": ohlc("random", 300, 4),
    "GLD": frame(series("ticks", 300, 1)),
}
KILLS, ROUNDS = 15, 7 if LONG else 1
SLOW = """
import os, shutil, sys, threading, time
import qmac
from qmac.engine.sweep.worker import Worker
from qmac.jobs import monitor
from qmac.runtime.execution import ledger, threads as executors
from qmac.runtime.monitoring import display, progress_log as progress
from qmac.storage import atomic as files
sys.path.insert(0, os.environ["TESTS"])
evaluate, seconds = Worker.evaluate, float(os.environ.get("CELL_SECONDS", 0.1))

def slowly(worker, batch):
    if threading.current_thread() is not threading.main_thread():  # which prepares
        time.sleep(seconds)
    return evaluate(worker, batch)

Worker.evaluate = slowly
ledger.BATCH_SECONDS, executors.POLL_SECONDS, progress.LINE_SECONDS = 0.0, 0.02, 0.05
display.LINE_SECONDS = 0.05
monitor.SNAPSHOT_SECONDS = float(os.environ.get("SNAPSHOT_SECONDS", 0.05))
monitor.SNAPSHOT_COST = 1.0
"""
WORK = """
from helpers.series import frame, ohlc, series
FRAMES = {
    "SPY": frame(series("random", 300, 4)),
    "QQQ": ohlc("random", 300, 4),
    "GLD": frame(series("ticks", 300, 1)),
}
GRID = qmac.Grid(windows=range(2, 42))
path, count = sys.argv[1], int(sys.argv[2])
# kernels and imports are there
qmac.optimize(FRAMES["SPY"], qmac.Grid(windows=[2, 3, 5, 8]), threads=1)

def forked(work):
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid

def run(listen=None):
    frames = dict(list(FRAMES.items())[:count])
    if not os.path.exists(path + "/run.json"):  # a run that was killed before it had begun
        qmac.optimize_many(frames, GRID, top=20, threads=2, out=path, progress=listen)
    qmac.resume(path, threads=2, progress=listen)
"""
DRIVER = (
    SLOW
    + WORK
    + """
def first(status):
    if not heard:
        heard.append(status)
        print("at", status.name, status.done / status.size, flush=True)

code, more = -1, True
while code != 0 or more:
    if code == 0:
        path += "+"  # a run that was done before it was killed often enough: the next
    heard = []
    pid = forked(lambda: run(first))
    print("pid", pid, flush=True)
    sys.stdin.readline()  # until then it may be killed: its number is not given to another
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print("code", code, flush=True)
    more = sys.stdin.readline().strip() == "more"
"""
)
SOME = r" *([1-9]\d*\.\d|0\.[1-9])%  "
"""A line of a run of which something is done."""
CLI = SLOW + "\nfrom qmac.cli.main import main\nmain()\n"
ENVIRONMENT = {
    **os.environ,
    "TESTS": str(Path(__file__).parents[1]),
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


@pytest.fixture(scope="module")
def digests():
    return {name: qmac.optimize(table, GRID, top=20).digest for name, table in FRAMES.items()}


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("prices") / "spy.csv"
    FRAMES["SPY"].to_csv(path, float_format="%.17g")
    return path


@pytest.fixture(scope="module")
def answer(csv):
    return qmac.optimize(qmac.read_prices(csv), GRID, top=20).digest


class Child:
    """A process of ours, its lines as they come."""

    def __init__(self, code, *arguments, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], text=True, bufsize=1,
            env={**ENVIRONMENT, **environment}, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if code.endswith("main()\n") else None,
        )  # fmt: skip
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            os.killpg(
                self.process.pid, signal.SIGKILL
            )  # a session of its own: it and what it forked
        self.process.communicate()

    def wait_for(self, pattern):
        for line in self.process.stderr or self.process.stdout:
            self.lines.append(line)
            if re.match(pattern, line):
                return line
        raise AssertionError(
            f"it ended with {self.process.wait()} before {pattern!r}: {''.join(self.lines)}"
        )

    def send(self, number):
        """Send a signal; return exit code, output, and after how many seconds it ended."""
        streams = self.process.stderr, self.process.stdout
        last = threading.Timer(300, self.process.kill)
        with Stopwatch() as watch:
            self.process.send_signal(number)
            last.start()
            # not communicate(), which loses what wait_for has read ahead
            errors, out = (stream.read() if stream else "" for stream in streams)
            code = self.process.wait()
            last.cancel()
        return code, out, "".join(self.lines) + errors, watch.seconds


def check(path, digests, count=1):
    results = qmac.resume(path)
    assert {name: result.digest for name, result in results.items()} == dict(
        list(digests.items())[:count]
    )
    assert all(result.evaluated == GRID.size for result in results.values())
    assert (
        not list(path.glob("**/*.part"))
        and not list(path.glob("results/.*"))
        and not list(path.glob("snapshots/*"))
    )


# -- kill -9


def find_snapshots(path):
    return set(path.glob("run*/snapshots/0*"))


def await_snapshot(pid, path, before):
    """Let a process live, on a slow disk, too, until it has written a snapshot or has ended."""
    process = psutil.Process(pid)
    while not find_snapshots(path) - before and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.005)


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize(("count", "cell"), [(1, 0.06), (3, 0.005)])
def test_killed_again_and_again(tmp_path, digests, count, cell, seed):
    dice = random.Random(seed)
    path, began = tmp_path / "run", []
    with Child(DRIVER, path, count, CELL_SECONDS=str(cell)) as child:
        done, before = 0, find_snapshots(tmp_path)
        for line in child.process.stdout:
            kind, *words = line.split()
            if kind == "at":
                began.append((words[0], float(words[1])))
            elif kind == "pid":
                if done < KILLS:
                    if dice.random() < 0.4:
                        await_snapshot(int(words[0]), tmp_path, before)
                    time.sleep(
                        dice.choice([0.02, 0.1, 0.3, 0.5]) * dice.random() + 0.1 * (done == 0)
                    )
                    os.kill(int(words[0]), signal.SIGKILL)
                    before = find_snapshots(tmp_path)
                child.process.stdin.write("go on\n")
            elif kind == "code":
                assert words in (["0"], ["-9"]), words
                done += words == ["-9"]  # not one that was done before it was killed
                child.process.stdin.write("more\n" if done < KILLS else "enough\n")
        assert child.process.wait() == 0
    assert done >= KILLS
    for ran in tmp_path.glob("run*"):
        check(ran, digests, count)
    kept = sum(share > 0 for _, share in began)
    assert kept >= (KILLS // 4 if count == 1 else 1)  # what was done was not done again
    assert len(set(began)) >= 3


# -- the machine stops at any step of a write

STEPPER = (
    SLOW
    + WORK
    + """
import json
from pathlib import Path
home, kind = Path(path), sys.argv[3]

def stopping(at, nth):
    left = [nth]
    def step(name):
        ready = kind == "start" or list(home.glob("snapshots/0*"))
        left[0] -= bool(name == at and ready)
        if left[0] < 0:
            if kind == "cut":  # what the disk reported as written was not
                newest = sorted(home.glob("snapshots/0*"))[-1:]
                for file in [*home.glob("snapshots/.*.part"), *newest][:1]:
                    os.truncate(file, file.stat().st_size // 2)
            os._exit(9)
    return step

for at in files.STEPS:
    for nth in range(2 if kind == "start" else 1):  # of the prices, of the header
        files.step = stopping(at, nth)
        code = os.waitstatus_to_exitcode(os.waitpid(forked(run), 0)[1])
        print(json.dumps([at, nth, code, shutil.move(path, f"{path} {at} {nth}")]), flush=True)
"""
)


@pytest.mark.parametrize("kind", ["start", "whole", "cut"])
def test_a_machine_that_stops_at_any_step(tmp_path, digests, kind):
    with Child(
        STEPPER, tmp_path / "run", 1, kind, CELL_SECONDS="0.01", SNAPSHOT_SECONDS="0.01"
    ) as child:
        stopped = [json.loads(line) for line in child.process.stdout]
        assert child.process.wait() == 0
    assert [at for at, *_ in stopped] == [
        at for at in STEPS for _ in range(2 if kind == "start" else 1)
    ]
    for at, nth, code, path in stopped:
        assert code == 9, at
        path = Path(path)
        if kind != "start":
            assert list(path.glob("snapshots/0*"))
            if (kind, at) == ("cut", "renamed"):
                with pytest.warns(
                    UserWarning, match="checksum differs. Resuming from an older one|start"
                ):
                    check(path, digests)
                continue
        elif not (path / HEADER).exists():
            assert nth == 0 or STEPS.index(at) < STEPS.index("renamed")
            with pytest.raises(ResultError, match="holds no run"):
                qmac.resume(path)
            assert (
                qmac.optimize(FRAMES["SPY"], GRID, top=20, out=path).digest == digests["SPY"]
            )  # it is not in the way
            continue
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *_, **__: None)
            check(path, digests)


# -- one at a time


def test_a_second_resume_is_refused_and_a_killed_one_is_not_waited_for(tmp_path, csv, answer):
    path = tmp_path / "run"
    words = "optimize", csv, "--windows", "2:41", "--out", path
    with Child(CLI, *words, CELL_SECONDS="0.5") as first:
        first.wait_for(SOME)
        match = f"is being run by process {first.process.pid} on .*qmac watch"
        with Stopwatch() as watch, pytest.raises(ResultError, match=match):
            qmac.resume(path)
        assert watch.seconds < 1
        with Child(CLI, "resume", path) as second:
            _, errors = second.process.communicate(timeout=300)
            assert second.process.returncode == 2 and f"process {first.process.pid} on " in errors
        first.process.kill()
        first.process.wait()
    assert qmac.resume(path)["spy"].digest == answer


# -- signals

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS if LONG else SIGNALS[:1])  # then the other one
def test_the_last_line_is_the_command_that_goes_on(tmp_path, csv, answer, number):
    path = tmp_path / "it's a “run” $HOME"
    with Child(CLI, "optimize", csv, "--windows", "2:41", "--out", path, "--json") as child:
        child.wait_for(SOME)
        code, out, errors, seconds = child.send(number)
    assert (code, out) == (75, "") and seconds < 5 and "Traceback" not in errors
    assert list(path.glob("snapshots/0*"))
    command = re.fullmatch(
        r"qmac: interrupted\. Resume with: (qmac resume .*)", errors.splitlines()[-1]
    ).group(1)
    with Child(CLI, "resume", path) as child:  # broken off again, by the other one
        first = child.wait_for(SOME)
        code, out, errors, seconds = child.send(
            {signal.SIGINT: signal.SIGTERM}.get(number, signal.SIGINT)
        )
    assert (code, out) == (75, "") and seconds < 5 and f"Resume with: {command}" in errors
    assert float(first.split("%")[0]) > 0
    done = subprocess.run(
        ["sh", "-c", f"{command} --json"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == answer


def test_a_second_time_it_leaves_at_once(tmp_path, csv, answer):
    path = tmp_path / "run"
    with Child(
        CLI, "optimize", csv, "--windows", "2:41", "--out", path, CELL_SECONDS="30"
    ) as child:
        child.wait_for(" *0.0%")
        child.wait_for(" *0.0%")  # once more: now a worker is at it, and is waited for
        child.process.send_signal(signal.SIGINT)
        child.wait_for("qmac: stopping; cells in progress are finished, then")
        code, out, errors, seconds = child.send(signal.SIGINT)
    assert (code, out) == (75, "") and seconds < 1
    assert errors.splitlines()[-1] == f"qmac: left at once. Resume with: qmac resume {path}"
    assert qmac.resume(path)["spy"].digest == answer


BETWEEN = """
from qmac.results.commits import Commits
from qmac.runs.directory import RunDirectory
add = Commits.add
def added(commits, staged, task):
    global seconds
    seconds = 0.5  # results are committed meanwhile: the next one is not done before the signal
    add(commits, staged, task)
Commits.add = added
drop = RunDirectory.drop_snapshots
def dropped(directory, *task):
    drop(directory, *task)
    print("qmac: between", file=sys.stderr, flush=True)
    time.sleep(2)
RunDirectory.drop_snapshots = dropped
"""
WRITING = """
def step(name):
    if name == "write" and os.path.exists(sys.argv[-1] + "/run.json"):
        files.step = lambda _: None
        print("qmac: writing", file=sys.stderr, flush=True)
        time.sleep(2)
files.step = step
"""
BEGINNING = """
def step(name):
    if name == "rename":
        print("qmac: beginning", file=sys.stderr, flush=True)
        time.sleep(2)
files.step = step
"""


def test_between_two_symbols(tmp_path, digests):
    for name in ("SPY", "QQQ"):
        FRAMES[name].to_csv(tmp_path / f"{name}.csv", float_format="%.17g")
    path = tmp_path / "run"
    files = [tmp_path / f"{name}.csv" for name in ("SPY", "QQQ")]
    code = CLI.replace(SLOW, SLOW + BETWEEN)
    words = ["optimize", *files, "--windows", "2:41", "--threads", 1, "--out", path]
    with Child(code, *words, CELL_SECONDS="0") as child:  # one thread: one after the other
        child.wait_for("qmac: between")
        code, _, errors, seconds = child.send(signal.SIGTERM)
    assert code == 75 and seconds < 5 and f"Resume with: qmac resume {path}" in errors
    assert [file.name for file in (path / "results").iterdir()] == ["SPY"]
    assert list(qmac.resume(path)) == ["SPY", "QQQ"]


def test_while_a_snapshot_is_written(tmp_path, csv, answer):
    path = tmp_path / "run"
    with Child(
        CLI.replace(SLOW, SLOW + WRITING), "optimize", csv, "--windows", "2:41", "--out", path
    ) as child:
        child.wait_for("qmac: writing")
        code, _, errors, seconds = child.send(signal.SIGINT)
    assert code == 75 and seconds < 5 and "Resume with: qmac resume" in errors
    assert qmac.resume(path)["spy"].digest == answer


def test_while_a_directory_is_begun(tmp_path, csv):
    path = tmp_path / "run"
    with Child(
        CLI.replace(SLOW, SLOW + BEGINNING), "optimize", csv, "--windows", "2:41", "--out", path
    ) as child:
        child.wait_for("qmac: beginning")
        code, _, errors, seconds = child.send(signal.SIGINT)
    assert (
        code == 130
        and seconds < 5
        and errors.splitlines()[-1] == "qmac: interrupted; nothing was written."
    )
    assert list(tmp_path.iterdir()) == []


def test_while_kernels_are_compiled(tmp_path, csv, answer):
    path = tmp_path / "run"
    with Child(
        CLI,
        "optimize",
        csv,
        "--windows",
        "2:41",
        "--out",
        path,
        QMAC_CACHE_DIR=str(tmp_path / "cache"),
    ) as child:
        child.wait_for("qmac: compiling")
        time.sleep(1.0)
        code, _, errors, seconds = child.send(signal.SIGINT)
    assert code == 75 and seconds < 5 and f"Resume with: qmac resume {path}" in errors, errors
    assert qmac.resume(path)["spy"].digest == answer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_directory(tmp_path, csv, number):
    with Child(CLI, "optimize", csv, "--windows", "2:41") as child:
        child.wait_for(SOME)
        code, out, errors, seconds = child.send(number)
    assert (code, out) == (130, "") and seconds < 5
    assert (
        errors.splitlines()[-1] == "qmac: interrupted; nothing was written."
        and list(tmp_path.iterdir()) == []
    )


SWALLOWED = """
from qmac.jobs import series_sweep as optimization
build = optimization.Dataset.build

def built(*arguments, **options):
    optimization.Dataset.build = build
    try:
        os.kill(os.getpid(), {number})
        time.sleep(1)
    except BaseException:  # as compilers' callbacks do
        {then}
    return build(*arguments, **options)

optimization.Dataset.build = built
"""


@pytest.mark.parametrize(
    ("number", "then"),
    [(signal.SIGINT, "pass"), (signal.SIGTERM, "raise RuntimeError")]
    + [(signal.SIGINT, "raise RuntimeError"), (signal.SIGTERM, "pass")] * LONG,
)
def test_where_python_cannot_pass_it_on(tmp_path, csv, answer, number, then):
    path, code = tmp_path / "run", SWALLOWED.format(number=int(number), then=then)
    with Child(CLI.replace(SLOW, SLOW + code), "optimize", csv, "--windows", "2:41", "--out", path,
               CELL_SECONDS="0.1") as child:  # fmt: skip
        out, errors = child.process.communicate(timeout=300)
    assert (child.process.returncode, out) == (75, "")
    assert "Traceback" not in errors and errors.splitlines()[-1].endswith(
        f"Resume with: qmac resume {path}"
    )
    assert float((re.findall(r"^ *([0-9.]+)%", errors, re.MULTILINE) or ["0"])[-1]) < 50
    assert qmac.resume(path)["spy"].digest == answer
