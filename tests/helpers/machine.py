"""What a machine does to a run: cgroups, a full disk, CPUs that are taken away.

Skips where this process may not do it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from qmac.runtime.resources import cgroups

MIB = 2**20
CODE = """
import sys
from pathlib import Path
for group in {groups!r}:
    Path(group, "cgroup.procs").write_text("0")  # 0 is the writer itself
import qmac.jobs.monitor as monitor
monitor.SNAPSHOT_SECONDS, monitor.SNAPSHOT_COST = {snapshots!r}
monitor.FIRST_SECONDS = min(monitor.FIRST_SECONDS, monitor.SNAPSHOT_SECONDS)
if monitor.SNAPSHOT_SECONDS > 60:  # none is wanted
    monitor.FIRST_SECONDS = monitor.SNAPSHOT_SECONDS
from qmac.runtime.monitoring import progress_log
progress_log.LINE_SECONDS = 0.25
from qmac.cli.main import main
main()
"""
HOLDER = """
import sys, time
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text("0")
data = b"x" * int(sys.argv[2])
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""


@contextlib.contextmanager
def group(controller, **values):
    """A cgroup of version 1 below that of this process, with ``values`` in its files."""
    seen = cgroups.Groups()
    if Path("/proc/self/cgroup").exists():
        files = (Path(f"/proc/self/{name}").read_text() for name in ("cgroup", "mountinfo"))
        seen = cgroups.find_groups(*files, cgroups.CGROUPS)
    above = getattr(seen, controller)
    if not above or above[0].version != 1:
        pytest.skip(f"no {controller} cgroup of version 1 on this machine")
    made = above[0].directory / f"qmac-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        made.mkdir()
    except OSError as error:
        pytest.skip(f"this process may not make cgroups: {error}")
    try:
        for name, value in values.items():
            (made / name.replace("_", ".", 1)).write_text(str(value))
        yield made
    finally:
        for _ in range(50):  # the kernel lets go of the last process a little after it has ended
            try:
                made.rmdir()
                break
            except OSError:
                time.sleep(0.1)


@contextlib.contextmanager
def disk(place, size):
    """A small file system at ``place``, in memory; ``grow`` makes it larger."""
    place.mkdir(exist_ok=True)
    if shutil.which("mount") is None:
        pytest.skip("no mount on this machine")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"this process may not mount: {made.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def grow(place, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)


def counter(path, name=None):
    """A number of the kernel's, in a file of its own or on a line that begins with ``name``."""
    words = path.read_text().split()
    return int(words[0] if name is None else words[words.index(name) + 1])


def read_header(out):
    """Return the header of the first result of a run directory."""
    return json.loads(next((out / "results").glob("*/result.json")).read_text())


class Run:
    """``qmac`` in another process, in cgroups; its output, and the memory it takes."""

    def __init__(self, *words, groups=(), snapshots=(1.0, 1.0), before=(), **environment):
        code = CODE.format(groups=[str(path) for path in groups], snapshots=snapshots)
        self.began, self.peak = time.monotonic(), 0
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", code, *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment,
        )  # fmt: skip
        self.memory = next((path for path in groups if (path / "memory.stat").exists()), None)
        self.directory = Path(words[words.index("--out") + 1]) if "--out" in words else None
        self.kills = 0
        self._watch = threading.Thread(target=self._measure)
        self._watch.start()

    def _measure(self):
        while self.memory and self.process.poll() is None:
            self.peak = max(self.peak, counter(self.memory / "memory.stat", "total_rss"))
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._watch.join()

    def end(self, timeout=300):
        """Return its exit code; ``out`` and ``err`` are its output."""
        self.out, self.err = self.process.communicate(timeout=timeout)
        self._watch.join()
        if self.memory:
            self.kills = counter(self.memory / "memory.oom_control", "oom_kill")
        return self.process.returncode

    @property
    def anonymous(self):
        """Bytes that it holds and that no file has."""
        try:
            return 1024 * counter(Path(f"/proc/{self.process.pid}/status"), "RssAnon:")
        except ValueError:  # it has ended
            raise AssertionError(
                f"code {self.end()}, killed {self.kills} times: {self.err} {self.lines[-3:]}"
            ) from None

    @property
    def lines(self):
        path = self.directory / "progress.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for(self, holds, seconds):
        """Seconds until a new line of its progress does."""
        began, seen = time.monotonic(), len(self.lines)
        while time.monotonic() - began < seconds:
            assert self.process.poll() is None, self.process.communicate()
            if any(holds(line) for line in self.lines[seen:] if line["state"] == "running"):
                return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {self.lines[-3:]}")


@contextlib.contextmanager
def held(memory, size, seconds):
    """Another process in the cgroup that holds so many bytes."""
    code = [sys.executable, "-c", HOLDER, memory, str(size), str(seconds)]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def busy(cpu):
    """Another process that keeps a CPU busy."""
    with subprocess.Popen(
        [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"]
    ) as one:
        try:
            yield
        finally:
            one.kill()
