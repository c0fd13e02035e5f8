"""Results on disk: written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qmac.engine.dataset.series import Series
from qmac.errors import WriteError
from qmac.storage.atomic import sync
from qmac.storage.directories import check_writable
from qmac.storage.json_text import compute_checksum

FORMAT = 2
HEADER, TOP, ARRAYS = "result.json", "top.parquet", "arrays.npz"
PRICES, AVERAGES_FILE = "prices.parquet", "averages.npz"
"""Beside a result that holds its prices; in a run directory they lie once, for all."""


def write_result(
    directory: str | Path,
    header: dict[str, Any],
    top: pd.DataFrame,
    arrays: dict[str, Any],
    series: Series | None,
) -> Path:
    """Write the parts of a result into a new or empty directory, all or nothing; the directory, absolute.

    Raises
    ------
    ResultError : the directory has something in it, or cannot be written.
    """
    directory = check_writable(directory)
    existed = directory.is_dir()
    inside = directory if existed else directory.parent
    scratch = inside / f".{directory.name[:100]}-{os.getpid()}"
    try:
        inside.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        names = _write(scratch, header, top, arrays, series)
        if existed:  # a shell may stand in it, so it is filled, not replaced; without a header it is no result
            for name in names:
                os.replace(scratch / name, directory / name)
        else:
            os.replace(scratch, directory)
        sync(inside)
    except OSError as error:
        raise WriteError(
            f"{directory} cannot be written: {error.strerror or error}. Make room, or name another directory."
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory


def _write(
    directory: Path,
    header: dict[str, Any],
    top: pd.DataFrame,
    arrays: dict[str, Any],
    series: Series | None,
) -> list[str]:
    """The names of the files, the header last."""
    names = [TOP, ARRAYS]
    if series is not None:
        names += write_series(series, directory)
    top.to_parquet(directory / TOP)
    np.savez_compressed(directory / ARRAYS, **arrays)
    header = {**header, "checksums": {name: checksum(directory / name) for name in names}}
    header["checksum"] = compute_checksum(header)
    (directory / HEADER).write_text(json.dumps(header, indent=2, allow_nan=False) + "\n")
    names.append(HEADER)
    for name in names:
        sync(directory / name)
    return names


def write_series(series: Series, directory: Path) -> list[str]:
    """Write prices and averages beside a result; the names of the files."""
    series.prices.frame.to_parquet(directory / PRICES)
    if series.averages is None:
        return [PRICES]
    rows: dict[str, Any] = {str(window): row for window, row in series.averages.items()}
    np.savez_compressed(directory / AVERAGES_FILE, **rows)
    return [PRICES, AVERAGES_FILE]


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
