"""Memory that a file of Arrow takes, from its metadata: nothing is unpacked to know it.

The library itself allocates what a compressed column claims. These few fields of FlatBuffers,
the format of its metadata, say it before: https://arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

LEAST_FOOTER = 10
"""Bytes after the footer: its length and the mark."""
MOST_METADATA = 2**26
"""Bytes of the metadata of a part; a column takes 50."""
MOST_PARTS = 2**16
SCHEMA, DICTIONARIES, BATCHES = 1, 2, 3
"""Fields of the footer."""
HEADER = 2
"""Field of a message that has the batch."""
DATA = 1
"""Field of a batch of dictionaries that has the batch of values."""
BUFFERS, COMPRESSION = 2, 3
"""Fields of a batch."""
DICTIONARY = 2
"""Type of a message."""


def read_unpacked_size(file: Any) -> int:
    """Return the bytes that the columns of an Arrow file take in memory.

    Parameters
    ----------
    file : file object
        Whose content is not trusted.

    Returns
    -------
    int
        Sum of what its parts claim.

    Raises
    ------
    ValueError
        If it is no such file, or damaged.
    """
    try:
        return sum(_read_part(file, *block) for block in _read_blocks(file))
    except struct.error:
        raise ValueError("its metadata are damaged") from None


def _read_blocks(file: Any) -> Iterator[tuple[int, int, int]]:
    """Yield place, size of the metadata and size of the content of each part of a file."""
    end = file.seek(-LEAST_FOOTER, 2)
    tail = file.read(LEAST_FOOTER)
    (size,) = struct.unpack_from("<i", tail)
    if tail[4:] != b"ARROW1" or not 0 < size <= min(end, MOST_METADATA):
        raise ValueError("it does not end as such a file does")
    file.seek(end - size)
    footer = _Table.root(file.read(size))
    for field in (DICTIONARIES, BATCHES):
        begin, count = footer.vector(field)
        if count > MOST_PARTS:
            raise ValueError(f"it claims {count:,} parts")
        for place in range(count):
            yield struct.unpack_from("<qi4xq", footer.data, begin + 24 * place)


def _read_part(file: Any, place: int, metadata: int, body: int) -> int:
    """Return what a part of a file takes in memory."""
    end = file.seek(0, 2)
    if not 0 <= place <= end or not 8 < metadata <= MOST_METADATA or not 0 <= body <= end:
        raise ValueError("the place of a part is not in it")
    file.seek(place)
    message = file.read(metadata)
    prefix = 8 if message.startswith(b"\xff\xff\xff\xff") else 4
    root = _Table.root(message[prefix:])
    batch = root.table(HEADER)
    if root.byte(1) == DICTIONARY:
        batch = batch.table(DATA)
    if not batch.has(COMPRESSION):
        return body
    begin, count = batch.vector(BUFFERS)
    total = 0
    for number in range(count):
        offset, length = struct.unpack_from("<qq", batch.data, begin + 16 * number)
        if length > 0:
            file.seek(place + metadata + offset)
            (unpacked,) = struct.unpack("<q", file.read(8))
            total += length if unpacked < 0 else unpacked
    return total


class _Table:
    """A table of FlatBuffers; every place in it is checked by ``struct``."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data = data
        self._place = place
        (back,) = struct.unpack_from("<i", data, place)
        self._fields = place - back
        if self._fields < 0:
            raise ValueError("its metadata are damaged")

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data)[0])

    def _find(self, field: int) -> int:
        """Return the place of a field; 0 if it is not there."""
        (size,) = struct.unpack_from("<H", self.data, self._fields)
        if 4 + 2 * field >= size:
            return 0
        (offset,) = struct.unpack_from("<H", self.data, self._fields + 4 + 2 * field)
        return self._place + offset if offset else 0

    def has(self, field: int) -> bool:
        return self._find(field) > 0

    def byte(self, field: int) -> int:
        place = self._find(field)
        return int(struct.unpack_from("<B", self.data, place)[0]) if place else 0

    def _follow(self, field: int) -> int:
        place = self._find(field)
        if not place:
            raise ValueError("its metadata are damaged")
        return place + int(struct.unpack_from("<I", self.data, place)[0])

    def table(self, field: int) -> _Table:
        return _Table(self.data, self._follow(field))

    def vector(self, field: int) -> tuple[int, int]:
        """Return where the elements of a vector begin, and how many it has."""
        if not self.has(field):
            return 0, 0
        place = self._follow(field)
        return place + 4, int(struct.unpack_from("<I", self.data, place)[0])
