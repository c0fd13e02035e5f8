"""Checks of plain arguments, for every layer."""

from __future__ import annotations

from qmac.errors import OptionError


def check_count(name: str, value: int, least: int, most: int = 2**31 - 1) -> int:
    """Return a whole number within bounds as an int.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : int
        Any integer type; no bool.
    least, most : int
        Bounds, both allowed.

    Returns
    -------
    int
        ``int(value)``.

    Raises
    ------
    OptionError
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
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise OptionError(f"{name} must be a whole number, got {value!r}.")
    if value < least:
        raise OptionError(f"{name} must be at least {least}, got {value}.")
    if value > most:
        raise OptionError(f"{name} must be at most {most}, got {value}.")
    return int(value)
