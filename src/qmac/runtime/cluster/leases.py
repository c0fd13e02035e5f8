"""Who sweeps which cells of a dataset: leases to nodes, as a pure state machine.

``step(event, now) -> actions`` has no clock, no thread and no network, so that tests can put it
through everything that a cluster can do. A lease is a range of cells with a number that is never
used again on its dataset. What counts is what comes back under a number that is still out: results
that come twice, or after their cells were leased to another, are rejected. So no cell is counted
twice, whatever a network, a scheduler or a worker that was given up does, and none is lost, for a
lease ends in one of three ways::

    granted --Done-----------------------> accepted, cells that were not swept are free again
            --Failed---------------------> tried on another node; then halved, down to the cell
            --node lost, or past its due-> free again

A node is lost when it says so, or has not answered for ``SILENCE_SECONDS`` though it is pinged
every ``PING_SECONDS``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qmac.runtime.cluster.free_cells import Applicant, FreeCells, Piece, find_ranges
from qmac.runtime.cluster.messages import (
    Accept,
    Action,
    Done,
    Drop,
    Event,
    Expel,
    Failed,
    Grant,
    Heard,
    Joined,
    Lease,
    Lost,
    Ping,
    Recall,
    Reject,
    Tick,
)

LEASE_SECONDS = 10.0
LEAST_SECONDS = 0.5
"""Work of a lease for its node; less near the end, and where nodes are lost often."""
LEASES_A_LOSS = 4
"""At least so many leases between two losses of nodes, or most work would be lost with them."""
IN_FLIGHT = 2
"""Leases of a node: one is swept, one waits, so that no node waits for the driver. Cells that came
back unswept, but not as a failure, are granted beyond it, at once, to the nodes that will be free
first: they would wait for up to two leases of seconds."""
FIRST_SHARE, FIRST_CELLS = 64, 2
"""The first lease of a node, whose speed is unknown, is such a part of what is left for each, and
so many cells a thread at most: where nodes die often, each begins with one."""
PING_SECONDS = 2.0
"""What a node answers is also what a bar shows of it."""
SILENCE_SECONDS = 11.0
"""Without an answer for so long a node is lost."""
STUCK_SECONDS = 30.0
"""A lease on which nothing was swept for so long, or three times as long as it was to take, is past
its due."""
PAUSE_SECONDS = 120.0
"""A node that pauses keeps its lease for so long, and what failed elsewhere waits for it."""
STALL_SECONDS = 3.0
"""Without a tick for so long it was the driver that stood still, and no node is to blame."""
RETURN_SECONDS = 10.0
"""A lease that is swept must be back after so long."""


@dataclass(frozen=True)
class LeaseTerms:
    """How long the leases of a dataset are."""

    seconds: float = field(default_factory=lambda: LEASE_SECONDS)
    """Longest lease."""
    stuck_seconds: float = field(default_factory=lambda: STUCK_SECONDS)
    """A lease on which nothing was swept for so long is past its due."""
    fills_threads: bool = False
    """Whether each has a cell for each thread of its node, which sweeps it alone."""


@dataclass
class _Outstanding:
    """A lease that a node holds."""

    lease: Lease
    piece: Piece
    work: int
    due: float = math.inf  # from when it is the current one
    swept: int = 0


@dataclass
class _Node:
    """What is known of a node."""

    threads: int
    heard: float
    pinged: float
    speed: float = 0.0  # work a second; 0 until its first lease is done
    recalled: bool = False
    paused: float | None = None  # since when
    leases: list[_Outstanding] = field(default_factory=list)  # the current one first
    reading: Any = None

    @property
    def busy_seconds(self) -> float:
        """Time until it has swept what it holds."""
        return sum(each.work - each.swept for each in self.leases) / self.speed

    def rests_at(self, now: float) -> bool:
        """Return whether it pauses, and may."""
        return self.paused is not None and now - self.paused < PAUSE_SECONDS

    def learn_speed(self, work: int, seconds: float) -> None:
        """Take a lease into account that took so long."""
        if seconds > 0 and work:
            speed = work / seconds
            self.speed = (self.speed + speed) / 2 if self.speed else speed

    def renew_due(self, now: float, stuck_seconds: float) -> None:
        """Let the current lease be past its due if from now on nothing happens for a while."""
        if not self.leases:
            return
        current = self.leases[0]
        if current.swept >= current.work:
            patience = RETURN_SECONDS
        else:
            expected = current.work / self.speed if self.speed else 0.0
            patience = max(stuck_seconds, 3 * expected)
        current.due = now + patience


class Leases:
    """All leases of one dataset.

    Parameters
    ----------
    work : ndarray
        Steps of each cell, ``(C,)``.
    done : ndarray
        Cells that are done, ``(C,)`` of bool.
    starts : sequence of int
        Cells with which a sequence begins; no lease has cells of two.
    terms : LeaseTerms, optional
        How long leases are.
    """

    def __init__(
        self,
        work: np.ndarray,
        done: np.ndarray,
        starts: Sequence[int] = (0,),
        terms: LeaseTerms | None = None,
    ) -> None:
        self.free = FreeCells(work, done, starts)
        self._terms = terms or LeaseTerms()
        self.late = 0
        """Results that were rejected."""
        self.lost = 0
        """Nodes that were lost."""
        self._nodes: dict[str, _Node] = {}
        self._number = 0
        self._is_held = self._is_stopped = False
        self._began: float | None = None
        self._ticked = 0.0

    @property
    def failed(self) -> dict[int, str]:
        """Cells that cannot be swept, and why."""
        return self.free.failed

    @property
    def is_finished(self) -> bool:
        """Whether all is done or given up; or, after a stop, no lease is out."""
        return not self.outstanding and (self._is_stopped or not self.free.pieces)

    @property
    def outstanding(self) -> list[Lease]:
        """Leases that are out."""
        return [each.lease for node in self._nodes.values() for each in node.leases]

    @property
    def readings(self) -> dict[str, Any]:
        """The last reading of each node, None before its first."""
        return {name: node.reading for name, node in self._nodes.items()}

    @property
    def threads(self) -> int:
        """Threads of all nodes."""
        return sum(node.threads for node in self._nodes.values())

    @property
    def swept_work(self) -> int:
        """Work that is swept but not accepted."""
        return sum(each.swept for node in self._nodes.values() for each in node.leases)

    def step(self, event: Event, now: float) -> list[Action]:
        """Take an event in.

        Parameters
        ----------
        event : Event
            What happened.
        now : float
            Seconds of a clock that never goes back.

        Returns
        -------
        list of Action
            What is to be done, in order.
        """
        if self._began is None:
            self._began = self._ticked = now
        actions: list[Action] = []
        match event:
            case Joined():
                actions = self._lose(event.node, "it joined anew")
                self._nodes[event.node] = _Node(event.threads, now, pinged=-math.inf)
            case Lost():
                actions = self._lose(event.node, event.why)
            case Heard():
                self._hear(event, now)
            case Done() | Failed():
                actions = self._take_back(event, now)
            case Tick():
                actions = self._tick(event, now)
        return actions + self._grant_all(now)

    # -- answers

    def _hear(self, event: Heard, now: float) -> None:
        node = self._nodes.get(event.node)
        if node is None:
            return
        node.heard, node.reading = now, event.reading
        if not event.paused:
            node.paused = None
        elif node.paused is None:
            node.paused = now
        # leases may reach a node in another order: the one that it sweeps becomes the first
        node.leases.sort(key=lambda each: each.lease.number != event.number)
        if not node.leases:
            return
        current = node.leases[0]
        is_current = event.number == current.lease.number
        swept = min(event.swept, current.work) if is_current else 0
        has_moved = swept > current.swept or current.due == math.inf
        if has_moved or node.rests_at(now):
            current.swept = max(current.swept, swept)
            node.renew_due(now, self._terms.stuck_seconds)

    def _take_back(self, event: Done | Failed, now: float) -> list[Action]:
        ended = self._end_lease(event.node, event.number, now)
        if ended is None:
            self.late += 1
            return [Reject(event.node, event.number)]
        if isinstance(event, Failed):
            self.free.put_back_failed(ended.piece, event.node, event.why)
            return []
        return self._take_result(ended.lease, event)

    def _take_result(self, lease: Lease, event: Done) -> list[Action]:
        swept = sum(self.free.compute_work(first, last) for first, last in event.cells)
        self._nodes[event.node].learn_speed(swept, event.seconds)
        missing = _find_missing(lease, event)
        self.free.put_back(missing)
        if not event.cells:
            return []
        return [Accept(lease, event.cells, event.result)]

    def _end_lease(self, name: str, number: int, now: float) -> _Outstanding | None:
        """Return a lease, which is out no more; None if it was not."""
        node = self._nodes.get(name)
        if node is None:
            return None
        node.heard = now
        ended = next((each for each in node.leases if each.lease.number == number), None)
        if ended is not None:
            node.leases.remove(ended)
            node.renew_due(now, self._terms.stuck_seconds)
        return ended

    def waive(self, first: int, last: int) -> list[Action]:
        """Lease the cells of a sequence no more: what others have brought is enough.

        Parameters
        ----------
        first, last : int
            All of its cells.

        Returns
        -------
        list of Action
            What is to be done, in order.
        """
        self.free.waive(first, last)
        return [
            Drop(lease.node, lease.number)
            for lease in self.outstanding
            if first <= lease.first < last
        ]

    # -- time

    def _tick(self, event: Tick, now: float) -> list[Action]:
        self._is_held = event.hold
        self._is_stopped = self._is_stopped or event.stop
        self._excuse_stall(now)
        actions: list[Action] = []
        for name, node in list(self._nodes.items()):
            why = _find_fault(node, now)
            if why:
                actions += self._lose(name, why)
                continue
            if now - node.pinged >= PING_SECONDS:
                node.pinged = now
                actions.append(Ping(name))
            if self._is_stopped and not node.recalled:
                node.recalled = True
                actions.append(Recall(name))
        return actions

    def _excuse_stall(self, now: float) -> None:
        """Blame no node for silence while the driver stood still: Ctrl-Z, a disk that hangs."""
        stall = now - self._ticked
        self._ticked = now
        if stall <= STALL_SECONDS:
            return
        for node in self._nodes.values():
            node.heard = max(node.heard, min(now, node.heard + stall))
            node.pinged = -math.inf
            if node.leases:
                node.leases[0].due += stall

    def _lose(self, name: str, why: str) -> list[Action]:
        """Free what a node held, and give it up; nothing if it is unknown."""
        node = self._nodes.pop(name, None)
        if node is None:
            return []
        self.lost += 1
        self.free.put_back([waiting.piece for waiting in node.leases[1:]])
        if node.leases:
            self.free.put_back_lost(node.leases[0].piece, why)
        return [Expel(name, why)]

    # -- grants

    def _grant_all(self, now: float) -> list[Action]:
        """Grant what can be granted."""
        if self._is_held or self._is_stopped:
            return []
        actions: list[Action] = []
        for wanted in range(1, IN_FLIGHT + 1):  # one for each before a second for any
            for name, node in self._nodes.items():
                most = wanted if node.speed else 1
                if node.paused is None and len(node.leases) < most:
                    actions += self._grant(name, now)
        while True:
            granted = self._grant_returned(now)
            if not granted:
                return actions
            actions += granted

    def _grant_returned(self, now: float) -> list[Action]:
        """Grant cells that came back unswept to the node that will be free first."""
        ready = [name for name, node in self._nodes.items() if node.speed and node.paused is None]
        for name in sorted(ready, key=lambda name: self._nodes[name].busy_seconds):
            actions = self._grant(name, now, returned_only=True)
            if actions:
                return actions
        return []

    def _grant(self, name: str, now: float, *, returned_only: bool = False) -> list[Action]:
        """Grant a lease to a node; nothing if no cells are left for it."""
        node = self._nodes[name]

        def amount() -> float:
            return max(self._compute_amount(node, now), self._compute_least(node))

        able = frozenset(self._find_able(now))
        piece = self.free.cut(Applicant(name, able, amount, returned_only))
        if piece is None:
            return []
        self._number += 1
        lease = Lease(self._number, name, piece.first, piece.last, piece.returned)
        work = self.free.compute_work(piece.first, piece.last)
        node.leases.append(_Outstanding(lease, piece, work))
        if len(node.leases) == 1:
            node.renew_due(now, self._terms.stuck_seconds)
        return [Grant(lease)]

    def _find_able(self, now: float) -> Iterator[str]:
        """Yield the nodes that take leases, or pause and will."""
        for name, node in self._nodes.items():
            if node.paused is None or node.rests_at(now):
                yield name

    def _compute_least(self, node: _Node) -> float:
        """Return the work that every lease of a node has, if there is so much."""
        if not self._terms.fills_threads:
            return 0.0
        return node.threads * self.free.total_work / self.free.count

    def _compute_amount(self, node: _Node, now: float) -> float:
        """Return the work of a lease.

        It is so long that few leases are needed, and so short that nodes end together.
        """
        work_left = self.free.work
        if not node.speed:
            few_cells = FIRST_CELLS * node.threads * self.free.total_work / self.free.count
            return float(min(work_left / (FIRST_SHARE * len(self._nodes)), few_cells))
        speeds = [other.speed for other in self._nodes.values() if other.speed]
        speed_of_all = sum(speeds) * len(self._nodes) / len(speeds)
        half_of_rest = work_left / speed_of_all / 2
        between_losses = self._seconds_between_losses(now) / LEASES_A_LOSS
        seconds = min(self._terms.seconds, half_of_rest, between_losses)
        return node.speed * max(LEAST_SECONDS, seconds)

    def _seconds_between_losses(self, now: float) -> float:
        began = self._began or 0.0
        return (now - began) / self.lost if self.lost else math.inf


def _find_fault(node: _Node, now: float) -> str:
    """Return why a node is given up; nothing if it is not."""
    if node.leases and now > node.leases[0].due:
        return "a lease is past its due"
    if now - node.heard > SILENCE_SECONDS:
        return f"no answer for {SILENCE_SECONDS:.0f} s"
    return ""


def _find_missing(lease: Lease, event: Done) -> list[Piece]:
    """Return the cells of a lease that were not swept."""
    start = lease.first
    is_missing = np.ones(lease.last - start, np.bool_)
    for first, last in event.cells:
        is_missing[first - start : last - start] = False
    ranges = find_ranges(is_missing)
    return [Piece(start + first, start + last) for first, last in ranges]
