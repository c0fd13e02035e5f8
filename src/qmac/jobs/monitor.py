"""Keeps a dataset's run: shows it, asks the governor, takes snapshots. The thread that waits calls it ten times a second."""

from __future__ import annotations

import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

import numpy as np

from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.neighbourhood import plateau
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import Stopped, printable
from qmac.jobs.memory_model import admitted, finishing_bytes
from qmac.runs.directory import RunDirectory, identify
from qmac.runs.score_store import ScoreWriter
from qmac.runs.tasks import Task
from qmac.runtime.cluster.node import NodeReading
from qmac.runtime.execution.executor import WorkerDirective
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.monitoring.status import Status
from qmac.runtime.resources.admission import admit
from qmac.runtime.resources.governor import Decision, Governor
from qmac.strategy.grid import Grid
from qmac.strategy.objective import Objective

SNAPSHOT_SECONDS = 10.0
"""A run of fewer seconds writes none."""
SNAPSHOT_COST = 0.01
"""Share of the time that snapshots may take."""
RATE_SECONDS = 10.0
"""Of the rate that is shown: the speed of now, and not that of before a pause."""
LONG_FINISH = 1 << 29
"""Bars of all kept rows, from which on what was swept is saved before they are replayed: some seconds."""
CALL_SECONDS = 3.0
"""A snapshot waits this long at most for workers to settle; without them it is as true, only older."""


class SweepMonitor:
    """Of one dataset, ``name``, in a directory or in none."""

    def __init__(
        self, task: Task, objective: Objective, size: int, governor: Governor,
        listener: Callable[[Status], None] | None = None, directory: RunDirectory | None = None,
    ) -> None:  # fmt: skip
        self.task, self.size, self.objective = task, size, objective
        self.governor, self.listener, self.directory = governor, listener, directory
        self.seconds_before = 0.0
        """Of earlier processes on this dataset."""
        self.decision: Decision | None = None
        self._fitting, self._since, self._to_finish = 1, 0.0, 0
        self._only_finishes = False  # all was swept by earlier processes
        self._began = self._saved = time.perf_counter()
        self._interval, self._called, self._spent = SNAPSHOT_SECONDS, False, 0.0
        self._fits: dict[str, Any] = {}
        self._writer: ScoreWriter | None = None
        self._degraded: list[dict[str, Any]] = []  # what governors of earlier processes did
        self._nodes: dict[str, NodeReading] | None = None  # of a cluster, if it is one
        self._shares: deque[tuple[float, float]] = deque()

    @property
    def seconds(self) -> float:
        """On this dataset so far."""
        return self.seconds_before + time.perf_counter() - self._began

    def admitted(
        self, series: PreparedSeries, grid: Grid, spec: SweepSpec
    ) -> AbstractContextManager[None]:
        """See ``needs.admitted``."""
        return admitted(self.governor.limits, self.governor.read_now, series, grid, spec)

    def begin(self, evaluator: Evaluator, ledger: Ledger, threads: int) -> None:
        """Let in as many threads as fit, and go on from the newest snapshot, if there is one.

        Raises
        ------
        OptionError : not even one thread fits into the memory limit.
        """
        self._began = self._saved = time.perf_counter()
        self._since = self.governor.seconds
        dataset, spec = evaluator.dataset, evaluator.spec
        self._to_finish = spec.top * (dataset.bars + plateau.AS_BARS)
        if self.directory is not None and self.directory.save_grid:
            self._writer = ScoreWriter(
                self.directory.scores(self.task),
                evaluator.dataset,
                evaluator.spec.lanes,
                self.directory.save_grid,
            )
            evaluator.sink = self._writer
        # that the maps are made of it once more is after the workers have gone
        tally, each = evaluator.tally_bytes, evaluator.worker_bytes
        reading = self.governor.read_now()
        self._fitting = admit(self.governor.limits, reading, tally, each, threads)
        finishing = finishing_bytes(dataset.bars, len(dataset.windows), spec.top)
        admit(self.governor.limits, reading, tally + finishing, 0, 1)  # when the workers have gone
        self._shares.append((self._began, 0.0))
        if self.directory is None:
            return
        ledger.allocate()
        self._fits = identify(self.task, evaluator.checksum)
        about, damaged = self.directory.load_snapshot(self.task, evaluator.checksum, ledger)
        for message in damaged:
            warnings.warn(
                f"{message} Going on from {'an older one' if about else 'the start'}.", stacklevel=2
            )
        if about is not None:
            self._go_on(about, ledger)
        self._only_finishes = ledger.is_complete
        if self._writer is not None and self._writer.dropped is not None:
            evaluator.sink = None

    def _go_on(self, about: dict[str, Any], ledger: Ledger) -> None:
        """From what a snapshot of an earlier process says; a stranger's may say anything."""
        seconds, degraded, dropped = (
            about.get(name) for name in ("seconds", "degradations", "scores_dropped")
        )
        self._shares[0] = (self._began, ledger.share)
        self.seconds_before = (
            float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < np.inf else 0.0
        )
        if isinstance(degraded, list) and all(isinstance(record, dict) for record in degraded):
            self._degraded = degraded
        if self._writer is not None:
            self._writer.go_on(ledger.done, None if dropped is None else printable(dropped))

    def __call__(
        self, ledger: Ledger, nodes: Mapping[str, NodeReading] | None = None
    ) -> WorkerDirective:
        self.decision = decision = self.governor.tick()
        self._nodes = nodes if nodes is None else dict(nodes)
        self._show(ledger)
        if self._writer is not None and not decision.optional_outputs:
            self._writer.drop(decision.reason)
        threads = min(decision.threads, self._fitting)
        self._save_if_due(ledger, threads)
        return WorkerDirective(threads, decision.pause, decision.stop is not None)

    def end(self, ledger: Ledger) -> list[dict[str, Any]]:
        """The last snapshot, unless all is swept and what is left takes no time; what the governor did.

        Raises
        ------
        Stopped : the governor ended the run.
        """
        if self._writer is not None and self._writer.dropped is not None:
            self._writer.drop(
                self._writer.dropped
            )  # what threads wrote meanwhile too: what follows needs the room
        # an exception on its way, such as Ctrl-C, ends the run although all is swept
        short = ledger.is_complete and self._to_finish < LONG_FINISH and sys.exception() is None
        if self.directory is not None and ledger.done.any() and not short:
            self._save(ledger)
        # after what must not be lost: a listener may fail, and fail again
        self._show(ledger, 0.0 if ledger.is_complete and self._to_finish >= LONG_FINISH else None)
        if not ledger.is_complete and self.decision is not None and self.decision.stop is not None:
            raise Stopped(f"stopped at {ledger.share:.1%}: {self.decision.reason}.")
        kept = self._kept
        dropped = (
            []
            if kept["scores_dropped"] is None
            else [f"scores were not kept: {kept['scores_dropped']}"]
        )
        return [*kept["degradations"], *({"reason": reason} for reason in dropped)]

    @property
    def _kept(self) -> dict[str, Any]:
        """What a snapshot says of the run so far beside its ledger."""
        return {
            "seconds": self.seconds,
            "degradations": [*self._degraded, *self.governor.degradations_since(self._since)],
            "scores_dropped": None if self._writer is None else self._writer.dropped,
        }

    def finishing(self, ledger: Ledger, share: float) -> None:
        """All is swept, and of the kept rows ``share`` is replayed.

        Raises
        ------
        Stopped : the governor ended the run. A pause does not help here, where nothing can be given back.
        """
        self.decision = self.governor.tick()
        self._show(ledger, share)
        again = (
            self._only_finishes and self.decision.stop == "max_time"
        )  # the same time would stop it for ever
        if self.decision.stop is not None and not again:
            raise Stopped(f"stopped while finishing, all is swept: {self.decision.reason}.")

    def _show(self, ledger: Ledger, finishing: float | None = None) -> None:
        if self.listener is None:
            return
        best, decision, nodes = ledger.best, self.decision, self._nodes
        threads = min(decision.threads, self._fitting) if decision else 0
        self.listener(
            Status(
                done=round(self.size * ledger.share),
                size=self.size,
                seconds=self.seconds,
                best=self.objective.value(best * self.objective.sign) if best > -np.inf else np.nan,
                memory=self.governor.memory_used,
                rate=self.size * self._speed(ledger.share),
                name=self.task.name,
                threads=threads if nodes is None else sum(node.threads for node in nodes.values()),
                level=decision.level.name.lower() if decision else "",
                limit=self.governor.memory_limit,
                nodes=None
                if nodes is None
                else {name: asdict(node) for name, node in nodes.items()},
                finishing=finishing,
                reason=decision.reason if decision and decision.level else "",
            )
        )

    def _speed(self, share: float) -> float:
        """Share of the work a second, of the last ``RATE_SECONDS``."""
        now = time.perf_counter()
        self._shares.append((now, share))
        while len(self._shares) > 2 and self._shares[1][0] <= now - RATE_SECONDS:
            self._shares.popleft()
        began, before = self._shares[0]
        return max(share - before, 0.0) / max(now - began, 1e-9)

    def _save_if_due(self, ledger: Ledger, threads: int) -> None:
        if self.directory is None or time.perf_counter() - self._saved < self._interval:
            return
        if not self._called:
            ledger.request_settlement()
            self._called = True
        settled = len(ledger.settled_by) >= threads
        if settled or time.perf_counter() - self._saved > self._interval + CALL_SECONDS:
            self._save(ledger)

    def _save(self, ledger: Ledger) -> None:
        assert self.directory is not None
        ledger.check()
        began = time.perf_counter()
        try:
            self.directory.save_snapshot(self._fits | self._kept, ledger)
        except OSError as error:
            warnings.warn(
                f"no snapshot could be written ({error.strerror or error}); the last one is untouched, and computing goes on.",
                stacklevel=2,
            )
        self._saved, self._called = time.perf_counter(), False
        self._spent += self._saved - began
        due = (
            self._began + (self._spent + self._saved - began) / SNAPSHOT_COST
        )  # when one more will be within the cost
        self._interval = max(SNAPSHOT_SECONDS, due - self._saved)
