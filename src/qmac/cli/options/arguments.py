"""The directory of a run or result, which several commands take as their argument."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qmac._checks import check_path
from qmac.errors import ResultError
from qmac.storage.files import is_file, resolve_typed


def check_directory(path: Path) -> Path:
    """Return the path of a directory that exists.

    Parameters
    ----------
    path : Path
        What the command line names.

    Returns
    -------
    Path
        With ``~`` expanded and links followed.

    Raises
    ------
    ResultError
        If there is no such directory.
    """
    path = check_path("DIR", path, ResultError)
    if path.is_dir():
        return resolve_typed(path)
    reason = "is a file, not a directory" if path.exists() else "does not exist"
    raise ResultError(
        f"{path} {reason}. Name a directory that 'qmac optimize --out' wrote; "
        "'qmac runs' lists them."
    )


def check_answer(path: Path) -> Path:
    """Return the path of a directory, or of the file of an answer.

    Parameters
    ----------
    path : Path
        What the command line names.

    Returns
    -------
    Path
        A file such as luck.json, or what ``check_directory`` returns.

    Raises
    ------
    ResultError
        If it is neither.
    """
    if is_file(check_path("DIR", path, ResultError)):
        from qmac.results.reader import find_answer

        file = find_answer(resolve_typed(path))
        if file is not None:
            return file
    return check_directory(path)


Directory = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A directory that 'qmac optimize --out' wrote.",
        callback=check_directory,
    ),
]
