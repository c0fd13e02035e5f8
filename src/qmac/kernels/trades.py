"""The trades of one combination, from its entries and exits."""

from __future__ import annotations

import numpy as np

from qmac.kernels._jit import jit


@jit
def find_trades(entries, exits, length, ignore):
    """Entry and exit bars ``(N,)`` of the trades; an open trade's exit bar is ``length``.

    On a bar with both signals neither acts if ``ignore``, else the one that applies to the present
    position does.
    """
    opened = np.empty(entries.size, np.int64)
    closed = np.empty(entries.size, np.int64)
    n, i, j, holding = 0, 0, 0, False
    while i < entries.size or j < exits.size:
        entry = entries[i] if i < entries.size else length
        leave = exits[j] if j < exits.size else length
        i += entry <= leave
        j += leave <= entry
        if ignore and entry == leave:
            continue
        if holding and leave <= entry:
            closed[n - 1] = leave
            holding = False
        elif not holding and entry <= leave:
            opened[n], closed[n] = entry, length
            n += 1
            holding = True
    return opened[:n].copy(), closed[:n].copy()
