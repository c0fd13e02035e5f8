"""Where a result may be written."""

from __future__ import annotations

import os
from pathlib import Path

from qmac.errors import ResultError


def check_writable(directory: str | Path) -> Path:
    """The directory, absolute, if a result may be written there; found out by writing."""
    directory = Path(directory).expanduser()
    try:
        directory = directory.resolve()
        if directory.exists() and not directory.is_dir():
            raise ResultError(f"{directory} is a file. Name a new directory.")
        if directory.is_dir() and any(directory.iterdir()):
            raise ResultError(f"{directory} exists and is not empty. Name a new directory, or empty it first.")
        above = next(parent for parent in (directory, *directory.parents) if parent.is_dir())
        probe = above / f".{directory.name}-{os.getpid()}"  # as long as the name to come, at least
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise ResultError(
            f"{directory} cannot be written: {error.strerror or error}. Name another directory."
        ) from None
    return directory
