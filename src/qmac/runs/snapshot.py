"""A snapshot: a ledger as one file, so that nothing is lost or counted twice.

It holds both what is done and the reductions of it, and no pickles::

    magic, 8 bytes | size of the index, 8 bytes, little-endian | index, JSON
    the arrays, one after the other | SHA-256 of all before

The index says what the snapshot is of, and name, type, shape and checksum of each array.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from qmac.engine.sweep import reductions
from qmac.errors import ResultError
from qmac.runtime.execution.ledger import Ledger
from qmac.storage.files import open_file, read_bytes
from qmac.storage.refusals import describe_damage

MAGIC = b"QMACRUN1"
HEAD_BYTES = 16
"""Magic and size of the index."""
CHECKSUM_BYTES, PIECE_BYTES = 32, 1 << 20
INDEX_BYTES = 16 * 2**20
"""Most bytes of an index. Room for more cells than those of this ledger is left: snapshots of other
symbols of the run lie beside it."""


def collect_arrays(ledger: Ledger) -> dict[str, np.ndarray]:
    """Return the arrays that a snapshot holds of a ledger.

    Parameters
    ----------
    ledger : Ledger
        Its own arrays are returned, no copies.

    Returns
    -------
    dict
        Arrays by name: which cells are done, and their tally.
    """
    return {"done": ledger.done, **reductions.named_arrays(ledger.tally)}


def encode(
    about: dict[str, Any], arrays: dict[str, np.ndarray], lock: AbstractContextManager[Any]
) -> Generator[Any]:
    """Yield the parts of a snapshot file, to be written one after the other.

    Parameters
    ----------
    about : dict
        What the snapshot is of, plain values.
    arrays : dict
        Arrays by name.
    lock : context manager
        Is held until the last part is taken: the arrays do not change meanwhile.

    Yields
    ------
    bytes or memoryview
        A part of the file.
    """
    with lock:
        entries = [_describe(name, array) for name, array in arrays.items()]
        index = json.dumps({"about": about, "arrays": entries}).encode()
        whole = hashlib.sha256()
        for part in (MAGIC, len(index).to_bytes(8, "little"), index):
            whole.update(part)
            yield part
        for array in arrays.values():
            memory = _view_bytes(array)
            whole.update(memory)
            yield memory
        yield whole.digest()


def _describe(name: str, array: np.ndarray) -> dict[str, Any]:
    """Return the entry of an array in the index."""
    return {
        "name": name,
        "type": array.dtype.newbyteorder("<").str,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(_view_bytes(array)).hexdigest(),
    }


def _view_bytes(array: np.ndarray) -> Any:
    """Return the memory of an array, not a copy."""
    if not array.size:
        return b""
    return memoryview(np.ascontiguousarray(array).data).cast("B")


def most_bytes(ledger: Ledger) -> int:
    """Return how many bytes a snapshot of a ledger has at most.

    Parameters
    ----------
    ledger : Ledger
        As it is when the snapshot is read.

    Returns
    -------
    int
        Bytes.
    """
    return INDEX_BYTES + sum(array.nbytes for array in collect_arrays(ledger).values())


def decode(path: Path, most: float = math.inf) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a snapshot.

    Parameters
    ----------
    path : Path
        The file.
    most : float
        Bytes of the largest file that is read.

    Returns
    -------
    about : dict
        What the snapshot is of.
    arrays : dict
        Arrays by name, views of the file's bytes.

    Raises
    ------
    ResultError
        If any byte of the file is damaged, or it is no snapshot.
    """
    data = _read_bytes(path, most)
    body, digest = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if body[: len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != digest:
        raise ResultError(f"{path} is damaged: its checksum differs.")
    try:
        end = HEAD_BYTES + int.from_bytes(body[len(MAGIC) : HEAD_BYTES], "little")
        index = json.loads(bytes(body[HEAD_BYTES:end]))
        return dict(index["about"]), _parse_arrays(index["arrays"], body, end)
    except Exception as error:  # an untrusted file, with checksums that fit, can fail in any way
        raise _not_a_snapshot(path, error) from None


def _read_bytes(path: Path, most: float) -> memoryview:
    """Return the bytes of a file; parts of a memoryview are no copies."""
    try:
        return memoryview(read_bytes(path, most))
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "there is no memory for it"
        raise ResultError(f"{path} cannot be read: {reason}.") from None


def _parse_arrays(entries: Any, body: memoryview, begin: int) -> dict[str, np.ndarray]:
    """Return the arrays that an index names; they fill all that stands behind it."""
    arrays = {}
    for entry in entries:
        kind = np.dtype(entry["type"])
        shape = tuple(int(size) for size in entry["shape"])
        if kind.hasobject or any(size < 0 for size in shape):
            raise ValueError(f"array {entry['name']}")
        end = begin + kind.itemsize * math.prod(shape)
        memory = body[begin:end]
        if end > len(body) or hashlib.sha256(memory).hexdigest() != entry["sha256"]:
            raise ValueError(f"array {entry['name']}")
        arrays[str(entry["name"])] = np.frombuffer(memory, kind).reshape(shape)
        begin = end
    if begin != len(body):
        raise ValueError("bytes that belong to nothing")
    return arrays


def _not_a_snapshot(path: Path, error: Exception) -> ResultError:
    return ResultError(f"{path} is no snapshot ({describe_damage(error)}).")


def read_about(path: Path, most: float = math.inf) -> dict[str, Any]:
    """Read what a sound snapshot is of, piece by piece: memory may be short.

    Parameters
    ----------
    path : Path
        The file.
    most : float
        Bytes of the largest file that is read.

    Returns
    -------
    dict
        What the snapshot is of.

    Raises
    ------
    ResultError
        If any byte of the file is damaged, or it is no snapshot.
    """
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise ResultError(f"{path} is damaged: it is larger than any snapshot.")
            head = file.read(HEAD_BYTES)
            index_bytes = int.from_bytes(head[len(MAGIC) :], "little")
            index = file.read(min(index_bytes, INDEX_BYTES))
            whole = hashlib.sha256(head + index)
            _hash_until_checksum(file, size, whole)
            if head[: len(MAGIC)] != MAGIC or whole.digest() != file.read(CHECKSUM_BYTES):
                raise ResultError(f"{path} is damaged: its checksum differs.")
        return dict(json.loads(index)["about"])
    except ResultError:
        raise
    except Exception as error:  # as in ``decode``
        raise _not_a_snapshot(path, error) from None


def _hash_until_checksum(file: BinaryIO, size: int, whole: Any) -> None:
    """Add the rest of a file but its checksum to a hash."""
    left = size - CHECKSUM_BYTES - file.tell()
    while left > 0:
        piece = file.read(min(left, PIECE_BYTES))
        if not piece:
            return
        whole.update(piece)
        left -= len(piece)


def restore(ledger: Ledger, arrays: dict[str, np.ndarray]) -> None:
    """Restore a ledger from the arrays of a snapshot; nothing changes where they are invalid.

    Parameters
    ----------
    ledger : Ledger
        A ledger of which nothing is done.
    arrays : dict
        Arrays by name, as ``decode`` returned them.

    Raises
    ------
    ResultError
        If they are of another ledger, or their counts do not add up.
    """
    _check_fit(collect_arrays(ledger), arrays)
    _check_counts(ledger, arrays)
    for name, array in reductions.named_arrays(ledger.tally).items():
        array[...] = arrays[name]
    ledger.restore(arrays["done"])


def _check_fit(expected: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> None:
    """Raise ResultError unless names, shapes and types of arrays are the expected ones."""
    for name, array in expected.items():
        read = arrays.get(name)
        kind = array.dtype.newbyteorder("<")
        if read is None or read.shape != array.shape or read.dtype != kind:
            raise ResultError(f"the snapshot does not fit this run: {name}.")
    rows = int(arrays["heap.size"][0])
    if arrays.keys() != expected.keys() or not 0 <= rows <= expected["heap.scores"].size:
        raise ResultError("the snapshot does not fit this run.")


def _check_counts(ledger: Ledger, arrays: dict[str, np.ndarray]) -> None:
    """Raise ResultError unless the combinations of the cells that are done are those counted."""
    done = arrays["done"]
    are_flags = done.view(np.uint8).max(initial=0) <= 1
    counted = int(arrays["totals.counts"][0])
    if not are_flags or counted != int(ledger.counts[done].sum()):
        raise ResultError("the snapshot does not fit this run: its counts do not add up.")
