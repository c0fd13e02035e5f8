"""What can go wrong, as a tree.

::

    QmacError
    |- InputError(ValueError)         the user can mend it; exit code 2 on the command line
    |  |- PricesError                 a file or frame of prices
    |  |- GridError                   windows and ranges
    |  |- RulesError                  costs, fills, conflicts, periods
    |  |- OptionError                 objective, top, threads, ...
    |  `- ResultError                 a directory of results or of a run
    |     `- WriteError               that cannot be written; exit code 74
    |- Stopped                        a run that ended before it was done, by its limits; exit code 75
    `- InternalError                  the books do not balance: a defect of qmac

A message names the value, the cause and the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QmacError(Exception):
    """Base of all errors that qmac raises on purpose."""


class InputError(QmacError, ValueError):
    """Something that was given cannot be used; the message says what to change."""


class PricesError(InputError):
    """Prices that cannot be backtested."""


class GridError(InputError):
    """Windows that give no grid."""


class RulesError(InputError):
    """Trading rules outside what is defined."""


class OptionError(InputError):
    """An option of a run outside what is defined."""


class ResultError(InputError):
    """A directory that cannot be read as a result, or cannot be written."""


class WriteError(ResultError):
    """A file that the system would not write, such as on a full disk."""


class Stopped(QmacError):
    """A limit ended the run before it was done; with a directory, it can be resumed."""


class InternalError(QmacError):
    """A promise of qmac did not hold; please report it."""


def suggestion(value: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' if something known is near, else the list of what is known."""
    names = list(known)
    lowered = {name.lower(): name for name in names}
    wanted = str(value).strip().lower()
    near = difflib.get_close_matches(wanted, lowered, n=1) or [
        name for name in lowered if len(wanted) > 1 and name.startswith(wanted)
    ]
    if near:
        return f"Did you mean {lowered[near[0]]!r}?"
    return f"Known: {', '.join(names)}."


def printable(text: object) -> str:
    """A text of somebody else's, in which nothing moves the cursor of a terminal or begins a line of its own.

    >>> printable("0.2\x1b[2J")
    '0.2?[2J'
    """
    return "".join(character if character.isprintable() else "?" for character in str(text))
