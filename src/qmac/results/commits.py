"""Results reach the disk while others are swept: a thread waits for it, and no sweep does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from qmac.errors import WriteError
from qmac.results.writer import StagedResult, commit_results, drop_staged
from qmac.runs.tasks import Task
from qmac.storage.refusals import describe_refusal

SYNCED_AT_ONCE = 8
"""Files that are synced side by side: of 30 each took 0.3 ms, one after the other 6.6 (ext4)."""
MOST_PENDING = 64
"""Results that may wait for the disk; then the next one waits for them."""


class _Pending(NamedTuple):
    staged: StagedResult
    task: Task


class Commits:
    """Makes staged results durable, as many together as there are meanwhile.

    A result is none until it is committed: whatever ends the process before, its series is swept
    again, from the last snapshot where there is one.

    Parameters
    ----------
    listener : callable
        Called with each task whose result is durable, on the committing thread.
    """

    def __init__(self, listener: Callable[[Task], None]) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []
        self._running: Future[None] | None = None
        """The commits under way; where they failed, those for ever."""
        self._committer = ThreadPoolExecutor(1)
        self._syncers = ThreadPoolExecutor(SYNCED_AT_ONCE)

    def add(self, staged: StagedResult, task: Task) -> None:
        """Commit a result, soon.

        Parameters
        ----------
        staged : StagedResult
            What ``stage_result`` returned.
        task : Task
            Whose result.

        Raises
        ------
        WriteError
            If the disk has refused this one or one before.
        """
        with self._lock:
            self._pending.append(_Pending(staged, task))
            if self._running is None:
                self._running = self._committer.submit(self._commit)
            running, is_full = self._running, len(self._pending) > MOST_PENDING
        if is_full or running.done():
            running.result()

    def flush(self) -> None:
        """Return once all that was added is durable.

        Raises
        ------
        WriteError
            If the disk refused it.
        """
        with self._lock:
            running = self._running
        if running is not None:
            running.result()

    def close(self) -> None:
        """Commit what is left, and end the threads; what could not be committed is removed."""
        with suppress(WriteError):  # it was raised where a result was added, or is by ``flush``
            self.flush()
        self._committer.shutdown()
        self._syncers.shutdown()
        for pending in self._pending:
            drop_staged(pending.staged)

    def _commit(self) -> None:
        """Commit batch after batch until nothing is left."""
        while batch := self._take():
            staged = [pending.staged for pending in batch]
            try:
                commit_results(staged, self._syncers.map)
            except OSError as error:
                for one in staged:
                    drop_staged(one)
                raise WriteError(str(describe_refusal(staged[0].directory, error))) from None
            for pending in batch:
                self._listener(pending.task)

    def _take(self) -> list[_Pending]:
        with self._lock:
            batch, self._pending = self._pending, []
            if not batch:
                self._running = None
            return batch
