"""Where scores of random markets go: into memory, or a directory that survives the process.

::

    DIR/luck/SPY/records.jsonl   a line for each resample; beside run.json, DIR is that of the run
                 luck.json       what they say, written whole once it is known
                 luck.parquet    the scores that count, for other programs

In a directory without a run, these files lie in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from qmac.errors import ResultError, warn
from qmac.results.reader import LUCK
from qmac.robustness.answer_file import read_stored, write_answer
from qmac.robustness.luck.answer import Luck, read_luck
from qmac.robustness.record_store import (
    MemoryRecords,
    RecordDirectory,
    RecordStore,
    check_names,
    find_task,
)
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER, Identity
from qmac.runs.records import RESAMPLES, Record, RecordFile
from qmac.runs.tasks import Task
from qmac.storage.atomic import write_whole
from qmac.storage.files import is_file, look_up, resolve_typed
from qmac.storage.lock import LOCK
from qmac.storage.refusals import describe_refusal

RECORDS, ANSWER, SCORES = "records.jsonl", LUCK, "luck.parquet"
PLAIN: dict[str, Any] = {
    "use_dictionary": ["null"],
    "write_statistics": False,
    "store_schema": False,
}
"""Options of Parquet without which the file of a few hundred scores has twice the size."""
Read = TypeVar("Read")
AGAIN = "Move it elsewhere, and run qmac luck again."
FILES = {RECORDS, ANSWER, SCORES, LOCK, PROGRESS}
"""All files of a directory without a run."""


class LuckStore(RecordStore[Record], Protocol):
    """Where the scores of random markets go."""

    def store(self, luck: Luck, /) -> Luck: ...


class MemoryLuckStore(MemoryRecords[Record]):
    """Writes nothing."""

    def store(self, luck: Luck) -> Luck:
        """Return the answer.

        Parameters
        ----------
        luck : Luck
            The answer.

        Returns
        -------
        Luck
            The same.
        """
        return luck


class DirectoryLuckStore(RecordDirectory[Record]):
    """Writes records and answer into a directory, which is locked meanwhile.

    Parameters
    ----------
    path : Path
        A run directory, or another one; no part of it is a link.
    identity : Identity
        Request, kernels and prices of the result that is asked about.
    question : mapping
        Everything that the scores follow from.

    Raises
    ------
    ResultError
        If the directory holds another run, or anything else.
    """

    def __init__(self, path: Path, identity: Identity, question: Mapping[str, Any]) -> None:
        run, folder = None, path
        if look_up(path / HEADER) is not None:
            run = RunDirectory.open(path)
            folder = run.luck(find_task(run, identity))
        else:
            check_names(path, FILES, "Name a new directory, or that of the run.")
        self._answer = folder / ANSWER
        super().__init__(path, RecordFile(folder / RECORDS, question, RESAMPLES), run)

    def store(self, luck: Luck) -> Luck:
        """Write the answer, unless it is there, or one of more random markets.

        Without this rule the p that was stored could be asked for again with fewer markets, until
        it is small.

        Parameters
        ----------
        luck : Luck
            The answer.

        Returns
        -------
        Luck
            The same answer; where it is stored, that one: it says how long it took when it was
            computed.

        Raises
        ------
        WriteError
            If the system refuses it.
        """
        scores = self._answer.with_name(SCORES)
        with suppress(ResultError):
            stored = read_luck(self._answer)
            is_same = (stored.digest, stored.tried) == (luck.digest, luck.tried)
            if is_same and stored.stop_after == luck.stop_after and is_file(scores):
                return stored
            if _counts_less(luck, stored):
                warn(
                    f"{self._answer} stays as it is: it counts more random markets than this "
                    "answer. To store this one, too, name another directory: out, or --out DIR.",
                    stacklevel=2,
                )
                return luck
        _write_scores(luck, scores)
        write_answer(luck, self._answer)
        return luck


def _counts_less(luck: Luck, stored: Luck) -> bool:
    """Whether an answer lacks random markets that count in the stored one."""
    sizes = {null: scores.size for null, scores in luck.scores_by_null.items()}
    before = stored.scores_by_null.items()
    return any(sizes.get(null, 0) < scores.size for null, scores in before)


def _write_scores(luck: Luck, path: Path) -> None:
    content = io.BytesIO()
    luck.scores.to_parquet(content, index=False, **PLAIN)
    try:
        write_whole(path, [content.getbuffer()])
    except OSError as error:
        raise describe_refusal(path, error, "file") from None


def describe_question(identity: Identity, seed: int) -> dict[str, Any]:
    """Return everything that the best scores of random markets follow from.

    Parameters
    ----------
    identity : Identity
        Request, kernels and prices of the result.
    seed : int
        Of the random words.

    Returns
    -------
    dict
        Plain values; the number of top rows is not among them.
    """
    question = identity.to_dict() | {"seed": seed}
    del question["top"]
    return question


def read_answer(run: RunDirectory, task: Task) -> Luck | None:
    """Read what random markets say of the result of a task.

    Parameters
    ----------
    run : RunDirectory
        The run.
    task : Task
        One of its tasks.

    Returns
    -------
    Luck or None
        None where it is not known yet.

    Raises
    ------
    ResultError
        If the file is damaged, or is the answer of another question.
    """
    identity = run.header.identify(task)
    return read_stored(
        run.luck(task) / ANSWER,
        read_luck,
        lambda luck: describe_question(identity, luck.seed),
        AGAIN,
    )


def read_answers(
    directory: Path, names: Iterable[str], read: Callable[[RunDirectory, Task], Read | None]
) -> dict[str, Read]:
    """Read what random markets say of the results in a directory.

    Parameters
    ----------
    directory : Path
        A run directory, or that of a result, which has no answers.
    names : iterable of str
        Symbols whose results are read.
    read : callable
        ``read_answer``, or another one of the kind.

    Returns
    -------
    dict
        Those that are known; a warning says which one is damaged.
    """
    path = resolve_typed(directory).absolute()
    if look_up(path / HEADER) is None:
        return {}
    run, wanted = RunDirectory.open(path), set(names)
    answers = {}
    for task in run.tasks:
        if task.name not in wanted:
            continue
        try:
            answer = read(run, task)
        except ResultError as error:
            warn(error, stacklevel=2)
            continue
        if answer is not None:
            answers[task.name] = answer
    return answers


def build_store(out: Path | None, identity: Identity, question: Mapping[str, Any]) -> LuckStore:
    """Return where the scores of random markets go; nothing is written yet.

    Parameters
    ----------
    out : Path or None
        A directory; None for memory.
    identity : Identity
        Request, kernels and prices of the result that is asked about.
    question : mapping
        Everything that the scores follow from.

    Returns
    -------
    LuckStore
        One for memory or for the directory.

    Raises
    ------
    ResultError
        If the directory holds another run, or anything else.
    """
    if out is None:
        return MemoryLuckStore()
    try:
        return DirectoryLuckStore(resolve_typed(out).absolute(), identity, question)
    except OSError as error:
        raise describe_refusal(out, error) from None
