"""Arrays and tables of files that are not trusted: what they take in memory is known before."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from qmac.storage.files import open_file

HEADER_BYTES = 4096
"""More than the header of an array of NumPy has."""
MOST_EXPANSION = 256
"""Bytes in memory of a table for each byte of its file; the top rows of equal scores have 130."""
LEAST_BYTES = 64 * 2**20
"""A table of so many bytes in memory is read, however small its file is."""
CELL_BYTES = 8
CODED = "zst"
"""Ending of the name of an array in code, where others end with ``npy``."""
CODED_TYPES = (np.dtype("<i8"), np.dtype("<f8"))
CODED_LEAST, CODED_SAMPLE, BLOCK_NUMBERS = 4096, 1024, 1 << 18
"""Numbers of the smallest array in code, of the sample that decides how, and of a block."""
SIZE_BYTES = 8
CODECS = frozenset({"UNCOMPRESSED", "SNAPPY"})
"""What qmac writes. Others may hold gigabytes in a few bytes."""
FIXED_TYPES = frozenset({"BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE"})
"""Types of Parquet whose cells have ``CELL_BYTES`` at most."""


def load_array(path: Path, most: float) -> np.ndarray:
    """Read an array that ``np.save`` wrote; no pickles.

    Parameters
    ----------
    path : Path
        The file.
    most : float
        Bytes of the largest array that is read.

    Returns
    -------
    ndarray
        The array.

    Raises
    ------
    OSError
        If the file is refused, see ``open_file``, or larger.
    ValueError
        If it is no array, or its size is not that of the file.
    """
    with open_file(path, most + HEADER_BYTES) as file:
        size = file.seek(0, io.SEEK_END)
        return _read_array(file, size)


def _read_array(file: Any, size: int) -> np.ndarray:
    """Read an array whose header agrees with the size of the file."""
    file.seek(0)
    head = io.BytesIO(file.read(HEADER_BYTES))  # a file allocates what a header claims
    version = np.lib.format.read_magic(head)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(head)
    if dtype.hasobject or head.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError("the size of an array is not that of its file")
    file.seek(0)
    array: np.ndarray = np.load(file, allow_pickle=False)
    return array


def load_arrays(
    path: Path, most: float, check_bytes: Callable[[int], None] | None = None
) -> dict[str, np.ndarray]:
    """Read arrays that ``save_arrays`` or ``np.savez_compressed`` wrote; no pickles.

    Parameters
    ----------
    path : Path
        The file.
    most : float
        Bytes that the arrays have together at most: compressed, they may have a thousandth.
    check_bytes : callable, optional
        Called with the bytes that they have, before any of them is read; what it raises is raised.

    Returns
    -------
    dict
        Arrays by name.

    Raises
    ------
    OSError
        If the file is refused, see ``open_file``.
    ValueError
        If it holds no such arrays, or more of them, or the size of one is not what it says.
    """
    arrays = {}
    with open_file(path) as file, zipfile.ZipFile(file) as members:
        size = sum(_read_size(members, member) for member in members.infolist())
        if size > most:
            raise ValueError(f"arrays of {size:,} bytes, and {int(most):,} are the most")
        if check_bytes is not None:
            check_bytes(size)
        for member in members.infolist():
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{member.filename} has another compression")
            name, _, ending = member.filename.partition(".")
            with members.open(member) as content:
                if ending == CODED:
                    arrays[name] = _decode_array(content, member.file_size)
                else:
                    arrays[name] = _read_array(content, member.file_size)
    return arrays


def save_arrays(file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    """Write arrays as ``numpy.savez`` does, but large ones in code, see ``_encode_array``.

    Parameters
    ----------
    file : BinaryIO
        An empty one.
    arrays : mapping
        Arrays by name; ``load_arrays`` returns the same bits.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as members:
        for name, value in arrays.items():
            array = np.asanyarray(value)
            if array.dtype in CODED_TYPES and array.size >= CODED_LEAST:
                with members.open(f"{name}.{CODED}", "w", force_zip64=True) as member:
                    _encode_array(array, member)
                continue
            with members.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _encode_array(array: np.ndarray, file: IO[bytes]) -> None:
    """Write numbers of 8 bytes in a fraction of the room, and of the time that deflate takes.

    ::

        bytes of the array in memory, 8 bytes, little-endian | size of the header, 8 bytes | header
        for each block of numbers: size, 8 bytes | differences of neighbours, compressed with zstd

    The header is JSON: type, shape, and whether the bytes of a block are grouped by their place in
    a number. They are where that makes a sample smaller, as of numbers that hardly repeat.
    """
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=1)
    dtype = array.dtype.newbyteorder("<")
    numbers = np.ascontiguousarray(array, dtype).reshape(-1).view("<i8")
    sample = _find_steps(numbers[numbers.size // 2 :][:CODED_SAMPLE])
    sizes = [len(codec.compress(data)) for data in (sample.tobytes(), _group_bytes(sample))]
    is_grouped = sizes[1] < sizes[0]
    facts = {"type": dtype.str, "shape": array.shape, "grouped": is_grouped}
    header = json.dumps(facts).encode()
    file.write(_format_size(array.nbytes) + _format_size(len(header)) + header)
    for begin in range(0, numbers.size, BLOCK_NUMBERS):
        steps = _find_steps(numbers[begin : begin + BLOCK_NUMBERS])
        block = codec.compress(_group_bytes(steps) if is_grouped else steps.data, asbytes=True)
        file.write(_format_size(len(block)) + block)


def _find_steps(numbers: np.ndarray) -> np.ndarray:
    """Return differences of neighbours; small ones are small numbers, whatever their sign."""
    steps = np.diff(numbers, prepend=np.int64(0))
    signs = steps >> 63
    steps <<= 1
    steps ^= signs
    return steps


def _add_steps(steps: np.ndarray, numbers: np.ndarray) -> None:
    """Fill ``numbers`` so that ``_find_steps(numbers)`` is ``steps``."""
    np.right_shift(steps.view(np.uint64), 1, out=numbers.view(np.uint64))
    numbers ^= -(steps & 1)
    np.cumsum(numbers, out=numbers)


def _group_bytes(numbers: np.ndarray) -> bytes:
    return numbers.view(np.uint8).reshape(-1, CELL_BYTES).T.tobytes()


def _format_size(size: int) -> bytes:
    return size.to_bytes(SIZE_BYTES, "little")


def _read_number(file: IO[bytes]) -> int:
    return int.from_bytes(file.read(SIZE_BYTES), "little")


def _decode_array(file: IO[bytes], most: int) -> np.ndarray:
    """Read what ``_encode_array`` has written; ``most`` are the bytes of the file."""
    import pyarrow as pa

    codec, size = pa.Codec("zstd"), _read_number(file)
    facts = json.loads(file.read(min(_read_number(file), HEADER_BYTES)))
    dtype, shape = np.dtype(facts["type"]), tuple(map(int, facts["shape"]))
    if dtype not in CODED_TYPES or min(shape) < 0 or math.prod(shape) * CELL_BYTES != size:
        raise ValueError("the size of an array is not that of its file")
    numbers = np.empty(math.prod(shape), np.int64)
    for begin in range(0, numbers.size, BLOCK_NUMBERS):
        block = numbers[begin : begin + BLOCK_NUMBERS]
        content = file.read(min(_read_number(file), most))
        data = codec.decompress(content, block.nbytes, asbytes=True)
        if facts["grouped"]:
            data = np.frombuffer(data, np.uint8).reshape(CELL_BYTES, -1).T.tobytes()
        _add_steps(np.frombuffer(data, "<i8"), block)
    array: np.ndarray = numbers.view(dtype).reshape(shape)
    return array


def _read_size(members: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return the bytes that a member has in memory."""
    if not member.filename.endswith(f".{CODED}"):
        return member.file_size
    with members.open(member) as content:
        return max(member.file_size, _read_number(content))


def check_table(
    file: BinaryIO, rows: int | None = None, check_bytes: Callable[[int], None] | None = None
) -> None:
    """Check how much memory a Parquet file would take, and return to its beginning.

    Parameters
    ----------
    file : BinaryIO
        A file of ``open_file``.
    rows : int, optional
        Number of rows that it should have; None for any.
    check_bytes : callable, optional
        Called with the bytes of its cells; what it raises is raised.

    Raises
    ------
    ValueError
        If it has columns or a compression that qmac does not write, another number of rows, or
        would take much more memory than such a file does.
    """
    import pyarrow.parquet as pq

    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    parquet = pq.ParquetFile(file)
    metadata = parquet.metadata
    if rows is not None and metadata.num_rows != rows:
        raise ValueError(f"it has {metadata.num_rows:,} rows, not {rows:,}")
    for place in range(metadata.num_columns):
        if _is_nested(parquet.schema.column(place)):
            raise ValueError("a column holds lists or objects, which qmac does not write")
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            if column.compression not in CODECS or column.physical_type not in FIXED_TYPES:
                raise ValueError(
                    f"a column is {column.physical_type} in {column.compression}, which qmac does "
                    "not write"
                )
    cells = metadata.num_rows * metadata.num_columns
    if cells * CELL_BYTES > max(LEAST_BYTES, size * MOST_EXPANSION):
        raise ValueError(f"{metadata.num_rows:,} rows in {size:,} bytes are refused")
    if check_bytes is not None:
        check_bytes(cells * CELL_BYTES)
    file.seek(0)


def _is_nested(column: Any) -> bool:
    """Whether a row holds anything but one number: a list may have any length."""
    return bool(column.max_repetition_level > 0 or column.max_definition_level > 1)


def read_first_row(path: Path, columns: Collection[str]) -> dict[str, Any] | None:
    """Read one row of a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    columns : collection of str
        Names of the columns.

    Returns
    -------
    dict or None
        Values by name; None if there is no row.

    Raises
    ------
    OSError
        If the file is refused, see ``open_file``.
    ValueError
        As ``check_table``.
    """
    import pyarrow.parquet as pq

    with open_file(path) as file:
        check_table(file)
        batches = pq.ParquetFile(file).iter_batches(batch_size=1, columns=list(columns))
        for batch in batches:
            rows: list[dict[str, Any]] = batch.slice(0, 1).to_pylist()
            if rows:
                return rows[0]
    return None
