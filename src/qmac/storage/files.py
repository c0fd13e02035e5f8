"""Files in directories that are not trusted: run directories, results and caches.

Such a directory may come from someone else, or someone else may write into it. So no link is
followed, whether it is the last part of a path or another; only regular files are opened, never a
pipe, a socket or a device; and a size is known before content is read. What is refused is an
OSError that names the file and what is wrong with it.

A path that a user typed may lead through links: ``resolve_typed`` follows them, once, and returns
the path that every other function of this module takes. No other module opens, lists or removes
what lies in these directories, which ``tests/project/test_files.py`` checks.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PLAIN_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer returns at once
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Flags of every open call."""
SEARCH_FLAGS = getattr(os, "O_PATH", 0) | getattr(os, "O_DIRECTORY", 0) | PLAIN_FLAGS
"""Flags with which a part of a path is entered; Linux needs no right to read for it."""
CAN_SEARCH = hasattr(os, "O_PATH") and os.open in os.supports_dir_fd
DESCRIPTORS = "/proc/self/fd"
"""Where Linux shows the paths of open files, their links followed."""
KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""Names of what is no regular file."""
HEADER_BYTES = 64 * 2**20
"""Most bytes of a file of JSON or TOML that is read: a run of 10,000 symbols has 3 MB."""


class RefusedFileError(OSError):
    """A file that is not opened, changed or removed; ``strerror`` says why."""

    def __str__(self) -> str:
        """Return the reason, which names the file."""
        return str(self.strerror)


def _refuse(path: Path, reason: str, code: int = errno.EPERM) -> RefusedFileError:
    return RefusedFileError(code, f"{path.name} {reason}", str(path))


def expand_home(path: str | Path) -> Path:
    """Return a path with its first part ``~`` or ``~name`` replaced by that home directory.

    Parameters
    ----------
    path : str or Path
        It need not exist.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    OSError
        If there is no such home directory.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise OSError(errno.ENOENT, "there is no such home directory", str(path)) from None


def resolve_typed(path: str | Path) -> Path:
    """Return a path that a user typed, with its links followed and ``~`` replaced.

    Parameters
    ----------
    path : str or Path
        It need not exist.

    Returns
    -------
    Path
        As it was typed, if no part of it is a link.

    Raises
    ------
    OSError
        If there is no such home directory, links lead in a circle, or no file can have the name.
    """
    path = expand_home(path)
    try:
        has_link = any(_is_link(part) for part in (path, *path.parents))
        return path.resolve() if has_link else path
    except RuntimeError:
        raise OSError(errno.ELOOP, "its links lead in a circle", str(path)) from None
    except ValueError:  # a NUL, or a character that the system's encoding lacks
        raise OSError(errno.EINVAL, "no file can have such a name", ascii(str(path))) from None


def _is_link(path: Path) -> bool:
    """Whether a path is a link, or a junction of Windows."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return _read_kind(status) == stat.S_IFLNK


def _read_kind(status: os.stat_result) -> int:
    """Return the type of a file; a junction of Windows counts as a link."""
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
    if getattr(status, "st_reparse_tag", 0) == junction:
        return stat.S_IFLNK
    return stat.S_IFMT(status.st_mode)


@contextmanager
def _entered(path: Path) -> Iterator[tuple[str, int | None]]:
    """Yield a name and the descriptor of the directory that it is in, reached by no link.

    Where a system has no such descriptors, the name is the whole path and the descriptor None, and
    links are looked for beforehand.
    """
    parent = path.parent
    if not CAN_SEARCH:
        for place in (*reversed(parent.parents), parent):
            if _is_link(place):
                raise _refuse(place, "is a link, which is not followed", errno.ELOOP)
        yield str(path), None
        return
    descriptor = _enter_at_once(parent)
    if descriptor is not None:
        try:
            yield path.name or ".", descriptor
        finally:
            os.close(descriptor)
        return
    descriptor = os.open(path.anchor or ".", SEARCH_FLAGS)
    try:
        reached = Path(path.anchor)
        for part in parent.parts[1 if path.anchor else 0 :]:
            reached = reached / part
            inner = _enter(part, descriptor, reached)
            os.close(descriptor)
            descriptor = inner
        yield path.name or ".", descriptor
    finally:
        os.close(descriptor)


def _enter_at_once(directory: Path) -> int | None:
    """Return a descriptor of a directory whose path has no link, by one look at where it led.

    None where that is not certain: then part after part is entered, which takes four times as long.
    """
    text = str(directory)
    try:
        descriptor = os.open(text, SEARCH_FLAGS)
    except OSError:
        return None
    try:
        is_there = os.readlink(f"{DESCRIPTORS}/{descriptor}") == text  # noqa: PTH115, twice as fast
    except OSError:
        is_there = False
    if is_there:
        return descriptor
    os.close(descriptor)
    return None


def _enter(part: str, directory: int, reached: Path) -> int:
    """Open one part of a path."""
    try:
        return os.open(part, SEARCH_FLAGS, dir_fd=directory)
    except OSError as error:
        refused = OSError(error.errno, error.strerror, str(reached))
        with suppress(OSError):
            status = os.stat(part, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                refused = _refuse(reached, "is a link, which is not followed", errno.ELOOP)
        raise refused from None


def look_up(path: Path) -> os.stat_result | None:
    """Return what the system says of a path; a link is not followed.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    os.stat_result or None
        None if there is nothing.

    Raises
    ------
    OSError
        If it cannot be looked at.
    """
    try:
        with _entered(path) as (name, directory):
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_file(path: Path) -> bool:
    """Return whether there is a regular file.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        False too for what is not a regular file, or cannot be looked at.
    """
    return _is_kind(path, stat.S_IFREG)


def is_directory(path: Path) -> bool:
    """Return whether there is a directory.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        False too for a link to one, or where it cannot be looked at.
    """
    return _is_kind(path, stat.S_IFDIR)


def _is_kind(path: Path, kind: int) -> bool:
    try:
        status = look_up(path)
    except OSError:
        return False
    return status is not None and _read_kind(status) == kind


def is_free(path: Path) -> bool:
    """Return whether a file may be written: there is nothing, or a regular file.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        False too where it cannot be looked at.
    """
    try:
        status = look_up(path)
    except OSError:
        return False
    return status is None or _read_kind(status) == stat.S_IFREG


def check_directory(path: Path) -> None:
    """Check that a path is a directory, or nothing yet.

    Parameters
    ----------
    path : Path
        Any path.

    Raises
    ------
    OSError
        If it is anything else.
    """
    status = look_up(path)
    if status is not None:
        _check_kind(path, status, stat.S_IFDIR)


def check_file(path: Path, *, is_changed: bool = True) -> None:
    """Check that a path is a regular file that may be changed, or nothing yet.

    Parameters
    ----------
    path : Path
        Any path.
    is_changed : bool
        Whether it will be changed; or read or replaced, which leaves its other names as they are.

    Raises
    ------
    OSError
        If it is anything else, or has another name, under which it would be changed too.
    """
    status = look_up(path)
    if status is not None:
        _check_kind(path, status)
        if is_changed:
            _check_one_name(path, status)


def _check_kind(path: Path, status: os.stat_result, kind: int = stat.S_IFREG) -> None:
    present = _read_kind(status)
    if present != kind:
        wanted = "a regular file" if kind == stat.S_IFREG else "a directory"
        what = KINDS.get(present, "a file" if present == stat.S_IFREG else "of an unknown kind")
        code = errno.EISDIR if present == stat.S_IFDIR else errno.EPERM
        raise _refuse(path, f"is {what}, not {wanted}", code)


def _check_one_name(path: Path, status: os.stat_result) -> None:
    if status.st_nlink > 1:
        raise _refuse(path, "is a hard link: the file has another name")


def _open(path: Path, flags: int, mode: int = 0o666) -> int:
    """Return the descriptor of a regular file."""
    with _entered(path) as (name, directory):
        try:  # before it is opened, for opening a device can have an effect
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            pass
        else:
            _check_kind(path, status)
        try:
            descriptor = os.open(name, flags | PLAIN_FLAGS, mode, dir_fd=directory)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        _check_kind(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_file(path: Path, most: float = float("inf")) -> BinaryIO:
    """Open a regular file for reading.

    Parameters
    ----------
    path : Path
        The file.
    most : float
        Bytes of the largest file that is opened.

    Returns
    -------
    BinaryIO
        The file, at its beginning.

    Raises
    ------
    OSError
        If it is not there, is not a regular file, is larger, or cannot be read.
    """
    file = os.fdopen(_open(path, os.O_RDONLY), "rb")
    size = os.fstat(file.fileno()).st_size
    if size > most:
        file.close()
        reason = f"is too large: it has {size:,} bytes, and {int(most):,} are the most"
        raise _refuse(path, reason)
    return file


def read_bytes(path: Path, most: float = HEADER_BYTES) -> bytes:
    """Read a regular file.

    Parameters
    ----------
    path : Path
        The file.
    most : float
        Bytes of the largest file that is read.

    Returns
    -------
    bytes
        All of it; no more than its size was when it was opened.

    Raises
    ------
    OSError
        As ``open_file``.
    """
    with open_file(path, most) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Read a part of an open file, and leave its position behind that part.

    Parameters
    ----------
    descriptor : int
        An open file.
    size : int
        Most bytes.
    offset : int
        First of them.

    Returns
    -------
    bytes
        Fewer where the file ends before.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    os.lseek(descriptor, offset, os.SEEK_SET)  # Windows has no pread
    return os.read(descriptor, size)


def open_to_change(path: Path) -> int:
    """Open a regular file, which is created if there is none, for reading and writing.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int
        A descriptor, to be closed by the caller.

    Raises
    ------
    OSError
        If it is not a regular file of one name, or cannot be opened.
    """
    descriptor = _open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        _check_one_name(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def create_file(path: Path, mode: int = 0o666) -> BinaryIO:
    """Create a file for writing; what an earlier process left in its place is removed.

    Parameters
    ----------
    path : Path
        The file.
    mode : int
        Its permissions, less those that the process denies.

    Returns
    -------
    BinaryIO
        The empty file.

    Raises
    ------
    OSError
        If something else than a regular file is there, or it cannot be created.
    """
    remove_file(path)
    return os.fdopen(_open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb")


def list_names(path: Path) -> list[str]:
    """Return the names in a directory.

    Parameters
    ----------
    path : Path
        The directory.

    Returns
    -------
    list of str
        Sorted; empty if there is no such directory.

    Raises
    ------
    OSError
        If it is a link or a file, or cannot be read.
    """
    try:
        with _entered(path) as (name, directory):
            _check_kind(path, os.stat(name, dir_fd=directory, follow_symlinks=False), stat.S_IFDIR)
            if directory is None:
                return sorted(os.listdir(name))  # noqa: PTH208, for a name beside a descriptor
            flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | PLAIN_FLAGS
            descriptor = os.open(name, flags, dir_fd=directory)
            try:
                return sorted(os.listdir(descriptor))  # noqa: PTH208, for a descriptor
            finally:
                os.close(descriptor)
    except FileNotFoundError:
        return []


def make_directory(path: Path, mode: int = 0o777) -> bool:
    """Make a directory, if it is not there; the one that it lies in must be there.

    Parameters
    ----------
    path : Path
        The directory.
    mode : int
        Its permissions, less those that the process denies.

    Returns
    -------
    bool
        Whether it was made.

    Raises
    ------
    OSError
        If something else is there, or it cannot be made.
    """
    with _entered(path) as (name, directory):
        try:
            os.mkdir(name, mode, dir_fd=directory)
        except FileExistsError:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            _check_kind(path, status, stat.S_IFDIR)
            return False
        except OSError as error:
            error.filename = str(path)  # the name alone does not say where
            raise
        return True


def make_directories(path: Path, mode: int = 0o777) -> bool:
    """Make a directory and those that it lies in, as far as they are not there.

    Parameters
    ----------
    path : Path
        The directory.
    mode : int
        Permissions of each that is made, less those that the process denies.

    Returns
    -------
    bool
        Whether the directory was made.

    Raises
    ------
    OSError
        If something else is there, or one cannot be made.
    """
    if look_up(path.parent) is None and path.parent != path:
        make_directories(path.parent, mode)
    return make_directory(path, mode)


def move(source: Path, target: Path) -> None:
    """Give a file or directory another name; a regular file or an empty directory is replaced.

    Parameters
    ----------
    source, target : Path
        On one disk.

    Raises
    ------
    OSError
        If the system refuses it, or the target is neither.
    """
    with _entered(source) as (name, directory), _entered(target) as (other, place):
        try:
            status = os.stat(other, dir_fd=place, follow_symlinks=False)
        except FileNotFoundError:
            pass
        else:
            if _read_kind(status) != stat.S_IFDIR:
                _check_kind(target, status)
        os.replace(name, other, src_dir_fd=directory, dst_dir_fd=place)


def remove_file(path: Path) -> None:
    """Remove a regular file, if it is there.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError
        If it is not a regular file, or cannot be removed.
    """
    with suppress(FileNotFoundError), _entered(path) as (name, directory):
        _check_kind(path, os.stat(name, dir_fd=directory, follow_symlinks=False))
        os.unlink(name, dir_fd=directory)


def remove_directory(path: Path) -> None:
    """Remove an empty directory.

    Parameters
    ----------
    path : Path
        The directory.

    Raises
    ------
    OSError
        If it is not there, not empty, or not a directory.
    """
    with _entered(path) as (name, directory):
        os.rmdir(name, dir_fd=directory)


def remove_made(path: Path, pattern: re.Pattern[str]) -> None:
    """Remove a directory with the files in it that qmac makes.

    Parameters
    ----------
    path : Path
        The directory; nothing is done if it is not there.
    pattern : re.Pattern
        What the path of such a file within the directory matches as a whole, with "/" between its
        parts.

    Raises
    ------
    OSError
        If there is another file: it stays, and so does the directory. That of the first such file
        names it.
    """
    others = _find_others(path, pattern, "")
    if others:
        raise others[0]
    remove_tree(path)


def _find_others(path: Path, pattern: re.Pattern[str], prefix: str) -> list[RefusedFileError]:
    """Return what is wrong with each file of a directory that qmac does not make."""
    others: list[RefusedFileError] = []
    for name in list_names(path):
        place, within = path / name, f"{prefix}{name}"
        if is_directory(place):
            others += _find_others(place, pattern, f"{within}/")
        elif not is_file(place) or not pattern.fullmatch(within):
            others.append(_refuse(place, "is not of qmac, and not removed"))
    return others


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it; links are removed, not followed.

    Parameters
    ----------
    path : Path
        The directory; nothing is done if it is not there.

    Raises
    ------
    OSError
        If something else is there, or it cannot be removed.
    """
    if look_up(path) is not None:
        with _entered(path) as (name, directory):
            shutil.rmtree(name, dir_fd=directory)


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, outlast a crash of the machine.

    Where a system cannot sync a directory (Windows, some network file systems), nothing is done.

    Parameters
    ----------
    path : Path
        A file or a directory.

    Raises
    ------
    OSError
        If the disk fails.
    """
    try:
        with _entered(path) as (name, directory):
            descriptor = os.open(name, os.O_RDONLY | PLAIN_FLAGS, dir_fd=directory)
    except OSError:  # a directory of Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems, on directories
            raise
    finally:
        os.close(descriptor)
