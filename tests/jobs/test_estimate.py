"""Estimates of what a job takes: time, memory, disk."""

import dataclasses
import re
import time
from types import SimpleNamespace

import psutil
import pytest
from helpers.series import frame, series
from helpers.terminal import inside

import qmac
from qmac.data.symbols import Symbols
from qmac.errors import OptionError
from qmac.jobs import estimate as estimates
from qmac.jobs.estimate import estimate
from qmac.jobs.job import build_job
from qmac.jobs.memory_model import finishing_bytes
from qmac.jobs.runner import run
from qmac.runtime.resources.governor import Governor
from qmac.runtime.resources.limits import Limits
from qmac.runtime.resources.probes import Probe, Reading
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=range(2, 32))


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    monkeypatch.setattr(estimates, "MEASURED_SECONDS", 0.05)


def job(*bars, grid=GRID, top=20):
    prices = {f"S{k}": qmac.Prices.of(frame(series("random", n, k))) for k, n in enumerate(bars)}
    return build_job(Symbols(prices, {}), check_request(grid, top=top))


@pytest.mark.slow
def test_the_replay_of_many_rows_counts(monkeypatch):
    now, replay = [0.0], estimates.replay_top

    def read_clock():
        now[0] += 1e-6
        return now[0]

    def take_long(series, grid, evaluator, rows):
        now[0] += 40e-6 * len(rows[0])
        return replay(series, grid, evaluator, rows)

    with monkeypatch.context() as patch:
        patch.setattr(estimates, "time", SimpleNamespace(perf_counter=read_clock))
        patch.setattr(estimates, "replay_top", take_long)
        few, many = (estimate(job(5000, top=top), Limits(), 1).seconds for top in (20, 20_000))
    assert many == pytest.approx(few + 19_980 * 40e-6, rel=0.05)
    few, many = (estimate(job(5000, top=top), Limits(), 1) for top in (20, 20_000))
    assert many.memory >= few.memory - 50 * 2**20 + finishing_bytes(5000, 30, 20_000)
    began = time.perf_counter()
    run(job(5000, top=20_000), None, Limits(), 1)
    assert (
        0.05 < many.seconds / (time.perf_counter() - began) < 20
    )  # beside other tests, on a machine that is not quiet


def test_all_rows_are_replayed_if_they_are_few():
    assert (
        estimate(job(300, grid=qmac.Grid(windows=(3, 5, 8, 13)), top=50), Limits(), 1).seconds < 1
    )


def test_no_more_threads_than_the_governor_gives(monkeypatch):
    cpus = Reading(moment=0, cpus=2.0, affinity=2, rss=50 * 2**20)
    monkeypatch.setattr(Probe, "read", lambda self: cpus)
    for limits in (Limits(threads=16), Limits(cpu_share=0.5), Limits(cpu_share=0.5, threads=2)):
        given = Governor(limits, Probe(), 16)
        given._due = 0
        assert estimate(job(300), limits, 16).threads == given.tick().threads
    cpus = dataclasses.replace(cpus, cpus=1.0)  # a quota
    assert estimate(job(300), Limits(), 16).threads == 1


def test_scores_on_disk_count(tmp_path, monkeypatch):
    reading = Probe().read()  # the same for both: this process has grown and may shrink
    monkeypatch.setattr(Probe, "read", lambda _: reading)
    monkeypatch.setattr(
        estimates, "finishing_bytes", lambda *_: 0
    )  # which takes more than this sweep
    plain, kept = (estimate(job(300), Limits(), 1, save_grid) for save_grid in (None, "float32"))
    qmac.optimize(
        frame(series("random", 300, 0)), GRID, top=20, out=tmp_path / "run", save_grid="float32"
    )
    written = sum(file.stat().st_size for file in (tmp_path / "run").glob("results/*/scores/0.*"))
    assert kept.disk - plain.disk == pytest.approx(written, rel=0.5)
    with pytest.raises(OptionError, match="'float16' is not known"):
        estimate(job(300), Limits(), 1, "float16")


def test_dry_runs_know_of_scores(csv):
    asked = ("optimize", csv, "--windows", "2:30:3", "--dry-run", "--json")
    sizes = [
        int(re.search(r'"disk": (\d+)', inside(*asked, *more).stdout)[1])
        for more in ((), ("--save-grid", "float32"))
    ]
    assert sizes[0] < sizes[1]
    wrong = inside(*asked, "--save-grid", "float16")
    assert wrong.returncode == 2 and "float16" in wrong.stderr


def test_the_longest_series_says_how_much_memory():
    alike, long = (
        estimate(job(400, 400, 400), Limits(), 1),
        estimate(job(400, 20_000, 400), Limits(), 1),
    )
    assert long.memory > alike.memory + 8 * len(GRID.windows) * 20_000 // 4
    assert long.seconds > alike.seconds
    enough = int((psutil.Process().memory_info().rss + 100 * 2**20) / 0.9)
    estimate(job(400, grid=qmac.Grid(windows=range(2, 120))), Limits(memory=enough), 1)
    large = job(400, 60_000, 400, grid=qmac.Grid(windows=range(2, 120)))
    with pytest.warns(UserWarning, match="will be left out: S1: The run needs"):
        assert estimate(large, Limits(memory=enough), 1).symbols == 2
    with pytest.raises(OptionError, match="The run needs"):
        estimate(dataclasses.replace(large, strict=True), Limits(memory=enough), 1)


def test_a_wide_grid_is_measured_by_a_part_of_it(monkeypatch):
    """2:5000 took two minutes and 5 GB."""
    built = []
    build = estimates.Dataset.build

    def note(series, grid, *rest):
        built.append(grid.buys.size)
        return build(series, grid, *rest)

    monkeypatch.setattr(estimates.Dataset, "build", note)
    wide = job(5000, grid=qmac.Grid(windows=range(2, 4001)))
    plenty = Reading(moment=0, cpus=2.0, affinity=2, rss=50 * 2**20)
    monkeypatch.setattr(Probe, "read", lambda _: plenty)
    estimated = estimate(wide, Limits(), 2)
    assert estimated.is_scaled and max(built) < 60_000
    assert estimated.memory > 2 * 144 * 3999**2
    assert estimated.seconds > estimated.combinations / 1e11  # 2e10 a second were measured


def test_a_wide_grid_that_does_not_fit_is_refused_with_the_figure():
    wide = job(5000, grid=qmac.Grid(windows=range(2, 4001)))
    with pytest.raises(OptionError, match="The run needs .* GiB with one thread"):
        estimate(wide, Limits(memory="2GiB"), 2)


def test_every_symbol_takes_something_beside_its_sweep():
    one, sixty = estimate(job(300), Limits(), 1), estimate(job(*[300] * 60), Limits(), 1)
    assert sixty.seconds > 60 * estimates.SYMBOL_SECONDS and sixty.symbols == 60
    assert one.combinations * 60 == sixty.combinations
