"""Facts of this machine: its CPUs, its versions, and memory that goes back to it."""

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
    """Return how many CPUs this process may use.

    Returns
    -------
    int
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine() -> str:
    """Return processor, CPUs that may be used, system and versions.

    Returns
    -------
    str
        One line, its parts separated by semicolons.
    """
    processor, *others = _read_unchanging()
    cpus = available_cpus()
    plural = "" if cpus == 1 else "s"
    return "; ".join((f"{processor}, {cpus} CPU{plural}", *others))


@functools.cache
def _read_unchanging() -> tuple[str, ...]:
    """Return what stays as it is while a process lives: reading versions takes a millisecond."""
    versions = {
        "Python": platform.python_version(),
        "NumPy": version("numpy"),
        "Numba": version("numba"),
        "qmac": __version__,
    }
    return (
        _find_processor(),
        f"{platform.system()} {platform.machine()}",
        ", ".join(f"{name} {number}" for name, number in versions.items()),
    )


def _find_processor() -> str:
    """Return the model of the processor, where the system tells."""
    try:
        with Path("/proc/cpuinfo").open(errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except (OSError, IndexError):
        pass
    return platform.processor() or platform.machine() or "unknown processor"


def release_freed_memory() -> None:
    """Let memory that was freed go back to the system at once.

    glibc holds some of it in the arenas of threads: 80 MiB of a worker that was freed under a
    shortage stayed with the process in one run of three, and the kernel ended it. Elsewhere this
    does nothing.
    """
    trim = _find_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _find_trim() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``, or None for another C library."""
    try:
        return ctypes.CDLL(None).malloc_trim  # type: ignore[no-any-return]
    except (OSError, AttributeError, TypeError):
        return None
