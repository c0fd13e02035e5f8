"""Window lengths: checked, read from text and written as text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from qmac._checks import describe, read_integer
from qmac.errors import GridError

WINDOWS_BELOW = 2**31
MOST_WINDOWS = 1_000_000
SHOWN_WINDOWS = 8
"""Longer lists that are no range are written with an ellipsis."""


def parse_windows(text: str, name: str = "windows") -> tuple[int, ...]:
    """Return the windows that a text names.

    Parameters
    ----------
    text : str
        Inclusive ranges such as ``2:252`` and ``2:252:5``, and single windows, with commas between.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    tuple of int
        Windows in ascending order, each once.

    Raises
    ------
    GridError
        If the text has another form, or a window is not a positive whole number.

    Examples
    --------
    >>> parse_windows("2:12:5,9")
    (2, 7, 9, 12)
    """
    windows: list[int] = []
    for part in text.split(","):
        try:
            windows += _parse_part(part, text)
        except GridError as error:
            raise GridError(f"{_name(name)}: {error}") from None
    return check_windows(name, windows)


def _parse_part(part: str, text: str) -> Iterable[int]:
    """Return the windows of one range, or one window."""
    try:
        numbers = [int(number) for number in part.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return numbers
    if len(numbers) not in (2, 3):
        raise GridError(
            f"{describe(part)} in {describe(text)} is no range of windows. "
            "Use 2:252, 2:252:5 or 5,10."
        )
    first, last, step = (*numbers, 1)[:3]
    if step < 1 or first > last:
        raise GridError(
            f"{describe(part)} is an empty range. Use first:last or first:last:step, upwards."
        )
    if (last - first) // step > MOST_WINDOWS:
        raise GridError(f"{describe(part)} has more than a million windows. Use a shorter range.")
    return range(first, last + 1, step)


def format_windows(windows: tuple[int, ...]) -> str:
    """Return windows as text, a range where they are one.

    Parameters
    ----------
    windows : tuple of int
        Windows in ascending order.

    Returns
    -------
    str
        A text that ``parse_windows`` reads, but for long lists, which have an ellipsis.

    Examples
    --------
    >>> format_windows((2, 7, 12)), format_windows((5, 10, 50))
    ('2:12:5', '5,10,50')
    """
    if len(windows) > 2:
        first, last = windows[0], windows[-1]
        step = windows[1] - first
        if windows == tuple(range(first, last + 1, step)):
            return f"{first}:{last}:{step}" if step > 1 else f"{first}:{last}"
        if len(windows) > SHOWN_WINDOWS:
            return f"{first},{windows[1]},...,{last} ({len(windows)})"
    return ",".join(map(str, windows))


def check_windows(name: str, windows: Iterable[int] | str) -> tuple[int, ...]:
    """Return windows in ascending order, each once.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    windows : iterable of int or str
        Window lengths in bars; a text as ``parse_windows`` takes it; or a single number.

    Returns
    -------
    tuple of int
        At least one window.

    Raises
    ------
    GridError
        If there is none, or one is not a positive whole number.
    """
    if isinstance(windows, str):
        return parse_windows(windows, name)
    is_single = getattr(windows, "ndim", 1) == 0 or isinstance(windows, int | float)
    listed = [windows] if is_single else list_windows(windows)
    if listed is None:
        raise GridError(
            f"{_name(name)} must be whole numbers of bars, got {describe(windows)}. "
            "Use a list or a range."
        )
    if len(listed) > MOST_WINDOWS:
        raise GridError(f"{_name(name)} are more than a million. Use a shorter range.")
    checked = {check_window(name, window) for window in listed}
    if not checked:
        raise GridError(f"{name} is empty. Use at least one window, such as range(2, 253).")
    return tuple(sorted(checked))


def list_windows(windows: Any) -> list[Any] | None:
    """Return an iterable as a list, its items unchecked.

    Parameters
    ----------
    windows : iterable of int
        No text, no mapping and no table, which are iterables of something else.

    Returns
    -------
    list or None
        Of a million items and one at most; None for what is no such iterable.
    """
    if isinstance(windows, tuple | list):
        return list(windows)
    is_other = isinstance(windows, str | bytes | bytearray | memoryview | Mapping | type)
    is_table = getattr(windows, "ndim", 1) != 1
    if is_other or is_table or not isinstance(windows, Iterable):
        return None
    return list(islice(windows, MOST_WINDOWS + 1))


def check_window(name: str, window: Any) -> int:
    """Return a window length as an int.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    window : int
        Any integer type; no bool.

    Returns
    -------
    int
        At least 1 and below 2**31.

    Raises
    ------
    GridError
        If it is anything else.
    """
    number = read_integer(window)
    if number is None:
        raise GridError(f"{_name(name)} must be whole numbers of bars, got {describe(window)}.")
    if not 1 <= number < WINDOWS_BELOW:
        raise GridError(
            f"{_name(name)} must be in [1, 2**31), got {describe(number)}. Use 1 bar or more."
        )
    return number


def has_window(windows: tuple[int, ...], window: int) -> bool:
    """Return whether a window is among others.

    Parameters
    ----------
    windows : tuple of int
        Windows in ascending order.
    window : int
        The one to look for, in O(log W) steps.

    Returns
    -------
    bool
        True if it is.
    """
    place = bisect_left(windows, window)
    return place < len(windows) and windows[place] == window


def _name(name: str) -> str:
    """Return how an error calls the windows of a parameter."""
    return name if name == "windows" else f"windows of {name}"
