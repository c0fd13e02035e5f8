"""Nodes that are threads of this process: a cluster for tests, whose faults are switches.

And what clusters of Ray need: a directory, and slow cells.
"""

import contextlib
import copy
import os
import queue
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from qmac.runtime.cluster.driver import ClusterExecutor, Nodes
from qmac.runtime.cluster.messages import (
    Done,
    Drop,
    Expel,
    Failed,
    Grant,
    Heard,
    Joined,
    Lost,
    Ping,
    Recall,
)
from qmac.runtime.cluster.node import Node
from qmac.runtime.resources.limits import Limits

SLOW = """
import importlib.abc, os, sys, threading, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "qmac.runtime.cluster.node":
            sys.meta_path.remove(self)
            from qmac.engine.sweep.worker import Worker
            evaluate = Worker.evaluate
            def slowly(worker, batch):
                # known answers, in another thread, are not slow
                if threading.current_thread().name.startswith("ThreadPoolExecutor"):
                    with open(os.environ["QMAC_TEST_CELL_SECONDS"]) as file:
                        seconds = float(file.read())
                    time.sleep(seconds * (batch[1] - batch[0]))
                return evaluate(worker, batch)
            Worker.evaluate = slowly
            from qmac.robustness.markets.resample_sweep import ResampleSweep
            compute = ResampleSweep.compute_score
            def compute_slowly(sweep, part, stop):
                with open(os.environ["QMAC_TEST_CELL_SECONDS"]) as file:
                    time.sleep(float(file.read()))
                return compute(sweep, part, stop)
            ResampleSweep.compute_score = compute_slowly

sys.meta_path.insert(0, Slow())
"""
"""``sitecustomize`` of every process of a raylet: work takes time, so that tests can break in.

How long each cell or part takes, is read from the file that the variable names, before it begins.
"""


@contextlib.contextmanager
def ray_directory(*, wait=True):
    """Yield a new directory for Ray, while no other test process has one.

    Its path is short enough for Ray's sockets, and its clusters meet no files of others. A cluster
    is many processes; several at a time would slow each other down beyond the bounds of the tests.

    Parameters
    ----------
    wait : bool
        For other test processes; BlockingIOError otherwise.
    """
    import fcntl  # which Windows lacks

    with (Path(tempfile.gettempdir()) / "qmac-tests-of-ray.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        path = Path(tempfile.mkdtemp(prefix="q", dir="/tmp"))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


class Pace:
    """How long cells take in processes whose environment is ``environment``.

    Parameters
    ----------
    place : pathlib.Path
        A directory that only these processes find modules in.
    seconds : float
        Of each cell, at first.
    """

    def __init__(self, place, seconds=0.0):
        self._file = place / "cell_seconds"
        self.set(seconds)
        (place / "sitecustomize.py").write_text(SLOW)
        paths = [str(place), *filter(None, sys.path)]
        self.environment = {
            "PYTHONPATH": os.pathsep.join(paths),
            "QMAC_TEST_CELL_SECONDS": str(self._file),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # with 15, as by default, other tests would starve them
        }

    def set(self, seconds):
        """Change it; a process that reads finds the old or the new value."""
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)


class LocalNodes(Nodes):
    """``count`` nodes of ``threads`` threads.

    ``fault(name, lease)`` is called before each lease: an exception is the lease's error,
    ``"gone"`` ends the node, ``"mute"`` lets it never answer again, ``"twice"`` sends the result
    twice.
    """

    refused: dict = {}  # noqa: RUF012
    awaited: dict = {}  # noqa: RUF012

    def __init__(self, count, threads=1, fault=lambda name, lease: None):
        self.events, self.actions, self.fault = queue.SimpleQueue(), [], fault
        self.count, self.threads, self.generation, self.created = count, threads, 0, 0

    def begin(self, payload):
        self.generation += 1
        self.payload, self.checksum, self.events = (
            payload,
            payload.compute_checksum(),
            queue.SimpleQueue(),
        )
        self.members = {}
        for _ in range(self.count):
            self.join()

    def join(self):
        self.created += 1
        name = f"n{self.created}"
        self.members[name] = (Node(Limits(), self.threads), queue.SimpleQueue())
        threading.Thread(
            target=self.serve, args=(name, *self.members[name], self.events), daemon=True
        ).start()
        self.events.put(Joined(name, self.threads))

    def serve(self, name, node, leases, events):
        while (lease := leases.get()) is not None:
            try:
                fault = self.fault(name, lease)
                if fault == "mute":
                    return
                if fault == "gone":
                    events.put(Lost(name, "gone"))
                    return
                result = copy.deepcopy(
                    node.work(lease, self.generation, self.checksum, lambda: self.payload)
                )
            except Exception as error:
                events.put(Failed(name, lease.number, str(error)))
                continue
            for _ in range(1 + (fault == "twice")):
                events.put(Done(name, lease.number, result.cells, result.seconds, result))

    def poll(self, seconds):
        events = []
        try:
            events.append(self.events.get(timeout=seconds))
            while True:
                events.append(self.events.get_nowait())
        except queue.Empty:
            return events

    def do(self, action):
        self.actions.append(action)
        match action:
            case Grant(lease):
                self.members[lease.node][1].put(lease)
            case Ping(name):
                reading = self.members[name][0].reading()
                self.events.put(Heard(name, reading.lease, reading.swept, reading.paused, reading))
            case Recall(name):
                self.members[name][0].recall()
            case Drop(name, number):
                self.members[name][0].drop(number)
            case Expel(name):
                self.members.pop(name)[1].put(None)
                self.join()


class LocalClusterExecutor(ClusterExecutor):
    """An executor over nodes that are threads of this process."""

    def __init__(self, *args, **keywords):
        self.local = LocalNodes(*args, **keywords)

    def nodes(self):
        return self.local
