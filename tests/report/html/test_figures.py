"""Figures have the numbers of their sections."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.luck_answers import build_luck
from helpers.pages import array, figures_in

import qmac
from qmac.errors import OptionError
from qmac.report.html import figures
from qmac.report.sections.equity import build_equity
from qmac.report.sections.heatmaps import build_heatmap
from qmac.report.sections.luck import summarize_luck
from qmac.report.sections.report import build_report


def test_figures_have_the_numbers(text, swept):
    drawn, report = figures_in(text), build_report(swept)
    strategy, hold = (
        trace for trace in drawn["equity"]["data"] if trace["name"] in ("strategy", "buy & hold")
    )
    np.testing.assert_allclose(array(strategy["y"]), report.equity.equity, rtol=1e-6)
    np.testing.assert_allclose(array(hold["y"]), report.equity.hold, rtol=1e-6)
    for k, maps in enumerate(report.heatmaps.maps):
        traces = drawn[f"map-{k}"]["data"]
        assert [trace["name"] for trace in traces[:3]] == ["mean", "max", "count"]
        assert [trace["visible"] for trace in traces[:3]] == [True, False, False]
        for trace, found in zip(traces, maps, strict=False):
            np.testing.assert_allclose(array(trace["z"]), found.values, rtol=2**-14)
            assert trace["meta"] == found.text
    counts = drawn["histogram"]["data"][0]
    assert array(counts["y"]).sum() == swept.scored
    assert {note["text"] for note in drawn["histogram"]["layout"]["annotations"]} == {
        "winner",
        "buy & hold",
        "median",
    }
    far = figures.plot_histogram(replace(report.distribution, winner=1e6)).layout
    assert [note.text for note in far.annotations] == [
        "winner \u2192",
        "buy & hold",
        "median",
    ] and far.xaxis.range[1] < 10
    own = next(trace for trace in drawn["surroundings"]["data"] if trace["name"] == "itself")
    assert array(own["y"])[0] == pytest.approx(swept.top["total_return"].iloc[0])


@pytest.mark.parametrize("nulls", [("shuffle", "mirror"), ("mirror",)])
def test_a_panel_for_each_kind_of_random_markets(nulls):
    scores = build_luck().scores_by_null
    luck = build_luck(scores_by_null={null: scores[null] for null in nulls})
    plot, summary = luck.plot(), summarize_luck(luck)
    for trace, null in zip(plot.data, summary.nulls, strict=True):
        assert trace.name == null.name
        np.testing.assert_array_equal(trace.y, null.counts)
        is_as_good = np.array(trace.marker.color) == figures.RED
        assert trace.y[is_as_good].sum() == null.at_least
    lines = {(shape.x0, shape.yref) for shape in plot.layout.shapes}
    axes = ["y domain", "y2 domain"][: len(nulls)]
    assert lines == {(value, axis) for value in (luck.best, luck.hold) for axis in axes}
    texts = [note.text for note in plot.layout.annotations]
    assert texts[-2:] == ["winner", "buy & hold"]
    assert f"of {summary.nulls[0].resamples} at least as good" in texts[0]
    undefined = build_luck(hold_metrics={}).plot().layout.annotations
    assert "buy & hold" not in [note.text for note in undefined]


def test_plots_for_notebooks(swept, named):
    plot = swept.plot_map("buy_slow", "sell_fast", "mean")
    heat = plot.data[0]
    found = build_heatmap(swept, "buy_slow", "sell_fast", "mean")
    np.testing.assert_allclose(np.array(heat.z), found.values, rtol=2**-14)
    assert plot.layout.title.text == found.text and plot.layout.xaxis.title.text == "sell fast"
    assert (plot.data[1].x[0], plot.data[1].y[0]) == (swept.best[2], swept.best[1])
    with pytest.raises(OptionError, match="Did you mean"):
        swept.plot_map("buy_slow", "sell_fst")
    run = qmac.backtest(named, swept.best)
    names = [trace.name for trace in run.plot().data]
    roles = ("buy fast", "buy slow", "sell fast", "sell slow")
    averages = [f"{role} {window}" for role, window in zip(roles, swept.best, strict=True)]
    assert names[:7] == [*averages, "close", "entry", "exit"] and "strategy" in names
    assert build_equity(run).entry_dates.size == len(run.plot().data[5].x)


@pytest.mark.parametrize(
    ("values", "answer"),
    [([1.0, 1.9], False), ([1.0, 2.0], True), ([4.0, 1.0], True), ([0.0, 9.0], False)],
)
def test_an_axis_is_logarithmic_where_values_double(values, answer):
    assert figures.doubles(np.array(values)) is answer


def test_prices_and_equity_open_on_the_axis_that_the_page_shows(text, swept):
    drawn, equity = figures_in(text), build_report(swept).equity
    expected = {"price": figures.doubles(equity.close), "equity": figures.compounds(equity)}
    for name, is_log in expected.items():
        assert (drawn[name]["layout"]["yaxis"]["type"] == "log") is is_log
        pressed = f'data-scale="log" data-of="{name}" aria-pressed="{str(is_log).lower()}"'
        assert pressed in text
