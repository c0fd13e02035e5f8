"""The lock of a run's directory: it belongs to one process, and ends with it, however it ends."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qmac.errors import ResultError, printable, shell_quote
from qmac.storage.files import look_up, open_file, open_to_change, read_at

try:
    import fcntl
except ImportError:  # Windows, where filelock takes 10 ms to import; fcntl takes none
    fcntl = None  # type: ignore[assignment]
LOCK = "lock"
"""Name of the file in a run's directory."""
HOLDER_OFFSET = 1
"""Where the line that says who holds a lock begins: Windows lets nobody read a byte that is locked,
and the first one is."""
HOLDER_BYTES = 100
"""Most that is read of that line."""
POLL_SECONDS = 0.05


@contextmanager
def hold_lock(file: Path, path: Path) -> Iterator[int]:
    """Hold the lock ``file`` of the directory ``path`` while the block runs.

    Parameters
    ----------
    file : Path
        The file that is locked; created if it does not exist.
    path : Path
        The directory that an error names.

    Yields
    ------
    int
        The descriptor of the file, for ``write_holder``.

    Raises
    ------
    ResultError
        If another process holds it.
    """
    descriptor = open_to_change(file)
    try:
        _lock(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def wait_for_lock(file: Path, most_seconds: float) -> Iterator[bool]:
    """Hold a lock while the block runs, as soon as no other process holds it.

    Parameters
    ----------
    file : Path
        The file that is locked; created if it does not exist.
    most_seconds : float
        How long to wait.

    Yields
    ------
    bool
        False if another process still held it after that time: the block runs all the same.
    """
    descriptor = open_to_change(file)
    until = time.monotonic() + most_seconds
    try:
        is_free = try_lock(descriptor)
        while not is_free and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            is_free = try_lock(descriptor)
        yield is_free
    finally:
        os.close(descriptor)


@contextmanager
def lock_shared(file: Path) -> Iterator[bool]:
    """Hold a lock that others may hold in the same way while the block runs.

    On Windows the first of them holds it. Where a file system has none, it is not held.

    Parameters
    ----------
    file : Path
        The file that is locked.

    Yields
    ------
    bool
        False if there is no such file, or another process has it for itself.
    """
    try:
        opened = open_file(file)
    except OSError:
        yield False
        return
    with opened:
        is_taken = _take(opened.fileno(), is_shared=True)
        is_refused = is_taken is False and fcntl is not None
        yield not is_refused and look_up(file) is not None  # not moved away before it was locked


def _lock(descriptor: int, path: Path) -> None:
    if not try_lock(descriptor):
        holder = _read_holder(descriptor)
        raise ResultError(
            f"{path} is being run by {holder}. Wait for it, or watch it: qmac watch "
            f"{shell_quote(path)}"
        )


def try_lock(descriptor: int) -> bool:
    """Take a lock, if no other process holds it; it ends when the descriptor is closed.

    Parameters
    ----------
    descriptor : int
        An open file.

    Returns
    -------
    bool
        False if another descriptor holds it; True too on a file system without locks.
    """
    return _take(descriptor, is_shared=False) is not False


def _take(descriptor: int, *, is_shared: bool) -> bool | None:
    """Take a lock, if no other process holds it; return None on a file system without locks."""
    try:
        if fcntl is None:
            return _take_first_byte(descriptor, POLL_SECONDS if is_shared else 0.0)
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def _take_first_byte(descriptor: int, most_seconds: float) -> bool:
    """Take a lock as Windows has them: none is shared, but who only looks lets it go at once."""
    from filelock import lock_descriptor

    until = time.monotonic() + most_seconds
    while not lock_descriptor(descriptor, blocking=False):
        if time.monotonic() >= until:
            return False
        time.sleep(POLL_SECONDS / 5)
    return True


def _read_holder(descriptor: int) -> str:
    """Return who holds the lock; the file may hold anything."""
    content = read_at(descriptor, HOLDER_BYTES, HOLDER_OFFSET).decode(errors="replace")
    first_line = content.partition("\n")[0]
    return printable(first_line).strip() or "another process"


def write_holder(descriptor: int, more: str = "") -> None:
    """Write which process holds a lock into its file.

    Parameters
    ----------
    descriptor : int
        The descriptor that ``hold_lock`` yields.
    more : str
        Further lines.
    """
    text = f"{' ' * HOLDER_OFFSET}process {os.getpid()} on {platform.node()}\n{more}"
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def is_held(lock: Path) -> bool | None:
    """Return whether a process holds a lock.

    The lock is taken for a moment, shared with others who look; a process that begins at that very
    moment is refused.

    Parameters
    ----------
    lock : Path
        The file.

    Returns
    -------
    bool or None
        None where it cannot be known: no such file, or a file system without locks.
    """
    try:
        with open_file(lock) as file:
            is_taken = _take(file.fileno(), is_shared=True)
    except OSError:
        return None
    return None if is_taken is None else not is_taken
