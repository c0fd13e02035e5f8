"""What lies around rows: values of lists against lists, put together row by row."""

from __future__ import annotations

import numpy as np

from qmac.kernels.compiler.jit import jit


@jit
def values_around(values, buys, sells, buy_pairs, sell_pairs, shared_windows, found):
    """Values ``(B, S)`` of the buys ``(K, M)`` against the sells ``(K, M)`` of each row, -1 for none, into ``found (K, M * M)``.

    ``buy_pairs`` and ``sell_pairs (K, M, 2)`` are their windows, of which they may have none in common unless
    ``shared_windows``. The middle of both, the row itself, is left out. What is not there is NaN, behind the rest; returns how
    many are there, ``(K,)``. In NumPy it took three times as long, half a millisecond for 100 rows.
    """
    rows, most = buys.shape
    counts = np.zeros(rows, np.int64)
    for row in range(rows):
        count = 0
        for k in range(most):
            if buys[row, k] >= 0:
                fast, slow = buy_pairs[row, k]
                for m in range(most):
                    sell_fast, sell_slow = sell_pairs[row, m]
                    apart = fast not in (sell_fast, sell_slow) and slow not in (
                        sell_fast,
                        sell_slow,
                    )
                    if sells[row, m] >= 0 and (shared_windows or apart) and not k == m == most // 2:
                        found[row, count] = values[buys[row, k], sells[row, m]]
                        count += 1
        found[row, count:] = np.nan
        counts[row] = count
    return counts
