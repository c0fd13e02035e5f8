"""Signals and fills of single combinations."""

import numpy as np
import pandas as pd

import qmac
from qmac.engine.backtest import inputs
from qmac.engine.backtest.inputs import build_hold_inputs, build_inputs
from qmac.engine.dataset.series import PreparedSeries
from qmac.strategy.metrics import METRICS


def test_rows_replayed_in_parts_are_the_same(sample, monkeypatch):
    wanted = [(fast, slow, 20, 100) for fast in range(5, 10) for slow in range(30, 33)]
    whole = qmac.evaluate(sample, wanted)
    monkeypatch.setattr(inputs, "REPLAYED_BARS", 4 * len(sample))
    pd.testing.assert_frame_equal(qmac.evaluate(sample, wanted), whole, check_exact=True)


def test_combinations_share_the_lists_of_their_pairs(sample):
    windows = np.array([(5, 20, 10, 50), (5, 20, 5, 20), (10, 50, 5, 20)])
    series = PreparedSeries.build(sample, (5, 10, 20, 50), qmac.Rules())
    found = build_inputs(series, windows)
    assert found.buys.tolist() == [0, 0, 1] and found.sells.tolist() == [1, 0, 0]
    assert list(found.averages) == [5, 10, 20, 50]
    assert np.isnan(found.averages[50][:49]).all() and found.averages[50].size == len(sample)


def test_windows_that_no_combination_has_change_nothing(sample):
    rules, windows = qmac.Rules(stop_loss=0.1), np.array([(5, 20, 10, 50)])
    few = PreparedSeries.build(sample, (5, 10, 20, 50), rules)
    many = PreparedSeries.build(sample, tuple(range(5, 51)), rules)
    columns = [build_inputs(series, windows).compute_metrics() for series in (few, many)]
    assert all(np.array_equal(columns[0][name], columns[1][name]) for name in METRICS)


def test_holding_pays_once_and_never_exits(sample):
    series = PreparedSeries.build(sample, (0,), qmac.Rules(stop_loss=0.01, start="2010-01-04"))
    trades = build_hold_inputs(series).list_trades(0)
    assert trades.opened.tolist() == [1] and trades.closed.tolist() == [series.period.close.size]
    assert not trades.stopped.any() and trades.brought[0] == sample.close[-1]
