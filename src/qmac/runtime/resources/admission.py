"""What is left of each memory limit, and how many threads that lets in."""

from __future__ import annotations

from typing import NamedTuple

from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Reading

AMPLE = (
    16 * 2**30
)  # bytes; of a limit beyond it the share is taken as if it were this: 5 % of 1 TiB is not scarce
MACHINE = "the memory of this machine"
FILL = 0.9  # share of a limit that a run is admitted to


class Headroom(NamedTuple):
    """What is left of one limit, in bytes."""

    free: int
    limit: int
    name: str

    @property
    def share(self) -> float:
        """Of the limit, or of what is ample."""
        return self.free / min(self.limit, AMPLE)


def find_headrooms(limits: Limits, reading: Reading) -> list[Headroom]:
    """What is left of each limit that is known."""
    rooms = []
    if reading.memory_limit and reading.memory_used is not None:
        free = reading.memory_limit - reading.memory_used
        rooms.append(Headroom(max(free, 0), reading.memory_limit, "the limit of the cgroup"))
    sizes = [size for size in (reading.memory_limit, reading.total) if size]
    wanted = limits.memory_bytes(min(sizes, default=None))
    if wanted and reading.rss is not None:
        rooms.append(
            Headroom(max(wanted - reading.rss, 0), wanted, "the limit asked for with memory")
        )
    if reading.available is not None and reading.total:
        rooms.append(Headroom(reading.available, reading.total, MACHINE))
    return rooms


def find_least_headroom(limits: Limits, reading: Reading) -> Headroom | None:
    """(free, limit, name) of the memory limit with the fewest bytes free; None where none is known.

    Examples
    --------
    >>> reading = Reading(moment=0, cpus=2, affinity=2, rss=300, memory_limit=1000, memory_used=600)
    >>> find_least_headroom(Limits(), reading)
    Headroom(free=400, limit=1000, name='the limit of the cgroup')
    """
    return min(find_headrooms(limits, reading), default=None)


def admit(
    limits: Limits, reading: Reading, base_bytes: int, bytes_per_thread: int, threads: int
) -> int:
    """Threads, at most ``threads``, whose memory fits within 90 % of every limit, on top of what is in use now.

    Parameters
    ----------
    base_bytes : that the run will allocate beyond ``reading``, whatever the threads.
    bytes_per_thread : that each thread will allocate.

    Raises
    ------
    OptionError : not even one thread fits.

    Examples
    --------
    >>> reading = Reading(moment=0, cpus=8, affinity=8, memory_limit=600 * 2**20, memory_used=200 * 2**20)
    >>> admit(Limits(), reading, 100 * 2**20, 60 * 2**20, threads=8)
    4
    """
    for free, limit, name in find_headrooms(limits, reading):
        machine = name == MACHINE
        if (
            machine
        ):  # what others hold of it is theirs: a busy machine slows a run down, and refuses none
            limit, name = free, "what this machine has available"
        used, spare = limit - free, FILL * limit - (limit - free) - base_bytes
        if spare < bytes_per_thread:
            needed = used + base_bytes + bytes_per_thread
            advice = (
                "End other programs"
                if machine
                else f"Raise the limit to {-(-needed // FILL) // 2**20 + 1:.0f} MiB"
            )
            raise OptionError(
                f"The run needs {format_bytes(needed)} with one thread, of which {format_bytes(used)} are in use already, "
                f"but {format_bytes(limit)} is {name} and {format_bytes(FILL * limit)} of it may be used. {advice}, or use "
                "fewer windows, or keep fewer rows."
            )
        threads = min(threads, int(spare // bytes_per_thread)) if bytes_per_thread else threads
    return threads
