"""Values as wide as a lane block.

A kernel that reads ``load(table, bar, width)`` holds one whole row of lanes as one value (the array
is just as wide) and computes with it by plain operators; a row of a named tuple of tables is a
named tuple of such values. A table that is None has rows that are nothing: what is computed with
them is nothing too, and compiles to no code. This file says what that means, in NumPy; under Numba
the same names are the vector instructions of ``instructions``. ``width`` is a tuple with one item a
lane: its length is part of its type, so the compiler knows it.

Written as inner loops instead, the sweep ran at a third of the speed: LLVM gave up on proving that
twenty arrays do not overlap (measured: 170 against 550 million combinations/s on one core).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qmac.kernels.compiler import jit

LaneValues = Any
"""A row of values, the array ``(N, L)`` of such rows, or None where they are not computed."""
CACHE_LINE_BYTES = 64
SUBHISTOGRAMS = 4
"""Neighbouring lanes often fall in one bin; counting them in turn in 4 places hides the latency."""


def allocate(rows: int, lanes: int, dtype: Any) -> Any:
    """Allocate zeros that begin at a cache line: rows across two lines cost 15 % of the sweep.

    Parameters
    ----------
    rows, lanes : int
        Shape.
    dtype : dtype
        Type of the numbers.

    Returns
    -------
    ndarray
        ``(rows, lanes)``.
    """
    size = rows * lanes * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    return memory[start : start + size].view(dtype).reshape(rows, lanes)


class Nothing:
    """Values of what is None; whatever is computed with them is nothing too."""

    def _same(self, *_: Any) -> Nothing:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = (
        _same
    )
    __lt__ = __le__ = __gt__ = __ge__ = __and__ = __rand__ = _same
    __array_ufunc__ = None  # NumPy leaves operators to this class


NOTHING = Nothing()


def _load(array: Any, row: int, width: Any) -> Any:
    if isinstance(array, tuple):
        members = [_load(member, row, width) for member in array]
        return type(array)(*members)
    return NOTHING if array is None else array[row, : len(width)].copy()


def _load_at(array: Any, place: int, width: Any) -> Any:
    return array.reshape(-1)[place : place + len(width)].copy()


def _store(array: Any, row: int, values: Any) -> None:
    if isinstance(array, tuple):
        for member, value in zip(array, values, strict=True):
            _store(member, row, value)
    elif array is not None:
        array[row] = values


def _added(mask: Any, a: Any, b: Any) -> Any:
    if isinstance(a, tuple):
        members = [_added(mask, x, y) for x, y in zip(a, b, strict=True)]
        return type(a)(*members)
    return _where(mask, a + b, a)


def _where(mask: Any, yes: Any, no: Any) -> Any:
    is_nothing = any(part is NOTHING for part in (mask, yes, no))
    return NOTHING if is_nothing else np.where(mask, yes, no)


def _extreme(choose: Any) -> Any:
    return lambda a, b: NOTHING if a is NOTHING or b is NOTHING else choose(a, b)


def _item(array: Any, row: int) -> Any:
    return NOTHING if array is None else array[row]


def _or_nan(values: Any, width: Any) -> Any:
    return np.full(len(width), np.nan) if values is NOTHING else values


def _splat(value: Any, width: Any) -> Any:
    return np.full(len(width), value, np.asarray(value).dtype)


def _bits(values: Any) -> Any:
    return values.view(np.int64)


def _from_bits(values: Any) -> Any:
    return values.view(np.float64)


def _truncate(values: Any) -> Any:
    return values.astype(np.int32)


def _floats(values: Any) -> Any:
    return NOTHING if values is NOTHING else values.astype(np.float64)


def _wide(values: Any) -> Any:
    return values.astype(np.int64)


def _sqrt(values: Any) -> Any:
    return NOTHING if values is NOTHING else np.sqrt(values)


def _rarely(mask: Any) -> bool:
    return mask is not NOTHING and bool(mask.any())


def _pack_mask(mask: Any) -> int:
    return sum(1 << int(lane) for lane in np.flatnonzero(mask))


def _lowest_bit(word: int) -> int:
    return (word & -word).bit_length() - 1


def _pick(values: Any, lane: int) -> Any:
    return NOTHING if values is NOTHING else values[lane]


def _only(lane: int, values: Any) -> Any:
    return np.arange(values.size) == lane


def _highest(values: Any) -> Any:
    return values.max()


def _total(values: Any) -> Any:
    return values.sum()


def _bump(histogram: Any, bins: Any, weights: Any, factor: int) -> None:
    places = (np.arange(bins.size) % SUBHISTOGRAMS, bins)
    np.add.at(histogram, places, (weights[0] * factor).astype(np.uint32))


PLAIN: dict[str, Any] = {
    "load": _load,  # (N, L), row -> (L,)
    "load_at": _load_at,  # (N, L) as one row, place -> (L,)
    "store": _store,  # load and store also take named tuples, of arrays or None, to any depth
    "added": _added,  # a + b where mask, else a, of float64; named tuples too
    "splat": _splat,  # scalar -> (L,)
    "where": _where,
    "item": _item,  # (N,), row -> number
    "or_nan": _or_nan,  # NaN in every lane in place of nothing
    "bits": _bits,  # float64 seen as int64
    "truncate": _truncate,  # float64 -> int32, toward zero
    "floats": _floats,  # unsigned -> float64
    "wide": _wide,  # int32 -> int64
    "from_bits": _from_bits,  # int64 seen as float64
    "sqrt": _sqrt,
    "higher": _extreme(np.maximum),  # of float64, neither NaN; which zero wins is left open
    "lower": _extreme(np.minimum),
    "rarely": _rarely,  # whether any lane of a mask is true; the compiler takes it that none is
    "pack_mask": _pack_mask,  # a mask as a whole number, a bit a lane
    "lowest_bit": _lowest_bit,  # place of the lowest 1 of such a number
    "pick": _pick,  # (L,), lane -> number
    "only": _only,  # the mask of one lane
    "highest": _highest,
    "total": _total,
    "bump": _bump,  # histogram[lane % SUBHISTOGRAMS, bins[lane]] += weights[0, lane] * factor
}
if jit.DISABLED:
    VECTORS: dict[str, Any] = PLAIN
else:
    from qmac.kernels.compiler import instructions

    VECTORS = instructions.INSTRUCTIONS | {"bump": instructions.build_bump(SUBHISTOGRAMS)}
load = VECTORS["load"]
load_at = VECTORS["load_at"]
store = VECTORS["store"]
added = VECTORS["added"]
item = VECTORS["item"]
or_nan = VECTORS["or_nan"]
splat = VECTORS["splat"]
where = VECTORS["where"]
bits = VECTORS["bits"]
truncate = VECTORS["truncate"]
floats = VECTORS["floats"]
wide = VECTORS["wide"]
from_bits = VECTORS["from_bits"]
sqrt = VECTORS["sqrt"]
higher = VECTORS["higher"]
lower = VECTORS["lower"]
rarely = VECTORS["rarely"]
pack_mask = VECTORS["pack_mask"]
lowest_bit = VECTORS["lowest_bit"]
pick = VECTORS["pick"]
only = VECTORS["only"]
highest = VECTORS["highest"]
total = VECTORS["total"]
bump = VECTORS["bump"]
