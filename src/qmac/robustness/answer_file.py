"""Answers of random markets as files of JSON: whole or absent, and checked when they are read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

from qmac._checks import check_path
from qmac.errors import ResultError
from qmac.storage.atomic import write_whole
from qmac.storage.files import look_up, read_bytes, resolve_typed
from qmac.storage.json_text import compute_checksum
from qmac.storage.refusals import describe_damage, describe_refusal, is_fault

FORMAT = 1
"""Version of the files; a number in them."""

Read = TypeVar("Read")


class WithQuestion(Protocol):
    """An answer that knows its question."""

    @property
    def question(self) -> str: ...


Stored = TypeVar("Stored", bound=WithQuestion)


class Answer(Protocol):
    """What can be written."""

    def to_dict(self) -> dict[str, Any]: ...


class StoredAnswer(ABC):
    """An answer that can be written into a file, and is built from it again.

    The file has a summary under the name of the kind, what the answer follows from, and a
    checksum of both.
    """

    kind: ClassVar[str]
    """Entry of the summary."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Checksum of question and values."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Return the figures, for JSON."""

    @abstractmethod
    def _pack(self) -> dict[str, Any]:
        """Return what the answer follows from, beside its summary, as plain values."""

    @classmethod
    @abstractmethod
    def _unpack(cls, values: Mapping[str, Any]) -> Self:
        """Build an answer from what ``to_dict`` returned; fails in any way where it is none."""

    def save(self, path: str | Path) -> Path:
        """Write the answer into a file of JSON, all or nothing; ``qmac.load`` reads it.

        Parameters
        ----------
        path : str or Path
            The file; an older one is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        WriteError
            If the system refuses it.
        """
        return save_answer(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, with a checksum.

        Returns
        -------
        dict
            ``from_dict`` builds the same answer from it.
        """
        return seal({self.kind: self.summary()} | self._pack())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build an answer from plain values of an untrusted file.

        Parameters
        ----------
        values : mapping
            What ``to_dict`` returned.

        Returns
        -------
        StoredAnswer
            The same answer.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            If it is anything else.
        """
        check_seal(values)
        answer = cls._unpack(values)
        if answer.digest != values[cls.kind]["digest"]:
            raise ValueError("its digest differs")
        return answer


def seal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values with their format and checksum.

    Parameters
    ----------
    values : mapping
        Plain values, for JSON.

    Returns
    -------
    dict
        ``check_seal`` accepts it.
    """
    sealed = {"format": FORMAT} | dict(values)
    return sealed | {"checksum": compute_checksum(sealed)}


def check_seal(values: Mapping[str, Any]) -> None:
    """Check that plain values of an untrusted file are as they were written.

    Parameters
    ----------
    values : mapping
        What ``seal`` returned.

    Raises
    ------
    ValueError, TypeError, KeyError
        If they are anything else.
    """
    if values["checksum"] != compute_checksum(values):
        raise ValueError("its checksum differs")
    if values["format"] != FORMAT:
        raise ValueError(f"its format is {values['format']}, not {FORMAT}")


def save_answer(answer: Answer, path: str | Path) -> Path:
    """Write an answer into a file that a user names, all or nothing.

    Parameters
    ----------
    answer : Answer
        Any of them.
    path : str or Path
        The file; an older one is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    WriteError
        If the system refuses it.
    """
    path = check_path("path", path, is_new=True)
    try:
        path = resolve_typed(path).absolute()
    except OSError as error:
        raise describe_refusal(path, error, "file") from None
    write_answer(answer, path)
    return path


def write_answer(answer: Answer, path: Path) -> None:
    """Write an answer into a file, all or nothing.

    Parameters
    ----------
    answer : Answer
        Any of them.
    path : Path
        The file; no part of it is a link.

    Raises
    ------
    WriteError
        If the system refuses it.
    """
    try:
        write_whole(path, [json.dumps(answer.to_dict()).encode()])
    except OSError as error:
        raise describe_refusal(path, error, "file") from None


def read_file(path: Path, build: Callable[[Mapping[str, Any]], Read], again: str) -> Read:
    """Read an answer from a file.

    Parameters
    ----------
    path : Path
        The file; no part of it is a link.
    build : callable
        Builds the answer from plain values, or fails.
    again : str
        How a damaged one is computed again.

    Returns
    -------
    object
        What ``build`` returns.

    Raises
    ------
    ResultError
        If there is none, or it is damaged.
    """
    try:
        return build(json.loads(read_bytes(path)))
    except FileNotFoundError:
        raise ResultError(f"{path}: there is no such file. Check the path.") from None
    except Exception as error:  # an untrusted file can fail in any way
        if is_fault(error):
            raise
        raise ResultError(f"{path} is damaged: {describe_damage(error)}.", again) from None


def read_stored(
    path: Path, read: Callable[[Path], Stored], build_question: Callable[[Stored], Any], advice: str
) -> Stored | None:
    """Read an answer of a run, if it is that of the present question.

    Parameters
    ----------
    path : Path
        Its file.
    read : callable
        Reads the file.
    build_question : callable
        Returns the plain values of the present question, from what the answer says of its settings.
    advice : str
        What to do about a file that is refused.

    Returns
    -------
    object or None
        None where there is no file.

    Raises
    ------
    ResultError
        If the file is damaged, or is the answer of another question.
    """
    try:
        if look_up(path) is None:
            return None
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {describe_damage(error)}.", advice) from None
    answer = read(path)
    if answer.question != compute_checksum(build_question(answer)):
        raise ResultError(f"{path} is the answer of another question.", advice)
    return answer
