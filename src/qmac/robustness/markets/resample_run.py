"""The sweeps of many random markets side by side, within what the machine has."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qmac._checks import check_instance
from qmac.errors import ResultError
from qmac.jobs.memory_model import (
    COMPILING_BYTES,
    before_compiling,
    loading_bytes,
)
from qmac.jobs.waiting import Patience
from qmac.results.result import Result
from qmac.robustness.markets.monitor import LuckMonitor
from qmac.robustness.markets.resample_sweep import RandomMarkets
from qmac.robustness.record_store import RecordStore
from qmac.runs.header import Identity, prices_checksum
from qmac.runs.records import Record
from qmac.runtime.cluster.driver import ClusterExecutor
from qmac.runtime.execution.executor import Executor
from qmac.runtime.execution.parts import Part, PartQueue
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.admission import Shortage, admit
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe


def describe_own_averages(name: str) -> str:
    """Return why averages of the user's own are refused.

    Parameters
    ----------
    name : str
        Symbol.

    Returns
    -------
    str
        Two sentences.
    """
    return (
        f"{name} was swept on averages of your own, which cannot be worked out on other prices. "
        "Use averages of qmac: Rules(average=...)."
    )


def check_result(result: Any) -> Identity:
    """Return what a result is of, if random markets can be swept as it was.

    Parameters
    ----------
    result : Result
        What a user passed.

    Returns
    -------
    Identity
        Request, kernels and prices.

    Raises
    ------
    OptionError
        If it is no result.
    ResultError
        If it has no best combination, no prices or others, averages of its own, cells that failed
        or other kernels.
    """
    check_instance("result", result, Result, "Use what qmac.optimize or qmac.load returns.")
    name = result.prices["name"]
    if result.best is None:
        raise ResultError(
            f"{name}: no combination was scored, so there is no best to ask about. Use looser "
            "constraints, and sweep again."
        )
    if result.prices["averages"] == "own":
        raise ResultError(describe_own_averages(name))
    if result.failed:
        raise ResultError(
            f"{name}: {len(result.failed)} cells failed, and the best may be among them. Sweep "
            "them first: qmac resume --retry-failed."
        )
    fingerprint = result.fingerprint
    if fingerprint is None or not fingerprint.is_of_this_version:
        raise ResultError(
            f"{name} was swept by kernels that are not those of this version, so scores cannot be "
            "compared to the last bit. Sweep it again."
        )
    if result.source is None:
        raise ResultError(
            f"the prices of {name} are not with this result. Add them: "
            "result.with_prices(prices), or --prices FILE."
        )
    checksum = prices_checksum(result.series.prices)
    if checksum != result.prices["sha256"]:
        raise ResultError(
            f"these are not the prices of this result: their checksum differs. Use the file that "
            f"{name} was swept on."
        )
    return Identity(fingerprint, name, checksum)


@dataclass(frozen=True)
class ResampleRun:
    """Sweeps of random markets on threads, each of which takes one alone, wherever they are."""

    name: str
    """Symbol."""
    markets: RandomMarkets
    store: RecordStore[Record]
    """Takes each score."""
    limits: Limits
    executor: Executor
    listener: Listener | None
    """Gets a ``Status`` about ten times a second."""

    def check_memory(self, queue: PartQueue) -> None:
        """Refuse what does not fit into memory, before anything is written.

        Parameters
        ----------
        queue : PartQueue
            What is to be swept.

        Raises
        ------
        OptionError
            If not even one thread fits, whatever other programs free.
        """
        if not queue.is_complete:
            with suppress(Shortage):
                self._admit_threads(self._build_governor())

    def _build_governor(self) -> Governor:
        has_workers_here = not isinstance(self.executor, ClusterExecutor)
        probe = Probe(self.store.directory, children=has_workers_here)
        return Governor(self.limits, probe, self.executor.threads)

    def run(self, queue: PartQueue) -> list[dict[str, Any]]:
        """Sweep what is left in a queue.

        Parameters
        ----------
        queue : PartQueue
            Null hypotheses and numbers; takes the scores.

        Returns
        -------
        list of dict
            Steps of the governor.

        Raises
        ------
        Stopped
            If a limit ended it.
        OptionError
            If not even one thread fits into the memory that limits allow.
        """
        governor = self._build_governor()
        if not queue.is_complete:
            self._sweep(queue, governor)
        return governor.degradations

    def _sweep(self, queue: PartQueue, governor: Governor) -> None:
        if self.store.directory is not None:
            governor.admit_disk(None)
        size, limits, listener = self.markets.request.grid.size, self.limits, self.listener
        patience = Patience(self.name, size, governor, listener)
        threads = self._admit(governor, patience)

        def check_compiling() -> None:
            admit(limits, governor.read_now(), COMPILING_BYTES, 0, 1)

        monitor = LuckMonitor(self.name, size, queue, self.store, governor, listener, threads)
        with before_compiling(check_compiling):
            self.executor.run_parts(queue, self.markets, monitor)
        monitor.end()

    def _admit(self, governor: Governor, patience: Patience) -> int:
        """Return how many threads fit into memory; while other programs hold it, wait."""
        while True:
            try:
                return self._admit_threads(governor)
            except Shortage as shortage:
                demand, reason = shortage.demand, str(shortage)
            patience.wait(demand, reason)

    def _admit_threads(self, governor: Governor) -> int:
        """Return how many threads fit into memory."""
        reading, threads = governor.read_now(), self.executor.threads
        return admit(self.limits, reading, loading_bytes(), self.markets.thread_bytes, threads)

    def record(self, part: Part, score: float) -> None:
        """Store a score: the listener of the queue.

        Parameters
        ----------
        part : Part
            Null hypothesis and number.
        score : float
            Its best.
        """
        self.store.add(Record(*part, score))
