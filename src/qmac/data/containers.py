"""Files and pipes opened without waiting, and decompressed by the ending of their names."""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from qmac.errors import PricesError

WRITER_SECONDS = 3.0
"""How long a pipe may be without content and without a program that writes to it."""
PIPE_BYTES = 2**16
WITH_CHECKSUMS = (".gz", ".bz2", ".xz", ".zip")
"""Endings of containers that always hold what was written, or an error."""
COMPRESSED = (*WITH_CHECKSUMS, ".zst")
USE = "Use a CSV file (.csv) or a Parquet file (.parquet)."


@contextmanager
def open_content(path: Path) -> Iterator[Content]:
    """Open a file or a pipe for reading; nothing else can be opened.

    Parameters
    ----------
    path : Path
        A name of untrusted origin. Directories, devices and pipes that nothing writes to are
        refused: reading them would not end.

    Yields
    ------
    Content
        What it holds, decompressed.

    Raises
    ------
    PricesError
        If it is empty, or neither a file nor a pipe.
    """
    if not path.exists():
        raise PricesError(
            f"{path}: there is no such file. Check the path, or try --sample for the bundled "
            "prices."
        )
    if path.is_dir():
        raise PricesError(f"{path} is a directory. Name one CSV or Parquet file in it.")
    _check_kind(path, path.stat())
    # opening does not wait: the name may stand for a pipe by now
    with io.FileIO(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))) as file:
        status = os.fstat(file.fileno())
        _check_kind(path, status)
        if stat.S_ISFIFO(status.st_mode):
            yield Content(io.BufferedReader(_wait_for_content(file, path)))
            return
        if status.st_size == 0:
            raise PricesError(
                f"{path} is empty. Use a CSV or Parquet file with dates and a Close column."
            )
        buffered = io.BufferedReader(file)
        is_checked = path.suffix.lower() in WITH_CHECKSUMS
        stream = _decompress(buffered, path)
        yield Content(stream, buffered, status.st_size, is_checked=is_checked)


class Content:
    """Bytes of a file, and how far it is read."""

    def __init__(
        self,
        stream: Any,
        file: IO[bytes] | None = None,
        size: int | None = None,
        *,
        is_checked: bool = False,
    ) -> None:
        self.stream = stream
        self.is_checked = is_checked
        """Whether a checksum holds the content together."""
        self._file = file
        self._size = size

    @property
    def progress(self) -> float:
        """Share of the file that is read; 1 for a pipe, whose end is not known."""
        if self._file is None or not self._size:
            return 1.0
        return min(max(self._file.tell() / self._size, 1 / self._size), 1.0)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISFIFO(status.st_mode):
        raise PricesError(f"{path} is neither a file nor a pipe. {USE}")


def _wait_for_content(pipe: io.FileIO, path: Path) -> io.RawIOBase:
    """Return the content of a pipe as soon as there is some, or a program that may write it."""
    until = time.monotonic() + WRITER_SECONDS
    while (first := pipe.read(PIPE_BYTES)) == b"":  # None: a program has it open for writing
        if time.monotonic() > until:
            raise PricesError(f"{path} is a pipe without content that nothing writes to. {USE}")
        time.sleep(0.01)
    os.set_blocking(pipe.fileno(), True)
    return _Pipe(first or b"", pipe)


class _Pipe(io.RawIOBase):
    """A pipe of which the beginning was read."""

    def __init__(self, first: bytes, pipe: io.FileIO) -> None:
        self._first = io.BytesIO(first)
        self._pipe = pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return self._first.readinto(buffer) or self._pipe.readinto(buffer)


def _decompress(file: IO[bytes], path: Path) -> Any:
    """Return the content of a file, from which its compression is left out."""
    match path.suffix.lower():
        case ".gz":
            import gzip

            return gzip.GzipFile(fileobj=file)
        case ".bz2":
            import bz2

            return bz2.BZ2File(file)
        case ".xz":
            import lzma

            return lzma.LZMAFile(file)
        case ".zst":
            import pyarrow as pa

            return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
        case ".zip":
            import zipfile

            archive = zipfile.ZipFile(file)
            names = archive.namelist()
            if len(names) != 1:
                raise PricesError(f"{path} holds {len(names)} files. Use a zip file with one.")
            return archive.open(names[0])
    return file


def strip_endings(name: str) -> str:
    """Return the name of a file without the endings of its kind and its container.

    Parameters
    ----------
    name : str
        Such as ``"SPY.csv.gz"``.

    Returns
    -------
    str
        Such as ``"SPY"``.

    Examples
    --------
    >>> strip_endings("SPY.csv.gz"), strip_endings("BRK.B.csv")
    ('SPY', 'BRK.B')
    """
    path = Path(name)
    return Path(path.stem).stem if path.suffix.lower() in COMPRESSED else path.stem
