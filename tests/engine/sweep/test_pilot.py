"""The pilot places the histogram, whatever scores there are."""

import numpy as np
import pytest
from helpers.series import MINUTES_PER_YEAR, minutes
from helpers.sweeps import evaluator_of, run_sweep

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep.pilot import fit_scale, select_lists, sweep_scores
from qmac.engine.sweep.reductions import Units
from qmac.kernels.sweep.tally import BINS


def test_constraints_that_nothing_satisfies(market):
    """The histogram is then placed without them, by a kernel of fewer statistics than the data."""
    prices, grid = market
    constraints = {"max_drawdown": (-1e-9, None), "total_trades": (5000, None)}
    rules = qmac.Rules(stop_loss=0.1, conflict="opposite")
    result = run_sweep(prices, grid, rules, constraints=constraints)
    assert (result.filtered, result.scored, result.best) == (grid.size, 0, None)


@pytest.mark.parametrize("maximize", [True, False])
def test_a_distribution_of_few_that_constraints_leave(maximize):
    """The 13 ratios that are kept are below 4,000, most others beyond 1e9."""
    prices, grid, rules = (
        Prices.of(minutes(11)),
        qmac.Grid(windows=range(2, 20, 3)),
        qmac.Rules(slippage=0, periods_per_year=MINUTES_PER_YEAR),
    )
    bounds = {"annualized_return": (None, 1000)}
    result = run_sweep(
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


def test_no_score_at_all_makes_a_scale():
    units, scale = fit_scale(np.array([]), None, 10)
    assert scale.bins_per_unit > 0 and scale.limit == 16 and units.score_bits > 20


def test_a_known_bound_needs_no_limit():
    scores = np.linspace(-0.5, 0.5, 1000)
    units, scale = fit_scale(scores, 4.0, 10)
    assert scale.limit is None and units == Units.from_bound(4.0, 10)
    width = BINS / scale.bins_per_unit
    assert scale.low < -0.5 and 1.9 < width < 2.1  # as much again beside what the pilot found


def test_selected_lists_are_scored_as_in_the_sweep():
    grid = qmac.Grid(windows=range(2, 12))
    evaluator = evaluator_of(qmac.sample_prices().tail(300), grid)
    few = select_lists(evaluator.dataset, np.array([4, 0], np.int32), np.array([7], np.int32))
    assert (few.buys.count, few.sells.count, few.windows) == (2, 1, (2, 3))
    scores = sweep_scores(few, evaluator.spec, evaluator.scale, ignores_constraints=True)
    whole = sweep_scores(
        evaluator.dataset, evaluator.spec, evaluator.scale, ignores_constraints=True
    )
    assert np.array_equal(scores, whole[[4, 0]][:, [7]], equal_nan=True)
