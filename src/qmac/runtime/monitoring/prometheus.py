"""Gauges of a run for Prometheus, by way of node_exporter's textfile collector."""

from __future__ import annotations

import math
import time
import warnings
from pathlib import Path

from qmac.errors import OptionError
from qmac.runtime.monitoring.status import Listener, Status
from qmac.storage.atomic import write_whole

WRITE_SECONDS = 5.0
GAUGES = {
    "qmac_done_ratio": "Share of the symbol's combinations that are behind.",
    "qmac_combinations": "Combinations of the symbol's grid.",
    "qmac_combinations_per_second": "Combinations evaluated a second.",
    "qmac_left_seconds": "Seconds to go on this symbol, at the present rate.",
    "qmac_job_done_ratio": "Share of all symbols that is behind, by their bars.",
    "qmac_job_left_seconds": "Seconds to go on all symbols.",
    "qmac_memory_bytes": "Memory that the process holds.",
    "qmac_threads": "Threads that compute.",
    "qmac_symbol_number": "The how manieth symbol this is.",
    "qmac_symbols": "Symbols of the job.",
}


class Prometheus:
    """Writes the file every few seconds, whole each time, and passes the status on."""

    def __init__(self, path: Path, listener: Listener) -> None:
        check_directory(path)
        self._path, self._listener, self._next, self._told = path, listener, 0.0, False

    def __call__(self, status: Status) -> None:
        self._listener(status)
        now = time.monotonic()
        if now < self._next and status.done < status.size:
            return
        self._next = now + WRITE_SECONDS
        try:
            write_whole(self._path, [format_gauges(status).encode()])
        except OSError as error:  # no reason to stop
            if not self._told:
                warnings.warn(
                    f"{self._path} cannot be written ({error.strerror}); the run goes on.",
                    stacklevel=2,
                )
            self._told = True


def check_directory(path: Path) -> None:
    """Whether the file can lie there.

    Raises
    ------
    OptionError : its directory does not exist.
    """
    if not path.parent.is_dir():
        raise OptionError(
            f"the directory of the Prometheus file {path} does not exist. Make it, or name another."
        )


def format_gauges(status: Status) -> str:
    """In the text format of Prometheus.

    >>> print(format_gauges(Status(1, 4, 2.0, 0.5, 10, 0.5, "SPY", threads=2)).splitlines()[2])
    qmac_done_ratio{symbol="SPY"} 0.25
    """
    values = (
        status.done / status.size, status.size, status.rate, status.left, status.share,
        status.left if status.job_left is None else status.job_left, status.memory, status.threads, status.part, status.parts,
    )  # fmt: skip
    name = status.name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    lines = []
    for (gauge, about), value in zip(GAUGES.items(), values, strict=True):
        shown = (
            "+Inf"
            if value == math.inf
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )
        lines += [
            f"# HELP {gauge} {about}",
            f"# TYPE {gauge} gauge",
            f'{gauge}{{symbol="{name}"}} {shown}',
        ]
    return "\n".join(lines) + "\n"
