"""One queue of requests for each source: pauses, and another try after a fault that passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from qmac.errors import SourceBusyError

Answer = TypeVar("Answer")
BACKOFF_SECONDS = (1.0, 2.0, 4.0)
"""Waits before the second and each later try."""


class RequestQueue:
    """Sends the requests to one source, one after the other.

    Once the tries of a request are used up, the later ones fail at once: a source that refuses to
    serve one symbol is not troubled with the others.

    Parameters
    ----------
    pause_seconds : float
        Least time between two requests.
    """

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._next = 0.0
        self._refusal: SourceBusyError | None = None

    def call(self, send: Callable[[], Answer]) -> Answer:
        """Send one request, again after a while if the source is busy.

        Parameters
        ----------
        send : callable
            Sends it and returns the answer; it raises SourceBusyError for a fault that passes.

        Returns
        -------
        object
            The answer.

        Raises
        ------
        SourceBusyError
            If all tries failed, of this request or of an earlier one.
        """
        if self._refusal is not None:
            raise self._refusal
        for seconds in BACKOFF_SECONDS:
            try:
                return self._send_in_turn(send)
            except SourceBusyError:
                time.sleep(seconds)
        try:
            return self._send_in_turn(send)
        except SourceBusyError as error:
            self._refusal = error
            raise

    def _send_in_turn(self, send: Callable[[], Answer]) -> Answer:
        wait = self._next - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            return send()
        finally:
            self._next = time.monotonic() + self._pause_seconds
