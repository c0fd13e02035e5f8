"""Cells that no node sweeps: what became of earlier leases of them, and how leases are cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from qmac.runtime.execution.ledger import Batch

MOST_FAILURES = 2
"""A lease that failed so often is halved, down to the cell that fails."""
MOST_LOSSES, MOST_LOSSES_OF_A_CELL = 3, 8
"""A lease whose nodes were lost so often is halved, for it may be what ends them; a cell is given
up."""


@dataclass(frozen=True)
class Piece:
    """Adjacent free cells, and what became of leases of them."""

    first: int
    last: int
    failures: int = 0
    losses: int = 0
    tried: frozenset[str] = frozenset()
    """Nodes on which a lease of them failed."""
    returned: bool = False
    """Whether they were leased, and came back unswept."""

    @property
    def size(self) -> int:
        """Cells."""
        return self.last - self.first

    def halve(self) -> list[Piece]:
        """Return two pieces, of which nothing is known but that they came back.

        Returns
        -------
        list of Piece
            Lower and upper half.
        """
        middle = (self.first + self.last) // 2
        return [
            Piece(self.first, middle, returned=True),
            Piece(middle, self.last, returned=True),
        ]


@dataclass(frozen=True)
class Applicant:
    """A node that can take a lease."""

    node: str
    able: AbstractSet[str]
    """All nodes that can take one now or soon, this one included."""
    amount: Callable[[], float]
    """Work that its lease should hold."""
    returned_only: bool = False
    """Whether it is offered only cells that came back unswept, but not as a failure."""


class FreeCells:
    """All cells of a dataset that are neither done nor leased.

    Parameters
    ----------
    work : ndarray
        Steps of each cell, ``(C,)``.
    done : ndarray
        Cells that are done, ``(C,)`` of bool.
    starts : sequence of int
        Cells with which a sequence begins; no lease has cells of two. Cells that were never leased
        are leased from each sequence in turn.
    """

    def __init__(self, work: np.ndarray, done: np.ndarray, starts: Sequence[int] = (0,)) -> None:
        self.pieces = [
            Piece(start + first, start + last)
            for start, end in itertools.pairwise([*starts, done.size])
            for first, last in find_ranges(~done[start:end])
        ]
        """In the order in which they are leased."""
        self.failed: dict[int, str] = {}
        """Cells that were given up, and why."""
        self._work_before = np.concatenate(([0], np.cumsum(work)))  # (C + 1,) of all cells before
        self._waived: list[Batch] = []

    @property
    def count(self) -> int:
        """Cells of the dataset, free or not."""
        return self._work_before.size - 1

    @property
    def total_work(self) -> float:
        """Work of all cells of the dataset, free or not."""
        return self._work_before[-1]  # type: ignore[no-any-return]

    @property
    def work(self) -> int:
        """Work of all free cells."""
        return sum(self.compute_work(piece.first, piece.last) for piece in self.pieces)

    def compute_work(self, first: int, last: int) -> int:
        """Return the work of some cells.

        Parameters
        ----------
        first, last : int
            Cells from ``first`` to before ``last``.

        Returns
        -------
        int
            Steps.
        """
        return int(self._work_before[last] - self._work_before[first])

    # -- cells that come back

    def put_back(self, pieces: list[Piece]) -> None:
        """Take cells back of which nothing bad is known; they are leased next.

        Parameters
        ----------
        pieces : list of Piece
            In order.
        """
        returned = [replace(piece, returned=True) for piece in pieces if not self.is_waived(piece)]
        self.pieces = returned + self.pieces

    def put_back_failed(self, piece: Piece, node: str, why: str) -> None:
        """Take cells back whose lease ended with an error.

        Parameters
        ----------
        piece : Piece
            The cells.
        node : str
            Where it failed; another node tries next.
        why : str
            The error.
        """
        failures = piece.failures + 1
        piece = replace(piece, failures=failures, tried=piece.tried | {node})
        self._retry_or_halve(piece, why, may_retry=failures < MOST_FAILURES)

    def put_back_lost(self, piece: Piece, why: str) -> None:
        """Take cells back whose node was lost while it swept them.

        Parameters
        ----------
        piece : Piece
            The cells.
        why : str
            Why the node was lost.
        """
        losses = piece.losses + 1
        most = MOST_LOSSES_OF_A_CELL if piece.size == 1 else MOST_LOSSES
        reason = f"{losses} nodes were lost with it: {why}"
        self._retry_or_halve(replace(piece, losses=losses), reason, may_retry=losses < most)

    def _retry_or_halve(self, piece: Piece, why: str, *, may_retry: bool) -> None:
        if may_retry:
            self.put_back([piece])
        elif piece.size > 1:
            self.put_back(piece.halve())
        elif not self.is_waived(piece):
            self.failed[piece.first] = why

    # -- cells that are needed no more

    def waive(self, first: int, last: int) -> None:
        """Lease some cells no more, also when they come back.

        Parameters
        ----------
        first, last : int
            All cells of a sequence.
        """
        self._waived.append((first, last))
        self.pieces = [piece for piece in self.pieces if not self.is_waived(piece)]
        self.failed = {cell: why for cell, why in self.failed.items() if not first <= cell < last}

    def is_waived(self, cells: Piece) -> bool:
        """Return whether cells are needed no more.

        Parameters
        ----------
        cells : Piece
            Of one sequence.

        Returns
        -------
        bool
            For all of them.
        """
        return any(first <= cells.first < last for first, last in self._waived)

    # -- cells that go out

    def cut(self, applicant: Applicant) -> Piece | None:
        """Take cells out for a node.

        Parameters
        ----------
        applicant : Applicant
            The node.

        Returns
        -------
        Piece or None
            None if there are none for it.
        """
        for place, piece in enumerate(self.pieces):
            if not _is_for(piece, applicant):
                continue
            last = self._find_end(piece, applicant.amount)
            rest = [replace(piece, first=last)] if last < piece.last else []
            if piece.returned:
                self.pieces[place : place + 1] = rest
            else:  # the next lease is of another sequence, so that all end at about the same time
                self.pieces[place : place + 1] = []
                self.pieces += rest
            return replace(piece, last=last)
        return None

    def _find_end(self, piece: Piece, amount: Callable[[], float]) -> int:
        """Return where a lease of some cells ends."""
        if piece.failures:  # what may be bad is cut by halving only
            return piece.last
        limit = self._work_before[piece.first] + amount()
        end = int(np.searchsorted(self._work_before, limit, "right")) - 1
        return min(max(end, piece.first + 1), piece.last)


def _is_for(piece: Piece, applicant: Applicant) -> bool:
    """Return whether a node may lease some cells."""
    if applicant.returned_only and (not piece.returned or piece.failures):
        # a failure can wait: where one node fails every lease, another would come to hold all
        return False
    others_can_try = not applicant.able <= piece.tried
    return not (applicant.node in piece.tried and others_can_try)


def find_ranges(cells: np.ndarray) -> list[Batch]:
    """Return the runs of True.

    Parameters
    ----------
    cells : ndarray
        ``(C,)`` of bool.

    Returns
    -------
    list of tuple
        First cell of each run, and the one after its last.

    Examples
    --------
    >>> find_ranges(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    padded = np.concatenate(([False], cells, [False]))
    edges = np.flatnonzero(np.diff(padded.astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
