"""Results are read from disk, and checked before anything of them is believed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac.data.prices import Prices
from qmac.engine.dataset.series import Series
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.window_maps import Maps
from qmac.errors import OptionError, ResultError, printable, suggestion
from qmac.results.collection import Results
from qmac.results.result import Result
from qmac.results.writer import (
    ARRAYS,
    AVERAGES_FILE,
    FORMAT,
    HEADER,
    PRICES,
    TOP,
    compute_file_checksum,
)
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER as RUN
from qmac.runs.score_store import SCORES, ScoreGrid
from qmac.runs.tasks import Task
from qmac.storage.json_text import compute_checksum
from qmac.strategy.objective import Objective
from qmac.strategy.request import Request

COPIED = (
    "evaluated",
    "scored",
    "unscored",
    "filtered",
    "filtered_by",
    "elapsed",
    "threads",
    "prices",
    "periods_per_year",
)
"""Entries of a header that are fields of a result as they stand."""


def load(directory: str | Path) -> Result:
    """Read a result that ``Result.save`` or ``qmac optimize --out`` wrote.

    Parameters
    ----------
    directory : str or Path
        The directory of a result, or of a run of one symbol.

    Returns
    -------
    Result
        Every file of it has the checksum that it was written with.

    Raises
    ------
    ResultError
        If the directory holds no result, a damaged one, or one of a newer qmac.
    """
    directory = _find_result(Path(directory).expanduser())
    try:
        header = _read_header(directory)
        _check_files(directory, header)
        result = _build_result(directory, header)
    except ResultError:
        raise
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same
        raise ResultError(
            f"{directory} is damaged ({type(error).__name__}: {printable(error)}). Run it again."
        ) from None
    if result.digest != header["digest"]:
        raise ResultError(
            f"{directory} is damaged: its digest is {result.digest}, not {header['digest']}. "
            "Run it again."
        )
    return result


def _find_result(directory: Path) -> Path:
    """Return the directory of the result that a path means: itself, or the only one of a run."""
    try:
        if not directory.is_dir():
            reason = "is a file, not a directory" if directory.exists() else "does not exist"
            raise ResultError(
                f"{directory} {reason}. Name a directory that 'qmac optimize --out' wrote."
            )
        is_result = (directory / HEADER).is_file()
    except OSError as error:
        raise ResultError(
            f"{directory} cannot be read: {error.strerror}. Name another directory."
        ) from None
    if is_result:
        return directory
    headers = sorted(directory.glob(f"results/*/{HEADER}"))
    if not headers:
        raise ResultError(
            f"{directory} holds no result: there is no {HEADER}. "
            "Name a directory that 'qmac optimize --out' wrote."
        )
    if len(headers) > 1:
        raise ResultError(
            f"{directory} holds {len(headers)} results. Name one, such as {headers[0].parent}."
        )
    return headers[0].parent


def _read_header(directory: Path) -> dict[str, Any]:
    """Return what ``result.json`` holds, if this version reads it and nothing was changed."""
    path = directory / HEADER
    header: dict[str, Any] = json.loads(path.read_text())
    if header["format"] > FORMAT:
        raise ResultError(
            f"{directory} was written by qmac {printable(header['qmac'])}. Update qmac to read it."
        )
    if compute_checksum(header) != header.get("checksum"):
        raise ResultError(f"{path} was changed: its checksum differs. Run it again.")
    return header


def _check_files(directory: Path, header: dict[str, Any]) -> None:
    """Raise ResultError unless every file is as it was written."""
    checksums = header["checksums"]
    for name in {TOP, ARRAYS, *checksums}:
        if compute_file_checksum(directory / name) != checksums[name]:
            raise ResultError(f"{directory / name} is damaged: its checksum differs. Run it again.")


def _build_result(directory: Path, header: dict[str, Any]) -> Result:
    """Return the result in a directory, with where its prices and scores are."""
    with np.load(directory / ARRAYS, allow_pickle=False) as file:
        arrays = dict(file)
    top = pd.read_parquet(directory / TOP)
    request = Request.from_dict(header | {"top": max(len(top), 1)})
    grid = request.grid
    objective = Objective(request.objective, request.maximize, header["years"])
    heat_maps = (arrays["map_best"], arrays["map_mean"], arrays["map_count"])
    has_scores = (directory / SCORES).is_dir()
    copied = {name: header[name] for name in COPIED}
    return Result(
        top=top,
        distribution=_build_distribution(header, arrays, objective),
        grid=grid,
        rules=request.rules,
        objective=request.objective,
        maximize=request.maximize,
        hold={metric: float(value) for metric, value in header["hold"].items()},
        constraints=dict(request.constraints),
        top_scores=arrays["top_scores"],
        maps=Maps(objective, grid.windows, *heat_maps),
        # earlier versions wrote none of these three
        degradations=list(header.get("degradations", [])),
        failed=list(header.get("failed", [])),
        machine=str(header.get("machine", "")),
        scores=ScoreGrid(directory / SCORES, grid, objective) if has_scores else None,
        source=_find_source(directory, header, grid.windows),
        **copied,
    )


def _build_distribution(
    header: dict[str, Any], arrays: dict[str, np.ndarray], objective: Objective
) -> Distribution:
    """Return the distribution that ``build_arrays`` took apart."""
    mean, std, lowest, highest = map(float, arrays["scores"])
    return Distribution(
        objective=objective,
        score_edges=arrays["edges"],
        counts=arrays["counts"],
        scored=header["scored"],
        positive=int(arrays["positive"]),
        score_mean=mean,
        score_std=std,
        score_min=lowest,
        score_max=highest,
        limit=header["limit"],
    )


def _find_source(
    directory: Path, header: dict[str, Any], windows: tuple[int, ...]
) -> Callable[[], Series] | None:
    """Return what reads a result's prices, beside it or in its run directory; None if neither."""
    name = header["prices"]["name"]
    if PRICES in header["checksums"]:
        has_averages = AVERAGES_FILE in header["checksums"]
        return functools.partial(read_series, directory, name, has_averages)
    run = directory.resolve().parent.parent
    if (run / RUN).is_file():
        return functools.partial(_read_series_of_run, run, name, windows)
    return None


def read_series(directory: Path, name: str, has_averages: bool) -> Series:
    """Read the prices and averages that ``write_series`` wrote.

    Parameters
    ----------
    directory : Path
        The directory of a result.
    name : str
        The symbol.
    has_averages : bool
        Whether averages of the user's own lie beside the prices.

    Returns
    -------
    Series
        Prices and averages.

    Raises
    ------
    ResultError
        If a file is damaged.
    """
    averages = None
    try:
        prices = Prices(pd.read_parquet(directory / PRICES), name)
        if has_averages:
            with np.load(directory / AVERAGES_FILE, allow_pickle=False) as arrays:
                averages = {int(window): arrays[window] for window in arrays}
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same
        raise ResultError(
            f"{directory / PRICES} is damaged ({type(error).__name__}). Run it again."
        ) from None
    return Series(prices, averages)


def _read_series_of_run(run: Path, name: str, windows: tuple[int, ...]) -> Series:
    directory = RunDirectory.open(run)
    return Series.from_rows(directory.prices(name), directory.averages(), windows)


def return_result(result: Result) -> Result:
    """Return a result that is in memory, where ``Results`` asks for a function.

    Returns
    -------
    Result
        The result itself.
    """
    return result


def result_reader(directory: RunDirectory, task: Task) -> Callable[[], Result]:
    """Return a function that reads the result of a task.

    Parameters
    ----------
    directory : RunDirectory
        The run.
    task : Task
        One of its tasks.

    Returns
    -------
    callable
        Takes nothing, returns the ``Result``.
    """
    return lambda: load(directory.result(task))


def read_results(path: str | Path, symbol: str | None = None) -> Results:
    """Read the results in a directory of one result or of a run, finished or not.

    Parameters
    ----------
    path : str or Path
        The directory.
    symbol : str, optional
        The only symbol to read; all of them by default.

    Returns
    -------
    Results
        Those of a run are read one by one, when they are looked up.

    Raises
    ------
    ResultError
        If there are none, or the only one is damaged.
    OptionError
        If there is none of that symbol.
    """
    path = Path(path).expanduser()
    readers: dict[str, Callable[[], Result]] = {}
    left_out: dict[str, str] = {}
    if (path / RUN).exists():
        run = RunDirectory.open(path)
        left_out = dict(run.header.left_out)
        for task in run.tasks:
            if (run.result(task) / HEADER).exists():
                readers[task.name] = result_reader(run, task)
    else:
        result = load(path)
        readers[result.prices["name"]] = functools.partial(return_result, result)
    if not readers:
        raise ResultError(f"{path} holds no result yet. Resume the run: qmac resume {path}")
    if symbol is None:
        return Results(readers, left_out)
    if symbol not in readers:
        raise OptionError(f"{path} holds no result of {symbol!r}. {suggestion(symbol, readers)}")
    return Results({symbol: readers[symbol]}, {})
