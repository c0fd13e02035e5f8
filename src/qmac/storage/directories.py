"""Where results may be written, and the names of files there."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from qmac.errors import ResultError

PLAIN_NAME = re.compile(r"[A-Z0-9_][A-Z0-9_.-]{0,39}(?<!\.)")
"""Names that are their own file names: no small letters, which some disks take for large ones, and no final dot."""
DEVICE_NAME = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?")
"""What Windows opens as a device, with any ending."""


def safe_name(symbol: str) -> str:
    """A file name for a symbol, on any file system: no two symbols share one, nor differ only in case.

    A symbol of large letters, digits and inner dots, dashes or underscores, 40 at most, is its own. In any other what
    a file system may refuse or confuse is replaced, and a hash of the whole symbol follows.

    >>> safe_name("BRK.B"), safe_name("BRK/B"), safe_name("spy")
    ('BRK.B', 'BRK_B~82f670123a', 'spy~57d4aa3772')
    """
    if PLAIN_NAME.fullmatch(symbol) and not DEVICE_NAME.fullmatch(symbol):
        return symbol
    readable = re.sub(r"[^A-Za-z0-9-]+", "_", symbol).strip("_-")[
        :40
    ]  # dots too: Windows takes CON.B for CON
    mark = hashlib.sha256(symbol.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{readable or 'symbol'}~{mark}"


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
            raise ResultError(
                f"{directory} cannot be written: {above} is a file. Name another directory."
            )
        probe = above / f".{directory.name}-{os.getpid()}"  # as long as the name to come, at least
        probe.mkdir()
        probe.rmdir()
    except (OSError, RuntimeError) as error:  # the other: links in a circle, the home of nobody
        reason = getattr(error, "strerror", None) or str(error).removesuffix(".")
        raise ResultError(
            f"{directory} cannot be written: {reason}. Name another directory."
        ) from None
    return directory


def check_empty(directory: Path, but: str = "") -> None:
    """Raise ResultError if there is anything in a directory but one file, and what others try it out with."""
    names = {path.name for path in directory.iterdir()} - {but} if directory.is_dir() else set()
    if any(not (but and name.startswith(f".{directory.name}-")) for name in names):
        raise ResultError(
            f"{directory} exists and is not empty. Name a new directory, or empty it first."
        )
