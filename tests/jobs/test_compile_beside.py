"""A kernel is compiled beside a command once, and only where another process finds it."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.sweeps import custom_spec, prepared

import qmac
from qmac.engine.sweep.selftest import find_signature
from qmac.jobs import compile_beside
from qmac.kernels.compiler import jit

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="nothing is compiled")


class Process:
    """A process that was started and does not end."""

    started: list[Process] = []

    def __init__(self, arguments, env, **_):
        self.env = env
        self.received = io.BytesIO()
        self.received.close = lambda: None
        self.stdin = self.received
        self.started.append(self)

    def poll(self):
        return None

    def wait(self):
        return None


def read_steps(process):
    """Return what a process was started for."""
    return list(pickle.loads(process.received.getvalue()))


@pytest.fixture
def spec(sample):
    grid = qmac.Grid(windows=(5, 10, 20, 40))
    return custom_spec(prepared(sample.tail(300), grid), grid)


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setattr(Process, "started", [])
    monkeypatch.setattr(compile_beside, "beside", compile_beside._Beside())
    monkeypatch.setattr(compile_beside.subprocess, "Popen", Process)
    monkeypatch.setattr(jit, "is_shared", lambda: True)
    monkeypatch.delenv(compile_beside.SWITCH, raising=False)
    return Process.started


def test_a_kernel_is_compiled_once(spec, started):
    assert compile_beside.compile_beside(spec)
    assert not compile_beside.compile_beside(spec)
    (process,) = started
    assert read_steps(process) == [(compile_beside.compile_signature, find_signature(spec))]


def test_what_is_compiled_beside_is_said_while_its_process_runs(spec, started, monkeypatch):
    assert compile_beside.find_beside() is None
    compile_beside.compile_beside(spec)
    words, seconds = compile_beside.find_beside()
    assert words == spec.objective.metric and 0 <= seconds < 60
    monkeypatch.setattr(Process, "poll", lambda _: 0)
    assert compile_beside.find_beside() is None


def test_a_kernel_is_waited_for_as_long_as_a_process_compiles_it(spec, started, monkeypatch):
    monkeypatch.setattr(compile_beside, "LOOK_SECONDS", 0)
    looks = iter([False, False, True])
    checks = []
    wait = compile_beside.wait_for_kernel
    assert wait(spec, lambda _: next(looks), lambda: checks.append(1))
    assert len(started) == 1 and len(checks) == 2
    with pytest.raises(ZeroDivisionError):
        wait(spec, lambda _: False, lambda: 1 / 0)
    monkeypatch.setattr(Process, "poll", lambda _: 1)  # it has ended without a kernel
    assert not wait(spec, lambda _: False, lambda: None)


def test_a_kernel_is_described_by_what_it_computes(spec):
    describe = compile_beside.describe_kernel
    rules = replace(spec.rules, stop_loss=0.1)
    assert describe(replace(spec, rules=rules)) == f"{spec.objective.metric}, stops"
    assert describe(replace(spec, is_general=True)) == "every objective"


def test_nothing_is_started_where_it_is_off_or_lost(spec, started, monkeypatch):
    monkeypatch.setattr(jit, "is_shared", lambda: False)
    assert not compile_beside.compile_beside(spec)
    monkeypatch.setattr(jit, "is_shared", lambda: True)
    monkeypatch.setenv(compile_beside.SWITCH, "0")
    assert not compile_beside.compile_beside(spec)
    assert not started


@pytest.mark.parametrize("cpus", [1, 2, 3])
def test_the_first_command_has_processes_compile_the_other_kernels(
    spec, started, monkeypatch, cpus
):
    """The general one comes after what is needed at once, and what stops need after that."""
    compiled = []
    monkeypatch.setattr(compile_beside.sweep_cells, "compile", compiled.append)
    monkeypatch.setattr(compile_beside, "available_cpus", lambda: cpus)
    monkeypatch.setattr(jit, "is_unused", lambda: False)
    compile_beside.compile_first(spec)
    assert not started, "others are there"
    monkeypatch.setattr(jit, "is_unused", lambda: True)
    compile_beside.compile_first(spec)
    assert compiled == [find_signature(spec)] * 2
    others = (compile_beside.compile_others, spec)
    general = replace(spec, is_general=True)
    stops = (compile_beside.compile_others, replace(spec, rules=replace(spec.rules, max_bars=1)))
    last = [(compile_beside.compile_signature, find_signature(general)), stops]
    steps = {1: [last], 2: [[others, *last]], 3: [[others], last]}
    assert [read_steps(process) for process in started] == steps[cpus]
    assert not compile_beside.compile_beside(general), "begun"
    assert compile_beside.find_beside().words == "every objective"


def test_a_process_calls_the_functions_that_come_in(monkeypatch):
    steps = ((time.sleep, 0), (divmod_by_zero, 1))
    read = SimpleNamespace(buffer=io.BytesIO(pickle.dumps(steps)))
    monkeypatch.setattr(compile_beside.sys, "stdin", read)
    with pytest.raises(ZeroDivisionError):
        compile_beside.main()


def divmod_by_zero(number):
    return divmod(number, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_a_process_that_has_ended_is_no_zombie(monkeypatch):
    monkeypatch.setattr(compile_beside, "PROGRAM", "import sys; sys.stdin.buffer.read()")
    process = compile_beside._start((divmod_by_zero, 1))
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process.pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_a_process_is_started_waits_for_no_lock(spec, started):
    with compile_beside.beside.lock:
        process = os.fork()
        if process == 0:
            signal.alarm(10)
            os._exit(0 if compile_beside.compile_beside(spec) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize("executable", [None, "", "a program"])
def test_nothing_is_started_in_a_program_with_python_built_in(
    spec, started, monkeypatch, executable
):
    monkeypatch.setattr(sys, "executable", executable)
    if executable:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not compile_beside.compile_beside(spec)
    assert not started


def test_the_process_finds_what_this_one_finds(spec, started, monkeypatch):
    monkeypatch.syspath_prepend("/added since the start")
    assert compile_beside.compile_beside(spec)
    (process,) = started
    assert "/added since the start" in process.env["PYTHONPATH"].split(os.pathsep)


def test_a_process_that_outlives_this_one_is_no_warning():
    program = (
        "from qmac.jobs import compile_beside\n"
        "compile_beside.PROGRAM = 'import sys, time; sys.stdin.buffer.read(); time.sleep(2)'\n"
        "process = compile_beside._start((divmod, 1))\n"
        "compile_beside.beside.running.append(process)\n"
        "assert process.poll() is None\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_a_directory_of_kernels_without_a_home_starts_none(monkeypatch):
    monkeypatch.setenv("QMAC_CACHE_DIR", "~nobody-has-this-name/x")
    monkeypatch.delenv(compile_beside.SWITCH, raising=False)
    assert not compile_beside._may_start()
