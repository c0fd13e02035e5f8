"""Disks of some size, from nothing at all to enough: real ones, not made-up files.

Each is a file system of its own, so that other tests may run meanwhile.
"""

import time
import warnings

import pytest
from helpers.faults import GRID, LONG, PRICES, halted, slow
from helpers.machine import Run, disk, grow, read_header

import qmac
from qmac.errors import ResultError
from qmac.runs import snapshot

pytestmark = pytest.mark.slow

KIB = [4, 12, 20, 40, 60, 100, 150, 200, 300, 400, 2000]
"""Sizes of disks, which fill up at one step after another."""
LIMITS = qmac.Limits(disk_free=None)


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


def test_a_full_disk_on_the_command_line(tmp_path):
    """The prices fit on it, and nothing else."""
    with disk(tmp_path / "disk", "300k") as place:
        words = ("--sample", "--windows", "2:100", "--disk-free", "1", "--out", place / "run")
        with Run("optimize", *words) as child:
            assert child.end() == 74, child.err
        last = child.err.splitlines()[-1]
        assert "No space left on device" in last and f"qmac resume {place / 'run'}" in last
        grow(place, "50m")
        with Run("resume", place / "run", "--disk-free", "1") as child:
            assert child.end() == 0, child.err


def test_scores_that_fill_the_disk_make_way_for_the_result(tmp_path):
    words = ("--sample", "--windows", "2:100", "--save-grid", "float32", "--disk-free", "1")
    with disk(tmp_path / "disk", "8m") as place:
        with Run("optimize", *words, "--out", place / "run") as child:
            assert child.end() == 0, child.err
        assert read_header(place / "run")["degradations"] == [
            {"reason": "scores were not kept: No space left on device"}
        ]
        assert not list((place / "run" / "scores").iterdir())


@pytest.mark.skipif(not LONG, reason="more than a minute")
def test_a_disk_that_stays_full_stops_the_run(tmp_path):
    with disk(tmp_path / "disk", "300m") as place:
        with Run(
            "optimize",
            "--sample",
            "--windows",
            "2:600",
            "--threads",
            2,
            "--max-time",
            "120s",
            "--out",
            place / "run",
        ) as child:
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
