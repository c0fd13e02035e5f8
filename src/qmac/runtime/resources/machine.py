"""What a run is asked to do, checked once at the border and frozen."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from qmac._version import __version__


def available_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine() -> str:
    """Processor, CPUs that may be used, system and versions."""
    processor, *others = _unchanging()
    return "; ".join(
        (f"{processor}, {available_cpus()} CPU{'s' * (available_cpus() != 1)}", *others)
    )


@functools.cache
def _unchanging() -> tuple[str, ...]:
    """What stays as it is while a process lives: reading versions takes a millisecond."""
    return (
        _processor(),
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, NumPy {version('numpy')}, Numba {version('numba')}, qmac {__version__}",
    )


def _processor() -> str:
    """Its model, where the system tells."""
    try:
        with Path("/proc/cpuinfo").open(errors="replace") as lines:
            return next(
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine() or "unknown processor"


def release_freed_memory() -> None:
    """Let memory that was freed go back to the system at once.

    glibc keeps some of it in the arenas of threads: 80 MiB of a worker that was freed under a shortage stayed with the
    process in one run of three, and the kernel ended it. Elsewhere this does nothing.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim  # type: ignore[no-any-return]
    except (OSError, AttributeError, TypeError):
        return None
