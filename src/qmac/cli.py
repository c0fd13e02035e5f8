"""The command line: parses, calls, prints. Standard output is the answer, standard error the rest."""

from __future__ import annotations

import functools
import io
import json
import logging
import math
import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import qmac
from qmac.__main__ import EXIT_AGAIN, Interrupted, State
from qmac.errors import InputError, OptionError, QmacError, Stopped, WriteError
from qmac.options import AsJson, Sample, takes_job, takes_limits, takes_rules
from qmac.report.command import RankBy, check_rank, report

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A billion backtests in seconds: the Quad Moving Average Crossover, swept over its whole grid.",
)

app.command()(report)

EXIT_INPUT, EXIT_LEFT_OUT, EXIT_OUTPUT, EXIT_PIPE = 2, 3, 74, 141

PrometheusFile = Annotated[
    Path | None, typer.Option(help="Write gauges for node_exporter's textfile collector, NAME.prom.")
]


@app.command()
@takes_limits
@takes_job
def optimize(
    *,
    job: Any,
    limits: qmac.Limits,
    out: Annotated[
        Path | None, typer.Option(help="New directory for snapshots and the result; 'qmac resume' goes on with it.")
    ] = None,
    save_grid: Annotated[
        str | None, typer.Option(help="Keep every score in --out, as float32 or float64.", metavar="TYPE")
    ] = None,
    prometheus_file: PrometheusFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how long it takes, and how much memory.")
    ] = False,
    rank_by: RankBy = "objective",
    as_json: AsJson = False,
) -> None:
    """Backtest every combination of windows and show the best; of each symbol, if there are many.

    Example: qmac optimize --sample --windows 2:252 --top 20 --out runs/first
    """
    from qmac import jobs

    if dry_run:
        _show_estimate(job, limits, as_json)
        return
    check_rank(rank_by)
    _run(job, jobs.kept_in(job, out, save_grid), limits, job.top, prometheus_file, as_json, rank_by)


@app.command()
@takes_limits
@takes_job
def estimate(*, job: Any, limits: qmac.Limits, as_json: AsJson = False) -> None:
    """Measure a second or two of a run and say what the whole takes: time, memory, disk.

    Example: qmac estimate --sample --windows 2:500
    """
    _show_estimate(job, limits, as_json)


@app.command()
@takes_limits
def resume(
    *,
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' began.")],
    limits: qmac.Limits,
    rows: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 20,
    prometheus_file: PrometheusFile = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was interrupted; what is done is not done again.

    Example: qmac resume runs/first
    """
    from qmac import jobs
    from qmac.run.directory import RunDirectory

    found = RunDirectory.open(directory)
    _run(jobs.Job.of_directory(found), found, limits, rows, prometheus_file, as_json)


@app.command()
def watch(
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' began.")],
    once: Annotated[bool, typer.Option("--once", help="Print the last line and leave.")] = False,
) -> None:
    """Follow a run from another terminal, until it ends.

    Example: qmac watch runs/first
    """
    from qmac.run.directory import PROGRESS, RunDirectory
    from qmac.run.progress import follow

    found = RunDirectory.open(directory)
    with _progress(found.header["asked"]["objective"]) as listener:
        last = follow(found.path / PROGRESS, listener, once=once)
    print(f"{directory}: {last}", flush=True)


@app.command()
@takes_rules
def backtest(
    *,
    rules: qmac.Rules,
    arguments: Annotated[list[str], typer.Argument(metavar="[PRICES] BUY_FAST BUY_SLOW SELL_FAST SELL_SLOW")],
    sample: Sample = False,
    as_json: AsJson = False,
) -> None:
    """Backtest one combination in full: metrics and trades.

    Example: qmac backtest --sample 10 50 20 100
    """
    *files, a, b, c, d = arguments if len(arguments) > 3 else ["", "", "", "", ""]
    if len(arguments) < 4 or len(files) > 1:
        raise OptionError(f"backtest takes four windows, and a file before them; got {' '.join(arguments)!r}.")
    try:
        combination = tuple(int(window) for window in (a, b, c, d))
    except ValueError:
        raise OptionError(f"windows are four whole numbers, but got {a} {b} {c} {d}.") from None
    series = _prices(Path(files[0]) if files else None, sample)
    run = qmac.backtest(series, combination, rules)
    if as_json:
        trades = [
            {**row, **{name: str(row[name]) for name in ("entry_date", "exit_date")}}
            for row in run.trades.to_dict("records")
        ]
        _print_json({"combination": combination, "metrics": run.metrics.to_dict(), "trades": trades})
        return
    from qmac.report.terminal import show_backtest
    from qmac.simulation import buy_and_hold

    show_backtest(run, buy_and_hold(series, rules), Console())


@app.command()
def show(
    directory: Annotated[Path, typer.Argument(help="A directory that 'qmac optimize --out' wrote.")],
    rows: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 20,
    rank_by: RankBy = "objective",
    as_json: AsJson = False,
) -> None:
    """Show a saved result again.

    Example: qmac show runs/first
    """
    from qmac import jobs

    check_rank(rank_by)
    _show(jobs.read(directory), rows, as_json, rank_by=rank_by)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    if version:
        typer.echo(f"qmac {qmac.__version__}")
        raise typer.Exit


def _run(
    job: Any,
    directory: Any,
    limits: qmac.Limits,
    rows: int,
    prometheus_file: Path | None,
    as_json: bool,
    rank_by: str = "objective",
) -> None:
    """Do what is left of a job and show what it found."""
    from qmac import jobs
    from qmac.run.prometheus import Prometheus

    if directory is not None:
        State.resume = f"qmac resume {shlex.quote(str(directory.path.resolve()))}"
        print(f"qmac: if anything interrupts this run, go on with: {State.resume}", file=sys.stderr, flush=True)
    with _progress(job.objective) as shown:
        listener = shown if prometheus_file is None else Prometheus(prometheus_file, shown)
        results = jobs.run(job, directory, limits, jobs.threads_of(limits), _heeding(listener))
    State.resume = None
    if directory is not None:
        State.written = f"the result is in {directory.path}"
    _show(results, rows, as_json, None if directory is None else directory.path, saved=True, rank_by=rank_by)
    if results.left_out:
        raise typer.Exit(EXIT_LEFT_OUT)


def _heeding(listener: Any) -> Any:
    """The listener of a run that ends although Ctrl-C was raised where Python could not pass it on."""

    def heed(status: Any) -> None:
        if State.interrupted:
            raise Interrupted
        listener(status)

    return heed


def _show(
    results: Any, rows: int, as_json: bool, path: Path | None = None, *, saved: bool = False, rank_by: str = "objective"
) -> None:
    """One result in full, many as a table of winners."""
    from qmac.report.terminal import show_result, show_winners

    only = next(iter(results.values())) if len(results) == 1 and not results.left_out else None
    if as_json:
        _print_json(only.summary(rank_by) if only is not None else results.summary())
        return
    console = Console()
    if only is not None:
        show_result(only, console, rows=rows, rank_by=rank_by)
        console.print(f"digest {only.digest}", style="dim", highlight=False, soft_wrap=True)
    else:
        show_winners(results, console)
        if rank_by != "objective":
            warnings.warn(f"--rank-by {rank_by} is of the rows of one symbol; winners are by objective.", stacklevel=2)
    if saved and path is None:
        console.print("not saved: add --out DIR to keep the result", style="dim", highlight=False, soft_wrap=True)
    elif saved:
        console.print(
            f"saved in {path}; show it again: qmac show {shlex.quote(str(path))}; as a page: qmac report {shlex.quote(str(path))}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _show_estimate(job: Any, limits: qmac.Limits, as_json: bool) -> None:
    from qmac.estimate import estimate
    from qmac.jobs import threads_of

    found = estimate(job, limits, threads_of(limits))
    if as_json:
        _print_json(found.to_dict())
        return
    for line in found.lines:
        print(line)


def _prices(path: Path | None, sample: bool) -> qmac.Prices:
    if sample and path is not None:
        raise OptionError(f"both {path} and --sample are given. Give one of them.")
    if sample:
        return qmac.sample_prices()
    if path is None:
        raise OptionError("no prices are given. Name a CSV or Parquet file, or add --sample.")
    return qmac.read_prices(path)


def _progress(metric: str) -> Any:
    """A bar on a terminal, lines in a pipe; always on standard error."""
    from qmac.report.terminal import number
    from qmac.run.progress import Bar, Lines

    console, shown = Console(stderr=True), functools.partial(number, metric)
    return Bar(shown, console) if console.is_terminal else Lines(shown)


def _print_json(value: dict[str, Any]) -> None:
    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [plain(inner) for inner in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    print(json.dumps(plain(value), allow_nan=False))


class _CompilerNote(logging.Handler):
    """Says once why nothing happens for some seconds."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).removeHandler(self)
        print("qmac: compiling the kernels for this question; some seconds, once.", file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"qmac: note: {message}", file=sys.stderr)


def run() -> int:
    """Run the command line and return its exit code; errors become one line on standard error."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    compiler = logging.getLogger("qmac.compiler")
    compiler.setLevel(logging.INFO)
    compiler.propagate = False
    compiler.addHandler(_CompilerNote())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name in a terminal that cannot show it
    try:
        app()
    except SystemExit as leaving:  # how typer says that it is done
        return leaving.code if isinstance(leaving.code, int) else 0
    except WriteError as error:
        print(f"qmac: {error}{_again()}", file=sys.stderr)
        return EXIT_OUTPUT
    except InputError as error:
        print(f"qmac: {error}", file=sys.stderr)
        return EXIT_INPUT
    except Stopped as error:
        print(f"qmac: {error}{_again() or ' Nothing was kept: add --out DIR.'}", file=sys.stderr)
        return EXIT_AGAIN
    except QmacError as error:
        print(f"qmac: internal error: {error} Please report it.{_again()}", file=sys.stderr)
    except BrokenPipeError:  # the reader of a pipe has left, as in qmac ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except OSError as error:
        print(f"qmac: {error.filename or 'output'}: {error.strerror or error}.{_again()}", file=sys.stderr)
        return EXIT_OUTPUT
    return 1


def _again() -> str:
    """How to go on with what was begun."""
    return f" Go on with: {State.resume}" if State.resume else ""
