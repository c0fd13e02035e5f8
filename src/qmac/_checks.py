"""Checks of plain arguments, for every layer.

Each returns the value in its plain type, or raises an error that names the argument and the value.
NumPy's scalars count as what they hold; text never counts as a number, nor a bool as an integer.
"""

from __future__ import annotations

import math
import operator
import os
import re
import reprlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Real
from pathlib import Path, PurePath
from typing import Any, TypeVar

from qmac.errors import InputError, OptionError, printable, suggestion

Value = TypeVar("Value")
SHOWN_CHARACTERS = 80
"""Of a value in a message."""
LONG_INT = 10**SHOWN_CHARACTERS
LONGEST_PATH = 32_767
"""Characters; no system takes more."""
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+")
"""How ``http://``, ``s3://`` and ``file://`` begin; a path has lost the second slash. One letter is
a drive."""


def describe(value: object) -> str:
    """Return a value as a message shows it: in one short line, whatever it is.

    Parameters
    ----------
    value : object
        What a user passed.

    Returns
    -------
    str
        Its ``repr``, shortened; the type where that says no more, or is a long text.

    Examples
    --------
    >>> describe("no"), describe(float), describe(10**400)
    ("'no'", 'the class float', 'an int of 1329 bits')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, int) and abs(value) >= LONG_INT:
        return f"an int of {value.bit_length()} bits"
    try:
        text = _REPR.repr(str(value) if isinstance(value, PurePath) else value)
    except Exception:  # it is the user's, or a list that holds an int of too many digits
        text = "<"
    if text.startswith("<") or "\n" in text:  # an object's address, or the rows of a frame
        name = type(value).__name__
        return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
    return printable(text)


def _build_repr() -> reprlib.Repr:
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = shown.maxlong = SHOWN_CHARACTERS
    return shown


_REPR = _build_repr()


def check_count(
    name: str,
    value: Any,
    least: int,
    most: int = 2**31 - 1,
    error: type[InputError] = OptionError,
) -> int:
    """Return a whole number within bounds as an int.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : int
        Any integer type; no bool.
    least, most : int
        Bounds, both allowed.
    error : type
        What is raised.

    Returns
    -------
    int
        ``int(value)``.

    Raises
    ------
    InputError
        If it is not a whole number, or outside the bounds.

    Examples
    --------
    >>> check_count("top", 20, 1)
    20
    >>> check_count("top", 0, 1)
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: top must be at least 1, got 0.
    """
    number = read_integer(value)
    if number is None:
        raise error(f"{name} must be a whole number, got {describe(value)}.")
    if number < least:
        raise error(f"{name} must be at least {least}, got {describe(number)}.")
    if number > most:
        raise error(f"{name} must be at most {most}, got {describe(number)}.")
    return number


def read_integer(value: Any) -> int | None:
    """Return a value of an integer type as an int, None for any other.

    Parameters
    ----------
    value : object
        What a user passed.

    Returns
    -------
    int or None
        None for a bool, for an array, and for what has no index.
    """
    if type(value) is int:  # a million combinations have four million windows
        return value
    if isinstance(value, bool) or getattr(value, "ndim", 0) != 0 or _dtype_kind(value) == "b":
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_number(name: str, value: Any, error: type[InputError] = OptionError) -> float:
    """Return a real number as a float; it may be infinite or NaN.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : float
        Any real type; no bool and no text.
    error : type
        What is raised.

    Returns
    -------
    float
        ``float(value)``; infinite for an int that no float holds.

    Raises
    ------
    InputError
        If it is not a number.

    Examples
    --------
    >>> check_number("fees", 1), check_number("fees", -(10**400))
    (1.0, -inf)
    >>> check_number("fees", "0.001")
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: fees must be a number, got '0.001'.
    """
    if not is_number(value):
        raise error(f"{name} must be a number, got {describe(value)}.")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a signalling NaN of decimal
        return math.nan


def is_number(value: Any) -> bool:
    """Return whether a value is a real number: no bool, no text, no array, no time.

    Parameters
    ----------
    value : object
        What a user passed.

    Returns
    -------
    bool
        True for infinities and NaN, too.
    """
    if hasattr(value, "dtype"):  # NumPy calls a timedelta an integer, too
        return _dtype_kind(value) in "iuf" and getattr(value, "ndim", 1) == 0
    return isinstance(value, Real | Decimal) and not isinstance(value, bool)


def check_flag(name: str, value: Any, error: type[InputError] = OptionError) -> bool:
    """Return a bool, which nothing else is taken for.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : bool
        True or False, also as NumPy has them.
    error : type
        What is raised.

    Returns
    -------
    bool
        ``bool(value)``.

    Raises
    ------
    InputError
        If it is anything else, such as None or the text "False".

    Examples
    --------
    >>> check_flag("maximize", "False")
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: maximize must be True or False, got 'False'.
    """
    is_numpy = _dtype_kind(value) == "b" and getattr(value, "ndim", 1) == 0
    if not isinstance(value, bool) and not is_numpy:
        raise error(f"{name} must be True or False, got {describe(value)}.")
    return bool(value)


def _dtype_kind(value: Any) -> str:
    """Return the kind of NumPy's type of a value, "?" for what has none."""
    return getattr(getattr(value, "dtype", None), "kind", "?")


def check_choice(
    name: str, value: Any, known: Iterable[str], error: type[InputError] = OptionError
) -> str:
    """Return a text that must be one of some names.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : str
        One of the names.
    known : iterable of str
        The names.
    error : type
        What is raised.

    Returns
    -------
    str
        The same text.

    Raises
    ------
    InputError
        If it is none of them; the message has the nearest one, or all.

    Examples
    --------
    >>> check_choice("fill", "next_opn", ["close", "next_open"])
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: fill 'next_opn' is not known. Did you mean 'next_open'?
    """
    names = list(known)
    if not isinstance(value, str) or value not in names:
        shown = describe(value)
        wanted = value if isinstance(value, str) else shown
        raise error(f"{name} {shown} is not known. {suggestion(wanted, names)}")
    return value


def check_text(name: str, value: Any, error: type[InputError] = OptionError) -> str:
    """Return a text that is not empty.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : str
        A text.
    error : type
        What is raised.

    Returns
    -------
    str
        The same text.

    Raises
    ------
    InputError
        If it is no text, or empty.
    """
    if not isinstance(value, str) or not value:
        raise error(f"{name} must be a text that is not empty, got {describe(value)}.")
    return value


def check_instance(
    name: str,
    value: Any,
    kind: type[Value],
    advice: str,
    error: type[InputError] = OptionError,
) -> Value:
    """Return a value that must be of a class of qmac.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : object
        An instance of the class.
    kind : type
        The class.
    advice : str
        What to write, a sentence.
    error : type
        What is raised.

    Returns
    -------
    object
        The same value.

    Raises
    ------
    InputError
        If it is of another class.
    """
    if not isinstance(value, kind):
        shown = describe(value) if isinstance(value, type) else type(value).__name__
        raise error(f"{name} must be qmac.{kind.__name__}, got {shown}. {advice}")
    return value


def check_callable(name: str, value: Any) -> Callable[..., Any] | None:
    """Return a function, or None for no function.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : callable or None
        Anything that can be called; no class.

    Returns
    -------
    callable or None
        The same value.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if value is not None and (isinstance(value, type) or not callable(value)):
        raise OptionError(f"{name} must be a function or None, got {describe(value)}.")
    return value  # type: ignore[no-any-return]


def check_path(
    name: str, value: Any, error: type[InputError] = OptionError, *, is_new: bool = False
) -> Path:
    """Return a path of this machine, with the home directory for ``~``.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : str or Path
        A path; no address such as ``s3://bucket``, which qmac neither reads nor writes.
    error : type
        What is raised.
    is_new : bool
        Whether something is to be written there. ``Path("")``, which would be the working
        directory, is refused then; the text ``"."`` names it.

    Returns
    -------
    Path
        The path; it need not exist.

    Raises
    ------
    InputError
        If it is no path, is empty, or names a home directory that is not known.

    Examples
    --------
    >>> check_path("out", "")
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: out must be a path, got ''. Use a text such as 'runs/first'.
    >>> check_path("prices", "https://example.com/spy.csv")
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: prices must be a path on this machine, got the address \
'https://example.com/spy.csv'. qmac opens no address; download it first.
    """
    text = _read_path(value)
    is_nothing = is_new and isinstance(value, PurePath) and not value.parts
    if not text.strip() or is_nothing:
        raise error(
            f"{name} must be a path, got {describe(value)}. Use a text such as 'runs/first'."
        )
    if ADDRESS.match(text):
        raise error(
            f"{name} must be a path on this machine, got the address "
            f"{describe(ADDRESS.sub(_add_slash, text))}. qmac opens no address; download it first."
        )
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise error(
            f"{name} {describe(text)} names a home directory that is not known. Write it in full."
        ) from None


def _add_slash(match: re.Match[str]) -> str:
    return f"{match[0].rstrip('/')}//"


def _read_path(value: Any) -> str:
    """Return the text of a path that a file system may have; empty for anything else."""
    try:
        text = os.fspath(value)
        os.fsencode(text)
    except (TypeError, UnicodeError):  # half of a pair of surrogates is in no name of a file
        return ""
    is_path = isinstance(text, str) and "\0" not in text and len(text) <= LONGEST_PATH
    return text if is_path else ""
