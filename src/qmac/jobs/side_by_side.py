"""Many series side by side: each thread prepares, sweeps and finishes one alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from qmac.errors import OptionError, Stopped, UnsavedError
from qmac.jobs.monitor import LOST
from qmac.runs.tasks import Task
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import Part, PartQueue, run_parts
from qmac.runtime.monitoring.status import JobProgress, Listener, Status
from qmac.runtime.resources.governor import Governor

SEQUENCE = "series"


class LostSeriesError(Stopped):
    """A series that ended the processes that swept it: the run must not go on to it again."""


class SideBySide:
    """Series that are swept side by side, and the monitor of their threads.

    Each sweep has a monitor of its own, which saves its snapshots. This one, on the thread that
    waits, shows progress for all of them.

    Parameters
    ----------
    tasks : sequence of Task
        The longest first: what is begun last is short, so threads end together.
    sweep : callable
        Sweeps one of them on the calling thread and stores its result, with a listener to its
        statuses and a flag that ends it.
    governor : Governor
        Of all sweeps; it may be called from each thread.
    progress : JobProgress
        Knows how far all symbols are; gets a ``Status`` about ten times a second.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        sweep: Callable[[Task, Listener, np.ndarray], None],
        governor: Governor,
        progress: JobProgress,
    ) -> None:
        self._tasks = tasks
        self._sweep = sweep
        self._governor = governor
        self._progress = progress
        self._statuses: dict[str, Status] = {}
        """The last ones of the series under way, by name."""
        self._last: deque[Status] = deque()
        """Those of series that have ended, and are to be shown."""
        self._rate = 0.0
        """Of the last series that ended: one that begins has none yet."""
        self._stops: list[Stopped] = []
        self._queue = _SeriesQueue(len(tasks), self._end)

    def run(self, threads: int) -> float:
        """Sweep all of them, but for those that do not fit beside others.

        Parameters
        ----------
        threads : int
            How many are swept at a time.

        Returns
        -------
        float
            Seconds that one takes.

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
        return (time.perf_counter() - began) * threads / len(self._tasks)

    def _compute(self, part: Part, stop: np.ndarray) -> float | None:
        """Sweep a series, until the flag is set at most."""
        name = self._tasks[part.number].name
        try:
            self._sweep(self._tasks[part.number], self._listen, stop)
        except OptionError:  # not beside the others
            return 0.0
        except Stopped as error:
            self._stops.append(error)
            return None
        finally:
            if name in self._statuses:
                last = self._statuses.pop(name)
                self._last.append(last)
                self._rate = last.rate or self._rate
        self._progress.end(name)
        return 1.0

    def _listen(self, status: Status) -> None:
        if status.name not in self._statuses:
            self._progress.restore(status.name, status.share)
            status = replace(status, rate=status.rate or self._rate)
        self._statuses[status.name] = status

    def _monitor(self) -> WorkerDirective:
        """Show how far all are, and return what threads do."""
        decision = self._governor.tick()
        self._show()
        is_ended = decision.stop is not None or bool(self._stops)
        return WorkerDirective(decision.threads, decision.pause, is_ended)

    def _show(self) -> None:
        """Show each series that has ended, then those under way."""
        for _ in range(len(self._last)):
            self._progress.show_together(list(self._statuses.values()), self._last.popleft())
        statuses = list(self._statuses.values())
        if statuses:
            self._progress.show_together(statuses)

    def _end(self) -> None:
        """End the sweeps under way, each with a snapshot."""
        self._governor.stop("the run was ended while others were swept beside it")

    def _choose_stop(self) -> Stopped:
        """Return why the run ended, and how far all symbols are; what is lost counts most."""
        for kind in (UnsavedError, LostSeriesError):
            for stop in self._stops:
                if isinstance(stop, kind):
                    return stop
        self._show()  # what threads did last
        reason = self._governor.tick().reason
        return Stopped(f"stopped at {self._progress.share:.1%} of all symbols: {reason}.")


class _SeriesQueue(PartQueue):
    """Numbers of series; one that is closed too early ends what is under way."""

    def __init__(self, count: int, end: Callable[[], None]) -> None:
        super().__init__({SEQUENCE: lambda _: False}, {SEQUENCE: count})
        self._end_others = end

    def close(self) -> None:
        """Hand out no more series."""
        if not self.is_complete:
            self._end_others()
        super().close()
