"""What is said between ``leases``, which decides, and nodes: leases, events and actions. Data only.

::

    events    Joined  Lost  Heard  Done  Failed  Tick         what happened
    actions   Grant  Ping  Recall  Expel  Accept  Reject      what is to be done
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qmac.runtime.execution.ledger import Batch


@dataclass(frozen=True)
class Lease:
    """Cells from ``first`` to before ``last`` for a node; ``again`` if they were leased before."""

    number: int
    node: str
    first: int
    last: int
    again: bool = False


# -- events
@dataclass(frozen=True)
class Joined:
    """A node is there, and gives the right answers."""

    node: str
    threads: int


@dataclass(frozen=True)
class Lost:
    node: str
    why: str


@dataclass(frozen=True)
class Heard:
    """A node's answer to a ping: work swept of the lease ``number`` at hand, and how the node is."""

    node: str
    number: int = 0
    swept: int = 0
    paused: bool = False
    reading: Any = None


@dataclass(frozen=True)
class Done:
    """``cells`` of a lease are swept: all of them, or fewer after a recall; ``partial`` is their tally."""

    node: str
    number: int
    cells: tuple[Batch, ...]
    seconds: float
    partial: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Failed:
    """A lease ended with an error."""

    node: str
    number: int
    why: str


@dataclass(frozen=True)
class Tick:
    """Time went by. ``hold``: no new leases for now; ``stop``: none any more, and those that are out come back as they are."""

    hold: bool = False
    stop: bool = False


Event = Joined | Lost | Heard | Done | Failed | Tick


# -- actions
@dataclass(frozen=True)
class Grant:
    lease: Lease


@dataclass(frozen=True)
class Ping:
    node: str


@dataclass(frozen=True)
class Recall:
    """Ask a node for what it has."""

    node: str


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
    partial: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Reject:
    """A result that came too late, or twice."""

    node: str
    number: int


Action = Grant | Ping | Recall | Expel | Accept | Reject
