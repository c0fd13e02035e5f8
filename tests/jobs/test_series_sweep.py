"""The sweep against the reference: every combination, metric, rule, reduction and tile."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from helpers.faults import LONG
from helpers.series import KINDS, frame, frames, minutes, ohlc, reference_metrics, series
from helpers.sweeps import prepared
from hypothesis import given, settings
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep.pilot import fit_scale
from qmac.engine.sweep.spec import LANES, SweepSpec, build_spec
from qmac.errors import PricesError
from qmac.jobs.series_sweep import sweep
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.strategy.constraints import check_constraints
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import LOGARITHMS, MEASURES, METRICS

STATISTICS = set[str]().union(*(metric.statistics for metric in METRICS.values()))


class Whole(SweepSpec):
    """A spec whose kernel has every statistic, so that tests of all metrics compile one."""

    statistics = STATISTICS


def spec(
    series,
    grid,
    objective="total_return",
    maximize=True,
    constraints=None,
    min_trades=0,
    top=None,
):
    bounds = check_constraints(constraints, min_trades)
    return build_spec(series, grid, objective, maximize, bounds, top or grid.size)


def run(prices, grid, rules, executor=None, lanes=LANES, whole=False, **options):
    series = prepared(prices, grid, rules)
    posed = dataclasses.replace(spec(series, grid, **options), lanes=lanes)
    if whole:
        posed = Whole(
            **{field.name: getattr(posed, field.name) for field in dataclasses.fields(posed)}
        )
    return sweep(series, grid, posed, executor or SerialExecutor())


rules_of = st.builds(
    qmac.Rules,
    fees=st.sampled_from([0.0, 0.001, 0.1]),
    slippage=st.sampled_from([0.0, 0.0025]),
    conflict=st.sampled_from(["ignore", "opposite"]),
    fill=st.sampled_from(["close", "next_open"]),
    start=st.sampled_from([None, "2001-01-10"]),
    end=st.sampled_from([None, "2001-02-20"]),
    average=st.sampled_from(["sma", "sma", "ema", "wma", "hma", "dema", "tema", "rma"]),
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
        result = run(prices, grid, rules, objective=objective, lanes=8, whole=True)
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


@settings(max_examples=200 if LONG else 45)
@given(frames, grids, rules_of, stops_of, st.sampled_from(sorted(MEASURES)))
def test_every_stop_equals_the_reference(table, grid, rules, stops, objective):
    check_equal_to_reference(
        table, grid, dataclasses.replace(rules, **stops), [objective, "max_drawdown"]
    )


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


@pytest.mark.parametrize("objective", SLIM)
@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("rules", [qmac.Rules(), qmac.Rules(stop_loss=0.05)])
def test_a_kernel_with_only_the_statistics_that_it_needs_is_the_same(objective, maximize, rules):
    table, grid = ohlc("random", 150, 8), qmac.Grid(windows=[2, 3, 5, 8, 13])
    options = {"objective": objective, "maximize": maximize, "min_trades": 1}
    slim = run(table, grid, rules, lanes=8, **options)
    assert slim.digest == run(table, grid, rules, lanes=8, whole=True, **options).digest
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
    result = run(
        prices, grid, rules, lanes=8, whole=True, constraints=constraints, objective="exposure"
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


@settings(max_examples=30)
@given(frames, grids, rules_of, st.integers(0, 3), st.sampled_from([1, 8, 32]))
def test_reductions_equal_the_reference(table, grid, rules, min_trades, lanes):
    prices = Prices.of(table)
    expected = reference_metrics(prices, [grid.combination(i) for i in range(grid.size)], rules)
    result = run(prices, grid, rules, min_trades=min_trades, lanes=lanes)
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


@pytest.fixture(scope="module")
def market():
    return Prices.of(ohlc("ticks", 400, 5)), qmac.Grid(windows=range(2, 22))


def test_digest_is_the_same_for_any_threads_and_tiles(market):
    prices, grid = market
    expected = run(prices, grid, qmac.Rules(), top=50).digest
    for threads in (1, 2, 3, 7):
        assert run(prices, grid, qmac.Rules(), ThreadExecutor(threads), top=50).digest == expected
    for lanes in (1, 8, 64):
        assert run(prices, grid, qmac.Rules(), top=50, lanes=lanes).digest == expected


@pytest.mark.parametrize("objective", sorted(MEASURES))
@pytest.mark.parametrize("stops", [{}, {"stop_loss": 0.05, "max_bars": 30}])
def test_digest_of_every_objective_is_the_same_for_any_threads_and_tiles(market, objective, stops):
    prices, grid = market
    options = {
        "objective": objective,
        "top": 50,
        "whole": True,
        "constraints": {"total_trades": (2, None)},
    }
    expected = run(prices, grid, qmac.Rules(**stops), lanes=8, **options).digest
    for threads, lanes in ((3, 8), (2, 32)):
        if lanes == 8 or not stops:
            executor = ThreadExecutor(threads)
            assert (
                run(prices, grid, qmac.Rules(**stops), executor, lanes=lanes, **options).digest
                == expected
            )


def test_constraints_that_nothing_satisfies(market):
    """The histogram is then placed without them, by a kernel with fewer statistics."""
    prices, grid = market
    constraints = {"max_drawdown": (-1e-9, None), "total_trades": (5000, None)}
    result = run(
        prices,
        grid,
        qmac.Rules(stop_loss=0.1),
        objective="sharpe_ratio",
        constraints=constraints,
        lanes=8,
    )
    assert (result.filtered, result.scored, result.best) == (grid.size, 0, None)


def test_every_request_has_a_digest_of_its_own(market):
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
        assert run(prices, grid, qmac.Rules(), ThreadExecutor(3), top=top).top.equals(
            whole.top.head(top)
        )


def test_quantiles_are_within_one_bin(market):
    prices, grid = market
    result = run(prices, grid, qmac.Rules())
    returns = result.top["total_return"].to_numpy()
    width = np.diff(result.distribution.edges).max()
    for q in (0, 0.01, 0.3, 0.5, 0.9, 1):
        assert result.distribution.quantile(q) == pytest.approx(
            np.quantile(returns, q), abs=1.01 * width
        )
    assert result.distribution.share_positive == pytest.approx(
        (result.top_scores > 0).mean(), abs=0
    )


def test_mean_of_a_metric_is_the_mean_of_its_values(market):
    prices, grid = market
    for objective in ("win_rate", "sharpe_ratio"):
        assert objective not in LOGARITHMS
        result = run(prices, grid, qmac.Rules(), objective=objective, whole=True, lanes=8)
        values = result.top[objective].to_numpy()
        assert result.distribution.mean == pytest.approx(values.mean(), abs=1e-6)
        assert result.distribution.std == pytest.approx(values.std(), abs=1e-4)
        assert result.distribution.share_positive == (values > 0).mean()


def test_evaluation_and_sweep_agree_on_real_prices(sample):
    grid = qmac.Grid(
        buy_fast=range(5, 60, 6),
        buy_slow=range(40, 252, 17),
        sell_fast=[3, 9, 30],
        sell_slow=[50, 160],
    )
    for start in (None, "2010-01-04"):
        rules = qmac.Rules(start=start)
        result = qmac.optimize(sample, grid, rules=rules, top=grid.size, threads=2)
        again = qmac.evaluate(sample, result.top.iloc[:, :4].to_numpy(), rules)
        assert again["total_return"].to_numpy() == pytest.approx(
            result.top["total_return"].to_numpy(), rel=1e-12
        )


def test_series_longer_than_two_byte_codes():
    close = series("random", 40_000, 8)
    grid = qmac.Grid(windows=[10, 30, 90, 200, 210])
    result = qmac.optimize(frame(close, "1900-01-01"), grid, top=grid.size)
    short = qmac.optimize(frame(close[-30_000:], "1900-01-01"), grid, top=grid.size)
    assert short.evaluated == result.evaluated == grid.size
    for table, found in (
        (frame(close, "1900-01-01"), result),
        (frame(close[-30_000:], "1900-01-01"), short),
    ):
        again = qmac.evaluate(table, found.top.iloc[:, :4].to_numpy())
        assert again["total_return"].to_numpy() == pytest.approx(
            found.top["total_return"].to_numpy(), rel=1e-11
        )


def test_errors_of_workers_are_raised(market, monkeypatch):
    from qmac.engine.sweep.worker import Worker

    prices, grid = market
    monkeypatch.setattr(Worker, "evaluate", lambda worker, unit: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(prices, grid, qmac.Rules(), ThreadExecutor(2))


def test_a_lost_decimal_point_is_an_error_of_the_prices():
    """Beside a close a million times the others, sums of squares have no digits; logarithms do."""
    close = series("random", 300, 4)
    close[200] *= 1e8
    prices, grid = Prices.of(frame(close)), qmac.Grid(windows=range(2, 30, 2))
    with pytest.raises(
        PricesError, match=r"Close goes from .* in row 201 \(2001-10-08.*Fix the price"
    ):
        qmac.optimize(prices, grid, "sharpe_ratio")
    with pytest.raises(PricesError, match="row 201"):
        qmac.optimize(prices, grid, constraints={"annualized_volatility": (0, None)})
    assert qmac.optimize(prices, grid, "total_return").scored > 0


@pytest.mark.parametrize("maximize", [True, False])
def test_a_distribution_of_few_that_constraints_leave(maximize):
    """The 13 ratios that pass are below 4,000, most others beyond 1e9."""
    prices, grid, rules = (
        Prices.of(minutes(11)),
        qmac.Grid(windows=range(2, 20, 3)),
        qmac.Rules(slippage=0),
    )
    bounds = {"annualized_return": (None, 1000)}
    result = run(
        prices, grid, rules, objective="calmar_ratio", maximize=maximize, constraints=bounds
    )
    values, found = result.top["calmar_ratio"], result.distribution
    assert 5 < result.scored < 100 and values.abs().max() < 4000
    assert (found.mean, found.std) == pytest.approx((values.mean(), values.std(ddof=0)))
    width = np.diff(found.edges).max()
    assert width < 4 and found.quantile(0.5) == pytest.approx(
        np.quantile(values, 0.5, method="inverted_cdf"), abs=width
    )


def test_one_score_far_out_does_not_stretch_the_histogram():
    values = np.linspace(-1, 1, 200)
    values[150] = 1e140
    _, scale = fit_scale(values, None, 10)
    assert scale.limit < 1e6 and scale.bins_per_unit > 0.1


def test_bounds_are_of_the_values_that_are_shown():
    """A combination that holds 3 of 10 bars has an exposure of 0.3, not 0.30000000000000004."""
    table, grid = frame(series("random", 40, 3)), qmac.Grid(windows=range(2, 9))
    shown = qmac.evaluate(table, [grid.combination(i) for i in range(grid.size)])[
        "exposure"
    ].to_numpy()
    for bound in np.unique(shown):
        result = run(
            table, grid, qmac.Rules(), constraints={"exposure": (None, bound)}, whole=True, lanes=8
        )
        assert result.filtered == (shown > bound).sum()


@pytest.mark.parametrize("objective", ["annualized_return", "calmar_ratio", "total_return"])
@pytest.mark.parametrize("maximize", [True, False])
def test_what_is_infinite_in_a_year_is_unscored(objective, maximize):
    prices, rules = Prices.of(minutes(1)), qmac.Rules(slippage=0)
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
    result = run(prices, grid, rules, objective=objective, maximize=maximize)
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
    found = run(prices, grid, rules, objective="total_return", maximize=rises)
    assert found.unscored > 0 if rises else (found.top["total_return"] == -1).any()
    for objective in ("annualized_return", "max_drawdown", "sharpe_ratio", "calmar_ratio"):
        top = run(prices, grid, rules, objective=objective).top  # no warning: a replay that agrees
        assert np.isfinite(top[["annualized_return", "max_drawdown", "sharpe_ratio"]]).all().all()


def test_no_minus_zero_and_no_negative_omega(sample):
    for metric in ("omega_ratio", "profit_factor"):
        options = {"top": 2, "maximize": False, "min_trades": 0}
        result = qmac.optimize(
            sample.tail(150),
            qmac.Grid(windows=range(2, 60, 8)),
            metric,
            qmac.Rules(slippage=0),
            **options,
        )
        assert result.distribution.min == 0.0 and not np.signbit(result.distribution.min)
        assert not np.signbit(result.top[metric]).any()
