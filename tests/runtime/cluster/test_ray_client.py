"""The process that joins a cluster, as seen from this one; Ray itself is in test_ray.py."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from helpers.series import frame, series
from helpers.sweeps import evaluator_of

import qmac
from qmac.errors import OptionError, Stopped
from qmac.runtime.cluster import ray_client
from qmac.runtime.cluster.messages import Lost, Ping, Settings
from qmac.runtime.cluster.payloads import CellPayload
from qmac.runtime.resources.limits import Limits

SETTINGS = Settings("127.0.0.1:1", False, Limits(), None)
JOINED = """
import os, pickle, sys, time
from qmac.runtime.cluster.messages import Broken, Lost, Ready, Report
from qmac.runtime.cluster.ray_process import _send, _take_streams
source, sink = _take_streams()
settings = pickle.load(source)
_send(sink, Ready("127.0.0.1:1"))
"""
"""Begin of what stands in for ``ray_process``."""
WITH_FRAMES = b"""
[2026-11-27 18:43:43,450 C 3616 3675] x.cc:111: Report it. Check failed: status WrongClusterID
*** StackTrace Information ***
/lib/_raylet.so(+0x1812b9a) [0x7fe4c3e12b9a] ray::operator<<()
/lib/libc.so.6(+0x1098ec) [0x7fe4e3b278ec]
"""
WITH_LOG = b"""
(raylet) Raylet is terminated. Termination is unexpected. Last lines of its log:
    [state-dump] DebugString() time ms: 0
    [2026-11-27 18:44:16,073 I 4224 4224] (raylet) started.
"""
"""What Ray prints when a head has lost its state, and when a raylet has ended."""


class Head:
    address = "127.0.0.1:1"

    def __init__(self, is_lost=False):
        self.is_lost = is_lost

    def close(self):
        pass


@pytest.fixture
def payload():
    prices = qmac.Prices.of(frame(series("random", 60, 4)))
    return CellPayload(evaluator_of(prices, qmac.Grid(windows=range(2, 8))))


@pytest.fixture
def client(monkeypatch, tmp_path):
    """Return a function that makes a client whose process does something else."""
    clients = []
    monkeypatch.setattr(ray_client, "HeadWatch", lambda address: Head())

    def make(code, settings=SETTINGS):
        (tmp_path / "otherwise.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(ray_client, "MODULE", "otherwise")
        made = ray_client.RayClient(settings)
        clients.append(made)
        return made

    yield make
    for each in clients:
        each.close()


def polled(client, seconds=60.0):
    events, began = [], time.monotonic()
    while not events and time.monotonic() - began < seconds:
        events += client.poll(0.05)
    return events


def test_what_is_printed_in_the_process_reaches_no_stream_of_this_one(client, payload, capfd):
    nodes = client(
        JOINED + "print('colours', flush=True); os.write(1, b'more')\n"
        "message = pickle.load(source)\n"
        "_send(sink, Report(7, [Lost('of another dataset', '')], {}, {}, 0))\n"
        "_send(sink, Report(1, [Lost('a', message.checksum)], {'b': 'x'}, {'c': 'y'}, 2))\n"
        "while pickle.load(source): pass\n"
    )
    nodes.begin(payload)
    assert polled(nodes) == [Lost("a", payload.compute_checksum())]
    assert (nodes.refused, nodes.awaited, nodes.starting) == ({"b": "x"}, {"c": "y"}, 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit('Error: no such cluster')", "Error: no such cluster"),
        ("raise SystemExit(3)", "exit code 3"),
        (JOINED.replace("Ready(", "Broken('no node\\n' + "), "no node"),
    ],
)
def test_a_cluster_that_cannot_be_joined(client, code, why):
    with pytest.raises(OptionError, match=rf"joined at 127\.0\.0\.1:1 \({why}"):
        client(code)
    assert not psutil.Process().children()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (
            "os.write(2, b'x \\x1b[31mFailed to connect\\x1b[0m to GCS\\nat 0x1\\n')",
            "x Failed to con",
        ),
        ("os.kill(os.getpid(), 9)", "exit code -9"),
        (f"os.write(2, {WITH_FRAMES!r}); sys.exit(1)", "status WrongClusterID"),
        (f"os.write(2, {WITH_LOG!r}); sys.exit(1)", r"\(raylet\) Raylet is terminated"),
        (f"os.write(2, {WITH_LOG[-60:]!r}); sys.exit(1)", "exit code 1"),
        ("_send(sink, Broken('the store is full'))", "the store is full"),
        ("sink.write(b'garbage'); sink.flush()", "exit code 0"),
    ],
)
def test_a_process_that_ends(client, payload, code, why):
    nodes = client(JOINED + code)
    nodes.begin(payload)
    with pytest.raises(Stopped, match=rf"Ray has left the cluster \({why}.*ray status"):
        polled(nodes)
    assert not nodes.is_alive
    nodes.do(Ping("a"))  # as what follows from other events is done


def test_silence_of_the_process_and_of_the_head(client, payload, monkeypatch):
    monkeypatch.setattr(ray_client, "HEAD_SILENCE_SECONDS", 0.2)
    nodes = client(JOINED + "time.sleep(60)")
    nodes.begin(payload)
    assert not polled(nodes, 0.5)
    nodes._head.is_lost = True
    with pytest.raises(Stopped, match=r"the head of the cluster, 127\.0\.0\.1:1, does not answer"):
        polled(nodes)
    monkeypatch.setattr(ray_client, "SILENCE_SECONDS", 0.4)
    nodes = client(JOINED + "time.sleep(60)")
    nodes.begin(payload)
    with pytest.raises(Stopped, match="Ray has not answered for 0 s on this machine"):
        polled(nodes)


def test_a_pause_of_this_process_is_no_silence(client, payload, monkeypatch):
    monkeypatch.setattr(ray_client, "STALL_SECONDS", 0.01)
    monkeypatch.setattr(ray_client, "CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(ray_client, "SILENCE_SECONDS", 0.3)
    nodes = client(JOINED + "time.sleep(60)")
    nodes.begin(payload)
    time.sleep(0.5)
    assert nodes.poll(0) == []


def test_a_process_that_does_not_end_is_ended(client, monkeypatch):
    monkeypatch.setattr(ray_client, "CLOSE_SECONDS", 0.2)
    nodes = client(JOINED + "time.sleep(600)")
    began = time.monotonic()
    nodes.close()
    assert not nodes.is_alive and time.monotonic() - began < 60


def test_an_interrupt_while_a_cluster_is_joined_ends_the_process(tmp_path):
    (tmp_path / "otherwise.py").write_text("import sys; sys.stdin.read()")
    code = (
        "import sys; from qmac.runtime.cluster import ray_client as c; c.MODULE = 'otherwise'\n"
        "from qmac.runtime.resources.limits import Limits\n"
        "c.RayClient(c.Settings('a:1', False, Limits(), None))\n"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    family = psutil.Process(process.pid)
    while not (children := family.children()) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert not psutil.wait_procs(children, timeout=60)[1]
