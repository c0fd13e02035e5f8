"""Tables that notebooks show."""

from dataclasses import replace

from helpers.luck_answers import build_luck
from helpers.series import frame, series

import qmac
from qmac.report.html.notebook import render_backtest, render_result


def test_notebooks_show_tables(swept, named):
    for shown in (render_result(swept), render_backtest(qmac.backtest(named, swept.best))):
        assert "<script" not in shown and "<table>" in shown
    assert swept._repr_html_() == render_result(swept) and "alert(1)" in swept._repr_html_()
    flat = qmac.optimize(frame(series("constant", 60, 1)), qmac.Grid(windows=range(2, 8)))
    assert "No combination" in flat._repr_html_()


def test_a_notebook_shows_the_winner_of_each_symbol(named):
    grid = qmac.Grid(windows=(3, 5, 8, 13, 21))
    many = qmac.optimize_many(
        {"<b>X</b>": named, "flat": frame(series("constant", 60, 1))}, grid, top=5
    )
    html = many._repr_html_()
    assert "&lt;b&gt;X" in html and "<b>X" not in html and "flat" in html and "buy and hold" in html
    assert f">{many['<b>X</b>'].best[0]}<" in html


def test_a_notebook_shows_what_random_markets_say():
    luck = build_luck(name="<b>X</b>")
    html = luck._repr_html_()
    assert "&lt;b&gt;X" in html and "<b>X" not in html and html.count("<tr>") == 3
    for expected in ("moves in random order", f"{luck.table['p'][0]:.3f}", "43 of 100"):
        assert expected in html


def test_a_notebook_says_what_was_read(swept, named):
    assert "read as" in swept._repr_html_() and "warning" not in swept._repr_html_()
    odd = replace(swept, prices=swept.prices | {"layout": "<i>", "warnings": ["row <3>"]})
    assert "read as &lt;i&gt;," in odd._repr_html_()
    assert "warning: row &lt;3&gt;" in odd._repr_html_()
    many = qmac.Results({"A": lambda: odd, "B": lambda: odd}, {})
    assert many._repr_html_().count("warning: row &lt;3&gt;") == 2
