"""Texts in UTF-8, UTF-16 or Windows-1252 as bytes of UTF-8, block after block."""

from __future__ import annotations

import codecs
import re
from typing import Any

from qmac.errors import PricesError

UTF8_MARK = codecs.BOM_UTF8
UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
WINDOWS = "cp1252"
"""What is neither UTF-8 nor UTF-16 was written by a program for Windows in Western Europe."""
LEAST_ZEROS = 0.7
"""Share of every second byte that is zero in a table in UTF-16: that of each digit is."""
SHOWN = 60
"""Characters of a line in a message."""
WHOLE_CHARACTER = re.compile("[^\x00-\x7f\ufffd]")


class Text:
    """A stream of text, read as bytes of UTF-8.

    Parameters
    ----------
    stream : file object
        Of bytes.
    head : bytes
        Its first bytes, which the stream returns again.
    name : str
        Name of the file, for messages.

    Raises
    ------
    PricesError
        If the text is in UTF-32.
    """

    def __init__(self, stream: Any, head: bytes, name: str) -> None:
        self._stream = stream
        self._name = name
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = ""
        encoding, mark = find_encoding(head, name)
        if encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)()
        if mark:
            self._stream.read(mark)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which encoding was taken without proof."""
        if self._encoding != WINDOWS:
            return ()
        note = (
            f"{self._name} is no UTF-8, and was read as Windows-1252. If a name in it looks wrong, "
            "save it as UTF-8."
        )
        return (note,)

    def read(self, size: int) -> bytes:
        """Return the next bytes; those of Windows-1252 are left to ``convert``.

        Parameters
        ----------
        size : int
            Number of bytes in the file.

        Returns
        -------
        bytes
            Empty at the end.

        Raises
        ------
        PricesError
            If they are no UTF-16, although the text began so.
        """
        block: bytes = self._stream.read(size)
        if self._decoder is None:
            return block
        try:
            text = self._decoder.decode(block, final=not block)
            while block and not text:  # a byte alone is no end
                block = self._stream.read(size)
                text = self._decoder.decode(block, final=not block)
            return text.encode()
        except UnicodeError:
            raise PricesError(
                f"{self._name} begins as UTF-16 and goes on as something else. Is the file "
                "complete? Save it again as UTF-8."
            ) from None

    def convert(self, block: bytes) -> bytes:
        """Return whole lines as UTF-8, whatever their encoding.

        Parameters
        ----------
        block : bytes
            Whole lines.

        Returns
        -------
        bytes
            The same lines.

        Raises
        ------
        PricesError
            If they are neither UTF-8 nor Windows-1252, or both.
        """
        if block.isascii():
            return block
        if self._encoding != WINDOWS:
            try:
                block.decode()
            except UnicodeDecodeError:
                self._check_mixture(block)
            else:
                self._encoding = "utf-8"
                return block
        self._encoding = WINDOWS
        try:
            return block.decode(WINDOWS).encode()
        except UnicodeDecodeError as error:
            raise PricesError(
                f"{self._name} is neither UTF-8 nor Windows-1252: it holds the byte "
                f"0x{block[error.start]:02x}. Is the file complete? Save it again as CSV in UTF-8."
            ) from None

    def _check_mixture(self, block: bytes) -> None:
        """Refuse bytes that are no UTF-8 between others that are: they are damaged."""
        text = block.decode("utf-8", "replace")
        if self._encoding == "utf-8" or WHOLE_CHARACTER.search(text):
            line = next(line for line in text.split("\n") if "\ufffd" in line)[:SHOWN].rstrip()
            raise PricesError(
                f"{self._name} is UTF-8, but holds bytes that are none, the first in the line "
                f"'{line}'. Is the file damaged? Copy it again from its source."
            )


def decode_head(head: bytes, name: str) -> bytes:
    """Return the first bytes of a text as UTF-8, without a mark.

    Parameters
    ----------
    head : bytes
        First bytes of the text.
    name : str
        Name of the file, for messages.

    Returns
    -------
    bytes
        Those of Windows-1252 as they are.

    Examples
    --------
    >>> decode_head("Date".encode("utf-16"), "a.csv")
    b'Date'
    """
    encoding, mark = find_encoding(head, name)
    rest = head[mark:]
    return rest if encoding == "utf-8" else rest.decode(encoding, "replace").encode()


def find_encoding(head: bytes, name: str) -> tuple[str, int]:
    """Return the encoding of a text, and the length of the mark that it begins with.

    Parameters
    ----------
    head : bytes
        First bytes of the text.
    name : str
        Name of the file, for messages.

    Returns
    -------
    tuple of str and int
        ``"utf-8"`` for every encoding whose letters and digits are those of ASCII.

    Raises
    ------
    PricesError
        If it is UTF-32.

    Examples
    --------
    >>> find_encoding("Date".encode("utf-16-le"), "a.csv")
    ('utf-16-le', 0)
    """
    zeros = [head[place::4].count(0) / max(len(head[place::4]), 1) for place in range(4)]
    if head.startswith(UTF32_MARKS) or sum(share > LEAST_ZEROS for share in zeros) > 2:
        if any(share < 1 - LEAST_ZEROS for share in zeros):
            raise PricesError(f"{name} is a text in UTF-32. Save it again as UTF-8.")
        return "utf-8", 0  # nothing but zero bytes
    if head.startswith(UTF8_MARK):
        return "utf-8", len(UTF8_MARK)
    for mark, encoding in UTF16_MARKS.items():
        if head.startswith(mark):
            return encoding, len(mark)
    even, odd = min(zeros[0], zeros[2]), min(zeros[1], zeros[3])
    if odd > LEAST_ZEROS and not even:
        return "utf-16-le", 0
    if even > LEAST_ZEROS and not odd:
        return "utf-16-be", 0
    return "utf-8", 0
