"""The result of a job in memory becomes one of the last results, if it is small."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from qmac.errors import QmacError, collect_warnings
from qmac.jobs.job import Job
from qmac.jobs.result_sink import DirectorySink, write_beside
from qmac.results.collection import Results
from qmac.runs.creation import prices_file
from qmac.runs.directory import RunDirectory
from qmac.runs.last_results import add_last_result, read_count
from qmac.storage.files import look_up

MOST_BYTES = 64 << 20
"""Most that a last result takes on the disk."""
BAR_BYTES = 48
"""Six numbers of prices, before they are compressed."""


class Stored(NamedTuple):
    """Whether the result of a job is the last result now."""

    is_stored: bool
    is_too_large: bool = False
    reason: str = ""
    """Why it is not."""


class _TooLargeError(Exception):
    pass


def store_last_result(job: Job, results: Results) -> Stored:
    """Store the result of a job as the last one; whatever prevents it is no error.

    Parameters
    ----------
    job : Job
        Request and series.
    results : Results
        Of the job, in memory.

    Returns
    -------
    Stored
        Whether it is stored.
    """
    if not read_count():
        return Stored(is_stored=False)
    try:
        with collect_warnings():
            _store(job, results)
    except _TooLargeError:
        reason = f"it takes more than {MOST_BYTES >> 20} MiB"
        return Stored(is_stored=False, is_too_large=True, reason=reason)
    except OSError as error:
        return Stored(is_stored=False, reason=f"{error.filename}: {error.strerror}")
    except (QmacError, MemoryError) as error:
        return Stored(is_stored=False, reason=str(error).removesuffix("."))
    return Stored(is_stored=True)


def _store(job: Job, results: Results) -> None:
    size = BAR_BYTES * sum(job.count_bars(task) for task in job.tasks)
    _check(size)
    with add_last_result(list(job.prices)) as path:
        directory = RunDirectory.create(path, job.new_run())
        size = _measure(prices_file(path, symbol) for symbol in job.prices)
        _check(size)
        sink = DirectorySink(job, directory)
        with sink.opened(None):
            for task in job.tasks:
                if task.name in results:
                    written = write_beside(directory, task, results[task.name])
                    size += _measure(written.staged.scratch / name for name in written.staged.names)
                    _check(size)
                    sink.store(task, written)
            sink.finish()


def _measure(files: Iterable[Path]) -> int:
    """Return the bytes of files."""
    return sum(status.st_size for status in map(look_up, files) if status is not None)


def _check(size: int) -> None:
    if size > MOST_BYTES:
        raise _TooLargeError
