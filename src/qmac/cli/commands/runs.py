"""Commands that begin runs, go on with them, and look at them."""

from __future__ import annotations

import os
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

import qmac
from qmac.cli import exits, streams
from qmac.cli.commands.results import print_failed, print_results
from qmac.cli.interrupts import Interrupted, Interruption
from qmac.cli.options import (
    AsJson,
    Directory,
    RankBy,
    Rows,
    check_rank,
    takes_executor,
    takes_file,
    takes_job,
    takes_limits,
)

PIPE_WIDTH = 1000
"""Columns of a table that is no terminal's: paths in it stay in one piece."""
PrometheusFile = Annotated[
    Path | None,
    typer.Option(help="Write gauges for node_exporter's textfile collector, NAME.prom."),
]


@takes_file
@takes_executor
@takes_limits
@takes_job
def optimize(
    *,
    job: Any,
    limits: qmac.Limits,
    executor: Any,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New directory for snapshots and the result; 'qmac resume' goes on with it."
        ),
    ] = None,
    save_grid: Annotated[
        str | None,
        typer.Option(help="Keep every score in --out, as float32 or float64.", metavar="TYPE"),
    ] = None,
    prometheus_file: PrometheusFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how long it takes, and how much memory.")
    ] = False,
    rows: Rows = 20,
    rank_by: RankBy = "objective",
    as_json: AsJson = False,
) -> None:
    """Backtest every combination of windows and show the best; of each symbol, if there are many.

    Example: qmac optimize --sample --windows 2:252 --top 20 --out runs/first

    Example: qmac optimize job.toml --threads 2
    """
    from qmac.jobs import runner
    from qmac.runtime.monitoring.prometheus import check_directory

    place = executor(limits)
    if dry_run:
        _print_estimate(job, limits, place, as_json, save_grid)
        return
    check_rank(rank_by)
    _announce(place)
    if prometheus_file is not None:
        check_directory(prometheus_file)
    _run(
        job,
        runner.create_directory(job, out, save_grid, place),
        limits,
        place,
        rows,
        prometheus_file,
        as_json,
        rank_by,
    )


@takes_file
@takes_executor
@takes_limits
@takes_job
def estimate(*, job: Any, limits: qmac.Limits, executor: Any, as_json: AsJson = False) -> None:
    """Measure a second or two of a run and say what the whole takes: time, memory, disk.

    Example: qmac estimate --sample --windows 2:500
    """
    _print_estimate(job, limits, executor(limits), as_json)


@takes_executor
@takes_limits
def resume(
    *,
    executor: Any,
    directory: Directory,
    limits: qmac.Limits,
    rows: Rows = 20,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Try cells again that failed on every node of a cluster."
        ),
    ] = False,
    prometheus_file: PrometheusFile = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was interrupted; what is done is not done again.

    Example: qmac resume runs/first
    """
    from qmac.jobs.job import Job
    from qmac.runs.directory import RunDirectory

    found = RunDirectory.open(directory)
    job, place = Job.from_directory(found), executor(limits)
    _announce(place)
    _run(job, found, limits, place, rows, prometheus_file, as_json, retry_failed=retry_failed)


def watch(
    directory: Directory,
    once: Annotated[bool, typer.Option("--once", help="Print how it does and leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a run from another terminal, until it ends.

    Example: qmac watch runs/first
    """
    from qmac.jobs.listing import INTERRUPTED, look_at
    from qmac.runs.directory import PROGRESS, RunDirectory
    from qmac.runtime.monitoring.progress_log import follow

    found = RunDirectory.open(directory)
    Interruption.written = "the run itself goes on"  # what Ctrl-C leaves
    with streams.progress(found.header.request.objective) as listener:
        last = follow(found.path / PROGRESS, listener, once=once)
    entry = look_at(found.path)
    if as_json:
        streams.print_json({**entry.to_dict(), "said": last})
        return
    onward = (
        f"; go on with: qmac resume {shlex.quote(str(directory))}"
        if entry.state == INTERRUPTED
        else ""
    )
    print(f"{directory}: {last.removesuffix('.') if onward else last}{onward}", flush=True)


def runs(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR", help="Where to look, and below; here, if none is given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs and results below directories: what was asked, how far they are, the best.

    Example: qmac runs runs/ /mnt/old-runs
    """
    from qmac.jobs.listing import find

    places = directories or [Path()]
    entries = list(find(places))
    if as_json:
        streams.print_json({"runs": [entry.to_dict() for entry in entries]})
        return
    if not entries:
        streams.say(f"there is no run or result below {', '.join(map(str, places))}.")
        return
    from qmac.report.terminal.tables import show_runs

    console = streams.console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    show_runs(entries, console)


def _run(
    job: Any,
    directory: Any,
    limits: qmac.Limits,
    executor: Any,
    rows: int,
    prometheus_file: Path | None,
    as_json: bool,
    rank_by: str = "objective",
    *,
    retry_failed: bool = False,
) -> None:
    """Do what is left of a job and show what it found."""
    from qmac.jobs import runner
    from qmac.runtime.monitoring.prometheus import Prometheus

    if directory is not None:
        again = [
            str(directory.path.resolve()),
            *(["--retry-failed"] if retry_failed else []),
            *limits.options,
        ]
        again += [] if executor is None else executor.options
        again += (
            [] if prometheus_file is None else ["--prometheus-file", str(prometheus_file.resolve())]
        )
        Interruption.resume = f"qmac resume {shlex.join(again)}"
        streams.say(f"if anything interrupts this run, go on with: {Interruption.resume}")
    with executor or nullcontext(), streams.progress(job.request.objective) as shown:
        listener = shown if prometheus_file is None else Prometheus(prometheus_file, shown)
        threads, heeding = runner.count_threads(limits), _heeding(listener)
        results = runner.run(
            job, directory, limits, threads, heeding, executor, retry_failed=retry_failed
        )
    Interruption.resume = None
    if directory is not None:
        Interruption.written = f"the result is in {directory.path}"
    place = None if directory is None else directory.path
    print_results(results, rows, as_json, place, saved=True, rank_by=rank_by)
    incomplete = print_failed(results, place)
    if incomplete or results.left_out:
        raise typer.Exit(exits.INCOMPLETE if incomplete else exits.LEFT_OUT)


def _announce(executor: Any) -> None:
    """What takes some seconds before anything else can be shown."""
    if executor is not None:
        streams.say(
            f"joining the Ray cluster at {executor.address}."
            if executor.address
            else "starting Ray here."
        )


def _heeding(listener: Any) -> Any:
    """The listener of a run that ends although Ctrl-C was raised where Python could not pass it on."""

    def heed(status: Any) -> None:
        if Interruption.interrupted:
            raise Interrupted
        listener(status)

    return heed


def _print_estimate(
    job: Any, limits: qmac.Limits, executor: Any, as_json: bool, save_grid: str | None = None
) -> None:
    from qmac.jobs.estimate import estimate
    from qmac.jobs.runner import count_threads

    found = estimate(job, limits, count_threads(limits), save_grid)
    if executor is not None:
        streams.say(
            f"the estimate, of memory too, is of this machine ({found.shown_threads}); no cluster was asked. On c CPUs as fast "
            f"as these the sweep takes about {found.cpu_seconds:,.1f} s / c, and Ray a few seconds to begin."
        )
    if as_json:
        streams.print_json(found.to_dict())
        return
    for line in found.lines:
        print(line)
