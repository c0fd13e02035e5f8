"""Processes that do parts: what ends one of them costs its part, and they end with this one."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.chores import Chores, await_end, is_alive

from qmac.runtime.execution import processes as processes_module
from qmac.runtime.execution.processes import NoProcess, Processes, ProcessLost, can_start

pytestmark = pytest.mark.skipif(not can_start(), reason="no processes on this system")
COUNT = 3


def await_ready(processes, count=COUNT):
    deadline = time.monotonic() + 60
    while processes.alive < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def compute(processes, packed, stop=None):
    stop = np.zeros(1, np.uint8) if stop is None else stop
    return processes.compute(packed, stop, waits=True)


def find_pids(processes):
    return [process.pid for process in processes._idle]


@pytest.fixture
def processes():
    processes = Processes(Chores(), COUNT)
    await_ready(processes)
    pids = find_pids(processes)
    yield processes
    assert processes.close()
    await_end(pids)


def test_parts_are_done_elsewhere_until_they_are_stopped_or_fail(processes, monkeypatch):
    pids = find_pids(processes)
    pid, packed = bytes(compute(processes, b"x" * 1_000_000)).split()
    assert int(pid) in pids and len(packed) == 1_000_000
    monkeypatch.setattr(processes_module, "LOOK_SECONDS", 0.01)
    stop = np.zeros(1, np.uint8)
    threading.Timer(0.05, stop.fill, (1,)).start()
    assert compute(processes, b"wait", stop) is None
    with pytest.raises(ProcessLost, match="ArithmeticError: a bit fell over"):
        compute(processes, b"fail")
    assert sorted(find_pids(processes)) == sorted(pids)  # each is of use


def test_a_process_that_ends_or_stands_still_costs_its_part_alone(processes, monkeypatch):
    monkeypatch.setattr(processes_module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(processes_module, "SILENCE_SECONDS", 2.5)
    pids = find_pids(processes)
    with pytest.raises(ProcessLost, match="it ended"):
        compute(processes, b"end")
    with pytest.raises(ProcessLost, match="silent for 3 s"):
        compute(processes, b"freeze")
    assert processes.alive == 1 and compute(processes, b"x")
    await_end(set(pids) - set(find_pids(processes)))
    with pytest.raises(ProcessLost):
        compute(processes, b"end")
    with pytest.raises(NoProcess):  # none is left to be waited for
        compute(processes, b"x")


def test_an_idle_process_that_stands_still_ends_with_the_others():
    processes = Processes(Chores(), COUNT)
    await_ready(processes)
    pids = find_pids(processes)
    os.kill(pids[0], signal.SIGSTOP)
    began = time.monotonic()
    assert processes.close()
    assert time.monotonic() - began < processes_module.CLOSE_SECONDS
    await_end(pids)


def test_a_process_that_takes_no_message_is_ended(monkeypatch):
    monkeypatch.setattr(processes_module, "SILENCE_SECONDS", 0.2)
    processes = Processes(Chores(), 1)
    await_ready(processes, 1)
    os.kill(find_pids(processes)[0], signal.SIGSTOP)
    with pytest.raises(ProcessLost, match="took nothing"):  # more than a socket holds
        compute(processes, b"x" * 5_000_000)
    assert processes.alive == 0 and processes.close()


def test_how_far_a_part_is_comes_every_second(processes):
    shares, stop = [], np.zeros(1, np.uint8)
    processes.compute(b"half", stop, waits=True, listener=shares.append)
    assert shares[0] == 0 and set(shares[1:]) == {0.5}
    time.sleep(1.2)  # an idle process says only that it is alive
    messages = [process.receive(0) for process in processes._idle]
    assert (b"a", b"") in messages


def test_nothing_waits_for_processes_that_start(monkeypatch):
    processes = Processes(Chores(), COUNT)
    with pytest.raises(NoProcess):
        compute(processes, b"x")
    process = processes._process
    processes.close()
    assert process.poll() is not None


def test_processes_that_cannot_start_are_said_to(monkeypatch):
    processes = Processes(Chores(is_broken=True), COUNT)
    processes._process.wait()
    with pytest.raises(NoProcess):
        compute(processes, b"x")
    assert processes.alive == 0
    assert not processes.close()


def test_what_the_system_refuses_leaves_no_open_file(monkeypatch):
    def refused():
        if len(pairs) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        pairs.append(create())
        return pairs[-1]

    create, pairs = socket.socketpair, []
    monkeypatch.setattr(socket, "socketpair", refused)
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(OSError, match="Too many open files"):
        Processes(Chores(), COUNT)
    assert len(pairs) == 2 and set(Path("/proc/self/fd").iterdir()) <= before


SCRIPT = """
import threading, time
import numpy as np
from helpers.chores import Chores
from qmac.runtime.execution.processes import Processes
processes = Processes(Chores(), 2)
while processes.alive < 2:
    time.sleep(0.005)
pids = [process.pid for process in processes._idle]
work = lambda: processes.compute(b"wait", np.zeros(1, np.uint8), waits=False)
threading.Thread(target=work).start()
print(processes._process.pid, *pids, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stands_still", [False, True])
def test_processes_end_with_the_one_that_started_them(stands_still):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    process.stdin.write(SCRIPT.encode())  # there is no file of the main module
    process.stdin.close()
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 3 and all(map(is_alive, pids))
    if stands_still:
        os.kill(pids[1], signal.SIGSTOP)
    process.kill()
    process.wait()
    process.stdout.close()
    await_end(pids)
