"""A copy of a run in another directory: whole, or nothing of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from qmac._checks import check_path
from qmac.runs.header import HEADER
from qmac.storage.atomic import write_whole
from qmac.storage.directories import check_writable
from qmac.storage.files import (
    is_directory,
    list_names,
    make_directories,
    make_directory,
    move,
    open_file,
    remove_directory,
    remove_tree,
    sync,
)
from qmac.storage.lock import LOCK
from qmac.storage.refusals import describe_refusal

CHUNK_BYTES = 1 << 20


def copy_run(source: Path, out: str | Path) -> Path:
    """Copy a run into a new or empty directory.

    Parameters
    ----------
    source : Path
        The directory of a run that no process writes.
    out : str or Path
        The new directory.

    Returns
    -------
    Path
        The new directory, absolute: a run as ``--out`` writes it, without hidden files.

    Raises
    ------
    ResultError
        If there is something in the new directory, or it cannot be one.
    WriteError
        If the disk refuses a file; nothing of the copy is left.
    """
    target = check_writable(check_path("out", out, is_new=True))
    scratch = target.parent / f".{target.name}-{os.getpid()}"
    try:
        make_directories(target.parent)
        remove_tree(scratch)  # of a killed process of this number
        _copy_directory(source, scratch)
        _move_directory(scratch, target)
        sync(target.parent)
    except BaseException as error:
        with suppress(OSError):
            remove_tree(scratch)
        if isinstance(error, OSError):
            raise describe_refusal(target, error) from None
        raise
    return target


def _copy_directory(source: Path, target: Path) -> None:
    """Copy the files and directories of a run; a link is refused."""
    make_directory(target)
    for name in list_names(source):
        if name.startswith(".") or name == LOCK:
            continue
        if is_directory(source / name):
            _copy_directory(source / name, target / name)
        else:
            write_whole(target / name, _read_parts(source / name))


def _read_parts(path: Path) -> Iterator[bytes]:
    with open_file(path) as file:
        while part := file.read(CHUNK_BYTES):
            yield part


def _move_directory(scratch: Path, target: Path) -> None:
    """Give a directory its name; one that is there, maybe a shell's, stays the same."""
    if not is_directory(target):
        move(scratch, target)
        return
    for name in sorted(list_names(scratch), key=lambda name: name == HEADER):  # then it is a run
        move(scratch / name, target / name)
    remove_directory(scratch)
