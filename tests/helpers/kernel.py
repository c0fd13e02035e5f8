"""A tree of files as a kernel shows them: cgroups of version 1, of version 2, and /proc."""

from qmac.runtime.resources.probes import Probe

V1_NONE = 9223372036854771712
PSI = (
    "some avg10={} avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
)
V2_MOUNT = "31 23 0:28 {root} /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = """\
30 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
32 30 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 30 0:32 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 30 0:37 {root} /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
"""
UNIFIED_MOUNT = "41 30 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"


class Tree:
    """Fake files of a kernel."""

    def __init__(self, path, membership="", mounts=""):
        self.proc, self.cgroups = path / "proc", path / "cgroup"
        self.cgroups.mkdir(parents=True)
        self.write("proc/self/cgroup", membership)
        self.write("proc/self/mountinfo", mounts)

    def write(self, name, text):
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))

    def v2(self, group, limit="max", used=0, cache=0, **files):
        self.write(f"cgroup/{group}/memory.max", f"{limit}\n")
        self.write(f"cgroup/{group}/memory.current", used)
        self.write(f"cgroup/{group}/memory.stat", f"anon 7\ninactive_file {cache}\nactive_file 9\n")
        for name, text in files.items():
            self.write(f"cgroup/{group}/{name.replace('_', '.', 1)}", text)

    def v1(self, group, limit=V1_NONE, used=0, cache=0, quota=-1, period=100000, stat=(0, 0)):
        self.write(f"cgroup/memory/{group}/memory.limit_in_bytes", f"{limit}\n")
        self.write(f"cgroup/memory/{group}/memory.usage_in_bytes", used)
        self.write(
            f"cgroup/memory/{group}/memory.stat", f"inactive_file 1\ntotal_inactive_file {cache}\n"
        )
        self.write(f"cgroup/cpu,cpuacct/{group}/cpu.cfs_quota_us", quota)
        self.write(f"cgroup/cpu,cpuacct/{group}/cpu.cfs_period_us", period)
        self.write(
            f"cgroup/cpu,cpuacct/{group}/cpu.stat", "nr_periods {}\nnr_throttled {}\n".format(*stat)
        )

    def probe(self, directory=None):
        return Probe(directory, self.proc, self.cgroups)
