"""The lock of a run's directory: held by one process, and gone with it, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qmac.errors import ResultError, printable

try:
    import fcntl
except ImportError:  # Windows: two drivers of one directory are not told apart
    fcntl = None  # type: ignore[assignment]
LOCK = "lock"


@contextmanager
def hold_lock(file: Path, path: Path) -> Iterator[int]:
    """Hold a file of the directory ``path``, made if there is none; its descriptor. What is in it says who holds it."""
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                said = os.pread(descriptor, 100, 0).decode(errors="replace").partition("\n")[0]
                holder = printable(said).strip() or "another process"
                raise ResultError(
                    f"{path} is being run by {holder}. Wait for it, or watch it: qmac watch {path}"
                ) from None
            except OSError:  # a file system without locks
                pass
        yield descriptor
    finally:
        os.close(descriptor)


def write_holder(descriptor: int, more: str = "") -> None:
    """Write into a file that is held who holds it, and ``more`` in lines of its own."""
    host = os.uname().nodename if hasattr(os, "uname") else "?"
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {host}\n{more}".encode(), 0)


def is_held(lock: Path) -> bool | None:
    """Whether a process runs a directory, by its lock; None where that cannot be told.

    The lock is taken for a moment, shared with others who look; a process that begins at that very moment is refused.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(descriptor)
    return False
