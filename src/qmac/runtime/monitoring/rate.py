"""The present speed of a run, from how far it was a few seconds ago."""

from __future__ import annotations

import time
from collections import deque

RATE_SECONDS = 10.0
"""Over which the rate is measured: it is the present speed, not that of before a pause."""


class Rate:
    """What is done in a second, over the last ``RATE_SECONDS``, or longer.

    Parameters
    ----------
    least : float, default 0
        What must have been done in that time: work that comes in large parts is measured over
        enough of them, however long they take.
    """

    def __init__(self, least: float = 0.0) -> None:
        self._least = least
        self._moments: deque[tuple[float, float]] = deque()

    def begin(self, done: float) -> None:
        """Begin to measure.

        Parameters
        ----------
        done : float
            What is done already.
        """
        self._moments.clear()
        self._moments.append((time.perf_counter(), done))

    def measure(self, done: float) -> float:
        """Return the rate, now that so much is done.

        One moment that is longer ago stays, so that there is always a time between two.

        Parameters
        ----------
        done : float
            What is done now.

        Returns
        -------
        float
            In a second; 0 where nothing was.
        """
        now = time.perf_counter()
        oldest = now - RATE_SECONDS
        self._moments.append((now, done))
        while len(self._moments) > 2:
            moment, done_before = self._moments[1]
            if moment > oldest or done - done_before < self._least:
                break
            self._moments.popleft()
        moment, done_before = self._moments[0]
        return max(done - done_before, 0.0) / max(now - moment, 1e-9)
