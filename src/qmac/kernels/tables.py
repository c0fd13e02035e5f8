"""What happens to a position opened at any bar, for a block of sell pairs side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qmac.kernels._jit import jit
from qmac.kernels.lanes import load, splat, store, where


class Values(NamedTuple):
    """What a trade's two ends are worth: logarithms, or plain prices if ``simple``.

    The gain of a trade is ``sell - buy`` of logarithms, ``sell / buy - 1`` of prices. Simple gains do not
    add up over a position that is held on, so they need ``ignore=0``.
    """

    buy: np.ndarray  # (T,) what one unit costs when bought at this bar
    sell: np.ndarray  # (T,) what it brings when sold at this bar
    last: float  # what an open position is worth at the end
    simple: bool


class Tables(NamedTuple):
    """One lane block, one row a bar. The two say what an entry at this bar does to each lane.

    ``code``: ``2 * exit bar + conflict``, the next exit after this bar, T where there is none.
    ``conflict`` is 1 where this bar is itself an exit and such a bar changes nothing.
    ``gain``: the gain of a trade from here to that exit; on a conflict, the *further* gain of a
    position that was to be closed here and is held on.
    """

    code: np.ndarray  # (T, L) uint16 or uint32
    gain: np.ndarray  # (T, L) float64


@jit
def fill_tables(width, exits, first, values, ignore, tables):
    """Tables of the sell pairs ``first ... first + L``; lanes past the last pair never exit."""
    length = values.buy.size
    code, gain = tables
    code[:] = 0
    for lane in range(min(len(width), exits.starts.size - 1 - first)):
        for k in range(exits.starts[first + lane], exits.starts[first + lane + 1]):
            code[exits.bars[k], lane] = 1
    following = splat(code.dtype.type(2 * length), width)
    proceeds = splat(values.last, width)
    for t in range(length - 1, -1, -1):
        exit_here = load(code, t, width) != 0
        conflict = where(exit_here, splat(code.dtype.type(ignore), width), 0)
        store(code, t, following | conflict)
        if values.simple:
            store(gain, t, proceeds * (1.0 / values.buy[t]) - 1.0)
        else:
            store(gain, t, proceeds - where(conflict != 0, splat(values.sell[t], width), values.buy[t]))
        following = where(exit_here, splat(code.dtype.type(2 * t), width), following)
        proceeds = where(exit_here, splat(values.sell[t], width), proceeds)
