"""A ledger as one file: both what is done and the reductions of it, so that nothing is lost or counted twice.

::

    magic, 8 bytes | size of the index, 8 bytes, little-endian | index, JSON | the arrays, one after the other | SHA-256 of all before

The index says what the snapshot is of, and name, type, shape and checksum of each array. It holds data only: no pickles.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from qmac.engine.sweep import reductions
from qmac.errors import ResultError, printable
from qmac.runtime.execution.ledger import Ledger

MAGIC = b"QMACRUN1"
CHECKSUM_BYTES, PIECE_BYTES = 32, 1 << 20
INDEX_BYTES = 16 * 2**20
"""At most, and a little more for cells: those of another symbol of the run are other in number."""


def arrays_of(ledger: Ledger) -> dict[str, np.ndarray]:
    """What a snapshot holds of a ledger."""
    return {"done": ledger.done, **reductions.named_arrays(ledger.tally)}


def encoded(
    about: dict[str, Any], arrays: dict[str, np.ndarray], lock: AbstractContextManager[Any]
) -> Generator[Any]:
    """The parts of the file, to be written one after the other. The arrays do not change meanwhile: ``lock`` is held."""
    with lock:
        index = {
            "about": about,
            "arrays": [
                {
                    "name": name,
                    "type": array.dtype.newbyteorder("<").str,
                    "shape": list(array.shape),
                    "sha256": hashlib.sha256(_bytes(array)).hexdigest(),
                }
                for name, array in arrays.items()
            ],
        }
        text = json.dumps(index).encode()
        whole = hashlib.sha256()
        for part in (
            MAGIC,
            len(text).to_bytes(8, "little"),
            text,
            *(_bytes(array) for array in arrays.values()),
        ):
            whole.update(part)
            yield part
        yield whole.digest()


def most_bytes(ledger: Ledger) -> int:
    """Bytes that a snapshot of this run has at most."""
    return INDEX_BYTES + sum(array.nbytes for array in arrays_of(ledger).values())


def decoded(path: Path, most: float = math.inf) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a snapshot of ``most`` bytes at most is of, and its arrays.

    Raises
    ------
    ResultError : the file is damaged: any byte of it.
    """
    try:
        if not path.is_file():
            raise ResultError(f"{path} cannot be read: it is no file.")
        if (size := path.stat().st_size) > most:
            raise ResultError(
                f"{path} is no snapshot of this run: it has {size:,} bytes, and {most:,} are the most."
            )
        data = memoryview(path.read_bytes())  # parts of it are no copies
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ResultError(f"{path} cannot be read: {reason}.") from None
    body, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if body[:8] != MAGIC or hashlib.sha256(body).digest() != checksum:
        raise ResultError(f"{path} is damaged: its checksum differs.")
    try:
        end = 16 + int.from_bytes(body[8:16], "little")
        index = json.loads(bytes(body[16:end]))
        arrays = {}
        for part in index["arrays"]:
            kind, shape = np.dtype(part["type"]), tuple(int(size) for size in part["shape"])
            if kind.hasobject or any(size < 0 for size in shape):
                raise ValueError(f"array {part['name']}")
            begin, end = end, end + kind.itemsize * math.prod(shape)
            if end > len(body) or hashlib.sha256(body[begin:end]).hexdigest() != part["sha256"]:
                raise ValueError(f"array {part['name']}")
            arrays[str(part["name"])] = np.frombuffer(body[begin:end], kind).reshape(shape)
        if end != len(body):
            raise ValueError("bytes that belong to nothing")
        return dict(index["about"]), arrays
    except Exception as error:  # a stranger's file, with checksums that fit, can fail in any way
        raise ResultError(
            f"{path} is no snapshot ({type(error).__name__}: {printable(error)})."
        ) from None


def about(path: Path) -> dict[str, Any]:
    """What a sound snapshot is of, read piece by piece: memory may be short.

    Raises
    ------
    ResultError : the file is damaged, or no snapshot.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
            text = file.read(min(int.from_bytes(head[8:], "little"), INDEX_BYTES))
            whole, left = (
                hashlib.sha256(head + text),
                path.stat().st_size - CHECKSUM_BYTES - file.tell(),
            )
            while left > 0 and (part := file.read(min(left, PIECE_BYTES))):
                whole.update(part)
                left -= len(part)
            if head[:8] != MAGIC or whole.digest() != file.read(CHECKSUM_BYTES):
                raise ResultError(f"{path} is damaged: its checksum differs.")
        return dict(json.loads(text)["about"])
    except ResultError:
        raise
    except Exception as error:  # as above
        raise ResultError(
            f"{path} is no snapshot ({type(error).__name__}: {printable(error)})."
        ) from None


def restore(ledger: Ledger, arrays: dict[str, np.ndarray]) -> None:
    """Go on from the arrays of a snapshot. Nothing is changed where they cannot be used.

    Raises
    ------
    ResultError : they are of another ledger, or their books do not balance.
    """
    own = arrays_of(ledger)
    for name, array in own.items():
        found = arrays.get(name)
        if (
            found is None
            or found.shape != array.shape
            or found.dtype != array.dtype.newbyteorder("<")
        ):
            raise ResultError(f"the snapshot does not fit this run: {name}.")
    if (
        arrays.keys() != own.keys()
        or not 0 <= int(arrays["heap.size"][0]) <= own["heap.scores"].size
    ):
        raise ResultError("the snapshot does not fit this run.")
    done = arrays["done"]
    counted, truths = int(arrays["totals.counts"][0]), done.view(np.uint8).max(initial=0) <= 1
    if not truths or counted != int(ledger.counts[done].sum()):
        raise ResultError("the snapshot does not fit this run: its books do not balance.")
    for name, array in reductions.named_arrays(ledger.tally).items():
        array[...] = arrays[name]
    ledger.restore(done)


def _bytes(array: np.ndarray) -> Any:
    """Its memory, not a copy."""
    return memoryview(np.ascontiguousarray(array).data).cast("B") if array.size else b""
