"""What commands that sweep share: a directory in place of prices, notes, how to go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from qmac.cli import streams
from qmac.cli.interrupts import Interrupted, Interruption
from qmac.cli.options.job import JobOptions
from qmac.cli.options.last_result import use_last_result
from qmac.cli.options.tables import JOB
from qmac.cli.options.typed import find_explicit, is_explicit
from qmac.errors import (
    InputError,
    OptionError,
    ResultError,
    WriteError,
    printable,
    shell_quote,
    suggestion,
)


def find_directory(context: typer.Context, options: JobOptions) -> Path | None:
    """Return the directory of a run or result that takes the place of prices.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    options : JobOptions
        What the command line names.

    Returns
    -------
    Path or None
        The directory that is named, or that of the last result where nothing is; None for prices.

    Raises
    ------
    OptionError
        If there are neither prices nor a last result.
    """
    from qmac.storage.files import resolve_typed

    if options.sample:
        return None
    if not is_explicit(context, "prices"):
        try:
            return use_last_result(context)
        except ResultError as error:
            raise OptionError(f"prices are missing, and {error}") from None
    words = options.prices
    if not isinstance(words, list) or len(words) != 1:  # many files, or those of a job file
        return None
    path = resolve_typed(words[0])
    return path if _holds_runs(path) else None


def _holds_runs(path: Path) -> bool:
    """Return whether a directory is that of a run or result, or one of runs and of no files."""
    from qmac.results.writer import HEADER as RESULT
    from qmac.runs.header import HEADER as RUN
    from qmac.storage.files import is_directory, is_file, list_names, look_up

    if not is_directory(path):
        return False
    if any(look_up(path / name) is not None for name in (RUN, RESULT)):
        return True
    places = [path / name for name in list_names(path)]
    return any(is_file(place / RUN) for place in places) and not any(map(is_file, places))


def refuse_job_options(
    context: typer.Context, directory: Path, accepted: Collection[str] = ()
) -> None:
    """Refuse options of a sweep beside a run, whose sweep is done.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    directory : Path
        Of the run.
    accepted : collection of str
        Parameters that go with the run, too.

    Raises
    ------
    OptionError
        If there is one.
    """
    explicit = find_explicit(context, set(JOB) - {"prices", *accepted})
    if explicit:
        raise OptionError(
            f"--{explicit[0].replace('_', '-')} goes with prices that are swept first, and "
            f"{directory} holds a run that has settings already. Leave it out, or name prices."
        )


def build_job(
    options: JobOptions, directory: Path | None, symbol: str | None, prices_file: Path | None
) -> Any:
    """Return the job of prices, or of a directory in their place.

    Parameters
    ----------
    options : JobOptions
        What the command line says.
    directory : Path or None
        Of a run or result.
    symbol : str or None
        The only symbol that counts; None for all.
    prices_file : Path or None
        Prices of a result that lacks them.

    Returns
    -------
    Job
        Nothing of it is swept here.

    Raises
    ------
    OptionError
        If there is no such symbol.
    """
    from qmac.jobs.job import Job
    from qmac.runs.directory import RunDirectory
    from qmac.runs.header import HEADER as RUN
    from qmac.storage.files import look_up

    if directory is None:
        job = options.build()
    elif look_up(directory / RUN) is not None:
        job = Job.from_directory(RunDirectory.open(directory))
    else:
        (result,) = read_results(directory, options, symbol, prices_file).values()
        job = Job({result.prices["name"]: result.series.prices}, result.request)
    return select_symbol(job, symbol)


def select_symbol(job: Any, symbol: str | None) -> Any:
    """Return the job of one symbol, if one is named.

    Parameters
    ----------
    job : Job
        Of many symbols.
    symbol : str or None
        One of them.

    Returns
    -------
    Job
        The same for None.

    Raises
    ------
    OptionError
        If there is no such symbol.
    """
    if symbol is None:
        return job
    if symbol not in job.prices:
        raise OptionError(f"there are no prices of {symbol!r}. {suggestion(symbol, job.prices)}")
    return dataclasses.replace(job, prices={symbol: job.prices[symbol]}, left_out={})


def read_results(
    directory: Path, options: JobOptions, symbol: str | None, prices_file: Path | None
) -> Any:
    """Return the results in a directory, with prices of a file if one is named.

    Parameters
    ----------
    directory : Path
        Of a run or result.
    options : JobOptions
        How files of prices are read.
    symbol : str or None
        The only symbol that counts; None for all.
    prices_file : Path or None
        Prices of a result that lacks them.

    Returns
    -------
    Results
        By symbol.

    Raises
    ------
    OptionError
        If there is a file of prices, and more than one symbol.
    """
    import functools

    from qmac.results import reader
    from qmac.results.collection import Results

    results = reader.read_results(directory, symbol)
    if prices_file is None:
        return results
    if len(results) > 1:
        raise OptionError(
            f"--prices needs one symbol, but {directory} has {len(results)}. Add --symbol NAME."
        )
    ((name, result),) = results.items()
    result = result.with_prices(options.read_prices(prices_file))
    return Results({name: functools.partial(reader.return_result, result)}, {})


def repeat_place(
    place: Path | None, directory: Path | None, out: Path | None, symbol: str | None
) -> list[str]:
    """Return the words of the command line by which the same command goes on.

    Parameters
    ----------
    place : Path or None
        Directory of the run, or of the result that takes the place of prices.
    directory : Path or None
        What was named in the place of prices.
    out : Path or None
        What was named for what is written.
    symbol : str or None
        The only symbol that counts.

    Returns
    -------
    list of str
        The directory first.
    """
    assert place is not None  # without it, nothing is written
    words = [str(place.resolve())]
    if symbol is not None:
        words += ["--symbol", symbol]
    if directory is not None and out is not None:
        words += ["--out", str(out.resolve())]
    return words


def prepare_same(command: str, words: Sequence[str], executor: Any) -> None:
    """Make an interrupt name the command that goes on from what is written.

    Parameters
    ----------
    command : str
        Such as ``qmac luck``.
    words : sequence of str
        What follows it, the directory first.
    executor : Executor or None
        None for threads of this process.
    """
    Interruption.place = words[0]
    Interruption.stopping = "what is swept is written"
    words = [*words, *([] if executor is None else executor.options)]
    Interruption.resume = f"{command} {' '.join(map(shell_quote, words))}"


def announce_at_work(listener: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a listener that prints the prepared command once there is something left to do.

    Parameters
    ----------
    listener : callable
        Gets each status; there is none where all is done already.

    Returns
    -------
    callable
        Passes each on.
    """
    is_printed = Interruption.resume is None

    def listen(status: Any) -> None:
        nonlocal is_printed
        if not is_printed:
            is_printed = True
            _print_same()
        listener(status)

    return listen


def _print_same() -> None:
    streams.print_note(f"if this is interrupted, the same goes on with: {Interruption.resume}")


@contextmanager
def resumed_only_if_begun(place: Path | None = None) -> Iterator[None]:
    """Leave out how to go on where the same command would be refused again, or nothing is written.

    Parameters
    ----------
    place : Path, optional
        Directory in which the answer is written.

    Yields
    ------
    None
        While the command works.
    """
    from qmac.storage.files import is_directory

    try:
        yield
    except WriteError:
        if place is not None and not is_directory(place):
            Interruption.resume = None
        raise
    except InputError:
        Interruption.resume = None
        raise


def print_saved(place: Path, console: Any) -> None:
    """Print where an answer is.

    Parameters
    ----------
    place : Path
        Its directory.
    console : rich.console.Console
        Where it is printed.
    """
    text = printable(f"saved in {place}")
    console.print(text, style="dim", highlight=False, soft_wrap=True)


def announce(executor: Any) -> None:
    """Print what takes some seconds before anything else can be shown.

    Parameters
    ----------
    executor : Executor or None
        None for threads of this process.
    """
    if executor is None:
        return
    if executor.address:
        streams.print_note(f"joining the Ray cluster at {executor.address}.")
    else:
        streams.print_note("starting Ray on this machine.")


def raise_interrupts(listener: Any) -> Callable[[Any], None]:
    """Return a listener that ends a run whose Ctrl-C was raised where Python swallowed it.

    Parameters
    ----------
    listener : callable
        Gets each status.

    Returns
    -------
    callable
        Passes it on.
    """

    def listen(status: Any) -> None:
        if Interruption.interrupted:
            raise Interrupted
        listener(status)

    return listen
