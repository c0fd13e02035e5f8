"""The command that says whether the best combination is luck."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import qmac
from qmac.cli import exits, streams
from qmac.cli.commands.common import (
    announce,
    announce_at_work,
    build_job,
    find_directory,
    prepare_same,
    print_saved,
    raise_interrupts,
    read_results,
    refuse_job_options,
    repeat_place,
    resumed_only_if_begun,
    select_symbol,
)
from qmac.cli.commands.prices import print_head
from qmac.cli.interrupts import Interruption
from qmac.cli.options import groups
from qmac.cli.options.declaration import takes
from qmac.cli.options.job import JobOptions, takes_executor, takes_job_options, takes_limits
from qmac.cli.options.job_file import takes_file
from qmac.cli.options.tables import MARKETS, READING, AsJson, OneSymbol
from qmac.cli.options.typed import repeat_words
from qmac.errors import (
    OptionError,
    WriteError,
)

NEVER = "never"
OF_P = ("nulls", "stop_after", "tried")
"""Options that do not go with ``tries``."""


class LuckOptions(NamedTuple):
    """The options of ``MARKETS``, checked."""

    plan: Any
    """The ``Plan``."""
    words: list[str]
    """Words of the command line that set them; none for a default."""
    counts_tries: bool
    """Whether tries are counted, in place of p."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of ``qmac.luck``."""
        return dataclasses.asdict(self.plan)


def _build_luck_options(*, tries: bool, **values: Any) -> LuckOptions:
    words = ["--tries"] if tries else []
    for name, value in values.items():
        if value != MARKETS[name].default:
            if tries and name in OF_P:
                raise OptionError(
                    f"{_name_flag(name)} is about p, and --tries counts tries in its place. Leave "
                    "one of them out."
                )
            words += [_name_flag(name), str(value)]
    plan = _build_tries_plan(values) if tries else _build_plan(values)
    return LuckOptions(plan, words, tries)


def _build_plan(values: dict[str, Any]) -> Any:
    """Return how random markets are drawn, and counted for p."""
    from qmac.robustness.luck.search import RESAMPLES, Plan

    stop_after, nulls, resamples = (values[name] for name in ("stop_after", "nulls", "resamples"))
    changes = {
        "resamples": RESAMPLES if resamples is None else resamples,
        "nulls": [name.strip() for name in nulls.split(",")],
        "stop_after": None if stop_after == NEVER else _read_count(stop_after),
    }
    return Plan.check(**values | changes)


def _build_tries_plan(values: dict[str, Any]) -> Any:
    """Return how random markets without drift are drawn."""
    from qmac.robustness.luck.search import Plan
    from qmac.robustness.markets.resampling import DRIFTLESS
    from qmac.robustness.tries.search import RESAMPLES, check_counts

    resamples = RESAMPLES if values["resamples"] is None else values["resamples"]
    resamples, seed = check_counts(resamples, values["seed"])
    return Plan(resamples, (DRIFTLESS,), None, seed, 1)


def _name_flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _read_count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise OptionError(
            f"--stop-after must be a whole number or {NEVER}, got {text!r}. Leave it out for 20."
        ) from None


class _Work(NamedTuple):
    """What is judged: a result that is there, or a job that is swept first."""

    job: Any
    """The ``Job``; None for results that are there."""
    results: Any
    """The ``Results``; None where the job is swept first."""
    run: Any
    """The ``RunDirectory``; None where there is none."""
    place: Path | None
    """Where random markets are written; None for memory."""

    @property
    def objective(self) -> str:
        """Objective of the sweep."""
        if self.job is not None:
            return str(self.job.request.objective)
        return str(next(iter(self.results.values())).objective)


@takes_file
@takes_executor
@takes_limits
@takes_job_options
@takes("luck_options", _build_luck_options, MARKETS)
def luck(  # noqa: PLR0913, one parameter for each option
    *,
    context: typer.Context,
    options: JobOptions,
    luck_options: LuckOptions,
    limits: qmac.Limits,
    executor: Any,
    symbol: OneSymbol = None,
    prices_file: Annotated[
        Path | None,
        typer.Option(
            "--prices",
            metavar="FILE",
            rich_help_panel=groups.PRICES,
            help="File of the prices of a result that lacks them.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Directory of the run, for prices that are swept first; the same command goes on "
            "after an interruption. For a run: where to write instead of into it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate time, memory and disk.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Is the best luck? Sweep the same grid on random markets, and see how often they do as well.

    PRICES may also be the directory of a run or result, the last one by default. Prices and job
    files are swept first.

    Example: qmac luck runs/first

    Example: qmac luck --sample --windows 2:252:5 --resamples 999

    Example: qmac luck runs/first --tries
    """
    directory = find_directory(context, options)
    if directory is None and prices_file is not None:
        raise OptionError("--prices goes with the directory of a result. Name the file alone.")
    chosen = executor(limits)
    if directory is not None:
        refuse_job_options(context, directory, () if prices_file is None else READING)
    if dry_run:
        job = build_job(options, directory, symbol, prices_file)
        _print_estimate(job, luck_options, limits, as_json=as_json)
        return
    if directory is not None:
        work = _open_directory(directory, options, luck_options.plan, symbol, prices_file, out)
    else:
        work = _create_run(options, luck_options.plan, symbol, out, chosen)
    announce(chosen)
    if work.place is not None:
        place = directory if work.run is None else work.run.path
        words = repeat_place(place, directory, out, symbol)
        if prices_file is not None:
            words += ["--prices", _complete(prices_file), *repeat_words(context, READING)]
        prepare_same("qmac luck", [*words, *luck_options.words, *limits.options], chosen)
    with (
        resumed_only_if_begun(work.place),
        chosen or nullcontext(),
        streams.build_progress(work.objective) as progress,
    ):
        listener = announce_at_work(raise_interrupts(progress))
        results = work.results
        if results is None:
            results = _sweep(work, limits, listener, chosen)
        answer = _judge(results, work.place, luck_options, limits, listener, chosen)
    Interruption.resume = None
    if work.place is not None:
        Interruption.written = f"the answer is in {work.place}"
    _print_answer(answer, results, work, as_json=as_json)
    left_out = {} if results.is_single else answer.left_out
    if left_out or results.left_out:
        raise typer.Exit(exits.LEFT_OUT)


def _open_directory(
    directory: Path,
    options: JobOptions,
    plan: Any,
    symbol: str | None,
    prices_file: Path | None,
    out: Path | None,
) -> _Work:
    """Return the results of a run, or its job where some are missing."""
    from qmac.jobs.job import Job
    from qmac.results.writer import HEADER as RESULT
    from qmac.robustness.luck.many import check_series
    from qmac.runs.directory import RunDirectory
    from qmac.runs.header import HEADER as RUN
    from qmac.storage.files import look_up

    if look_up(directory / RUN) is None:
        results = read_results(directory, options, symbol, prices_file)
        return _Work(None, results, None, out)
    run = RunDirectory.open(directory)
    if out is None and not run.is_writable:
        raise WriteError(
            f"{run.path} cannot be written. Name another directory for the answer: --out DIR"
        )
    is_done = all(look_up(run.result(task) / RESULT) is not None for task in run.tasks)
    if is_done or symbol is not None:
        results = read_results(directory, options, symbol, prices_file)
        return _Work(None, results, run, out or run.path)
    job = Job.from_directory(run)
    check_series(job, plan)
    return _Work(job, None, run, out or run.path)


def _create_run(
    options: JobOptions, plan: Any, symbol: str | None, out: Path | None, executor: Any
) -> _Work:
    """Return the job of prices, and its run directory, which may be there from an earlier call."""
    from qmac.jobs.runner import create_directory
    from qmac.robustness.luck.many import check_series

    job = select_symbol(options.build(), symbol)
    check_series(job, plan)
    place = None if out is None else str(out)  # a text: the shell's . is meant
    run = create_directory(job, place, None, executor, continues=True)
    return _Work(job, None, run, None if run is None else run.path)


def _complete(prices_file: Path) -> str:
    """Return the path of a file from any directory; the name of a symbol stays as it is."""
    from qmac.storage.files import is_file

    return str(prices_file.resolve() if is_file(prices_file) else prices_file)


def _sweep(work: _Work, limits: qmac.Limits, listener: Any, executor: Any) -> Any:
    """Return the results of a job, after what is left of it is swept."""
    from qmac.jobs import runner

    threads = runner.count_threads(limits)
    return runner.run(work.job, work.run, limits, threads, listener, executor)


def _judge(
    results: Any,
    place: Path | None,
    options: LuckOptions,
    limits: qmac.Limits,
    listener: Any,
    executor: Any,
) -> Any:
    """Return the answer of one symbol, or those of many."""
    from qmac.robustness.luck.many import luck_of_each
    from qmac.robustness.luck.search import luck

    if options.counts_tries:
        return _count_tries(results, place, options.plan, limits, listener, executor)
    arguments = options.arguments | {
        "progress": listener,
        "out": place,
        "limits": limits,
        "executor": executor,
    }
    if not results.is_single:
        return luck_of_each(results, **arguments)
    (result,) = results.values()
    return luck(result, **arguments)


def _count_tries(
    results: Any,
    place: Path | None,
    plan: Any,
    limits: qmac.Limits,
    listener: Any,
    executor: Any,
) -> Any:
    """Return how many tries the search of one symbol is worth, or those of many."""
    from qmac.jobs.runner import count_threads
    from qmac.robustness.symbol_answers import Means
    from qmac.robustness.tries.search import TriesSearch, count_each
    from qmac.runtime.execution.threads import ThreadExecutor

    means = Means(place, limits, executor or ThreadExecutor(count_threads(limits)), listener)
    if not results.is_single:
        return count_each(results, plan.resamples, plan.seed, means)
    (result,) = results.values()
    return TriesSearch.prepare(result, plan.resamples, plan.seed).run(*means)


def _print_answer(answer: Any, results: Any, work: _Work, *, as_json: bool) -> None:
    """Print an answer, and where it is saved."""
    if work.job is not None and results.is_single and not as_json:
        print_head(work.job.prices)
    print_answer(answer, as_json=as_json)
    if work.place is not None and not as_json:
        print_saved(work.place, streams.build_console())


def print_answer(answer: Any, *, as_json: bool) -> None:
    """Print what random markets say.

    Parameters
    ----------
    answer : Luck, Lucks, Tries or ManyTries
        The answer.
    as_json : bool
        Whether to print one JSON object.
    """
    from qmac.report.terminal.luck import show_luck, show_lucks, show_tries
    from qmac.robustness.luck.answer import Luck
    from qmac.robustness.luck.many import Lucks
    from qmac.robustness.symbol_answers import SymbolAnswers

    if as_json:
        summary = answer.summary()
        entry = "luck" if isinstance(answer, Luck) else "tries"
        streams.print_json(summary if isinstance(answer, SymbolAnswers) else {entry: summary})
        return
    console = streams.build_console()
    if isinstance(answer, Luck):
        show_luck(answer, console)
    elif isinstance(answer, Lucks):
        show_lucks(answer, console)
    else:
        show_tries(answer, console)


def _print_estimate(job: Any, options: LuckOptions, limits: qmac.Limits, *, as_json: bool) -> None:
    """Print what random markets take, on this machine."""
    from qmac.jobs.runner import count_threads
    from qmac.robustness.luck.estimate import estimate_luck
    from qmac.robustness.luck.many import check_series

    if options.counts_tries:
        request = dataclasses.replace(job.request, objective="sharpe_ratio", maximize=True)
        job = dataclasses.replace(job, request=request)
    check_series(job, options.plan)
    estimated = estimate_luck(job, options.plan, limits, count_threads(limits))
    if as_json:
        streams.print_json(estimated.to_dict())
        return
    print_head(job.prices)
    for line in estimated.lines:
        streams.print_line(line)
