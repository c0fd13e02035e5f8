"""Frames: numbers and arrays in one binary message, which a browser reads without copying.

A frame is a length, JSON and arrays::

    4 bytes   length of the JSON, little-endian
    n bytes   JSON, filled up with spaces to a multiple of 8 bytes
    ...       arrays, little-endian, each from a multiple of 8 bytes on

``arrays`` of the JSON has the place of each by its name: type, offset behind the JSON, shape.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from qmac.storage.json_text import to_json

ALIGNMENT_BYTES = 8
LENGTH_BYTES = 4
TYPES = {"f": "<f4", "d": "<f8", "i": "<i4"}
"""Types of arrays by their letters, which are those of NumPy."""


def encode_frame(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a frame.

    Parameters
    ----------
    header : mapping
        What JSON has; undefined numbers become null.
    arrays : mapping of str to ndarray
        Of a type that ``TYPES`` has; other numbers are sent as float32.

    Returns
    -------
    bytes
        The frame.
    """
    places: dict[str, Any] = {}
    parts: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        letter = array.dtype.char if array.dtype.char in TYPES else "f"
        data = np.ascontiguousarray(array, TYPES[letter]).tobytes()
        data += bytes(-len(data) % ALIGNMENT_BYTES)
        places[name] = {"type": letter, "offset": offset, "shape": list(array.shape)}
        parts.append(data)
        offset += len(data)
    text = to_json(dict(header) | {"arrays": places}).encode()
    text += b" " * (-(len(text) + LENGTH_BYTES) % ALIGNMENT_BYTES)
    return b"".join([struct.pack("<I", len(text)), text, *parts])
