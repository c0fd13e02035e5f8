"""Checks of plain arguments, for every layer."""

from __future__ import annotations

from qmac.errors import OptionError


def check_count(name: str, value: int, least: int, most: int = 2**31 - 1) -> int:
    """``value`` as an int within bounds."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise OptionError(f"{name} is {value!r}, but must be a whole number.")
    if value < least:
        raise OptionError(f"{name} is {value}, but must be at least {least}.")
    if value > most:
        raise OptionError(f"{name} is {value}, but must be at most {most}.")
    return int(value)
