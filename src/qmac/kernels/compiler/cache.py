"""Compiled kernels on disk.

Numba's own cache looks at the source of the function alone, so a kernel whose *callee* changed in
another file would be served stale; and it numbers its files in an index, so two processes that save
at once can leave one kernel's code under another's name. This one names the directory by all that
machine code follows from, and a file by all of its key: there is no index, and what is read is
checked.
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
NO_FILE = -1
CHECKSUM_BYTES = 32
LONGEST_WAIT_SECONDS = 300.0
"""How long to wait for another process that compiles; then this one compiles too."""
POLL_SECONDS = 0.02
UNUSED_DAYS = 30
"""Directories of other versions are removed when none of them was written for so long."""


def cache_directory() -> Path:
    """Return the directory of the compiled kernels.

    Returns
    -------
    Path
        In ``$QMAC_CACHE_DIR``, or in the user's cache directory.
    """
    root = os.environ.get("QMAC_CACHE_DIR")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        try:
            root = str(Path(base) / "qmac") if base else str(Path.home() / ".cache" / "qmac")
        except RuntimeError:  # a user without a home
            root = str(Path(tempfile.gettempdir()) / f"qmac-{os.getuid()}")
    return Path(root) / f"kernels-{compute_fingerprint()}"


def compute_fingerprint() -> str:
    """Name everything that the machine code follows from.

    Returns
    -------
    str
        16 hexadecimal digits, from sources, versions, CPU and settings of Numba.
    """
    environment = sorted(os.environ.items())
    settings = {name: value for name, value in environment if name.startswith("NUMBA_")}
    cpu = llvmlite.binding.get_host_cpu_name()
    features = llvmlite.binding.get_host_cpu_features().flatten()
    versions = (numba.__version__, llvmlite.__version__, np.__version__)
    parts = (versions, (cpu, features), settings, hash_kernel_sources())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class Locks:
    """Locks of the kernels that this process compiles, the innermost last.

    Each kernel is compiled by one process at a time. With one lock for all, processes that need
    different kernels waited for each other. Kernels that are compiled within another never hold it
    in turn, so that no process waits in a circle. A lock ends with its process, however that ends.
    """

    def __init__(self) -> None:
        self._files: list[int] = []

    @property
    def depth(self) -> int:
        """Number of locks that are held."""
        return len(self._files)

    def acquire(self, kernel: Path) -> None:
        """Wait for the lock of a kernel.

        Parameters
        ----------
        kernel : Path
            Its file.
        """
        path = kernel.with_name(f"lock-{kernel.name}")
        self._files.append(NO_FILE if fcntl is None else _lock(path))

    def release(self) -> None:
        """Release the innermost lock."""
        file = self._files.pop()
        if file != NO_FILE:
            os.close(file)


def _lock(path: Path) -> int:
    """Lock a file as soon as it is free; ``NO_FILE`` where it cannot be opened."""
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return NO_FILE
    until = time.monotonic() + LONGEST_WAIT_SECONDS
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
    """The cache of one function, as Numba's dispatcher calls it.

    Whatever goes wrong on disk, kernels work.
    """

    def __init__(self, function: Callable[..., Any], directory: Path, locks: Locks) -> None:
        self._function, self._directory, self._locks = function, directory, locks
        self._impl = caching.CompileResultCacheImpl.__new__(caching.CompileResultCacheImpl)

    def serve(self, dispatcher: Any) -> None:
        """Become the cache of a function.

        If its compilation ends in an exception, such as Ctrl-C, its lock is released. Nothing that
        a compiler makes is garbage before it is done: looking for it takes a tenth of the time.

        Parameters
        ----------
        dispatcher : numba.core.dispatcher.Dispatcher
            The function; its ``compile`` is replaced.
        """
        compile_ = dispatcher.compile

        def compile_once(sig: Any) -> Any:
            with compiler_lock.global_compiler_lock:
                depth, is_collecting = self._locks.depth, gc.isenabled()
                gc.disable()
                try:
                    return compile_(sig)
                finally:
                    while self._locks.depth > depth:
                        self._locks.release()
                    if is_collecting:
                        gc.enable()

        dispatcher._cache, dispatcher.compile = self, compile_once

    @property
    def cache_path(self) -> str:
        """Directory of the compiled kernels."""
        return str(self._directory)

    def enable(self) -> None:
        """Do nothing: it is always on."""

    disable = flush = enable

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function if there is one.

        Parameters
        ----------
        sig : tuple
            Types of the arguments.
        target_context : numba.core.base.BaseContext
            What compiles.

        Returns
        -------
        CompileResult or None
            If None, its lock is held until ``save_overload``.
        """
        target_context.refresh()
        path = self._path(sig, target_context)
        overload = self._read(path, target_context)
        if overload is not None:
            return overload
        self._locks.acquire(path)
        overload = self._read(path, target_context)
        if overload is None:
            LOG.info("compiling %s", self._function.__name__)
        else:
            self._locks.release()
        return overload

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write a compiled function, whole or not at all.

        Parameters
        ----------
        sig : tuple
            Types of the arguments.
        data : CompileResult
            The function.
        """
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
        """Return the function of a file; None if there is none. A damaged file is removed."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        checksum, content = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if hashlib.sha256(content).digest() != checksum:
            path.unlink(missing_ok=True)
            return None
        reduced = pickle.loads(content)  # noqa: S301 (ours, in the user's directory)
        return self._impl.rebuild(target_context, reduced)


def prepare_directory(directory: Path) -> bool:
    """Make the directory, and remove what other versions left long ago.

    Parameters
    ----------
    directory : Path
        As of ``cache_directory``.

    Returns
    -------
    bool
        Whether kernels can be stored in it.
    """
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            _remove_unused(directory.parent)
        with tempfile.NamedTemporaryFile(dir=directory):
            return True
    except OSError:  # a read-only home: compile in memory, every time
        return False


def _remove_unused(root: Path) -> None:
    oldest = time.time() - UNUSED_DAYS * 86_400
    for directory in root.glob("kernels-*"):
        if directory.stat().st_mtime < oldest:
            shutil.rmtree(directory, ignore_errors=True)
