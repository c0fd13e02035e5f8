"""The process that joins a cluster: its streams, signals and end. Ray itself is in test_ray.py."""

import pickle
import signal
import subprocess
import sys

import pytest

from qmac.runtime.cluster import ray_process
from qmac.runtime.cluster.messages import Broken, Settings
from qmac.runtime.resources.limits import Limits

STAND_IN = """
import sys, types, time
from qmac.runtime.cluster import ray_process
ray = types.ModuleType("qmac.runtime.cluster.ray")
def join(settings):
    print("Ray prints", flush=True)
    {join}
class RayNodes:
    def __init__(self, limits, threads): pass
    def close(self): print("closed")
ray.join, ray.leave, ray.RayNodes = join, {leave}, RayNodes
sys.modules["qmac.runtime.cluster.ray"] = ray
import qmac.runtime.cluster
qmac.runtime.cluster.ray = ray
ray_process.LEAVE_SECONDS = 0.5
ray_process.main()
"""


def started(join="return 'a:1'", leave="lambda: None"):
    return subprocess.Popen(
        [sys.executable, "-c", STAND_IN.format(join=join, leave=leave)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def send(process, message):
    pickle.dump(message, process.stdin)
    process.stdin.flush()


SETTINGS = Settings(None, False, Limits(), None)


@pytest.mark.slow
@pytest.mark.parametrize("farewell", [True, False])
def test_it_joins_ignores_signals_and_leaves(farewell):
    process = started()
    send(process, SETTINGS)
    assert pickle.load(process.stdout).head == "a:1"
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    if farewell:
        send(process, None)
    output, errors = process.communicate(timeout=300)  # closes its standard input
    assert (process.returncode, output) == (0, b"")
    assert errors.splitlines() == [b"Ray prints", b"closed"]


def test_an_error_of_ray_is_sent():
    process = started(join="raise ValueError('no\\n node')")
    send(process, SETTINGS)
    assert pickle.load(process.stdout) == Broken("no node")
    assert process.wait(60) == 1
    process.communicate()


def test_an_error_of_the_socket_of_ray_is_explained():
    assert ray_process._describe(OSError("Broken pipe")) == (
        "the raylet of this machine has ended: Broken pipe"
    )
    assert ray_process._describe(ConnectionError("no answer")) == "no answer"


def test_it_ends_though_ray_does_not():
    process = started(leave="lambda: time.sleep(600)")
    send(process, SETTINGS)
    pickle.load(process.stdout)
    process.communicate(timeout=300)
    assert process.returncode == 1


def test_without_a_message_nothing_waits():
    assert ray_process._take(ray_process.queue.SimpleQueue(), wait=False) is ray_process.NOTHING
