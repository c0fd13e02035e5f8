"""The last results of commands that name no directory: the newest few, in the cache directory.

::

    DIR/.lock                            held while a result is added
        .new                             the run that is being written
        20261128-074713-123456-SPY/      a run directory as any other, by the UTC time of its result
            .last                        locked while a command reads the result

What is in such a directory is removed with it when ten newer ones are there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qmac.errors import OptionError, ResultError, WriteError
from qmac.storage.directories import find_cache_directory, safe_name
from qmac.storage.files import (
    create_file,
    is_file,
    list_names,
    make_directories,
    move,
    remove_tree,
)
from qmac.storage.lock import LOCK, hold_lock, lock_shared, wait_for_lock
from qmac.storage.ownership import find_distrust
from qmac.storage.refusals import describe_refusal

VARIABLE, COUNT_VARIABLE = "QMAC_RESULTS_DIR", "QMAC_LAST_RESULTS"
"""Variables of the environment: where last results are, and how many stay."""
FOLDER = "results"
"""Name in the user's cache directory, where no variable is set."""
DEFAULT_COUNT, MOST_COUNT = 10, 1000
MARK, ADDING, NEW, OLD = ".last", ".lock", ".new", ".old"
NAME = re.compile(r"(20\d{6}-\d{6}-\d{6})-.+")
TIME = "%Y%m%d-%H%M%S-%f"
PRIVATE = 0o700
"""Permissions of the directory: prices are in it."""
WAIT_SECONDS = 5.0
"""How long a command waits for another one that adds a result."""


def read_count() -> int:
    """Return how many last results stay.

    Returns
    -------
    int
        ``$QMAC_LAST_RESULTS``, 10 by default; 0 for none.

    Raises
    ------
    OptionError
        If the variable is no such number.
    """
    text = os.environ.get(COUNT_VARIABLE) or str(DEFAULT_COUNT)
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if not 0 <= count <= MOST_COUNT:
        raise OptionError(
            f"{COUNT_VARIABLE} must be a whole number in [0, {MOST_COUNT}], got {text!r}. Set it "
            "to 0 to store no last results, or unset it."
        )
    return count


def find_place() -> Path:
    """Return the directory of last results.

    Returns
    -------
    Path
        ``$QMAC_RESULTS_DIR``, or ``qmac/results`` of the user's cache directory; it need not exist.

    Raises
    ------
    OSError
        If the variable names a home directory that there is not.
    """
    return find_cache_directory(VARIABLE, FOLDER)


def read_time(path: Path) -> datetime | None:
    """Return when a last result was stored.

    Parameters
    ----------
    path : Path
        Its directory.

    Returns
    -------
    datetime or None
        Of UTC, from its name; None if qmac writes no such name.
    """
    match = NAME.fullmatch(path.name)
    try:
        return datetime.strptime(match[1], TIME).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def list_last(place: Path) -> list[Path]:
    """Return the last results.

    Parameters
    ----------
    place : Path
        Where they are.

    Returns
    -------
    list of Path
        Directories that qmac has written there, the newest first.

    Raises
    ------
    OSError
        If they cannot be listed.
    """
    paths = [place / name for name in sorted(list_names(place), reverse=True)]
    return [path for path in paths if read_time(path) and is_file(path / MARK)]


def find_last() -> list[Path]:
    """Return the last results of this user.

    Returns
    -------
    list of Path
        Run directories, the newest first; none where none is to be stored.

    Raises
    ------
    ResultError
        If they cannot be listed, or others may write there.
    """
    if not read_count():
        return []
    try:
        place = find_place()
        reason = find_distrust(place)
        if not reason:
            return list_last(place)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    raise ResultError(
        f"there is no last result: {reason}. Name the directory of a run, or set {VARIABLE} to a "
        "directory that you alone can write."
    )


def is_last(directory: Path) -> bool:
    """Return whether a directory is one of the last results, which will be removed.

    Parameters
    ----------
    directory : Path
        Any directory.

    Returns
    -------
    bool
        By its place and name.
    """
    try:
        return read_time(directory) is not None and directory.parent.samefile(find_place())
    except OSError:
        return False


@contextmanager
def hold_last() -> Iterator[Path]:
    """Hold the newest result: it is not removed while the block runs.

    Yields
    ------
    Path
        Its run directory.

    Raises
    ------
    ResultError
        If there is none.
    """
    for path in find_last():
        with lock_shared(path / MARK) as is_there:
            if is_there:
                yield path
                return
    if not read_count():
        raise ResultError(
            f"there is no last result: {COUNT_VARIABLE}=0 stores none. Name the directory of a "
            "run, or unset the variable and run 'qmac optimize'."
        )
    raise ResultError(
        "there is no last result. Run 'qmac optimize' first, or name the directory of a run; "
        "'qmac runs' lists them."
    )


@contextmanager
def adding(symbols: Sequence[str]) -> Iterator[Path]:
    """Add a result, in place of the oldest one, once the block has written it.

    Parameters
    ----------
    symbols : sequence of str
        Symbols of the run; its name has the first.

    Yields
    ------
    Path
        Where the block creates the run directory. Nothing is left of it after an exception.

    Raises
    ------
    WriteError
        If others may write into the place, another command adds a result for long, or the disk
        refuses it.
    OSError
        If the variable names a home directory that there is not.
    """
    place = find_place()
    reason = find_distrust(place)
    if reason:
        raise WriteError(f"{reason}.")
    try:
        with _adding(place, symbols) as new:
            yield new
    except OSError as error:  # it may name a part of the place only
        raise describe_refusal(place, error) from None


@contextmanager
def _adding(place: Path, symbols: Sequence[str]) -> Iterator[Path]:
    """Add a result to a place that others cannot write."""
    make_directories(place, PRIVATE)
    with wait_for_lock(place / ADDING, WAIT_SECONDS) as is_free:
        if not is_free:
            raise WriteError(f"another command has been writing into {place} for some seconds.")
        new = place / NEW
        remove_tree(new)  # of a killed process
        try:
            yield new
            create_file(new / MARK).close()
            move(new, place / _choose_name(place, symbols))
        except BaseException:
            with suppress(OSError):
                remove_tree(new)
            raise
        with suppress(OSError):
            _remove_oldest(place)


def _choose_name(place: Path, symbols: Sequence[str]) -> str:
    """Return a name after that of all others, whatever the clock says."""
    moment = datetime.now(UTC)
    for other in map(read_time, list_last(place)[:1]):
        if other is not None:
            moment = max(moment, other + timedelta(microseconds=1))
    more = f"-and-{len(symbols) - 1}-more" if len(symbols) > 1 else ""
    return f"{moment.strftime(TIME)}-{safe_name(symbols[0])}{more}"


def _remove_oldest(place: Path) -> None:
    """Remove results before the newest few, but those that a command reads or writes."""
    remove_tree(place / OLD)  # of a killed process
    for path in list_last(place)[read_count() :]:
        if _is_free(path):
            move(path, place / OLD)  # whole or not there
            remove_tree(place / OLD)


def _is_free(path: Path) -> bool:
    try:
        with hold_lock(path / MARK, path), hold_lock(path / LOCK, path):
            return True
    except ResultError:
        return False
