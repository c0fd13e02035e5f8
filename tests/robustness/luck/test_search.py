"""Is the best luck? The same answer, however it is computed, and no answer to a bad question."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.faults import LONG, let_time_pass
from helpers.series import frame, ohlc, series

import qmac
from qmac.errors import InternalError, OptionError, PricesError, ResultError, Stopped
from qmac.robustness.luck import search as luck_module
from qmac.robustness.luck.answer import read_luck
from qmac.robustness.luck.search import luck
from qmac.robustness.luck.store import ANSWER, RECORDS
from qmac.robustness.markets import resample_run
from qmac.robustness.markets.resample_sweep import ResampleSweep
from qmac.runs import records as records_module
from qmac.runs.records import RecordFile
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.parts import Part

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 40, 50, 60, 70, 80))


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES, GRID, top=3)


@pytest.fixture(scope="module")
def whole(result):
    """The answer of all of 39 resamples."""
    return luck(result, 39, stop_after=None, threads=2)


@pytest.fixture
def run(tmp_path):
    """A finished run directory, and its result."""
    path = tmp_path / "run"
    return path, qmac.optimize(PRICES, GRID, top=3, out=path)


def count_lines(path):
    return len(path.read_bytes().splitlines())


def test_every_score_is_the_best_of_a_plain_sweep(result, whole):
    sweep = ResampleSweep.build(PRICES, result.request, ("shuffle", "mirror"), seed=1)
    for null in ("shuffle", "mirror"):
        for number in (0, 38):
            prices = sweep.build_series(Part(null, number)).prices
            assert whole.scores_by_null[null][number] == optimize(prices).top_scores[0]
    assert whole.score == result.top_scores[0]
    assert whole.best == pytest.approx(result.top["total_return"].iloc[0], rel=1e-12)
    assert whole.hold == result.hold["total_return"]


def optimize(prices, **options):
    return qmac.optimize(prices, GRID, top=1, **options)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_one_digest_for_any_number_of_threads(result, threads):
    answer = luck(result, 39, threads=threads, stop_after=5)
    sweep = ResampleSweep.build(PRICES, result.request, ("shuffle", "mirror"), seed=1)
    for null, scores in answer.scores_by_null.items():
        one_by_one, exceedances = [], 0
        while exceedances < 5 and len(one_by_one) < 39:
            part = Part(null, len(one_by_one))
            one_by_one.append(sweep.compute_score(part, np.zeros(1, np.uint8)))
            exceedances += one_by_one[-1] >= answer.score
        assert scores.tolist() == one_by_one
    assert answer.digest == luck(result, 39, threads=3, stop_after=5).digest


def test_one_thread_in_turn_has_the_same_digest(result, whole):
    assert luck(result, 39, stop_after=None, executor=SerialExecutor()).digest == whole.digest


def test_counting_stops_at_the_same_resample_with_more_of_them(result, whole):
    early = luck(result, 39, threads=2, stop_after=5)
    counts = [early.counts[null].resamples for null in ("shuffle", "mirror")]
    assert max(counts) < 39
    for null, scores in early.scores_by_null.items():
        assert scores.tolist() == whole.scores_by_null[null][: scores.size].tolist()


def test_seeds_and_nulls_are_their_own_streams(result, whole):
    mirror = luck(result, 39, nulls="mirror", stop_after=None)
    assert mirror.scores_by_null["mirror"].tolist() == whole.scores_by_null["mirror"].tolist()
    other = luck(result, 39, seed=2, stop_after=None)
    assert other.digest != whole.digest
    assert not set(other.scores["score"]) & set(whole.scores["score"])


def test_the_lowest_can_be_the_best(result):
    lowest = optimize(PRICES, maximize=False)
    answer = luck(lowest, 19)
    assert answer.score == -lowest.top_scores[0]
    assert answer.best == pytest.approx(lowest.top["total_return"].iloc[0], rel=1e-12)
    assert (answer.scores["value"] < 0).all()


def test_a_trading_period(result):
    rules = qmac.Rules(start=PRICES.index[100], end=PRICES.index[249])
    swept = optimize(PRICES, rules=rules)
    answer = luck(swept, 19)
    sweep = ResampleSweep.build(PRICES, swept.request, ("mirror",), seed=1)
    prices = sweep.build_series(Part("mirror", 3)).prices
    assert len(prices) == 250
    assert prices.close[:101].tolist() == PRICES.close[:101].tolist()
    assert prices.close[101] != PRICES.close[101]
    assert answer.scores_by_null["mirror"][3] == optimize(prices, rules=rules).top_scores[0]


def test_resamples_in_which_nothing_is_scored_count_as_worse(result, whole, monkeypatch):
    compute = ResampleSweep.compute_score

    def score_some(sweep, part, stop):
        is_scored = part.sequence == "real" or part.number % 4
        return compute(sweep, part, stop) if is_scored else -math.inf

    monkeypatch.setattr(ResampleSweep, "compute_score", score_some)
    answer = luck(result, 39, stop_after=None)
    assert answer.table["nothing_scored"].tolist() == [10, 10]
    assert np.isneginf(answer.scores["score"]).sum() == 20
    assert answer.scores["value"].isna().sum() == 20
    assert answer.p < whole.p
    assert any("In 20 of the random markets" in sentence for sentence in answer.sentences)


def test_the_method_and_the_package_have_it(result, whole):
    assert result.luck(39, stop_after=None).digest == whole.digest
    assert qmac.luck is luck
    assert "luck" in qmac.__all__


def test_progress_says_how_far_it_is(result):
    shown = []
    luck(result, 19, progress=shown.append, stop_after=None)
    assert shown[-1].done == shown[-1].size == 39 * GRID.size
    assert shown[-1].name == "SPY"


# -- in a directory


@pytest.mark.parametrize("is_run", [True, False])
def test_more_resamples_go_on_from_those_that_are_there(run, tmp_path, whole, is_run):
    path, result = run
    out, folder = (path, path / "luck" / "SPY") if is_run else (tmp_path / "luck",) * 2
    first = luck(result, 19, stop_after=None, out=out)
    assert count_lines(folder / RECORDS) == 2 + 38
    assert read_luck(folder / ANSWER).digest == first.digest
    second = luck(result, 39, stop_after=None, out=out)
    assert count_lines(folder / RECORDS) == 2 + 78
    assert second.digest == whole.digest
    assert read_luck(folder / ANSWER).digest == second.digest
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "luck.parquet"), second.scores)
    assert qmac.load(path).digest == result.digest
    files = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    files.pop("progress.jsonl", None)  # a line every few seconds
    assert sum(files.values()) / 78 < 200


def test_an_answer_that_is_there_stays_as_it_is(run):
    path, result = run
    luck(result, 19, out=path)
    before = (path / "luck" / "SPY" / ANSWER).read_bytes()
    again = luck(result, 19, out=path)
    assert (path / "luck" / "SPY" / ANSWER).read_bytes() == before
    assert again.elapsed == json.loads(before)["luck"]["elapsed"]
    luck(result, 19, out=path, tried=2)
    assert (path / "luck" / "SPY" / ANSWER).read_bytes() != before


@pytest.mark.parametrize("less", [{"resamples": 19}, {"nulls": "mirror"}, {"stop_after": 5}])
def test_an_answer_of_fewer_markets_takes_the_place_of_none(run, less):
    path, result = run
    whole = luck(result, 29, out=path, stop_after=None)
    before = (path / "luck" / "SPY" / ANSWER).read_bytes()
    with pytest.warns(UserWarning, match="stays as it is: it counts more random markets"):
        answer = luck(result, **{"resamples": 29, "stop_after": None} | less, out=path)
    assert len(answer.scores) < len(whole.scores)
    assert (path / "luck" / "SPY" / ANSWER).read_bytes() == before
    assert read_luck(path / "luck" / "SPY" / ANSWER).digest == whole.digest


def test_another_seed_or_run_is_refused(run, tmp_path):
    path, result = run
    luck(result, 19, out=path)
    with pytest.raises(ResultError, match="another question: seed is 1, not 2"):
        luck(result, 19, out=path, seed=2)
    other = optimize(PRICES.tail(280))
    with pytest.raises(ResultError, match="another run: prices is"):
        luck(other, 19, out=path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(ResultError, match="not empty"):
        luck(result, 19, out=tmp_path / "full")


def test_a_directory_belongs_to_one_process_at_a_time(run):
    path, result = run
    inside = []

    def run_again(_):
        if not inside:
            inside.append(True)
            with pytest.raises(ResultError, match="is being run by"):
                luck(result, 19, out=path)

    luck(result, 19, out=path, progress=run_again)
    assert inside


FASTER = 10_000
"""A clock runs so many times as fast: what the machine is late by does not count."""


def test_a_limit_stops_it_and_it_goes_on(run, whole, monkeypatch):
    path, result = run
    swept = []
    compute = ResampleSweep.compute_score

    def slowly(sweep, part, stop):
        time.sleep(0.03)
        swept.append(part)
        return compute(sweep, part, stop)

    monkeypatch.setattr(ResampleSweep, "compute_score", slowly)
    let_time_pass(monkeypatch, resample_run, lambda: len(swept) >= 5)
    limits = qmac.Limits(max_time="1h")
    with monkeypatch.context() as patch:
        clock = SimpleNamespace(monotonic=lambda: FASTER * time.monotonic())
        patch.setattr(records_module, "time", clock)
        with pytest.raises(Stopped, match=r"stopped after \d+ of 79 sweeps .*max_time"):
            luck(result, 39, stop_after=None, threads=1, out=path, limits=limits)
    before = len(swept)
    assert count_lines(path / "luck" / "SPY" / RECORDS) == 1 + before
    began = time.perf_counter()
    answer = luck(result, 39, stop_after=None, out=path)
    second = time.perf_counter() - began
    assert len(swept) == 79
    assert before >= 5
    assert answer.elapsed > second + 0.03 * 5 * FASTER / 2  # that of both
    assert answer.digest == whole.digest


def test_ctrl_c_loses_nothing_that_is_done(run, whole):
    path, result = run

    def interrupt(status):
        if status.done > 10 * GRID.size:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        luck(result, 39, stop_after=None, out=path, progress=interrupt)
    assert count_lines(path / "luck" / "SPY" / RECORDS) > 10
    assert luck(result, 39, stop_after=None, out=path).digest == whole.digest


KILLED = """
import time
from qmac.robustness.markets.resample_sweep import ResampleSweep
compute = ResampleSweep.compute_score
def slowly(sweep, part, stop):
    time.sleep(0.1)
    return compute(sweep, part, stop)
ResampleSweep.compute_score = slowly
from qmac.cli.main import main
main()
"""
COMMAND = "luck run --resamples 39 --stop-after never --threads 2"
KILLS = 20 if LONG else 2


@pytest.mark.slow
def test_killed_again_and_again_it_gives_the_same_answer(run, whole):
    path, result = run
    records = path / "luck" / "SPY" / RECORDS
    lines = 1
    for _ in range(KILLS):
        command = [sys.executable, "-c", KILLED, *COMMAND.split()]
        with subprocess.Popen(command, cwd=path.parent, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + 300
            while time.monotonic() < until and (
                not records.exists() or count_lines(records) < lines + 30 // KILLS
            ):
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
        assert lines < count_lines(records) < 80
        lines = count_lines(records)
    assert luck(result, 39, stop_after=None, out=path).digest == whole.digest
    assert 80 <= count_lines(records) <= 80 + KILLS  # of torn lines


@pytest.mark.slow
def test_99_that_become_199_are_199_at_once(result, tmp_path):
    luck(result, 99, stop_after=None, out=tmp_path / "luck")
    more = luck(result, 199, stop_after=None, out=tmp_path / "luck")
    assert more.digest == luck(result, 199, stop_after=None).digest


def test_records_of_another_market_are_not_believed(run, monkeypatch):
    path, result = run
    read = RecordFile.read
    luck(result, 19, out=path)
    lie = lambda file: [record._replace(score=9.0) for record in read(file)]  # noqa: E731 - short
    monkeypatch.setattr(RecordFile, "read", lie)
    with pytest.raises(InternalError, match=r"is 9\.0 by the sweep of random markets"):
        luck(result, 19, out=path)


# -- bad input, before anything is written


def refused(result, match, error=ResultError, **options):
    options = {"resamples": 19} | options
    with pytest.raises(error, match=match):
        luck(result, **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"resamples": 18}, r"at least 19, got 18: p cannot be below .*0\.053"),
        ({"resamples": 1.5}, "resamples"),
        ({"stop_after": 4}, "stop_after must be at least 5"),
        ({"tried": 0}, "tried"),
        ({"seed": -1}, "seed"),
        ({"nulls": ("shufle",)}, "Did you mean 'shuffle'"),
        ({"nulls": ()}, "nulls"),
        ({"nulls": ("mirror", "mirror")}, "nulls"),
        ({"nulls": 3}, "nulls"),
        ({"threads": 0}, "threads"),
        ({"progress": 3}, "progress"),
    ],
)
def test_options_that_are_refused(result, tmp_path, options, match):
    refused(result, match, OptionError, out=tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_results_that_are_refused(result, tmp_path):
    out = tmp_path / "out"
    nothing = optimize(PRICES, constraints={"total_trades": (999, None)})
    refused(nothing, "no combination was scored", out=out)
    refused(
        dataclasses.replace(result, prices=result.prices | {"averages": "own"}),
        "averages of your own",
        out=out,
    )
    refused(dataclasses.replace(result, source=None), "prices of SPY are not", out=out)
    failed = [{"cell": 1, "combinations": 2, "reason": "lost"}]
    refused(dataclasses.replace(result, failed=failed), "1 cells failed", out=out)
    refused(dataclasses.replace(result, fingerprint=None), "kernels", out=out)
    other = dataclasses.replace(result.fingerprint, kernels="0")
    refused(dataclasses.replace(result, fingerprint=other), "kernels", out=out)
    refused(
        dataclasses.replace(result, prices=result.prices | {"sha256": "0"}), "checksum", out=out
    )
    refused("result", "qmac.Result", OptionError, out=out)
    assert not list(tmp_path.iterdir())


def test_prices_that_are_refused(tmp_path):
    few = optimize(PRICES, rules=qmac.Rules(start=PRICES.index[280]), min_trades=1)
    refused(few, "needs? at least 30|at least 30", PricesError, out=tmp_path / "out")
    closes = PRICES.frame["Close"].to_numpy().copy()
    closes[10:20] *= 1e-25  # and back: where one of both is mirrored, both go up
    steep = qmac.Prices.of(PRICES.frame.assign(Close=closes)[["Close"]], "steep")
    refused(optimize(steep), "row", PricesError, out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_refusal_while_kernels_compile_leaves_no_records(result, tmp_path, monkeypatch):
    def refuse(check):
        raise OptionError("compiling takes more memory than there is. Free some.")

    monkeypatch.setattr(resample_run, "before_compiling", refuse)
    with pytest.raises(OptionError, match="compiling"):
        luck(result, 19, out=tmp_path / "out", threads=1)
    assert not list((tmp_path / "out").rglob("records*"))
    monkeypatch.undo()
    luck(result, 19, seed=2, out=tmp_path / "out", threads=1)  # another question


def test_memory_that_is_too_small_is_refused(result):
    refused(result, "memory", OptionError, limits=qmac.Limits(memory="2MiB"))


def test_stops_are_seen_in_all_columns():
    """Resamples have opens, highs and lows, at which stops are filled."""
    prices = qmac.Prices.of(ohlc("random", 300, 4), "SPY")
    request = optimize(prices).request
    sweep = ResampleSweep.build(prices, request, ("mirror",), seed=1)
    resample = sweep.build_series(Part("mirror", 0)).prices
    assert (resample.column("High") >= resample.close * (1 - 1e-12)).all()
    assert (resample.column("Low") <= resample.column("Open") * (1 + 1e-12)).all()


def test_p_is_never_0(result):
    strong = dataclasses.replace(result, top_scores=np.array([9.0, 8.0, 7.0]))
    with pytest.raises(InternalError):
        luck(strong, 19)
    assert luck_module.RESAMPLES == 199
    assert math.isclose(luck(result, 19, tried=1000).p, 1.0)
