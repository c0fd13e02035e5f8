"""What a reader took from a file or a frame, for everybody who looks at the prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qmac.errors import printable

MOST_NOTES, LONGEST_NOTE, LONGEST_NAME = 20, 500, 60
"""Warnings about one series, and characters of each and of a column's name, that are kept: they
repeat text of files."""


MOST_METADATA = 1 << 17
"""Bytes; JSON takes six for a character that is not ASCII."""
METADATA = b"qmac.origin"
"""Key of the metadata of a Parquet file that qmac wrote."""


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

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return what a Parquet file of the bars says of it.

        Returns
        -------
        dict of bytes to bytes
            Of limited size.
        """
        values = self.to_dict() | {
            "notes": [shorten_note(note) for note in self.notes[:MOST_NOTES]],
            "left_out": {role: shorten_note(reason) for role, reason in self.left_out.items()},
        }
        return {METADATA: json.dumps(values).encode()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> Origin | None:
        """Return what the metadata of a Parquet file say, which is not trusted.

        Parameters
        ----------
        metadata : mapping of bytes to bytes, optional
            Of its schema.

        Returns
        -------
        Origin or None
            None where qmac has not written it, or it is damaged.
        """
        text = (metadata or {}).get(METADATA, b"")
        if not 0 < len(text) <= MOST_METADATA:
            return None
        try:
            values = json.loads(text)
            layout, close = (
                shorten_note(_check(values[each], str), LONGEST_NAME)
                for each in ("layout", "close")
            )
            notes = [shorten_note(_check(each, str)) for each in _check(values["notes"], list)]
            reasons = _check(values["left_out"], dict)
            left_out = {role: shorten_note(_check(reasons[role], str)) for role in reasons}
            adjusted = values["adjusted"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        if adjusted not in (True, False, None) or len(left_out) > MOST_NOTES:
            return None
        layout, close = (shorten_note(each, LONGEST_NAME) for each in (layout, close))
        return cls(layout, close, adjusted, tuple(notes[:MOST_NOTES]), left_out)


def _check(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


FRAME = Origin()
"""Of bars that no reader has looked at."""
