"""Benchmarks run with the modules as they are: each on a small input, and none is timed."""

import importlib
import subprocess
import sys
from datetime import UTC, datetime
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


def test_a_section_that_is_measured_by_itself_leaves_the_others_as_they_are():
    suite = importlib.import_module("benchmarks.suite")
    facts = {"CPUs": "60", "qmac": "0.0.1"}
    rows = [["1", "2"]]
    old = {
        name: {"name": name, "title": name, "notes": "n.", "columns": ["a", "b"], "rows": rows}
        for name in ("luck", "throughput")
    }
    written = {"machine": facts, "full": False, "sections": [old["throughput"], old["luck"]]}
    new = suite.Section("threads", "Threads", "Notes.", ("a", "b"), [("3", "4")])
    data = suite.replace_section(written, new, datetime(2026, 1, 2, tzinfo=UTC))
    assert [each["name"] for each in data["sections"]] == ["throughput", "threads", "luck"]
    assert data["sections"][0] == old["throughput"] and data["machine"] == facts
    page = suite.build_page(data)
    assert "qmac 0.0.1, but for sections that say otherwise" in page and page.count("\n## ") == 3
    assert "Notes. Measured by itself on 2026-01-02, CPUs " in page and "| 3 | 4 |" in page
    assert page.count(f"qmac {qmac.__version__}") == 1


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


def test_markets_drift_and_vary_as_they_say():
    markets = importlib.import_module("benchmarks.markets")
    for name, market in markets.MARKETS.items():
        changes = market(np.random.default_rng(1), 100_000)
        deviation = changes.std()
        assert abs(changes.mean() - markets.DRIFT) < 4 * deviation / 300, name
        skewness = ((changes - changes.mean()) ** 3).mean() / deviation**3
        assert (skewness < -1) == any(word in name for word in ("skewness", "jumps")), name
    trends = markets.plant_trends(np.random.default_rng(1), 5000, drift=1.0, duration=60)
    assert 50 < np.count_nonzero(np.diff(np.sign(trends))) < 120  # 83 turns


def test_the_truth_is_counted():
    truth = importlib.import_module("benchmarks.truth")
    market = importlib.import_module("benchmarks.markets").MARKETS["skewness of -2"]
    ps = truth.compute_ps(market, 300, "total_return", range(2))
    assert ps.shape == (2, 2) and ((ps > 0) & (ps <= 1)).all()
    assert (truth.compute_ps(market, 300, "total_return", [1]) == ps[1:]).all()
    assert truth.count_rejections(np.array([[0.05, 0.2], [0.025, 0.05]])).tolist() == [1, 0.5, 0.5]
    uniform = np.arange(1, 41) / 40
    assert truth.compute_chi2(uniform) == 0
    assert truth.compute_chi2(uniform / 10) == pytest.approx(360)  # all in the first tenth


def test_winners_are_followed_in_random_markets():
    truth = importlib.import_module("benchmarks.truth")
    market = next(iter(truth.WALKED_MARKETS.values()))
    found = truth.walk_forward(market, range(2))
    assert found.shape == (2, 3) and set(found[:, 2]) <= {0, 1}
    assert (truth.walk_forward(market, [1]) == found[1:]).all()


class Counted:
    """Counts instead of sweeping."""

    walks, power_walks, forward_walks, processes = 400, 200, 100, 2

    def run(self, tasks, walks):
        row = [0.5, 0.75, 0.0] if walks == self.forward_walks else [0.05, 1.0]
        return {name: np.tile(row, (walks, 1)) for name in tasks}


def test_the_page_of_the_truth():
    truth = importlib.import_module("benchmarks.truth")
    page = truth.write_page(Counted())
    assert "| skewness of -2 | 100.0 / 100.0 | 0.0 / 0.0 | 0.0 / 0.0 |" in page
    assert "| 0.15 % | 0 / 0 | 0 / 0 | 0 / 0 |" in page
    assert "turning after 60 bars | 0.50 +- 0.00 | 0.50 | 100 | 75 | 0 |" in page


def test_threads_are_simulated():
    threads = importlib.import_module("benchmarks.many_threads")
    simulate = threads.simulate
    part, alone, held = np.array([1.0, 2, 1]), np.array([0.0, 10, 0]), np.array([1.0, 0, 1])
    assert simulate([part] * 4, 1) == 16 and simulate([part] * 4, 2, wake=0) == 10
    assert simulate([alone] * 7, 3) == pytest.approx(30, abs=1e-3)  # the last one is alone
    assert simulate([held] * 6, 3, wake=0) == 12  # one at a time
    assert simulate([part] * 2, 5, wake=0) == 5
    assert simulate([], 2) == 0
    assert threads.compute_efficiency([alone] * 7, 3) == pytest.approx(7 / 9, rel=1e-3)
    rng = np.random.default_rng(1)
    parts = [rng.random(2 * rng.integers(0, 9) + 1) for _ in range(200)]
    work, interpreter = sum(each.sum() for each in parts), sum(each[::2].sum() for each in parts)
    for count in (1, 2, 7):
        took = simulate(parts, count)
        assert max(work / count, interpreter) <= took + 1e-9 and took < work + interpreter
    drawn = threads.draw_parts({"shuffle": [part], "mirror": [held]}, 3)
    assert [each is part for each in drawn] == [True, False] * 3


def test_what_is_projected_has_commits_and_messages_of_several():
    series = importlib.import_module("benchmarks.many_series_threads")
    one, three = np.array([1.0, 2, 1]), np.array([1.0, 6, 1])
    times = series.Times([one, three], [1, 3], beside=0.5)
    assert [pieces.tolist() for pieces in times.whole] == [[1.5, 2, 1], [2.5, 6, 1]]
    sizes = [3 if pieces[1] == 6 else 1 for pieces in times.draw(40)]
    assert 40 <= sum(sizes) < 43 and sizes == sorted(sizes, reverse=True)
    alone = series.Times([one], [1], beside=0.5)
    seconds, share = alone.project(4, 1, alone=0.25)
    assert seconds == 19 and share == 1
    handing = series.Times([np.array([0.1, 0, 0.1])], [2], beside=0.0, process=4.0)
    handed = series.hand_over(handing, alone)
    assert handed.parts[0].tolist() == [0.1, 8, 0.1] and handing.parts[0][1] == 0
