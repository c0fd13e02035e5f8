"""The distribution against the scores of all combinations."""

import numpy as np
import pytest
from helpers.sweeps import run_sweep

import qmac
from qmac.engine.sweep.distribution import _exact_sum
from qmac.errors import OptionError
from qmac.strategy.metrics import LOGARITHMS


def test_quantiles_are_within_one_bin(market):
    prices, grid = market
    result = run_sweep(prices, grid, qmac.Rules())
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
        result = run_sweep(prices, grid, qmac.Rules(), objective=objective, whole=True)
        values = result.top[objective].to_numpy()
        assert result.distribution.mean == pytest.approx(values.mean(), abs=1e-6)
        assert result.distribution.std == pytest.approx(values.std(), abs=1e-4)
        assert result.distribution.share_positive == (values > 0).mean()


def test_no_minus_zero_and_no_negative_omega(sample):
    for metric in ("omega_ratio", "profit_factor"):
        result = run_sweep(  # with the kernel of all statistics, which other tests compile
            sample.tail(150),
            qmac.Grid(windows=range(2, 60, 8)),
            qmac.Rules(slippage=0),
            objective=metric,
            maximize=False,
            top=2,
            whole=True,
        )
        assert result.distribution.min == 0.0 and not np.signbit(result.distribution.min)
        assert not np.signbit(result.top[metric]).any()


def test_quantiles_need_a_share(market):
    prices, grid = market
    distribution = run_sweep(prices, grid, qmac.Rules()).distribution
    assert distribution.quantile(0) == distribution.min
    assert distribution.quantile(1) == distribution.max
    with pytest.raises(OptionError, match=r"quantile must be in \[0, 1\], got 1.5"):
        distribution.quantile(1.5)


def test_nothing_scored_is_no_number(market):
    prices, grid = market
    none = run_sweep(prices, grid, qmac.Rules(), min_trades=5000).distribution
    for value in (none.mean, none.std, none.min, none.max, none.quantile(0.5), none.share_positive):
        assert np.isnan(value)
    assert none.scored == none.counts.sum() == 0


def test_a_sum_beyond_an_integer_of_64_bits_is_exact():
    numbers = np.array([2**62, 2**62, 2**62, -5], np.int64)
    assert _exact_sum(numbers) == 3 * 2**62 - 5


@pytest.mark.parametrize("q", [None, "0.5", True, [0.5], np.array([0.5]), float("nan"), 1.5])
def test_quantiles_of_anything_else(swept, q):
    with pytest.raises(OptionError, match="^quantile must be "):
        swept.distribution.quantile(q)
