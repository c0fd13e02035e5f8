"""The numbers of the page of two results."""

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.report.sections.comparison import build_shared_histogram, summarize_comparison

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))


@pytest.fixture(scope="module")
def pair():
    rules = (qmac.Rules(slippage=0), qmac.Rules(slippage=0.01))
    return [qmac.optimize(PRICES, GRID, rules=each, min_trades=1) for each in rules]


def test_distributions_share_their_bars(pair):
    histogram = build_shared_histogram(*pair)
    assert all(shares.sum() == pytest.approx(1) for shares in histogram.shares)
    assert all((shares >= 0).all() for shares in histogram.shares)
    assert histogram.medians == tuple(each.distribution.quantile(0.5) for each in pair)
    values = [qmac.evaluate(PRICES, list(_combinations(each)), each.rules) for each in pair]
    for shares, frame_ in zip(histogram.shares, values, strict=True):
        scored = frame_["total_return"][frame_["total_trades"] >= 1]
        exact = np.searchsorted(np.sort(scored), histogram.edges[1:-1]) / len(scored)
        assert np.abs(np.cumsum(shares)[:-1] - exact).max() < 0.02  # as fine as the bins of a run


def _combinations(result):
    return (result.grid.combination(index) for index in range(result.grid.size))


def test_maps_are_second_less_first_on_one_span(pair):
    summary = summarize_comparison(qmac.compare(*pair))
    first = summary.maps[0]
    assert (first.rows, first.columns) == ("buy_slow", "buy_fast") and len(summary.maps) == 6
    expected = pair[1].map("buy_slow", "buy_fast", "mean") - pair[0].map(
        "buy_slow", "buy_fast", "mean"
    )
    assert np.array_equal(first.values, expected.to_numpy(), equal_nan=True)
    highest = max(np.nanmax(np.abs(each.values)) for each in summary.maps)
    assert 0 < summary.span <= highest
    assert summary.metrics[0][0] == "total_return"
    assert summary.metrics[0][1][0] == pair[0].top["total_return"][0]


def test_nothing_scored_and_one_value(pair):
    empty = qmac.optimize(PRICES, GRID, min_trades=10_000)
    summary = summarize_comparison(qmac.compare(empty, pair[0]))
    assert summary.histogram is None and summary.maps == () and summary.span == 1
    assert np.isnan(summary.metrics[0][1][0])
    flat = frame(series("constant", 200, 1))
    same = [qmac.optimize(flat, GRID, min_trades=0) for _ in range(2)]
    histogram = summarize_comparison(qmac.compare(*same)).histogram
    assert histogram is not None and [each.sum() for each in histogram.shares] == [1, 1]
