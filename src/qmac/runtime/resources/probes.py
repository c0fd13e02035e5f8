"""What the machine says while a run computes: memory, its limits, pressure, CPUs, disk. Reads, and decides nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil

from qmac.runtime.resources.machine import available_cpus

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
UNLIMITED = 2**60  # bytes; version 1 writes "none" as the largest multiple of a page below 2**63
LEAST_TICKS = 10  # of each CPU, 0.1 s: over less, ticks that come whole are noise
CHILDREN_SECONDS = 5.0  # finding them walks all of /proc: 10 ms where 1,000 processes live


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at the machine. None: it does not say (``Probe.missing``), or nothing is set.

    Bytes are bytes, shares are in [0, 1], ``moment`` is in seconds of a monotonic clock.
    """

    moment: float
    cpus: float  # that may be used at once: affinity, or the tightest quota of any cgroup above
    affinity: int  # CPUs that the scheduler may choose from; a quota leaves them all
    rss: int | None = None  # held by this process and its children; what they share counts in each
    memory_limit: int | None = None  # of the cgroup, own or above, that has the least left
    memory_used: int | None = (
        None  # of the same, less page cache that the kernel drops before it kills
    )
    available: int | None = None  # memory of the machine that can be had without swapping
    total: int | None = None  # memory of the machine
    pressure: float | None = (
        None  # of the last 10 s, the share in which some task waited for memory
    )
    other_load: float | None = (
        None  # CPU that other processes used since the last reading, of ``affinity`` CPUs
    )
    throttled: float | None = (
        None  # of the quota's periods since the last reading, those that ran out
    )
    disk_free: int | None = None  # where the run is kept


class Probe:
    """Takes readings of this process and its surroundings. What a machine does not offer reads as None.

    One reading takes about 0.25 ms: cgroups are looked up once and again only when the process is moved;
    limits, quotas and affinity are read each time, for they may change under a run.

    Parameters
    ----------
    directory : of the run, for ``disk_free``; None for none.
    proc, cgroups : where the kernel shows its files; tests give trees of their own.
    children : whether theirs counts as ours; not where they are a cluster, whose nodes look after themselves.

    Examples
    --------
    >>> reading = Probe().read()
    >>> reading.rss > 0, reading.cpus > 0, reading.disk_free
    (True, True, None)
    """

    def __init__(
        self, directory: Path | None = None, proc: Path = PROC, cgroups: Path = CGROUPS, *, children: bool = True
    ) -> None:  # fmt: skip
        self._with_children = children
        self._directory, self._proc, self._root = directory, proc, cgroups
        self._process = psutil.Process()
        self._children: list[psutil.Process] = []
        self._children_due = 0.0
        self._membership: bytes | None = b"not looked up"
        self._groups = Groups()
        self._periods: dict[Path, tuple[int, int]] = {}
        self._ticks: dict[int, tuple[int, int]] = {}
        self._own_seconds = 0.0
        self._missing: tuple[str, ...] = ()
        self._load: float | None = None
        self.read()  # shares are between two readings: this is the first

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the readings that this machine does not offer, as of the last one."""
        return self._missing

    def read(self) -> Reading:
        """A reading of now. Raises nothing: what cannot be read is None."""
        moment = time.monotonic()
        self._look_up()
        self._find_children(moment)
        memory_limit, memory_used = self._memory()
        available, total = self._machine()
        affinity, quotas = available_cpus(), self._quotas()
        reading = Reading(
            moment=moment,
            cpus=min([float(affinity), *quotas.values()]),
            affinity=affinity,
            rss=self._rss(),
            memory_limit=memory_limit,
            memory_used=memory_used,
            available=available,
            total=total,
            pressure=self._pressure(),
            other_load=self._other_load(),
            throttled=self._throttled(quotas),
            disk_free=self._disk_free(),
        )
        offered = {  # no limit set is not missing: there is a place to set it
            "memory_limit": bool(self._groups.memory),
            "throttled": bool(self._groups.cpu),
            "disk_free": self._directory is None or reading.disk_free is not None,
            "other_load": bool(self._ticks),
            **{
                name: getattr(reading, name) is not None
                for name in ("rss", "available", "pressure")
            },
        }
        self._missing = tuple(name for name, there in offered.items() if not there)
        return reading

    def _look_up(self) -> None:
        membership = _content(self._proc / "self/cgroup")
        if membership != self._membership:
            mounts = _content(self._proc / "self/mountinfo")
            self._groups = find_groups(
                (membership or b"").decode(), (mounts or b"").decode(), self._root
            )
            self._membership = membership

    def _find_children(self, moment: float) -> None:
        if not self._with_children or not _has_children():
            self._children = []
        elif not self._children or moment >= self._children_due:
            self._children, self._children_due = (
                _descendants(self._process),
                moment + CHILDREN_SECONDS,
            )

    def _rss(self) -> int | None:
        try:
            own = int(self._process.memory_info().rss)
        except psutil.Error:
            return None
        return own + sum(_child_rss(child) for child in self._children)

    def _memory(self) -> tuple[int | None, int | None]:
        """Limit and use of the cgroup that has the least left."""
        known = [pair for group in self._groups.memory if (pair := group.memory()) is not None]
        return min(known, key=lambda pair: (pair[0] - pair[1], pair[0]), default=(None, None))

    def _machine(self) -> tuple[int | None, int | None]:
        if not self._proc.is_dir():  # macOS, Windows
            memory = psutil.virtual_memory()
            return int(memory.available), int(memory.total)
        fields = _fields(self._proc / "meminfo")
        available, total = fields.get(b"MemAvailable:"), fields.get(b"MemTotal:")
        return available and available * 1024, total and total * 1024

    def _pressure(self) -> float | None:
        """The own cgroup's, else the machine's. A group may have its accounting off: then its file cannot be read."""
        own = [group.directory / "memory.pressure" for group in self._groups.unified[:1]]
        for path in (*own, self._proc / "pressure/memory"):
            if (content := _content(path)) and content.startswith(b"some avg10="):
                return float(content.split(b" ", 2)[1][len(b"avg10=") :]) / 100
        return None

    def _quotas(self) -> dict[Path, float]:
        quotas = ((group.directory, group.quota()) for group in self._groups.cpu)
        return {directory: quota for directory, quota in quotas if quota is not None}

    def _throttled(self, quotas: dict[Path, float]) -> float | None:
        """The worst of the groups with a quota. One of which nothing was known before has no share yet: 0."""
        shares, before, self._periods = [], self._periods, {}
        for directory in quotas:
            fields = _fields(directory / "cpu.stat")
            if b"nr_periods" not in fields:
                continue
            now = fields[b"nr_periods"], fields.get(b"nr_throttled", 0)
            then = before.get(directory, now)
            shares.append(min(max((now[1] - then[1]) / max(now[0] - then[0], 1), 0.0), 1.0))
            self._periods[directory] = now
        return max(shares, default=None)

    def _other_load(self) -> float | None:
        """Busy time of the CPUs that may be used, less that of this process and its children."""
        content = _content(self._proc / "stat")
        if not content or not content.startswith(b"cpu"):
            return None
        allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        ticks = {
            cpu: pair for cpu, pair in _cpu_ticks(content) if allowed is None or cpu in allowed
        }
        seconds = _own_seconds(self._children)
        both = [(now, self._ticks[cpu]) for cpu, now in ticks.items() if cpu in self._ticks]
        busy, whole = (sum(now[k] - then[k] for now, then in both) for k in (0, 1))
        if whole < LEAST_TICKS * len(both):
            return self._load
        if both:
            own = (seconds - self._own_seconds) * os.sysconf("SC_CLK_TCK")
            self._load = min(max((busy - own) / whole, 0.0), 1.0)
        self._ticks, self._own_seconds = ticks, seconds
        return self._load

    def _disk_free(self) -> int | None:
        try:
            return None if self._directory is None else shutil.disk_usage(self._directory).free
        except OSError:
            return None


class Group(NamedTuple):
    """One cgroup: its directory and the version of its files."""

    directory: Path
    version: int

    def memory(self) -> tuple[int, int] | None:
        """Limit and use in bytes, or None for no limit. ``memory.high`` is one: the kernel stalls what is beyond."""
        limits: tuple[str, ...]
        if self.version == 1:
            limits, use, cache = (
                ("memory.limit_in_bytes",),
                "memory.usage_in_bytes",
                b"total_inactive_file",
            )
        else:
            limits, use, cache = ("memory.max", "memory.high"), "memory.current", b"inactive_file"
        numbers = [_number(self.directory / name) for name in limits]
        limit = min((number for number in numbers if number is not None), default=UNLIMITED)
        if limit >= UNLIMITED or (used := _number(self.directory / use)) is None:
            return None
        return limit, max(used - _fields(self.directory / "memory.stat").get(cache, 0), 0)

    def quota(self) -> float | None:
        """CPUs' worth of time, or None for no quota."""
        if self.version == 1:
            quota, period = (
                _number(self.directory / f"cpu.cfs_{name}_us") for name in ("quota", "period")
            )
        else:
            words = (_content(self.directory / "cpu.max") or b"").split()
            quota, period = (
                int(word) if word.isdigit() else None for word in (*words, b"", b"")[:2]
            )
        return quota / period if quota and period and quota > 0 else None


class Groups(NamedTuple):
    """The cgroups of a process, each its own first and then those above, as far as they can be seen."""

    memory: tuple[Group, ...] = ()
    cpu: tuple[Group, ...] = ()
    unified: tuple[Group, ...] = ()  # version 2, whether or not it holds memory and cpu


def find_groups(membership: str, mounts: str, root: Path) -> Groups:
    """The groups of a process from its ``/proc/self/cgroup`` and ``mountinfo``; ``root`` is where cgroups are mounted.

    A controller that version 1 holds is not in version 2, so in a hybrid each is where its own line says.
    """
    paths: dict[str, str] = {}
    for _, controllers, path in (
        line.split(":", 2) for line in membership.splitlines() if line.count(":") >= 2
    ):
        paths |= dict.fromkeys(controllers.split(","), path)  # that of version 2 is ""
    seen: dict[str, tuple[Group, ...]] = {"memory": (), "cpu": (), "": ()}
    seen |= dict(_mounted(paths, mounts, root))
    return Groups(seen["memory"] or seen[""], seen["cpu"] or seen[""], seen[""])


def _mounted(
    paths: dict[str, str], mounts: str, root: Path
) -> Iterator[tuple[str, tuple[Group, ...]]]:
    for line in reversed(mounts.splitlines()):  # of several mounts the first one counts
        fields, _, tail = line.partition(" - ")
        kind, _, options = (*tail.split(" "), "", "", "")[:3]
        if kind not in {"cgroup", "cgroup2"}:
            continue
        shown, point = (word.replace("\\040", " ") for word in fields.split(" ")[3:5])
        place = (
            root / Path(point).relative_to(CGROUPS)
            if Path(point).is_relative_to(CGROUPS)
            else Path(point)
        )
        for controller in options.split(",") if kind == "cgroup" else ("",):
            if controller in paths and controller in {"memory", "cpu", ""}:
                version = 1 if kind == "cgroup" else 2
                yield (
                    controller,
                    tuple(
                        Group(path, version) for path in _upwards(place, shown, paths[controller])
                    ),
                )


def _upwards(place: Path, shown: str, path: str) -> Iterator[Path]:
    """A process's own group, then those above up to the mount.

    A mount that shows only a part of the tree (a container's) begins at ``shown``; where the path is not under it,
    for a namespace hides what is above, the mount's root is the own group.
    """
    own, top = PurePosixPath(path), PurePosixPath(shown)
    inside = own.is_relative_to(top) and ".." not in own.parts
    directory = place / own.relative_to(top) if inside else place
    for group in (directory, *directory.parents):
        if group.is_dir():
            yield group
        if group == place:
            return


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    """The number in a file; None for "max" or no file."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None


def _fields(path: Path) -> dict[bytes, int]:
    """Lines of a name and a number."""
    lines = (line.split(None, 2) for line in (_content(path) or b"").splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _cpu_ticks(stat: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """(busy, whole) of each CPU in ticks. Stolen ticks are not busy: no program of this machine used them."""
    for line in stat.splitlines()[1:]:
        if not line.startswith(b"cpu"):
            return
        name, *words = line.split()
        user, nice, system, idle, waiting, hard, soft, stolen = (
            [int(word) for word in words] + [0] * 8
        )[:8]
        busy = user + nice + system + hard + soft
        yield int(name[3:]), (busy, busy + idle + waiting + stolen)


def _has_children() -> bool:
    """Whether to look for children at all: one system call that reaps none, where there is such a thing."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _child_rss(child: psutil.Process) -> int:
    try:
        return int(child.memory_info().rss)
    except psutil.Error:
        return 0  # it has ended


def _own_seconds(children: list[psutil.Process]) -> float:
    """CPU seconds of this process, of children that ended and of those that live."""
    times = os.times()
    seconds = time.process_time() + times.children_user + times.children_system
    for child in children:
        try:
            seconds += sum(child.cpu_times()[:4])
        except psutil.Error:
            continue
    return seconds
