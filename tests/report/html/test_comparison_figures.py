"""Figures of two results beside each other."""

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.report.html import comparison_figures as figures
from qmac.report.sections.comparison import summarize_comparison

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))


@pytest.fixture(scope="module")
def summary():
    rules = (qmac.Rules(slippage=0), qmac.Rules(slippage=0.01))
    pair = [qmac.optimize(PRICES, GRID, rules=each, min_trades=1) for each in rules]
    return summarize_comparison(qmac.compare(*pair))


def test_distributions_lie_over_each_other(summary):
    figure = figures.plot_distributions(summary.histogram, "total_return")
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert figure.layout.barmode == "overlay"
    assert [line.x0 for line in figure.layout.shapes] == list(summary.histogram.medians)


def test_maps_have_one_symmetric_scale_and_both_winners(summary):
    plots = [figures.plot_difference(each, summary) for each in summary.maps]
    assert {(plot.data[0].zmin, plot.data[0].zmax) for plot in plots} == {
        (-summary.span, summary.span)
    }
    first, one, other = plots[0].data
    assert first.colorscale[2][0] == 0.5 and "b less a %{z:+.1%}" in first.hovertemplate
    assert np.allclose(first.z, summary.maps[0].values, rtol=1e-4, equal_nan=True)
    assert np.allclose(
        first.customdata[..., 1], summary.maps[0].means[1], rtol=1e-4, equal_nan=True
    )
    best = summary.comparison.winners[0].combination
    assert (one.x[0], one.y[0]) == best[:2] and one.marker.color != other.marker.color
