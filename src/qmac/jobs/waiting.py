"""Waiting for memory that other programs hold: what is short for a while ends no run."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import TypeVar

from qmac.errors import Stopped
from qmac.runtime.monitoring.status import Listener, Status
from qmac.runtime.resources.admission import Demand, Shortage
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.machine import release_freed_memory
from qmac.runtime.resources.thresholds import Level

Value = TypeVar("Value")
LOOK_SECONDS = 0.2
"""Between two looks at the memory."""
PATIENCE_SECONDS = 60.0
"""For each symbol. As of a full disk; a sweep pauses for a shortage, too, and ends by it only after
ten seconds in which next to nothing is free."""


class Patience:
    """Waits until what did not fit does, or until a limit ends the run.

    Parameters
    ----------
    name : str
        The symbol that waits.
    size : int
        Combinations of the grid.
    governor : Governor
        Reads the machine; ends the run as it ends a sweep.
    listener : callable, optional
        Gets a ``Status`` at each look.
    is_beside : bool
        Whether other series are swept beside it, see ``Governor.admit``.
    """

    def __init__(
        self,
        name: str,
        size: int,
        governor: Governor,
        listener: Listener | None = None,
        *,
        is_beside: bool = False,
    ) -> None:
        self.admit = functools.partial(governor.admit, is_beside=is_beside)
        self._name = name
        self._size = size
        self._governor = governor
        self._listener = listener
        self._began = time.perf_counter()
        self._left = PATIENCE_SECONDS

    def insist(self, attempt: Callable[[], Value]) -> Value:
        """Return what a function returns, which is called again once its memory is there.

        Parameters
        ----------
        attempt : callable
            Raises ``Shortage`` where other programs hold what it needs.

        Returns
        -------
        object
            Of the first call that has enough.

        Raises
        ------
        Stopped
            If it does not fit in time, or the governor ends the run.
        """
        while True:
            try:
                return attempt()
            except Shortage as shortage:
                demand, reason = shortage.demand, str(shortage)
            # outside of the handler: the exception holds what was built before it
            self.wait(demand, reason)

    def wait(self, demand: Demand, reason: str) -> None:
        """Wait for memory.

        Parameters
        ----------
        demand : Demand
            What does not fit.
        reason : str
            The refusal, in words.

        Raises
        ------
        Stopped
            If it does not fit in time, or the governor ends the run.
        """
        release_freed_memory()
        limits = self._governor.limits
        while not demand.fits(limits, self._governor.read_now()):
            decision = self._governor.tick()
            if decision.stop is not None:
                raise Stopped(f"stopped while waiting for memory: {decision.reason}.")
            if self._left <= 0:
                raise Stopped(
                    f"stopped after waiting {PATIENCE_SECONDS:.0f} s for memory that other "
                    f"programs hold. {reason}"
                )
            self._show()
            time.sleep(LOOK_SECONDS)
            self._left -= LOOK_SECONDS

    def _show(self) -> None:
        if self._listener is None:
            return
        status = Status(
            done=0,
            size=self._size,
            seconds=time.perf_counter() - self._began,
            best=math.nan,
            memory=self._governor.memory_used,
            rate=0.0,
            name=self._name,
            level=Level.PAUSE.name.lower(),
            limit=self._governor.memory_limit,
            reason="memory: waiting for what other programs hold",
        )
        self._listener(status)
