"""Who sweeps which cells of a dataset: leases to nodes, as a pure state machine. ``step(event, now) -> actions``.

It has no clock, no thread and no network, so that tests can put it through everything that a cluster can do. A lease is
a range of cells with a number that is never given again on its dataset. What counts is what comes back under a number that is still
out: results that come twice, or after their cells were leased to another, are rejected. So no cell is counted twice,
whatever a network, a scheduler or a worker that was given up does, and none is lost, for a lease ends in one of three ways::

    granted --Done-----------------------> accepted, cells that were not swept are free again
            --Failed---------------------> tried on another node; then halved, down to the cell that fails
            --node lost, or past its due-> free again

A node is lost when it says so, or has said nothing for ``SILENCE_SECONDS`` though it is pinged every ``PING_SECONDS``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qmac.runtime.cluster.messages import (
    Accept,
    Action,
    Done,
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
    Tick,  # fmt: skip
)
from qmac.runtime.execution.ledger import Batch

LEASE_SECONDS = 10.0
LEAST_SECONDS = 0.5
"""A lease is so much work for its node; less near the end, and where nodes are lost often."""
LEASES_A_LOSS = 4
"""So many leases at least between two losses of nodes, or most work would be lost with them."""
IN_FLIGHT = 2
"""Leases of a node: one at hand, one that waits, so that no node waits for the driver. Cells that came back unswept, but not
as a failure, are granted beyond it, at once, to the nodes that will first be through: they would wait for up to two leases of seconds."""
FIRST_SHARE, FIRST_CELLS = 64, 2
"""The first lease of a node, whose speed is not known, is such a part of what is left for each, and so many cells a thread at
most: where nodes die often, each begins with one."""
PING_SECONDS = 2.0
"""What a node answers is also what a bar shows of it."""
SILENCE_SECONDS = 11.0
STUCK_SECONDS = 30.0
"""A lease on which nothing was swept for so long, or three times as long as it was to take, is past its due."""
PAUSE_SECONDS = 120.0
"""A node that pauses keeps its lease for so long, and what failed elsewhere waits for it."""
STALL_SECONDS = 3.0
"""Without a tick for so long it was the driver that stood still, and no node is to blame."""
RETURN_SECONDS = 10.0
"""One that is swept must be back after so long."""
MOST_LOSSES, MOST_LOSSES_OF_A_CELL = 3, 8
"""A lease whose nodes were lost so often is halved, for it may be what ends them; a cell is given up."""


@dataclass(frozen=True)
class _Piece:
    """Free cells, and what became of leases of them."""

    first: int
    last: int
    failures: int = 0
    losses: int = 0
    tried: frozenset[str] = frozenset()
    back: bool = False  # it was out, and came back unswept

    def halves(self) -> list[_Piece]:
        middle = (self.first + self.last) // 2
        return [_Piece(self.first, middle, back=True), _Piece(middle, self.last, back=True)]


@dataclass
class _Held:
    lease: Lease
    piece: _Piece
    work: int
    due: float = math.inf  # from when it is at hand
    swept: int = 0


@dataclass
class _Node:
    threads: int
    heard: float
    pinged: float
    speed: float = 0.0  # work a second; 0 until its first lease is done
    recalled: bool = False
    paused: float | None = None  # since when
    held: list[_Held] = field(default_factory=list)
    reading: Any = None

    @property
    def busy(self) -> float:
        """Seconds until it has swept what it holds."""
        return sum(held.work - held.swept for held in self.held) / self.speed


class Leases:
    """All leases of one dataset, of which each cell holds ``work (C,)`` and ``done (C,)`` are done."""

    def __init__(self, work: np.ndarray, done: np.ndarray) -> None:
        self._before = np.concatenate(([0], np.cumsum(work)))  # (C + 1,)
        self._free = [_Piece(first, last) for first, last in find_ranges(~done)]
        self._nodes: dict[str, _Node] = {}
        self._number = 0
        self._hold = self._stop = False
        self._began: float | None = None
        self._ticked = 0.0
        self.failed: dict[int, str] = {}
        """Cells that cannot be swept, and why."""
        self.late = 0
        """Results that were rejected."""
        self.lost = 0
        """Nodes that were."""

    @property
    def finished(self) -> bool:
        """Whether all is done or given up; or, after a stop, nothing is out."""
        return not self.held and (self._stop or not self._free)

    @property
    def held(self) -> list[Lease]:
        """What is out."""
        return [held.lease for node in self._nodes.values() for held in node.held]

    @property
    def nodes(self) -> dict[str, Any]:
        """The last reading of each node."""
        return {name: node.reading for name, node in self._nodes.items()}

    @property
    def threads(self) -> int:
        """Of all nodes."""
        return sum(node.threads for node in self._nodes.values())

    @property
    def ahead(self) -> int:
        """Work that is swept but not accepted."""
        return sum(held.swept for node in self._nodes.values() for held in node.held)

    def step(self, event: Event, now: float) -> list[Action]:
        """What follows from an event; ``now`` never goes back."""
        if self._began is None:
            self._began = self._ticked = now
        match event:
            case Joined():
                actions = (
                    self._lose(event.node, "it joined anew") if event.node in self._nodes else []
                )
                self._nodes[event.node] = _Node(event.threads, now, pinged=-math.inf)
            case Lost():
                actions = self._lose(event.node, event.why)
            case Heard():
                actions = self._hear(event, now)
            case Done() | Failed():
                actions = self._take_back(event, now)
            case Tick():
                actions = self._tick(event, now)
        return actions + self._grants(now)

    # -- events

    def _hear(self, event: Heard, now: float) -> list[Action]:
        if (node := self._nodes.get(event.node)) is None:
            return []
        node.heard, node.reading = now, event.reading
        node.paused = None if not event.paused else now if node.paused is None else node.paused
        node.held.sort(
            key=lambda held: held.lease.number != event.number
        )  # the one at hand first, whichever it is
        if node.held:
            held = node.held[0]
            swept = min(event.swept, held.work) if event.number == held.lease.number else 0
            resting = node.paused is not None and now - node.paused < PAUSE_SECONDS
            if swept > held.swept or resting or held.due == math.inf:
                held.swept = max(held.swept, swept)
                held.due = now + self._patience(node, held)
        return []

    def _take_back(self, event: Done | Failed, now: float) -> list[Action]:
        held = self._end(event.node, event.number, now)
        if held is None:
            self.late += 1
            return [Reject(event.node, event.number)]
        if isinstance(event, Failed):
            piece = replace(
                held.piece, failures=held.piece.failures + 1, tried=held.piece.tried | {event.node}
            )
            self._return(piece, event.why, again=piece.failures < 2)
            return []
        lease, node = held.lease, self._nodes[event.node]
        swept = sum(self._work(*batch) for batch in event.cells)
        if event.seconds > 0 and swept:
            speed = swept / event.seconds
            node.speed = (node.speed + speed) / 2 if node.speed else speed
        missed = np.ones(lease.last - lease.first, np.bool_)
        for first, last in event.cells:
            missed[first - lease.first : last - lease.first] = False
        missing = [
            _Piece(lease.first + a, lease.first + b, back=True) for a, b in find_ranges(missed)
        ]
        self._free = missing + self._free
        return [Accept(lease, event.cells, event.partial)] if event.cells else []

    def _tick(self, event: Tick, now: float) -> list[Action]:
        actions: list[Action] = []
        self._hold, self._stop = event.hold, self._stop or event.stop
        self._excuse(now)
        for name, node in list(self._nodes.items()):
            stuck = bool(node.held) and now > node.held[0].due
            if stuck or now - node.heard > SILENCE_SECONDS:
                why = (
                    "a lease is past its due"
                    if stuck
                    else f"nothing was heard of it for {SILENCE_SECONDS:.0f} s"
                )
                actions += self._lose(name, why)
                continue
            if now - node.pinged >= PING_SECONDS:
                node.pinged = now
                actions.append(Ping(name))
            if self._stop and not node.recalled:
                node.recalled = True
                actions.append(Recall(name))
        return actions

    def _excuse(self, now: float) -> None:
        """What was not heard while the driver stood still (Ctrl-Z, a disk that hangs) is held against nobody."""
        stall, self._ticked = now - self._ticked, now
        if stall > STALL_SECONDS:
            for node in self._nodes.values():
                node.heard = max(node.heard, min(now, node.heard + stall))
                node.pinged = -math.inf
                for held in node.held[:1]:
                    held.due += stall

    def _lose(self, name: str, why: str) -> list[Action]:
        if (node := self._nodes.pop(name, None)) is None:
            return []
        self.lost += 1
        for held in reversed(node.held[1:]):
            self._return(held.piece, why, again=True)  # it only waited
        for held in node.held[:1]:
            piece = replace(held.piece, losses=held.piece.losses + 1)
            alone = piece.last - piece.first == 1
            again = piece.losses < (MOST_LOSSES_OF_A_CELL if alone else MOST_LOSSES)
            self._return(piece, f"{piece.losses} nodes were lost with it: {why}", again)
        return [Expel(name, why)]

    def _end(self, name: str, number: int, now: float) -> _Held | None:
        """The lease, which is out no more; None if it was not."""
        if (node := self._nodes.get(name)) is None:
            return None
        node.heard = now
        for held in node.held:
            if held.lease.number == number:
                node.held.remove(held)
                if node.held:
                    node.held[0].due = now + self._patience(node, node.held[0])
                return held
        return None

    def _return(self, piece: _Piece, why: str, again: bool) -> None:
        """Free again; or in halves, or given up."""
        if again:
            self._free.insert(0, replace(piece, back=True))
        elif piece.last - piece.first > 1:
            self._free = piece.halves() + self._free
        else:
            self.failed[piece.first] = why

    # -- grants

    def _grants(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if self._hold or self._stop:
            return actions
        for wanted in range(1, IN_FLIGHT + 1):  # one for each before a second for any
            for name, node in self._nodes.items():
                if node.paused is None and len(node.held) < (wanted if node.speed else 1):
                    actions += self._grant(name, now)
        while again := next(
            filter(None, (self._grant(name, now, back=True) for name in self._soonest())), None
        ):
            actions += again
        return actions

    def _soonest(self) -> list[str]:
        """Nodes that can take more, first those that will first have swept what they hold."""
        ready = {
            name: node for name, node in self._nodes.items() if node.speed and node.paused is None
        }
        return sorted(ready, key=lambda name: ready[name].busy)

    def _grant(self, name: str, now: float, *, back: bool = False) -> list[Action]:
        """A lease for a node, of what came back only if asked for; nothing if no cells are left for it."""
        node = self._nodes[name]
        if (piece := self._cut(name, node, now, back)) is None:
            return []
        self._number += 1
        lease = Lease(self._number, name, piece.first, piece.last, piece.back)
        held = _Held(lease, piece, self._work(piece.first, piece.last))
        node.held.append(held)
        if len(node.held) == 1:
            held.due = now + self._patience(node, held)
        return [Grant(lease)]

    def _cut(self, name: str, node: _Node, now: float, back: bool) -> _Piece | None:
        """Free cells for a node, taken out; None if there are none for it."""
        able = {
            n
            for n, other in self._nodes.items()
            if other.paused is None or now - other.paused < PAUSE_SECONDS
        }
        for place, piece in enumerate(self._free):
            if back and (not piece.back or piece.failures):
                continue  # it can wait: of a node that fails all it is given, another would come to hold all there is
            if name in piece.tried and not able <= piece.tried:
                continue  # another is to try it
            last = piece.last
            if not piece.failures:  # under suspicion it is cut by halving only
                limit = self._before[piece.first] + self._amount(node, now)
                last = min(
                    max(int(np.searchsorted(self._before, limit, "right")) - 1, piece.first + 1),
                    piece.last,
                )
            self._free[place : place + 1] = (
                [replace(piece, first=last)] if last < piece.last else []
            )
            return replace(piece, last=last)
        return None

    def _amount(self, node: _Node, now: float) -> float:
        """Work of a lease: so long that few are needed, so short that nodes end together."""
        left = sum(self._work(piece.first, piece.last) for piece in self._free)
        speeds = [other.speed for other in self._nodes.values() if other.speed]
        if not node.speed:
            cells = FIRST_CELLS * node.threads * self._before[-1] / (self._before.size - 1)
            return float(min(left / (FIRST_SHARE * len(self._nodes)), cells))
        together = sum(speeds) * len(self._nodes) / len(speeds)
        between = (now - (self._began or 0.0)) / self.lost if self.lost else math.inf
        return node.speed * max(
            LEAST_SECONDS, min(LEASE_SECONDS, left / together / 2, between / LEASES_A_LOSS)
        )

    def _patience(self, node: _Node, held: _Held) -> float:
        if held.swept >= held.work:
            return RETURN_SECONDS
        return max(STUCK_SECONDS, 3 * held.work / node.speed if node.speed else 0.0)

    def _work(self, first: int, last: int) -> int:
        return int(self._before[last] - self._before[first])


def find_ranges(cells: np.ndarray) -> list[Batch]:
    """Runs of True.

    Examples
    --------
    >>> find_ranges(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], cells, [False])).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
