"""Small files in which Linux shows its state: ``/proc`` and ``/sys/fs/cgroup``."""

from __future__ import annotations

from pathlib import Path


def read_content(path: Path) -> bytes | None:
    """Return what is in a file, or None if it cannot be read.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bytes or None
        Its content.
    """
    try:
        return path.read_bytes()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """Return the number in a file, or None for ``max`` or no file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int or None
        The number.
    """
    try:
        return int(read_content(path) or b"")
    except ValueError:
        return None


def read_fields(path: Path) -> dict[bytes, int]:
    """Return the numbers of a file whose lines are a name and a number.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Numbers by name, as far as there are any.
    """
    fields = {}
    for line in (read_content(path) or b"").splitlines():
        words = line.split(None, 2)
        if len(words) > 1 and words[1].isdigit():
            fields[words[0]] = int(words[1])
    return fields
