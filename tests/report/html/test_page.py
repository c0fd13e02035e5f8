"""The page: one file, all of it inside, what comes from files escaped, numbers as in the info."""

import base64
import gzip
import json
import re
import sys
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, WriteError
from qmac.report.html import figures
from qmac.report.html.notebook import render_backtest, render_result
from qmac.report.html.page import render_report
from qmac.report.html.style import round_mantissa
from qmac.report.html.symbols_page import render_symbols
from qmac.report.sections.equity import build_equity
from qmac.report.sections.heatmaps import build_heatmap
from qmac.report.sections.report import build_report
from qmac.report.sections.symbols import build_symbols


@pytest.fixture(scope="module")
def text(swept, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert swept.report(path) == path and [file.name for file in path.parent.iterdir()] == [
        "report.html"
    ]
    return path.read_text()


def figures_in(text):
    """The figures as a browser gets them."""
    data = re.search(r'id="figures">([^<]*)<', text)[1]
    return json.loads(gzip.decompress(base64.b64decode(data)))


def array(value):
    """Numbers of a trace, which Plotly embeds as base64."""
    numbers = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
    return numbers.reshape([int(size) for size in str(value.get("shape", numbers.size)).split(",")])


def without_data(text):
    return re.sub(r'<script type="text/plain".*?</script>', "", text, flags=re.DOTALL)


def test_self_contained(text):
    outside = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", without_data(text))
    assert set(outside) <= {
        "data:,",
        "#winner",
        "#top",
        "#heatmaps",
        "#distribution",
        "#neighbourhood",
        "#settings",
    }
    assert "http" not in without_data(text) and "@import" not in text
    assert len(text) < 8e6 and text.count('id="plotly"') == 1
    library = gzip.decompress(base64.b64decode(re.search(r'id="plotly">([^<]*)<', text)[1]))
    assert library.startswith(b"/**\n* plotly.js")


def test_names_are_escaped(text, swept):
    shown = without_data(text)
    assert "<script>alert" not in shown
    assert f"<h1>{swept.prices['name']}" in unescape(shown)
    assert shown.count("<script>") == 1


def test_every_figure_has_its_place(text):
    places = set(re.findall(r'class="plot" id="([\w-]+)"', text))
    assert places == figures_in(text).keys() and len(places) == 13


def test_the_text_says_it(text, swept):
    words = unescape(re.sub(r"<[^>]+>", " ", without_data(text)))
    for expected in (
        f"{swept.evaluated:,} combinations", swept.digest, swept.machine, "0.25 % worse", "252 bars a year", "Entry where the fast",
        "Reasons to doubt", f"{swept.best[0]} / {swept.best[1]}", "buy & hold", "hides luck", "total trades at least 1", "within 2 steps",
    ):  # fmt: skip
        assert expected in words, expected


def test_incomplete(swept):
    failed = [{"cell": 1, "combinations": 1234, "reason": "x"}]
    shown = render_report(build_report(replace(swept, failed=failed)))
    assert "incomplete" in shown and "1 cell of the grid failed" in shown


def test_tables(text, swept):
    report = build_report(swept)
    rows = re.search(r'id="rows">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1].count("<tr>")
    assert rows == len(report.strategies.rows)
    trades = re.search(r"<h3>Trades</h3>.*?<tbody>(.*?)</tbody>", text, re.DOTALL)[1]
    assert trades.count("<tr>") == report.equity.total_trades == swept.top["total_trades"].iloc[0]
    assert trades.count("<td>signal</td>") == report.equity.exits.count("signal")


def test_figures_have_the_numbers(text, swept):
    drawn, report = figures_in(text), build_report(swept)
    strategy, hold = (
        trace for trace in drawn["equity"]["data"] if trace["name"] in ("strategy", "buy & hold")
    )
    np.testing.assert_allclose(array(strategy["y"]), report.equity.equity, rtol=1e-6)
    np.testing.assert_allclose(array(hold["y"]), report.equity.hold, rtol=1e-6)
    for k, maps in enumerate(report.heatmaps.maps):
        traces = drawn[f"map-{k}"]["data"]
        assert [trace["name"] for trace in traces[:3]] == ["max", "mean", "count"]
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
    assert (
        names[:7] == ["close", *map(str, sorted(swept.best)), "entry", "exit"]
        and "strategy" in names
    )
    assert build_equity(run).entry_dates.size == len(run.plot().data[5].x)


def test_notebooks_show_tables(swept, named):
    for shown in (render_result(swept), render_backtest(qmac.backtest(named, swept.best))):
        assert "<script" not in shown and "<table>" in shown
    assert swept._repr_html_() == render_result(swept) and "alert(1)" in swept._repr_html_()
    flat = qmac.optimize(frame(series("constant", 60, 1)), qmac.Grid(windows=range(2, 8)))
    assert "No combination" in flat._repr_html_()


@pytest.mark.parametrize("bits", [10, 15])
def test_round_mantissa(bits):
    values = np.array([1.0, -1.0, np.pi, 1e-20, -12345.678, 0.0, np.nan])
    np.testing.assert_allclose(round_mantissa(values, bits), values, rtol=2.0 ** -(bits + 1))
    assert (
        np.nan_to_num(round_mantissa(values, bits)).view(np.uint32) & ((1 << (23 - bits)) - 1) == 0
    ).all()
    large = np.array([1.5e300, np.nan, np.inf, -3.0])  # beyond float32
    np.testing.assert_allclose(
        round_mantissa(large, bits), [1.5e300, np.nan, np.nan, -3.0], rtol=2.0 ** -(bits + 1)
    )


def test_mistakes_leave_nothing(swept, tmp_path, monkeypatch):
    with pytest.raises(WriteError, match="no directory"):
        swept.report(tmp_path / "none" / "report.html")
    with pytest.raises(WriteError, match="is a directory"):
        swept.report(tmp_path)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(OptionError, match=r"pip install .qmac\[report\]"):
        swept.report(tmp_path / "report.html")
    monkeypatch.undo()
    monkeypatch.setattr(figures, "plot_curve", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        swept.report(tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:left out")
def test_a_page_of_winners(swept, named):
    results = qmac.optimize_many(
        {
            "<b>X</b>": named,
            "flat": frame(series("constant", 500, 1)),
            "none": frame(series("up", 9, 1)),
        },
        swept.grid,
        top=3,
    )
    found = build_symbols(results, "<i>runs</i>")
    assert [row.symbol for row in found.rows] == ["<b>X</b>", "flat"] and len(found.left_out) == 1
    assert found.rows[0].combination == swept.best and found.rows[1].combination is None
    assert found.rows[0].median == swept.distribution.quantile(0.5)
    text = render_symbols(found)
    assert "<b>X" not in text and "<i>runs" not in text and "&lt;b&gt;X" in without_data(text)
    assert figures_in(text)["winners"]["data"][0]["x"][0] == "&lt;b&gt;X&lt;/b&gt;"


def test_a_page_replaces_no_file_that_is_none(swept, tmp_path):
    prices = tmp_path / "spy.csv"
    prices.write_text("Date,Close")
    with pytest.raises(WriteError, match="is no page"):
        swept.report(prices)
    assert prices.read_text() == "Date,Close"
    page = swept.report(tmp_path / "report.html")
    assert swept.report(page) == page


def test_winners_in_a_notebook(named):
    grid = qmac.Grid(windows=(3, 5, 8, 13, 21))
    many = qmac.optimize_many(
        {"<b>X</b>": named, "flat": frame(series("constant", 60, 1))}, grid, top=5
    )
    html = many._repr_html_()
    assert "&lt;b&gt;X" in html and "<b>X" not in html and "flat" in html and "buy and hold" in html
    assert f">{many['<b>X</b>'].best[0]}<" in html
