"""Compiled kernels on disk: compiled once by many processes, never stale, damage is noticed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qmac.kernels.compiler import cache, jit

pytestmark = pytest.mark.skipif(jit.DISABLED, reason="nothing is compiled")

SCRIPT = """
import sys
import numpy as np
from numba.core import event
from qmac.kernels.signals.averages import sma
with event.install_recorder("numba:compile") as recorder:
    rows = sma(np.arange(1.0, 9.0), np.array([2, 3]))
names = [e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer if e.is_start]
compiled = names.count("sma")
print(compiled, rows[1, -1])
"""


def start(directory, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "QMAC_CACHE_DIR": str(directory), **environment},
    )  # fmt: skip


def finish(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    compiled, value = output.split()
    assert float(value) == 7.0
    return int(compiled)


def kernels(directory):
    return [path for path in Path(directory).glob("kernels-*/sma-*") if path.suffix != ".part"]


@pytest.mark.slow
def test_many_processes_compile_once(tmp_path):
    processes = [start(tmp_path) for _ in range(6)]
    assert sum(finish(process) for process in processes) == 1
    assert len(kernels(tmp_path)) == 1
    assert not list(tmp_path.glob("*/*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damage_is_compiled_anew(tmp_path, damage):
    assert finish(start(tmp_path)) == 1
    assert finish(start(tmp_path)) == 0
    path = kernels(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[: len(content) // 2], "flip": content, "empty": b""}[damage])
    assert finish(start(tmp_path)) == 1
    assert finish(start(tmp_path)) == 0


@pytest.mark.slow
def test_a_killed_compiler_leaves_no_lock(tmp_path):
    process = start(tmp_path)
    while not list(tmp_path.glob("kernels-*/lock-*")):
        assert process.poll() is None
    process.kill()
    process.wait()
    assert finish(start(tmp_path)) == 1


def test_other_kernels_are_not_waited_for(tmp_path, monkeypatch):
    here, there = cache.Locks(), cache.Locks()  # of two processes
    here.acquire(tmp_path / "one")
    here.acquire(tmp_path / "inner")
    began = time.monotonic()
    there.acquire(tmp_path / "other")
    assert time.monotonic() - began < 1
    monkeypatch.setattr(cache, "LONGEST_WAIT_SECONDS", 0.3)
    there.acquire(tmp_path / "inner")
    assert time.monotonic() - began > 0.3
    while here.depth:
        here.release()
    there.release()
    began = time.monotonic()
    there.acquire(tmp_path / "one")
    assert time.monotonic() - began < 0.3


@pytest.mark.slow
def test_settings_of_the_compiler_have_a_directory_of_their_own(tmp_path):
    assert finish(start(tmp_path)) == 1
    assert finish(start(tmp_path, NUMBA_BOUNDSCHECK="1")) == 1
    assert len(list(tmp_path.glob("kernels-*"))) == 2


def test_the_directory_follows_the_sources(monkeypatch):
    before = cache.compute_fingerprint()
    monkeypatch.setattr(cache, "hash_kernel_sources", lambda: "other sources")
    assert cache.compute_fingerprint() != before
