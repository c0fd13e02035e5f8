"""Many series side by side: each thread has a few swept, one after the other, and takes more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from qmac.errors import Stopped, UnsavedError
from qmac.jobs.monitor import LOST
from qmac.jobs.series_progress import SeriesProgress
from qmac.runs.tasks import Task
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import Part, PartQueue, run_parts
from qmac.runtime.resources.governor import Governor

SEQUENCE = "batches"


class LostSeriesError(Stopped):
    """A series that ended the processes that swept it: the run must not go on to it again."""


class SideBySide:
    """Series that are swept side by side, and the monitor of their threads.

    Each sweep has a monitor of its own, which saves its snapshots. This one, on the thread that
    waits, shows progress for all of them.

    Parameters
    ----------
    batches : sequence of list of Task
        The longest series first: what is begun last is short, so threads end together.
    sweep : callable
        Sweeps those of a batch and stores their results; the flag ends it.
    governor : Governor
        Of all sweeps; it may be called from each thread.
    progress : SeriesProgress
        Knows how far all are; shown about ten times a second.
    """

    def __init__(
        self,
        batches: Sequence[list[Task]],
        sweep: Callable[[list[Task], np.ndarray], None],
        governor: Governor,
        progress: SeriesProgress,
    ) -> None:
        self._batches = batches
        self._sweep = sweep
        self._governor = governor
        self._progress = progress
        self._stops: list[Stopped] = []
        self._queue = _BatchQueue(len(batches), self._end)

    def run(self, threads: int) -> float:
        """Sweep all of them, but for those that do not fit beside others.

        Parameters
        ----------
        threads : int
            How many batches are swept at a time.

        Returns
        -------
        float
            Seconds that a series takes.

        Raises
        ------
        Stopped
            If a limit ended it; UnsavedError where a snapshot could not be written.
        """
        began = time.perf_counter()
        try:
            run_parts(self._queue, self._compute, threads, self._monitor)
        except BaseException as error:
            if any(isinstance(stop, UnsavedError) for stop in self._stops):
                error.add_note(LOST)
            raise
        if not self._queue.is_complete:
            raise self._choose_stop()
        return (time.perf_counter() - began) * threads / sum(map(len, self._batches))

    def _compute(self, part: Part, stop: np.ndarray) -> float | None:
        """Sweep the series of a batch, until the flag is set at most."""
        try:
            self._sweep(self._batches[part.number], stop)
        except Stopped as error:
            self._stops.append(error)
            return None
        return 1.0

    def _monitor(self) -> WorkerDirective:
        """Show how far all are, and return what threads do."""
        decision = self._governor.tick()
        self._progress.show()
        is_ended = decision.stop is not None or bool(self._stops)
        return WorkerDirective(decision.threads, decision.pause, is_ended)

    def _end(self) -> None:
        """End the sweeps under way, each with a snapshot."""
        self._governor.stop("the run was ended while others were swept beside it")

    def _choose_stop(self) -> Stopped:
        """Return why the run ended, and how far all symbols are; what is lost counts most."""
        for kind in (UnsavedError, LostSeriesError):
            for stop in self._stops:
                if isinstance(stop, kind):
                    return stop
        self._progress.show()  # what threads did last
        reason = self._governor.tick().reason
        return Stopped(f"stopped at {self._progress.share:.1%} of all symbols: {reason}.")


class _BatchQueue(PartQueue):
    """Numbers of batches; one that is closed too early ends what is under way."""

    def __init__(self, count: int, end: Callable[[], None]) -> None:
        super().__init__({SEQUENCE: lambda _: False}, {SEQUENCE: count})
        self._end_others = end

    def close(self) -> None:
        """Hand out no more batches."""
        if not self.is_complete:
            self._end_others()
        super().close()
