"""Many jobs and resumes in one process: nothing may grow. Half an hour in ``make test-long``, seconds in ``make test``."""

import ctypes
import gc
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from faults import GRID, LONG, PRICES, Halt, halting

import qmac
from qmac.run import executors, keeper, ledger

pytestmark = pytest.mark.alone

MIB, PR_SET_THP_DISABLE = 2**20, 41
SECONDS = float(os.environ.get("QMAC_ENDURANCE_SECONDS", "1800" if LONG else "15"))
WARM = min(0.3 * SECONDS, 60.0)
SLOWEST = 0.97 if LONG else 0.8
"""Speed of the last minute over that of the first, in CPU time. 0.99 is asked; a median of a minute is noisy by 2 %."""
GROWTH, PER_HOUR = 4.0, 2.0
"""MiB in all beyond the warm-up, or an hour: the first counts in a short run, whose slope is noise."""


def rounds(path):
    """A job that is halted, resumed twice and deleted; one without a directory; one of two symbols."""
    out = path / "run"
    for share in (0.3, 0.6):
        with pytest.raises(Halt):
            if out.exists():
                qmac.resume(out, threads=2, progress=halting(share), limits=qmac.Limits(disk_free=None))
            else:
                qmac.optimize(PRICES, GRID, out=out, top=20, threads=2, progress=halting(share))
    digest = next(iter(qmac.resume(out, threads=2).values())).digest
    shutil.rmtree(out)
    assert qmac.optimize(PRICES, GRID, top=20, threads=2).digest == digest
    assert len(qmac.optimize_many({"a": PRICES, "b": PRICES.tail(200)}, GRID, out=out, top=5, threads=2).winners) == 2
    shutil.rmtree(out)


def test_nothing_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH_SECONDS", 0.0)  # every cell a batch, a look and a snapshot after each
    monkeypatch.setattr(executors, "POLL_SECONDS", 0.0002)
    monkeypatch.setattr(keeper, "SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr(keeper, "SNAPSHOT_COST", 1e9)
    if sys.platform == "linux":  # no huge pages: they fill by themselves what was asked for, in steps of 2 MiB
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    process = psutil.Process()
    rounds(tmp_path)
    files, threads = process.num_fds(), threading.active_count()
    began, measured = time.monotonic(), []
    while time.monotonic() - began < SECONDS:
        busy = time.process_time()  # not the wall's: other processes may be at work
        rounds(tmp_path)
        busy = time.process_time() - busy
        gc.collect()
        measured.append((time.monotonic() - began, process.memory_info().rss / MIB, busy))
        assert process.num_fds() <= files
        assert threading.active_count() <= threads
    assert list(tmp_path.iterdir()) == []
    moments, sizes, costs = np.array(measured)[[moment > WARM for moment, *_ in measured]].T
    slope = float(np.polyfit(moments, sizes, 1)[0]) * 3600
    growth = slope / 3600 * float(moments[-1] - moments[0])
    few = max(1, round(costs.size * min(1.0, 60 / SECONDS)))
    speed = float(np.median(costs[:few]) / np.median(costs[-few:]))
    print(
        f"{len(measured)} rounds, {sizes[0]:.1f} to {sizes[-1]:.1f} MiB, {slope:.1f} MiB/h, {growth:.2f} MiB in all; "
        f"the last minute at {speed:.3f} of the speed of the first"
    )
    assert growth < GROWTH or slope < PER_HOUR
    assert speed > SLOWEST
    assert not [path for path in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(path)]
