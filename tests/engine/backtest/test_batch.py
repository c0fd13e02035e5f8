"""Single combinations: against the reference in every metric, and against vectorbt."""

import numpy as np
import pytest

import qmac
from qmac.data.prices import Prices
from qmac.engine.backtest import batch
from qmac.engine.backtest.batch import buy_and_hold
from qmac.strategy.metrics import METRICS
from qmac.verification import vectorbt


def test_evaluate_keeps_order_and_takes_arrays(sample):
    wanted = np.array([[10, 50, 20, 100], [5, 20, 5, 20], [10, 50, 20, 100]])
    table = qmac.evaluate(sample, wanted)
    assert table.iloc[:, :4].to_numpy().tolist() == wanted.tolist()
    assert table.iloc[0].equals(table.iloc[2].rename(0))
    assert qmac.evaluate(sample, []).empty


def test_many_rows_are_evaluated_in_parts(sample, monkeypatch):
    """A million took 4 GB."""
    grid = qmac.Grid(windows=range(2, 40, 3))
    rows = [grid.combination(index) for index in range(0, grid.size, 7)]
    whole = qmac.evaluate(sample, rows)
    monkeypatch.setattr(batch, "LEAST_ROWS", 100)
    monkeypatch.setattr(batch, "ROW_BARS", 1)
    most, replay = [], batch.replay_metrics
    monkeypatch.setattr(
        batch, "replay_metrics", lambda *given: most.append(len(given[1])) or replay(*given)
    )
    assert qmac.evaluate(sample, rows).equals(whole)
    assert max(most) == 100 and sum(most) == len(rows)


def test_buy_and_hold(sample):
    hold = buy_and_hold(sample, qmac.Rules(slippage=0.0))
    assert hold["total_return"] == pytest.approx(sample.close[-1] / sample.close[0] - 1)
    assert hold["exposure"] == 1


COMBINATIONS = 500
CONFIGURATIONS = {
    "plain": {},
    "fees": {"fees": 0.0025},
    "stop_loss": {"stop_loss": 0.05},
    "take_profit": {"take_profit": 0.08, "fees": 0.001},
    "both": {"stop_loss": 0.04, "take_profit": 0.06},
    "trailing_stop": {"trailing_stop": 0.07},
    "next_open": {"fill": "next_open", "fees": 0.001},
    "next_open_stop": {"fill": "next_open", "stop_loss": 0.05},
    "closes": {"stop_loss": 0.05, "take_profit": 0.2},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_equal_to_vectorbt(sample, name):
    """500 random combinations of real prices each, metric by metric.

    Only ``conflict="ignore"``: vectorbt's "opposite" ignores a conflict while flat, ours enters.
    """
    pytest.importorskip("vectorbt")
    rules = qmac.Rules(**CONFIGURATIONS[name], periods_per_year=365)
    prices, rng = sample.tail(2000), np.random.default_rng(len(name))
    if name == "closes":
        prices = Prices.of(prices.frame[["Close"]])
    grid = qmac.Grid(windows=range(2, 253))
    combinations = [grid.combination(int(i)) for i in rng.integers(0, grid.size, COMBINATIONS)]
    # averages from sums of cents: exact, so that ties are ties in this witness too
    cents = np.concatenate(([0], np.cumsum(np.round(prices.close * 100).astype(np.int64))))

    def above(over, under):
        a, b = (
            np.concatenate((np.full(w - 1, np.nan), (cents[w:] - cents[:-w]) * 1.0))
            for w in (over, under)
        )
        difference = a * under - b * over
        return (difference[1:] > 0) & (difference[:-1] <= 0)

    signals = np.zeros((2, 2000, COMBINATIONS), bool)
    for column, (a, b, c, d) in enumerate(combinations):
        signals[0, 1:, column], signals[1, 1:, column] = above(a, b), above(d, c)
    theirs = vectorbt.compute_metrics(prices.frame, *signals, rules, 365)
    ours = qmac.evaluate(prices, combinations, rules)
    left_out = set() if rules.fees == 0 else set(vectorbt.OVER_THE_PRICE)
    assert set(theirs) == set(METRICS) - left_out
    for metric in theirs:
        found = ours[metric].to_numpy()
        assert found == pytest.approx(theirs[metric].to_numpy(), rel=1e-9, abs=1e-9, nan_ok=True), (
            metric
        )


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
