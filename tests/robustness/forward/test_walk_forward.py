"""Walk-forward: plain trains, exact ranks, no look-ahead, one answer however it is computed."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, ohlc, series
from helpers.terminal import inside
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import qmac
from qmac.engine.backtest.backtest import compute_equity
from qmac.engine.backtest.inputs import build_inputs
from qmac.engine.dataset.series import PreparedSeries
from qmac.errors import GridError, OptionError, ResultError, Stopped
from qmac.robustness.forward.store import RECORDS
from qmac.robustness.forward.walk_forward import walk_forward
from qmac.runtime.execution.executor import SerialExecutor
from qmac.storage.directories import safe_name
from qmac.strategy.grid import ROLES

PRICES = qmac.Prices.of(frame(series("ticks", 600, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 40, 50, 60, 70, 80))
FEW = qmac.Grid(windows=(2, 3, 5, 8, 13))
FOLDS = {"train": 250, "test": 120}


@pytest.fixture(scope="module")
def whole():
    return walk_forward(PRICES, GRID, **FOLDS, threads=2)


@pytest.fixture(scope="module")
def tied():
    """Winners of few trades, some of which others share."""
    return walk_forward(PRICES, GRID, **FOLDS, min_trades=1, threads=2)


def bars_of(row):
    """Return the numbers of the first and last bars of train and test."""
    names = ("train_start", "train_end", "test_start", "test_end")
    return [int(PRICES.index.get_loc(row[name])) for name in names]


def windows_of(row):
    return tuple(int(row[role]) for role in ROLES)


def test_every_train_is_a_plain_optimization(whole):
    assert len(whole.folds) == len(whole.train_digests) == 2
    for digest, (_, row) in zip(whole.train_digests, whole.folds.iterrows(), strict=True):
        rules = qmac.Rules(start=row["train_start"], end=row["train_end"])
        result = qmac.optimize(PRICES, GRID, rules=rules)
        assert result.digest == digest
        assert result.best == windows_of(row)
        top = result.top.iloc[0]
        assert row["train_score"] == pytest.approx(top["total_return"], rel=1e-12)
        assert row["train_annualized"] == top["annualized_return"]


def test_the_first_fold_begins_where_the_largest_window_is_defined(whole):
    assert bars_of(whole.folds.iloc[0]) == [80, 329, 330, 449]
    late = qmac.Rules(start=PRICES.index[100], end=PRICES.index[559])
    bounded = walk_forward(PRICES, FEW, rules=late, **FOLDS)
    assert bars_of(bounded.folds.iloc[0])[0] == 100 and bounded.left_over == 90


def growth_in_test(row, combinations):
    """Return what each combination earned in a test, as a logarithm, from its whole backtest."""
    start, _, border, end = bars_of(row)
    rules = qmac.Rules(start=PRICES.index[start], end=PRICES.index[end])
    series = PreparedSeries.build(PRICES, GRID.windows, rules)
    inputs = build_inputs(series, combinations)
    eve = border - 1 - series.period.first
    growth = []
    for number in range(len(combinations)):
        equity = compute_equity(series.period, inputs.list_trades(number), 1.0)
        growth.append(np.log(equity[-1] / equity[eve]))
    return np.array(growth)


def test_ranks_are_those_of_brute_force_ties_included(tied):
    combinations = np.array([GRID.combination(index) for index in range(GRID.size)])
    ties = 0
    for _, row in tied.folds.iterrows():
        growth = growth_in_test(row, combinations)
        own = growth[GRID.index(windows_of(row))]
        assert np.log1p(row["test_return"]) == pytest.approx(own, abs=1e-12)
        assert row["test_score"] == pytest.approx(row["test_return"], rel=1e-12)
        ties += (np.abs(growth - own) < 1e-13).sum() - 1
        better = (growth > own + 1e-13).sum()
        assert row["rank"] == better + 1
        assert row["scored"] == GRID.size
        assert row["better_than"] == 1 - (better + 1) / GRID.size
        for q in (5, 25, 50, 75, 95):
            share = (growth <= np.log1p(row[f"q{q:02}"]) + 1e-3).mean()
            assert share >= q / 100 - 0.02
        equity = qmac.backtest(PRICES, windows_of(row)).equity
        assert equity.size == 600
    assert ties > 0


def test_ranks_of_results_that_stops_make_equal():
    """A dozen window sets that all lost the stop differ by rounding, and are no better."""
    prices = qmac.Prices.of(ohlc("random", 300, 5), "SPY")
    rules = qmac.Rules(fill="next_open", slippage=0.0, stop_loss=0.02, take_profit=0.03)
    forward = walk_forward(prices, FEW, rules=rules, train=60, test=15, min_trades=0, threads=1)
    combinations = np.array([FEW.combination(index) for index in range(FEW.size)])
    mixed = 0
    for _, row in forward.folds.iterrows():
        start, border, end = (
            int(prices.index.get_loc(row[name]))
            for name in ("train_start", "test_start", "test_end")
        )
        bounds = dataclasses.replace(rules, start=prices.index[start], end=prices.index[end])
        series = PreparedSeries.build(prices, FEW.windows, bounds)
        inputs = build_inputs(series, combinations)
        eve = border - 1 - series.period.first
        equity = [
            compute_equity(series.period, inputs.list_trades(number), 1.0)
            for number in range(FEW.size)
        ]
        growth = np.array([np.log(each[-1] / each[eve]) for each in equity])
        own = growth[FEW.index(windows_of(row))]
        equal = growth[np.abs(growth - own) < 1e-12]
        mixed += equal.min() < equal.max()
        assert row["rank"] == (growth > own + 1e-12).sum() + 1
    assert mixed


@pytest.mark.filterwarnings("ignore:prices. all 60 bars")
def test_a_train_of_minutes_that_lost_all_in_a_year_has_a_kept_share():
    """Its return a year is -100 % in float64."""
    minutes = pd.date_range("2020-01-01", periods=60, freq="min")
    close = pd.Series(series("random", 60, 5), minutes)
    grid = qmac.Grid(windows=(2, 3, 4, 5))
    rules = qmac.Rules(slippage=0.0, periods_per_year=525_600)
    forward = walk_forward(close, grid, rules=rules, train=6, test=2, min_trades=0, threads=1)
    annualized = forward.folds["train_annualized"]
    assert (annualized == -1).any() or np.isinf(annualized).any()
    assert np.isfinite(forward.kept_share) or np.isnan(forward.kept_share)
    worst = walk_forward(
        close, grid, rules=rules, train=6, test=2, min_trades=0, maximize=False, threads=1
    )
    assert (worst.folds["train_annualized"] == -1).any() and np.isnan(worst.kept_share)


def test_the_best_in_hindsight_is_the_best_of_brute_force(whole):
    combinations = np.array([GRID.combination(index) for index in range(GRID.size)])
    for number, (_, row) in enumerate(whole.folds.iterrows()):
        growth = growth_in_test(row, combinations)
        record = whole.records[2 * number + 1]
        assert record["best_score"] == pytest.approx(growth.max(), abs=1e-12)
        best = growth[GRID.index(tuple(record["best"]))]
        assert best == pytest.approx(growth.max(), abs=1e-13)


def test_accounts_and_metrics(whole):
    assert list(whole.equity) == list(whole.metrics) == ["followed", "hold", "first", "hindsight"]
    assert len(whole.equity) == 240
    for name in whole.equity:
        total = whole.equity[name].iloc[-1] / 100 - 1
        assert whole.metrics[name]["total_return"] == pytest.approx(total, rel=1e-12)
    closes = PRICES.close[[329, 569]]
    assert whole.metrics["hold"]["total_return"] == pytest.approx(
        closes[1] / closes[0] / 1.0025 - 1, rel=1e-12
    )
    assert whole.equity["hindsight"].iloc[-1] >= whole.equity["followed"].iloc[-1]
    years = 240 / PRICES.periods_per_year
    mean = np.log1p(whole.folds["train_annualized"]).mean()
    kept = np.log(whole.equity["followed"].iloc[-1] / 100) / years / mean
    assert whole.kept_share == pytest.approx(kept, rel=1e-12)


def test_same_position_compares_with_the_winner_before(whole):
    first, second = (row for _, row in whole.folds.iterrows())
    assert np.isnan(first["same_position"])
    start, _, border, end = bars_of(second)
    rules = qmac.Rules(start=PRICES.index[start], end=PRICES.index[end])
    held = []
    for row in (first, second):
        trades = qmac.backtest(PRICES, windows_of(row), rules).trades
        is_held = np.zeros(600, bool)
        for trade in trades.itertuples():
            opened, closed = map(PRICES.index.get_loc, (trade.entry_date, trade.exit_date))
            is_held[opened : closed + (trade.exit == "open")] = True
        held.append(is_held[border : end + 1])
    assert second["same_position"] == (held[0] == held[1]).mean()


@pytest.mark.parametrize("executor", [SerialExecutor(), None])
def test_one_digest_for_any_threads_and_executor(whole, executor):
    other = walk_forward(PRICES, GRID, **FOLDS, threads=3, executor=executor)
    assert other.digest == whole.digest
    assert other.folds.equals(whole.folds) and other.equity.equals(whole.equity)


@settings(max_examples=5, phases=[Phase.explicit, Phase.generate])
@given(
    st.integers(20, 120),
    st.integers(25, 60),
    st.integers(0, 9),
    st.booleans(),
    st.integers(0, 1000),
)
def test_no_fold_looks_ahead(train, test, gap, anchored, seed):
    """To the bit: other prices after a train change no choice, and after a test no fold."""
    rng = np.random.default_rng(seed)
    close = series("random", 200, seed)
    layout = {"train": train, "test": test, "gap": gap, "anchored": anchored, "threads": 1}
    before = walk_forward(frame(close), FEW, **layout)
    number = int(rng.integers(len(before.folds)))
    row = before.folds.iloc[number]
    dates = frame(close).index
    train, both = slice(2 * number, 2 * number + 1), slice(0, 2 * number + 2)
    for name, records in (("train_end", train), ("test_end", both)):
        other = close.copy()
        begin = dates.get_loc(row[name]) + 1
        other[begin:] *= np.exp(np.cumsum(rng.normal(0, 0.05, 200 - begin)))
        after = walk_forward(frame(other), FEW, **layout)
        assert after.records[records] == before.records[records]
    if begin < 200:
        assert after.folds.iloc[: number + 1].equals(before.folds.iloc[: number + 1])
        bars = before.equity.index <= row["test_end"]
        columns = ["followed", "hold", "first", "hindsight"]
        assert after.equity[bars][columns].equals(before.equity[bars][columns])


def test_objectives_of_bars_rank_in_the_test_and_others_choose_only():
    sharpe = walk_forward(PRICES, FEW, "sharpe_ratio", **FOLDS)
    row = sharpe.folds.iloc[0]
    assert sharpe.ranked_by == "sharpe_ratio" and row["test_score"] != row["test_return"]
    start, _, border, end = bars_of(row)
    rules = qmac.Rules(start=PRICES.index[start], end=PRICES.index[end])
    equity = qmac.backtest(PRICES, windows_of(row), rules).equity.to_numpy()[border - start - 1 :]
    returns = equity[1:] / equity[:-1] - 1
    ratio = returns.mean() / returns.std(ddof=1) * np.sqrt(PRICES.periods_per_year)
    assert row["test_score"] == pytest.approx(ratio, rel=1e-9)
    worst = walk_forward(PRICES, FEW, maximize=False, **FOLDS)
    ranks = worst.folds["rank"].to_numpy()
    growth = growth_in_test(
        worst.folds.iloc[0], np.array([FEW.combination(index) for index in range(FEW.size)])
    )
    own = growth[FEW.index(windows_of(worst.folds.iloc[0]))]
    assert ranks[0] == (growth < own - 1e-13).sum() + 1


@pytest.mark.slow
def test_an_objective_that_is_no_sum_over_bars():
    forward = walk_forward(PRICES, FEW, "max_drawdown", **FOLDS)
    assert forward.ranked_by == "total_return"
    assert any("max_drawdown is no sum over bars" in text for text in forward.sentences)
    row = forward.folds.iloc[0]
    assert row["test_score"] == pytest.approx(row["test_return"], rel=1e-12)
    assert row["train_score"] <= 0


def test_constraints_choose_and_do_not_judge():
    forward = walk_forward(PRICES, FEW, constraints={"total_return": (50, None)}, **FOLDS)
    row = forward.folds.iloc[0]
    assert row[list(ROLES)].isna().all() and row["scored"] == FEW.size
    assert np.isnan(row["better_than"]) and row["test_return"] == 0
    assert (forward.equity["followed"] == 100).all() and np.isnan(forward.kept_share)
    assert any("stayed in cash" in text for text in forward.sentences)
    assert forward.above_median == (0, 0)


def test_averages_of_ones_own(whole):
    averages = PreparedSeries.build(PRICES, GRID.windows, qmac.Rules()).compute_averages(
        GRID.windows
    )
    own = walk_forward(PRICES, GRID, averages=averages, **FOLDS)
    assert own.train_digests == whole.train_digests and own.digest != whole.digest
    undefined = np.full((5, 600), np.nan)
    with pytest.raises(GridError, match="window 13 are undefined"):
        walk_forward(PRICES, FEW, averages=undefined, **FOLDS)


def test_progress_says_how_far_it_is():
    shown = []
    walk_forward(PRICES, FEW, **FOLDS, progress=shown.append)
    assert {status.parts for status in shown} == {4}
    assert shown[0].name == "SPY 2001-01-18 to 2002-01-02"


# -- in a directory


class Interrupted(Exception):
    pass


def test_an_interrupted_one_goes_on(whole, tmp_path):
    out = tmp_path / "out"
    records = out / "forward" / safe_name("SPY") / RECORDS
    for most in (1, 2, 3):

        def interrupt(status, most=most):
            if status.part > most:
                raise Interrupted

        with pytest.raises(Interrupted):
            walk_forward(PRICES, GRID, **FOLDS, out=out, progress=interrupt)
        assert len(records.read_bytes().splitlines()) == 1 + most
    with records.open("ab") as file:
        file.write(b'{"part": "test", "fo')  # torn
    resumed = walk_forward(PRICES, GRID, **FOLDS, out=out)
    assert resumed.digest == whole.digest and resumed.folds.equals(whole.folds)
    again = walk_forward(PRICES, GRID, **FOLDS, out=out)
    assert again.elapsed == resumed.elapsed  # the one that is stored
    assert qmac.load(out).digest == whole.digest
    assert sorted(path.name for path in records.parent.iterdir()) == ["folds.jsonl", "forward.json"]


def test_a_new_directory_is_a_run_that_is_resumed(whole, tmp_path):
    out = tmp_path / "out"

    def interrupt(status):
        if status.part > 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        walk_forward(PRICES, GRID, **FOLDS, out=out, progress=interrupt)
    resumed = inside("resume", out, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["walk_forward"]["digest"] == whole.digest
    averages = PreparedSeries.build(PRICES, FEW.windows, qmac.Rules()).compute_averages(FEW.windows)
    folds = FOLDS | {"averages": averages}
    made = walk_forward(PRICES, FEW, **folds, out=tmp_path / "averages")
    resumed = inside("resume", tmp_path / "averages", "--json")
    assert json.loads(resumed.stdout)["walk_forward"]["digest"] == made.digest


def test_a_directory_of_an_earlier_version_goes_on(whole, tmp_path):
    out, old = tmp_path / "out", tmp_path / "old"
    walk_forward(PRICES, GRID, **FOLDS, out=out)
    shutil.copytree(out / "forward" / safe_name("SPY"), old)
    (old / "forward.json").unlink()
    again = walk_forward(PRICES, GRID, **FOLDS, out=old)
    assert again.digest == whole.digest
    earlier = json.loads((old / RECORDS).read_bytes().splitlines()[-1])["s"]
    assert again.elapsed >= earlier  # which is 0.0 where all was swept in an instant
    assert qmac.load(old).digest == whole.digest
    assert sorted(path.name for path in old.iterdir()) == [
        "folds.jsonl", "forward.json", "lock", "progress.jsonl",
    ]  # fmt: skip
    with pytest.raises(ResultError, match="another question: folds.gap is 0, not 1"):
        walk_forward(PRICES, GRID, **FOLDS, gap=1, out=old)
    with pytest.raises(ResultError, match="another question: prices"):
        walk_forward(PRICES.tail(590), GRID, **FOLDS, out=old)


def test_a_limit_of_time_ends_it_with_the_fold(tmp_path):
    limits = qmac.Limits(max_time=0.001)
    with pytest.raises(Stopped, match=r"train of fold 1 of 2"):
        walk_forward(PRICES, FEW, **FOLDS, out=tmp_path / "out", limits=limits)
    with pytest.raises(ResultError, match="another question: folds.gap is 0, not 1"):
        walk_forward(PRICES, FEW, **FOLDS, gap=1, out=tmp_path / "out")
    assert walk_forward(PRICES, FEW, **FOLDS, out=tmp_path / "out").left_over == 30 + 67


def test_another_question_or_other_files_are_refused(tmp_path):
    out = tmp_path / "out"
    walk_forward(PRICES, FEW, **FOLDS, out=out)
    with pytest.raises(ResultError, match="another question: folds.gap is 0, not 1"):
        walk_forward(PRICES, FEW, **FOLDS, gap=1, out=out)
    with pytest.raises(ResultError, match="another run: prices"):
        walk_forward(PRICES.tail(590), FEW, **FOLDS, out=out)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ResultError, match="is not empty"):
        walk_forward(PRICES, FEW, **FOLDS, out=tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"train": 250},
        {"holdout": 0.3, "train": 250, "test": 100},
        {"holdout": 1.5},
        {"train": 800, "test": 100},
        {"holdout": 0.99},
        {"train": 250, "test": 100, "constraints": {"sharpe": (1, None)}},
        {"train": 250, "test": 100, "objective": "sharpe"},
        {"train": 250, "test": 100, "threads": 0},
    ],
)
def test_nothing_is_written_for_a_bad_question(options, tmp_path):
    with pytest.raises(OptionError):
        walk_forward(PRICES, GRID, **options, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_package_has_it(whole):
    assert qmac.walk_forward is walk_forward
    assert "walk_forward" in qmac.__all__
    assert json.loads(json.dumps(whole.summary()))["above_median"] == list(whole.above_median)
    assert dataclasses.replace(whole, name="X").digest == whole.digest
