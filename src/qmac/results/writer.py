"""A result becomes files, all of them or none."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qmac._version import __version__
from qmac.data.readers import write_stored
from qmac.engine.dataset.series import Series
from qmac.engine.dataset.signals import MapFunction
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.window_maps import Maps
from qmac.runs.directory import LONGEST_NAME, WRITTEN_FILES
from qmac.storage.directories import check_writable
from qmac.storage.files import (
    create_file,
    is_directory,
    make_directories,
    make_directory,
    move,
    open_file,
    remove_made,
    sync,
)
from qmac.storage.json_text import compute_checksum, to_json_values
from qmac.storage.refusals import describe_refusal
from qmac.storage.tables import save_arrays

FORMAT = 3
"""Since 3, large arrays are in code."""
HEADER, TOP, ARRAYS = "result.json", "top.parquet", "arrays.npz"
PRICES, AVERAGES_FILE = "prices.parquet", "averages.npz"
"""Beside a result that holds its prices; a run directory has them once, for all its results."""
DERIVED = ("best", "combinations_per_second")
"""Entries of ``Result.about`` that follow from others, and are not stored."""


class Contents(NamedTuple):
    """The parts of a result's directory."""

    header: dict[str, Any]
    """``result.json``, but for the checksums."""
    top: Mapping[str, np.ndarray]
    """Columns of the best rows, ``(K,)`` each."""
    arrays: dict[str, Any]
    series: Series | None
    """None where the prices are not with the result, or lie in its run directory."""


def build_header(about: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """Return what lies in ``result.json``, but for the checksums.

    Parameters
    ----------
    about : dict
        ``Result.about``.
    details : dict
        Entries after it: years, limit, threads, hold, job, and those of the fingerprint.

    Returns
    -------
    dict
        Values that JSON has. Bounds without a limit are None; a metric of buy & hold that is not
        finite is a string.
    """
    stored = {name: value for name, value in about.items() if name not in DERIVED}
    header = {"format": FORMAT, "qmac": __version__, **stored, **details}
    header["constraints"] = to_json_values(about["constraints"])
    header["hold"] = {
        metric: value if math.isfinite(value) else str(value)
        for metric, value in details["hold"].items()
    }
    return header


def build_arrays(
    distribution: Distribution, maps: Maps, top_scores: np.ndarray
) -> dict[str, np.ndarray | int]:
    """Return what lies in ``arrays.npz``.

    Parameters
    ----------
    distribution : Distribution
        The objective over all scored combinations.
    maps : Maps
        Best, mean and count for each value of two windows.
    top_scores : np.ndarray
        Scores of the top rows, ``(K,)``.

    Returns
    -------
    dict
        Arrays by name; ``qmac.results.reader`` turns them back.
    """
    lowest, highest = distribution.score_min, distribution.score_max
    moments = (distribution.score_mean, distribution.score_std, lowest, highest)
    return {
        "edges": distribution.score_edges,
        "counts": distribution.counts,
        "positive": distribution.positive,
        "scores": np.array(moments),
        "top_scores": top_scores,
        "map_best": maps.best,
        "map_mean": maps.means,
        "map_count": maps.counts,
    }


def write_result(directory: str | Path, contents: Contents) -> Path:
    """Write the parts of a result into a new or empty directory, all or nothing.

    Parameters
    ----------
    directory : str or Path
        The place of the result.
    contents : Contents
        Its parts.

    Returns
    -------
    Path
        The directory, absolute.

    Raises
    ------
    ResultError
        If there is something in the directory.
    WriteError
        If it cannot be written.
    """
    directory = check_writable(directory)
    try:
        if is_directory(directory):
            # a shell may stand in it, so it is filled, not replaced
            _fill(directory, contents)
        else:
            make_directories(directory.parent)
            _replace(stage_result(directory, contents))
    except OSError as error:
        raise describe_refusal(directory, error) from None
    return directory


def _replace(staged: StagedResult) -> None:
    try:
        commit_results([staged])
    finally:
        drop_staged(staged)


def _fill(directory: Path, contents: Contents) -> None:
    """Write the parts into an empty directory; without its header, it is no result."""
    staged = _stage(directory / _name_scratch(directory), directory, contents)
    try:
        for name in staged.names:
            sync(staged.scratch / name)
        for name in staged.names:
            move(staged.scratch / name, directory / name)
        sync(directory)
    finally:
        drop_staged(staged)


class StagedResult(NamedTuple):
    """The files of a result, beside its place."""

    scratch: Path
    """Where they lie."""
    directory: Path
    """Where they belong."""
    names: list[str]
    """The header last."""


def stage_result(directory: Path, contents: Contents) -> StagedResult:
    """Write the parts of a result beside its place, where they are no result yet.

    Parameters
    ----------
    directory : Path
        The place, in a directory that exists; nothing lies there.
    contents : Contents
        What is written.

    Returns
    -------
    StagedResult
        For ``commit_results``.

    Raises
    ------
    OSError
        If the disk refuses a file; nothing is left.
    """
    make_directory(directory.parent)  # a copy may lack what was empty
    return _stage(directory.parent / _name_scratch(directory), directory, contents)


def _name_scratch(directory: Path) -> str:
    return f".{directory.name[:LONGEST_NAME]}-{os.getpid()}"


def _stage(scratch: Path, directory: Path, contents: Contents) -> StagedResult:
    if not make_directory(scratch):  # of an ended process that had this number
        remove_made(scratch, WRITTEN_FILES)
        make_directory(scratch)
    try:
        return StagedResult(scratch, directory, _write_files(scratch, contents))
    except BaseException:
        with suppress(OSError):
            remove_made(scratch, WRITTEN_FILES)
        raise


def commit_results(staged: Sequence[StagedResult], mapped: MapFunction = map) -> None:
    """Make results of what lies beside their places, which outlast a crash of the machine.

    Parameters
    ----------
    staged : sequence of StagedResult
        In one directory or several.
    mapped : callable, optional
        Like ``map``; may sync files side by side.

    Raises
    ------
    OSError
        If the disk refuses it; some of them may be in their places.
    """
    list(mapped(sync, [one.scratch / name for one in staged for name in one.names]))
    for one in staged:
        move(one.scratch, one.directory)
    for parent in {one.directory.parent for one in staged}:
        sync(parent)


def drop_staged(staged: StagedResult) -> None:
    """Remove what lies beside the place of a result, if anything does.

    Parameters
    ----------
    staged : StagedResult
        Committed or not.
    """
    with suppress(OSError):
        remove_made(staged.scratch, WRITTEN_FILES)


def _write_files(directory: Path, contents: Contents) -> list[str]:
    """Write every file, and return their names, the header last."""
    names = [TOP, ARRAYS]
    if contents.series is not None:
        names += write_series(contents.series, directory)
    _write_table(directory / TOP, contents.top)
    _write_arrays(directory / ARRAYS, contents.arrays)
    checksums = {name: compute_file_checksum(directory / name) for name in names}
    header = {**contents.header, "checksums": checksums}
    header["checksum"] = compute_checksum(header)
    with create_file(directory / HEADER) as file:
        file.write(_format_header(header).encode())
    return [*names, HEADER]


def _format_header(header: Mapping[str, Any]) -> str:
    """Return JSON with an entry a line: with a number a line it took 20 times as long."""
    lines = (
        f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}"
        for name, value in header.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_series(series: Series, directory: Path) -> list[str]:
    """Write prices and averages beside a result.

    Parameters
    ----------
    series : Series
        Prices, and the user's own averages if there are any.
    directory : Path
        A directory that exists.

    Returns
    -------
    list of str
        The names of the files.
    """
    with create_file(directory / PRICES) as file:
        write_stored(series.prices, file)
    if series.averages is None:
        return [PRICES]
    rows: dict[str, Any] = {str(window): row for window, row in series.averages.items()}
    _write_arrays(directory / AVERAGES_FILE, rows)
    return [PRICES, AVERAGES_FILE]


def _write_table(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write a table as Parquet; numbers that hardly repeat have no dictionary."""
    import pyarrow as pa
    import pyarrow.parquet

    memory = pa.BufferOutputStream()  # each of 60 writes into a file would take the interpreter
    pyarrow.parquet.write_table(pa.table(dict(columns)), memory, use_dictionary=False)
    with create_file(path) as file:
        file.write(memory.getvalue())


def _write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    with create_file(path) as file:
        save_arrays(file, arrays)


def compute_file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Returns
    -------
    str
        64 digits.
    """
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
