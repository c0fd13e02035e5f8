"""What a driver counts, of cells or of parts: which leases there are, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from qmac.engine.sweep.evaluator import Evaluator
from qmac.runtime.cluster.leases import Leases, LeaseTerms
from qmac.runtime.cluster.messages import Accept, Grant
from qmac.runtime.cluster.part_sweeper import PartLayout
from qmac.runtime.cluster.payloads import CellPayload, PartPayload, Payload
from qmac.runtime.execution.ledger import Batch, Ledger
from qmac.runtime.execution.parts import Part, PartQueue, PartWork

PART_LEASE_SECONDS = 2.0
"""Of a lease of parts. What a sequence needs no more is known sooner, and less is lost with a
driver; leases follow each other on a node without a gap, so short ones cost little."""
PACKED_LEASE_SECONDS = 0.5
"""Of a lease of parts with inputs: these and the results of a few leases lie in memory."""


class Account(Protocol):
    """Counts what nodes sweep."""

    @property
    def payload(self) -> Payload:
        """What each node is sent once."""

    def build_leases(self) -> Leases: ...

    def load(self, action: Grant, /) -> Grant: ...

    def settle(self, action: Accept, /) -> list[Batch]: ...

    def note_swept(self, work: int, /) -> None: ...

    def conclude(self, failed: Mapping[int, str], /) -> None: ...


class CellAccount:
    """The cells of a dataset, whose tallies are merged into a ledger.

    Parameters
    ----------
    evaluator : Evaluator
        The dataset and its spec.
    ledger : Ledger
        Which cells are done.
    """

    def __init__(self, evaluator: Evaluator, ledger: Ledger) -> None:
        self.payload: Payload = CellPayload(evaluator)
        self._ledger = ledger

    def build_leases(self) -> Leases:
        """Return the leases of what is left.

        Returns
        -------
        Leases
            None of them is out.
        """
        return Leases(self._ledger.work, self._ledger.done)

    def load(self, action: Grant) -> Grant:
        """Return a lease as it is: nodes have all that they need.

        Parameters
        ----------
        action : Grant
            The lease.

        Returns
        -------
        Grant
            The same.
        """
        return action

    def settle(self, action: Accept) -> list[Batch]:
        """Count a result.

        Parameters
        ----------
        action : Accept
            The result, and its cells.

        Returns
        -------
        list of tuple
            Cells that are needed no more: none.
        """
        tally = action.result.tally
        self._ledger.settle(tally, action.cells)
        best = float(tally.heap.scores.max(initial=-float("inf")))
        for batch in action.cells:
            self._ledger.record_swept(batch, best)
        return []

    def note_swept(self, work: int) -> None:
        """Take in what nodes have swept and not sent.

        Parameters
        ----------
        work : int
            Of their current leases.
        """
        self._ledger.swept_elsewhere = work

    def conclude(self, failed: Mapping[int, str]) -> None:
        """Take in which cells were given up.

        Parameters
        ----------
        failed : mapping of int to str
            Cells, and why.
        """
        self._ledger.swept_elsewhere = 0
        self._ledger.failed = dict(failed)


class PartAccount:
    """Numbered parts, whose values are counted in order by a queue.

    Parameters
    ----------
    work : PartWork
        Does parts, and can be sent.
    queue : PartQueue
        Which parts are done.
    pack : callable, optional
        Returns what a part needs beside the work, which is sent with its lease.
    """

    def __init__(
        self, work: PartWork, queue: PartQueue, pack: Callable[[Part], bytes] | None = None
    ) -> None:
        self._layout = PartLayout(dict(queue.counts))
        self.payload: Payload = PartPayload(work, self._layout)
        self._most_seconds = work.most_seconds
        self._queue = queue
        self._ended = queue.ended
        self._pack = pack

    def build_leases(self) -> Leases:
        """Return the leases of what is left.

        Returns
        -------
        Leases
            None of them is out.
        """
        layout = self._layout
        is_done = [not self._queue.is_open(layout.find_part(k)) for k in range(layout.size)]
        seconds = PART_LEASE_SECONDS if self._pack is None else PACKED_LEASE_SECONDS
        terms = LeaseTerms(seconds, self._most_seconds, fills_threads=True)
        return Leases(np.ones(layout.size, np.int64), np.array(is_done), layout.starts, terms)

    def load(self, action: Grant) -> Grant:
        """Return a lease with what its parts need.

        Parameters
        ----------
        action : Grant
            The lease.

        Returns
        -------
        Grant
            With inputs, if parts need any.
        """
        if self._pack is None:
            return action
        lease = action.lease
        parts = map(self._layout.find_part, range(lease.first, lease.last))
        return Grant(replace(lease, inputs=tuple(map(self._pack, parts))))

    def settle(self, action: Accept) -> list[Batch]:
        """Count values.

        Parameters
        ----------
        action : Accept
            The values, and the places of their parts.

        Returns
        -------
        list of tuple
            Places of the parts of sequences that have ended with them.

        Raises
        ------
        InternalError
            If a value is missing, or is none.
        """
        for place in (place for batch in action.cells for place in range(*batch)):
            part, value = self._layout.find_part(place), action.result.values.get(place)
            self._queue.check(part, value, action.lease.node)
            self._queue.record(part, value)
        ended = self._queue.ended - self._ended
        self._ended |= ended
        return [self._layout.find_span(sequence) for sequence in ended]

    def note_swept(self, work: int) -> None:
        """Take in what nodes have done and not sent.

        Parameters
        ----------
        work : int
            Parts of their current leases.
        """
        self._queue.swept_elsewhere = work

    def conclude(self, failed: Mapping[int, str]) -> None:
        """Give up what failed on every node.

        Parameters
        ----------
        failed : mapping of int to str
            Places, and why.

        Raises
        ------
        Stopped
            If it is needed.
        """
        self._queue.swept_elsewhere = 0
        for place, why in failed.items():
            self._queue.give_up(self._layout.find_part(place), why)
