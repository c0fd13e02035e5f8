"""Rows with the same trades are one strategy, with its neighbours."""

import numpy as np
import pytest

import qmac
from qmac.report.sections.strategies import build_strategies
from qmac.strategy.grid import ROLES


def test_rows_with_the_same_trades_are_one_strategy(sample):
    named = sample.tail(600)
    swept = qmac.optimize(named, qmac.Grid(windows=range(40, 60, 2)), top=60, min_trades=1)
    found = build_strategies(swept, swept.series)
    trades = [
        qmac.backtest(named, row, swept.rules).trades for row in swept.top[list(ROLES)].to_numpy()
    ]
    assert sum(len(row.window_sets) for row in found.rows) == found.total_rows == len(swept.top)
    assert 1 < len(found.rows) < found.total_rows  # some are, some are not
    ranks = {
        tuple(row): rank for rank, row in enumerate(swept.top[list(ROLES)].to_numpy().tolist())
    }
    heads = [trades[row.rank - 1] for row in found.rows]
    for row, head in zip(found.rows, heads, strict=True):
        assert row.combination == row.window_sets[0]
        assert all(trades[ranks[other]].equals(head) for other in row.window_sets)
        assert row.metrics["total_return"] == swept.top["total_return"][row.rank - 1]
    assert not any(a.equals(b) for k, a in enumerate(heads) for b in heads[:k])
    near = swept.neighbourhood(found.rows[-1].combination, 1)["total_return"].to_numpy()[1:]
    assert found.rows[-1].near[0].median == pytest.approx(np.median(near))


def test_a_long_series_has_few_neighbourhoods(swept, monkeypatch):
    from qmac.report.sections import strategies

    monkeypatch.setattr(
        strategies, "MOST_STEPS", 200 * (swept.prices["bars"] + strategies.OVERHEAD)
    )
    monkeypatch.setattr(strategies, "MOST_ROWS", 50)
    found = build_strategies(swept, swept.series)
    assert (found.total_rows, found.grouped_rows) == (60, 50) and sum(
        len(row.window_sets) for row in found.rows
    ) == 50
    assert 1 <= found.evaluated < len(found.rows)
    assert [bool(row.near) for row in found.rows] == [
        k < found.evaluated for k in range(len(found.rows))
    ]
