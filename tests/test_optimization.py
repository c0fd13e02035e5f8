"""The sweep against the reference: every combination, every reduction, every tile."""

import math

import numpy as np
import pytest
from conftest import closes, frame, series
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac import reference
from qmac.evaluation import Question
from qmac.optimization import sweep
from qmac.prices import Prices
from qmac.run.executors import SerialExecutor, ThreadExecutor


def full_list(prices, grid, rules):
    """Growth and trades of every combination, by the reference."""
    first = 0 if rules.start is None else int(prices.index.searchsorted(rules.start))
    rows = []
    for i in range(grid.size):
        course = reference.simulate(prices.close.tolist(), grid.combination(i), rules, first)
        rows.append((course.equity[-1] / rules.init_cash, len(course.trades)))
    return rows


def run(prices, grid, rules, executor=None, top=None, min_trades=0, lanes=32):
    question = Question(rules, grid.shared_windows, top or grid.size, min_trades, lanes)
    return sweep(Prices.of(prices), grid, question, "total_return", executor or SerialExecutor(), 1)


rules_of = st.builds(
    qmac.Rules,
    fees=st.sampled_from([0.0, 0.001, 0.1]),
    slippage=st.sampled_from([0.0, 0.0025]),
    conflict=st.sampled_from(["ignore", "opposite"]),
    start=st.sampled_from([None, "2001-01-10"]),
)
grids = st.builds(
    qmac.Grid,
    windows=st.sets(st.integers(1, 9), min_size=4, max_size=6).map(sorted),
    shared_windows=st.booleans(),
)


@settings(max_examples=60)
@given(closes, grids, rules_of, st.integers(0, 3), st.sampled_from([1, 2, 8, 32]))
def test_every_combination_equals_the_reference(close, grid, rules, min_trades, lanes):
    prices = Prices.of(frame(close))
    expected = full_list(prices, grid, rules)
    result = run(prices, grid, rules, min_trades=min_trades, lanes=lanes)
    scored = [i for i, (_, trades) in enumerate(expected) if trades >= min_trades]
    assert result.evaluated == grid.size
    assert (result.scored, result.filtered, result.unscored) == (len(scored), grid.size - len(scored), 0)
    assert len(result.top) == len(scored)
    indices = [grid.index(row) for row in result.top.iloc[:, :4].to_numpy()]
    assert sorted(indices) == scored
    growth = result.top["total_return"].to_numpy() + 1
    assert growth == pytest.approx([expected[i][0] for i in indices], rel=1e-12)
    assert result.top["total_trades"].tolist() == [expected[i][1] for i in indices]
    keys = list(zip((-result.top_scores).tolist(), indices, strict=True))
    assert keys == sorted(keys)  # objective descending, then index ascending
    check_reductions(result, {i: math.log(expected[i][0]) for i in scored})


def check_reductions(result, scores):
    distribution, grid = result.distribution, result.grid
    assert distribution.counts.sum() == len(scores)
    if not scores:
        return
    values = np.array(list(scores.values()))
    assert distribution.score_mean == pytest.approx(values.mean(), abs=1e-9)
    assert distribution.score_std == pytest.approx(values.std(), abs=1e-5)
    assert distribution.score_min == pytest.approx(values.min(), abs=1e-12)
    assert distribution.score_max == pytest.approx(values.max(), abs=1e-12)
    combinations = {i: dict(zip(qmac.grid.ROLES, grid.combination(i), strict=True)) for i in scores}
    for rows, columns in (("buy_fast", "buy_slow"), ("sell_slow", "buy_fast"), ("sell_fast", "sell_slow")):
        cells = {}
        for i, score in scores.items():
            cells.setdefault((combinations[i][rows], combinations[i][columns]), []).append(score)
        best, mean, count = (result.map(rows, columns, stat) for stat in ("max", "mean", "count"))
        assert count.to_numpy().sum() == len(scores)
        for (row, column), found in cells.items():
            assert count.loc[row, column] == len(found)
            assert best.loc[row, column] == pytest.approx(math.expm1(max(found)), abs=1e-11)
            assert mean.loc[row, column] == pytest.approx(math.expm1(np.mean(found)), abs=1e-9)
        assert best.isna().sum().sum() == best.size - len(cells)


@pytest.fixture(scope="module")
def market():
    return Prices.of(frame(series("ticks", 400, 5))), qmac.Grid(windows=range(2, 22))


def test_digest_is_the_same_for_any_threads_and_tiles(market):
    prices, grid = market
    expected = run(prices, grid, qmac.Rules(), top=50).digest
    for threads in (1, 2, 3, 7):
        assert run(prices, grid, qmac.Rules(), ThreadExecutor(threads), top=50).digest == expected
    for lanes in (1, 2, 8, 16, 64):
        assert run(prices, grid, qmac.Rules(), top=50, lanes=lanes).digest == expected


def test_digest_tells_questions_apart(market):
    prices, grid = market
    digests = {
        run(prices, grid, rules, top=50, min_trades=n).digest
        for rules in (qmac.Rules(), qmac.Rules(slippage=0.002), qmac.Rules(conflict="opposite"))
        for n in (0, 9)
    }
    assert len(digests) == 6


def test_top_is_the_head_of_the_full_list(market):
    prices, grid = market
    whole = run(prices, grid, qmac.Rules(), ThreadExecutor(2))
    for top in (1, 7, 100):
        assert run(prices, grid, qmac.Rules(), ThreadExecutor(3), top=top).top.equals(whole.top.head(top))


def test_quantiles_are_within_one_bin(market):
    prices, grid = market
    result = run(prices, grid, qmac.Rules())
    returns = result.top["total_return"].to_numpy()
    width = np.diff(result.distribution.edges).max()
    for q in (0, 0.01, 0.3, 0.5, 0.9, 1):
        assert result.distribution.quantile(q) == pytest.approx(np.quantile(returns, q), abs=1.01 * width)
    assert result.distribution.share_positive == pytest.approx((result.top_scores > 0).mean(), abs=0)


def test_evaluation_and_sweep_agree_on_real_prices(sample):
    grid = qmac.Grid(buy_fast=range(5, 60, 6), buy_slow=range(40, 252, 17), sell_fast=[3, 9, 30], sell_slow=[50, 160])
    for start in (None, "2010-01-04"):
        rules = qmac.Rules(start=start)
        result = qmac.optimize(sample, grid, rules=rules, top=grid.size, threads=2)
        again = qmac.evaluate(sample, result.top.iloc[:, :4].to_numpy(), rules)
        assert again["total_return"].to_numpy() == pytest.approx(result.top["total_return"].to_numpy(), rel=1e-12)


def test_series_longer_than_two_byte_codes(sample):
    close = series("random", 40_000, 8)
    grid = qmac.Grid(windows=[10, 30, 90, 200, 210])
    result = qmac.optimize(frame(close, "1900-01-01"), grid, top=grid.size)
    course = reference.simulate(close[-30_000:].tolist(), result.best, qmac.Rules())
    short = qmac.optimize(frame(close[-30_000:], "1900-01-01"), grid, top=grid.size)
    assert short.evaluated == result.evaluated == grid.size
    assert len(course.trades) == qmac.evaluate(frame(close[-30_000:], "1900-01-01"), [result.best])["total_trades"][0]


def test_interrupt_stops_the_kernels(sample):
    def interrupt(status):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qmac.optimize(sample, qmac.Grid(windows=range(2, 253)), progress=interrupt)


def test_errors_of_workers_are_raised(market, monkeypatch):
    from qmac.evaluation import Worker

    prices, grid = market
    monkeypatch.setattr(Worker, "evaluate", lambda worker, unit: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(prices, grid, qmac.Rules(), ThreadExecutor(2))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"objective": "totl_return"}, "Did you mean 'total_return'"),
        ({"top": 0}, "top is 0"),
        ({"top": 2.5}, "whole number"),
        ({"threads": 0}, "threads is 0"),
        ({"min_trades": -1}, "min_trades is -1"),
    ],
)
def test_bad_options(market, arguments, says):
    with pytest.raises(qmac.InputError, match=says):
        qmac.optimize(*market, **arguments)
