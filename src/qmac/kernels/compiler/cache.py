"""Compiled kernels on disk.

Numba's own cache looks at the source of the function alone, so a kernel whose *callee* changed in
another file would be served stale; and it numbers its files in an index, so two processes that save
at once can leave one kernel's code under another's name. This one names the directory by all that
machine code follows from, and a file by all of its key: there is no index, and what is read is
checked.
"""

from __future__ import annotations

import atexit
import errno
import gc
import hashlib
import logging
import os
import pickle
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from numba.core import caching, compiler_lock, serialize

from qmac.errors import warn
from qmac.kernels.compiler.sources import hash_kernel_sources
from qmac.storage.directories import find_cache_directory
from qmac.storage.files import (
    create_file,
    list_names,
    look_up,
    make_directories,
    move,
    open_file,
    open_to_change,
    remove_file,
    remove_made,
    resolve_typed,
)
from qmac.storage.lock import try_lock
from qmac.storage.ownership import find_distrust, is_trusted_file

LOG = logging.getLogger("qmac.compiler")
VARIABLE = "QMAC_CACHE_DIR"
"""Variable of the environment that names where compiled kernels lie."""
NUMBA_FORMAT = caching.CompileResultCacheImpl.__new__(caching.CompileResultCacheImpl)
"""How Numba stores a function: its machine code, and its instructions for callers."""
NO_FILE = -1
CHECKSUM_BYTES = 32
LONGEST_WAIT_SECONDS = 300.0
"""How long to wait for another process that compiles; then this one compiles too."""
POLL_SECONDS = 0.02
UNUSED_DAYS = 30
"""Directories of other versions are removed when none of them was written for so long."""
PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
MOST_BYTES = 256 * 2**20
"""Most bytes of a compiled kernel that are read; the largest has 1 MB."""
DIRECTORIES = re.compile(r"kernels-[0-9a-f]{16}")
"""Names of the directories of all versions."""
FILES = re.compile(r"(lock-)?\w+-[0-9a-f]{32}|[\w-]+\.part|tmp\w+")
"""Names of what this version and others write into them."""


def cache_directory() -> Path:
    """Return the directory that is configured for compiled kernels.

    Returns
    -------
    Path
        In ``$QMAC_CACHE_DIR``, or in the user's cache directory. A user without a home directory
        has one in the temporary directory.

    Raises
    ------
    OSError
        If a variable names a home directory that there is not.
    """
    return find_cache_directory(VARIABLE) / f"kernels-{compute_fingerprint()}"


def compute_fingerprint() -> str:
    """Name everything that the machine code follows from.

    Returns
    -------
    str
        16 hexadecimal digits, from sources, versions, CPU and settings of Numba. The way into a
        kernel depends on where this Python has what is in its objects.
    """
    environment = sorted(os.environ.items())
    settings = {name: value for name, value in environment if name.startswith("NUMBA_")}
    cpu = llvmlite.binding.get_host_cpu_name()
    features = llvmlite.binding.get_host_cpu_features().flatten()
    python = (sys.implementation.cache_tag, getattr(sys, "abiflags", ""))
    versions = (python, numba.__version__, llvmlite.__version__, np.__version__)
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
        self._files.append(_lock(path))

    def release(self) -> None:
        """Release the innermost lock."""
        file = self._files.pop()
        if file != NO_FILE:
            os.close(file)


class NoLocks(Locks):
    """For helpers, which take a second at most: no process waits for one of low priority."""

    def acquire(self, kernel: Path) -> None:
        """Do nothing.

        Parameters
        ----------
        kernel : Path
            Its file.
        """

    def release(self) -> None:
        """Do nothing."""


def _lock(path: Path) -> int:
    """Lock a file as soon as it is free; ``NO_FILE`` where it cannot be opened."""
    try:
        file = open_to_change(path)
    except OSError:
        return NO_FILE
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while not try_lock(file) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return file


class KernelCache(caching._Cache):  # type: ignore[misc]
    """The cache of one function, as Numba's dispatcher calls it.

    Whatever goes wrong on disk, kernels work.

    Parameters
    ----------
    function : callable
        In Python.
    directory : Path
        Where its files lie.
    locks : Locks
        Of this process.
    form : object, optional
        How the function lies in a file, with ``reduce`` and ``rebuild``.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        directory: Path,
        locks: Locks,
        form: Any = NUMBA_FORMAT,
    ) -> None:
        self._function, self._directory, self._locks = function, directory, locks
        self._impl = form

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

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Return whether there is a file of the compiled function; it is not read.

        Parameters
        ----------
        sig : tuple
            Types of the arguments.
        target_context : numba.core.base.BaseContext
            What compiles.

        Returns
        -------
        bool
            False too where it cannot be looked up.
        """
        try:
            return look_up(self._path(sig, target_context)) is not None
        except OSError:
            return False

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write a compiled function, whole or not at all.

        Parameters
        ----------
        sig : tuple
            Types of the arguments.
        data : CompileResult
            The function.
        """
        path = self._path(sig, data.target_context)
        unfinished = path.with_name(f"{path.name}-{os.getpid()}.part")
        try:
            content = serialize.dumps(self._impl.reduce(data))
            with create_file(unfinished, PRIVATE_FILE) as file:
                file.write(hashlib.sha256(content).digest() + content)
            move(unfinished, path)
        except OSError as error:  # such as a full disk: compile again next time
            with suppress(OSError):
                remove_file(unfinished)
            warn(
                f"compiled kernels are not saved in {self._directory}: {error.strerror}. "
                "They are compiled again at the next start.",
                stacklevel=2,
            )
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
            with open_file(path, MOST_BYTES) as file:
                is_trusted, content = is_trusted_file(file), file.read()
        except OSError:
            return None
        checksum, content = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if not is_trusted or hashlib.sha256(content).digest() != checksum:
            with suppress(OSError):
                remove_file(path)
            return None
        try:
            reduced = pickle.loads(content)  # noqa: S301 (only the user can write it)
            return self._impl.rebuild(target_context, reduced)
        except Exception:  # such as a library that was built anew, of the same version
            return None


def choose_directory() -> Path | None:
    """Return the directory of the compiled kernels, made and tried.

    It holds code, so it is used only where no other user can write. Where the configured one cannot
    be used, a warning says so, and kernels lie in a temporary directory until the process ends.

    Returns
    -------
    Path or None
        None where there is no temporary directory either: kernels are compiled in memory.
    """
    try:
        return _prepare(cache_directory())
    except DistrustError as error:
        reason = str(error.strerror)
    except OSError as error:
        reason = f"{error.filename} cannot be written ({error.strerror})"
    warn(
        f"kernels are compiled anew at every start, which takes some 20 s: {reason}. "
        "Set QMAC_CACHE_DIR to a directory that you alone can write.",
        stacklevel=2,
    )
    return _make_temporary()


class DistrustError(OSError):
    """A directory in which others could put code; ``strerror`` says why."""


def _prepare(directory: Path) -> Path:
    """Make a directory, check it, and remove what other versions left long ago."""
    _check_trust(directory)  # before anything is made in a directory of someone else
    place = resolve_typed(directory)
    is_new = make_directories(place, PRIVATE_DIRECTORY)
    _check_trust(directory)  # again: from now on nobody else can change any part of the path
    trial = place / f"trial-{os.getpid()}.part"
    create_file(trial, PRIVATE_FILE).close()
    remove_file(trial)
    if is_new:
        _remove_unused(place.parent)
    return place


def _check_trust(directory: Path) -> None:
    reason = find_distrust(directory)
    if reason:
        raise DistrustError(errno.EACCES, reason, str(directory))


def _make_temporary() -> Path | None:
    """Make a directory that is removed when the process ends."""
    try:
        directory = Path(tempfile.mkdtemp(prefix="qmac-"))
    except OSError:
        return None
    process = os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # not in a process that was forked
            with suppress(OSError):
                remove_made(directory, FILES)

    atexit.register(remove)
    return directory


def _remove_unused(root: Path) -> None:
    oldest = time.time() - UNUSED_DAYS * 86_400
    for name in list_names(root):
        status = look_up(root / name)
        is_old = status is not None and status.st_mtime < oldest
        if is_old and DIRECTORIES.fullmatch(name):
            with suppress(OSError):  # something else is in it
                remove_made(root / name, FILES)
