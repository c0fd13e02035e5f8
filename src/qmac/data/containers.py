"""Files and pipes opened without waiting, and unpacked by what they hold."""

from __future__ import annotations

import io
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from qmac.data.foreign import check_members, clean
from qmac.data.options import ReadOptions
from qmac.errors import PricesError

WRITER_SECONDS = 3.0
"""How long a pipe may be without content and without a program that writes to it."""
PIPE_BYTES = 2**16
HEAD_BYTES = 4096
"""First bytes of a file, which show its kind."""
LOAD_BYTES = 2**20
MOST_READ = 2**23
"""Most bytes that are read at once from a zip file, whose list of files may claim any size."""
STDIN = "-"
PIPE = "pipe"
"""Name of the series in a pipe, which has none."""
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Endings of containers, left out of the name of a series."""
TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".feather",
          ".arrow", ".xlsx")  # fmt: skip
"""Endings of the files that are read."""
DOCUMENTS = re.compile(r"(?i)(readme|licen[cs]e|copying|notice|changelog)\b.*|.*\.(txt|md)")
JUNK = re.compile(r"(?i)__MACOSX/|(.*/)?(\.[^/]*|Thumbs\.db|desktop\.ini)$")
"""What file managers put into archives."""
DESCRIPTOR = re.compile(r"/(dev|proc/(self|\d+))/fd/\d+")
USE = "Use a CSV file (.csv) or a Parquet file (.parquet)."
MemoryCheck = Callable[[str, int], None]
"""Raises PricesError if what the first argument describes needs more bytes than are free."""


class Packing(NamedTuple):
    """A kind of compression."""

    begin: bytes
    """First bytes that prove it."""
    is_checked: bool
    """Whether a checksum holds the content together."""


PACKINGS = {
    "gzip": Packing(b"\x1f\x8b\x08", True),
    "bzip2": Packing(b"BZh", True),
    "xz": Packing(b"\xfd7zXZ\x00", True),
    "zstd": Packing(b"\x28\xb5\x2f\xfd", False),  # Arrow writes no checksum
    "zip": Packing(b"PK\x03\x04", True),
}


@contextmanager
def open_content(path: Path, check_memory: MemoryCheck | None = None) -> Iterator[Content]:
    """Open a file or a pipe for reading; nothing else can be opened.

    Parameters
    ----------
    path : Path
        A name of untrusted origin; ``-`` is standard input. Directories, devices and pipes that
        nothing writes to are refused: reading them would not end.
    check_memory : callable, optional
        Refuses an archive in a pipe, which is kept in memory, that does not fit into it.

    Yields
    ------
    Content
        What it holds, unpacked.

    Raises
    ------
    PricesError
        If it is empty, packed twice, or neither a file nor a pipe.
    """
    with io.FileIO(_open(path)) as file:
        status = os.fstat(file.fileno())
        _check_kind(path, status)
        is_pipe = stat.S_ISFIFO(status.st_mode)
        raw = io.BufferedReader(_wait_for_content(file, path) if is_pipe else file)
        size = None if is_pipe else status.st_size
        content = Content(str(path), raw, raw, size, is_seekable=not is_pipe)
        if not content.head:
            raise PricesError(
                f"{path} is empty. Use a CSV or Parquet file with dates and a Close column."
            )
        yield _unpack(content, check_memory or admit_all)


def admit_all(what: str, needed: int) -> None:
    """Refuse nothing: a check of memory where there is none.

    Parameters
    ----------
    what : str
        What needs memory.
    needed : int
        Bytes.
    """
    del what, needed


def _open(path: Path) -> int:
    """Open a file or a pipe without waiting, and return its descriptor."""
    if str(path) == STDIN:
        return os.dup(0)
    if not path.exists():
        raise PricesError(
            f"{path}: there is no such file. Check the path, or try --sample for the bundled "
            "prices."
        )
    if path.is_dir():
        raise PricesError(f"{path} is a directory. Name one CSV or Parquet file in it.")
    _check_kind(path, path.stat())
    # opening does not wait: the name may stand for a pipe by now; and Windows changes line breaks
    # of what is not binary
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))


class Content:
    """Bytes of a file, and how far it is read."""

    def __init__(
        self,
        name: str,
        stream: Any,
        file: IO[bytes],
        size: int | None = None,
        *,
        is_checked: bool = False,
        is_seekable: bool = False,
        members: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name
        self.is_checked = is_checked
        """Whether a checksum holds the content together."""
        self.members = members
        """Sizes of the files in a workbook of Excel, by name; None for every other content."""
        self.head = _read_head(stream)
        """First bytes, which ``stream`` returns again."""
        self._is_seekable = is_seekable
        if is_seekable:
            stream.seek(0)
        else:
            stream = io.BufferedReader(_Joined(self.head, stream))
        self.stream = stream
        self._file = file
        self._size = size

    @property
    def progress(self) -> float:
        """Share of the file that is read; 1 for a pipe, whose end is not known."""
        if not self._size:
            return 1.0
        return min(max(self._file.tell() / self._size, 1 / self._size), 1.0)

    def replace(self, stream: Any, is_checked: bool) -> Content:
        """Return another stream that is read from the same file.

        Parameters
        ----------
        stream : file object
            What the file holds, unpacked.
        is_checked : bool
            Whether a checksum holds it together.

        Returns
        -------
        Content
            With the progress of the file.
        """
        return Content(self.name, stream, self._file, self._size, is_checked=is_checked)

    def load(self, check_memory: MemoryCheck) -> Any:
        """Return the content as a file with places, in memory if it is none yet.

        Parameters
        ----------
        check_memory : callable
            Refuses what does not fit into memory.

        Returns
        -------
        file object
            At its beginning.

        Raises
        ------
        PricesError
            If it does not fit into memory.
        """
        if self._is_seekable:
            return self.stream
        whole = io.BytesIO()
        while block := self.stream.read(LOAD_BYTES):
            held = whole.tell()
            total = int((held + len(block)) / self.progress)
            # a file in memory that grows is copied
            check_memory(f"{self.name}: unpacking {total:,} bytes", 2 * total - held)
            whole.write(block)
        whole.seek(0)
        return whole


@dataclass(frozen=True)
class PriceFile:
    """An open file of prices, and how it is read."""

    content: Content
    path: Path
    options: ReadOptions
    """What the user says of it."""
    check_memory: MemoryCheck = admit_all
    """Refuses what does not fit into memory."""

    @property
    def name(self) -> str:
        """Path as a text, for messages."""
        return str(self.path)


def _read_head(stream: Any) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(head))):
        head += more
    return head


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
    if hasattr(os, "set_blocking"):  # Windows opens no pipe without waiting
        os.set_blocking(pipe.fileno(), True)
    return _Joined(first or b"", pipe)


class _Joined(io.RawIOBase):
    """A stream of which the beginning was read, and is read again."""

    def __init__(self, first: bytes, stream: Any) -> None:
        self._first = io.BytesIO(first)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return self._first.readinto(buffer) or self._stream.readinto(buffer)


def find_packing(head: bytes) -> str | None:
    """Return the compression that the first bytes of a file prove.

    Parameters
    ----------
    head : bytes
        First bytes.

    Returns
    -------
    str or None
        One of ``PACKINGS``; None if it is not compressed.
    """
    return next((kind for kind, each in PACKINGS.items() if head.startswith(each.begin)), None)


def _unpack(content: Content, check_memory: MemoryCheck) -> Content:
    """Return what a file holds, from which its compression is left out."""
    packings: list[str] = []
    while kind := find_packing(content.head):
        if kind == "zip":
            content = _open_archive(content, check_memory)
            if content.members is not None:
                return content
        packings.append(kind)
        if len(packings) > 1:
            raise PricesError(f"{content.name} is packed twice: {', '.join(packings)}. Unpack it.")
        if kind != "zip":
            content = content.replace(_decompress(content.stream, kind), PACKINGS[kind].is_checked)
        if not content.head:
            raise PricesError(
                f"{content.name} is empty when unpacked. Is it complete? Copy it again from its "
                "source."
            )
    return content


def _decompress(stream: Any, kind: str) -> Any:
    match kind:
        case "gzip":
            import gzip

            return gzip.GzipFile(fileobj=stream)
        case "bzip2":
            import bz2

            return bz2.BZ2File(stream)
        case "xz":
            import lzma

            return lzma.LZMAFile(stream)
        case _:
            import pyarrow as pa

            return pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")


def _open_archive(content: Content, check_memory: MemoryCheck) -> Content:
    """Return a workbook as it is, or the one file of prices in a zip file."""
    import zipfile

    file = content.load(check_memory)
    archive = zipfile.ZipFile(_Bounded(file))
    members = [each for each in archive.infolist() if not each.is_dir()]
    names = [each.filename for each in members]
    if "xl/workbook.xml" in names:
        sizes = {each.filename: each.file_size for each in members}
        return Content(content.name, file, file, is_seekable=True, members=sizes)
    check_members(names, content.name)
    member = members[names.index(_choose_member(names, content.name))]
    if member.flag_bits & 1:
        raise PricesError(f"{content.name} is encrypted. Unpack it with its password.")
    return content.replace(archive.open(member), is_checked=True)


def _choose_member(names: Sequence[str], name: str) -> str:
    """Return the name of the one file of prices in an archive."""
    files = [each for each in names if not JUNK.match(each)]
    tables = [each for each in files if PurePosixPath(each).suffix.lower() in TABLES]
    others = [each for each in tables if not DOCUMENTS.fullmatch(PurePosixPath(each).name)]
    for chosen in (files, tables, others):
        if len(chosen) == 1:
            return chosen[0]
    files = others or files
    shown = ", ".join(clean(each) for each in files[:3]) + ", ..." * (len(files) > 3)
    raise PricesError(
        f"{name} holds {len(files)} files. Use a zip file with one, or unpack it into a folder and "
        f"name that: each file is a symbol.{' They are: ' * bool(files)}{shown}"
    )


class _Bounded:
    """A file that refuses to read very much at once: an archive may claim any number of files."""

    def __init__(self, file: Any) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._read = file.read

    def read(self, size: int = -1) -> Any:
        if size > MOST_READ:
            raise ValueError(f"its list of files has {size:,} bytes")
        return self._read(size)


def name_series(path: Path) -> str:
    """Return the name of the series in a file.

    Parameters
    ----------
    path : Path
        A file, a pipe or standard input.

    Returns
    -------
    str
        Its name without the endings of its kind and its container; ``"stdin"`` and ``"pipe"``
        for what has none.

    Examples
    --------
    >>> name_series(Path("data/SPY.csv.gz")), name_series(Path("BRK.B.csv"))
    ('SPY', 'BRK.B')
    >>> name_series(Path("/dev/fd/63")), name_series(Path("-"))
    ('pipe', 'stdin')
    """
    if str(path) in (STDIN, "/dev/stdin", "/dev/fd/0"):
        return "stdin"
    return PIPE if DESCRIPTOR.fullmatch(str(path)) else strip_endings(path.name)


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
    if path.suffix.lower() not in COMPRESSED:
        return path.stem
    inner = Path(path.stem)
    return inner.stem if inner.suffix.lower() in TABLES else inner.name
