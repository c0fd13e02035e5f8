"""The page of a walk-forward, that of many symbols, and what a notebook shows."""

import pytest
from helpers.forward_answers import GRID, build_forward, build_forwards
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, WriteError
from qmac.report.html.figures import plot_forward, plot_ranks, plot_winners
from qmac.report.html.notebook import render_forward, render_forwards
from qmac.report.html.walk_forward_page import (
    render_forward as render_page,
)
from qmac.report.html.walk_forward_page import (
    render_forwards as render_many,
)
from qmac.report.html.walk_forward_page import (
    to_dict,
)
from qmac.report.sections.report import build_report
from qmac.report.sections.walk_forward import ForwardSummary, summarize_forward


def test_a_page_has_all_of_it(tmp_path):
    forward = build_forward()
    page = render_page(forward)
    for text in (forward.headline.replace("&", "&amp;"), forward.digest, "best in hindsight"):
        assert text in page
    for name in ("walk-forward", "ranks", "winners-windows"):
        assert f'id="{name}"' in page
    assert f">{forward.folds['rank'].iloc[0]:,}</td>" in page
    assert forward.report(tmp_path / "page.html") == tmp_path / "page.html"
    assert isinstance(to_dict(forward)["walk_forward"], ForwardSummary)


def test_figures_have_the_accounts_and_folds():
    forward = build_forward()
    summary = summarize_forward(forward)
    names = [trace.name for trace in plot_forward(summary).data]
    assert names[-1] == "winners followed" and "best in hindsight" in names
    assert len(plot_ranks(summary).data[0].y) == len(plot_winners(summary).data[0].y) == 3
    assert len(forward.plot().layout.shapes) == 2
    without = summarize_forward(build_forward(min_trades=1000))
    assert plot_winners(without).data[0].y == (None,) * 3 and plot_ranks(without)


def test_a_page_of_many_symbols_links_to_theirs(tmp_path):
    forwards = build_forwards("SPY", "b/c")
    path = tmp_path / "all.html"
    assert "href" not in render_many(forwards, path).partition("<main>")[2].partition("<foot")[0]
    forwards.report(path, each=True)
    page = path.read_text()
    assert 'href="all-SPY.html"' in page and "late: short" in page
    assert len(list(tmp_path.glob("all-*.html"))) == 2
    assert to_dict(forwards) == forwards.summary()
    with pytest.raises(WriteError):
        forwards.report(tmp_path)


def test_a_result_in_whose_run_it_lies_has_a_section():
    prices = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
    result = qmac.optimize(prices, GRID)
    report = build_report(result, forward=build_forward())
    assert report.to_dict()["walk_forward"].digest == build_forward().digest
    assert build_report(result).forward is None
    other = qmac.optimize(prices.tail(250), GRID)
    with pytest.raises(OptionError, match="forward must be of the prices and settings"):
        build_report(other, forward=build_forward())


def test_names_are_no_tags():
    forward, forwards = build_forward(name="<b>x"), build_forwards("<b>x")
    for html in (render_page(forward), render_forward(forward), render_forwards(forwards)):
        assert "<b>x" not in html and "&lt;b&gt;x" in html
    assert "better than" in forward._repr_html_() and "kept share" in forwards._repr_html_()
