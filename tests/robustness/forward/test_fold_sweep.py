"""The two sweeps of a fold: lines, names, records."""

import math

import numpy as np
import pytest
from helpers.series import frame, ohlc, series
from helpers.sweeps import custom_spec, dataset_of, prepared, whole_spec

import qmac
from qmac.engine.backtest.backtest import compute_equity
from qmac.engine.backtest.inputs import build_inputs
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.sweep import reductions
from qmac.engine.sweep.pilot import compute_score
from qmac.jobs.monitor import NullMonitor
from qmac.jobs.series_sweep import prepare_dataset, sweep_cells
from qmac.robustness.forward.fold_sweep import (
    FOLDS,
    Choice,
    FoldRecord,
    Ranking,
    choose_rank_metric,
    draw_line,
    name_test,
    name_train,
    prepare_bars,
)
from qmac.robustness.forward.folds import Fold
from qmac.runs.records import RecordFile
from qmac.runtime.execution.executor import SerialExecutor
from qmac.strategy.metrics import MEASURES
from qmac.strategy.request import check_request

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))
FOLD = Fold(20, 120, 125, 200)


def test_sums_over_bars_rank_in_a_test():
    ranked = {metric for metric in MEASURES if choose_rank_metric(metric) == metric}
    assert ranked == {
        "total_return", "annualized_return", "sharpe_ratio", "sortino_ratio", "omega_ratio",
        "annualized_volatility",
    }  # fmt: skip
    assert choose_rank_metric("calmar_ratio") == "total_return"


@pytest.mark.parametrize("maximize", [True, False])
def test_a_line_counts_what_is_better(maximize):
    spec = custom_spec(prepared(PRICES, GRID), GRID, maximize=maximize)
    line = draw_line(spec, 0.5).line
    assert 0 < (line - 0.5 if maximize else 0.5 - line) < 1e-11  # less is rounding
    assert draw_line(spec, math.nan).line == (math.inf if maximize else -math.inf)


def test_a_fold_trades_its_bars():
    request = check_request(GRID)
    series = prepare_bars(PRICES, request, None, 20, 120)
    assert series.period.first + series.period.start == 20 and series.period.bars == 100
    counted = prepare_bars(PRICES, request, None, 20, 200).counting_from(125)
    assert counted.period.bars == counted.facts.bars == 75
    assert name_train(PRICES, FOLD).name == "SPY 2001-01-29 to 2001-06-15"
    assert name_test(PRICES, FOLD).name == "SPY 2001-06-25 to 2001-10-05"


def test_the_score_of_one_combination_has_the_bits_of_the_sweep():
    result = qmac.optimize(PRICES, GRID, top=GRID.size)
    dataset = dataset_of(PRICES, GRID, qmac.Rules(), {"gain"})
    spec = custom_spec(prepared(PRICES, GRID), GRID)
    for row in range(0, len(result.top), 7):
        windows = tuple(result.top.iloc[row, :4].astype(int))
        assert compute_score(dataset, spec, windows) == result.top_scores[row]


def test_records_are_the_same_when_they_are_read(tmp_path):
    records = [
        FoldRecord("train", 0, Choice((2, 5, 3, 8), 0.25, 0.1, 90, "ab")),
        FoldRecord("test", 0, Ranking(None, 90, 0, (0.1, None, 0.3, 0.4, 0.5), None, None)),
        FoldRecord("train", 1, Choice(None, None, None, 0, "cd")),
    ]
    file = RecordFile(tmp_path / "folds.jsonl", {"seed": 1}, FOLDS)
    with file.opened():
        for record in records:
            file.add(record)
    assert RecordFile(tmp_path / "folds.jsonl", {"seed": 1}, FOLDS).read() == records


def test_scores_in_a_test_are_slices_of_backtests(sample):
    """Of 200 random combinations in each of three folds of the sample."""
    grid = qmac.Grid(windows=range(2, 253, 5))
    request, rng = check_request(grid), np.random.default_rng(1)
    for start in (252, 1752, 3252):
        series = prepare_bars(sample, request, None, start, start + 1250)
        series = series.counting_from(start + 1000)
        dataset = Dataset.build(series, grid, {"gain"})
        spec = custom_spec(series, grid, top=1)
        rows = rng.choice(grid.size, 200, replace=False)
        combinations = np.array([grid.combination(int(row)) for row in rows])
        inputs = build_inputs(series, combinations)
        for number, windows in enumerate(combinations.tolist()):
            equity = compute_equity(series.period, inputs.list_trades(number), 1.0)
            expected = math.log(equity[-1] / equity[-251])
            assert compute_score(dataset, spec, windows) == pytest.approx(expected, abs=1e-12)


RANKED = ("total_return", "sharpe_ratio", "sortino_ratio", "omega_ratio", "annualized_volatility")
STOPS = {"stop_loss": 0.03, "take_profit": 0.06, "trailing_stop": 0.04, "max_bars": 20}


@pytest.mark.parametrize("stops", [{}, STOPS], ids=["no stops", "stops"])
@pytest.mark.parametrize("fill", ["close", "next_open"])
@pytest.mark.parametrize("conflict", ["ignore", "opposite"])
def test_swept_scores_of_a_test_are_slices_of_backtests(conflict, fill, stops):
    """All 225 combinations by every metric that ranks: 1e-12 of log growth, 1e-9 of others."""
    prices = qmac.Prices.of(ohlc("random", 260, 7), "SPY")
    grid = qmac.Grid(windows=(2, 3, 5, 8, 13, 21))
    rules = qmac.Rules(conflict=conflict, fill=fill, **stops)
    whole = prepare_bars(prices, check_request(grid, rules=rules), None, 30, 240)
    inputs = build_inputs(whole, np.array([grid.combination(row) for row in range(grid.size)]))
    trades = [inputs.list_trades(row) for row in range(grid.size)]
    held = np.mean([each.find_held(whole.period.close.size) for each in trades], axis=0)
    eve = 100 + int(held[100:160].argmax())
    assert held[eve] > 0.1  # positions are carried in
    series = whole.counting_from(whole.period.first + eve + 1)
    slices = [compute_equity(whole.period, each, 1.0)[eve:] for each in trades]
    for metric in RANKED:
        spec = whole_spec(custom_spec(series, grid, metric))
        executor = SerialExecutor()
        dataset = prepare_dataset(series, grid, spec, executor)
        swept = sweep_cells(series, grid, spec, dataset, executor, NullMonitor(1))
        scores, indices = reductions.ranked_top(swept.ledger.tally)
        values = spec.objective.values(scores)
        rows = [grid.index(tuple(each)) for each in grid.combinations_at(indices).tolist()]
        expected = np.array([measure(slices[row], metric, series) for row in rows])
        if metric == "total_return":
            assert indices.size == grid.size
            assert np.log1p(values) == pytest.approx(np.log1p(expected), abs=1e-12)
        assert indices.size > grid.size / 2
        assert values == pytest.approx(expected, rel=1e-9, abs=1e-9)


def measure(equity, metric, series):
    """Return a metric of the account of a test, by its definition in docs/metrics.md."""
    returns, year = equity[1:] / equity[:-1] - 1, series.periods_per_year
    losses = np.minimum(returns, 0)
    values = {
        "total_return": lambda: equity[-1] / equity[0] - 1,
        "sharpe_ratio": lambda: returns.mean() / returns.std(ddof=1) * math.sqrt(year),
        "sortino_ratio": lambda: returns.mean() / math.sqrt((losses**2).mean()) * math.sqrt(year),
        "omega_ratio": lambda: np.maximum(returns, 0).sum() / -losses.sum(),
        "annualized_volatility": lambda: returns.std(ddof=1) * math.sqrt(year),
    }
    return values[metric]()
