"""The store of every score: a column of compressed chunks for each lane block, as Zarr 2 has them.

::

    scores/.zarray     shape (buy lists, sell lists): pairs with equal events share a list;
                       "identity" is the checksum of what was computed
           0.0, 0.1    a chunk each: all buy lists, one lane block
           buys.npy    the list of each buy pair of the grid
           sells.npy   the list of each sell pair

A chunk counts only when a snapshot says that its cell is done; one that is written again is the
same, byte for byte. Behind its data stands a checksum, in what the Zstandard format calls a
skippable frame: other programs read the chunk as ever.
"""

from __future__ import annotations

import functools
import io
import json
import math
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from qmac._checks import check_choice
from qmac.engine.dataset.dataset import Dataset
from qmac.errors import GridError, ResultError, warn
from qmac.kernels.signals.event_lists import Lists
from qmac.storage.atomic import write_whole
from qmac.storage.files import is_file, make_directories, read_bytes, remove_made
from qmac.storage.refusals import describe_damage
from qmac.storage.tables import load_array
from qmac.strategy.grid import Grid, check_combination
from qmac.strategy.objective import Objective
from qmac.strategy.pair_set import PairSet
from qmac.strategy.windows import check_window

DTYPES = ("float32", "float64")
CODEC, LEVEL = "zstd", 1
SCORES = "scores"
"""Name of their directory in a result."""
SCORE_FILES = re.compile(r"\.zarray|0\.[0-9]+|(buys|sells)\.npy|\.[\w.]+\.part")
"""Names of the files in it."""
DROPPED = "scores were not kept"
"""How the reason of a degradation begins that scores were dropped."""
AGAIN = "Run it again with --save-grid."
ABOUT = ".zarray"
ABOUT_BYTES = 1 << 16
PLACE_BYTES = 8
MOST_LANES = 1024
FRAME = struct.Struct("<III")
SKIPPABLE = (0x184D2A50, 4)
"""How a frame of 4 bytes begins that decompressors skip."""


def check_dtype(save_grid: str | None) -> None:
    """Check the type of scores on disk.

    Parameters
    ----------
    save_grid : str or None
        None where no scores are written.

    Raises
    ------
    OptionError
        If it is not one of ``DTYPES``.
    """
    if save_grid is not None:
        check_choice("save_grid", save_grid, DTYPES)


def compress(
    scores: np.ndarray, dtype: np.dtype[Any], on_overflow: Callable[..., None] = lambda *_: None
) -> bytes:
    """Return scores in a type, compressed.

    Parameters
    ----------
    scores : ndarray
        Of any shape.
    dtype : dtype
        Type on disk.
    on_overflow : callable, optional
        Called if the type cannot hold some scores, which become infinite.

    Returns
    -------
    bytes
        The data of a chunk.
    """
    with np.errstate(over="call", call=on_overflow):
        cast = np.ascontiguousarray(scores, dtype)
    data: bytes = pa.Codec(CODEC, LEVEL).compress(cast.tobytes(), asbytes=True)
    return data


@dataclass(frozen=True, eq=False)
class _Layout:
    """Which score is whose."""

    shape: tuple[int, ...]
    """Buy lists and sell lists."""
    chunks: tuple[int, ...]
    """Buy lists and lanes."""
    dtype: np.dtype[Any]
    buys: np.ndarray
    """The list of each buy pair of the grid, ``(P,)``."""
    sells: np.ndarray
    """The list of each sell pair, ``(P,)``."""
    identity: str = ""
    """Checksum of what was computed; scores of earlier versions have none."""

    @classmethod
    def of_dataset(cls, dataset: Dataset, lanes: int, dtype: str, identity: str) -> _Layout:
        buys, sells = dataset.buys, dataset.sells
        return cls(
            shape=(buys.count, sells.count),
            chunks=(buys.count, lanes),
            dtype=np.dtype(dtype).newbyteorder("<"),
            buys=_find_lists(buys),
            sells=_find_lists(sells),
            identity=identity,
        )

    @classmethod
    def read(cls, path: Path, grid: Grid) -> _Layout:
        about = json.loads(read_bytes(path / ABOUT, ABOUT_BYTES))
        return cls(
            shape=tuple(map(int, about["shape"])),
            chunks=tuple(map(int, about["chunks"])),
            dtype=np.dtype(about["dtype"]),
            buys=load_array(path / "buys.npy", grid.buys.size * PLACE_BYTES),
            sells=load_array(path / "sells.npy", grid.sells.size * PLACE_BYTES),
            identity=str(about.get("identity", "")),
        )

    def write(self, path: Path) -> None:
        make_directories(path)
        about = {
            "zarr_format": 2,
            "shape": self.shape,
            "chunks": self.chunks,
            "dtype": self.dtype.str,
            "order": "C",
            "fill_value": "NaN",
            "filters": None,
            "compressor": {"id": CODEC, "level": LEVEL},
            "identity": self.identity,
        }
        write_whole(path / ABOUT, [json.dumps(about, indent=2).encode()])
        for name, lists in (("buys", self.buys), ("sells", self.sells)):
            text = io.BytesIO()
            np.save(text, lists, allow_pickle=False)
            write_whole(path / f"{name}.npy", [text.getvalue()])

    def fits(self, grid: Grid) -> bool:
        """Whether every pair has a list, and every list a place; the rest is in the checksums."""
        buys, sells = self.shape
        has_shape = self.dtype.str in ("<f4", "<f8") and self.chunks[0] == buys
        return (
            has_shape
            and 0 < self.chunks[1] <= MOST_LANES
            and _fit(self.buys, grid.buys, buys)
            and _fit(self.sells, grid.sells, sells)
        )

    @property
    def blocks(self) -> int:
        """Number of lane blocks."""
        return -(-self.shape[1] // self.chunks[1])

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk, not compressed."""
        return self.dtype.itemsize * math.prod(self.chunks)

    def build_frame(self, block: int, data: bytes) -> bytes:
        """Return what stands behind the data of a chunk: the checksum of data, place and layout."""
        seed = zlib.crc32(str(block).encode(), self._checksum)
        return FRAME.pack(*SKIPPABLE, zlib.crc32(data, seed))

    @functools.cached_property
    def _checksum(self) -> int:
        """CRC-32 takes a third of the time of SHA-256, and finds every flipped bit."""
        about = f"{self.shape} {self.chunks} {self.dtype.str}{self.identity}"
        seed = zlib.crc32(about.encode())
        return zlib.crc32(self.sells.tobytes(), zlib.crc32(self.buys.tobytes(), seed))


def _is_of_another(path: Path, identity: str) -> bool:
    """Whether there are scores of something else in a directory."""
    try:
        about = json.loads(read_bytes(path / ABOUT, ABOUT_BYTES))
        return bool(about["identity"] != identity)
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError):  # a damaged file
        return True


def _find_lists(side: Lists) -> np.ndarray:
    """Return the list of each pair, ``(P,)`` int32."""
    lists = np.empty(side.pairs.pairs.size, "<i4")
    lists[side.pairs.pairs] = np.repeat(np.arange(side.count), np.diff(side.pairs.starts))
    return lists


def _fit(lists: np.ndarray, pairs: PairSet, count: int) -> bool:
    """Whether there is a list for each pair, below ``count``, and no more lists than pairs."""
    is_shaped = lists.dtype.kind == "i" and lists.shape == (pairs.size,) and count <= pairs.size
    return is_shaped and bool(lists.min() >= 0) and bool(lists.max() < count)


def _chunk_file(path: Path, block: int) -> Path:
    return path / f"0.{block}"


class ScoreWriter:
    """Writes the scores of lane blocks, from any thread.

    Parameters
    ----------
    path : Path
        Directory of the scores.
    dataset : Dataset
        What is swept.
    lanes : int
        Sell lists of a lane block.
    dtype : str
        One of ``DTYPES``.
    identity : str
        Checksum of what is computed; what there is of other scores is removed.

    Attributes
    ----------
    dropped : str or None
        Why nothing is written any more.
    """

    def __init__(
        self, path: Path, dataset: Dataset, lanes: int, dtype: str, identity: str = ""
    ) -> None:
        self.path = path
        self.dropped: str | None = None
        self._has_warned = False
        self._layout = _Layout.of_dataset(dataset, lanes, dtype, identity)
        try:
            if _is_of_another(path, identity):
                remove_made(path, SCORE_FILES)
            self._layout.write(path)
        except OSError as error:
            self.drop(error.strerror or str(error))

    def __call__(self, block: int, scores: np.ndarray) -> None:
        """Write the scores of a lane block; nothing after ``drop``.

        Parameters
        ----------
        block : int
            Number of the lane block.
        scores : ndarray
            ``(N, L)``, NaN where there is none.
        """
        if self.dropped is not None:
            return
        data = compress(scores, self._layout.dtype, self._warn_of_overflow)
        parts = [data, self._layout.build_frame(block, data)]
        try:
            write_whole(_chunk_file(self.path, block), parts)
        except OSError as error:
            self.drop(error.strerror or str(error))

    def _warn_of_overflow(self, *_: object) -> None:
        if not self._has_warned:
            self._has_warned = True
            warn(
                "scores beyond 3.4e38 are infinite as float32. Keep them as float64.", stacklevel=2
            )

    def drop(self, reason: str) -> None:
        """Write no more, and free the disk: scores are optional, and the machine lacks something.

        Parameters
        ----------
        reason : str
            What it lacks; that of the first call stays.
        """
        self.dropped = self.dropped or reason
        with suppress(OSError):  # something else is in it
            remove_made(self.path, SCORE_FILES)

    def resume(self, done: np.ndarray, dropped: str | None) -> None:
        """Continue after an earlier process.

        Parameters
        ----------
        done : ndarray
            Which cells it had done, ``(C,)`` of bool.
        dropped : str or None
            Why it had dropped all scores, if it had.
        """
        blocks = np.flatnonzero(done[: self._layout.blocks]).tolist()
        are_there = all(is_file(_chunk_file(self.path, block)) for block in blocks)
        if dropped is None and not are_there:
            dropped = "an earlier process dropped them"
        if dropped is not None:
            self.drop(dropped)


def is_complete(path: Path) -> bool:
    """Return whether every chunk of some scores is there.

    Parameters
    ----------
    path : Path
        Directory of the scores.

    Returns
    -------
    bool
        False where there is no such directory.
    """
    try:
        about = json.loads(read_bytes(path / ABOUT, ABOUT_BYTES))
        blocks = -(-int(about["shape"][1]) // int(about["chunks"][1]))
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError):
        return False
    return all(is_file(_chunk_file(path, block)) for block in range(blocks))


def describe_drop(reason: str) -> dict[str, Any]:
    """Return the degradation of a sweep whose scores were dropped.

    Parameters
    ----------
    reason : str
        What the machine lacked.

    Returns
    -------
    dict
        An entry of ``Result.degradations``.
    """
    return {"reason": f"{DROPPED}: {reason}"}


def has_dropped_scores(header: Mapping[str, Any]) -> bool:
    """Return whether a result says that its scores were dropped.

    Parameters
    ----------
    header : mapping
        Content of ``result.json``, checked.

    Returns
    -------
    bool
        True if a degradation says so.
    """
    steps = header.get("degradations", [])
    return any(str(step.get("reason", "")).startswith(DROPPED) for step in steps)


class ScoreGrid:
    """Every score of a sweep as a value of the metric, read from disk a chunk at a time.

    NaN stands for combinations that are not scored, filtered, or share a window.

    Parameters
    ----------
    path : Path
        Directory of the scores.
    grid : Grid
        Window sets of the sweep.
    objective : Objective
        How scores read.
    identity : str, optional
        Checksum of what was computed, which the scores must have too; empty for a result of an
        earlier version. By default nothing is compared.

    Raises
    ------
    ResultError
        If there are no scores, or those of another grid or result.

    Examples
    --------
    >>> scores = qmac.load("runs/first").scores  # doctest: +SKIP
    >>> scores[10, 70, 60, 90]  # doctest: +SKIP
    1.84
    """

    def __init__(
        self, path: Path, grid: Grid, objective: Objective, identity: str | None = None
    ) -> None:
        self._path = path
        self._grid = grid
        self._objective = objective
        try:
            self._layout = _Layout.read(path, grid)
            is_of_grid = self._layout.fits(grid)
        except Exception as error:  # a damaged file can fail in any way
            raise ResultError(
                f"{path} holds no scores ({describe_damage(error)}).", AGAIN
            ) from None
        if not is_of_grid:
            raise ResultError(f"{path} holds the scores of another grid.", AGAIN)
        if identity not in (None, self._layout.identity):
            raise ResultError(f"{path} holds the scores of another result.", AGAIN)

    def __getitem__(self, combination: Any) -> float:
        """Return the metric of one combination of the grid."""
        buy_fast, buy_slow, sell_fast, sell_slow = check_combination(combination)
        self._grid.index((buy_fast, buy_slow, sell_fast, sell_slow))  # must be in the grid
        column = self._read_column(sell_fast, sell_slow)
        buy = self._grid.buys.rank(buy_fast, buy_slow)
        return float(column[self._layout.buys[buy]])

    def of_sell(self, sell_fast: int, sell_slow: int) -> pd.Series:
        """Return the metric of every buy pair with one sell pair.

        Parameters
        ----------
        sell_fast, sell_slow : int
            Windows of the sell pair.

        Returns
        -------
        pd.Series
            By ``(buy_fast, buy_slow)``.

        Raises
        ------
        GridError
            If the sell pair is not in the grid.
        ResultError
            If the chunk is damaged.
        """
        sell = (check_window("sell_fast", sell_fast), check_window("sell_slow", sell_slow))
        buys = self._grid.buys
        if sell not in self._grid.sells:
            raise GridError(f"sell pair {sell} is not in the grid.")
        values = self._read_column(*sell)[self._layout.buys]
        pairs = buys.pairs(np.arange(buys.size))
        if not self._grid.shared_windows:
            shares_window = np.isin(pairs, sell).any(axis=1)
            values[shares_window] = np.nan
        index = pd.MultiIndex.from_arrays([*pairs.T], names=["buy_fast", "buy_slow"])
        return pd.Series(values, index, name=self._objective.metric)

    def _read_column(self, sell_fast: int, sell_slow: int) -> np.ndarray:
        """Return the metric of every buy list with one sell pair, ``(N,)``."""
        sell = self._grid.sells.rank(sell_fast, sell_slow)
        sell_list = int(self._layout.sells[sell])
        lanes = self._layout.chunks[1]
        block, lane = divmod(sell_list, lanes)
        column = self._read_chunk(block)[:, lane]
        return self._objective.values(column.astype(np.float64))

    def _read_chunk(self, block: int) -> np.ndarray:
        """Return the scores of a lane block, ``(N, L)``, in the type on disk."""
        layout, path = self._layout, _chunk_file(self._path, block)
        try:
            # Zstandard adds a hundredth at most to what it cannot compress
            chunk = read_bytes(path, layout.chunk_bytes * 1.01 + ABOUT_BYTES)
            data, frame = chunk[: -FRAME.size], chunk[-FRAME.size :]
            if frame != layout.build_frame(block, data):
                raise ResultError(
                    f"{path}, or what lies beside it, is damaged: its checksum differs. Run it "
                    "again with --save-grid."
                )
            raw = pa.Codec(CODEC).decompress(data, layout.chunk_bytes, asbytes=True)
            return np.frombuffer(raw, layout.dtype).reshape(layout.chunks)
        except ResultError:
            raise
        except Exception as error:  # an untrusted file, with a checksum that fits, can fail anyhow
            raise ResultError(f"{path} is damaged ({describe_damage(error)}).", AGAIN) from None
