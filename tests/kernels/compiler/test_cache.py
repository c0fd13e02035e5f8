"""Compiled kernels on disk: compiled once by many processes, never stale, damage is noticed."""

import hashlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.faults import LONG

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
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    compiled, value = output.split()
    assert float(value) == 7.0
    return int(compiled)


def kernels(directory):
    return [path for path in Path(directory).glob("kernels-*/sma-*") if path.suffix != ".part"]


@pytest.mark.slow
def test_many_processes_compile_once(tmp_path):
    processes = [start(tmp_path) for _ in range(6 if LONG else 4)]
    assert sum(finish(process) for process in processes) == 1
    assert len(kernels(tmp_path)) == 1
    assert not list(tmp_path.glob("*/*.part"))


@pytest.mark.slow
def test_damage_is_compiled_anew(tmp_path):
    assert finish(start(tmp_path)) == 1
    (path,) = kernels(tmp_path)
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for damaged in (content[:middle], flipped, b""):
        path.write_bytes(damaged)
        assert finish(start(tmp_path)) == 1
        saved = path.read_bytes()
        checksum = hashlib.sha256(saved[cache.CHECKSUM_BYTES :]).digest()
        assert saved[: cache.CHECKSUM_BYTES] == checksum
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
    monkeypatch.setattr(cache, "LONGEST_WAIT_SECONDS", 60.0)
    began = time.monotonic()
    there.acquire(tmp_path / "one")
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_settings_of_the_compiler_have_a_directory_of_their_own(tmp_path):
    assert finish(start(tmp_path)) == 1
    assert finish(start(tmp_path, NUMBA_BOUNDSCHECK="1")) == 1
    assert len(list(tmp_path.glob("kernels-*"))) == 2


@pytest.fixture
def removals(monkeypatch):
    """What is done when the process ends."""
    waiting = []
    monkeypatch.setattr(cache.atexit, "register", waiting.append)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("QMAC_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return waiting


def assert_temporary(removals, reason):
    with pytest.warns(UserWarning, match=reason) as warned:
        directory = cache.choose_directory()
    assert len(warned) == 1 and "Set QMAC_CACHE_DIR to a directory" in str(warned[0].message)
    (directory / f"sma-{'0' * 32}").touch()
    assert directory.stat().st_mode & 0o777 == 0o700 and len(removals) == 1
    removals[0]()
    assert not directory.exists()


@pytest.mark.parametrize("variable", ["QMAC_CACHE_DIR", "XDG_CACHE_HOME"])
@pytest.mark.parametrize("place", ["new/er", "link/new", "~/new"])
def test_a_directory_of_the_user_alone(tmp_path, monkeypatch, removals, variable, place):
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv(variable, place)
    directory = cache.choose_directory()
    inner = "qmac" if variable == "XDG_CACHE_HOME" else ""
    real = place.replace("~", "home").replace("link", "home")
    assert directory.parent == tmp_path.resolve() / real / inner
    assert directory.stat().st_mode & 0o077 == 0 and not removals
    assert list(tmp_path.iterdir()) == [tmp_path / "home", tmp_path / "link"] or "new" in real
    assert not (tmp_path / "~").exists() and list(directory.iterdir()) == []
    assert cache.choose_directory() == directory


@pytest.mark.skipif(os.name == "nt", reason="owners of POSIX")
def test_a_directory_in_which_others_may_write(tmp_path, monkeypatch, removals):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for deeper in ("", "new", "kernels"):
        removals.clear()
        monkeypatch.setenv("QMAC_CACHE_DIR", str(tmp_path / "open" / deeper))
        assert_temporary(removals, f"others may write into {tmp_path / 'open'}")
    assert list((tmp_path / "open").iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root gives directories away")
def test_a_directory_that_another_user_planted(tmp_path, monkeypatch, removals):
    monkeypatch.setattr(cache.Path, "home", classmethod(lambda cls: Path("~nobody").expanduser()))
    planted = tmp_path / f"qmac-{os.getuid()}"
    planted.mkdir(mode=0o700)
    os.chown(planted, 4002, 4002)
    monkeypatch.setattr(cache, "cache_directory", lambda: planted / "kernels")
    assert_temporary(removals, f"{planted} belongs to another user")
    planted.rmdir()
    planted.symlink_to(tmp_path)
    os.chown(planted, 4002, 4002, follow_symlinks=False)
    removals.clear()
    assert_temporary(removals, f"{planted} is a link of someone else")


def test_a_user_without_a_home_directory(tmp_path, monkeypatch, removals):
    def no_home():
        raise RuntimeError

    monkeypatch.setattr(cache.Path, "home", no_home)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache.choose_directory().parent.parent == tmp_path
    monkeypatch.setenv("QMAC_CACHE_DIR", "~no-such-user/cache")
    assert_temporary(removals, "~no-such-user/cache cannot be written .*no such home directory")


def test_a_home_that_is_no_directory(removals):
    assert_temporary(removals, "/dev/null")


def test_no_directory_at_all(monkeypatch, removals):
    def refuse(prefix):
        raise FileNotFoundError

    monkeypatch.setattr(cache.tempfile, "mkdtemp", refuse)
    with pytest.warns(UserWarning, match="/dev/null"):
        assert cache.choose_directory() is None


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("plant", ["writable", "link", "pipe", "other"])
def test_a_planted_kernel_is_not_loaded(tmp_path, monkeypatch, plant):
    def refuse(content):
        raise AssertionError("code of someone else was loaded")

    monkeypatch.setattr(cache.pickle, "loads", refuse)
    kernel, target = tmp_path / "kernel", tmp_path / "target"
    content = cache.hashlib.sha256(b"code").digest() + b"code"
    if plant == "pipe":
        os.mkfifo(kernel)
    elif plant == "link":
        target.write_bytes(content)
        kernel.symlink_to(target)
    else:
        kernel.write_bytes(content)
        kernel.chmod(0o666 if plant == "writable" else 0o600)
    if plant == "other":
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(kernel, 4002, 4002)
    served = cache.KernelCache(refuse, tmp_path, cache.Locks())
    assert served._read(kernel, None) is None
    assert not target.exists() or target.read_bytes() == content


def test_kernels_of_old_versions_are_removed(tmp_path):
    old = time.time() - 40 * 86_400
    for name in (
        f"kernels-{'a' * 16}",
        f"kernels-{'b' * 16}",
        "kernels-mine",
        f"kernels-{'c' * 16}",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"lock-sma-{'0' * 32}").touch()
    (tmp_path / f"kernels-{'b' * 16}" / "notes.txt").touch()
    for place in tmp_path.iterdir():
        if "c" not in place.name:
            os.utime(place, (old, old))
    cache._remove_unused(tmp_path)
    left = {place.name.removeprefix("kernels-")[:1] for place in tmp_path.iterdir()}
    assert left == {"b", "m", "c"}


def test_a_kernel_that_cannot_be_saved(tmp_path, monkeypatch):
    served = cache.KernelCache(test_a_kernel_that_cannot_be_saved, tmp_path, cache.Locks())
    served._locks._files.append(cache.NO_FILE)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(served, "_path", lambda *_: tmp_path / "kernel")
    monkeypatch.setattr(served._impl, "reduce", lambda data: b"")
    monkeypatch.setattr(cache, "move", refuse)
    data = type("Data", (), {"target_context": None})
    with pytest.warns(UserWarning, match="not saved in .*: No space left on device"):
        served.save_overload((), data)
    assert list(tmp_path.iterdir()) == []


def test_the_directory_follows_the_sources(monkeypatch):
    before = cache.compute_fingerprint()
    monkeypatch.setattr(cache, "hash_kernel_sources", lambda: "other sources")
    assert cache.compute_fingerprint() != before


@pytest.mark.parametrize(("name", "value"), [("cache_tag", "cpython-399"), ("abiflags", "t")])
def test_each_python_has_a_directory_of_its_own(monkeypatch, name, value):
    before = cache.compute_fingerprint()
    monkeypatch.setattr(sys.implementation if name == "cache_tag" else sys, name, value)
    assert cache.compute_fingerprint() != before


def test_what_cannot_be_loaded_is_compiled_again(tmp_path, monkeypatch):
    served = cache.KernelCache(lambda: None, tmp_path, cache.Locks())
    path, content = tmp_path / "kernel", pickle.dumps("not what a kernel is reduced to")
    path.write_bytes(hashlib.sha256(content).digest() + content)
    path.chmod(cache.PRIVATE_FILE)
    assert served._read(path, None) is None
    monkeypatch.setattr(served._impl, "rebuild", lambda _, reduced: reduced)
    assert served._read(path, None) == pickle.loads(content)
