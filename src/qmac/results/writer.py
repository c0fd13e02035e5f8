"""A result becomes files, all of them or none."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qmac._version import __version__
from qmac.engine.dataset.series import Series
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.window_maps import Maps
from qmac.storage.directories import check_writable
from qmac.storage.files import sync
from qmac.storage.json_text import compute_checksum, to_json_values
from qmac.storage.refusals import describe_refusal

FORMAT = 2
HEADER, TOP, ARRAYS = "result.json", "top.parquet", "arrays.npz"
PRICES, AVERAGES_FILE = "prices.parquet", "averages.npz"
"""Beside a result that holds its prices; a run directory has them once, for all its results."""
DERIVED = ("best", "combinations_per_second")
"""Entries of ``Result.about`` that follow from others, and are not stored."""
LONGEST_NAME = 100
"""Characters of a directory's name that its scratch directory repeats."""


class Contents(NamedTuple):
    """The parts of a result's directory."""

    header: dict[str, Any]
    """``result.json``, but for the checksums."""
    top: pd.DataFrame
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
    existed = directory.is_dir()
    parent = directory if existed else directory.parent
    scratch = parent / f".{directory.name[:LONGEST_NAME]}-{os.getpid()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        names = _write_files(scratch, contents)
        if existed:
            # a shell may stand in it, so it is filled, not replaced; without its header, which
            # comes last, it is no result
            for name in names:
                os.replace(scratch / name, directory / name)
        else:
            os.replace(scratch, directory)
        sync(parent)
    except OSError as error:
        raise describe_refusal(directory, error) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory


def _write_files(directory: Path, contents: Contents) -> list[str]:
    """Write every file, and return their names, the header last."""
    names = [TOP, ARRAYS]
    if contents.series is not None:
        names += write_series(contents.series, directory)
    contents.top.to_parquet(directory / TOP)
    np.savez_compressed(directory / ARRAYS, **contents.arrays)
    checksums = {name: compute_file_checksum(directory / name) for name in names}
    header = {**contents.header, "checksums": checksums}
    header["checksum"] = compute_checksum(header)
    text = json.dumps(header, indent=2, allow_nan=False)
    (directory / HEADER).write_text(f"{text}\n")
    names.append(HEADER)
    for name in names:
        sync(directory / name)
    return names


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
    series.prices.frame.to_parquet(directory / PRICES)
    if series.averages is None:
        return [PRICES]
    rows: dict[str, Any] = {str(window): row for window, row in series.averages.items()}
    np.savez_compressed(directory / AVERAGES_FILE, **rows)
    return [PRICES, AVERAGES_FILE]


def compute_file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Returns
    -------
    str
        64 digits.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()
