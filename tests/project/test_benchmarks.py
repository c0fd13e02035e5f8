"""Benchmarks run with the modules as they are: each on a small input, and none is timed."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qmac

ROOT = Path(__file__).parents[2]
NAMES = sorted(file.stem for file in (ROOT / "benchmarks").glob("*.py") if file.stem != "__init__")
SMALL = qmac.Grid(windows=range(2, 40, 6))


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_imported(name):
    module = importlib.import_module(f"benchmarks.{name}")
    assert module.__doc__


def test_the_suite_has_each_section():
    suite = importlib.import_module("benchmarks.suite")
    sections = {
        name
        for name in NAMES
        if name != "suite" and hasattr(importlib.import_module(f"benchmarks.{name}"), "measure")
    }
    assert set(suite.FULL) == sections >= set(suite.QUICK)


def test_the_first_unit_of_work_is_seen():
    """It replaces a private method of the pool."""
    start = importlib.import_module("benchmarks.start")
    code = start.FIRST_UNIT.replace("range(2, 253)", "range(2, 30, 4)")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert float(done.stdout.split()[0]) > 1e9


def test_the_score_of_a_combination_is_that_of_the_original(sample):
    answer = importlib.import_module("benchmarks.original_answer")
    prices = sample.tail(800)
    for name in ("stale", "right"):
        scores, rows = answer.run(prices, SMALL, name, 3)
        assert scores.size == len(rows) == 3
        for score, row in zip(scores, rows.tolist(), strict=True):
            found, better = answer.rank_of(prices, SMALL, name, tuple(row))
            assert found == pytest.approx(score, rel=1e-12) and better < SMALL.size
    assert np.isfinite(scores).all()


def test_snapshots_and_readings_are_timed(monkeypatch):
    overhead = importlib.import_module("benchmarks.overhead")
    monkeypatch.setattr(overhead, "WIDE", SMALL)
    monkeypatch.setattr(overhead, "READINGS", 2)
    assert min(overhead._tick()) >= 0
    count, each, share = overhead._snapshots()
    assert count >= 0 and each >= 0 and 0 <= share < 1
