"""Control groups of Linux, versions 1 and 2: which limit this process, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from qmac.runtime.resources.proc_files import read_content, read_fields, read_number

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED_BYTES = 2**60
"""Version 1 writes "none" as the largest multiple of a page below 2**63."""
UNIFIED = ""
"""Controller under which version 2 is listed."""
CONTROLLERS = ("memory", "cpu", UNIFIED)
VERSIONS = {"cgroup": 1, "cgroup2": 2}
"""By the type of a mount."""


class _MemoryFiles(NamedTuple):
    """Names of a version's files."""

    limits: tuple[str, ...]
    usage: str
    cache: bytes  # field of memory.stat: page cache that the kernel drops before it kills
    held: tuple[bytes, ...]  # fields of memory.stat: what only its processes give back


MEMORY_FILES = {
    1: _MemoryFiles(
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        b"total_inactive_file",
        (b"total_rss", b"total_shmem"),
    ),
    # memory.high is a limit, too: the kernel stalls what is beyond
    2: _MemoryFiles(
        ("memory.max", "memory.high"), "memory.current", b"inactive_file", (b"anon", b"shmem")
    ),
}


class Group(NamedTuple):
    """One cgroup."""

    directory: Path
    version: int
    """Of its files: 1 or 2."""

    def memory(self) -> tuple[int, int] | None:
        """Return limit and usage of memory.

        Returns
        -------
        tuple of int, or None
            Bytes; usage without page cache that can be dropped. None where there is no limit.
        """
        files = MEMORY_FILES[self.version]
        limits = [read_number(self.directory / name) for name in files.limits]
        limit = min((limit for limit in limits if limit is not None), default=UNLIMITED_BYTES)
        if limit >= UNLIMITED_BYTES:
            return None
        usage = read_number(self.directory / files.usage)
        if usage is None:
            return None
        cache = read_fields(self.directory / "memory.stat").get(files.cache, 0)
        return limit, max(usage - cache, 0)  # the files are not of one moment

    def held_memory(self) -> int | None:
        """Return the memory that its processes hold and no file has.

        Returns
        -------
        int or None
            Bytes; None where the kernel does not tell.
        """
        fields = read_fields(self.directory / "memory.stat")
        sizes = [fields[name] for name in MEMORY_FILES[self.version].held if name in fields]
        return sum(sizes) if sizes else None

    def quota(self) -> float | None:
        """Return the CPU quota.

        Returns
        -------
        float or None
            CPUs' worth of time, or None for no quota.
        """
        if self.version == 1:
            quota = read_number(self.directory / "cpu.cfs_quota_us")
            period = read_number(self.directory / "cpu.cfs_period_us")
        else:
            words = (read_content(self.directory / "cpu.max") or b"").split()
            numbers = [int(word) if word.isdigit() else None for word in words]
            quota, period = [*numbers, None, None][:2]
        if not quota or not period or quota < 0:
            return None
        return quota / period


class Groups(NamedTuple):
    """Cgroups of a process: the one that it is in, then those above, as far as they are seen."""

    memory: tuple[Group, ...] = ()
    cpu: tuple[Group, ...] = ()
    unified: tuple[Group, ...] = ()
    """Of version 2, whether or not it holds memory and cpu."""


def find_groups(membership: str, mounts: str, root: Path) -> Groups:
    """Return the cgroups of a process.

    A controller that version 1 holds is not in version 2, so in a hybrid each is where its line of
    ``membership`` says.

    Parameters
    ----------
    membership : str
        Content of ``/proc/self/cgroup``.
    mounts : str
        Content of ``/proc/self/mountinfo``.
    root : Path
        Where cgroups are mounted.

    Returns
    -------
    Groups
        Empty where there are none.
    """
    paths: dict[str, str] = {}
    for line in membership.splitlines():
        if line.count(":") >= 2:
            _, controllers, path = line.split(":", 2)
            paths |= dict.fromkeys(controllers.split(","), path)
    groups: dict[str, tuple[Group, ...]] = {}
    for mount in reversed(list(_read_mounts(mounts))):  # of several mounts the first one counts
        place = _relocate(mount.point, root)
        for controller in mount.controllers:
            if controller in paths and controller in CONTROLLERS:
                directories = _climb(place, mount.shown, paths[controller])
                groups[controller] = tuple(Group(each, mount.version) for each in directories)
    unified = groups.get(UNIFIED, ())
    return Groups(groups.get("memory") or unified, groups.get("cpu") or unified, unified)


class _Mount(NamedTuple):
    """A mounted tree of cgroups."""

    version: int
    controllers: list[str]
    shown: str  # the group that is the root of the mount: in a container, not the topmost
    point: Path


def _read_mounts(text: str) -> Iterator[_Mount]:
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        words = [*tail.split(" "), "", "", ""]
        version = VERSIONS.get(words[0])
        if version is None:
            continue
        controllers = words[2].split(",") if version == 1 else [UNIFIED]
        fields = [field.replace("\\040", " ") for field in head.split(" ")]
        shown, point = fields[3:5]
        yield _Mount(version, controllers, shown, Path(point))


def _relocate(point: Path, root: Path) -> Path:
    """Return a mount point below ``CGROUPS`` as one below ``root``."""
    return root / point.relative_to(CGROUPS) if point.is_relative_to(CGROUPS) else point


def _climb(place: Path, shown: str, path: str) -> Iterator[Path]:
    """Yield the directory of a process's group, then those above up to the mount.

    A mount that shows only a part of the tree (a container's) begins at ``shown``. Where the path
    is not under it, because a namespace hides what is above, the root of the mount is the group.
    """
    group, top = PurePosixPath(path), PurePosixPath(shown)
    is_inside = group.is_relative_to(top) and ".." not in group.parts
    lowest = place / group.relative_to(top) if is_inside else place
    for directory in (lowest, *lowest.parents):
        if directory.is_dir():
            yield directory
        if directory == place:
            return
