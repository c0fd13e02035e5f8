"""Messages between ``leases``, which decides, and nodes: leases, events and actions. Data only.

Those of the process that has joined a Ray cluster come last.

::

    events    Joined  Lost  Heard  Done  Failed  Tick         what happened
    actions   Grant  Ping  Recall  Drop  Expel  Accept  Reject      what is to be done
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that speaks to Ray starts sooner without them
    from qmac.runtime.execution.ledger import Batch
    from qmac.runtime.resources.limits import Limits


@dataclass(frozen=True)
class Lease:
    """Cells, or numbered parts, from ``first`` to before ``last``, for a node."""

    number: int
    node: str
    first: int
    last: int
    again: bool = False
    """Whether they were leased before."""
    inputs: tuple[bytes, ...] | None = field(default=None, compare=False, repr=False)
    """What each part needs beside the payload, if anything."""


# -- events


@dataclass(frozen=True)
class Joined:
    """A node is there, and gives the right answers."""

    node: str
    threads: int


@dataclass(frozen=True)
class Lost:
    """A node has gone."""

    node: str
    why: str


@dataclass(frozen=True)
class Heard:
    """A node's answer to a ping."""

    node: str
    number: int = 0
    """Of its current lease."""
    swept: int = 0
    """Work of that lease that is done."""
    paused: bool = False
    """Whether its governor has paused it."""
    reading: Any = None
    """How the node is."""


@dataclass(frozen=True)
class Done:
    """A lease is swept: all of its cells, or fewer after a recall."""

    node: str
    number: int
    cells: tuple[Batch, ...]
    seconds: float
    result: Any = field(default=None, compare=False, repr=False)
    """What the node's sweeper returned: the tally of these cells, or the values of these parts."""


@dataclass(frozen=True)
class Failed:
    """A lease ended with an error."""

    node: str
    number: int
    why: str


@dataclass(frozen=True)
class Tick:
    """Time went by."""

    hold: bool = False
    """No new leases for now."""
    stop: bool = False
    """No new leases any more; current ones are called back as they are."""


Event = Joined | Lost | Heard | Done | Failed | Tick


# -- actions


@dataclass(frozen=True)
class Grant:
    """Send a lease to its node."""

    lease: Lease


@dataclass(frozen=True)
class Ping:
    """Request a reading from a node."""

    node: str


@dataclass(frozen=True)
class Recall:
    """Let a node send what it has."""

    node: str


@dataclass(frozen=True)
class Drop:
    """Let a node stop a lease, of which nothing is needed any more."""

    node: str
    number: int


@dataclass(frozen=True)
class Expel:
    """End what is left of a node that was given up; it may join again."""

    node: str
    why: str


@dataclass(frozen=True)
class Accept:
    """Settle a result."""

    lease: Lease
    cells: tuple[Batch, ...]
    result: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Reject:
    """Drop a result that came too late, or twice."""

    node: str
    number: int


Action = Grant | Ping | Recall | Drop | Expel | Accept | Reject


# -- to and from ray_process


@dataclass(frozen=True)
class Settings:
    """How to join a cluster or to start one."""

    address: str | None
    dashboard: bool
    limits: Limits
    threads: int | None


@dataclass(frozen=True)
class Begin:
    """What nodes are to sweep, and what their fingerprint must be."""

    probe: Any
    """Computes the fingerprint of a node; the payload does, where it is None."""
    fingerprint: dict[str, str]
    checksum: str
    overlaps: bool
    """Whether a node begins a lease while threads end the one before."""
    payload: Any
    """A ``payloads.Payload``; None after it was stored in the cluster."""


@dataclass(frozen=True)
class Ready:
    """The cluster is joined."""

    head: str
    """``"HOST:PORT"``."""


@dataclass(frozen=True)
class Report:
    """What happened on the nodes since the last one; also sent if nothing did."""

    generation: int
    """Number of the dataset."""
    events: list[Event]
    refused: dict[str, str]
    awaited: dict[str, str]
    starting: int


@dataclass(frozen=True)
class Broken:
    """Ray has failed; the process ends."""

    why: str
