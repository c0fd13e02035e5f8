"""Keeps a run within its limits: ``decide`` is pure, ``Governor`` takes readings and remembers.

A run that gets too large degrades and does not crash, in steps that each cost it less than the
kernel's out-of-memory killer would::

    NORMAL   all threads
    HOLD     no growth
    SHED     fewer threads: half of them at each further bad reading, down to 1; optional outputs
             are dropped
    PAUSE    no new batches
    STOP     a snapshot, and the end

It gets worse at once and better slowly. A level is left one step at a time, after its dwell of
readings that are better than its threshold by a margin, so a reading that swings about a threshold
changes nothing. Memory and disk climb apart: a full disk takes no threads, and one that stays full
lets threads come back.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from qmac.errors import OptionError, warn
from qmac.runtime.resources.admission import (
    MACHINE,
    Demand,
    Headroom,
    admit,
    find_headrooms,
    find_least_headroom,
)
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Probe, Reading
from qmac.runtime.resources.thresholds import MARGIN, RESTORE_SECONDS, THRESHOLDS, Level, Threshold

READING_SECONDS = 0.5
"""Between two readings."""
RECENT_SECONDS, AMPLE_TIMES = 1.0, 8
"""A reading that is younger admits a series beside others, if it has so many times the room."""
RECORDS = 100
"""Degradations that are recorded from the start of a run, and as many from its end."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a run does until the next decision."""

    level: Level = Level.NORMAL
    threads: int
    optional_outputs: bool = True
    """Whether outputs that a run can do without are written."""
    pause: bool = False
    """Whether no new batches begin."""
    stop: str | None = None
    """``"memory"``, ``"disk"``, ``"max_time"`` or ``"request"`` if the run ends."""
    reason: str = field(default="", compare=False)
    """Why, in words; not compared, for its figures change all the time."""


@dataclass(frozen=True)
class Rung:
    """Where one cause stands on the ladder of levels."""

    level: Level = Level.NORMAL
    good: float | None = None
    """Since when readings are good enough to leave the level."""
    grave: float | None = None
    """Since when readings are bad enough to stop."""


@dataclass(frozen=True, kw_only=True)
class GovernorState:
    """What is remembered from one decision to the next; moments are seconds of one clock."""

    began: float
    requested_threads: int
    """Threads that the run was started with."""
    threads: int
    growing: float | None = None
    """Since when there was room for more threads."""
    memory: Rung = Rung()
    disk: Rung = Rung()


class _Due(NamedTuple):
    """The level that a reading calls for."""

    level: Level
    """The level that is due."""
    lasting: Level
    """The level that is not left: due with thresholds that are harder to pass by ``MARGIN``."""


def decide(
    limits: Limits, reading: Reading, state: GovernorState
) -> tuple[Decision, GovernorState]:
    """Return the decision for a reading. Pure: the time is the reading's moment.

    Parameters
    ----------
    limits : Limits
        Limits of the run.
    reading : Reading
        The machine now.
    state : GovernorState
        What the last call returned.

    Returns
    -------
    Decision
        What to do.
    GovernorState
        For the next call.

    Examples
    --------
    >>> state = GovernorState(began=0, requested_threads=8, threads=8)
    >>> full = Reading(
    ...     moment=1, cpus=8, affinity=8, memory_limit=600 * 2**20, memory_used=560 * 2**20
    ... )
    >>> decision, state = decide(Limits(), full, state)
    >>> decision.level.name, decision.threads, decision.reason
    ('SHED', 4, 'memory: 93 % of 600 MiB used, the limit of the cgroup')
    """
    scarcest = min(find_headrooms(limits, reading), key=lambda room: room.share, default=None)
    memory_due = _find_memory_due(scarcest, reading)
    disk_due = _find_disk_due(limits, reading)
    stop = THRESHOLDS[Level.STOP]
    memory = _step(state.memory, memory_due, reading.moment, stop.memory_seconds)
    disk = _step(state.disk, disk_due, reading.moment, stop.disk_seconds)
    is_bad = memory_due.level >= Level.SHED
    threads, growing = _decide_threads(limits, reading, state, memory.level, is_bad=is_bad)
    after = replace(state, threads=threads, growing=growing, memory=memory, disk=disk)

    need = max(memory.level, disk.level)
    is_late = reading.moment - state.began >= limits.seconds
    level = Level.STOP if is_late else need
    decision = Decision(
        level=level,
        threads=threads,
        optional_outputs=need < Level.SHED,
        pause=level >= Level.PAUSE,
        stop=_find_stop(after, is_late=is_late),
        reason=_explain(limits, reading, scarcest, after, is_late=is_late),
    )
    return decision, after


# -- levels


def _find_highest(is_due: Callable[[Threshold], bool]) -> Level:
    """Return the highest level whose threshold is passed."""
    due = [level for level, threshold in THRESHOLDS.items() if is_due(threshold)]
    return max(due, default=Level.NORMAL)


def _headroom_level(headroom: Headroom | None, ease: float = 1.0) -> Level:
    share = math.inf if headroom is None else headroom.share
    return _find_highest(lambda threshold: share < threshold.headroom * ease)


def _pressure_level(reading: Reading, ease: float = 1.0) -> Level:
    pressure = reading.pressure or 0.0
    return _find_highest(lambda threshold: pressure > threshold.pressure / ease)


def _find_memory_due(headroom: Headroom | None, reading: Reading) -> _Due:
    return _Due(
        max(_headroom_level(headroom), _pressure_level(reading)),
        max(_headroom_level(headroom, MARGIN), _pressure_level(reading, MARGIN)),
    )


def _find_disk_due(limits: Limits, reading: Reading) -> _Due:
    free = reading.disk_free
    if free is None:
        return _Due(Level.NORMAL, Level.NORMAL)
    unit = limits.disk_bytes
    return _Due(
        _find_highest(lambda threshold: free < threshold.disk * unit),
        _find_highest(lambda threshold: free < threshold.disk * MARGIN * unit),
    )


def _step(rung: Rung, due: _Due, moment: float, stop_after: float) -> Rung:
    """Return the next rung: up at once, down by one after a dwell of good readings.

    STOP is reached only after it has been due for ``stop_after`` seconds; until then it is PAUSE.
    """
    level = due.level
    grave = None
    if level is Level.STOP:
        grave = moment if rung.grave is None else rung.grave
        level = Level.STOP if moment - grave >= stop_after else Level.PAUSE
    if level > rung.level or due.lasting >= rung.level:
        return Rung(max(level, rung.level), None, grave)
    good = moment if rung.good is None else rung.good
    if moment - good < THRESHOLDS[rung.level].dwell:
        return Rung(rung.level, good)
    return Rung(Level(rung.level - 1), moment)


def _find_stop(state: GovernorState, *, is_late: bool) -> str | None:
    """Return what ends the run, in a word."""
    if is_late:
        return "max_time"
    if state.memory.level is Level.STOP:
        return "memory"
    return "disk" if state.disk.level is Level.STOP else None


# -- threads


def count_allowed_threads(limits: Limits, reading: Reading, most: int) -> int:
    """Return how many threads the CPUs have room for.

    Affinity and quota may have changed since the last reading. A part of a CPU is a thread: one too
    many is throttled, one too few leaves the part idle.

    Parameters
    ----------
    limits : Limits
        Limits of the run.
    reading : Reading
        The machine now.
    most : int
        Threads that the run was started with.

    Returns
    -------
    int
        At least 1, at most ``most``.
    """
    share = limits.cpu_share or 1
    cpus = min(math.ceil(reading.cpus), reading.affinity)
    threads = min(most, max(1, math.floor(cpus * share)))
    if limits.polite and reading.other_load is not None:
        idle = reading.affinity * (1 - reading.other_load)
        # rounded: a floor would give a CPU away for the 2 % that any machine has going on
        threads = min(threads, math.floor(idle + 0.5))
    return max(1, threads)


def _decide_threads(
    limits: Limits, reading: Reading, state: GovernorState, level: Level, *, is_bad: bool
) -> tuple[int, float | None]:
    """Return the threads from now on, and since when there was room for more."""
    allowed = count_allowed_threads(limits, reading, state.requested_threads)
    halved = state.threads // 2 if is_bad else state.threads
    threads = min(max(1, halved), allowed)
    if level > Level.NORMAL or threads == allowed:
        return threads, None
    growing = reading.moment if state.growing is None else state.growing
    if reading.moment - growing < RESTORE_SECONDS:
        return threads, growing
    quarter = max(1, state.requested_threads // 4)
    return min(allowed, threads + quarter), reading.moment


# -- reasons


def _explain(
    limits: Limits,
    reading: Reading,
    headroom: Headroom | None,
    state: GovernorState,
    *,
    is_late: bool,
) -> str:
    """Return why a decision is what it is, in words."""
    if is_late:
        return f"max_time: {limits.seconds:g} s are over"
    memory, disk = state.memory, state.disk
    if max(memory.level, disk.level) is Level.NORMAL:
        return _explain_threads(limits, reading, state)
    if disk.level > memory.level:
        free = format_bytes(reading.disk_free or 0)
        reason = f"disk: {free} free, {format_bytes(limits.disk_bytes)} are to stay free"
        good = disk.good
    else:
        reason = _explain_memory(headroom, reading)
        good = memory.good
    return reason if good is None else f"{reason}; it gets better"


def _explain_memory(headroom: Headroom | None, reading: Reading) -> str:
    by_pressure = _pressure_level(reading, MARGIN)
    by_headroom = _headroom_level(headroom, MARGIN)
    if headroom is None or by_pressure > by_headroom:
        waiting = reading.pressure or 0.0
        return f"pressure: tasks wait for memory {100 * waiting:.0f} % of the time"
    used = 1 - headroom.free / headroom.limit
    limit = format_bytes(headroom.limit)
    return f"memory: {100 * used:.0f} % of {limit} used, {headroom.name}"


def _explain_threads(limits: Limits, reading: Reading, state: GovernorState) -> str:
    requested, threads = state.requested_threads, state.threads
    if threads == requested:
        return ""
    if threads < count_allowed_threads(limits, reading, requested):
        return "threads come back a quarter at a time"
    if threads < count_allowed_threads(replace(limits, polite=False), reading, requested):
        percent = 100 * (reading.other_load or 0)
        return f"polite: other programs use {percent:.0f} % of the CPUs"
    cpus = reading.cpus * (limits.cpu_share or 1)
    return f"cpus: {cpus:.3g} may be used"


# -- the governor


class _BoundedRecord:
    """Changes of a run, the first ones and the last ones."""

    def __init__(self) -> None:
        self.omitted = 0
        self._first: list[dict[str, Any]] = []
        self._last: deque[dict[str, Any]] = deque(maxlen=RECORDS)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [*self._first, *self._last]

    def append(self, record: dict[str, Any]) -> None:
        if len(self._first) < RECORDS:
            self._first.append(record)
            return
        if len(self._last) == RECORDS:
            self.omitted += 1
        self._last.append(record)


class Governor:
    """Takes a reading at most twice a second, decides, and records every change.

    Sweeps side by side share one: any thread may call it.

    Parameters
    ----------
    limits : Limits
        Limits of the run. With ``governor="observe"`` every decision is NORMAL with all threads,
        except that ``max_time`` still stops; what would have been decided is recorded.
    probe : Probe
        Where readings come from.
    threads : int
        Threads that the run was started with, the most that a decision allows.
    clock : callable, default time.monotonic
        Seconds; readings are dated by it.
    reading : Reading, optional
        The last one of the same probe; another one is not due until it is old.

    Examples
    --------
    >>> Governor(Limits(memory="100%"), Probe(), threads=1).tick().threads
    1
    """

    def __init__(
        self,
        limits: Limits,
        probe: Probe,
        threads: int,
        clock: Callable[[], float] = time.monotonic,
        reading: Reading | None = None,
    ) -> None:
        self.limits = limits
        self._probe = probe
        self._clock = clock
        self._began = self._due = clock()
        threads = min(limits.threads or threads, threads)
        self._state = GovernorState(began=self._began, requested_threads=threads, threads=threads)
        self._decided = Decision(threads=threads)
        self._in_force = self._decided
        self._record = _BoundedRecord()
        self._lock = threading.Lock()
        if reading is None or self._began - reading.moment >= READING_SECONDS:
            self.reading = probe.read()
        else:
            self.reading = reading
            self._judge(self._began)
            self._due = min(reading.moment + READING_SECONDS, self._began + limits.seconds)

    @property
    def memory_limit(self) -> int | None:
        """Bytes of the nearest memory limit, or None where none is known."""
        headroom = find_least_headroom(self.limits, self.reading)
        return None if headroom is None else headroom.limit

    @property
    def memory_used(self) -> int:
        """Bytes that count against that limit.

        Without a limit, or against the memory of the machine, it is what this process holds.
        """
        headroom = find_least_headroom(self.limits, self.reading)
        if headroom is None or headroom.name == MACHINE:
            return self.reading.rss or 0
        return headroom.limit - headroom.free

    @property
    def degradations(self) -> list[dict[str, Any]]:
        """Every change as plain values: seconds since the start, level, threads, reason, observed.

        The first 100 and the last 100; ``omitted`` counts those between.
        """
        return self._record.records

    @property
    def omitted(self) -> int:
        """Changes that were counted and not recorded."""
        return self._record.omitted

    @property
    def seconds(self) -> float:
        """Time since the start of the run."""
        return self._clock() - self._began

    def degradations_since(self, seconds: float) -> list[dict[str, Any]]:
        """Return the changes since a moment of the run.

        Parameters
        ----------
        seconds : float
            Time since the start of the run.

        Returns
        -------
        list of dict
            As ``degradations``; the first one is what was in force at that moment, unless it was
            NORMAL with all threads.
        """
        records = self.degradations
        changes = [record for record in records if record["seconds"] >= seconds]
        earlier = [record for record in records if record["seconds"] < seconds]
        if not earlier:
            return changes
        in_force = earlier[-1]
        is_full = in_force["threads"] == self._state.requested_threads
        if in_force["level"] == Level.NORMAL.name and is_full:
            return changes
        return [in_force, *changes]

    def admit_disk(self, optional: str | None) -> None:
        """Check the disk before a run begins on it, and warn if an output will be dropped.

        Parameters
        ----------
        optional : str or None
            Name of an output that little room would drop.

        Raises
        ------
        OptionError
            If so little is free that the run would pause at once, and stop after a minute.
        """
        free, wanted = self.reading.disk_free, self.limits.disk_bytes
        if free is None or free >= wanted or self.limits.governor != "act":
            return
        shortage = (
            f"{format_bytes(free)} are free where the run is stored, "
            f"but {format_bytes(wanted)} are to stay free"
        )
        half = max(1, free // 2**21)
        advice = f"Make room, or allow less: --disk-free {half}MiB."
        if free < THRESHOLDS[Level.PAUSE].disk * wanted:
            raise OptionError(f"{shortage}. {advice}")
        if optional is not None:
            warn(f"{shortage}, so {optional} is dropped. {advice}", stacklevel=2)

    def read_now(self) -> Reading:
        """Return a new reading, due or not: what was allocated must not be admitted twice.

        Returns
        -------
        Reading
            Dated by the clock.
        """
        with self._lock:
            self.reading = replace(self._probe.read(), moment=self._clock())
            return self.reading

    def admit(
        self,
        base_bytes: int,
        bytes_per_thread: int = 0,
        threads: int = 1,
        *,
        is_beside: bool = False,
    ) -> int:
        """Return how many threads fit into memory now.

        Parameters
        ----------
        base_bytes : int
            What is about to be allocated, whatever the threads.
        bytes_per_thread : int
            What each thread will allocate.
        threads : int
            Most threads.
        is_beside : bool
            Whether it is one of many series side by side. A reading takes as long as preparing a
            short one, so the last one counts if it has room for ``AMPLE_TIMES`` as much.

        Returns
        -------
        int
            At least 1, at most ``threads``.

        Raises
        ------
        OptionError
            If not even one thread fits; a Shortage if one would without the memory of others.
        """
        reading = self.reading
        if is_beside and self._clock() - reading.moment < RECENT_SECONDS:
            wanted = AMPLE_TIMES * (base_bytes + threads * bytes_per_thread)
            if Demand(wanted).fits(self.limits, reading):
                return threads
        return admit(self.limits, self.read_now(), base_bytes, bytes_per_thread, threads)

    def stop(self, reason: str) -> None:
        """End the run, if it is not to end already: every decision from now on is to stop.

        Parameters
        ----------
        reason : str
            Why, in words.
        """
        with self._lock:
            if self._in_force.stop is not None:
                return
            self._in_force = replace(
                self._in_force, level=Level.STOP, pause=True, stop="request", reason=reason
            )
            self._due = math.inf

    def tick(self) -> Decision:
        """Return the decision of now; between readings, the last one.

        Returns
        -------
        Decision
            What to do. It costs 0.2 us, or 0.3 ms with a reading.
        """
        now = self._clock()
        if now < self._due:
            return self._in_force
        with self._lock:
            return self._decide(now)

    def _decide(self, now: float) -> Decision:
        if now < self._due:  # another thread has just decided
            return self._in_force
        self._due = now + READING_SECONDS
        self.reading = replace(self._probe.read(), moment=now)
        return self._judge(now)

    def _judge(self, now: float) -> Decision:
        """Decide on the last reading."""
        before = self._decided
        self._decided, self._state = decide(self.limits, self.reading, self._state)
        acts = self.limits.governor == "act" or self._decided.stop == "max_time"
        unlimited = Decision(threads=self._state.requested_threads)
        self._in_force = self._decided if acts else unlimited
        if self._decided != before:
            self._note(self._decided, now, is_observed=not acts)
        return self._in_force

    def _note(self, decision: Decision, now: float, *, is_observed: bool = False) -> None:
        record = {
            "seconds": round(now - self._began, 3),
            "level": decision.level.name,
            "threads": decision.threads,
            "reason": decision.reason,
        }
        if is_observed:
            record["observed"] = True
        self._record.append(record)
