"""Many jobs and resumes in one process: nothing may grow.

An hour in ``make test-long``, with exports, reports and Ray; seconds in ``make test``. The
environment variable QMAC_ENDURANCE_SECONDS sets another time.
"""

import os
import time

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.rounds import HAS_RAY, Seen, Subject

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("QMAC_ENDURANCE_SECONDS", "3600" if LONG else "8"))
WARM = min(0.3 * SECONDS, 60.0)
PAIRS = max(5, round(SECONDS / 18))
SLOWEST = 0.98 if SECONDS >= 1800 else 0.8
"""Least speed beside a new process: four runs gave 0.990 to 0.998, one with a planted leak."""
IN_USE, RESIDENT = max(0.5, SECONDS / 3600), 2.0
"""MiB. The first is the promise, 1 an hour: 0.06 was measured in half of one, and 5.7 with 2 KiB a
round leaked on purpose. The second leaves room for what the C library holds for each thread: it
comes in steps of up to 0.7, under load at any time."""


def grown(moments: np.ndarray, sizes: np.ndarray) -> float:
    """By the line that fits best: one moment says little."""
    return float(np.polyfit(moments, sizes, 1)[0] * (moments[-1] - moments[0]))


def test_nothing_grows(tmp_path):
    os.environ["QMAC_SOAK"] = "1" if SECONDS > 60 else ""  # exports, reports and Ray, too
    seen, moments = [], []
    with Subject(tmp_path / "old") as old:
        first = old.round()  # may compile kernels, beside other tests that do
        began = time.monotonic()
        while time.monotonic() - began < SECONDS:
            seen.append(old.round())
            moments.append(time.monotonic() - began)
            assert seen[-1].descriptors <= first.descriptors
            assert seen[-1].threads <= first.threads
            assert not seen[-1].left
        with Subject(
            tmp_path / "fresh"
        ) as fresh:  # in turns: what other processes do to the machine, it does to both
            fresh.round()
            pairs = np.array([(old.round().busy, fresh.round().busy) for _ in range(PAIRS)])
    warm = np.array(moments) > WARM
    past = Seen(*np.array(seen)[warm].T)
    resident, in_use = (
        grown(np.array(moments)[warm], sizes) for sizes in (past.resident, past.in_use)
    )
    speed = float(np.median(pairs[:, 1] / pairs[:, 0]))
    print(
        f"{len(seen)} rounds, resident {past.resident[0]:.2f} to {past.resident[-1]:.2f} MiB, "
        f"grown by {resident:.3f}; in use {past.in_use[0]:.2f} to {past.in_use[-1]:.2f} MiB, "
        f"grown by {in_use:.3f}; speed {speed:.3f}; {seen[-1].clusters} clusters"
    )
    assert in_use < IN_USE
    assert resident < RESIDENT
    assert speed > SLOWEST
    if HAS_RAY:
        assert seen[-1].clusters >= SECONDS // 900  # other tests may have one at the time
