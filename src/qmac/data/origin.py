"""What a reader took from a file or a frame, for everybody who looks at the prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qmac.errors import printable

MOST_NOTES, LONGEST_NOTE, LONGEST_NAME = 20, 500, 60
"""Warnings about one series, and characters of each and of a column's name, that are kept: they
repeat text of files."""


def shorten_note(text: str, most: int = LONGEST_NOTE) -> str:
    """Return a text of a file as a printable line of limited length.

    Parameters
    ----------
    text : str
        Text of untrusted origin.
    most : int
        Characters of the line.

    Returns
    -------
    str
        It ends in three dots where it was longer.
    """
    return printable(text if len(text) <= most else f"{text[: most - 3]}...")


@dataclass(frozen=True)
class Origin:
    """What was read, and how."""

    layout: str = "frame"
    """Name of the layout, see ``data.layouts``."""
    close: str = "Close"
    """Column that the closes were taken from."""
    adjusted: bool | None = None
    """Whether splits and dividends are taken out of the closes; None where nothing says so."""
    notes: tuple[str, ...] = ()
    """Warnings of the reader, each a sentence."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why a column of the file was not taken, by its usual name."""

    def add_notes(self, *notes: str) -> Origin:
        """Return the origin with more warnings.

        Parameters
        ----------
        *notes : str
            Sentences.

        Returns
        -------
        Origin
            Each note once, in order.
        """
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON says of it.

        Returns
        -------
        dict
            ``layout``, ``close`` and ``adjusted``.
        """
        close = shorten_note(self.close, LONGEST_NAME)
        return {"layout": self.layout, "close": close, "adjusted": self.adjusted}


FRAME = Origin()
"""Of bars that no reader has looked at."""
