"""Admission control: what is left of each memory limit, and how many threads fit into it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from qmac.errors import InputError, OptionError, OutOfMemoryError, PricesError
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Probe, Reading
from qmac.runtime.resources.thresholds import ADMITTED_SHARE, AMPLE_BYTES

CGROUP, MACHINE = "the limit of the cgroup", "the memory of this machine"
"""Names of the limits that other programs share."""
MIB = 2**20
LARGE_BYTES = 64 * MIB
"""Bytes from which on memory is asked for: a look at the machine takes a millisecond or more."""


class Demand(NamedTuple):
    """What a run is about to allocate."""

    base_bytes: int
    """Whatever the threads."""
    bytes_per_thread: int = 0

    def fits(self, limits: Limits, reading: Reading) -> bool:
        """Return whether it fits now, with one thread.

        Parameters
        ----------
        limits : Limits
            Limits of the run.
        reading : Reading
            The machine now.

        Returns
        -------
        bool
            True if ``admit`` would not refuse it.
        """
        try:
            admit(limits, reading, *self, 1)
        except OptionError:
            return False
        return True


class Headroom(NamedTuple):
    """What is left of one memory limit."""

    free: int
    """Bytes."""
    limit: int
    """Bytes."""
    name: str
    """What limits, in words."""

    @property
    def share(self) -> float:
        """Free share of the limit, or of ``AMPLE_BYTES`` where the limit is larger."""
        return self.free / min(self.limit, AMPLE_BYTES)


class Refusal(NamedTuple):
    """What does not fit into a memory limit."""

    headroom: Headroom
    used_bytes: int
    needed_bytes: int
    """With what is in use."""
    advice: str | None = None
    """What to do; None: to raise the limit."""
    foreseen_bytes: int = 0
    """What will be needed later, with what is in use: the advice is enough for it, too."""

    @property
    def advised_bytes(self) -> int:
        """Memory for which the limit is to be raised."""
        return max(self.needed_bytes, self.foreseen_bytes)

    def describe(self) -> str:
        """Return why not even one thread fits, and what to do.

        Returns
        -------
        str
            Sentences of an error.
        """
        advice = self.advice or _advise_limit(self.advised_bytes)
        limit = self.headroom.limit
        return (
            f"The run needs {format_bytes(self.needed_bytes)} with one thread, of which "
            f"{format_bytes(self.used_bytes)} are in use already, but {format_bytes(limit)} is "
            f"{self.headroom.name} and {format_bytes(ADMITTED_SHARE * limit)} of it may be used. "
            f"{advice}, or use fewer windows, or a smaller top."
        )


class MemoryRefusal(OptionError):
    """A run that does not fit into a memory limit.

    Parameters
    ----------
    refusal : Refusal
        What does not fit.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.describe())
        self.refusal = refusal

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.refusal,)

    def foresee(self, later_bytes: int) -> MemoryRefusal:
        """Return the refusal whose advice is enough for what comes later, too.

        Parameters
        ----------
        later_bytes : int
            Beside what is in use now.

        Returns
        -------
        MemoryRefusal
            Of the same kind.
        """
        foreseen = self.refusal.used_bytes + later_bytes
        build, (refusal, *others) = self.__reduce__()
        error: MemoryRefusal = build(refusal._replace(foreseen_bytes=foreseen), *others)
        return error


class Shortage(MemoryRefusal):
    """Something does not fit only because of what other programs hold: it may fit soon.

    Parameters
    ----------
    refusal : Refusal
        What does not fit.
    demand : Demand
        What is to be allocated.
    """

    def __init__(self, refusal: Refusal, demand: Demand) -> None:
        super().__init__(refusal)
        self.demand = demand

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.refusal, self.demand)


def find_headrooms(limits: Limits, reading: Reading) -> list[Headroom]:
    """Return what is left of each memory limit that is known.

    Parameters
    ----------
    limits : Limits
        Limits of the run.
    reading : Reading
        The machine now.

    Returns
    -------
    list of Headroom
        The cgroup's, the run's and the machine's, as far as there are any.
    """
    headrooms = []
    cgroup_limit, total = reading.memory_limit, reading.total
    if cgroup_limit and reading.memory_used is not None:
        free = max(cgroup_limit - reading.memory_used, 0)
        headrooms.append(Headroom(free, cgroup_limit, CGROUP))
    sizes = [size for size in (cgroup_limit, total) if size]
    limit = limits.memory_bytes(min(sizes, default=None))
    if limit and reading.rss is not None:
        free = max(limit - reading.rss, 0)
        headrooms.append(Headroom(free, limit, "the limit set with memory"))
    if reading.available is not None and total:
        headrooms.append(Headroom(reading.available, total, MACHINE))
    return headrooms


def find_least_headroom(limits: Limits, reading: Reading) -> Headroom | None:
    """Return the memory limit with the fewest bytes free.

    Parameters
    ----------
    limits : Limits
        Limits of the run.
    reading : Reading
        The machine now.

    Returns
    -------
    Headroom or None
        None where no limit is known.

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
    """Return how many threads fit into 90 % of every memory limit, beside what is in use now.

    Parameters
    ----------
    limits : Limits
        Limits of the run.
    reading : Reading
        The machine now.
    base_bytes : int
        What the run will allocate beyond ``reading``, whatever the threads.
    bytes_per_thread : int
        What each thread will allocate.
    threads : int
        Most threads.

    Returns
    -------
    int
        At least 1, at most ``threads``.

    Raises
    ------
    MemoryRefusal
        If not even one thread fits; a Shortage if one would without the memory of others.

    Examples
    --------
    >>> mib = 2**20
    >>> reading = Reading(
    ...     moment=0, cpus=8, affinity=8, memory_limit=600 * mib, memory_used=200 * mib
    ... )
    >>> admit(Limits(), reading, 100 * mib, 60 * mib, threads=8)
    4
    """
    shortage: Shortage | None = None
    for headroom in find_headrooms(limits, reading):
        of_others = _count_memory_of_others(headroom, reading)
        headroom, advice = _as_admitted(headroom)
        used = headroom.limit - headroom.free
        spare = ADMITTED_SHARE * headroom.limit - used - base_bytes
        if spare < bytes_per_thread:
            needed = used + base_bytes + bytes_per_thread
            refusal = Refusal(headroom, used, needed, advice)
            if spare + of_others < bytes_per_thread:
                raise MemoryRefusal(refusal)
            shortage = shortage or Shortage(refusal, Demand(base_bytes, bytes_per_thread))
        elif bytes_per_thread:
            threads = min(threads, int(spare // bytes_per_thread))
    if shortage is not None:
        raise shortage
    return threads


def _count_memory_of_others(headroom: Headroom, reading: Reading) -> float:
    """Return what would come back of a limit if other programs ended; 0 where it is not known."""
    if headroom.name == CGROUP:
        return reading.memory_of_others or 0
    if headroom.name == MACHINE and reading.rss is not None:
        return ADMITTED_SHARE * max(headroom.limit - headroom.free - reading.rss, 0)
    return 0


def check_memory(what: str, needed: int, alternative: str = "take fewer rows") -> None:
    """Refuse to allocate memory that is not free, where it is much.

    Parameters
    ----------
    what : str
        What needs it, in words.
    needed : int
        Bytes.
    alternative : str
        What needs less.

    Raises
    ------
    OutOfMemoryError
        With the figure.
    """
    if needed > LARGE_BYTES:
        build_memory_check(Limits(), OutOfMemoryError, alternative)(what, needed)


def build_memory_check(
    limits: Limits, error: type[InputError] = PricesError, alternative: str = "take fewer rows"
) -> Callable[[str, int], None]:
    """Return a function that refuses to allocate memory that is not free.

    Parameters
    ----------
    limits : Limits
        Limits of the run.
    error : type
        What is raised.
    alternative : str
        What needs less.

    Returns
    -------
    callable
        Of what needs memory, in words, and how many bytes it does. It raises the error.
    """
    probe = Probe()

    def check(what: str, needed: int) -> None:
        for headroom, advice in map(_as_admitted, find_headrooms(limits, probe.read())):
            used = headroom.limit - headroom.free
            spare = max(ADMITTED_SHARE * headroom.limit - used, 0)
            if needed > spare:
                raise error(
                    f"{what} needs {format_bytes(needed)} of memory, but {format_bytes(spare)} "
                    f"are left of {format_bytes(headroom.limit)}, {headroom.name}, "
                    f"{ADMITTED_SHARE:.0%} of which may be used. "
                    f"{advice or _advise_limit(used + needed)}, or {alternative}."
                )

    return check


def _as_admitted(headroom: Headroom) -> tuple[Headroom, str | None]:
    """Return what a run may fill of a limit, and what to do; None: to raise the limit."""
    if headroom.name != MACHINE:
        return headroom, None
    # others' memory is theirs: a busy machine slows a run down, and refuses none
    free = headroom.free
    return Headroom(free, free, "what this machine has available"), "End other programs"


def _advise_limit(needed: int) -> str:
    return f"Raise the limit to {math.ceil(needed / ADMITTED_SHARE) // MIB + 1} MiB"
