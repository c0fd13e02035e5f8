"""A kernel is compiled beside a command once, and only where another process finds it."""

from __future__ import annotations

import io
import pickle

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

    def __init__(self, arguments, **_):
        self.received = io.BytesIO()
        self.received.close = lambda: None
        self.stdin = self.received
        self.started.append(self)

    def poll(self):
        return None


@pytest.fixture
def spec(sample):
    grid = qmac.Grid(windows=(5, 10, 20, 40))
    return custom_spec(prepared(sample.tail(300), grid), grid)


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setattr(Process, "started", [])
    monkeypatch.setattr(compile_beside, "_started", set())
    monkeypatch.setattr(compile_beside, "_processes", [])
    monkeypatch.setattr(compile_beside.subprocess, "Popen", Process)
    monkeypatch.setattr(jit, "is_shared", lambda: True)
    monkeypatch.delenv(compile_beside.SWITCH, raising=False)
    return Process.started


def test_a_kernel_is_compiled_once(spec, started):
    assert compile_beside.compile_beside(spec)
    assert not compile_beside.compile_beside(spec)
    (process,) = started
    assert pickle.loads(process.received.getvalue()) == find_signature(spec)


def test_nothing_is_started_where_it_is_off_or_lost(spec, started, monkeypatch):
    monkeypatch.setattr(jit, "is_shared", lambda: False)
    assert not compile_beside.compile_beside(spec)
    monkeypatch.setattr(jit, "is_shared", lambda: True)
    monkeypatch.setenv(compile_beside.SWITCH, "0")
    assert not compile_beside.compile_beside(spec)
    assert not started
