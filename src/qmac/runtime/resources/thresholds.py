"""Levels of the governor and every threshold on memory, disk and CPUs, with its reason.

``docs/reliability.md`` shows the table; tests/project/test_docs.py compares the two.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How far a run has stepped back; a higher level costs it more."""

    NORMAL = 0
    """All threads."""
    HOLD = 1
    """No growth."""
    SHED = 2
    """Fewer threads, and no optional outputs."""
    PAUSE = 3
    """No new batches."""
    STOP = 4
    """A snapshot, and the end."""


class Threshold(NamedTuple):
    """When a level is due, and how long it stays."""

    headroom: float
    """Free share of a memory limit below which it is due."""
    pressure: float
    """Share of time that tasks wait for memory above which it is due."""
    memory_seconds: float
    """How long either must last before it is due."""
    disk: float
    """Free disk below which it is due, in units of ``Limits.disk_free``."""
    disk_seconds: float
    """How long that must last before it is due."""
    dwell: float
    """Seconds of better readings before it is left."""


NEVER = math.inf
THRESHOLDS = {
    Level.HOLD: Threshold(0.15, 0.05, 0, disk=0, disk_seconds=0, dwell=4),
    Level.SHED: Threshold(0.10, 0.15, 0, disk=1, disk_seconds=0, dwell=4),
    Level.PAUSE: Threshold(0.05, 0.40, 0, disk=0.25, disk_seconds=0, dwell=4),
    # pressure alone ends no run: a machine that thrashes gets better once this run has paused
    Level.STOP: Threshold(0.02, NEVER, 10, disk=0.25, disk_seconds=60, dwell=NEVER),
}
"""In order, each with room for ``MARGIN`` above the next: what is not good enough to leave a level
is not yet due for the next one."""
MARGIN = 1.25
"""A reading that is better than a threshold by this factor is good enough to leave the level."""
RESTORE_SECONDS = 4.0
"""Time between two steps of a quarter of the threads upward."""
ADMITTED_SHARE = 0.9
"""Share of a memory limit that a run may fill when it starts: at HOLD it would not grow."""
AMPLE_BYTES = 16 * 2**30
"""Free shares of larger limits are taken of this: 5 % of 1 TiB is not scarce."""
MANY_TICKS = 10
"""Ticks of each CPU (0.1 s) over which the load of other programs is measured; less is noise,
since the kernel counts whole ticks."""
