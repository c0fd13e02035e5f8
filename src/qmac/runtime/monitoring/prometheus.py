"""Gauges of a run for Prometheus, by way of node_exporter's textfile collector."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from qmac.errors import OptionError, printable, warn
from qmac.runtime.monitoring.status import Listener, Status
from qmac.storage.atomic import write_whole
from qmac.storage.files import is_directory, is_file, look_up, open_file, resolve_typed

WRITE_SECONDS = 5.0
"""Between two writes of the file."""
SUFFIX = ".prom"
"""Ending of the files that node_exporter reads."""
BEGINNING = b"# HELP qmac_"


class Gauge(NamedTuple):
    """A number that Prometheus reads."""

    name: str
    help: str
    value: Callable[[Status], float]


def _job_left(status: Status) -> float:
    return status.left if status.job_left is None else status.job_left


GAUGES = (
    Gauge(
        "qmac_done_ratio",
        "Share of the symbol's combinations that is done.",
        lambda status: status.done / status.size,
    ),
    Gauge(
        "qmac_combinations",
        "Combinations of the symbol's grid.",
        lambda status: status.size,
    ),
    Gauge(
        "qmac_combinations_per_second",
        "Combinations evaluated a second.",
        lambda status: status.rate,
    ),
    Gauge(
        "qmac_left_seconds",
        "Seconds to go on this symbol, at the present rate.",
        lambda status: status.left,
    ),
    Gauge(
        "qmac_job_done_ratio",
        "Share of all symbols that is done, by their bars.",
        lambda status: status.share,
    ),
    Gauge("qmac_job_left_seconds", "Seconds to go on all symbols.", _job_left),
    Gauge(
        "qmac_memory_bytes",
        "Memory that the process holds.",
        lambda status: status.memory,
    ),
    Gauge("qmac_threads", "Threads that compute.", lambda status: status.threads),
    Gauge(
        "qmac_symbol_number",
        "Place of this symbol in the job, from 1.",
        lambda status: status.part,
    ),
    Gauge("qmac_symbols", "Symbols of the job.", lambda status: status.parts),
)


class Prometheus:
    """A listener that writes the file every few seconds, whole each time, and passes on the status.

    Parameters
    ----------
    path : Path
        The file.
    listener : callable
        Gets each status, too.

    Raises
    ------
    OptionError
        As ``check_place``.
    """

    def __init__(self, path: Path, listener: Listener) -> None:
        self._path = check_place(path)
        self._listener = listener
        self._next = 0.0
        self._has_warned = False

    def __call__(self, status: Status) -> None:
        """Write the file, if it is due or all is done."""
        self._listener(status)
        now = time.monotonic()
        if now < self._next and status.done < status.size:
            return
        self._next = now + WRITE_SECONDS
        try:
            if not _is_free(self._path):
                raise OSError(errno.EEXIST, "it is not of qmac")
            write_whole(self._path, [format_gauges(status).encode()])
        except OSError as error:  # no reason to stop
            if not self._has_warned:
                message = f"{self._path} cannot be written ({error.strerror}); the run goes on."
                warn(message, stacklevel=2)
            self._has_warned = True


def check_place(path: Path) -> Path:
    """Check that the file may be written: ``*.prom``, which is not there or was written by qmac.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Path
        The file, with links followed.

    Raises
    ------
    OptionError
        If the directory does not exist, the name has another ending, or the file is another, which
        would be replaced.
    """
    try:
        place = resolve_typed(path)
        has_directory, is_free = place.parent.is_dir(), _is_free(place)
    except OSError as error:
        raise OptionError(
            f"the Prometheus file {path} cannot be written: {error.strerror}. Name another."
        ) from None
    if not has_directory:
        raise OptionError(
            f"the directory of the Prometheus file {path} does not exist. "
            "Create it, or name another."
        )
    if place.suffix != SUFFIX:
        raise OptionError(
            f"the Prometheus file {path} must end in {SUFFIX}, which node_exporter reads. "
            f"Name one such as {place.with_name('qmac.prom')}."
        )
    # a directory cannot be replaced: the run goes on without the file, and says so
    if not is_free and not is_directory(place):
        raise OptionError(
            f"the Prometheus file {path} is there, and qmac did not write it. Name a new file."
        )
    return place


def _is_free(place: Path) -> bool:
    """Whether there is no file, an empty one, or one that qmac wrote."""
    status = look_up(place)
    if status is None:
        return True
    if not is_file(place):
        return False
    with open_file(place) as file:
        return file.read(len(BEGINNING)) in (b"", BEGINNING)


def format_gauges(status: Status) -> str:
    r"""Return a status in the text format of Prometheus.

    Parameters
    ----------
    status : Status
        A run at one moment.

    Returns
    -------
    str
        Three lines for each gauge.

    Examples
    --------
    >>> print(format_gauges(Status(1, 4, 2.0, 0.5, 10, 0.5, "SPY", threads=2)).splitlines()[2])
    qmac_done_ratio{symbol="SPY"} 0.25
    """
    escaped = status.name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    symbol = printable(escaped)
    lines = []
    for gauge in GAUGES:
        lines.append(f"# HELP {gauge.name} {gauge.help}")
        lines.append(f"# TYPE {gauge.name} gauge")
        number = _format_number(gauge.value(status))
        lines.append(f'{gauge.name}{{symbol="{symbol}"}} {number}')
    return "\n".join(lines) + "\n"


def _format_number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    return f"{value:g}" if isinstance(value, float) else str(value)
