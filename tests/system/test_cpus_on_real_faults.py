"""CPUs that are taken away, other programs: on this machine, not on made-up files."""

import os
from pathlib import Path

import pytest
from helpers.machine import Run, busy, group, read_header

pytestmark = pytest.mark.alone

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
needs_two_cpus = pytest.mark.skipif(CPUS < 2, reason="two CPUs are needed")
WIDE = ("optimize", "--sample", "--windows", "2:600", "--threads", "2", "--max-time", "60s")


@needs_two_cpus
def test_threads_follow_a_quota_and_affinity(tmp_path):
    out = tmp_path / "out"
    with (
        group("cpu", cpu_cfs_period_us=100_000, cpu_cfs_quota_us=200_000) as cpu,
        Run(*WIDE, "--out", out, groups=[cpu], snapshots=(600.0, 0.01)) as child,
    ):
        child.wait_for(lambda line: line["threads"] == 2 and line["done"] > 0, 120)
        (cpu / "cpu.cfs_quota_us").write_text("100000")
        assert child.wait_for(lambda line: line["threads"] == 1, 10) < 5
        (cpu / "cpu.cfs_quota_us").write_text("-1")
        assert child.wait_for(lambda line: line["threads"] == 2, 20) < 10
        one = {min(os.sched_getaffinity(child.process.pid))}
        for task in Path(f"/proc/{child.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), one)
        assert child.wait_for(lambda line: line["threads"] == 1, 10) < 5
        child.process.terminate()
        assert child.end() == 75, child.err


@needs_two_cpus
def test_observing_leaves_the_threads_alone(tmp_path):
    out, one = tmp_path / "out", str(min(os.sched_getaffinity(0)))
    words = (
        "optimize",
        "--sample",
        "--windows",
        "2:120",
        "--threads",
        "2",
        "--governor",
        "observe",
        "--out",
        out,
    )
    with Run(*words, before=("taskset", "-c", one)) as child:
        assert child.end() == 0, child.err
    assert {line["threads"] for line in child.lines[:-1]} == {2}
    found = read_header(out)["degradations"]
    assert (
        found[0]["threads"] == 1
        and found[0]["observed"]
        and found[0]["reason"] == "cpus: 1 may be used"
    )


@needs_two_cpus
def test_polite_makes_way_and_says_so(tmp_path):
    out = tmp_path / "out"
    words = (
        "optimize",
        "--sample",
        "--windows",
        "2:160",
        "--polite",
        "--threads",
        "2",
        "--out",
        out,
    )
    with busy(max(os.sched_getaffinity(0))), Run(*words) as child:
        assert child.end() == 0, child.err
    assert {line["threads"] for line in child.lines[1:-1]} == {1}
    found = read_header(out)["degradations"]
    assert any(
        record["threads"] == 1 and record["reason"].startswith("polite: ") for record in found
    )
