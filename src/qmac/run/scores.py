"""Every score on disk: a column of chunks for each lane block, compressed, in the layout of Zarr 2.

::

    scores/.zarray     shape (buy lists, sell lists): pairs with equal events share a list, and its scores
           0.0, 0.1    a chunk each: all buy lists, one lane block
           buys.npy    the list of each buy pair of the grid
           sells.npy   the list of each sell pair

A chunk counts only when a snapshot says that its cell is done; one that is written again is the same, byte for byte.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from qmac.dataset import Dataset
from qmac.errors import GridError, OptionError, ResultError, suggestion
from qmac.grid import Grid
from qmac.objective import Objective
from qmac.run.files import write_whole

DTYPES = ("float32", "float64")
CODEC = "zstd"
SCORES = "scores"
"""Name of their directory in a result."""


def check_dtype(save_grid: str | None) -> None:
    """Raises OptionError if no scores can be kept as that type."""
    if save_grid is not None and save_grid not in DTYPES:
        raise OptionError(f"save_grid {save_grid!r} is not known. {suggestion(str(save_grid), DTYPES)}")


def packed(scores: np.ndarray, dtype: np.dtype[Any]) -> bytes:
    """A chunk as it lies on disk."""
    data: bytes = pa.Codec(CODEC, 1).compress(np.ascontiguousarray(scores, dtype).tobytes(), asbytes=True)
    return data


class ScoreWriter:
    """Takes the scores of lane blocks, from any thread."""

    def __init__(self, path: Path, dataset: Dataset, lanes: int, dtype: str) -> None:
        self.path, self.dtype = path, np.dtype(dtype).newbyteorder("<")
        self.dropped: str | None = None
        """Why nothing is written any more."""
        buys, sells = (side.pairs.starts.size - 1 for side in (dataset.buys, dataset.sells))
        self._lanes = lanes
        path.mkdir(parents=True, exist_ok=True)
        about = {
            "zarr_format": 2, "shape": [buys, sells], "chunks": [buys, lanes], "dtype": self.dtype.str, "order": "C",
            "fill_value": "NaN", "filters": None, "compressor": {"id": CODEC, "level": 1},
        }  # fmt: skip
        write_whole(path / ".zarray", [json.dumps(about, indent=2).encode()])
        for name, side in (("buys", dataset.buys), ("sells", dataset.sells)):
            lists = np.empty(side.pairs.pairs.size, np.int32)
            lists[side.pairs.pairs] = np.repeat(np.arange(side.pairs.starts.size - 1), np.diff(side.pairs.starts))
            text = io.BytesIO()
            np.save(text, lists, allow_pickle=False)
            write_whole(path / f"{name}.npy", [text.getvalue()])

    def __call__(self, block: int, scores: np.ndarray) -> None:
        """Write the scores ``(N, L)`` of a lane block, NaN where there is none; nothing after ``drop``."""
        if self.dropped is not None:
            return
        try:
            write_whole(self.path / f"0.{block}", [packed(scores, self.dtype)])
        except OSError as error:
            self.drop(error.strerror or str(error))

    def drop(self, reason: str) -> None:
        """Write no more: this output is optional, and the machine is short of something."""
        self.dropped = self.dropped or reason


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
            self._shape, self._chunks = tuple(map(int, about["shape"])), tuple(map(int, about["chunks"]))
            self._dtype = np.dtype(about["dtype"])
            self._buys, self._sells = (np.load(path / f"{n}.npy", allow_pickle=False) for n in ("buys", "sells"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{path} holds no scores ({error}). Run it again with --save-grid.") from None
        sizes = (self._buys.shape, self._sells.shape)
        if sizes != ((grid.buys.size,), (grid.sells.size,)) or self._dtype.str not in ("<f4", "<f8"):
            raise ResultError(f"{path} holds the scores of another grid. Run it again with --save-grid.")

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
        pairs = [self._grid.buys.pair(k) for k in range(self._grid.buys.size)]
        index = pd.MultiIndex.from_tuples(pairs, names=["buy_fast", "buy_slow"])
        if not self._grid.shared_windows:
            values[[bool({*pair} & {sell_fast, sell_slow}) for pair in pairs]] = np.nan
        return pd.Series(values, index, name=self._objective.metric)

    def _column(self, sell_fast: int, sell_slow: int) -> np.ndarray:
        """Of every buy list, ``(N,)``."""
        place = int(self._sells[self._grid.sells.rank(sell_fast, sell_slow)])
        block, lane = divmod(place, self._chunks[1])
        size = self._dtype.itemsize * math.prod(self._chunks)
        path = self._path / f"0.{block}"
        try:
            data = pa.Codec(CODEC).decompress(path.read_bytes(), size, asbytes=True)
        except (OSError, pa.ArrowException) as error:
            raise ResultError(f"{path} is damaged ({error}). Run it again with --save-grid.") from None
        scores = np.frombuffer(data, self._dtype).reshape(self._chunks)[:, lane]
        return self._objective.values(scores.astype(np.float64))
