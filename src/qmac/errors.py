"""The exceptions of qmac, as a tree, and the wording that messages share.

::

    QmacError
    |- InputError(ValueError)         the user can fix it; exit code 2 on the command line
    |  |- PricesError                 a file or frame of prices
    |  |- GridError                   windows and ranges
    |  |- RulesError                  costs, fills, conflicts, periods
    |  |- OptionError                 objective, top, threads, ...
    |  `- ResultError                 a directory of results or of a run
    |     `- WriteError               that cannot be written; exit code 74
    |- Stopped                        a run that a limit ended early; exit code 75
    `- InternalError                  counts that do not add up: a defect of qmac

A message names the subject, its value, the constraint and the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QmacError(Exception):
    """Base class of the errors that qmac raises on purpose."""


class InputError(QmacError, ValueError):
    """Invalid input. The message names the value, the constraint and the next step."""


class PricesError(InputError):
    """Invalid prices: a file, a frame, or a value in one."""


class GridError(InputError):
    """Invalid windows, or windows that allow no combination."""


class RulesError(InputError):
    """Invalid trading rules."""


class OptionError(InputError):
    """An invalid option of a run."""


class ResultError(InputError):
    """A directory that is not a result, or could not be read or written."""


class WriteError(ResultError):
    """A file that could not be written, as on a full disk."""


class Stopped(QmacError):
    """A run that a limit ended early. One with a directory can be resumed."""


class InternalError(QmacError):
    """A defect of qmac; please report it."""


def suggestion(value: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?" if a known name is near, else the list of known names.

    Parameters
    ----------
    value : str
        The name that is not known.
    known : iterable of str
        Names that are.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> suggestion("sharp", ["sharpe_ratio", "win_rate"])
    "Did you mean 'sharpe_ratio'?"
    >>> suggestion("x", ["sharpe_ratio", "win_rate"])
    'Known: sharpe_ratio, win_rate.'
    """
    names = list(known)
    name_by_lower = {name.lower(): name for name in names}
    wanted = str(value).strip().lower()
    near = difflib.get_close_matches(wanted, name_by_lower, n=1)
    if not near and len(wanted) > 1:
        near = [name for name in name_by_lower if name.startswith(wanted)]
    if near:
        return f"Did you mean {name_by_lower[near[0]]!r}?"
    return f"Known: {', '.join(names)}."


def unknown(name: str, value: object, known: Iterable[str]) -> str:
    """Return the message of an option whose value is none of the known names.

    Parameters
    ----------
    name : str
        The option.
    value : object
        Its value.
    known : iterable of str
        Names that it takes.

    Returns
    -------
    str
        The value, and the nearest name or all of them.

    Examples
    --------
    >>> unknown("fill", "next_opn", ["close", "next_open"])
    "fill 'next_opn' is not known. Did you mean 'next_open'?"
    """
    return f"{name} {value!r} is not known. {suggestion(str(value), known)}"


def printable(text: object) -> str:
    """Return a text without the characters that move a terminal's cursor or begin a line.

    Parameters
    ----------
    text : object
        Text of untrusted origin, such as a file's name or content.

    Returns
    -------
    str
        ``str(text)`` with a question mark for each character that cannot be printed.

    Examples
    --------
    >>> printable("0.2\x1b[2J")
    '0.2?[2J'
    """
    return "".join(character if character.isprintable() else "?" for character in str(text))
