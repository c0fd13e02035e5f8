"""Where the folds of a walk-forward go: into memory, or a directory that survives the process.

::

    DIR/forward/SPY/folds.jsonl    a line for each sweep; beside run.json, DIR is that of the run
                    forward.json   what they say, written whole once it is known

In a directory without a run, these files lie in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qmac.errors import ResultError
from qmac.results.reader import FORWARD
from qmac.robustness.answer_file import read_stored, write_answer
from qmac.robustness.fold_sweep import FOLDS, FoldRecord
from qmac.robustness.forward import Forward, read_forward
from qmac.robustness.luck_store import find_task
from qmac.robustness.record_store import MemoryRecords, RecordDirectory, RecordStore, check_names
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER, Identity
from qmac.runs.records import RecordFile
from qmac.runs.tasks import Task
from qmac.storage.files import look_up, resolve_typed
from qmac.storage.lock import LOCK
from qmac.storage.refusals import describe_refusal

RECORDS = "folds.jsonl"
FILES = {RECORDS, FORWARD, LOCK, PROGRESS}
"""All files of a directory without a run."""
TOP = 100
"""Best rows of each train: a part of what is asked, as of ``qmac.optimize``."""
AGAIN = "Move it elsewhere, and run qmac walk-forward again."


def describe_question(identity: Identity, layout: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that a walk-forward follows from.

    Parameters
    ----------
    identity : Identity
        Request, kernels and prices.
    layout : mapping
        How bars are divided into folds.

    Returns
    -------
    dict
        Plain values; the number of top rows is always the same.
    """
    return identity.to_dict() | {"top": TOP, "folds": dict(layout)}


def build_store(
    out: Path | None, identity: Identity, question: Mapping[str, Any]
) -> tuple[RecordStore[FoldRecord], Path | None]:
    """Return where records go, and the file of the answer; nothing is written yet.

    Parameters
    ----------
    out : Path or None
        A run directory, or another one; None for memory.
    identity : Identity
        Request, kernels and prices.
    question : mapping
        Everything that the folds follow from.

    Returns
    -------
    store : RecordStore
        One for memory or for the directory.
    answer : Path or None
        None for memory.

    Raises
    ------
    ResultError
        If the directory holds another run, or anything else.
    """
    if out is None:
        return MemoryRecords[FoldRecord](), None
    try:
        path = resolve_typed(out).absolute()
        if look_up(path / HEADER) is None:
            check_names(path, FILES, "Name a new directory, or that of the run.")
            return RecordDirectory(path, RecordFile(path / RECORDS, question, FOLDS)), (
                path / FORWARD
            )
    except OSError as error:
        raise describe_refusal(out, error) from None
    run = RunDirectory.open(path)
    folder = run.forward(find_task(run, identity))
    records = RecordFile(folder / RECORDS, question, FOLDS)
    return RecordDirectory(path, records, run), folder / FORWARD


def store_forward(forward: Forward, path: Path) -> Forward:
    """Write an answer, unless it is there.

    Parameters
    ----------
    forward : Forward
        The answer.
    path : Path
        Its file.

    Returns
    -------
    Forward
        The one that is stored: it says how long it took when it was computed.

    Raises
    ------
    WriteError
        If the system refuses it.
    """
    with suppress(ResultError):
        stored = read_forward(path)
        if stored.digest == forward.digest:
            return stored
    write_answer(forward, path)
    return forward


def read_task_forward(run: RunDirectory, task: Task) -> Forward | None:
    """Read the walk-forward of a task of a run.

    Parameters
    ----------
    run : RunDirectory
        The run.
    task : Task
        One of its tasks.

    Returns
    -------
    Forward or None
        None where it is not known yet.

    Raises
    ------
    ResultError
        If the file is damaged, or is the answer of another question.
    """
    identity = run.header.identify(task)
    return read_stored(
        run.forward(task) / FORWARD,
        read_forward,
        lambda forward: describe_question(identity, forward.layout),
        AGAIN,
    )
