"""Records of parts that are done: one file that is only appended to, a line of JSON each.

The first line is the question that they answer, which never changes. Each line has a checksum: of a
process or machine that stopped at any moment, at most the last lines are lost, and a line that is
torn is passed over.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from qmac.errors import InputError, ResultError, warn
from qmac.runs.header import describe_changes
from qmac.storage.atomic import write_whole
from qmac.storage.files import (
    look_up,
    make_directories,
    open_to_change,
    read_at,
    read_bytes,
    remove_directory,
    remove_file,
)
from qmac.storage.json_text import compute_checksum
from qmac.storage.refusals import describe_damage, describe_refusal

FORMAT = 1
"""Version of the file; a number in its first line."""
MOST_BYTES = 2**28
"""Of a file that is read: more than a million records."""
SYNC_SECONDS = 10.0
"""Between two syncs at most, while records come."""
ELAPSED = "s"
"""Entry of a line: seconds of all processes up to there. Earlier versions wrote none. It is short
because a line is written for each record."""
CHECKSUM_CHARACTERS = 16
"""Of the SHA-256 of a record, which guards against damage only."""
T = TypeVar("T")


class Record(NamedTuple):
    """The best score of one random market."""

    null: str
    """Null hypothesis by which it was drawn."""
    number: int
    """Of the resample, from 0."""
    score: float
    """The higher the better; -inf where no combination was scored."""


@dataclass(frozen=True)
class RecordKind(Generic[T]):
    """What the records of a file are, and how they are written."""

    noun: str
    """Of several of them."""
    to_values: Callable[[T], dict[str, Any]]
    """Returns plain values of JSON."""
    from_values: Callable[[dict[str, Any]], T]
    """Returns the record again; fails in any way where it is none."""

    @property
    def advice(self) -> str:
        """What to do about a damaged file."""
        return (
            f"Put back what qmac wrote, or remove the file: its {self.noun} are then computed "
            "again."
        )


class RecordFile(Generic[T]):
    """The records of one question.

    Parameters
    ----------
    path : Path
        The file, which need not exist.
    question : mapping
        Everything that the records follow from, as plain values of JSON.
    kind : RecordKind
        What they are.
    """

    def __init__(self, path: Path, question: Mapping[str, Any], kind: RecordKind[T]) -> None:
        self.path = path
        self._kind = kind
        self._question = json.loads(json.dumps(question))  # as it is read
        self._pending: deque[T] = deque()
        self._descriptor: int | None = None
        self._synced = 0.0
        self._earlier_seconds = 0.0
        """Of processes before this one, up to the last record of each."""
        self._began: float | None = None
        self._is_refused = False
        """Whether the disk refused the last write."""

    @property
    def elapsed(self) -> float:
        """Seconds for which processes held the file open, those before this one among them."""
        present = 0.0 if self._began is None else time.monotonic() - self._began
        return self._earlier_seconds + present

    def read(self) -> list[T]:
        """Read the records that are whole.

        Returns
        -------
        list of records
            In the order in which they were written; empty if there is no file.

        Raises
        ------
        ResultError
            If the file answers another question, or is damaged in its first line.
        """
        try:
            first, *lines = read_bytes(self.path, MOST_BYTES).split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            reason = describe_damage(error)
            raise ResultError(f"{self.path} cannot be read: {reason}.", self._kind.advice) from None
        self._check_question(first)
        records = [self._read_record(line) for line in lines if line]
        return [record for record in records if record is not None]

    def _check_question(self, line: bytes) -> None:
        """Refuse a file that answers another question."""
        try:
            header = json.loads(line)
            if header["checksum"] != compute_checksum(header):
                raise ValueError("its checksum differs")
            before, number = header["question"], header["format"]
        except Exception as error:  # an untrusted file can fail in any way
            reason = describe_damage(error)
            raise ResultError(f"{self.path} is damaged: {reason}.", self._kind.advice) from None
        changes = describe_changes(before, self._question)
        if number != FORMAT:
            changes = [f"its format is {number}, not {FORMAT}"]
        if changes:
            more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
            raise ResultError(
                f"{self.path} holds the {self._kind.noun} of another question: {changes[0]}{more}.",
                "Ask that one again, or name another directory for this one: out, or --out DIR.",
            )

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the file open for new records; those that are pending are written at the end.

        A new file is removed again where the block is refused and has added nothing.

        Yields
        ------
        None
            While records can be added.

        Raises
        ------
        WriteError
            If the disk refuses the file, or the last records.
        """
        self._began = time.monotonic()
        is_new = look_up(self.path) is None
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise describe_refusal(self.path, error, "file") from None
        try:
            yield
            self._write()
            os.fsync(self._descriptor)
        except OSError as error:
            raise describe_refusal(self.path, error, "file") from None
        except BaseException:
            self.write_pending(is_last=True)
            raise
        finally:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
            if is_new and isinstance(sys.exception(), InputError):
                self._remove_empty()

    def _remove_empty(self) -> None:
        """Remove a file without a record, and the folders that were made for it."""
        with suppress(OSError, ResultError):
            if read_bytes(self.path, MOST_BYTES).count(b"\n") == 1:
                remove_file(self.path)
                for folder in (self.path.parent, self.path.parent.parent):
                    remove_directory(folder)  # if nothing else is in it

    def _open(self) -> int:
        """Return the descriptor of the file, which has a first line and ends with a line break."""
        if look_up(self.path) is None:
            header: dict[str, Any] = {"format": FORMAT, "question": self._question}
            header["checksum"] = compute_checksum(header)
            make_directories(self.path.parent)
            write_whole(self.path, [json.dumps(header).encode() + b"\n"])
        descriptor = open_to_change(self.path)
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size and read_at(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")
        self._synced = time.monotonic()
        return descriptor

    def add(self, record: T) -> None:
        """Take a record, which is written soon; any thread may call it.

        Parameters
        ----------
        record : object
            What no other record of the file is about.
        """
        self._pending.append(record)

    def write_pending(self, *, is_last: bool = False) -> None:
        """Write what is pending; it is synced every ten seconds.

        Where the disk refuses it, a warning is issued, and it is tried again in ten seconds.

        Parameters
        ----------
        is_last : bool
            Whether it is not tried again, and synced now.
        """
        now = time.monotonic()
        is_due = is_last or now - self._synced >= SYNC_SECONDS
        if self._descriptor is None or (self._is_refused and not is_due):
            return
        try:
            self._write()
            if is_due:
                self._synced = now
                os.fsync(self._descriptor)
            self._is_refused = False
        except OSError as error:
            self._synced = now
            self._warn(error, is_last=is_last)

    def _warn(self, error: OSError, *, is_last: bool) -> None:
        if is_last or not self._is_refused:
            end = "they are lost." if is_last else "they are tried again, and the run continues."
            reason = error.strerror or error
            warn(
                f"{self._kind.noun} could not be written to {self.path} ({reason}); {end}",
                stacklevel=3,
            )
        self._is_refused = True

    def _write(self) -> None:
        """Write what is pending, all of it or, on an error, the first of it."""
        assert self._descriptor is not None
        records = list(self._pending)
        left = memoryview(b"".join(map(self._format_record, records)))
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            with suppress(OSError):  # what was torn ends, and all is written again
                os.write(self._descriptor, b"\n")
            raise
        for _ in records:
            self._pending.popleft()

    def _format_record(self, record: T) -> bytes:
        values = self._kind.to_values(record) | {ELAPSED: round(self.elapsed, 1)}
        values["checksum"] = compute_checksum(values)[:CHECKSUM_CHARACTERS]
        return json.dumps(values, separators=(",", ":")).encode() + b"\n"

    def _read_record(self, line: bytes) -> T | None:
        """Return the record of a line, or None for one that is not whole."""
        with suppress(Exception):  # a damaged line can fail in any way
            values = json.loads(line)
            checksum = compute_checksum(values)[:CHECKSUM_CHARACTERS]
            if values.pop("checksum") == checksum:
                self._note_seconds(values.pop(ELAPSED, 0.0))
                return self._kind.from_values(values)
        return None

    def _note_seconds(self, seconds: Any) -> None:
        """Take over the seconds of a line of an earlier process, which may say anything."""
        if self._began is None and isinstance(seconds, int | float) and math.isfinite(seconds):
            self._earlier_seconds = max(self._earlier_seconds, float(seconds))


def _build_values(record: Record) -> dict[str, Any]:
    score = record.score if math.isfinite(record.score) else None
    return {"null": record.null, "number": record.number, "score": score}


def _build_record(values: dict[str, Any]) -> Record:
    null, number, score = values["null"], values["number"], values["score"]
    is_score = score is None or (type(score) is float and math.isfinite(score))
    if not (isinstance(null, str) and type(number) is int and number >= 0 and is_score):
        raise ValueError("it is no score of a random market")
    return Record(null, number, -math.inf if score is None else score)


RESAMPLES = RecordKind("resamples", _build_values, _build_record)
"""Best scores of random markets."""
