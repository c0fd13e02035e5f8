"""Where the number of tries of a run is written, beside its luck.

::

    DIR/luck/SPY/tries-1.jsonl   a line for each random market of seed 1
                 tries.json      what they say, written whole once it is known
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from qmac.errors import ResultError, warn
from qmac.results.reader import TRIES
from qmac.robustness.answer_file import write_answer
from qmac.robustness.luck.store import describe_question
from qmac.robustness.markets.resampling import DRIFTLESS
from qmac.robustness.record_store import MemoryRecords, RecordDirectory, RecordStore, find_task
from qmac.robustness.tries.answer import Tries, read_tries
from qmac.runs.directory import RunDirectory
from qmac.runs.header import Identity
from qmac.runs.records import RESAMPLES, Record, RecordFile
from qmac.runs.tasks import Task
from qmac.storage.files import look_up, make_directories, resolve_typed
from qmac.storage.json_text import compute_checksum
from qmac.storage.refusals import describe_refusal


def compute_question(identity: Identity, seed: int, resamples: int) -> str:
    """Return the checksum of everything that the number of tries follows from.

    Parameters
    ----------
    identity : Identity
        Request, kernels and prices of the result.
    seed : int
        Of the random words.
    resamples : int
        Number of random markets.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    return compute_checksum(_describe_markets(identity, seed) | {"resamples": resamples})


def _describe_markets(identity: Identity, seed: int) -> dict[str, Any]:
    """Return everything that the best scores of random markets without drift follow from."""
    return describe_question(identity, seed) | {"markets": DRIFTLESS}


def build_store(out: Path | None, identity: Identity, seed: int) -> RecordStore[Record]:
    """Return where the scores of random markets go; nothing is written yet.

    Parameters
    ----------
    out : Path or None
        Directory of the run; None for memory.
    identity : Identity
        Request, kernels and prices of the result.
    seed : int
        Of the random words; each has a file of its own.

    Returns
    -------
    RecordStore
        One for memory or for the directory.

    Raises
    ------
    ResultError
        If the directory is not that of the run.
    """
    if out is None:
        return MemoryRecords[Record]()
    run, folder = _find_folder(out, identity)
    question = _describe_markets(identity, seed)
    records = RecordFile(folder / f"tries-{seed}.jsonl", question, RESAMPLES)
    return RecordDirectory(run.path, records, run)


def find_file(out: Path, identity: Identity) -> Path:
    """Return where the number of tries of a result is written.

    Parameters
    ----------
    out : Path
        Directory of its run.
    identity : Identity
        Request, kernels and prices of the result.

    Returns
    -------
    Path
        The file, which need not be there.

    Raises
    ------
    ResultError
        If the directory is not that of the run.
    """
    return _find_folder(out, identity)[1] / TRIES


def _find_folder(out: Path, identity: Identity) -> tuple[RunDirectory, Path]:
    """Return the run in a directory, and the folder of a result's answers in it."""
    try:
        run = RunDirectory.open(resolve_typed(out).absolute())
    except OSError as error:
        raise describe_refusal(out, error) from None
    return run, run.luck(find_task(run, identity))


def read_same(path: Path, question: str) -> Tries | None:
    """Read the answer to a question, if it is there.

    Parameters
    ----------
    path : Path
        Where it would be.
    question : str
        What ``compute_question`` returned.

    Returns
    -------
    Tries or None
        None where the file is missing, damaged, or of another question.
    """
    with suppress(ResultError):
        stored = read_tries(path)
        if stored.question == question:
            return stored
    return None


def store_tries(tries: Tries, path: Path, identity: Identity) -> None:
    """Write an answer into a run directory, unless it is there, or one of more random markets.

    Parameters
    ----------
    tries : Tries
        The answer.
    path : Path
        What ``find_file`` returned.
    identity : Identity
        Request, kernels and prices of the result.

    Raises
    ------
    WriteError
        If the system refuses it.
    """
    with suppress(ResultError):
        stored = read_tries(path)
        size = stored.values.size
        is_sound = stored.question == compute_question(identity, stored.seed, size)
        if is_sound and size > tries.values.size:
            warn(
                f"{path} stays as it is: it counts {size} random markets, and this answer "
                f"{tries.values.size}.",
                stacklevel=2,
            )
            return
    try:
        make_directories(path.parent)
    except OSError as error:
        raise describe_refusal(path.parent, error) from None
    write_answer(tries, path)


def read_task_tries(run: RunDirectory, task: Task) -> Tries | None:
    """Read how many tries the search of a task is worth.

    Parameters
    ----------
    run : RunDirectory
        The run.
    task : Task
        One of its tasks.

    Returns
    -------
    Tries or None
        None where it was not counted.

    Raises
    ------
    ResultError
        If the file is damaged, or is the answer of another question.
    """
    path = run.luck(task) / TRIES
    try:
        if look_up(path) is None:
            return None
    except OSError as error:
        raise describe_refusal(path, error, "file") from None
    tries = read_tries(path)
    identity = run.header.identify(task)
    if tries.question != compute_question(identity, tries.seed, tries.values.size):
        raise ResultError(f"{path} is the answer of another question.", "Move it elsewhere.")
    return tries
