"""The monitor of random markets: it shows progress, consults the governor and writes records."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from qmac.errors import Stopped
from qmac.robustness.record_store import RecordStore
from qmac.runs.records import Record
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import PartQueue
from qmac.runtime.monitoring.rate import Rate
from qmac.runtime.monitoring.status import Listener, Status
from qmac.runtime.resources.governor import Decision, Governor

ROUNDS = 4
"""Random markets of each thread over which the speed is measured, at least: threads that end at
about the same time look twice as fast, or half, over one."""


class LuckMonitor:
    """What the thread that waits for random markets calls ten times a second.

    Parameters
    ----------
    name : str
        Symbol.
    size : int
        Combinations of the grid.
    queue : PartQueue
        What is done.
    store : RecordStore
        Where it is written.
    governor : Governor
        Decides how many threads work, and whether the run ends.
    listener : callable or None
        Gets a ``Status`` at each call.
    threads : int
        Threads that fit into memory.
    """

    def __init__(
        self,
        name: str,
        size: int,
        queue: PartQueue,
        store: RecordStore[Record],
        governor: Governor,
        listener: Listener | None,
        threads: int,
    ) -> None:
        self._name = name
        self._size = size
        self._queue = queue
        self._store = store
        self._governor = governor
        self._listener = listener
        self._threads = threads
        self._decision: Decision | None = None
        self._began = time.perf_counter()
        self._swept = queue.swept
        self._rate = Rate(least=ROUNDS * threads)
        self._rate.begin(self._swept)
        self._speed = 0.0

    def __call__(self, nodes: Mapping[str, Any] | None = None) -> WorkerDirective:
        """Show how far it is, write what is done, and return what threads do.

        Parameters
        ----------
        nodes : mapping of str to NodeReading, optional
            Readings of the nodes of a cluster by name, if it is one.

        Returns
        -------
        WorkerDirective
            How many threads work from now on.
        """
        decision = self._decision = self._governor.tick()
        self._store.write_pending()
        threads = min(decision.threads, self._threads)
        if self._listener is not None:
            self._listener(self._build_status(decision, threads, nodes))
        return WorkerDirective(threads, decision.pause, decision.stop is not None)

    def end(self) -> None:
        """Check that all is done.

        Raises
        ------
        Stopped
            If the governor ended the run.
        """
        queue, decision = self._queue, self._decision
        if not queue.is_complete:
            reason = "" if decision is None else f": {decision.reason}"
            raise Stopped(
                f"stopped after {queue.swept:,} of {queue.size:,} sweeps of random markets{reason}."
            )

    def _build_status(
        self, decision: Decision, threads: int, nodes: Mapping[str, Any] | None
    ) -> Status:
        swept = self._queue.swept + self._queue.swept_elsewhere
        if swept != self._swept:  # between two parts the speed is what it was
            self._swept, self._speed = swept, self._rate.measure(swept)
        if nodes is not None:
            threads = sum(node.threads for node in nodes.values())
        return Status(
            done=self._size * swept,
            size=self._size * self._queue.size,
            seconds=time.perf_counter() - self._began,
            best=math.nan,
            memory=self._governor.memory_used,
            rate=self._size * self._speed,
            name=self._name,
            threads=threads,
            level=decision.level.name.lower(),
            limit=self._governor.memory_limit,
            nodes=None if nodes is None else {name: asdict(node) for name, node in nodes.items()},
            reason=decision.reason if decision.level else "",
            markets_done=swept,
            markets=self._queue.size,
        )
