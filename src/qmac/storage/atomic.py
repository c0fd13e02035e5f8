"""Files that are whole or absent: written beside their place, synced, renamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qmac.storage.files import create_file, move, remove_file, sync


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
        The file; an older one is replaced. No part of the path is a link: see
        ``qmac.storage.files``.
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
        step("sync directory")
        sync(path.parent)
        step("done")
    except BaseException:
        with suppress(OSError):  # what made the write fail counts
            remove_file(temporary)
        raise
