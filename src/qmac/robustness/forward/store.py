"""Where the folds of a walk-forward go: into memory, or a directory that survives the process.

::

    DIR/forward/SPY/folds.jsonl    a line for each sweep; beside run.json, DIR is that of the run
                    forward.json   what they say, written whole once it is known

A new directory becomes a run. In one of an earlier version, which is none, these files lie
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qmac.errors import ResultError
from qmac.jobs.job import Job
from qmac.jobs.runner import create_directory
from qmac.results.reader import FORWARD
from qmac.robustness.answer_file import read_stored, write_answer
from qmac.robustness.forward.answer import Forward, read_forward
from qmac.robustness.forward.fold_sweep import FOLDS, FoldRecord
from qmac.robustness.record_store import (
    MemoryRecords,
    RecordDirectory,
    RecordStore,
    check_names,
    find_task,
)
from qmac.robustness.symbol_answers import is_run
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER, Identity, describe_changes
from qmac.runs.records import RecordFile
from qmac.runs.tasks import Task
from qmac.runtime.execution.executor import Executor
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


def begin_run(job: Job, folds: Mapping[str, Any], place: Path, executor: Executor) -> None:
    """Make a new directory a run, which ``qmac resume`` goes on with.

    One that holds a run, or folds of an earlier version, stays as it is.

    Parameters
    ----------
    job : Job
        Request and series.
    folds : mapping
        How bars are divided into folds.
    place : Path
        The directory.
    executor : Executor
        Where the job is to run.

    Raises
    ------
    ResultError
        If the directory holds anything else.
    WriteError
        If the disk refuses it.
    """
    folders = [place, *(place / task.key for task in job.tasks)]
    if not is_run(place) and not any(map(_holds_folds, folders)):
        create_directory(job, place, None, executor, folds=folds)


def _holds_folds(folder: Path) -> bool:
    """Return whether folds of an earlier version lie in a directory."""
    try:
        path = resolve_typed(folder)
        return any(look_up(path / name) is not None for name in (RECORDS, FORWARD))
    except OSError as error:
        raise describe_refusal(folder, error) from None


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
    _check_folds(run, question["folds"])
    folder = run.forward(find_task(run, identity))
    records = RecordFile(folder / RECORDS, question, FOLDS)
    return RecordDirectory(path, records, run), folder / FORWARD


def _check_folds(run: RunDirectory, folds: Mapping[str, Any]) -> None:
    """Refuse a walk-forward whose folds are others."""
    before = run.header.folds
    changes = [] if before is None else describe_changes(before, dict(folds), "folds")
    if changes:
        more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
        raise ResultError(
            f"{run.path} holds the folds of another question: {changes[0]}{more}. Name another "
            "directory for these: out, or --out DIR."
        )


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
