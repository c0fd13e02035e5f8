"""What the system refuses: a mistake of the user, or a fault of the disk or another limit."""

from __future__ import annotations

import errno
import json
import os
import zipfile
import zlib
from pathlib import Path

from qmac.errors import InputError, WriteError, printable
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


def describe_damage(error: Exception) -> str:
    """Return in words what is wrong with a file that could not be read as what qmac writes.

    Parameters
    ----------
    error : Exception
        What a reader raised.

    Returns
    -------
    str
        One printable line without a full stop.

    Examples
    --------
    >>> describe_damage(KeyError("prices")), describe_damage(EOFError())
    ("it has no entry 'prices'", 'it is cut off, or bytes of it were changed')
    """
    text = printable(error).strip().removesuffix(".")
    if isinstance(error, OSError) and error.strerror:
        reason = printable(error.strerror)
        name = printable(Path(os.fsdecode(error.filename)).name) if error.filename else ""
        is_named = not name or name in reason
        return reason if is_named else f"{name}: {reason}"
    if isinstance(error, KeyError) and not isinstance(error, InputError):
        return f"it has no entry {text}"
    if isinstance(error, json.JSONDecodeError | UnicodeError | RecursionError):
        return "its text is not what qmac writes"
    if isinstance(error, EOFError | zlib.error | zipfile.BadZipFile):
        return "it is cut off, or bytes of it were changed"
    if isinstance(error, ValueError | OSError) and text:
        return text
    return "its content is not what qmac writes"


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
