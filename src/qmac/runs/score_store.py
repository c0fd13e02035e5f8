"""Every score on disk: a column of chunks for each lane block, compressed, in the layout of Zarr 2.

::

    scores/.zarray     shape (buy lists, sell lists): pairs with equal events share a list, and its scores
           0.0, 0.1    a chunk each: all buy lists, one lane block
           buys.npy    the list of each buy pair of the grid
           sells.npy   the list of each sell pair

A chunk counts only when a snapshot says that its cell is done; one that is written again is the same, byte for byte.
Behind its data stands a checksum, in what the Zstandard format calls a skippable frame: others read the chunk as ever.
"""

from __future__ import annotations

import io
import json
import math
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from qmac.engine.dataset.dataset import Dataset
from qmac.errors import GridError, OptionError, ResultError, printable, suggestion
from qmac.kernels.signals.event_lists import Lists
from qmac.storage.atomic import write_whole
from qmac.strategy.grid import Grid
from qmac.strategy.objective import Objective

DTYPES = ("float32", "float64")
CODEC = "zstd"
SCORES = "scores"
"""Name of their directory in a result."""
FRAME = struct.Struct("<III")
SKIPPABLE = (0x184D2A50, 4)
"""How a frame of 4 bytes begins that decompressors skip."""


def check_dtype(save_grid: str | None) -> None:
    """Raises OptionError if no scores can be kept as that type."""
    if save_grid is not None and save_grid not in DTYPES:
        raise OptionError(
            f"save_grid {save_grid!r} is not known. {suggestion(str(save_grid), DTYPES)}"
        )


def packed(
    scores: np.ndarray, dtype: np.dtype[Any], overflown: Callable[..., None] = lambda *_: None
) -> bytes:
    """As that type, compressed; ``overflown`` is called if that cannot hold some, which become infinite."""
    with np.errstate(over="call", call=overflown):
        cast = np.ascontiguousarray(scores, dtype)
    data: bytes = pa.Codec(CODEC, 1).compress(cast.tobytes(), asbytes=True)
    return data


class ScoreWriter:
    """Takes the scores of lane blocks, from any thread."""

    def __init__(self, path: Path, dataset: Dataset, lanes: int, dtype: str) -> None:
        self.path, self.dtype = path, np.dtype(dtype).newbyteorder("<")
        self.dropped: str | None = None
        """Why nothing is written any more."""
        self._told = False
        buys, sells = (side.count for side in (dataset.buys, dataset.sells))
        lists = [_list_of(side) for side in (dataset.buys, dataset.sells)]
        self._seed = _seed((buys, sells), (buys, lanes), self.dtype, *lists)
        self._blocks = -(-sells // lanes)
        about = {
            "zarr_format": 2, "shape": [buys, sells], "chunks": [buys, lanes], "dtype": self.dtype.str, "order": "C",
            "fill_value": "NaN", "filters": None, "compressor": {"id": CODEC, "level": 1},
        }  # fmt: skip
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_whole(path / ".zarray", [json.dumps(about, indent=2).encode()])
            for name, each in zip(("buys", "sells"), lists, strict=True):
                text = io.BytesIO()
                np.save(text, each, allow_pickle=False)
                write_whole(path / f"{name}.npy", [text.getvalue()])
        except OSError as error:
            self.drop(error.strerror or str(error))

    def __call__(self, block: int, scores: np.ndarray) -> None:
        """Write the scores ``(N, L)`` of a lane block, NaN where there is none; nothing after ``drop``."""
        if self.dropped is not None:
            return
        data = packed(scores, self.dtype, self._overflown)
        try:
            write_whole(
                self.path / f"0.{block}",
                [data, FRAME.pack(*SKIPPABLE, _checksum(self._seed, block, data))],
            )
        except OSError as error:
            self.drop(error.strerror or str(error))

    def _overflown(self, *_: object) -> None:
        if not self._told:
            self._told = True
            warnings.warn(
                "scores beyond 3.4e38 are infinite as float32. Keep them as float64.", stacklevel=2
            )

    def drop(self, reason: str) -> None:
        """Write no more, and give the room back: this output is optional, and the machine is short of something."""
        self.dropped = self.dropped or reason
        shutil.rmtree(self.path, ignore_errors=True)

    def resume(self, done: np.ndarray, dropped: str | None) -> None:
        """Go on behind a process that had these cells done, and had dropped all scores if ``dropped`` says why."""
        if dropped is None and not all(
            (self.path / f"0.{k}").exists() for k in np.flatnonzero(done[: self._blocks])
        ):
            dropped = "an earlier process dropped them"
        if dropped is not None:
            self.drop(dropped)


def _list_of(side: Lists) -> np.ndarray:
    """The list of each pair, ``(P,)`` int32."""
    lists = np.empty(side.pairs.pairs.size, "<i4")
    lists[side.pairs.pairs] = np.repeat(np.arange(side.count), np.diff(side.pairs.starts))
    return lists


def _seed(
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype,
    buys: np.ndarray,
    sells: np.ndarray,
) -> int:
    """What checksums of chunks begin with: all that says which score is whose."""
    seed = zlib.crc32(f"{shape} {chunks} {dtype.str}".encode())
    return zlib.crc32(sells.tobytes(), zlib.crc32(buys.tobytes(), seed))


def _checksum(seed: int, block: int, data: bytes) -> int:
    """Of a compressed chunk and its place. CRC-32 takes a third of the time of SHA-256, and finds every flipped bit."""
    return zlib.crc32(data, zlib.crc32(str(block).encode(), seed))


def is_complete(path: Path) -> bool:
    """Whether every chunk is there."""
    try:
        about = json.loads((path / ".zarray").read_bytes())
        blocks = -(-about["shape"][1] // about["chunks"][1])
    except (OSError, ValueError, KeyError):
        return False
    return all((path / f"0.{block}").exists() for block in range(blocks))


class ScoreGrid:
    """Scores as they lie on disk, read a chunk at a time.

    ``objective.value`` has been applied: what comes out is the metric. NaN stands for combinations that are not
    scored, filtered, or share a window.
    """

    def __init__(self, path: Path, grid: Grid, objective: Objective) -> None:
        self._path, self._grid, self._objective = path, grid, objective
        try:
            about = json.loads((path / ".zarray").read_bytes())
            self._shape, self._chunks = (
                tuple(map(int, about["shape"])),
                tuple(map(int, about["chunks"])),
            )
            self._dtype = np.dtype(about["dtype"])
            self._buys, self._sells = (
                np.load(path / f"{n}.npy", allow_pickle=False) for n in ("buys", "sells")
            )
            fits = self._fits(grid)
            self._seed = _seed(self._shape, self._chunks, self._dtype, self._buys, self._sells)
        except Exception as error:  # a damaged file can fail in any way
            raise ResultError(
                f"{path} holds no scores ({printable(error)}). Run it again with --save-grid."
            ) from None
        if not fits:
            raise ResultError(
                f"{path} holds the scores of another grid. Run it again with --save-grid."
            )

    def _fits(self, grid: Grid) -> bool:
        """Whether every pair of the grid has a list, and every list a place; the chunks' checksums say the rest."""
        buys, sells = self._shape
        return (
            self._dtype.str in ("<f4", "<f8")
            and self._chunks[0] == buys
            and self._chunks[1] > 0
            and all(
                lists.dtype.kind == "i"
                and lists.shape == (pairs.size,)
                and lists.min() >= 0
                and lists.max() < most
                for lists, pairs, most in (
                    (self._buys, grid.buys, buys),
                    (self._sells, grid.sells, sells),
                )
            )
        )

    def __getitem__(self, combination: Any) -> float:
        """The metric of one combination."""
        buy_fast, buy_slow, sell_fast, sell_slow = combination
        self._grid.index(combination)  # must be in the grid
        column = self._column(sell_fast, sell_slow)
        return float(column[self._buys[self._grid.buys.rank(buy_fast, buy_slow)]])

    def of_sell(self, sell_fast: int, sell_slow: int) -> pd.Series:
        """The metric of every buy pair with one sell pair; index ``(buy_fast, buy_slow)``."""
        if (sell_fast, sell_slow) not in self._grid.sells:
            raise GridError(f"sell pair ({sell_fast}, {sell_slow}) is not in the grid.")
        values = self._column(sell_fast, sell_slow)[self._buys]
        pairs = self._grid.buys.pairs(np.arange(self._grid.buys.size))
        index = pd.MultiIndex.from_arrays([*pairs.T], names=["buy_fast", "buy_slow"])
        if not self._grid.shared_windows:
            values[np.isin(pairs, (sell_fast, sell_slow)).any(axis=1)] = np.nan
        return pd.Series(values, index, name=self._objective.metric)

    def _column(self, sell_fast: int, sell_slow: int) -> np.ndarray:
        """Of every buy list, ``(N,)``."""
        place = int(self._sells[self._grid.sells.rank(sell_fast, sell_slow)])
        block, lane = divmod(place, self._chunks[1])
        size = self._dtype.itemsize * math.prod(self._chunks)
        path = self._path / f"0.{block}"
        try:
            chunk = path.read_bytes()
            data, last = chunk[: -FRAME.size], chunk[-FRAME.size :]
            if last != FRAME.pack(*SKIPPABLE, _checksum(self._seed, block, data)):
                raise ResultError(
                    f"{path}, or what lies beside it, is damaged: its checksum differs. Run it again with --save-grid."
                )
            scores = np.frombuffer(
                pa.Codec(CODEC).decompress(data, size, asbytes=True), self._dtype
            )
            values = scores.reshape(self._chunks)[:, lane].astype(np.float64)
        except ResultError:
            raise
        except Exception as error:  # a stranger's, with a checksum that fits, can fail in any way
            raise ResultError(
                f"{path} is damaged ({error}). Run it again with --save-grid."
            ) from None
        return self._objective.values(values)
