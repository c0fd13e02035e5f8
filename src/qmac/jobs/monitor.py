"""The monitor of a sweep: it shows progress, consults the governor and saves snapshots.

The thread that waits for the workers calls it ten times a second.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.neighbourhood import plateau
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import SweepSpec
from qmac.errors import OptionError, Stopped, UnsavedError, printable, warn
from qmac.jobs.memory_model import admitted, finishing_bytes
from qmac.jobs.waiting import Patience
from qmac.runs.directory import RunDirectory, identify
from qmac.runs.score_store import ScoreWriter, describe_drop
from qmac.runs.tasks import Task
from qmac.runtime.cluster.node import NodeReading
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.ledger import Ledger
from qmac.runtime.monitoring.rate import Rate
from qmac.runtime.monitoring.status import Listener, Status
from qmac.runtime.resources.admission import Demand, Shortage
from qmac.runtime.resources.governor import Decision, Governor
from qmac.strategy.grid import Grid
from qmac.strategy.objective import Objective

SNAPSHOT_SECONDS = 10.0
"""Between two snapshots at least, once a run has gone on for a while."""
FIRST_SECONDS = 1.0
"""From the start of a sweep to its first snapshot; from there the intervals double."""
LEAST_LEFT_SECONDS = 2.0
"""What is left of a sweep that is saved so early: a shorter one is done before it pays."""
SNAPSHOT_COST = 0.01
"""Share of the time that snapshots may take."""
EARLY_COST = 0.05
"""Share of the time so far that early ones may take, where it is within half of ``SNAPSHOT_COST``
of the time that the whole sweep will take."""
CALL_SECONDS = 3.0
"""A snapshot waits so long at most for workers to settle; without them it is only older."""
LOST = "What was done since the last snapshot is lost."
LONG_FINISH_BARS = 1 << 29
"""Bars of all top rows from which on what was swept is saved before they are replayed: they take
some seconds."""


class SeriesMonitor(Protocol):
    """What watches the sweep of one series, from its first cell to its last top row."""

    @property
    def seconds(self) -> float: ...

    def begin(self, evaluator: Evaluator, ledger: Ledger, threads: int, /) -> None: ...

    def __call__(self, ledger: Ledger, nodes: Mapping[str, Any] = ..., /) -> WorkerDirective: ...

    def end(self, ledger: Ledger, /) -> list[dict[str, Any]]: ...

    def finishing(self, ledger: Ledger, share: float, /) -> None: ...


class NullMonitor:
    """A monitor that shows nothing, saves nothing and lets all threads work.

    Parameters
    ----------
    threads : int
        How many sweep.
    """

    def __init__(self, threads: int) -> None:
        self._directive = WorkerDirective(threads)
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._began

    def begin(self, *_: object) -> None:
        """Do nothing."""

    def __call__(self, *_: object) -> WorkerDirective:
        """Return the directive that never changes."""
        return self._directive

    def end(self, *_: object) -> list[dict[str, Any]]:
        """Return no degradations.

        Returns
        -------
        list
            Empty.
        """
        return []

    def finishing(self, *_: object) -> None:
        """Do nothing."""


class SweepMonitor:
    """The monitor of one task, in a run directory or in memory.

    Parameters
    ----------
    task : Task
        What is swept.
    objective : Objective
        How scores read.
    size : int
        Combinations of the grid.
    governor : Governor
        Decides how many threads work, and whether the run ends.
    listener : callable, optional
        Gets a ``Status`` at each call.
    directory : RunDirectory, optional
        Where snapshots and scores are written; None for a run in memory.
    patience : Patience, optional
        Waits for memory that other programs hold once all is swept; what is left of it.
    """

    def __init__(
        self,
        task: Task,
        objective: Objective,
        size: int,
        governor: Governor,
        listener: Listener | None = None,
        directory: RunDirectory | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.task = task
        self.purpose = ""
        """What it is swept for, where task and run do not say all of it: a snapshot of another
        purpose is passed over."""
        self.objective = objective
        self.size = size
        self.governor = governor
        self.listener = listener
        self.directory = directory
        self.decision: Decision | None = None
        """The governor's last one."""
        self.seconds_before = 0.0
        """Seconds of earlier processes on this task."""
        self._schedule = _SnapshotSchedule()
        self._rate = Rate()
        self._began = time.perf_counter()
        self._governor_began = 0.0
        self._fitting_threads = 1
        self._bars_to_finish = 0
        self._was_swept_before = False
        """Whether earlier processes swept all of it."""
        self._compute_checksum: Callable[[], str] = str
        """That of the dataset: a short series without a snapshot does without."""
        self._writer: ScoreWriter | None = None
        self._earlier_degradations: list[dict[str, Any]] = []
        self._nodes: dict[str, NodeReading] | None = None
        """Readings of the nodes of a cluster, if it is one."""
        self._finishing = Demand(0)
        """What is allocated once all is swept."""
        self._is_unsaved = False
        """Whether the last snapshot could not be written."""
        self.patience = patience or Patience(task.name, size, governor, listener)

    @property
    def seconds(self) -> float:
        """Seconds on this task so far, those of earlier processes among them."""
        return self.seconds_before + time.perf_counter() - self._began

    def admitted(
        self, series: PreparedSeries, grid: Grid, spec: SweepSpec
    ) -> AbstractContextManager[None]:
        """Return the context in which the series is swept, refused before memory is used.

        Parameters
        ----------
        series : PreparedSeries
            Prepared for the windows of the grid.
        grid : Grid
            Window sets.
        spec : SweepSpec
            What is computed for each combination.

        Returns
        -------
        context manager
            Entering it raises OptionError if the sweep does not fit into a memory limit.
        """
        return admitted(self.patience.admit, series, grid, spec)

    def begin(self, evaluator: Evaluator, ledger: Ledger, threads: int) -> None:
        """Admit as many threads as fit, and resume from the newest snapshot, if there is one.

        Parameters
        ----------
        evaluator : Evaluator
            Makes the workers; gets a sink where every score is written.
        ledger : Ledger
            Is restored from the snapshot.
        threads : int
            Most threads.

        Raises
        ------
        OptionError
            If not even one thread fits into the memory limit.
        """
        self._began = time.perf_counter()
        self._governor_began = self.governor.seconds
        self._rate.begin(0.0)
        self._open_writer(evaluator)
        self._admit(evaluator, threads)
        if self.directory is not None:
            # now, while there is memory: a tally is merged into it at every snapshot
            ledger.allocate()
            self._resume(self.directory, evaluator, ledger)
        self._schedule.begin(ledger.share)
        self._was_swept_before = ledger.is_complete
        if self._writer is not None and self._writer.dropped is not None:
            evaluator.sink = None

    def _open_writer(self, evaluator: Evaluator) -> None:
        """Make the evaluator write every score, where the run keeps them."""
        if self.directory is None or not self.directory.save_grid:
            return
        path, lanes = self.directory.scores(self.task), evaluator.spec.lanes
        identity = self.directory.header.identify(self.task).checksum
        self._writer = ScoreWriter(
            path, evaluator.dataset, lanes, self.directory.save_grid, identity
        )
        evaluator.sink = self._writer

    def _admit(self, evaluator: Evaluator, threads: int) -> None:
        """Set how many threads fit, beside a tally, and see that the top rows will fit later."""
        dataset, top = evaluator.dataset, evaluator.spec.top
        self._bars_to_finish = top * (dataset.bars + plateau.AS_BARS)
        tally_bytes, worker_bytes = evaluator.tally_bytes, evaluator.worker_bytes
        # a second copy of the maps comes after the workers have gone
        self._fitting_threads = self.patience.admit(tally_bytes, worker_bytes, threads)
        rows_bytes = finishing_bytes(dataset.bars, len(dataset.windows), top)
        self.patience.admit(tally_bytes + rows_bytes)
        self._finishing = Demand(max(tally_bytes, rows_bytes))

    def _resume(self, directory: RunDirectory, evaluator: Evaluator, ledger: Ledger) -> None:
        """Resume from the newest sound snapshot, if there is one."""
        name_dataset = functools.partial(self._name_dataset, evaluator)
        self._compute_checksum = functools.cache(name_dataset)
        if not directory.has_snapshots(self.task):
            return
        checksum = self._compute_checksum()
        about, damaged = directory.load_snapshot(self.task, checksum, ledger)
        origin = "an older one" if about else "the start"
        for message in damaged:
            warn(f"{message} Resuming from {origin}.", stacklevel=2)
        if about is not None:
            self._rate.begin(ledger.share)
            self._restore(about, ledger)

    def _name_dataset(self, evaluator: Evaluator) -> str:
        """Return the checksum of the dataset, and what it is swept for."""
        checksum = evaluator.compute_checksum()
        return f"{checksum} {self.purpose}" if self.purpose else checksum

    def _restore(self, about: dict[str, Any], ledger: Ledger) -> None:
        """Take over what a snapshot says of an earlier process.

        An untrusted one may say anything: what has another type is passed over.
        """
        seconds = about.get("seconds")
        if isinstance(seconds, int | float) and 0 <= seconds < math.inf:
            self.seconds_before = float(seconds)
        degradations = about.get("degradations")
        if isinstance(degradations, list) and all(isinstance(one, dict) for one in degradations):
            self._earlier_degradations = degradations
        if self._writer is not None:
            dropped = about.get("scores_dropped")
            reason = None if dropped is None else printable(dropped)
            self._writer.resume(ledger.done, reason)

    def __call__(
        self, ledger: Ledger, nodes: Mapping[str, NodeReading] | None = None
    ) -> WorkerDirective:
        """Show how far the sweep is, save a snapshot if it is due, and return what workers do.

        Parameters
        ----------
        ledger : Ledger
            What is done.
        nodes : mapping or None
            Readings of the nodes of a cluster by name, if it is one.

        Returns
        -------
        WorkerDirective
            How many threads work from now on.
        """
        decision = self.decision = self.governor.tick()
        self._nodes = None if nodes is None else dict(nodes)
        self._show(ledger)
        if self._writer is not None and not decision.optional_outputs:
            self._writer.drop(decision.reason)
        threads = min(decision.threads, self._fitting_threads)
        if self.directory is not None and self._schedule.is_due(ledger, threads):
            self._save(self.directory, ledger)
        return WorkerDirective(threads, decision.pause, decision.stop is not None)

    def end(self, ledger: Ledger) -> list[dict[str, Any]]:
        """Save the last snapshot, unless all is swept and what is left takes no time.

        Parameters
        ----------
        ledger : Ledger
            What is done; no worker is left.

        Returns
        -------
        list of dict
            What the governor did, in this process and earlier ones.

        Raises
        ------
        Stopped
            If the governor ended the run; UnsavedError where the snapshot could not be written.
        """
        with self._noting_loss():
            self._end(ledger)
        return self._collect_degradations()

    @contextmanager
    def _noting_loss(self) -> Iterator[None]:
        """Make what ends the run say that work is lost, where the last snapshot is not written.

        A signal, such as Ctrl-C, gets a note.
        """
        try:
            yield
        except Stopped as error:
            if self._is_unsaved:
                raise UnsavedError(f"{error} {LOST}") from None
            raise
        except BaseException as error:
            self._add_note(error)
            raise

    def _add_note(self, error: BaseException | None) -> None:
        is_noted = LOST in getattr(error, "__notes__", ())
        if error is not None and self._is_unsaved and not is_noted:
            error.add_note(LOST)

    def _end(self, ledger: Ledger) -> None:
        if self._writer is not None and self._writer.dropped is not None:
            # what threads wrote meanwhile, too: what follows needs the room
            self._writer.drop(self._writer.dropped)
        takes_long = self._bars_to_finish >= LONG_FINISH_BARS
        # an exception on its way, such as Ctrl-C, ends the run although all is swept
        is_needed = not ledger.is_complete or takes_long or sys.exception() is not None
        if self.directory is not None and ledger.done.any() and is_needed:
            self._save(self.directory, ledger, is_last=not ledger.is_complete)
            self._add_note(sys.exception())
        # after what must not be lost: a listener may fail, and fail again
        self._show(ledger, finishing=0.0 if ledger.is_complete and takes_long else None)
        decision = self.decision
        if not ledger.is_complete and decision is not None and decision.stop is not None:
            raise Stopped(f"stopped at {ledger.share:.1%}: {decision.reason}.")
        if ledger.is_complete and sys.exception() is None:
            self._wait_to_finish(ledger)

    def _wait_to_finish(self, ledger: Ledger) -> None:
        """Wait for the memory of the top rows and the result, where others have taken it."""
        try:
            self.patience.admit(*self._finishing)
        except Shortage as shortage:
            demand, reason = shortage.demand, str(shortage)
        except OptionError:  # it was admitted before the sweep, and is refused no more
            return
        else:
            return
        if self.directory is not None:
            self._save(self.directory, ledger)
        self.patience.wait(demand, reason)

    def _collect_degradations(self) -> list[dict[str, Any]]:
        degradations = self._own_degradations()
        if self._writer is not None and self._writer.dropped is not None:
            degradations.append(describe_drop(self._writer.dropped))
        return degradations

    def _own_degradations(self) -> list[dict[str, Any]]:
        """Return what governors did on this task."""
        present = self.governor.degradations_since(self._governor_began)
        return [*self._earlier_degradations, *present]

    def finishing(self, ledger: Ledger, share: float) -> None:
        """Show how far the replay of the top rows is; all is swept.

        Parameters
        ----------
        ledger : Ledger
            All of it is done.
        share : float
            Share of the rows that are replayed.

        Raises
        ------
        Stopped
            If the governor ended the run. A pause does not help here, where nothing can be freed.
        """
        decision = self.decision = self.governor.tick()
        # the same time would stop every process that only has rows to replay
        is_allowed_more = self._was_swept_before and decision.stop == "max_time"
        with self._noting_loss():
            self._show(ledger, share)
            if decision.stop is not None and not is_allowed_more:
                raise Stopped(f"stopped while finishing, all is swept: {decision.reason}.")

    def _show(self, ledger: Ledger, finishing: float | None = None) -> None:
        if self.listener is not None:
            self.listener(self._build_status(ledger, finishing))

    def _build_status(self, ledger: Ledger, finishing: float | None) -> Status:
        decision, nodes = self.decision, self._nodes
        threads, level, reason = 0, "", ""
        if decision is not None:
            threads = min(decision.threads, self._fitting_threads)
            level = decision.level.name.lower()
            reason = decision.reason if decision.level else ""
        if nodes is not None:
            threads = sum(node.threads for node in nodes.values())
        has_best = ledger.best > -math.inf
        best = self.objective.value(ledger.best * self.objective.sign) if has_best else math.nan
        return Status(
            done=round(self.size * ledger.share),
            size=self.size,
            seconds=self.seconds,
            best=best,
            memory=self.governor.memory_used,
            rate=self.size * self._rate.measure(ledger.share),
            name=self.task.name,
            threads=threads,
            level=level,
            limit=self.governor.memory_limit,
            nodes=None if nodes is None else {name: asdict(node) for name, node in nodes.items()},
            finishing=finishing,
            reason=reason,
        )

    def _save(self, directory: RunDirectory, ledger: Ledger, *, is_last: bool = False) -> None:
        """Write a snapshot; where the disk refuses it, the run goes on without."""
        ledger.check()
        about = {
            **identify(self.task, self._compute_checksum()),
            "seconds": self.seconds,
            "degradations": self._own_degradations(),
            "scores_dropped": None if self._writer is None else self._writer.dropped,
        }
        began = time.perf_counter()
        try:
            directory.save_snapshot(about, ledger)
            self._is_unsaved = False
        except OSError as error:
            self._is_unsaved = True
            end = f". {LOST}" if is_last else "; the last one is untouched, and the run continues."
            reason = error.strerror or error
            warn(f"no snapshot could be written ({reason}){end}", stacklevel=2)
        self._schedule.record(time.perf_counter() - began)


class _SnapshotSchedule:
    """When snapshots are due: every ten seconds, and less often where they take long.

    A process that is killed within seconds, again and again, must gain something each time. So the
    first one is due a second after the start, and the intervals grow from there. What early ones
    cost beyond ``SNAPSHOT_COST``, the rest of the run makes up for.
    """

    def __init__(self) -> None:
        self._began = self._saved = self._called = 0.0
        self._interval, self._early_interval = SNAPSHOT_SECONDS, FIRST_SECONDS
        self._first_share = 0.0
        self._spent = self._last = 0.0
        self._has_called = False

    def begin(self, share: float) -> None:
        """Begin to count, from a share that is done already."""
        self._began = self._saved = time.perf_counter()
        self._first_share = share

    def is_due(self, ledger: Ledger, threads: int) -> bool:
        """Whether to save now; workers are first called in to settle, and waited for a while."""
        now = time.perf_counter()
        late = now - self._saved - self._interval
        if not self._has_called:
            if late < 0 and not self._is_early_due(now, ledger.share):
                return False
            ledger.request_settlement()
            self._has_called, self._called = True, now
        if len(ledger.settled_by) >= threads or late > CALL_SECONDS:
            return True
        # an early one waits for one worker at least: else there may be nothing new
        return bool(ledger.settled_by) and now - self._called > CALL_SECONDS

    def _is_early_due(self, now: float, share: float) -> bool:
        """Whether one is due although the usual interval is not over.

        There must be something to save, and a while to go, as far as that is known.
        """
        swept = share - self._first_share
        if swept <= 0 or now - self._saved < self._early_interval:
            return False
        elapsed = now - self._began
        expected = elapsed * (1 - self._first_share) / swept
        allowed = min(EARLY_COST * elapsed, SNAPSHOT_COST / 2 * expected)
        return expected - elapsed >= LEAST_LEFT_SECONDS and self._spent + self._last <= allowed

    def record(self, seconds: float) -> None:
        """Set when the next snapshot is due, after one that took so long."""
        self._saved = time.perf_counter()
        self._has_called = False
        self._spent += seconds
        self._last = seconds
        # then one more, as long as the last, will be within the cost
        due = self._began + (self._spent + seconds) / SNAPSHOT_COST
        self._interval = max(SNAPSHOT_SECONDS, due - self._saved)
        self._early_interval *= 2
