"""Files that are whole or not there: written beside their place, synced, renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def _nothing(step: str) -> None:
    """What happens between the steps of a write: nothing, but where tests let one fail."""


step: Callable[[str], None] = _nothing
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
"""In order; the second comes before each part."""


def write_whole(path: Path, parts: Iterable[Any]) -> None:
    """Write buffers to ``path``, all or nothing, even if the machine stops at any moment."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        step("open")
        with scratch.open("wb") as file:
            for part in parts:
                step("write")
                file.write(part)
            file.flush()
            step("written")
            step("fsync")
            os.fsync(file.fileno())
            step("synced")
        step("rename")
        os.replace(scratch, path)
        step("renamed")
        step("sync directory")
        sync(path.parent)
        step("done")
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, outlast the machine; where a system has no such call, it has to do."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # a directory of Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems know it of files only
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
