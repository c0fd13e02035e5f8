"""Values as wide as a lane block.

A kernel that reads ``load(table, bar, width)`` holds one whole row of lanes as one value and
computes with it by plain operators. Here is what that means, in NumPy; under Numba the same names
are the vector instructions of ``_vectors``. ``width`` is a tuple with one item a lane: its length is
part of its type, so the compiler knows it.

Written as inner loops instead, the sweep ran at a third of the speed: LLVM gave up on proving that
twenty arrays do not overlap (measured: 170 against 550 million combinations/s on one core).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qmac.kernels import _jit

CACHE_LINE = 64
SUBHISTOGRAMS = 4
"""Neighbouring lanes often fall in one bin; counting them in turn in 4 places hides the latency."""


def allocate(rows: int, lanes: int, dtype: Any) -> Any:
    """Zeros ``(rows, lanes)`` that begin at a cache line: rows across two lines cost 15 % of the sweep."""
    size = rows * lanes * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(rows, lanes)


def _load(array: Any, row: int, width: Any) -> Any:
    return array[row, : len(width)].copy()


def _store(array: Any, row: int, values: Any) -> None:
    array[row] = values


def _splat(value: Any, width: Any) -> Any:
    return np.full(len(width), value)


def _bits(values: Any) -> Any:
    return values.view(np.int64)


def _truncate(values: Any) -> Any:
    return values.astype(np.int32)


def _popcount(mask: Any) -> int:
    return int(np.count_nonzero(mask))


def _highest(values: Any) -> Any:
    return values.max()


def _total(values: Any) -> Any:
    return values.sum()


def _bump(histogram: Any, bins: Any) -> None:
    np.add.at(histogram, (np.arange(bins.size) % SUBHISTOGRAMS, bins), 1)


PLAIN: dict[str, Any] = {
    "load": _load,  # (N, L), row -> (L,)
    "store": _store,
    "splat": _splat,  # scalar -> (L,)
    "where": np.where,
    "bits": _bits,  # float64 seen as int64
    "truncate": _truncate,  # float64 -> int32, toward zero
    "popcount": _popcount,  # mask -> number of true lanes
    "highest": _highest,
    "total": _total,
    "bump": _bump,  # histogram[lane % SUBHISTOGRAMS, bins[lane]] += 1
}

if _jit.DISABLED:
    VECTORS: dict[str, Any] = PLAIN
else:
    from qmac.kernels import _vectors

    VECTORS = _vectors.operations(SUBHISTOGRAMS)

load = VECTORS["load"]
store = VECTORS["store"]
splat = VECTORS["splat"]
where = VECTORS["where"]
bits = VECTORS["bits"]
truncate = VECTORS["truncate"]
popcount = VECTORS["popcount"]
highest = VECTORS["highest"]
total = VECTORS["total"]
bump = VECTORS["bump"]
