"""The command that chooses on some bars and looks at the bars after, fold by fold."""

from __future__ import annotations

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
    refuse_job_options,
    repeat_place,
    resumed_only_if_begun,
    select_symbol,
)
from qmac.cli.commands.prices import print_head
from qmac.cli.interrupts import Interruption
from qmac.cli.options.declaration import takes
from qmac.cli.options.job import JobOptions, takes_executor, takes_fold_options, takes_limits
from qmac.cli.options.job_file import takes_file
from qmac.cli.options.tables import FOLDS, AsJson, OneSymbol
from qmac.errors import OptionError, shell_quote


class FoldOptions(NamedTuple):
    """The options of ``FOLDS``."""

    values: dict[str, Any]

    def build(self, directory: Any = None) -> Any:
        """Return the layout of the folds.

        Parameters
        ----------
        directory : RunDirectory, optional
            Whose folds are taken where no option is set.

        Returns
        -------
        Layout
            Checked.
        """
        from qmac.robustness.forward.folds import Layout

        is_set = any(self.values[name] != option.default for name, option in FOLDS.items())
        if directory is not None and directory.header.folds is not None and not is_set:
            return Layout.check(**directory.header.folds)
        self._check_words()
        return Layout.check(**self.values)

    def _check_words(self) -> None:
        """Check that folds are described in one way, in the words of the command line."""
        train, test, holdout = (self.values[name] for name in ("train", "test", "holdout"))
        if holdout is not None and (train or test) is not None:
            raise OptionError(
                f"--holdout {holdout} is one test at the end, and --train and --test make one "
                "after the other. Use one of both."
            )
        if holdout is None and None in (train, test):
            missing = " and ".join(
                f"--{name}" for name in ("train", "test") if self.values[name] is None
            )
            verb = "are" if train is test else "is"
            raise OptionError(
                f"{missing} {verb} missing: nothing says how bars are divided. Use --train 4y "
                "--test 1y for one test after the other, or --holdout 0.3 for one at the end."
            )


class _Work(NamedTuple):
    """What is swept, and where it is written."""

    job: Any
    """The ``Job``."""
    layout: Any
    """The ``Layout``."""
    run: Any = None
    """The ``RunDirectory``; None where there is none."""
    out: Path | None = None
    """Where answers are written instead of into it."""

    @property
    def place(self) -> Path | None:
        """Where answers are written; None for memory."""
        return self.out or (None if self.run is None else self.run.path)


@takes_file
@takes_executor
@takes_limits
@takes_fold_options
@takes("folds", lambda **values: FoldOptions(values), FOLDS)
def walk_forward(  # noqa: PLR0913, one parameter for each option
    *,
    context: typer.Context,
    options: JobOptions,
    folds: FoldOptions,
    limits: qmac.Limits,
    executor: Any,
    symbol: OneSymbol = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="New directory for what is swept; 'qmac resume' resumes it. For a run: where to "
            "write instead of into it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate time, memory and disk.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Does the choice hold? Choose on some bars, look at the bars after, and so on to the end.

    PRICES may also be the directory of a run, whose grid and rules are used; the last result by
    default.

    Example: qmac walk-forward --sample --windows 2:252:5 --train 4y --test 1y --out runs/forward

    Example: qmac walk-forward runs/first --holdout 0.3
    """
    from qmac.robustness.forward.many import plan_each

    directory = find_directory(context, options)
    chosen = executor(limits)
    run = None
    if directory is None:
        layout = folds.build()  # before prices are read
        job = select_symbol(options.build(), symbol)
    else:
        refuse_job_options(context, directory)
        run = _open_run(directory)
        layout = folds.build(run)
        job = build_job(options, directory, symbol, None)
    walks = plan_each(job, layout)
    if dry_run:
        _print_estimate(job, walks, limits, as_json=as_json)
        return
    if directory is None:
        run = _create_run(job, layout, out, chosen)
        out = None
    work = _Work(job, layout, run, out)
    if work.place is not None:
        prepare_same(*_repeat(work, directory, symbol, limits), chosen)
    _walk(work, limits, chosen, is_new=directory is None, as_json=as_json)


def resume_walk(directory: Any, limits: qmac.Limits, executor: Any, *, as_json: bool) -> None:
    """Resume the walk-forward in a run directory.

    Parameters
    ----------
    directory : RunDirectory
        A run whose header has folds.
    limits : Limits
        Of memory, CPUs, disk and time.
    executor : Executor or None
        None for threads of this process.
    as_json : bool
        Whether to print one JSON object.
    """
    from qmac.jobs.job import Job
    from qmac.robustness.forward.many import read_finished

    finished = read_finished(directory)
    if finished is not None:  # its prices may be gone
        _print_done(finished, directory.path, directory, directory.header.left_out, as_json=as_json)
        return
    work = _Work(Job.from_directory(directory), FoldOptions(_DEFAULTS).build(directory), directory)
    prepare_same(*_repeat(work, None, None, limits), executor)
    _walk(work, limits, executor, is_new=False, as_json=as_json)


_DEFAULTS = {name: option.default for name, option in FOLDS.items()}


def _open_run(directory: Path) -> Any:
    """Return the run in a directory; None where it is that of a result."""
    from qmac.runs.directory import RunDirectory
    from qmac.runs.header import HEADER
    from qmac.storage.files import look_up

    return None if look_up(directory / HEADER) is None else RunDirectory.open(directory)


def _create_run(job: Any, layout: Any, out: Path | None, executor: Any) -> Any:
    """Return the run directory, which may be there from an earlier call."""
    from qmac.jobs.runner import create_directory

    place = None if out is None else str(out)  # a text: the shell's . is meant
    return create_directory(job, place, None, executor, continues=True, folds=layout.to_dict())


def _repeat(
    work: _Work, directory: Path | None, symbol: str | None, limits: qmac.Limits
) -> tuple[str, list[str]]:
    """Return the command that goes on from what is written, and its words."""
    place = directory if work.run is None else work.run.path
    is_resumed = work.run is not None and work.run.header.folds is not None and work.out is None
    if is_resumed and symbol is None:
        return "qmac resume", [str(place.resolve()), *limits.options]  # type: ignore[union-attr]
    words = repeat_place(place, directory, work.out, symbol)
    for name, value in work.layout.to_dict().items():
        if value:
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return "qmac walk-forward", words + limits.options


def _walk(work: _Work, limits: qmac.Limits, executor: Any, *, is_new: bool, as_json: bool) -> None:
    """Sweep what is left of all folds, and print what they say."""
    announce(executor)
    with (
        resumed_only_if_begun(work.place),
        executor or nullcontext(),
        streams.build_progress(work.job.request.objective) as progress,
    ):
        listener = announce_at_work(raise_interrupts(progress))
        answer, left_out = _compute(work, limits, executor, listener)
    prices = work.job.prices if is_new else None
    _print_done(answer, work.place, work.run, left_out, as_json=as_json, prices=prices)


def _print_done(
    answer: Any,
    place: Path | None,
    run: Any,
    left_out: Any,
    *,
    as_json: bool,
    prices: Any = None,
) -> None:
    """Print an answer, where it is, and the command of its page."""
    Interruption.resume = None
    if place is not None:
        Interruption.written = f"the answer is in {place}"
    print_answer(answer, as_json=as_json, prices=prices)
    if place is not None and not as_json:
        console = streams.build_console()
        print_saved(place, console)
        if run is not None:
            command = f"page: qmac report {shell_quote(run.path)}"
            console.print(command, style="dim", highlight=False, soft_wrap=True, markup=False)
    if left_out:
        raise typer.Exit(exits.LEFT_OUT)


def _compute(
    work: _Work, limits: qmac.Limits, executor: Any, listener: Any
) -> tuple[Any, dict[str, str]]:
    """Return the answer of one symbol, or those of many, and the symbols that have none."""
    from qmac.jobs.runner import count_threads
    from qmac.robustness.forward.many import walk_each
    from qmac.robustness.forward.walk_forward import Walk
    from qmac.robustness.symbol_answers import Means
    from qmac.runtime.execution.threads import ThreadExecutor

    job, used = work.job, executor or ThreadExecutor(count_threads(limits))
    if len(job.prices) > 1:
        forwards = walk_each(job, work.layout, Means(work.place, limits, used, listener))
        return forwards, forwards.left_out
    (prices,) = job.prices.values()
    walk = Walk.prepare(prices, job.request, work.layout, job.averages)
    return walk.run(work.place, limits, used, listener), dict(job.left_out)


def print_answer(answer: Any, *, as_json: bool, prices: Any = None) -> None:
    """Print a walk-forward, or those of many symbols.

    Parameters
    ----------
    answer : Forward or Forwards
        What folds say.
    as_json : bool
        Whether to print one JSON object.
    prices : mapping, optional
        Series that were read for it, whose head is printed first.
    """
    from qmac.report.terminal.walk_forward import show_forward, show_forwards
    from qmac.robustness.forward.many import Forwards

    is_many = isinstance(answer, Forwards)
    if as_json:
        summary = answer.summary()
        streams.print_json(summary if is_many else {"walk_forward": summary})
        return
    if prices is not None and not is_many:
        print_head(prices)
    (show_forwards if is_many else show_forward)(answer, streams.build_console())


def _print_estimate(job: Any, walks: Any, limits: qmac.Limits, *, as_json: bool) -> None:
    """Print what all folds take, on this machine."""
    from qmac.jobs.runner import count_threads
    from qmac.robustness.forward.estimate import estimate_forward

    estimated = estimate_forward(walks, limits, count_threads(limits))
    if as_json:
        streams.print_json(estimated.to_dict())
        return
    print_head(job.prices)
    for line in estimated.lines:
        streams.print_line(line)
