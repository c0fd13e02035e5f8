"""Levels of the governor, and the thresholds that lead to them."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How far a run has stepped back."""

    NORMAL = 0
    HOLD = 1
    SHED = 2
    PAUSE = 3
    STOP = 4


class Threshold(NamedTuple):
    """When a level is due, and how long it stays."""

    headroom: float  # share of a memory limit that is free, below which it is due
    pressure: float  # share of time that tasks wait for memory, above which it is due
    memory_seconds: float  # that either must last before
    disk: float  # free disk in units of Limits.disk_free, below which it is due
    disk_seconds: float
    dwell: float  # seconds of better readings before it is left


NEVER = math.inf
THRESHOLDS = {
    Level.HOLD: Threshold(0.15, 0.05, 0, disk=0, disk_seconds=0, dwell=4),
    Level.SHED: Threshold(0.10, 0.15, 0, disk=1, disk_seconds=0, dwell=4),
    Level.PAUSE: Threshold(0.05, 0.40, 0, disk=0.25, disk_seconds=0, dwell=4),
    # pressure alone ends no run: a machine that thrashes gets better once this run has paused
    Level.STOP: Threshold(0.02, NEVER, 10, disk=0.25, disk_seconds=60, dwell=NEVER),
}
MARGIN = 1.25  # better than its threshold by this factor is good enough to leave a level
RESTORE_SECONDS = 4.0  # between two steps of a quarter of the threads upward
