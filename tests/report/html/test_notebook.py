"""Tables that notebooks show."""

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
