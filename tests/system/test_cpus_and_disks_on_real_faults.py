"""CPUs that are taken away, full disks, other programs: on this machine, not on made-up files."""

import json
import os
import time
import warnings
from pathlib import Path

import pytest
from helpers.faults import GRID, LONG, PRICES, halted, slow
from helpers.machine import Run, busy, disk, group, grow

import qmac
from qmac.errors import ResultError
from qmac.runs import snapshot

pytestmark = pytest.mark.alone

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
KIB = [4, 12, 20, 40, 60, 100, 150, 200, 300, 400, 2000]
"""Sizes of disks, which fill up at one step after another."""
needs_two_cpus = pytest.mark.skipif(CPUS < 2, reason="two CPUs are needed")
WIDE = ("optimize", "--sample", "--windows", "2:600", "--threads", "2", "--max-time", "60s")

LIMITS = qmac.Limits(disk_free=None)


def header(out):
    return json.loads(next((out / "results").glob("*/result.json")).read_text())


@needs_two_cpus
def test_threads_follow_a_quota_and_affinity(tmp_path):
    out = tmp_path / "out"
    with (
        group("cpu", cpu_cfs_period_us=100_000, cpu_cfs_quota_us=200_000) as cpu,
        Run(*WIDE, "--out", out, groups=[cpu], snapshots=(600.0, 0.01)) as child,
    ):
        child.wait_for(lambda line: line["threads"] == 2 and line["done"] > 0, 30)
        (cpu / "cpu.cfs_quota_us").write_text("100000")
        assert (
            child.wait_for(lambda line: line["threads"] == 1, 10) < 5
        )  # of which 2 s are between two lines
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
    found = header(out)["degradations"]
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
        "2:220",
        "--polite",
        "--threads",
        "2",
        "--out",
        out,
    )
    with busy(max(os.sched_getaffinity(0))), Run(*words) as child:
        assert child.end() == 0, child.err
    assert {line["threads"] for line in child.lines[1:-1]} == {1}
    found = header(out)["degradations"]
    assert any(
        record["threads"] == 1 and record["reason"].startswith("polite: ") for record in found
    )


# A disk of some size, from nothing at all to enough; then it is made larger


@pytest.mark.parametrize("kib", KIB if LONG else KIB[::3])
def test_a_full_disk(kib, tmp_path, monkeypatch):
    plain = qmac.optimize(PRICES, GRID, top=20)
    slow(monkeypatch)
    with disk(tmp_path / "disk", f"{kib}k") as place:
        out = place / "run"
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            said, found = "", None
            try:
                found = qmac.optimize(PRICES, GRID, out=out, top=20, threads=2, limits=LIMITS)
            except (ResultError, OSError) as error:
                said = str(error)
        assert "No space left on device" in said if found is None else found.digest == plain.digest
        messages = {str(note.message) for note in notes}
        assert all(
            "no snapshot could be written (No space left on device)" in message
            for message in messages
        )
        for path in (out / "snapshots").glob("[0-9]*"):
            snapshot.decode(path)  # whole
        left = [path.name for path in place.rglob(".*")]
        assert not left, "scratch files"
        began = (out / "run.json").exists()
        grow(place, "50m")
        if began:
            again = next(iter(qmac.resume(out, threads=2, limits=LIMITS).values()))
        else:
            again = qmac.optimize(PRICES, GRID, out=out, top=20, limits=LIMITS)
        assert again.digest == plain.digest


def test_the_last_snapshot_outlives_a_disk_that_fills_up(tmp_path, monkeypatch):
    plain = qmac.optimize(PRICES, GRID, top=20)
    slow(monkeypatch, seconds=0.03)
    with disk(tmp_path / "disk", "1m") as place:
        out = halted(place / "run", 0.4, limits=LIMITS)
        newest = max((out / "snapshots").iterdir())
        before = newest.read_bytes()
        with pytest.raises(OSError), (place / "others").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 1024)
        with (
            pytest.warns(UserWarning, match="no snapshot could be written"),
            pytest.raises((ResultError, OSError)),
        ):
            qmac.resume(out, threads=2, limits=LIMITS)
        assert newest.read_bytes() == before
        (place / "others").unlink()
        assert (
            next(iter(qmac.resume(out, threads=2, limits=LIMITS).values())).digest == plain.digest
        )


def full(place):
    """A run whose prices fit on the disk, and nothing else."""
    words = (
        "optimize",
        "--sample",
        "--windows",
        "2:100",
        "--disk-free",
        "1",
        "--out",
        place / "run",
    )
    with Run(*words) as child:
        child.code = child.end()
    assert "No space left on device" in child.err.splitlines()[-1]
    return child


def test_a_full_disk_on_the_command_line(tmp_path):
    with disk(tmp_path / "disk", "300k") as place:
        assert full(place).code == 74
        grow(place, "50m")
        with Run("resume", place / "run", "--disk-free", "1") as child:
            assert child.end() == 0, child.err


def test_a_result_that_cannot_be_written_says_how_to_go_on(tmp_path):
    with disk(tmp_path / "disk", "300k") as place:
        child = full(place)
        assert child.code == 74
        assert f"qmac resume {place / 'run'}" in child.err.splitlines()[-1]


def test_scores_that_fill_the_disk_make_way_for_the_result(tmp_path):
    words = ("--sample", "--windows", "2:100", "--save-grid", "float32", "--disk-free", "1")
    with disk(tmp_path / "disk", "8m") as place:
        with Run("optimize", *words, "--out", place / "run") as child:
            assert child.end() == 0, child.err
        assert header(place / "run")["degradations"] == [
            {"reason": "scores were not kept: No space left on device"}
        ]
        assert not list((place / "run" / "scores").iterdir())


@pytest.mark.skipif(not LONG, reason="more than a minute")
def test_a_disk_that_stays_full_stops_the_run(tmp_path):
    with disk(tmp_path / "disk", "300m") as place:
        with Run(*WIDE[:-1], "120s", "--out", place / "run") as child:
            child.wait_for(lambda line: line["threads"] > 0, 60)
            (place / "others").write_bytes(bytes(250 * 2**20))
            filled = time.monotonic()
            assert child.end() == 75, child.err
        assert "%: disk: " in child.err and "256 MiB are to stay free" in child.err
        assert "pause (disk: " in child.err
        assert 60 < time.monotonic() - filled < 80


def test_a_disk_that_is_full_from_the_start_is_refused_at_once(tmp_path):
    with disk(tmp_path / "disk", "60m") as place:
        with Run("optimize", "--sample", "--windows", "2:30", "--out", place / "run") as child:
            assert child.end() == 2, child.err
        assert "256 MiB are to stay free. Make room, or allow less: --disk-free 2" in child.err
        with Run("resume", place / "run", "--disk-free", "20MiB") as child:
            assert child.end() == 0, child.err
