"""Results on disk, read again: checked before anything of them is believed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
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
    checksum,
)
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER as RUN
from qmac.runs.score_store import SCORES, ScoreGrid
from qmac.storage.json_text import compute_checksum
from qmac.strategy.constraints import check_constraints
from qmac.strategy.grid import Grid
from qmac.strategy.objective import Objective
from qmac.strategy.rules import Rules


def load(directory: str | Path) -> Result:
    """A result that ``Result.save`` or ``qmac optimize --out`` wrote.

    Raises
    ------
    ResultError : the directory holds no result, a damaged one, or one of a newer qmac.
    """
    directory = Path(directory)
    directory = directory.expanduser()
    try:
        if not directory.is_dir():
            reason = "is a file, not a directory" if directory.exists() else "is not there"
            raise ResultError(
                f"{directory} {reason}. Name a directory that 'qmac optimize --out' wrote."
            )
        known = (directory / HEADER).is_file()
    except OSError as error:
        raise ResultError(
            f"{directory} cannot be read: {error.strerror}. Name another directory."
        ) from None
    parts = [] if known else sorted(directory.glob(f"results/*/{HEADER}"))
    if len(parts) == 1:  # a run of one symbol
        return load(parts[0].parent)
    if parts:
        raise ResultError(
            f"{directory} holds {len(parts)} results. Name one, such as {parts[0].parent}."
        )
    if not known:
        raise ResultError(
            f"{directory} holds no result: there is no {HEADER}. Name a directory that 'qmac optimize --out' wrote."
        )
    try:
        header = json.loads((directory / HEADER).read_text())
        if header["format"] > FORMAT:
            raise ResultError(
                f"{directory} was written by qmac {printable(header['qmac'])}. Update qmac to read it."
            )
        if compute_checksum(header) != header.get("checksum"):
            raise ResultError(
                f"{directory / HEADER} was changed: its checksum differs. Run it again."
            )
        for name in {TOP, ARRAYS, *header["checksums"]}:
            if checksum(directory / name) != header["checksums"][name]:
                raise ResultError(
                    f"{directory / name} is damaged: its checksum differs. Run it again."
                )
        top = pd.read_parquet(directory / TOP)
        with np.load(directory / ARRAYS, allow_pickle=False) as arrays:
            result = _from_parts(header, top, dict(arrays))
    except ResultError:
        raise
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same
        raise ResultError(
            f"{directory} is damaged ({type(error).__name__}: {printable(error)}). Run it again."
        ) from None
    if result.digest != header["digest"]:
        raise ResultError(
            f"{directory} is damaged: its digest is {result.digest}, not {header['digest']}. Run it again."
        )
    result = replace(result, source=_source(directory, header, result))
    if (directory / SCORES).is_dir():
        scores = ScoreGrid(directory / SCORES, result.grid, result.distribution.objective)
        return replace(result, scores=scores)
    return result


def _source(directory: Path, header: dict[str, Any], result: Result) -> Callable[[], Series] | None:
    """Where its prices are: beside the result, or in the run directory that it lies in; read when they are asked for."""
    name, windows = result.prices["name"], result.grid.windows
    if PRICES in header["checksums"]:
        return functools.partial(read_series, directory, name, AVERAGES_FILE in header["checksums"])
    run = directory.resolve().parent.parent
    if (run / RUN).is_file():
        return functools.partial(_of_run, run, name, windows)
    return None


def read_series(directory: Path, name: str, own: bool) -> Series:
    """What ``write_series`` wrote.

    Raises
    ------
    ResultError : it is damaged.
    """
    try:
        prices, averages = Prices(pd.read_parquet(directory / PRICES), name), None
        if own:
            with np.load(directory / AVERAGES_FILE, allow_pickle=False) as arrays:
                averages = {int(window): arrays[window] for window in arrays}
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same
        raise ResultError(
            f"{directory / PRICES} is damaged ({type(error).__name__}). Run it again."
        ) from None
    return Series(prices, averages)


def _of_run(run: Path, name: str, windows: tuple[int, ...]) -> Series:
    found = RunDirectory.open(run)
    return Series.of(found.prices(name), found.averages(), windows)


def _from_parts(header: dict[str, Any], top: pd.DataFrame, arrays: dict[str, np.ndarray]) -> Result:
    grid = Grid(**header["grid"])
    mean, std, low, high = (float(number) for number in arrays["scores"])
    positive = int(arrays["positive"])
    objective = Objective(header["objective"], header["maximize"], header["years"])
    counts = (arrays["counts"], header["scored"], positive)
    return Result(
        top=top,
        distribution=Distribution(objective, arrays["edges"], *counts, mean, std, low, high, header["limit"]),
        grid=grid,
        rules=Rules(**header["rules"]),
        hold={name: float(value) for name, value in header["hold"].items()},
        constraints=check_constraints(header["constraints"], 0),
        top_scores=arrays["top_scores"],
        maps=Maps(objective, grid.windows, arrays["map_best"], arrays["map_mean"], arrays["map_count"]),
        degradations=list(header.get("degradations", [])),
        failed=list(header.get("failed", [])),
        machine=str(header.get("machine", "")),
        **{
            name: header[name]
            for name in (
                "evaluated", "scored", "unscored", "filtered", "filtered_by", "elapsed",
                "objective", "maximize", "threads", "prices", "periods_per_year",
            )
        },
    )  # fmt: skip


def return_result(result: Result) -> Result:
    return result


def result_reader(directory: RunDirectory, name: str) -> Callable[[], Result]:
    return lambda: load(directory.result(name))


def read_results(path: str | Path, symbol: str | None = None) -> Results:
    """The results in a directory, of one series or of a run, finished or not; that of one symbol, if it is named.

    Raises
    ------
    ResultError, OptionError : there are none, or they are damaged; there is none of that symbol.
    """
    path = Path(path).expanduser()
    if (path / RUN).exists():
        found = RunDirectory.open(path)
        done = {
            name: result_reader(found, name)
            for name in found.names
            if (found.result(name) / HEADER).exists()
        }
        left_out = found.header["left_out"]
    else:
        result = load(path)
        done, left_out = {result.prices["name"]: functools.partial(return_result, result)}, {}
    if not done:
        raise ResultError(f"{path} holds no result yet. Go on with it: qmac resume {path}")
    if symbol is None:
        return Results(done, left_out)
    if symbol not in done:
        raise OptionError(f"{path} holds no result of {symbol!r}. {suggestion(symbol, done)}")
    return Results({symbol: done[symbol]}, {})
