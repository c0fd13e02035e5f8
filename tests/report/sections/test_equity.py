"""Equity curve, drawdown, trades and calendar of a backtest."""

import numpy as np
import pandas as pd
import pytest

import qmac
from qmac.report.sections import equity
from qmac.report.sections.equity import build_equity


@pytest.mark.parametrize("most", [10_000, 50])
def test_equity(named, swept, most, monkeypatch):
    monkeypatch.setattr(equity, "MOST_BARS", most)
    run = qmac.backtest(named, swept.best, swept.rules)
    found = build_equity(run)
    assert found.bars == 500 and (
        found.dates.size == 500 if most > 500 else 50 <= found.dates.size < 150
    )
    assert found.drawdown.min() == pytest.approx(run.metrics["max_drawdown"])
    assert found.hold_drawdown.min() == pytest.approx(swept.hold["max_drawdown"])
    assert found.hold[-1] / 100 - 1 == pytest.approx(swept.hold["total_return"])
    assert np.prod(1 + found.year_returns) - 1 == pytest.approx(run.metrics["total_return"])
    ends = run.equity.resample("ME").last()
    months = ends / ends.shift(fill_value=100.0) - 1
    assert found.months[np.isfinite(found.months)] == pytest.approx(months.to_numpy())
    assert found.return_counts.sum() == found.total_trades == run.metrics["total_trades"]
    counts = np.histogram(run.trades["return"], found.return_edges)[0]
    assert (found.return_counts == counts).all() and np.abs(found.return_edges).min() == 0
    assert list(found.averages) == sorted(swept.best)
    window = swept.best[1]
    expected = (
        pd.Series(named.close, named.index).rolling(window).mean()[pd.DatetimeIndex(found.dates)]
    )
    np.testing.assert_allclose(found.averages[window], expected)


def test_only_the_last_trades_are_listed(named, swept, monkeypatch):
    monkeypatch.setattr(equity, "MOST_TRADES", 3)
    run = qmac.backtest(named, swept.best, swept.rules)
    found = build_equity(run)
    assert found.returns.tolist() == run.trades["return"].tail(
        3
    ).tolist() and found.total_trades == len(run.trades)
