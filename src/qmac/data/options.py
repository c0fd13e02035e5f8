"""Options that say how a price file is read, where it does not show that by itself."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass, field, fields
from typing import Any

from qmac._checks import check_choice, check_flag, check_text, describe
from qmac.errors import OptionError

EPOCHS = ("s", "ms", "us", "ns")
"""Units of whole numbers since 1970, as formats of dates."""
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
"""Separators by the names that a shell takes without quotes."""
DECIMALS = (".", ",")


def _option(help_text: str, default: Any = None, **more: Any) -> Any:
    return field(default=default, metadata={"help": help_text, **more})


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read a price file whose layout is not known, or other than is usual.

    Every option of None leaves to the file what it shows by itself.
    """

    close: str | None = _option("Name of the column of closing prices.")
    date: str | None = _option("Name of the column of dates.")
    columns: str | None = _option(
        "Names of the columns of a file without a header, in order, such as "
        "date,open,high,low,close,volume; - for one that is not needed."
    )
    separator: str | None = _option(
        "What separates the columns: one character, or comma, semicolon, tab, pipe, space."
    )
    decimal: str | None = _option("Decimal mark: a point or a comma.")
    timezone: str | None = _option(
        "Time zone of dates that name none, such as America/New_York; others are converted to it."
    )
    date_format: str | None = _option(
        "Form of the dates, such as %d/%m/%Y, or s, ms, us, ns for numbers since 1970."
    )
    sort: bool = _option("Sort the rows by date.", default=False)
    sheet: str | None = _option("Name of the sheet of an .xlsx file.")
    adjusted: bool = _option(
        "Take the adjusted closes that stand beside the closes, and scale Open, High and Low "
        "with them.",
        default=False,
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.default is False:
                object.__setattr__(self, each.name, check_flag(each.name, value))
            elif value is not None:
                check_text(each.name, value)
        if self.separator is not None:
            mark = SEPARATORS.get(self.separator.lower(), self.separator)
            if len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in '."\n\r':
                raise OptionError(
                    f"separator must be one character or one of {', '.join(SEPARATORS)}, got "
                    f"{describe(self.separator)}. Use tab for tabs."
                )
            object.__setattr__(self, "separator", mark)
        if self.decimal is not None:
            check_choice("decimal", self.decimal, DECIMALS)
        if self.timezone is not None:
            check_zone(self.timezone)
        if self.date_format is not None and not (
            "%" in self.date_format or self.date_format in EPOCHS
        ):
            raise OptionError(
                f"date_format must have parts such as %Y or be one of {', '.join(EPOCHS)}, got "
                f"{describe(self.date_format)}. Use %d/%m/%Y for 31/12/2024."
            )

    @property
    def names_columns(self) -> bool:
        """Whether the columns are those that the options name, whatever the layout."""
        return any(value is not None for value in (self.close, self.date, self.columns))


def check_zone(name: str) -> str:
    """Return the name of a time zone that is known.

    Parameters
    ----------
    name : str
        Such as ``"America/New_York"``.

    Returns
    -------
    str
        The same.

    Raises
    ------
    OptionError
        If no zone has this name.
    """
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise OptionError(
            f"timezone {describe(name)} is not known. Use a name such as America/New_York, "
            "Europe/Berlin or UTC."
        ) from None
    return name


DEFAULT = ReadOptions()
