"""Collects the objective of all neighbours of each row, for the plateau."""

from __future__ import annotations

import numpy as np

from qmac.kernels.compiler.jit import jit


@jit
def gather_neighbours(
    values, entry_lists, exit_lists, entry_pairs, exit_pairs, shared_windows, out
):
    """Gather the values of the entry lists around each row against the exit lists around it.

    The middle of both, the row itself, is left out. In NumPy it took three times as long, half a
    millisecond for 100 rows.

    Parameters
    ----------
    values : ndarray
        ``(B, S)`` of entry lists against exit lists.
    entry_lists, exit_lists : ndarray
        ``(K, M)`` of each row, -1 for none.
    entry_pairs, exit_pairs : ndarray
        ``(K, M, 2)`` their windows.
    shared_windows : bool
        Whether the pairs of both sides may have a window in common.
    out : ndarray
        ``(K, M * M)``, filled; what is not there is NaN, behind the rest.

    Returns
    -------
    ndarray
        How many values there are, ``(K,)`` int64.
    """
    rows, most = entry_lists.shape
    counts = np.zeros(rows, np.int64)
    for row in range(rows):
        count = 0
        for k in range(most):
            entry_list = entry_lists[row, k]
            if entry_list >= 0:
                fast, slow = entry_pairs[row, k]
                for m in range(most):
                    exit_list = exit_lists[row, m]
                    others = (exit_pairs[row, m, 0], exit_pairs[row, m, 1])
                    is_allowed = shared_windows or (fast not in others and slow not in others)
                    is_middle = k == m == most // 2
                    if exit_list >= 0 and is_allowed and not is_middle:
                        out[row, count] = values[entry_list, exit_list]
                        count += 1
        out[row, count:] = np.nan
        counts[row] = count
    return counts
