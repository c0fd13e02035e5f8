"""A run's directory is begun: all of it, or nothing; by one process at a time.

While it is begun, a file is held by the process that does, and names the symbols whose prices are being written. The
header comes last, so a directory with one is complete. A start that was killed leaves no header, and that file, which
nobody holds: the next start removes what it names, and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from qmac.data.prices import Prices
from qmac.errors import ResultError
from qmac.runs import header
from qmac.storage.atomic import sync, write_whole
from qmac.storage.directories import check_empty, check_writable, safe_name
from qmac.storage.lock import hold_lock, write_holder

STARTING = f".{header.HEADER}.starting"
FOLDERS = ("prices", "snapshots", "results")
AVERAGES = "averages.npy"


def begin(
    path: Path,
    asked: dict[str, Any],
    prices: Mapping[str, Prices],
    averages: np.ndarray | None,
    left_out: Mapping[str, str],
    save_grid: str | None,
) -> tuple[Path, dict[str, Any]]:
    """A new run in a new or empty directory; its path, absolute, and its header.

    Raises
    ------
    ResultError : there is something in the directory, or another process begins a run there.
    """
    path = check_writable(path, start=STARTING)
    existed = path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    try:
        with hold_lock(path / STARTING, path) as descriptor:
            another = ResultError(
                f"{path} was begun by another process just now. Look at it: qmac watch {path}"
            )
            if not _is(descriptor, path / STARTING):
                raise another
            left = _left(descriptor, path)
            try:
                if (path / header.HEADER).exists():
                    raise another
                _remove(path, left)
                check_empty(path, but=STARTING)
                write = functools.partial(
                    _written, path, asked, prices, averages, left_out, save_grid
                )
                return path, _whole(path, descriptor, list(prices), write)
            finally:
                with suppress(
                    OSError
                ):  # Windows lets nobody remove what is open; beside a header it means nothing
                    (path / STARTING).unlink()
    except BaseException:
        if not existed:
            with suppress(OSError):  # it is another's
                path.rmdir()
        raise


def _is(descriptor: int, file: Path) -> bool:
    """Whether what is held still has the name: another process may have finished since it was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _whole(
    path: Path, descriptor: int, symbols: list[str], write: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """All that ``write`` writes for these symbols, or nothing; the header."""
    try:
        started = {"symbols": symbols}
        write_holder(descriptor, json.dumps(started | {"checksum": header.checksum(started)}))
        os.fsync(descriptor)
        return write()
    except BaseException:  # Ctrl-C too: what is left would be in the way of another try
        _remove(path, symbols)
        raise


def _written(
    path: Path,
    asked: dict[str, Any],
    prices: Mapping[str, Prices],
    averages: np.ndarray | None,
    left_out: Mapping[str, str],
    save_grid: str | None,
) -> dict[str, Any]:
    files = {}
    for folder in FOLDERS:
        (path / folder).mkdir()
    for name, series in prices.items():
        text = io.BytesIO()
        series.frame.to_parquet(text)
        write_whole(path / "prices" / f"{safe_name(name)}.parquet", [text.getvalue()])
        file = hashlib.sha256(text.getvalue()).hexdigest()
        files[name] = {"bars": len(series), "sha256": header.prices_checksum(series), "file": file}
    if averages is not None:
        text = io.BytesIO()
        np.save(text, averages, allow_pickle=False)
        write_whole(path / AVERAGES, [text.getvalue()])
    made = header.made(asked, files, left_out, save_grid)
    write_whole(path / header.HEADER, [json.dumps(made, indent=2).encode()])
    sync(path.parent)
    return made


def _left(descriptor: int, path: Path) -> list[str]:
    """The symbols that a killed start says it wrote prices of; none, if it was killed before it could say so.

    Raises
    ------
    ResultError : no start has written that.
    """
    text = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    try:
        found = json.loads(text.partition(b"\n")[2]) if text else {"symbols": []}
        if not text or found["checksum"] == header.checksum(found):
            return [*map(str, found["symbols"])]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise ResultError(
        f"{path / STARTING} is not of qmac. Name a new directory, or empty this one first."
    )


def _remove(path: Path, symbols: Iterable[str]) -> None:
    """What ``_written`` writes for these symbols, and folders of it that are empty."""
    files = [path / "prices" / f"{safe_name(name)}.parquet" for name in symbols]
    files += [path / header.HEADER, path / AVERAGES] if files else []
    for file in files:
        for left in (file, file.with_name(f".{file.name}.part")):
            left.unlink(missing_ok=True)
    for folder in FOLDERS if files else ():
        with suppress(OSError):  # it is not there, or not empty
            (path / folder).rmdir()
