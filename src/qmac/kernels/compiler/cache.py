"""Where compiled kernels are kept on disk.

Numba's own cache looks at the source of the function alone, so a kernel whose *callee* changed in another file would be
served stale; and it numbers its files in an index, so two processes that save at once can leave one kernel's
code under another's name. Here the directory is named by all that machine code follows from, and a file by all of
its key: there is no index, and what is read is checked.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from numba.core import caching, compiler_lock, serialize

from qmac.kernels.compiler.sources import hash_kernel_sources

try:
    import fcntl
except ImportError:  # Windows: kernels may be compiled twice, which is all
    fcntl = None  # type: ignore[assignment]
LOG = logging.getLogger("qmac.compiler")
CHECKSUM_BYTES = 32
LONGEST_WAIT = 300.0
"""Seconds to wait for another process that compiles; then this one compiles too."""
POLL_SECONDS = 0.02
KEPT_DAYS = 30
"""Directories of other versions are removed when none of them was written for so long."""


def cache_directory() -> Path:
    """Directory of the compiled kernels: in ``$QMAC_CACHE_DIR``, or in the user's cache directory."""
    root = os.environ.get("QMAC_CACHE_DIR")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        try:
            root = str(Path(base) / "qmac") if base else str(Path.home() / ".cache" / "qmac")
        except RuntimeError:  # a user without a home
            root = str(Path(tempfile.gettempdir()) / f"qmac-{os.getuid()}")
    return Path(root) / f"kernels-{fingerprint()}"


def fingerprint() -> str:
    """Name of everything that the machine code follows from: sources, versions, CPU, settings of Numba."""
    settings = {
        name: value for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_")
    }
    machine = (
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
    )
    versions = (numba.__version__, llvmlite.__version__, np.__version__)
    return hashlib.sha256(
        repr((versions, machine, settings, hash_kernel_sources())).encode()
    ).hexdigest()[:16]


class Locks:
    """Of the kernels that this process compiles, the innermost last; of each kernel one process at a time.

    With one lock for all, processes that ask different questions waited for each other. Kernels that are compiled within
    another never hold it in turn, so nobody waits in a circle. A lock ends with its process, however that ends.
    """

    def __init__(self) -> None:
        self._held: list[int] = []

    @property
    def depth(self) -> int:
        """How many are held."""
        return len(self._held)

    def acquire(self, kernel: Path) -> None:
        self._held.append(
            -1 if fcntl is None else self._file(kernel.with_name(f"lock-{kernel.name}"))
        )

    def release(self) -> None:
        """The innermost."""
        if (file := self._held.pop()) >= 0:
            os.close(file)

    def _file(self, path: Path) -> int:
        try:
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            return -1
        until = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(POLL_SECONDS)
            except OSError:  # a file system without locks
                break
        return file


class KernelCache(caching._Cache):  # type: ignore[misc]
    """The cache of one function, as Numba's dispatcher asks for it. Whatever goes wrong on disk, kernels work."""

    def __init__(self, function: Callable[..., Any], directory: Path, locks: Locks) -> None:
        self._function, self._directory, self._locks = function, directory, locks
        self._impl = caching.CompileResultCacheImpl.__new__(caching.CompileResultCacheImpl)

    def serve(self, dispatcher: Any) -> None:
        """Be the cache of a function, and let go of its lock if its compilation ends in an exception, such as Ctrl-C.

        Nothing that a compiler makes is garbage before it is done: looking for it takes a tenth of the time.
        """
        compile_ = dispatcher.compile

        def compile_once(sig: Any) -> Any:
            with compiler_lock.global_compiler_lock:
                depth, collecting = self._locks.depth, gc.isenabled()
                gc.disable()
                try:
                    return compile_(sig)
                finally:
                    while self._locks.depth > depth:
                        self._locks.release()
                    if collecting:
                        gc.enable()

        dispatcher._cache, dispatcher.compile = self, compile_once

    @property
    def cache_path(self) -> str:
        return str(self._directory)

    def enable(self) -> None:
        """Always on."""

    disable = flush = enable

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function, or None; then its lock is held until ``save_overload``."""
        target_context.refresh()
        path = self._path(sig, target_context)
        found = self._read(path, target_context)
        if found is None:
            self._locks.acquire(path)
            found = self._read(path, target_context)
            if found is not None:
                self._locks.release()
            else:
                LOG.info("compiling %s", self._function.__name__)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write it whole or not at all."""
        try:
            content = serialize.dumps(self._impl.reduce(data))
            path = self._path(sig, data.target_context)
            with tempfile.NamedTemporaryFile(
                dir=self._directory, suffix=".part", delete=False
            ) as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(file.name, path)
        except OSError:  # a full disk: compile again next time
            pass
        finally:
            self._locks.release()

    def _path(self, sig: Any, target_context: Any) -> Path:
        function = self._function
        key = (
            function.__module__, function.__qualname__, function.__code__.co_firstlineno, str(sig),
            target_context.codegen().magic_tuple(),
        )  # fmt: skip
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        return self._directory / f"{function.__name__}-{name}"

    def _read(self, path: Path, target_context: Any) -> Any:
        try:
            content = path.read_bytes()
        except OSError:
            return None
        checksum, content = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if hashlib.sha256(content).digest() != checksum:
            path.unlink(missing_ok=True)
            return None
        return self._impl.rebuild(target_context, pickle.loads(content))  # noqa: S301 (our own, in the user's directory)


def prepare_directory(directory: Path) -> bool:
    """Whether kernels can be kept there; makes it, and removes what other versions left long ago."""
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            for other in directory.parent.glob("kernels-*"):
                if other.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
                    shutil.rmtree(other, ignore_errors=True)
        with tempfile.NamedTemporaryFile(dir=directory):
            return True
    except OSError:  # a read-only home: compile in memory, every time
        return False
