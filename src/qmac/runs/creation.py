"""The creation of a run directory: all of it or nothing, by one process at a time.

Meanwhile the process holds the file ``.run.json.starting``, which names the symbols whose prices
are being written. The header is written last, so a directory with one is complete. A process that
was killed leaves no header, and the file without a holder: the next process removes what the file
names, and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qmac.data.held_prices import is_held
from qmac.data.prices import Prices
from qmac.data.readers import write_stored
from qmac.errors import ResultError, shell_quote
from qmac.runs.header import (
    HEADER,
    Fingerprint,
    PricesEntry,
    RunHeader,
    prices_checksum,
)
from qmac.storage.atomic import write_whole
from qmac.storage.directories import check_empty, check_writable, safe_name
from qmac.storage.files import (
    HEADER_BYTES,
    look_up,
    make_directories,
    make_directory,
    read_at,
    remove_directory,
    remove_file,
    sync,
)
from qmac.storage.json_text import compute_checksum
from qmac.storage.lock import hold_lock, write_holder
from qmac.strategy.request import Request

STARTING = f".{HEADER}.starting"
PRICES, SNAPSHOTS, RESULTS = FOLDERS = ("prices", "snapshots", "results")
AVERAGES = "averages.npy"
WRITTEN_AT_ONCE = 8
"""Files of prices. A disk takes as long for the sync of eight as for that of one."""


@dataclass(frozen=True)
class NewRun:
    """What is written into a run directory when it is created."""

    request: Request
    prices: Mapping[str, Prices]
    averages: np.ndarray | None = None
    """The user's own ``(W, T)``."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Symbols that are not part of the run, and why."""
    save_grid: str | None = None
    """Type of the scores on disk; None where only the best are in the result."""
    folds: Mapping[str, Any] | None = None
    """How bars are divided into folds, for a walk-forward; None for a sweep of all bars."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Everything but the prices that the result follows from."""
        return Fingerprint.of(self.request, self.averages)


def create(path: Path, run: NewRun) -> tuple[Path, RunHeader]:
    """Create a run in a new or empty directory.

    Parameters
    ----------
    path : Path
        The directory; it may exist.
    run : NewRun
        Request, prices and the rest of what is written.

    Returns
    -------
    path : Path
        The directory, absolute.
    header : RunHeader
        The header that was written.

    Raises
    ------
    ResultError
        If there is something in the directory, or another process creates a run there.
    OSError
        If the disk refuses a file; nothing of the run is left.
    """
    path = check_writable(path, start=STARTING)
    is_new = make_directories(path)
    try:
        with ExitStack() as closed, hold_lock(path / STARTING, path) as descriptor:
            return path, _create_held(path, descriptor, run, closed)
    except BaseException:
        if is_new:
            with suppress(OSError):  # another process may have written into it
                remove_directory(path)
        raise


def _create_held(path: Path, descriptor: int, run: NewRun, closed: ExitStack) -> RunHeader:
    """Create a run while the starting file is held; ``closed`` ends after that."""
    another = ResultError(
        f"{path} was taken by another process just now. Look at it: qmac watch {shell_quote(path)}"
    )
    if not _is_named(descriptor, path / STARTING):
        raise another
    abandoned = _read_abandoned(descriptor, path)
    try:
        if look_up(path / HEADER) is not None:
            raise another
        _remove(path, abandoned)
        check_empty(path, but=STARTING)
        return _write_or_remove(path, descriptor, run)
    finally:
        try:
            remove_file(path / STARTING)
        except OSError:  # Windows lets no process remove an open file
            closed.callback(_remove_starting, path)


def _remove_starting(path: Path) -> None:
    """Remove the starting file, unless another process has it open; it means nothing any more."""
    with suppress(OSError):
        remove_file(path / STARTING)


def _is_named(descriptor: int, file: Path) -> bool:
    """Whether an open file still has its name: another process may have finished meanwhile."""
    named = look_up(file)
    return named is not None and os.path.samestat(os.fstat(descriptor), named)


def _write_or_remove(path: Path, descriptor: int, run: NewRun) -> RunHeader:
    """Write all files of a run, or none."""
    symbols = list(run.prices)
    try:
        started = {"symbols": symbols}
        write_holder(descriptor, json.dumps(started | {"checksum": compute_checksum(started)}))
        os.fsync(descriptor)
        return _write(path, run)
    except BaseException:  # Ctrl-C too: what is left would be in the way of another try
        _remove(path, symbols)
        raise


def _write(path: Path, run: NewRun) -> RunHeader:
    for folder in FOLDERS:
        make_directory(path / folder)
    entries = _write_all_prices(path, run.prices)
    if run.averages is not None:
        text = io.BytesIO()
        np.save(text, run.averages, allow_pickle=False)
        write_whole(path / AVERAGES, [text.getvalue()])
    header = RunHeader(run.fingerprint, entries, dict(run.left_out), run.save_grid, folds=run.folds)
    write_whole(path / HEADER, [json.dumps(header.to_dict(), indent=2).encode()])
    sync(path.parent)
    return header


def _write_all_prices(path: Path, prices: Mapping[str, Prices]) -> dict[str, PricesEntry]:
    """Write the prices of all symbols; many wait for the disk side by side."""
    write = functools.partial(_write_symbol, path, prices, threading.Lock())
    if len(prices) == 1:
        return {symbol: write(symbol) for symbol in prices}
    with ThreadPoolExecutor(WRITTEN_AT_ONCE) as pool:
        try:
            entries = dict(zip(prices, pool.map(write, prices), strict=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    sync(path / PRICES)
    return entries


def _write_symbol(
    path: Path, prices: Mapping[str, Prices], turn: threading.Lock, symbol: str
) -> PricesEntry:
    """Write the prices of a symbol; those that are not held are in memory one at a time."""
    if is_held(prices, symbol):
        return _write_prices(path, symbol, prices[symbol], is_only=len(prices) == 1)
    with turn:
        return _write_prices(path, symbol, prices[symbol], is_only=len(prices) == 1)


def _write_prices(path: Path, symbol: str, series: Prices, *, is_only: bool) -> PricesEntry:
    text = io.BytesIO()
    write_stored(series, text)
    data = text.getvalue()
    write_whole(prices_file(path, symbol), [data], syncs_directory=is_only)
    return PricesEntry(len(series), prices_checksum(series), hashlib.sha256(data).hexdigest())


def prices_file(path: Path, symbol: str) -> Path:
    """Return the file of a symbol's prices in a run directory.

    Parameters
    ----------
    path : Path
        The run directory.
    symbol : str
        Any name.

    Returns
    -------
    Path
        A Parquet file.
    """
    return path / "prices" / f"{safe_name(symbol)}.parquet"


def _read_abandoned(descriptor: int, path: Path) -> list[str]:
    """Return the symbols whose prices a killed process may have written.

    There are none if it was killed before it could name them.

    Raises
    ------
    ResultError
        If no process of qmac has written the file.
    """
    text = read_at(descriptor, min(os.fstat(descriptor).st_size, HEADER_BYTES), 0)
    if not text:
        return []
    try:
        started = json.loads(text.partition(b"\n")[2])
        if started["checksum"] == compute_checksum(started):
            return [str(symbol) for symbol in started["symbols"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise ResultError(
        f"{path / STARTING} is not of qmac. Name a new directory, or empty this one first."
    )


def _remove(path: Path, symbols: Iterable[str]) -> None:
    """Remove what ``_write`` writes for some symbols, and its folders where they are empty."""
    files = [prices_file(path, symbol) for symbol in symbols]
    if not files:
        return
    for file in [*files, path / HEADER, path / AVERAGES]:
        remove_file(file)
        remove_file(file.with_name(f".{file.name}.part"))
    for folder in FOLDERS:
        with suppress(OSError):  # it is not there, or not empty
            remove_directory(path / folder)
