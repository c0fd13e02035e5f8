"""Files that are whole or absent: written beside their place, synced, renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def _ignore(step: str) -> None:
    """Do nothing between two steps of a write."""


step: Callable[[str], None] = _ignore
"""Called with the name of each step; tests replace it to let one fail."""
STEPS = (
    "open",
    "write",
    "written",
    "fsync",
    "synced",
    "rename",
    "renamed",
    "sync directory",
    "done",
)
"""Steps of a write, in order; the second comes before each part."""


def write_whole(path: Path, parts: Iterable[Any]) -> None:
    """Write buffers to ``path``, all or nothing, even if the machine stops at any moment.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced.
    parts : iterable of bytes-like
        What is written, one after the other.

    Raises
    ------
    OSError
        If the system refuses a step. An older file is then as it was, unless the failing step is
        one after ``"rename"``.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        step("open")
        with temporary.open("wb") as file:
            for part in parts:
                step("write")
                file.write(part)
            file.flush()
            step("written")
            step("fsync")
            os.fsync(file.fileno())
            step("synced")
        step("rename")
        os.replace(temporary, path)
        step("renamed")
        step("sync directory")
        sync(path.parent)
        step("done")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, outlast a crash of the machine.

    Where a system cannot sync a directory (Windows, some network file systems), nothing is done.

    Parameters
    ----------
    path : Path
        A file or a directory.

    Raises
    ------
    OSError
        If the disk fails.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # a directory of Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems, on directories
            raise
    finally:
        os.close(descriptor)
