"""A result says what it answers, and that is compared with the run in which it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qmac.engine.backtest.batch import evaluate_hold
from qmac.errors import InputError, ResultError, shell_quote
from qmac.results.result import REPLAY_TOLERANCE, Result, are_close, check_dates
from qmac.runs.directory import RunDirectory
from qmac.runs.header import OWN_AVERAGES, Fingerprint, Identity, describe_changes
from qmac.runs.tasks import Task
from qmac.storage.lock import LOCK, is_held
from qmac.strategy.request import Request

KERNEL_ENTRIES = ("averages", "lanes", "kernels")
"""Entries of a fingerprint beside its request; results of earlier versions have none of them."""
HOLD_METRICS = ("total_return", "max_drawdown")
"""Metrics of buy & hold that depend on every close and on no calendar."""


def read_identity(header: Mapping[str, Any]) -> Identity | None:
    """Return what a result says that it answers.

    Parameters
    ----------
    header : mapping
        Content of ``result.json``.

    Returns
    -------
    Identity or None
        None of a result of an earlier version, which does not say all of it.

    Raises
    ------
    InputError
        If an entry has another type, or a value outside its bounds.
    """
    prices = header["prices"]
    if "sha256" not in prices or not all(name in header for name in KERNEL_ENTRIES):
        return None
    return Identity(Fingerprint.from_dict(header), str(prices["name"]), str(prices["sha256"]))


def identify(result: Result) -> Identity | None:
    """Return what a result answers, which answers about it repeat.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    Identity or None
        None of a result of an earlier version.
    """
    if result.fingerprint is None:
        return None
    return Identity(result.fingerprint, result.prices["name"], result.prices["sha256"])


def check_identity(
    path: Path, header: Mapping[str, Any], directory: RunDirectory, task: Task
) -> None:
    """Check that a result in a run is that of its task: the same request, symbol and prices.

    Parameters
    ----------
    path : Path
        Directory of the result.
    header : mapping
        Content of its ``result.json``. What an earlier version left out is not compared.
    directory : RunDirectory
        The run.
    task : Task
        Whose result it should be.

    Raises
    ------
    ResultError
        If it answers something else; the message says what.
    """
    wanted = directory.header.identify(task)
    symbol, prices = header["prices"]["name"], header["prices"].get("sha256")
    if symbol != wanted.task:
        raise build_error(path, f"of {symbol}, not of {wanted.task}", directory)
    entries = _read_entries(header)
    expected = wanted.fingerprint.to_dict()
    if "averages" not in header and wanted.fingerprint.has_own_averages:
        expected["averages"] = OWN_AVERAGES
    changes = describe_changes(entries, {name: expected[name] for name in entries})
    if changes:
        raise build_error(path, f"of another run: {'; '.join(changes)}", directory)
    if prices not in (None, wanted.prices):
        raise build_error(path, "of other prices", directory)


def _read_entries(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a fingerprint that a result has, in the form of this version."""
    entries = Request.from_dict({"top": 1, **header}).to_dict()
    if "top" not in header:
        del entries["top"]
    entries["averages"] = header["prices"]["averages"]
    return entries | {name: header[name] for name in KERNEL_ENTRIES if name in header}


def check_figures(path: Path, result: Result, directory: RunDirectory) -> None:
    """Check a result of an earlier version, which says less, by its rows, dates and buy & hold.

    Parameters
    ----------
    path : Path
        Directory of the result.
    result : Result
        A result with the prices of its run.
    directory : RunDirectory
        The run.

    Raises
    ------
    ResultError
        If it was computed for another number of rows, or on other prices.
    """
    rows = min(directory.header.request.top, result.scored)
    if len(result.top) != rows:
        difference = f"of another run: it has {len(result.top)} rows, not {rows}"
        raise build_error(path, difference, directory)
    try:
        series = result.series
    except ResultError:  # damaged prices: there is nothing to compare it with
        return
    try:
        check_dates(series, result)
        hold = evaluate_hold(series.prepare(result.grid.windows, result.rules))
    except InputError:
        raise build_error(path, "of other prices", directory) from None
    before, now = ([values[metric] for metric in HOLD_METRICS] for values in (result.hold, hold))
    if not are_close(before, now, REPLAY_TOLERANCE):
        raise build_error(path, "of other prices", directory)


def advise_repeat(directory: RunDirectory) -> str:
    """Return what to do about an unfinished run that this version cannot resume.

    Parameters
    ----------
    directory : RunDirectory
        The run.

    Returns
    -------
    str
        A sentence with a command.
    """
    return f"Repeat the run: qmac optimize {shell_quote(directory.path / 'job.toml')} --out DIR"


def advise_resuming(directory: RunDirectory, purpose: str) -> str:
    """Return how what a run lacks is computed: resume it, watch it, or repeat it.

    Parameters
    ----------
    directory : RunDirectory
        The run.
    purpose : str
        What resuming it does, such as "Resume the run".

    Returns
    -------
    str
        A sentence with a command.
    """
    path = shell_quote(directory.path)
    if not directory.header.is_resumable:
        return advise_repeat(directory)
    if is_held(directory.path / LOCK):
        return f"The run is going on. Watch it: qmac watch {path}"
    return f"{purpose}: qmac resume {path}"


def build_error(path: Path, difference: str, directory: RunDirectory) -> ResultError:
    """Return the error of a result that lies in a run and is not of it.

    Parameters
    ----------
    path : Path
        Directory of the result.
    difference : str
        What it is the result of.
    directory : RunDirectory
        The run.

    Returns
    -------
    ResultError
        It says how to compute the right one.
    """
    advice = advise_resuming(directory, "Compute it again")
    return ResultError(f"{path} is the result {difference}.", advice)
