"""What a sweep computes, and for which prices it cannot."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.series import frame, series
from helpers.sweeps import custom_spec, prepared, run_sweep

import qmac
from qmac.data.prices import Prices
from qmac.errors import PricesError


def test_a_lost_decimal_point_is_an_error_of_the_prices():
    """Beside a close a million times the others sums of squares have no digits, logarithms do."""
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


def test_bounds_are_of_the_values_that_are_shown():
    """Held for 3 of 10 bars, a combination has an exposure of 0.3, not 0.30000000000000004."""
    table, grid = frame(series("random", 40, 3)), qmac.Grid(windows=range(2, 9))
    shown = qmac.evaluate(table, [grid.combination(i) for i in range(grid.size)])[
        "exposure"
    ].to_numpy()
    for bound in np.unique(shown):
        result = run_sweep(
            table, grid, qmac.Rules(), constraints={"exposure": (None, bound)}, whole=True
        )
        assert result.filtered == (shown > bound).sum()


def test_constraints_choose_the_statistics_even_where_they_are_ignored(market):
    prices, grid = market
    series = prepared(prices, grid)
    plain = custom_spec(series, grid)
    bounded = custom_spec(series, grid, constraints={"max_drawdown": (-0.2, None)}, min_trades=1)
    assert plain.statistics < bounded.statistics and bounded.constrained_metrics == ["max_drawdown"]
    assert list(bounded.bounds) == ["max_drawdown"] and bounded.aim.traded
    every = replace(bounded, ignores_constraints=True)
    assert every.statistics == bounded.statistics and not every.bounds and not every.aim.traded


@pytest.mark.parametrize(("least", "must_trade"), [(0, False), (1, True), (2, False)])
def test_one_trade_is_no_constraint_but_a_flag(market, least, must_trade):
    prices, grid = market
    spec = custom_spec(prepared(prices, grid), grid, min_trades=least)
    assert spec.must_trade == must_trade
    assert ("total_trades" in spec.constrained_metrics) == (least == 2)


def test_growth_without_stops_is_bounded(market):
    prices, grid = market
    series, rules = prepared(prices, grid), qmac.Rules(stop_loss=0.1)
    growth, ratio = custom_spec(series, grid), custom_spec(series, grid, "sharpe_ratio")
    assert growth.is_bounded
    assert not replace(growth, rules=rules).is_bounded
    assert not ratio.is_bounded
