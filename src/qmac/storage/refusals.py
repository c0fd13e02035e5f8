"""What the system refuses: a mistake of the user, or a fault of the disk or another limit."""

from __future__ import annotations

import errno
import os

from qmac.errors import WriteError
from qmac.storage.files import RefusedFileError

MISTAKES = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EILSEQ,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
    }
)
"""Errors that another name avoids; any other is a fault, whatever the name."""
SPACE = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
OPEN_FILES = frozenset({errno.EMFILE, errno.ENFILE})


def is_fault(error: BaseException) -> bool:
    """Return whether an error is a fault of the machine, which no other name avoids.

    Parameters
    ----------
    error : BaseException
        Any error. Readers of Parquet raise OSError without a number for a damaged file.

    Returns
    -------
    bool
        True for a full disk, a disk that fails, too many open files, or no memory.

    Examples
    --------
    >>> is_fault(OSError(errno.EIO, "")), is_fault(OSError(errno.ENOENT, "")), is_fault(OSError(""))
    (True, False, False)
    """
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in MISTAKES
    return isinstance(error, MemoryError)


def describe_refusal(path: object, error: OSError, kind: str = "directory") -> WriteError:
    """Return the error for a place where something could not be written.

    Parameters
    ----------
    path : object
        The place, as a message names it.
    error : OSError
        What the system said.
    kind : str
        What the place is: ``"directory"`` or ``"file"``.

    Returns
    -------
    WriteError
        With what helps against a fault of the machine.

    Examples
    --------
    >>> print(describe_refusal("out", OSError(errno.ENOSPC, "")))
    out cannot be written: No space left on device. Make room, or name another directory.
    """
    number = error.errno
    reason = os.strerror(number) if number else str(error).removesuffix(".")
    if isinstance(error, RefusedFileError):
        reason = str(error.strerror)
    another = f"name another {kind}"
    if number in OPEN_FILES:
        advice = "Allow more of them: ulimit -n"
    elif number in SPACE:
        advice = f"Make room, or {another}"
    elif is_fault(error):
        advice = f"See to the disk, or {another}"
    else:
        advice = another.capitalize()
    return WriteError(f"{path} cannot be written: {reason}. {advice}.")
