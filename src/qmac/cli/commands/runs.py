"""Commands that start runs, resume them, and list them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import qmac
from qmac._checks import check_path
from qmac.cli import exits, streams
from qmac.cli.commands.common import announce, raise_interrupts
from qmac.cli.commands.prices import describe, print_head
from qmac.cli.commands.results import (
    FULL_ROWS,
    View,
    print_failed,
    print_luck_hint,
    print_page,
    print_place,
    print_results,
)
from qmac.cli.interrupts import Interruption
from qmac.cli.options.arguments import Directory
from qmac.cli.options.job import check_rank, takes_executor, takes_job, takes_limits
from qmac.cli.options.job_file import takes_file
from qmac.cli.options.tables import EXECUTOR, JOB, LIMITS, AllRows, AsJson, RankBy, Rows, Verbose
from qmac.cli.options.typed import repeat_words
from qmac.errors import OptionError, QmacError, WriteError, shell_quote

DONE_ROWS = 10
"""Symbols of a run that ended early, the best ones; ``qmac show`` has all."""

PrometheusFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write gauges for node_exporter's textfile collector, NAME.prom."
    ),
]


class _Sweep(NamedTuple):
    """What is computed, where, and within what limits."""

    job: Any
    directory: Any
    """Its run directory; None for a run in memory."""
    limits: qmac.Limits
    executor: Any
    """None for threads of this process."""
    prometheus_file: Path | None
    retry_failed: bool = False

    @property
    def path(self) -> Path | None:
        """The run directory's."""
        return None if self.directory is None else self.directory.path

    @property
    def threads(self) -> int:
        """Number of threads."""
        from qmac.jobs.runner import count_threads

        return count_threads(self.limits)

    @property
    def options(self) -> list[str]:
        """Words of the command line by which another command computes in the same way."""
        return [*self.limits.options, *([] if self.executor is None else self.executor.options)]

    @property
    def resume_command(self) -> str:
        """The command that resumes the run in its directory, under the same limits."""
        words = [str(self.directory.path.resolve())]
        if self.retry_failed:
            words.append("--retry-failed")
        words += self.options
        if self.prometheus_file is not None:
            words += ["--prometheus-file", str(self.prometheus_file.resolve())]
        return f"qmac resume {' '.join(map(shell_quote, words))}"


class _Output(NamedTuple):
    """How the results of a run are printed."""

    view: View
    as_json: bool
    again: Sequence[str] = ()
    """Words of the command line that describe a job which has no directory."""
    page: Path | None = None
    """Where a page of the result is written."""


@takes_file
@takes_executor
@takes_limits
@takes_job
def optimize(  # noqa: PLR0913, one parameter for each option
    *,
    context: typer.Context,
    job: Any,
    limits: qmac.Limits,
    executor: Any,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="New directory for snapshots and the result; 'qmac resume' resumes the run.",
        ),
    ] = None,
    save_grid: Annotated[
        str | None,
        typer.Option(help="Save every score in --out, as float32 or float64.", metavar="TYPE"),
    ] = None,
    prometheus_file: PrometheusFile = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a page of the result, such as page.html."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate time, memory and disk.")
    ] = False,
    rows: Rows = None,
    all_rows: AllRows = False,
    verbose: Verbose = False,
    rank_by: RankBy = "objective",
    as_json: AsJson = False,
) -> None:
    """Backtest every combination of windows and show the best, for each symbol.

    Example: qmac optimize --sample --windows 2:252 --top 20 --out runs/first

    Example: qmac optimize job.toml --threads 2
    """
    from qmac.jobs.runner import create_directory
    from qmac.runs.last_results import read_count
    from qmac.runtime.monitoring.prometheus import check_place

    chosen = executor(limits)
    if dry_run:
        _print_estimate(job, limits, chosen, as_json, save_grid)
        return
    again = repeat_words(context, {*JOB, *LIMITS, *EXECUTOR} - {"top"})
    page = None if report is None else _check_page(report)
    output = _Output(View(rows, check_rank(rank_by), all_rows, verbose), as_json, again, page)
    announce(chosen)
    if prometheus_file is not None:
        check_place(prometheus_file)
    _check_table(job, output)
    read_count()
    place = None if out is None else str(out)  # a text: the shell's . is meant
    directory = create_directory(job, place, save_grid, chosen)
    _run_job(_Sweep(job, directory, limits, chosen, prometheus_file), output)


@takes_file
@takes_executor
@takes_limits
@takes_job
def estimate(*, job: Any, limits: qmac.Limits, executor: Any, as_json: AsJson = False) -> None:
    """Estimate time, memory and disk of a run from a second or two of it.

    Example: qmac estimate --sample --windows 2:500
    """
    _print_estimate(job, limits, executor(limits), as_json)


@takes_executor
@takes_limits
def resume(  # noqa: PLR0913, one parameter for each option
    *,
    executor: Any,
    directory: Directory,
    limits: qmac.Limits,
    rows: Rows = None,
    all_rows: AllRows = False,
    verbose: Verbose = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Try cells again that failed on every node of a cluster."
        ),
    ] = False,
    prometheus_file: PrometheusFile = None,
    as_json: AsJson = False,
) -> None:
    """Resume an interrupted run; cells that are finished are not computed again.

    Example: qmac resume runs/first
    """
    from qmac.jobs.job import Job
    from qmac.runs.directory import RunDirectory

    run_directory = RunDirectory.open(directory)
    if run_directory.header.folds is not None:
        _resume_walk(
            run_directory, limits, executor, retry_failed, prometheus_file, as_json=as_json
        )
        return
    job, chosen = Job.from_directory(run_directory), executor(limits)
    output = _Output(View(rows, all_rows=all_rows, verbose=verbose), as_json)
    _check_table(job, output)
    announce(chosen)
    _run_job(_Sweep(job, run_directory, limits, chosen, prometheus_file, retry_failed), output)


def _resume_walk(
    directory: Any,
    limits: qmac.Limits,
    executor: Any,
    retry_failed: bool,
    prometheus_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Resume a walk-forward, to which options of a sweep do not apply."""
    from qmac.cli.commands.walk_forward import resume_walk

    if retry_failed or prometheus_file is not None:
        option = "--retry-failed" if retry_failed else "--prometheus-file"
        raise OptionError(
            f"{option} goes with a sweep, and {directory.path} holds a walk-forward. Leave it out."
        )
    resume_walk(directory, limits, executor(limits), as_json=as_json)


def watch(
    directory: Directory,
    once: Annotated[bool, typer.Option("--once", help="Print the current state and exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a run from another terminal, until it ends.

    Example: qmac watch runs/first
    """
    from qmac.jobs.listing import INTERRUPTED, describe_directory
    from qmac.runs.directory import PROGRESS, RunDirectory
    from qmac.runtime.monitoring.progress_log import follow

    run_directory = RunDirectory.open(directory)
    Interruption.written = "the run itself continues"  # what Ctrl-C ends is this command
    with streams.build_progress(run_directory.header.request.objective) as listener:
        last = follow(run_directory.path / PROGRESS, listener, once=once)
    entry = describe_directory(run_directory.path)
    said = entry.describe_end(last)
    if as_json:
        streams.print_json({**entry.to_dict(), "said": said})
        return
    text = f"{directory}: {said}"
    if entry.state == INTERRUPTED and run_directory.header.is_resumable:
        command = f"qmac resume {shell_quote(directory)}"
        text = f"{text.removesuffix('.')}; resume with: {command}"
    streams.print_line(text)


def runs(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR", help="Directories to search; by default the current directory."
        ),
    ] = None,
    last: Annotated[
        bool,
        typer.Option("--last", help="List the last results, of 'qmac optimize' without --out."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs and results below directories: settings, progress, the best combination.

    Example: qmac runs runs/ /mnt/old-runs

    Example: qmac runs --last
    """
    from qmac.jobs.listing import describe_directory, find
    from qmac.runs.last_results import list_last_results

    places = directories or [Path()]
    if last:
        if directories:
            raise OptionError(f"--last goes without {directories[0]}. Leave one of them out.")
        entries = list(map(describe_directory, list_last_results()))
    else:
        entries = list(find(places))
    if as_json:
        streams.print_json({"runs": [entry.to_dict() for entry in entries]})
        return
    if not entries:
        text = f"there is no run or result below {', '.join(map(str, places))}"
        streams.print_note(
            "there is no last result." if last else f"{text}; the last ones: qmac runs --last"
        )
        return
    from qmac.report.terminal.tables import show_runs

    show_runs(entries, streams.build_wide_console())


def _check_page(path: Path) -> Path:
    """Refuse a page that cannot be written before anything is computed for it."""
    from qmac.results.pages import check_page

    try:
        return check_page(check_path("report", path))
    except WriteError as error:
        raise OptionError(f"--report {error}") from None


def _run_job(sweep: _Sweep, output: _Output) -> None:
    """Compute what is left of a job, print its results, and exit by whether they are complete."""
    from qmac.jobs.last_result_writer import store_last_result

    if sweep.directory is not None and sweep.directory.is_writable:
        Interruption.place = str(sweep.directory.path.resolve())
        Interruption.resume = sweep.resume_command
        streams.print_note(f"if this run is interrupted, resume with: {sweep.resume_command}")
    try:
        results = _compute(sweep)
    except BaseException as end:
        _print_done(end, sweep, output)
        raise
    Interruption.resume = None
    stored, again = None, output.again
    if sweep.path is not None:
        Interruption.written = f"the result is in {sweep.path}"
        again = [str(sweep.path), *sweep.options]
    else:
        stored = store_last_result(sweep.job, results)
        if stored.is_stored:
            again = sweep.options
    print_results(results, output.view, as_json=output.as_json, path=sweep.path)
    if not output.as_json:
        print_place(sweep.path, stored)
        threads = sweep.threads if sweep.executor is None else None
        print_luck_hint(results, sweep.job.request.objective, again, threads)
    if output.page is not None:
        shown = next(iter(results.values())) if results.is_single else results
        print_page(shown.report(output.page), is_note=output.as_json)
    if print_failed(results, sweep.path):
        raise typer.Exit(exits.INCOMPLETE)
    if results.left_out:
        raise typer.Exit(exits.LEFT_OUT)


def _print_done(end: BaseException, sweep: _Sweep, output: _Output) -> None:
    """Print which of many symbols are done where a limit or an interrupt ended their run."""
    results = getattr(end, "results", None)
    if not results or len(sweep.job.tasks) == 1 or output.as_json:
        return
    if sweep.path is None:
        Interruption.written = "nothing was written: with --out DIR it could be resumed"
    from qmac.report.terminal.result import show_best_symbols

    with suppress(QmacError, OSError):  # what ended the run counts
        show_best_symbols(results, streams.build_console(), output.view.rows or DONE_ROWS)
        if sweep.path is not None:
            streams.print_line(f"all that is done: qmac show {shell_quote(sweep.path)}")
        sys.stdout.flush()


def _compute(sweep: _Sweep) -> Any:
    """Return the results of a job, while its progress is shown."""
    from qmac.jobs import runner
    from qmac.runtime.monitoring.prometheus import Prometheus

    job, executor = sweep.job, sweep.executor
    with executor or nullcontext(), streams.build_progress(job.request.objective) as progress:
        listener = progress
        if sweep.prometheus_file is not None:
            listener = Prometheus(sweep.prometheus_file, progress)
        return runner.run(
            job,
            sweep.directory,
            sweep.limits,
            sweep.threads,
            raise_interrupts(listener),
            executor,
            retry_failed=sweep.retry_failed,
        )


def _check_table(job: Any, output: _Output) -> None:
    """Refuse a table that does not fit into memory before anything is computed for it."""
    from qmac.report.terminal.result import check_table_memory

    if len(job.tasks) == 1 and not output.as_json:
        check_table_memory(min(output.view.rows or FULL_ROWS, job.request.top))


def _print_estimate(
    job: Any, limits: qmac.Limits, executor: Any, as_json: bool, save_grid: str | None = None
) -> None:
    """Print what a run takes, on this machine."""
    from qmac.jobs.estimate import estimate
    from qmac.jobs.runner import count_threads

    estimated = estimate(job, limits, count_threads(limits), save_grid)
    if executor is not None:
        streams.print_note(
            f"the estimate, of memory too, is of this machine ({estimated.shown_threads}), not of "
            "the cluster. On c CPUs as fast as these the sweep takes about "
            f"{estimated.cpu_seconds:,.1f} s / c, and Ray a few seconds to start."
        )
    if as_json:
        streams.print_json(estimated.to_dict() | {"prices": describe(job.prices)})
        return
    print_head(job.prices)
    for line in estimated.lines:
        streams.print_line(line)
