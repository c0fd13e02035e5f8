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

from qmac.config import Rules
from qmac.errors import ResultError, printable
from qmac.grid import Grid
from qmac.objective import Objective, check_constraints
from qmac.reductions import Distribution, Maps
from qmac.result import ARRAYS, FORMAT, HEADER, TOP, Result, checksum, header_checksum
from qmac.run.directory import RunDirectory
from qmac.run.header import HEADER as RUN
from qmac.run.scores import SCORES, ScoreGrid
from qmac.series import AVERAGES, PRICES, Series


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
            raise ResultError(f"{directory} {reason}. Name a directory that 'qmac optimize --out' wrote.")
        known = (directory / HEADER).is_file()
    except OSError as error:
        raise ResultError(f"{directory} cannot be read: {error.strerror}. Name another directory.") from None
    parts = [] if known else sorted(directory.glob(f"results/*/{HEADER}"))
    if len(parts) == 1:  # a run of one symbol
        return load(parts[0].parent)
    if parts:
        raise ResultError(f"{directory} holds {len(parts)} results. Name one, such as {parts[0].parent}.")
    if not known:
        raise ResultError(
            f"{directory} holds no result: there is no {HEADER}. Name a directory that 'qmac optimize --out' wrote."
        )
    try:
        header = json.loads((directory / HEADER).read_text())
        if header["format"] > FORMAT:
            raise ResultError(f"{directory} was written by qmac {printable(header['qmac'])}. Update qmac to read it.")
        if header_checksum(header) != header.get("checksum"):
            raise ResultError(f"{directory / HEADER} was changed: its checksum differs. Run it again.")
        for name in {TOP, ARRAYS, *header["checksums"]}:
            if checksum(directory / name) != header["checksums"][name]:
                raise ResultError(f"{directory / name} is damaged: its checksum differs. Run it again.")
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
        return functools.partial(Series.read, directory, name, AVERAGES in header["checksums"])
    run = directory.resolve().parent.parent
    if (run / RUN).is_file():
        return functools.partial(_of_run, run, name, windows)
    return None


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
