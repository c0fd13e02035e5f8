"""Keeps a run within its limits. ``decide`` is pure: readings in, a decision out; ``Governor`` asks and remembers.

A run that gets too large degrades and does not crash, in steps that each cost it less than the kernel's killer would::

    NORMAL   all threads
    HOLD     no growth
    SHED     fewer threads: half of them at each further bad reading, down to 1; optional outputs are dropped
    PAUSE    no new batches
    STOP     a snapshot, and the end

It gets worse at once and better slowly. A level is left one step at a time, after its dwell of readings that are better
than what it was entered for by a margin, so a reading that swings about a threshold changes nothing. Memory and disk
climb apart: a full disk takes no threads, and one that stays full keeps none from coming back.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from qmac.errors import OptionError
from qmac.runtime.resources.admission import MACHINE, Headroom, find_headrooms, find_least_headroom
from qmac.runtime.resources.limits import Limits, format_bytes
from qmac.runtime.resources.probes import Probe, Reading
from qmac.runtime.resources.thresholds import MARGIN, RESTORE_SECONDS, THRESHOLDS, Level, Threshold

READING_SECONDS = 0.5
KEPT = 100  # degradations from the start of a run, and as many from its end


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a run does until the next one. ``stop`` is None or a word: ``"memory"``, ``"disk"`` or ``"max_time"``."""

    level: Level = Level.NORMAL
    threads: int
    optional_outputs: bool = True
    pause: bool = False
    stop: str | None = None
    reason: str = field(default="", compare=False)  # its figures change all the time


@dataclass(frozen=True)
class Rung:
    """Where one cause stands: its level, and since when readings are good enough to leave it, or bad enough to stop."""

    level: Level = Level.NORMAL
    good: float | None = None
    grave: float | None = None


@dataclass(frozen=True, kw_only=True)
class GovernorState:
    """What is remembered from one decision to the next."""

    began: float  # moments are seconds of the readings' clock
    asked: int  # threads that the run was started with
    threads: int
    growing: float | None = None  # since when there was room for more threads
    memory: Rung = Rung()
    disk: Rung = Rung()


def decide(
    limits: Limits, reading: Reading, state: GovernorState
) -> tuple[Decision, GovernorState]:
    """The decision for a reading, and the state for the next one. Pure: time is the reading's moment.

    Examples
    --------
    >>> limits, state = Limits(), GovernorState(began=0, asked=8, threads=8)
    >>> full = Reading(moment=1, cpus=8, affinity=8, memory_limit=600 * 2**20, memory_used=560 * 2**20)
    >>> decision, state = decide(limits, full, state)
    >>> decision.level.name, decision.threads, decision.reason
    ('SHED', 4, 'memory: 93 % of 600 MiB used, the limit of the cgroup')
    """
    room = min(find_headrooms(limits, reading), key=lambda room: room.share, default=None)
    due, kept = (max(_memory_levels(room, reading, ease)) for ease in (1.0, MARGIN))
    memory = _step(state.memory, due, kept, reading.moment, THRESHOLDS[Level.STOP].memory_seconds)
    full, filled = (_disk_level(limits, reading, ease) for ease in (1.0, MARGIN))
    disk = _step(state.disk, full, filled, reading.moment, THRESHOLDS[Level.STOP].disk_seconds)
    threads, growing = _threads(limits, reading, state, memory.level, bad=due >= Level.SHED)
    late = reading.moment - state.began >= limits.seconds
    need = max(memory.level, disk.level)
    level = Level.STOP if late else need
    if late:
        reason = f"max_time: {limits.seconds:g} s are over"
    elif level is Level.NORMAL:
        reason = _threads_reason(limits, reading, state.asked, threads)
    else:
        rung, reason = memory, _memory_reason(room, reading)
        if disk.level > memory.level:
            free, wanted = format_bytes(reading.disk_free or 0), format_bytes(limits.disk_bytes)
            rung, reason = disk, f"disk: {free} free, {wanted} are to stay free"
        reason += "" if rung.good is None else "; it gets better"
    stop = None
    if level is Level.STOP:
        stop = "max_time" if late else "memory" if memory.level is Level.STOP else "disk"
    decision = Decision(
        level=level, threads=threads, optional_outputs=need < Level.SHED, pause=level >= Level.PAUSE, stop=stop, reason=reason
    )  # fmt: skip
    return decision, replace(state, threads=threads, growing=growing, memory=memory, disk=disk)


def _due(met: Callable[[Threshold], bool]) -> Level:
    return max((level for level, row in THRESHOLDS.items() if met(row)), default=Level.NORMAL)


def _memory_levels(room: Headroom | None, reading: Reading, ease: float) -> tuple[Level, Level]:
    """Due for headroom and for pressure, with thresholds that ``ease`` makes harder to be free of."""
    share = math.inf if room is None else room.share
    pressure = reading.pressure or 0.0
    return _due(lambda row: share < row.headroom * ease), _due(
        lambda row: pressure > row.pressure / ease
    )


def _disk_level(limits: Limits, reading: Reading, ease: float) -> Level:
    if reading.disk_free is None:
        return Level.NORMAL
    free = reading.disk_free
    return _due(lambda row: free < row.disk * ease * limits.disk_bytes)


def _step(rung: Rung, due: Level, kept: Level, moment: float, stop_after: float) -> Rung:
    """Up at once, but to STOP only after it has been due for a while; down by one after a dwell of good readings."""
    grave = None
    if due is Level.STOP:
        grave = moment if rung.grave is None else rung.grave
        due = Level.STOP if moment - grave >= stop_after else Level.PAUSE
    if due > rung.level or kept >= rung.level:
        return Rung(max(due, rung.level), None, grave)
    good = moment if rung.good is None else rung.good
    if moment - good < THRESHOLDS[rung.level].dwell:
        return Rung(rung.level, good)
    return Rung(Level(rung.level - 1), moment)


def count_allowed_threads(limits: Limits, reading: Reading, asked: int) -> int:
    """Threads that the CPUs have room for. Affinity and quota may have changed since the last reading."""
    most = min(asked, math.floor(max(1.0, reading.cpus * (limits.cpu_share or 1))))
    if limits.polite and reading.other_load is not None:
        # rounded: a floor would give a CPU away for the 2 % that any machine has going on
        most = min(most, math.floor(reading.affinity * (1 - reading.other_load) + 0.5))
    return max(1, most)


def _threads(
    limits: Limits, reading: Reading, state: GovernorState, level: Level, *, bad: bool
) -> tuple[int, float | None]:
    """Threads from here on, and since when there was room for more."""
    most = count_allowed_threads(limits, reading, state.asked)
    threads = min(max(1, state.threads // (2 if bad else 1)), most)
    if level > Level.NORMAL or threads == most:
        return threads, None
    growing = reading.moment if state.growing is None else state.growing
    if reading.moment - growing < RESTORE_SECONDS:
        return threads, growing
    return min(most, threads + max(1, state.asked // 4)), reading.moment


def _memory_reason(room: Headroom | None, reading: Reading) -> str:
    free, waits = _memory_levels(room, reading, MARGIN)
    if room is None or waits > free:
        return f"pressure: tasks wait for memory {100 * (reading.pressure or 0):.0f} % of the time"
    used = 100 * (1 - room.free / room.limit)
    return f"memory: {used:.0f} % of {format_bytes(room.limit)} used, {room.name}"


def _threads_reason(limits: Limits, reading: Reading, asked: int, threads: int) -> str:
    if threads == asked:
        return ""
    if threads < count_allowed_threads(limits, reading, asked):
        return "threads come back a quarter at a time"
    if threads < count_allowed_threads(replace(limits, polite=False), reading, asked):
        return f"polite: other programs use {100 * (reading.other_load or 0):.0f} % of the CPUs"
    return f"cpus: {reading.cpus * (limits.cpu_share or 1):.3g} may be used"


class Governor:
    """Asks the probe at most twice a second, decides, and writes down every change.

    Parameters
    ----------
    limits : of the run. With ``governor="observe"`` every decision is NORMAL with the threads asked for, except that
        ``max_time`` still stops; what would have been decided is written down.
    probe : where readings come from.
    threads : that the run was started with, the most that a decision gives.
    clock : monotonic seconds; readings are dated by it.

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
    ) -> None:
        self.limits, self.omitted = limits, 0  # degradations that are only counted
        self._probe, self._clock = probe, clock
        self._began = self._due = clock()
        asked = min(limits.threads or threads, threads)
        self._state = GovernorState(began=self._began, asked=asked, threads=asked)
        self._decided = self._given = Decision(threads=asked)
        self._first: list[dict[str, Any]] = []
        self._last: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.reading = probe.read()

    @property
    def memory_limit(self) -> int | None:
        """Bytes of the memory limit that is nearest, or None where none is known."""
        room = find_least_headroom(self.limits, self.reading)
        return None if room is None else room.limit

    @property
    def memory_used(self) -> int:
        """Bytes that count against it; of the machine's limit and of none, those that the process holds."""
        room = find_least_headroom(self.limits, self.reading)
        return (
            self.reading.rss or 0
            if room is None or room.name == MACHINE
            else room.limit - room.free
        )

    @property
    def degradations(self) -> list[dict[str, Any]]:
        """Every change as plain values: seconds since the start, level, threads, reason, and whether only observed.

        The first 100 and the last 100; ``omitted`` counts those between.
        """
        return [*self._first, *self._last]

    @property
    def seconds(self) -> float:
        """Since the run was started."""
        return self._clock() - self._began

    def degradations_since(self, seconds: float) -> list[dict[str, Any]]:
        """Those since a moment of the run, and what was in force then, if it was not NORMAL with all threads."""
        before = [record for record in self.degradations if record["seconds"] < seconds][-1:]
        full = ("NORMAL", self._state.asked)
        in_force = [record for record in before if (record["level"], record["threads"]) != full]
        return in_force + [record for record in self.degradations if record["seconds"] >= seconds]

    def admit_disk(self, optional: str | None) -> None:
        """Look at the disk before a run begins on it; ``optional`` is an output that little room would drop.

        Raises
        ------
        OptionError : so little is free that the run would pause at once, and stop after a minute.
        """
        free, wanted = self.reading.disk_free, self.limits.disk_bytes
        if free is None or free >= wanted or self.limits.governor != "act":
            return
        words = f"{format_bytes(free)} are free where the run is kept, but {format_bytes(wanted)} are to stay free"
        advice = f"Make room, or allow less: --disk-free {max(1, free // 2**21)}MiB."
        if free < THRESHOLDS[Level.PAUSE].disk * wanted:
            raise OptionError(f"{words}. {advice}")
        if optional is not None:
            warnings.warn(f"{words}, so {optional} is dropped. {advice}", stacklevel=2)

    def read_now(self) -> Reading:
        """A reading of now, whatever the time: what was allocated since the last one must not be let in twice."""
        self.reading = replace(self._probe.read(), moment=self._clock())
        return self.reading

    def tick(self) -> Decision:
        """The decision of now; between readings, the last one. That costs 0.2 us, a reading 0.3 ms."""
        now = self._clock()
        if now < self._due:
            return self._given
        self._due = now + READING_SECONDS
        self.reading = replace(self._probe.read(), moment=now)
        before = self._decided
        self._decided, self._state = decide(self.limits, self.reading, self._state)
        acts = self.limits.governor == "act" or self._decided.stop == "max_time"
        self._given = self._decided if acts else Decision(threads=self._state.asked)
        if self._decided != before:
            self._record(self._decided, now, {} if acts else {"observed": True})
        return self._given

    def _record(self, decision: Decision, now: float, mark: dict[str, Any]) -> None:
        record = {"seconds": round(now - self._began, 3), "level": decision.level.name}
        record |= {"threads": decision.threads, "reason": decision.reason, **mark}
        if len(self._first) < KEPT:
            self._first.append(record)
            return
        self.omitted += len(self._last) == KEPT
        self._last.append(record)
