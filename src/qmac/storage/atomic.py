"""Files that are whole or absent: written beside their place, synced, renamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qmac.storage.files import create_file, is_free, move, remove_file, sync


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
MOST_NAMES = 10
"""Names that are tried for what is being written."""


def _choose_temporary(path: Path) -> Path:
    """Return a name beside a file where nothing lies, or a file that a killed process was writing.

    A pipe, a link or a directory there would stop every write of the file.
    """
    first = path.with_name(f".{path.name}.part")
    others = (path.with_name(f".{path.name}.{number}.part") for number in range(2, MOST_NAMES + 1))
    return next((place for place in (first, *others) if is_free(place)), first)


def write_whole(path: Path, parts: Iterable[Any], *, syncs_directory: bool = True) -> None:
    """Write buffers to ``path``, all or nothing, even if the machine stops at any moment.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced. No part of the path is a link: see
        ``qmac.storage.files``.
    parts : iterable of bytes-like
        What is written, one after the other.
    syncs_directory : bool
        Whether the file has its name for good. Of many files in one directory the caller syncs
        that once, after the last.

    Raises
    ------
    OSError
        If the system refuses a step. An older file is then as it was, unless the failing step is
        one after ``"rename"``.
    """
    temporary = _choose_temporary(path)
    try:
        step("open")
        with create_file(temporary) as file:
            for part in parts:
                step("write")
                file.write(part)
            file.flush()
            step("written")
            step("fsync")
            os.fsync(file.fileno())
            step("synced")
        step("rename")
        move(temporary, path)
        step("renamed")
        if syncs_directory:
            step("sync directory")
            sync(path.parent)
        step("done")
    except BaseException:
        with suppress(OSError):  # what made the write fail counts
            remove_file(temporary)
        raise
