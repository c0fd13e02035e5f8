"""The sweep against the reference: every combination, metric, rule, reduction and tile."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from helpers.faults import LONG
from helpers.series import KINDS, MINUTES_PER_YEAR, frames, minutes, ohlc, reference_metrics
from helpers.sweeps import run_sweep
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.strategy.averages import AVERAGES
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import MEASURES, METRICS

rules_of = st.builds(
    qmac.Rules,
    fees=st.sampled_from([0.0, 0.001, 0.1]),
    slippage=st.sampled_from([0.0, 0.0025]),
    conflict=st.sampled_from(["ignore", "opposite"]),
    fill=st.sampled_from(["close", "next_open"]),
    start=st.sampled_from([None, "2001-01-10"]),
    end=st.sampled_from([None, "2001-02-20"]),
    average=st.sampled_from(["sma", *AVERAGES]),
)
stops_of = st.fixed_dictionaries(
    {},
    optional={
        "stop_loss": st.sampled_from([0.01, 0.05, 0.2]),
        "trailing_stop": st.sampled_from([0.01, 0.05, 0.2]),
        "take_profit": st.sampled_from([0.01, 0.1, 1.5]),
        "max_bars": st.integers(1, 20),
    },
)
grids = st.builds(
    qmac.Grid,
    windows=st.sets(st.integers(1, 9), min_size=4, max_size=5).map(sorted),
    shared_windows=st.booleans(),
)


def indices(result):
    return [result.grid.index(row) for row in result.top.iloc[:, :4].to_numpy()]


def check_equal_to_reference(table, grid, rules, objectives):
    prices = Prices.of(table)
    everything = [grid.combination(i) for i in range(grid.size)]
    expected = reference_metrics(prices, everything, rules)
    for objective in objectives:
        result = run_sweep(prices, grid, rules, objective=objective, whole=True)
        values = np.array([row[objective] for row in expected])
        defined = np.flatnonzero(np.isfinite(values))
        assert (result.evaluated, result.scored, result.filtered) == (grid.size, defined.size, 0), (
            objective
        )
        found = indices(result)
        assert sorted(found) == defined.tolist(), objective
        assert result.top[objective].to_numpy() == pytest.approx(
            values[found], rel=1e-9, abs=1e-11
        ), objective
        keys = list(zip((-result.top_scores).tolist(), found, strict=True))
        assert keys == sorted(keys)  # objective descending, then index ascending
    for name in METRICS:  # replayed in full for the kept rows
        assert result.top[name].to_numpy() == pytest.approx(
            [expected[i][name] for i in found], rel=1e-9, abs=1e-11, nan_ok=True
        ), name


@settings(max_examples=200 if LONG else 35)
@given(frames, grids, rules_of, st.sampled_from(sorted(MEASURES)))
def test_every_metric_of_every_combination_equals_the_reference(table, grid, rules, objective):
    check_equal_to_reference(table, grid, rules, [objective, "total_return"])


@pytest.mark.slow
@settings(max_examples=200 if LONG else 45)
@given(frames, grids, rules_of, stops_of, st.sampled_from(sorted(MEASURES)))
def test_every_stop_equals_the_reference(table, grid, rules, stops, objective):
    check_equal_to_reference(
        table, grid, dataclasses.replace(rules, **stops), [objective, "max_drawdown"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("conflict", ["ignore", "opposite"])
@pytest.mark.parametrize(
    "stops", [{}, {"stop_loss": 0.05, "take_profit": 0.1}, {"trailing_stop": 0.04, "max_bars": 9}]
)
def test_all_metrics_equal_the_reference(kind, conflict, stops):
    grid = qmac.Grid(windows=[1, 2, 3, 5])
    check_equal_to_reference(
        ohlc(kind, 80, 3), grid, qmac.Rules(conflict=conflict, **stops), MEASURES
    )


SLIM = sorted(MEASURES) if LONG else ["calmar_ratio", "sharpe_ratio", "win_rate"]
"""Each is compiled by itself, some seconds long; all of them in ``make test-long``."""


STOPS = qmac.Rules(stop_loss=0.05, conflict="opposite")
SLIM_STOPS = SLIM if LONG else ["calmar_ratio", "sharpe_ratio"]


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize(
    ("rules", "objective"),
    [(qmac.Rules(), objective) for objective in SLIM]
    + [(STOPS, objective) for objective in SLIM_STOPS],
)
def test_a_kernel_with_only_the_statistics_that_it_needs_is_the_same(rules, objective, maximize):
    """Of the general kernel, that is; other tests use the same kernels."""
    table, grid = ohlc("random", 150, 8), qmac.Grid(windows=[2, 3, 5, 8, 13])
    fewest = 2 if objective == "calmar_ratio" else 1
    options = {"objective": objective, "maximize": maximize, "min_trades": fewest}
    slim = run_sweep(table, grid, rules, **options)
    assert slim.digest == run_sweep(table, grid, rules, whole=True, **options).digest
    values = slim.top[objective].to_numpy()
    assert (np.diff(values) <= 0).all() if maximize else (np.diff(values) >= 0).all()
    assert slim.distribution.max == pytest.approx(
        values.max()
    ) and slim.distribution.min == pytest.approx(values.min())


CONSTRAINTS = {
    "total_trades": (2, None),
    "max_drawdown": (-0.25, None),
    "win_rate": (0.3, 0.9),
    "exposure": (None, 0.6),
    "total_return": (-0.2, 0.5),
}


@pytest.mark.slow
@given(
    frames,
    grids,
    st.sets(st.sampled_from(sorted(CONSTRAINTS))),
    st.sampled_from(["ignore", "opposite"]),
)
def test_constraints_equal_the_reference(table, grid, names, conflict):
    prices, rules = Prices.of(table), qmac.Rules(conflict=conflict)
    constraints = {name: CONSTRAINTS[name] for name in names}
    expected = reference_metrics(prices, [grid.combination(i) for i in range(grid.size)], rules)
    result = run_sweep(
        prices, grid, rules, whole=True, constraints=constraints, objective="exposure"
    )

    def holds(row, name):
        low, high = CONSTRAINTS[name]
        return not (
            math.isnan(row[name])
            or row[name] < (low or -math.inf)
            or row[name] > (high or math.inf)
        )

    kept = [i for i, row in enumerate(expected) if all(holds(row, name) for name in names)]
    assert sorted(indices(result)) == kept
    assert result.filtered == grid.size - len(kept)
    assert result.filtered_by == {
        name: sum(not holds(row, name) for row in expected) for name in constraints
    }


@pytest.mark.slow
@settings(max_examples=30)
@given(frames, grids, rules_of, st.integers(0, 3), st.sampled_from([1, 8, 32] if LONG else [8, 32]))
def test_reductions_equal_the_reference(table, grid, rules, min_trades, lanes):
    prices = Prices.of(table)
    expected = reference_metrics(prices, [grid.combination(i) for i in range(grid.size)], rules)
    result = run_sweep(prices, grid, rules, min_trades=min_trades, lanes=lanes)
    kept = [i for i, row in enumerate(expected) if row["total_trades"] >= min_trades]
    assert (result.scored, result.filtered, result.unscored) == (
        len(kept),
        grid.size - len(kept),
        0,
    )
    assert sorted(indices(result)) == kept
    growth = [expected[i]["total_return"] + 1 for i in indices(result)]
    assert result.top["total_return"].to_numpy() + 1 == pytest.approx(growth, rel=1e-12)
    check_reductions(result, {i: math.log1p(expected[i]["total_return"]) for i in kept})


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
    combinations = {i: dict(zip(ROLES, grid.combination(i), strict=True)) for i in scores}
    for rows, columns in itertools.combinations(ROLES, 2):
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


def test_every_request_has_a_digest_of_its_own(market):
    prices, grid = market
    digests = {
        run_sweep(prices, grid, rules, top=50, min_trades=n).digest
        for rules in (qmac.Rules(), qmac.Rules(slippage=0.002), qmac.Rules(conflict="opposite"))
        for n in (0, 9)
    }
    assert len(digests) == 6


@pytest.mark.slow
def test_top_is_the_head_of_the_full_list(market):
    prices, grid = market
    whole = run_sweep(prices, grid, qmac.Rules(), ThreadExecutor(2))
    for top in (1, 7, 100):
        assert run_sweep(prices, grid, qmac.Rules(), ThreadExecutor(3), top=top).top.equals(
            whole.top.head(top)
        )


@pytest.mark.parametrize("objective", ["annualized_return", "calmar_ratio", "total_return"])
@pytest.mark.parametrize("maximize", [True, False])
def test_what_is_infinite_in_a_year_is_unscored(objective, maximize):
    prices = Prices.of(minutes(1))
    rules = qmac.Rules(slippage=0, periods_per_year=MINUTES_PER_YEAR)
    grid = qmac.Grid(windows=(2, 3, 5, 8, 13))
    every = qmac.evaluate(prices, [grid.combination(index) for index in range(grid.size)], rules)
    infinite = np.isinf(every["annualized_return"])
    assert infinite.any() and np.isfinite(every["annualized_return"]).any()
    for row, expected in zip(
        every.itertuples(index=False),
        reference_metrics(prices, every.iloc[:, :4].to_numpy(), rules),
        strict=True,
    ):
        assert row.annualized_return == pytest.approx(expected["annualized_return"], rel=1e-9)
    values = every[objective][np.isfinite(every[objective])].sort_values(ascending=not maximize)
    result = run_sweep(prices, grid, rules, objective=objective, maximize=maximize)
    assert (result.scored, result.unscored) == (values.size, grid.size - values.size)
    assert np.allclose(result.top[objective], values, rtol=1e-9)
    assert np.isfinite(
        [result.distribution.min, result.distribution.max, result.distribution.mean]
    ).all()


@pytest.mark.parametrize(("rises", "fees"), [(True, 0.0), (False, 0.2)])
def test_wealth_beyond_float64(rises, fees):
    """A factor of 1.6 (0.6) every 16 bars, 2,000 times: e^900 (e^-900), in a century and a half."""
    close = 100 * np.exp(0.25 * np.sin(np.arange(32_000) * 2 * np.pi / 16))
    prices, rules = (
        Prices.of(pd.DataFrame({"Close": close}, pd.bdate_range("1871-01-02", periods=close.size))),
        qmac.Rules(slippage=0, fees=fees),
    )
    grid = qmac.Grid(windows=(1, 2, 3, 5))
    found = run_sweep(prices, grid, rules, objective="total_return", maximize=rises)
    assert found.unscored > 0 if rises else (found.top["total_return"] == -1).any()
    for objective in ("annualized_return", "max_drawdown", "sharpe_ratio", "calmar_ratio"):
        top = run_sweep(
            prices, grid, rules, objective=objective
        ).top  # no warning: a replay that agrees
        assert np.isfinite(top[["annualized_return", "max_drawdown", "sharpe_ratio"]]).all().all()
