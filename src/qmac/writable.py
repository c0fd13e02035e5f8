"""Where a result may be written."""

from __future__ import annotations

import os
from pathlib import Path

from qmac.errors import ResultError


def check_writable(directory: str | Path, start: str = "") -> Path:
    """The directory, absolute, if a result may be written there; found out by writing.

    One with the file ``start`` in it is being begun, or its start was killed: whoever holds that file looks further.
    """
    directory = Path(directory)
    try:
        directory = directory.expanduser().resolve()
        if directory.exists() and not directory.is_dir():
            raise ResultError(f"{directory} is a file. Name a new directory.")
        if start and (directory / start).exists():
            return directory
        check_empty(directory)
        above = next(parent for parent in (directory, *directory.parents) if parent.exists())
        if not above.is_dir():
            raise ResultError(f"{directory} cannot be written: {above} is a file. Name another directory.")
        probe = above / f".{directory.name}-{os.getpid()}"  # as long as the name to come, at least
        probe.mkdir()
        probe.rmdir()
    except (OSError, RuntimeError) as error:  # the other: links in a circle, the home of nobody
        reason = getattr(error, "strerror", None) or str(error).removesuffix(".")
        raise ResultError(f"{directory} cannot be written: {reason}. Name another directory.") from None
    return directory


def check_empty(directory: Path, but: str = "") -> None:
    """Raise ResultError if there is anything in a directory but one file, and what others try it out with."""
    names = {path.name for path in directory.iterdir()} - {but} if directory.is_dir() else set()
    if any(not (but and name.startswith(f".{directory.name}-")) for name in names):
        raise ResultError(f"{directory} exists and is not empty. Name a new directory, or empty it first.")
