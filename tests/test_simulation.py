"""Single combinations: against the reference in every metric, and against vectorbt."""

import numpy as np
import pandas as pd
import pytest
from conftest import closes, frame
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac import reference
from qmac.metrics import METRICS
from qmac.prices import Prices
from qmac.simulation import buy_and_hold


@given(
    closes,
    st.sampled_from([(1, 2, 1, 3), (2, 5, 3, 4), (1, 8, 2, 3), (3, 4, 1, 2)]),
    st.sampled_from(["ignore", "opposite"]),
    st.sampled_from([0.0, 0.01]),
    st.sampled_from([None, "2001-01-12"]),
)
def test_metrics_equal_the_reference(close, combination, conflict, fees, start):
    rules = qmac.Rules(conflict=conflict, fees=fees, start=start, periods_per_year=252)
    prices = Prices.of(frame(close))
    first = 0 if start is None else int(prices.index.searchsorted(start))
    course = reference.simulate(close.tolist(), combination, rules, first)
    expected = reference.metrics(course, rules, 252)
    run = qmac.backtest(prices, combination, rules)
    assert run.equity.to_numpy() == pytest.approx(course.equity, rel=1e-12)
    assert list(run.metrics.index) == list(METRICS) == list(expected)
    if course.held.count(True) and np.std(course.equity) < 1e-9:
        return  # a deviation that is rounding only
    assert run.metrics.to_dict() == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
    assert run.trades["open"].sum() == (len(course.trades) > 0 and course.trades[-1].closed is None)
    assert run.trades["pnl"].to_numpy() == pytest.approx([t.brought - t.paid for t in course.trades], abs=1e-9)


def test_trades_add_up(sample):
    run = qmac.backtest(sample, (10, 50, 20, 100), qmac.Rules(fees=0.001))
    assert run.trades["pnl"].sum() == pytest.approx(run.equity.iloc[-1] - 100)
    assert np.prod(1 + run.trades["return"]) == pytest.approx(run.equity.iloc[-1] / 100)


def test_evaluate_keeps_order_and_takes_arrays(sample):
    wanted = np.array([[10, 50, 20, 100], [5, 20, 5, 20], [10, 50, 20, 100]])
    table = qmac.evaluate(sample, wanted)
    assert table.iloc[:, :4].to_numpy().tolist() == wanted.tolist()
    assert table.iloc[0].equals(table.iloc[2].rename(0))
    assert qmac.evaluate(sample, []).empty


def test_buy_and_hold(sample):
    hold = buy_and_hold(sample, qmac.Rules(slippage=0.0))
    assert hold["total_return"] == pytest.approx(sample.close[-1] / sample.close[0] - 1)
    assert hold["exposure"] == 1


@pytest.mark.parametrize("fees", [0.0, 0.0025])
def test_equal_to_vectorbt(sample, fees):
    """1,000 random combinations of real prices each, metric by metric.

    Only ``conflict="ignore"``: vectorbt's "opposite" ignores a conflict while flat, ours enters.
    """
    vbt = pytest.importorskip("vectorbt")
    prices, rng = sample.tail(2000), np.random.default_rng(int(1e4 * fees))
    grid = qmac.Grid(windows=range(2, 253))
    combinations = [grid.combination(int(i)) for i in rng.integers(0, grid.size, 1000)]
    close = pd.Series(prices.close, prices.index)
    # averages from sums of cents: exact, so that ties are ties in this witness too
    cents = np.concatenate(([0], np.cumsum(np.round(prices.close * 100).astype(np.int64))))

    def above(over, under):
        a, b = (np.concatenate((np.full(w - 1, np.nan), (cents[w:] - cents[:-w]) * 1.0)) for w in (over, under))
        difference = a * under - b * over
        return (difference[1:] > 0) & (difference[:-1] <= 0)

    signals = [np.zeros((2000, 1000), bool), np.zeros((2000, 1000), bool)]
    for column, (a, b, c, d) in enumerate(combinations):
        signals[0][1:, column], signals[1][1:, column] = above(a, b), above(d, c)
    index = [str(i) for i in range(1000)]
    portfolio = vbt.Portfolio.from_signals(
        pd.concat([close] * 1000, axis=1, keys=index),
        *(pd.DataFrame(signal, prices.index, index) for signal in signals),
        fees=fees, slippage=0.0025, init_cash=100, freq="1D",
    )  # fmt: skip
    rules = qmac.Rules(fees=fees, periods_per_year=365)
    ours = qmac.evaluate(prices, combinations, rules)
    theirs = {
        "total_return": portfolio.total_return(),
        "annualized_return": portfolio.annualized_return(),
        "max_drawdown": portfolio.max_drawdown(),
        "total_trades": portfolio.trades.count(),
        "win_rate": portfolio.trades.closed.win_rate(),
        "sharpe_ratio": portfolio.sharpe_ratio(),
        "exposure": (portfolio.assets() > 0).mean(),
    }
    assert set(theirs) == set(METRICS)
    for name, values in theirs.items():
        assert ours[name].to_numpy() == pytest.approx(values.to_numpy(np.float64), rel=1e-9, abs=1e-9, nan_ok=True), (
            name
        )
