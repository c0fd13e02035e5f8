"""Whether another user could have written into a directory from which code is loaded."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

MOST_LINKS = 40
"""More of them than Linux follows in one path."""


def find_distrust(path: Path) -> str:
    """Return why another user could change what lies in a directory.

    Parameters
    ----------
    path : Path
        An absolute path; a part that does not exist yet is one that the user will own.

    Returns
    -------
    str
        The first part of the path, from the root, that belongs to someone else or that others may
        write; empty if there is none. Links are followed, and their owner counts as well. Always
        empty on Windows.
    """
    if sys.platform == "win32":
        return ""
    waiting = list(reversed(path.absolute().parts))
    reached, links = Path(waiting.pop()), 0
    reason = _distrust_part(reached, is_last=not waiting)
    while waiting and not reason:
        name = waiting.pop()
        if name == "..":
            reached = reached.parent
            continue
        part = reached / name
        try:
            status = os.lstat(part)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{part} cannot be looked at ({error.strerror})"
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if not _is_trusted_owner(status.st_uid) or links > MOST_LINKS:
                return f"{part} is a link of someone else"
            target = reached / part.readlink()
            waiting += reversed(target.parts[1:])
            reached = Path(target.anchor)
            continue
        reached = part
        reason = _distrust_part(reached, is_last=not waiting)
    return reason


def _distrust_part(part: Path, *, is_last: bool) -> str:
    """Return why one directory of a path is not trusted."""
    status = part.stat()
    if not stat.S_ISDIR(status.st_mode):
        return f"{part} is not a directory"
    if not _is_trusted_owner(status.st_uid):
        return f"{part} belongs to another user"
    is_shared = bool(status.st_mode & stat.S_IWOTH) or (
        bool(status.st_mode & stat.S_IWGRP) and not _is_private_group(status.st_gid)
    )
    # in a sticky directory, such as /tmp, only the owner can rename or remove
    if is_shared and (is_last or not status.st_mode & stat.S_ISVTX):
        return f"others may write into {part}"
    return ""


def _is_trusted_owner(user: int) -> bool:
    """Whether a user is this one, or the one who may do anything."""
    return user in (0, _effective_user())


def _effective_user() -> int:
    get: Any = getattr(os, "geteuid", int)
    return int(get())


def _is_private_group(group: int) -> bool:
    """Whether a group is that of this user alone, as many Linux systems make one for each."""
    user = _effective_user()
    if not user:
        return False
    try:
        import grp
        import pwd

        entry, account = grp.getgrgid(group), pwd.getpwuid(user)
    except (ImportError, KeyError):
        return False
    members = set(entry.gr_mem) - {account.pw_name}
    return entry.gr_name == account.pw_name and account.pw_gid == group and not members


def is_trusted_file(file: BinaryIO) -> bool:
    """Return whether no other user can have written an open file.

    Parameters
    ----------
    file : BinaryIO
        A file of ``open_file``.

    Returns
    -------
    bool
        False if it belongs to someone else, or others may write it.
    """
    if sys.platform == "win32":
        return True
    status = os.fstat(file.fileno())
    return _is_trusted_owner(status.st_uid) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
