"""Readings of the machine while a run computes: memory, its limits, pressure, CPUs, disk.

Reads, and decides nothing; ``governor`` does.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from qmac.runtime.resources.cgroups import CGROUPS, Groups, find_groups
from qmac.runtime.resources.machine import available_cpus
from qmac.runtime.resources.proc_files import read_content, read_fields
from qmac.runtime.resources.thresholds import MANY_TICKS

PROC = Path("/proc")
CHILDREN_SECONDS = 5.0
"""Between two searches for children: each walks all of /proc, 10 ms where 1,000 processes live."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at the machine.

    Bytes are bytes, shares are in [0, 1]. None: the machine does not tell (``Probe.missing``), or
    no limit is set.
    """

    moment: float
    """Seconds of a monotonic clock."""
    cpus: float
    """CPUs that may be used at once: affinity, or the tightest quota of any cgroup above."""
    affinity: int
    """CPUs that the scheduler may choose from; a quota leaves them all."""
    rss: int | None = None
    """Memory of this process and its children; what they share counts in each."""
    memory_limit: int | None = None
    """Limit of the cgroup, of the process or above it, that has the least left."""
    memory_used: int | None = None
    """Usage of the same cgroup, less page cache that the kernel drops before it kills."""
    memory_of_others: int | None = None
    """What other processes hold of the same cgroup, and give back only when they end or free it."""
    available: int | None = None
    """Memory of the machine that can be had without swapping."""
    total: int | None = None
    """Memory of the machine."""
    pressure: float | None = None
    """Share of the last 10 s in which some task waited for memory."""
    other_load: float | None = None
    """Share of ``affinity`` CPUs that other processes used since the last reading."""
    throttled: float | None = None
    """Share of the quota's periods since the last reading that ran out."""
    disk_free: int | None = None
    """Free bytes where the run is stored."""


class Probe:
    """Takes readings of this process and its surroundings.

    What a machine does not offer reads as None. One reading takes about 0.25 ms: cgroups are looked
    up once, and again only when the process is moved. Limits, quotas and affinity are read each
    time, for they may change under a run.

    Parameters
    ----------
    directory : Path, optional
        Directory of the run, for ``disk_free``.
    proc, cgroups : Path
        Where the kernel shows its files; tests pass trees of theirs.
    children : bool, default True
        Whether memory and CPU time of child processes count; not where they are a cluster, whose
        nodes look after themselves.

    Examples
    --------
    >>> reading = Probe().read()
    >>> reading.rss > 0, reading.cpus > 0, reading.disk_free
    (True, True, None)
    """

    def __init__(
        self,
        directory: Path | None = None,
        proc: Path = PROC,
        cgroups: Path = CGROUPS,
        *,
        children: bool = True,
    ) -> None:
        self._directory = directory
        self._proc = proc
        self._root = cgroups
        self._family = _Family(with_children=children)
        self._membership: bytes | None = b"not looked up"
        self._groups = Groups()
        self._throttling = _Throttling()
        self._others = _OtherLoad()
        self._missing: tuple[str, ...] = ()
        self.read()  # shares are between two readings: this is the first

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the readings that this machine did not offer last time."""
        return self._missing

    def read(self) -> Reading:
        """Return a reading of now; raises nothing.

        Returns
        -------
        Reading
            None for what cannot be read.
        """
        moment = time.monotonic()
        self._find_groups()
        self._family.update(moment)
        memory_limit, memory_used, held = self._read_cgroup_memory()
        available, total = self._read_machine_memory()
        affinity = available_cpus()
        quotas = self._read_quotas()
        reading = Reading(
            moment=moment,
            cpus=min([float(affinity), *quotas.values()]),
            affinity=affinity,
            rss=self._family.rss(),
            memory_limit=memory_limit,
            memory_used=memory_used,
            memory_of_others=self._count_memory_of_others(held),
            available=available,
            total=total,
            pressure=self._read_pressure(),
            other_load=self._others.measure(self._proc / "stat", self._family.children),
            throttled=self._throttling.measure(list(quotas)),
            disk_free=self._read_disk_free(),
        )
        self._missing = tuple(self._find_missing(reading))
        return reading

    def _find_missing(self, reading: Reading) -> Iterator[str]:
        """Yield what the machine does not offer; a limit that is not set is not missing."""
        offered = {
            "memory_limit": bool(self._groups.memory),
            "throttled": bool(self._groups.cpu),
            "disk_free": self._directory is None or reading.disk_free is not None,
            "other_load": self._others.is_offered,
            "rss": reading.rss is not None,
            "available": reading.available is not None,
            "pressure": reading.pressure is not None,
        }
        for name, is_offered in offered.items():
            if not is_offered:
                yield name

    def _find_groups(self) -> None:
        """Look the cgroups up again if the process was moved."""
        membership = read_content(self._proc / "self/cgroup")
        if membership == self._membership:
            return
        mounts = read_content(self._proc / "self/mountinfo") or b""
        self._groups = find_groups((membership or b"").decode(), mounts.decode(), self._root)
        self._membership = membership

    def _read_cgroup_memory(self) -> tuple[int | None, int | None, int | None]:
        """Return limit, usage and held memory of the cgroup that has the least left."""
        pairs = [(group.memory(), group) for group in self._groups.memory]
        limited = [(*pair, group) for pair, group in pairs if pair is not None]
        if not limited:
            return None, None, None
        limit, used, group = min(limited, key=lambda each: (each[0] - each[1], each[0]))
        return limit, used, group.held_memory()

    def _count_memory_of_others(self, held: int | None) -> int | None:
        """Return what of a cgroup's held memory is not of this process and its children."""
        ours = self._family.held_memory()
        return None if held is None or ours is None else max(held - ours, 0)

    def _read_machine_memory(self) -> tuple[int | None, int | None]:
        """Return the available and the total memory of the machine."""
        if not self._proc.is_dir():  # macOS, Windows
            memory = psutil.virtual_memory()
            return int(memory.available), int(memory.total)
        kibibytes = read_fields(self._proc / "meminfo")
        available = kibibytes.get(b"MemAvailable:")
        total = kibibytes.get(b"MemTotal:")
        return available and available * 1024, total and total * 1024

    def _read_pressure(self) -> float | None:
        """Return the pressure of the cgroup, else of the machine.

        A group may have its accounting off; then its file cannot be read.
        """
        paths = [self._proc / "pressure/memory"]
        if self._groups.unified:
            paths.insert(0, self._groups.unified[0].directory / "memory.pressure")
        for path in paths:
            content = read_content(path) or b""
            if content.startswith(b"some avg10="):
                percent = content.split(b" ", 2)[1].removeprefix(b"avg10=")
                return float(percent) / 100
        return None

    def _read_quotas(self) -> dict[Path, float]:
        quotas = {group.directory: group.quota() for group in self._groups.cpu}
        return {directory: quota for directory, quota in quotas.items() if quota is not None}

    def _read_disk_free(self) -> int | None:
        if self._directory is None:
            return None
        try:
            return shutil.disk_usage(self._directory).free
        except OSError:
            return None


class _Family:
    """This process and its children, as far as they count."""

    def __init__(self, *, with_children: bool) -> None:
        self.children: list[psutil.Process] = []
        self._with_children = with_children
        self._process = psutil.Process()
        self._due = 0.0

    def update(self, moment: float) -> None:
        """Search for children, if there are any and it is due."""
        if not self._with_children or not _has_children():
            self.children = []
        elif not self.children or moment >= self._due:
            self.children = _find_descendants(self._process)
            self._due = moment + CHILDREN_SECONDS

    def rss(self) -> int | None:
        """Return the memory of all, or None where the system does not tell."""
        try:
            resident = int(self._process.memory_info().rss)
        except psutil.Error:
            return None
        return resident + sum(_child_rss(child) for child in self.children)

    def held_memory(self) -> int | None:
        """Return the memory of all that no file has, or None where the system does not tell."""
        sizes = []
        for process in (self._process, *self.children):
            try:
                memory = process.memory_info()
                sizes.append(int(memory.rss) - int(memory.shared))
            except (psutil.Error, AttributeError):
                continue
        return sum(sizes) if sizes else None


class _Throttling:
    """How often the quota of a cgroup ran out, from one reading to the next."""

    def __init__(self) -> None:
        self._before: dict[Path, tuple[int, int]] = {}

    def measure(self, directories: list[Path]) -> float | None:
        """Return the worst share of all groups with a quota.

        A group that was not known before has no share yet: 0.
        """
        shares = []
        counts: dict[Path, tuple[int, int]] = {}
        for directory in directories:
            fields = read_fields(directory / "cpu.stat")
            if b"nr_periods" not in fields:
                continue
            periods, throttled = fields[b"nr_periods"], fields.get(b"nr_throttled", 0)
            counts[directory] = periods, throttled
            periods_before, throttled_before = self._before.get(directory, counts[directory])
            new_periods = max(periods - periods_before, 1)
            shares.append(_clip((throttled - throttled_before) / new_periods))
        self._before = counts
        return max(shares, default=None)


class _CpuTicks(NamedTuple):
    """Ticks of one CPU since the machine started."""

    busy: int
    whole: int


class _OtherLoad:
    """Load of other programs on the CPUs that may be used, from one reading to the next."""

    def __init__(self) -> None:
        self._ticks: dict[int, _CpuTicks] = {}
        self._seconds = 0.0
        self._load: float | None = None

    @property
    def is_offered(self) -> bool:
        """Whether the machine tells."""
        return bool(self._ticks)

    def measure(self, stat: Path, children: list[psutil.Process]) -> float | None:
        """Return busy time of the CPUs, less that of this process and its children.

        Over less than ``MANY_TICKS`` the last load is returned again.
        """
        content = read_content(stat)
        if not content or not content.startswith(b"cpu"):
            return None
        ticks = dict(_read_cpu_ticks(content))
        seconds = _cpu_seconds(children)
        known = ticks.keys() & self._ticks.keys()
        busy = sum(ticks[cpu].busy - self._ticks[cpu].busy for cpu in known)
        whole = sum(ticks[cpu].whole - self._ticks[cpu].whole for cpu in known)
        if whole < MANY_TICKS * len(known):
            return self._load
        if known:
            ours = (seconds - self._seconds) * os.sysconf("SC_CLK_TCK")
            self._load = _clip((busy - ours) / whole)
        self._ticks = ticks
        self._seconds = seconds
        return self._load


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _read_cpu_ticks(stat: bytes) -> Iterator[tuple[int, _CpuTicks]]:
    """Yield the ticks of each CPU that may be used.

    Stolen ticks are not busy: no program of this machine used them.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    for line in stat.splitlines()[1:]:
        if not line.startswith(b"cpu"):
            return
        name, *words = line.split()
        cpu = int(name[3:])
        if allowed is not None and cpu not in allowed:
            continue
        numbers = [int(word) for word in words] + [0] * 8
        user, nice, system, idle, waiting, hard, soft, stolen = numbers[:8]
        busy = user + nice + system + hard + soft
        yield cpu, _CpuTicks(busy, busy + idle + waiting + stolen)


def _has_children() -> bool:
    """Return whether to look for children at all: one system call, which reaps none."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _find_descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _child_rss(child: psutil.Process) -> int:
    try:
        return int(child.memory_info().rss)
    except psutil.Error:
        return 0  # it has ended


def _cpu_seconds(children: list[psutil.Process]) -> float:
    """Return the CPU time of this process, of children that ended and of those that live."""
    times = os.times()
    seconds = time.process_time() + times.children_user + times.children_system
    for child in children:
        try:
            seconds += sum(child.cpu_times()[:4])
        except psutil.Error:
            continue
    return seconds
