"""Readings of the machine: what is there, what is not, and what changes between two of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.kernel import PSI, UNIFIED_MOUNT, V1_MOUNTS, Tree

from qmac.runtime.resources import probes
from qmac.runtime.resources.cgroups import CGROUPS, Groups, find_groups
from qmac.runtime.resources.probes import Probe, Reading

MIB = 2**20


def limits(tree):
    reading = tree.probe().read()
    return reading.memory_limit, reading.memory_used


def test_limits_that_change_are_seen(v2):
    v2.v2("outer/inner", 1000, 90)
    probe = v2.probe()
    assert probe.read().memory_limit == 1000
    v2.v2("outer/inner", 700, 90)
    assert probe.read().memory_limit == 700
    v2.v2("elsewhere", 300, 90)
    v2.write("proc/self/cgroup", "0::/elsewhere\n")
    assert probe.read().memory_limit == 300


def test_a_hybrid_takes_each_controller_where_it_is(tmp_path):
    tree = Tree(
        tmp_path,
        "4:memory:/job\n1:cpu,cpuacct:/\n0::/slice\n",
        V1_MOUNTS.format(root="/") + UNIFIED_MOUNT,
    )
    tree.v1("job", 5000, 100, 30, quota=50000)
    tree.write("cgroup/unified/slice/memory.pressure", PSI.format("12.50"))
    tree.write(
        "cgroup/unified/slice/memory.max", 1
    )  # no such file in a real hybrid: it must not be looked at
    reading = tree.probe().read()
    assert (reading.memory_limit, reading.memory_used, reading.pressure) == (5000, 70, 0.125)
    assert reading.throttled is None  # the quota is of a group that this process is not in


def test_a_hybrid_with_memory_in_version_2(tmp_path):
    tree = Tree(
        tmp_path, "1:cpu,cpuacct:/\n0::/slice\n", V1_MOUNTS.format(root="/") + UNIFIED_MOUNT
    )
    tree.v2("unified/slice", 5000, 100)
    assert limits(tree) == (5000, 100)


def test_pressure(v2):
    v2.write("proc/pressure/memory", PSI.format("3.00"))
    probe = v2.probe()
    assert probe.read().pressure == 0.03
    v2.write("cgroup/outer/inner/memory.pressure", PSI.format("45.10"))
    v2.write("proc/self/cgroup", "0::/outer/inner")  # moved, so looked up again
    assert probe.read().pressure == pytest.approx(0.451)


@pytest.mark.parametrize(
    ("outer", "inner", "cpus"),
    [
        (-1, -1, 64),
        (150000, -1, 1.5),
        (-1, 50000, 0.5),
        (150000, 50000, 0.5),
        (50000, 150000, 0.5),
        (10**8, -1, 64),
    ],
)
def test_quota(v1, v2, outer, inner, cpus, monkeypatch):
    monkeypatch.setattr(probes, "available_cpus", lambda: 64)
    for group, quota in (("outer", outer), ("outer/inner", inner)):
        v1.v1(group, quota=quota)
        v2.v2(group, cpu_max="max 100000\n" if quota == -1 else f"{quota} 100000\n")
    for tree in (v1, v2):
        reading = tree.probe().read()
        assert (reading.cpus, reading.affinity) == (cpus, 64)


def test_throttled_since_the_last_reading(v1):
    v1.v1("outer/inner", quota=50000, stat=(100, 90))
    v1.v1("outer", quota=90000, stat=(100, 90))
    probe = v1.probe()
    assert probe.read().throttled == 0  # what was before the first is of no interest
    v1.v1("outer/inner", quota=50000, stat=(110, 93))
    assert probe.read().throttled == 0.3
    v1.v1("outer", quota=90000, stat=(110, 96))
    assert probe.read().throttled == 0.6
    assert probe.read().throttled == 0
    v1.v1("outer/inner", quota=-1)
    v1.v1("outer", quota=-1)
    assert probe.read().throttled is None
    assert "throttled" not in probe.missing  # no quota is set, which is not the same


STAT = "cpu  0 0 0\n{}intr 5 5\n"


def stat(tree, *cpus):
    lines = (
        f"cpu{k} {busy} 0 0 {idle} {waiting} 0 0 {stolen} 0 0\n"
        for k, busy, idle, waiting, stolen in cpus
    )
    tree.write("proc/stat", STAT.format("".join(lines)))


def test_load_of_others(v2, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    own = iter((10.0, 10.0, 10.0, 10.5, 20.0))
    monkeypatch.setattr(probes, "_cpu_seconds", lambda _: next(own))
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    stat(v2, (0, 0, 0, 0, 0), (1, 0, 0, 0, 0), (2, 0, 0, 0, 0))
    probe = v2.probe()
    stat(v2, (0, 1, 0, 0, 0), (1, 100, 0, 0, 0), (2, 1, 0, 0, 0))
    assert probe.read().other_load is None  # too soon to tell
    stat(v2, (0, 100, 0, 0, 0), (1, 100, 0, 0, 0), (2, 0, 50, 25, 25))
    assert (
        probe.read().other_load == 0.5
    )  # CPU 1 is none of ours, and waiting or stolen is not busy
    stat(v2, (0, 200, 0, 0, 0), (1, 100, 0, 0, 0), (2, 0, 150, 25, 25))
    assert probe.read().other_load == 0.25  # half of the busy time was our own
    stat(v2, (0, 200, 100, 0, 0), (1, 100, 0, 0, 0), (2, 0, 250, 25, 25))
    assert probe.read().other_load == 0  # never below


def test_memory_of_the_machine(v2):
    v2.write(
        "proc/meminfo",
        "MemTotal:       2000 kB\nMemFree:  10 kB\nMemAvailable:   500 kB\nHugePages_Total:  0\n",
    )
    reading = v2.probe().read()
    assert (reading.available, reading.total) == (500 * 1024, 2000 * 1024)


def test_what_is_not_there_is_none_and_named(tmp_path):
    (tmp_path / "proc").mkdir()
    probe = Probe(tmp_path / "no such directory", tmp_path / "proc", tmp_path / "cgroup")
    reading = probe.read()
    assert reading == Reading(
        moment=reading.moment,
        cpus=float(reading.affinity),
        affinity=len(os.sched_getaffinity(0)),
        rss=reading.rss,
    )
    assert probe.missing == (
        "memory_limit",
        "throttled",
        "disk_free",
        "other_load",
        "available",
        "pressure",
    )


def test_without_proc_psutil_says_what_the_machine_has(tmp_path):
    probe = Probe(None, tmp_path / "proc", tmp_path / "cgroup")
    reading = probe.read()
    assert 0 < reading.available < reading.total
    assert {"available", "disk_free"}.isdisjoint(probe.missing)


def test_garbage_is_none(v2):
    v2.v2("outer/inner", "a lot", "some")
    v2.write("cgroup/outer/inner/cpu.max", "\n")
    for name in ("meminfo", "stat", "pressure/memory"):
        v2.write(f"proc/{name}", "nothing of the kind\n")
    reading = v2.probe().read()
    assert (reading.memory_limit, reading.available, reading.pressure, reading.other_load) == (
        None,
    ) * 4


def test_disk(tmp_path):
    reading = Probe(tmp_path).read()
    assert reading.disk_free > 0


def test_children_count():
    alone = Probe().read().rss
    code = "data = bytearray(60 << 20); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        with_child = Probe().read().rss
        child.communicate(b"\n")
    assert with_child - alone > 60 * MIB
    assert Probe().read().rss < with_child - 50 * MIB


def test_a_child_that_ends_between_two_readings(monkeypatch):
    probe = Probe()
    with subprocess.Popen(["sleep", "60"]) as child:
        assert probe.read().rss > 0
        assert [known.pid for known in probe._family.children] == [child.pid]
        child.kill()
    monkeypatch.setattr(probes, "_has_children", lambda: True)
    monkeypatch.setattr(probes, "CHILDREN_SECONDS", 60.0)
    assert probe.read().rss > 0


def test_no_child_is_reaped_by_looking():
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as child:
        deadline = time.monotonic() + 20
        while (
            psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        Probe().read()
        assert child.wait() == 7


AFFINITY = """
import os
from qmac.runtime.resources.probes import Probe
probe = Probe()
before = probe.read()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
after = probe.read()
assert before.affinity == %d, before
assert (after.affinity, after.cpus) == (1, min(before.cpus, 1.0)), after
print("followed")
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_is_followed():
    code = AFFINITY % len(os.sched_getaffinity(0))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "followed\n", done.stderr


LIMITED = """
import sys
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text("0")  # 0 is the writer itself
from qmac.runtime.resources.probes import Probe
data = bytearray(40 << 20)
reading = Probe().read()
print(reading.memory_limit, reading.memory_used)
"""


def own_group() -> Path:
    """The cgroup of version 1 that limits the memory of this process; skips where there is none."""
    groups = Groups()
    if Path("/proc/self/cgroup").exists():
        files = (Path(f"/proc/self/{name}").read_text() for name in ("cgroup", "mountinfo"))
        groups = find_groups(*files, CGROUPS)
    if not groups.memory or groups.memory[0].version != 1:
        pytest.skip("no memory cgroup of version 1 on this machine")
    return groups.memory[0].directory


def test_a_real_group():
    # within the own one: it takes nothing out of a limit that this process is under
    group = own_group() / f"qmac-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"this process may not make cgroups: {error}")
    try:
        (group / "memory.limit_in_bytes").write_text(str(300 * MIB))
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(group)], capture_output=True, text=True, timeout=300
        )  # fmt: skip
    finally:
        for _ in range(50):  # the kernel lets go of the last process a little after it has ended
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)
    assert done.returncode == 0, done.stderr
    limit, used = map(int, done.stdout.split())
    assert limit == 300 * MIB
    assert 40 * MIB < used < 300 * MIB
    assert not group.exists()


def test_a_reading_is_cheap(tmp_path):
    # the promise is 0.5 % of a core at two readings a second: 2.5 ms each. Measured: 0.25 ms
    probe = Probe(tmp_path)
    began = time.process_time()
    for _ in range(100):
        probe.read()
    assert (time.process_time() - began) / 100 < 2.5e-3
