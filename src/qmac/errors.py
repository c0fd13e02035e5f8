"""The exceptions of qmac, as a tree, and the wording that messages share.

::

    QmacError
    |- InputError(ValueError)         the user can fix it; exit code 2 on the command line
    |  |- PricesError                 a file or frame of prices
    |  |  `- SourceError              a source of prices, such as yahoo, that gives none
    |  |     `- SourceBusyError       that may give them later
    |  |- GridError                   windows and ranges
    |  |- RulesError                  costs, fills, conflicts, periods
    |  |- OptionError                 objective, top, threads, ...
    |  |  |- SymbolError(KeyError)    a symbol without a result
    |  |  `- OutOfMemoryError(MemoryError)  refused before memory was allocated for it
    |  `- ResultError                 a directory of results or of a run
    |     `- WriteError               that cannot be written; exit code 74
    |- Stopped                        a run that a limit ended early; exit code 75
    |  `- UnsavedError(WriteError)    whose last snapshot could not be written; exit code 74
    `- InternalError                  counts that do not add up: a defect of qmac

A message names the subject, its value, the constraint and the next step.

Text of untrusted origin (names, files' content, other libraries' messages) leaves a message through
``printable`` or ``printable_lines``: as the text of a ``QmacError``, as a warning of ``warn``, as a
word of a command by ``shell_quote``, and on the streams of the command line (``cli.streams``).
"""

from __future__ import annotations

import difflib
import shlex
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class QmacError(Exception):
    """Base class of the errors that qmac raises on purpose; its text is one printable line."""

    def __str__(self) -> str:
        return printable(Exception.__str__(self))  # that of a KeyError adds quotes


class InputError(QmacError, ValueError):
    """Invalid input. The message names the value, the constraint and the next step."""


class PricesError(InputError):
    """Invalid prices: a file, a frame, or a value in one."""


class SourceError(PricesError):
    """A source of prices, such as yahoo, that gives no prices of a symbol."""


class SourceBusyError(SourceError):
    """A source that may answer later: no network, too many requests, a fault of its server."""


class GridError(InputError):
    """Invalid windows, or windows that allow no combination."""


class RulesError(InputError):
    """Invalid trading rules."""


class OptionError(InputError):
    """An invalid option of a run."""


class SymbolError(OptionError, KeyError):
    """A symbol without a result."""


class OutOfMemoryError(OptionError, MemoryError):
    """Something that does not fit into memory; none was allocated for it."""


class ResultError(InputError):
    """A directory that is not a result, or could not be read or written.

    Parameters
    ----------
    reason : object
        What is wrong.
    advice : str
        The next step, which a command leaves out where it takes that step itself.
    """

    def __init__(self, reason: object = "", advice: str = "") -> None:
        super().__init__(f"{reason} {advice}" if advice else reason)
        self.reason = printable(reason)


class WriteError(ResultError):
    """A file that could not be written, as on a full disk."""


class Stopped(QmacError):
    """A run that a limit ended early. One with a directory can be resumed.

    Attributes
    ----------
    results : Results or None
        Of the symbols that were done before; None where there is one question, such as of luck.
    """

    results: Any = None


class UnsavedError(Stopped, WriteError):
    """A run that a limit ended early, and whose last snapshot could not be written."""


class PricesWarning(UserWarning):
    """Something odd in prices that are valid."""


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


class _Characters(dict[int, str]):
    """Characters by their code, as ``str.translate`` looks them up, with ``?`` for some."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = character if character.isprintable() else "?"
        return self[code]


_LINE = _Characters()
_LINES = _Characters({ord(character): character for character in "\n\t"})


def printable(text: object) -> str:
    """Return a text without the characters that move a terminal's cursor or begin a line.

    Parameters
    ----------
    text : object
        Text of untrusted origin, such as a file's name or content.

    Returns
    -------
    str
        ``str(text)`` with a question mark for each character that cannot be printed: control
        characters, line breaks, marks that change the direction of writing, lone surrogates.

    Examples
    --------
    >>> printable("0.2\x1b[2J")
    '0.2?[2J'
    """
    return _translate(str(text), _LINE)


def printable_lines(text: str) -> str:
    r"""Return a text of several lines as ``printable`` does, with its line breaks and tabs.

    Parameters
    ----------
    text : str
        Text of untrusted origin.

    Returns
    -------
    str
        The text, which ends where it ended.

    Examples
    --------
    >>> printable_lines("a\tb\x07\n")
    'a\tb?\n'
    """
    return _translate(text, _LINES)


def _translate(text: str, characters: _Characters) -> str:
    return text if text.isprintable() else text.translate(characters)


def shell_quote(word: object) -> str:
    r"""Return a word of a shell's command that can be printed and pasted.

    Parameters
    ----------
    word : object
        Text or path.

    Returns
    -------
    str
        As ``shlex.quote`` does; a word that cannot be printed has its bytes in ``$'...'``, which
        Bash, Zsh and POSIX of 2024 read.

    Examples
    --------
    >>> print(shell_quote("my runs"), shell_quote("a\x1bb"))
    'my runs' $'a\x1bb'
    """
    text = str(word)
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_shell_escape, text))}'"


def _shell_escape(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    is_raw_byte = "\udc80" <= character <= "\udcff"  # of a file's name that is not UTF-8
    encoded = character.encode("utf-8", "surrogateescape" if is_raw_byte else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in encoded)


def warn(message: object, category: type[Warning] = UserWarning, stacklevel: int = 1) -> None:
    """Issue a warning whose text is one printable line.

    Parameters
    ----------
    message : object
        Text, which may be of untrusted origin.
    category : type, default UserWarning
        Class of the warning.
    stacklevel : int, default 1
        Whose line is named: 1 for that of the caller, as in ``warnings.warn``.
    """
    collected = _COLLECTED.get()
    if collected is None:
        warnings.warn(printable(message), category, stacklevel=stacklevel + 1)
    else:
        collected.append(printable(message))


_COLLECTED: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collect what this thread warns of, to issue it elsewhere.

    ``warnings.catch_warnings`` is one for all threads.

    Yields
    ------
    list of str
        Texts of the warnings so far, in order.
    """
    texts: list[str] = []
    token = _COLLECTED.set(texts)
    try:
        yield texts
    finally:
        _COLLECTED.reset(token)
