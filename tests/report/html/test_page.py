"""The page: one file with all that it needs, untrusted text escaped."""

import base64
import gzip
import re
import sys
from dataclasses import replace
from html import unescape

import pytest
from helpers.pages import figures_in, without_data

from qmac.errors import OptionError, WriteError
from qmac.report.html import figures
from qmac.report.html.page import render_report
from qmac.report.sections.report import build_report


def test_self_contained(text):
    outside = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", without_data(text))
    assert set(outside) <= {
        "data:,",
        "#winner",
        "#luck",
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


def test_text_of_the_page(text, swept):
    words = unescape(re.sub(r"<[^>]+>", " ", without_data(text)))
    for expected in (
        f"{swept.evaluated:,} combinations",
        swept.digest,
        swept.machine,
        "0.25 % worse",
        "252 bars a year",
        "Entry where the fast",
        "Reasons to doubt",
        f"{swept.best[0]} / {swept.best[1]}",
        "buy & hold",
        "hides luck",
        "total trades at least 1",
        "within 2 steps",
    ):
        assert expected in words, expected


def test_luck_or_what_to_type_for_it(text, swept, swept_luck):
    assert "result.report(path, luck=result.luck())" in text
    command = render_report(build_report(swept, directory="runs/<i>", symbol="SPY"))
    assert "qmac luck &#39;runs/&lt;i&gt;&#39; --symbol SPY" in command
    shown = render_report(build_report(swept, swept_luck))
    assert "result.luck()" not in shown and "random-markets" in figures_in(shown)
    words = unescape(re.sub(r"<[^>]+>", " ", without_data(shown)))
    for expected in (
        *swept_luck.sentences,
        swept_luck.digest,
        f"p = {swept_luck.p:.3f}",
        "moves in random order",
        "moves in random direction",
    ):
        assert expected in words, expected
    assert without_data(shown).count("<script>") == 1 and "<script>alert" not in without_data(shown)


def test_a_report_with_luck(swept, swept_luck, tmp_path):
    assert "random-markets" in swept.report(tmp_path / "a.html", luck=swept_luck).read_text()
    with pytest.raises(OptionError, match="that of another"):
        swept.report(tmp_path / "b.html", luck=replace(swept_luck, question="0"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


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


def test_errors_leave_no_file(swept, tmp_path, monkeypatch):
    with pytest.raises(WriteError, match="no directory"):
        swept.report(tmp_path / "none" / "report.html")
    with pytest.raises(WriteError, match="is a directory"):
        swept.report(tmp_path)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(OptionError, match="pip install plotly"):
        swept.report(tmp_path / "report.html")
    monkeypatch.undo()
    monkeypatch.setattr(figures, "plot_curve", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        swept.report(tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_page_replaces_no_file_that_is_none(swept, tmp_path):
    prices = tmp_path / "spy.csv"
    prices.write_text("Date,Close")
    with pytest.raises(WriteError, match="is no page"):
        swept.report(prices)
    assert prices.read_text() == "Date,Close"
    page = swept.report(tmp_path / "report.html")
    assert swept.report(page) == page
