"""Jobs are run: series after series, in memory or in a directory, in which a job survives whatever happens to its process."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from pathlib import Path

from qmac._checks import check_count
from qmac.errors import OptionError, PricesError, ResultError, Stopped, WriteError
from qmac.jobs.job import Job
from qmac.jobs.monitor import SweepMonitor
from qmac.jobs.series_sweep import sweep
from qmac.results.collection import Results
from qmac.results.reader import load, result_reader, return_result
from qmac.results.result import Result
from qmac.results.writer import HEADER as RESULT
from qmac.runs import job_file
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER, describe_changes, prices_checksum
from qmac.runs.score_store import check_dtype
from qmac.runs.tasks import Task
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.execution.executor import Executor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.runtime.monitoring.progress_log import ProgressLog
from qmac.runtime.monitoring.status import JobProgress, Listener, join_listeners
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.machine import available_cpus
from qmac.runtime.resources.probes import Probe


def begin(job: Job, path: Path, save_grid: str | None = None) -> RunDirectory:
    """A new run directory for the job; ``save_grid`` is the type of scores to keep, float32 or float64.

    Raises
    ------
    ResultError : it cannot be written, or there is something in it: this run, to be resumed, or another.
    """
    path = path.expanduser()
    run = job.new_run(save_grid)
    if (path / HEADER).exists():
        header = RunDirectory.open(path).header
        prices = {name: prices_checksum(series) for name, series in job.prices.items()}
        kept = {name: entry.sha256 for name, entry in header.prices.items()}
        before, after = header.fingerprint.to_dict(), run.fingerprint.to_dict()
        different = describe_changes(before, after) + describe_changes(kept, prices, "prices")
        if different:
            more = f", and {len(different) - 1} more" if len(different) > 1 else ""
            raise ResultError(
                f"{path} holds another run: {different[0]}{more}. Name another directory, or go on with that one: "
                f"qmac resume {path}"
            )
        raise ResultError(
            f"{path} holds this very run. Go on with it, or see its result: qmac resume {path}"
        )
    try:
        return RunDirectory.create(path, run)
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error.strerror or error}. Make room, or name another directory."
        ) from None


def _check_place(executor: Executor | None, save_grid: str | None) -> None:
    if save_grid and isinstance(executor, ClusterExecutor):
        raise OptionError(
            "scores are written where they are found, and a cluster has no such place. Leave out save_grid."
        )


def kept_in(
    job: Job, out: str | Path | None, save_grid: str | None = None, executor: Executor | None = None
) -> RunDirectory | None:
    """A new run directory, or none; nothing is written for an executor that cannot be had."""
    _check_place(executor, save_grid)
    if isinstance(executor, ClusterExecutor):
        executor.connect()
    check_dtype(save_grid)
    if out is None:
        if save_grid is not None:
            raise OptionError(
                "save_grid keeps every score on disk, but no directory is given. Give one: out, or --out."
            )
        return None
    return begin(job, Path(out), save_grid)


def run(
    job: Job,
    directory: RunDirectory | None,
    limits: Limits,
    threads: int,
    progress: Listener | None = None,
    executor: Executor | None = None,
    *,
    retry_failed: bool = False,
) -> Results:
    """Do what is left of a job, on threads of this process or on another executor; cells that failed too, if wanted."""
    executor = executor or ThreadExecutor(threads)
    if directory is None:
        return _run(job, None, limits, executor, progress)
    _check_place(executor, directory.save_grid)
    with directory.locked():
        job_file.write(directory.path, directory.header)
        log = ProgressLog(directory.path / PROGRESS)
        state = "interrupted"
        try:
            results = _run(
                job,
                directory,
                limits,
                executor,
                join_listeners(log, progress),
                retry_failed=retry_failed,
            )
            state = "finished"
        except Stopped as error:
            state = str(error)
            raise
        finally:
            log.end(state)
        return results


def _run(
    job: Job, directory: RunDirectory | None, limits: Limits, executor: Executor, progress: Listener | None,
    *, retry_failed: bool = False,
) -> Results:  # fmt: skip
    read: dict[str, Callable[[], Result]] = {}
    incomplete: set[Task] = set()
    left_out: dict[str, Exception] = {}
    probe = Probe(
        None if directory is None else directory.path,
        children=not isinstance(executor, ClusterExecutor),
    )
    governor = Governor(limits, probe, executor.threads)
    if directory is not None and (
        retry_failed or not all((directory.result(task) / RESULT).exists() for task in job.tasks)
    ):
        governor.admit_disk("save_grid" if directory.save_grid else None)
    listener = None if progress is None else JobProgress(progress, _bars(job, directory))
    for task in job.tasks:
        name = task.name
        done = None if directory is None else _done(directory, task)
        if directory is not None and done is not None and not (done.failed and retry_failed):
            if directory.scores(
                task
            ).exists():  # a process was killed when only the result was there
                directory.move_scores(task)
            incomplete |= {task} if done.failed else set()
            read[name] = result_reader(directory, task)
            continue
        try:
            series = job.prepare(job.series(task))
            spec = job.build_spec(series)
            if listener is not None:
                listener.begin(name)
            keeper = SweepMonitor(
                task, spec.objective, job.request.grid.size, governor, listener, directory
            )
            with keeper.admitted(series, job.request.grid, spec):
                result = sweep(series, job.request.grid, spec, executor, keeper)
        except WriteError:
            raise
        except (
            OptionError,
            PricesError,
            ResultError,
        ) as error:  # it does not fit into memory, or its file is damaged
            if job.strict or len(job.prices) == 1:
                raise
            warnings.warn(f"left out: {name}: {error}", stacklevel=2)
            left_out[name] = error
            incomplete.add(task)
            if directory is not None:
                directory.set_aside(task)
            continue
        if directory is None:
            read[name] = functools.partial(return_result, result)
            continue
        if result.failed:
            incomplete.add(task)
            directory.set_aside(task)
        directory.drop_result(task)  # that lacked cells
        dataclasses.replace(result, source=None).save(
            directory.result(task)
        )  # the prices are in the directory
        directory.move_scores(task)
        directory.drop_snapshots()
        read[name] = result_reader(directory, task)
    if directory is not None:
        directory.drop_snapshots()  # those that a killed process could not
        directory.drop_set_aside(but=incomplete)
    if left_out and not read:
        raise next(iter(left_out.values()))
    return Results(read, {**job.left_out, **{name: str(error) for name, error in left_out.items()}})


def _bars(job: Job, directory: RunDirectory | None) -> dict[str, int]:
    """Of each series; prices that lie in a directory are not read for it."""
    if directory is None:
        return {name: len(series) for name, series in job.prices.items()}
    return {name: entry.bars for name, entry in directory.header.prices.items()}


def _done(directory: RunDirectory, task: Task) -> Result | None:
    """The result, if there is a sound one; one that is not is done again."""
    if (directory.result(task) / RESULT).exists():
        try:
            return load(directory.result(task))
        except ResultError as error:
            warnings.warn(f"{error} {task.name} is done again.", stacklevel=2)
    directory.drop_result(task)
    return None


def threads_of(limits: Limits, threads: int | None = None) -> int:
    """Threads that a run starts with."""
    return check_count(
        "threads", (limits.threads or available_cpus()) if threads is None else threads, 1
    )
