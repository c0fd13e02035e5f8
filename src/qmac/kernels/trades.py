"""The trades of one combination, from its entries and exits."""

from __future__ import annotations

import numpy as np

from qmac.kernels._jit import jit


@jit
def find_trades(entries, exits, stops, length, ignore):
    """Entry and exit bars ``(N,)`` of the trades and whether their own stop ended them.

    ``stops (T,)`` are the bars at which trades end by themselves, by the bar of their entry; T for never.
    An open trade's exit bar is ``length``. On a bar with both signals neither acts if ``ignore``, else the
    one that applies to the present position does. On the bar of a stop no signal acts.
    """
    opened = np.empty(entries.size, np.int64)
    closed = np.empty(entries.size, np.int64)
    stopped = np.zeros(entries.size, np.bool_)
    n, i, j, holding = 0, 0, 0, False
    while i < entries.size or j < exits.size:
        entry = entries[i] if i < entries.size else length
        leave = exits[j] if j < exits.size else length
        i += entry <= leave
        j += leave <= entry
        bar = min(entry, leave)
        if holding and stops[opened[n - 1]] <= bar:
            closed[n - 1], stopped[n - 1], holding = stops[opened[n - 1]], True, False
            if closed[n - 1] == bar:
                continue
        if ignore and entry == leave:
            continue
        if holding and leave <= entry:
            closed[n - 1], holding = leave, False
        elif not holding and entry <= leave:
            opened[n], closed[n], holding = entry, length, True
            n += 1
    if holding and stops[opened[n - 1]] < length:
        closed[n - 1], stopped[n - 1] = stops[opened[n - 1]], True
    return opened[:n].copy(), closed[:n].copy(), stopped[:n].copy()
