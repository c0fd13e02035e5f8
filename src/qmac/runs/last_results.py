"""The last results of commands that name no directory: the newest few, in the cache directory.

::

    DIR/.lock                            held while a result is added
        .new                             the run that is being written
        000012-20261128-074713-SPY/      a run directory as any other: its number, which says which
                                         is the newest whatever clocks say, and the UTC time
            .last                        locked while a command reads the result

What is in such a directory is removed with it when ten newer ones are there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from qmac.errors import OptionError, ResultError, WriteError
from qmac.storage.directories import find_cache_directory, safe_name
from qmac.storage.files import (
    create_file,
    list_names,
    look_up,
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
NAME = re.compile(r"(?:(\d{6,9})-)?(20\d{6}-\d{6})(-\d{6})?-.+")
"""Number, time, and the microseconds of names without a number, as they once were."""
TIME = "%Y%m%d-%H%M%S"
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


class Name(NamedTuple):
    """What the name of a last result says; that of a newer one is larger."""

    number: int
    """From 1; 0 for names without a number."""
    moment: datetime
    """When it was stored, by the clock of that moment, of UTC."""
    microseconds: str


def read_name(path: Path) -> Name | None:
    """Return what the name of a last result says.

    Parameters
    ----------
    path : Path
        Its directory.

    Returns
    -------
    Name or None
        None if qmac writes no such name.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        return None
    number, time, microseconds = match.groups(default="")
    try:
        moment = datetime.strptime(time, TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Name(int(number or 0), moment, microseconds)


class LastResult(NamedTuple):
    """A last result, which stays as long as it is held."""

    path: Path
    """Its run directory."""
    moment: datetime
    """When it was stored, of UTC."""
    skipped: str
    """Why it is not a newer one; empty for the newest."""


def list_last_results() -> list[Path]:
    """Return the last results of this user.

    Returns
    -------
    list of Path
        Run directories that qmac has written there, the newest first; none where none is to be
        stored.

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
            return [path for _, path in _list_named(place)]
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    raise ResultError(
        f"there is no last result: {reason}. Name the directory of a run, or set {VARIABLE} to a "
        "directory that you alone can write."
    )


def _list_named(place: Path) -> list[tuple[Name, Path]]:
    """Return the last results in a directory with what their names say, the newest first."""
    paths = [place / name for name in list_names(place)]
    named = [(name, path) for path in paths if (name := read_name(path)) and _is_marked(path)]
    return sorted(named, reverse=True)


def _is_marked(path: Path) -> bool:
    """Return whether qmac has written a directory, as far as it may look into it."""
    try:
        status = look_up(path / MARK)
    except PermissionError:
        return True
    except OSError:
        return False
    return status is not None and stat.S_ISREG(status.st_mode)


def is_last_result(directory: Path) -> bool:
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
        return read_name(directory) is not None and directory.parent.samefile(find_place())
    except OSError:
        return False


@contextmanager
def hold_last_result(check: Callable[[Path], object]) -> Iterator[LastResult]:
    """Hold the newest result that can be read: it is not removed while the block runs.

    Parameters
    ----------
    check : callable
        Takes a run directory; raises ResultError or OSError where it is damaged.

    Yields
    ------
    LastResult
        The newest one, or an older one with the reason.

    Raises
    ------
    ResultError
        If there is none, or none can be read.
    """
    reasons: list[str] = []
    for name, path in ((read_name(path), path) for path in list_last_results()):
        assert name is not None  # by which it was listed
        with lock_shared(path / MARK) as is_there:
            reason = _find_damage(path, check)
            if is_there and not reason:
                yield LastResult(path, name.moment, _describe_skipped(reasons))
                return
            if reason and _is_marked(path):  # not removed meanwhile
                reasons.append(f"{path}: {reason}")
    if reasons:
        raise ResultError(
            f"no last result can be read: {reasons[0]}. Run 'qmac optimize' again, or name the "
            "directory of a run."
        )
    if not read_count():
        raise ResultError(
            f"there is no last result: {COUNT_VARIABLE}=0 stores none. Name the directory of a "
            "run, or unset the variable and run 'qmac optimize'."
        )
    raise ResultError(
        "there is no last result. Run 'qmac optimize' first, or name the directory of a run; "
        "'qmac runs' lists them."
    )


def _find_damage(path: Path, check: Callable[[Path], object]) -> str:
    """Return why a last result cannot be read; nothing where it can."""
    try:
        check(path)
    except ResultError as error:
        return error.reason.replace(f"{path}{os.sep}", "").removeprefix(f"{path} ").rstrip(".")
    except OSError as error:
        return f"{Path(error.filename or path).name}: {error.strerror}"
    return ""


def _describe_skipped(reasons: Sequence[str]) -> str:
    """Return in words that newer results are left out."""
    if not reasons:
        return ""
    if len(reasons) == 1:
        return f"a newer one cannot be read: {reasons[0]}"
    return f"{len(reasons)} newer ones cannot be read, such as {reasons[0]}"


@contextmanager
def add_last_result(symbols: Sequence[str]) -> Iterator[Path]:
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
    """Return a name with a number after that of all others: clocks are set back."""
    names = [name for name in map(read_name, map(Path, list_names(place))) if name is not None]
    number = 1 + max((name.number for name in names), default=0)
    more = f"-and-{len(symbols) - 1}-more" if len(symbols) > 1 else ""
    time = datetime.now(UTC).strftime(TIME)
    return f"{number:06}-{time}-{safe_name(symbols[0])}{more}"


def _remove_oldest(place: Path) -> None:
    """Remove results before the newest few, but those that a command reads or writes."""
    remove_tree(place / OLD)  # of a killed process
    for _, path in _list_named(place)[read_count() :]:
        if _is_free(path):
            move(path, place / OLD)  # whole or not there
            remove_tree(place / OLD)


def _is_free(path: Path) -> bool:
    try:
        with hold_lock(path / MARK, path), hold_lock(path / LOCK, path):
            return True
    except (ResultError, OSError):  # it is held, or may not be opened
        return False
