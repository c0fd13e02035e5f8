"""Pairs of windows, fast below slow: arithmetic between a rank and its pair, never a list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

import numpy as np

from qmac.strategy.windows import has_window


class PairSet:
    """All pairs (fast, slow) with ``fast < slow`` of two window lists, in lexicographic order.

    The pairs of one fast window are a *row*. A row takes the last windows of ``slow``.

    Parameters
    ----------
    fast, slow : tuple of int
        Windows in ascending order.

    Attributes
    ----------
    row_starts : tuple of int
        Rank of the first pair of each row, and the number of pairs at the end.
    size : int
        Number of pairs.
    """

    def __init__(self, fast: tuple[int, ...], slow: tuple[int, ...]) -> None:
        self.fast, self.slow = fast, slow
        self.row_starts = (0, *accumulate(self._row_size(window) for window in fast))
        self.size = self.row_starts[-1]

    def _row_size(self, fast: int) -> int:
        return len(self.slow) - bisect_right(self.slow, fast)

    def _count_in_row_before(self, fast: int, slow: int) -> int:
        """Return the number of pairs of the row of ``fast`` whose slow window is below ``slow``."""
        return max(0, bisect_left(self.slow, slow) - bisect_right(self.slow, fast))

    def rank(self, fast: int, slow: int) -> int:
        """Return the number of pairs before (fast, slow).

        Parameters
        ----------
        fast : int
            One of the fast windows.
        slow : int
            Any window: the pair need not be in the set.

        Returns
        -------
        int
            The pair's rank, if it is in the set.
        """
        row = bisect_left(self.fast, fast)
        return self.row_starts[row] + self._count_in_row_before(fast, slow)

    def pair(self, rank: int) -> tuple[int, int]:
        """Return the pair at a rank.

        Parameters
        ----------
        rank : int
            In [0, size).

        Returns
        -------
        tuple of int
            Fast and slow window.
        """
        row = bisect_right(self.row_starts, rank) - 1
        fast = self.fast[row]
        first_slow = bisect_right(self.slow, fast)
        return fast, self.slow[first_slow + rank - self.row_starts[row]]

    def pairs(self, ranks: np.ndarray) -> np.ndarray:
        """Return the pairs at many ranks.

        Parameters
        ----------
        ranks : ndarray
            ``(K,)``, in [0, size).

        Returns
        -------
        ndarray
            Fast and slow windows, ``(K, 2)``.
        """
        row_starts, slow = np.array(self.row_starts), np.array(self.slow)
        rows = np.searchsorted(row_starts, ranks, side="right") - 1
        fast = np.array(self.fast)[rows]
        first_slow = np.searchsorted(slow, fast, side="right")
        places = first_slow + ranks - row_starts[rows]
        return np.column_stack((fast, slow[places]))

    def positions(self, windows: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of all pairs in a list of windows.

        Parameters
        ----------
        windows : tuple of int
            Windows in ascending order, those of the pairs among them.

        Returns
        -------
        fast, slow : ndarray
            ``(P,)`` int32 each: ``windows[fast[p]]`` and ``windows[slow[p]]`` are pair ``p``.
        """
        fast = np.searchsorted(windows, self.fast).astype(np.int32)
        slow = np.searchsorted(windows, self.slow).astype(np.int32)
        row_sizes = np.diff(self.row_starts)
        row_ends = np.array(self.row_starts[1:])
        offsets = np.repeat(row_ends - slow.size, row_sizes)
        return np.repeat(fast, row_sizes), slow[np.arange(self.size) - offsets]

    def __contains__(self, pair: tuple[int, int]) -> bool:
        fast, slow = pair
        return fast < slow and has_window(self.fast, fast) and has_window(self.slow, slow)

    def count_with(self, window: int) -> int:
        """Return the number of pairs that a window is part of.

        Parameters
        ----------
        window : int
            Any window.

        Returns
        -------
        int
            Pairs that have it as the fast one or as the slow one.
        """
        as_fast = self._row_size(window) if has_window(self.fast, window) else 0
        as_slow = bisect_left(self.fast, window) if has_window(self.slow, window) else 0
        return as_fast + as_slow

    def count_with_before(self, window: int, fast: int, slow: int) -> int:
        """Return the number of pairs before (fast, slow) that a window is part of.

        Parameters
        ----------
        window : int
            Any window.
        fast : int
            One of the fast windows.
        slow : int
            Any window: the pair need not be in the set.

        Returns
        -------
        int
            Pairs that have it as the fast one or as the slow one.
        """
        count = 0
        if has_window(self.fast, window):
            if window < fast:
                count += self._row_size(window)
            elif window == fast:
                count += self._count_in_row_before(fast, slow)
        if has_window(self.slow, window):
            count += bisect_left(self.fast, min(fast, window))
            if fast < window < slow and has_window(self.fast, fast):
                count += 1
        return count

    def count_without_before(self, avoided: tuple[int, int], fast: int, slow: int) -> int:
        """Return the number of pairs before (fast, slow) that have neither of two windows.

        Parameters
        ----------
        avoided : tuple of int
            Two windows, the lower one first.
        fast : int
            One of the fast windows.
        slow : int
            Any window: the pair need not be in the set.

        Returns
        -------
        int
            Pairs whose windows are both other ones.
        """
        count = self.rank(fast, slow)
        for window in avoided:
            count -= self.count_with_before(window, fast, slow)
        is_subtracted_twice = avoided in self and avoided < (fast, slow)
        return count + 1 if is_subtracted_twice else count
