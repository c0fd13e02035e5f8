"""Lines added to a file: a killed process leaves whole ones, and at most a part of the last."""

from __future__ import annotations

import os
from pathlib import Path

from qmac.storage.files import open_to_change


def append_line(path: Path, line: bytes) -> None:
    """Add a line, after a line break if a process was killed within its last line.

    Parameters
    ----------
    path : Path
        The file, which is created if there is none.
    line : bytes
        Without a line break.

    Raises
    ------
    OSError
        If it is not a regular file of one name, or cannot be written.
    """
    with os.fdopen(open_to_change(path), "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        is_torn = file.read(1) not in (b"", b"\n")
        file.seek(0, os.SEEK_END)
        file.write(b"\n" * is_torn + line + b"\n")
