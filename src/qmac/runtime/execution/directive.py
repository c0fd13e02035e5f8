"""What a monitor says to threads that work, and how long they may take to obey."""

from __future__ import annotations

from dataclasses import dataclass

POLL_SECONDS = 0.1
"""Between two calls of a monitor."""
PATIENCE_SECONDS = 4.0
"""A stop waits this long for the current batches; then kernels leave at their next row, and those
batches are lost."""


@dataclass(frozen=True)
class WorkerDirective:
    """What workers are to do from now on."""

    threads: int
    """How many sweep; the others wait."""
    pause: bool = False
    """Whether no batch begins."""
    stop: bool = False
    """Whether all end after the current batches."""
