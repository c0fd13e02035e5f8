"""Where results may be written, and the names of files there."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from qmac.errors import ResultError
from qmac.storage.files import (
    expand_home,
    list_names,
    look_up,
    make_directory,
    remove_directory,
    resolve_typed,
)
from qmac.storage.refusals import describe_refusal, is_fault

PLAIN_NAME = re.compile(r"[A-Z0-9_][A-Z0-9_.-]{0,39}(?<!\.)")
"""Symbols that are file names as they are: no small letters, which some disks take for large ones,
and no final dot."""
DEVICE_NAME = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?")
"""What Windows opens as a device, with any ending."""
READABLE_CHARACTERS = 40
HASH_CHARACTERS = 10


def safe_name(symbol: str) -> str:
    """Return a file name for a symbol; no two symbols share one, nor differ only in case.

    A symbol of large letters, digits and inner dots, dashes or underscores, 40 at most, is its own
    file name. In any other, what a file system may refuse or confuse is replaced, and a hash of the
    whole symbol follows.

    Parameters
    ----------
    symbol : str
        Any text.

    Returns
    -------
    str
        A name that every file system takes.

    Examples
    --------
    >>> safe_name("BRK.B"), safe_name("BRK/B"), safe_name("spy")
    ('BRK.B', 'BRK_B~82f670123a', 'spy~57d4aa3772')
    """
    if PLAIN_NAME.fullmatch(symbol) and not DEVICE_NAME.fullmatch(symbol):
        return symbol
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", symbol)  # dots too: Windows takes CON.B for CON
    readable = plain.strip("_-")[:READABLE_CHARACTERS] or "symbol"
    digest = hashlib.sha256(symbol.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable}~{digest[:HASH_CHARACTERS]}"


def find_cache_directory(variable: str, name: str = "") -> Path:
    """Return a directory of what can be fetched or computed again.

    Parameters
    ----------
    variable : str
        Variable of the environment that names the directory.
    name : str
        Its name in the user's cache directory, where the variable is not set.

    Returns
    -------
    Path
        An absolute path, which need not exist. A user without a home directory has one in the
        temporary directory.

    Raises
    ------
    OSError
        If a variable names a home directory that there is not.
    """
    configured = os.environ.get(variable)
    if configured:
        return expand_home(configured).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return (expand_home(base) / "qmac" / name).absolute()
    try:
        Path.home()
    except RuntimeError:  # a user without a home
        user = getattr(os, "getuid", int)()
        place = Path(tempfile.gettempdir(), f"qmac-{user}")
    else:
        place = expand_home(user_cache_path("qmac", appauthor=False))
    return (place / name).absolute()


def check_writable(directory: str | Path, start: str = "") -> Path:
    """Return a directory, absolute, after a trial whether a result may be written there.

    Parameters
    ----------
    directory : str or Path
        A new or empty directory.
    start : str
        Name of the file of a run that is being created. A directory that holds it passes: whoever
        locks that file checks the rest.

    Returns
    -------
    Path
        The absolute directory; the trial leaves nothing behind.

    Raises
    ------
    ResultError
        If it is a file, is not empty, or may not be written.
    WriteError
        If the disk or another limit of the machine refuses it.
    """
    directory = Path(directory)
    try:
        directory = resolve_typed(directory).resolve()
        if directory.exists() and not directory.is_dir():
            raise ResultError(f"{directory} is a file. Name a new directory.")
        if start and look_up(directory / start) is not None:
            return directory
        check_empty(directory)
        _try_writing(directory)
    except OSError as error:
        if is_fault(error):
            raise describe_refusal(directory, error) from None
        raise ResultError(
            f"{directory} cannot be written: {error.strerror}. Name another directory."
        ) from None
    return directory


def _try_writing(directory: Path) -> None:
    """Create and remove a directory where ``directory`` is to be."""
    parent = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if not parent.is_dir():
        raise ResultError(
            f"{directory} cannot be written: {parent} is a file. Name another directory."
        )
    trial = parent / f".{directory.name}-{os.getpid()}"  # a name at least as long as the real one
    if make_directory(trial):
        remove_directory(trial)


def check_empty(directory: Path, but: str = "") -> None:
    """Check that a directory is empty.

    Parameters
    ----------
    directory : Path
        A directory, which need not exist.
    but : str
        Name of a file that may be there, and with it the trials of other processes.

    Raises
    ------
    ResultError
        If anything else is in it.
    """
    if not directory.is_dir():
        return
    names = set(list_names(directory)) - {but}
    if but:
        names = {name for name in names if not name.startswith(f".{directory.name}-")}
    if names:
        raise ResultError(
            f"{directory} exists and is not empty. Name a new directory, or empty it first."
        )
