"""What a run was computed with, in a line."""

from __future__ import annotations

import functools
import platform
from importlib.metadata import version
from pathlib import Path

from qmac._version import __version__
from qmac.config import available_cpus


def machine() -> str:
    """Processor, CPUs that may be used, system and versions."""
    processor, *others = _unchanging()
    return "; ".join((f"{processor}, {available_cpus()} CPUs", *others))


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
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine() or "unknown processor"
