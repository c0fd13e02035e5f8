"""The page of a run of many symbols, and its links."""

from urllib.parse import unquote

import pytest
from helpers.pages import figures_in, without_data
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError
from qmac.report.html.symbols_page import find_links, render_symbols, symbol_path
from qmac.report.sections.symbols import build_symbols


@pytest.mark.filterwarnings("ignore:left out")
def test_page_of_many_symbols(swept, named):
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


def test_ps_are_shown_where_there_are_any(swept, swept_luck, tmp_path):
    results = qmac.Results({"X": lambda: swept}, {})
    page = results.report(tmp_path / "none.html").read_text()
    assert "<th" in page and ">p, adjusted</th>" not in page
    page = results.report(tmp_path / "all.html", each=True, luck={"X": swept_luck}).read_text()
    assert ">p, adjusted</th>" in page and "share of random markets" in page
    assert without_data(page).count(f'<td data-value="{swept_luck.p}">{swept_luck.p:.3f}</td>') == 2
    assert "random-markets" in (tmp_path / "all-X.html").read_text()


def test_answers_that_are_none(swept, swept_luck, tmp_path):
    results = qmac.Results({"X": lambda: swept}, {})
    with pytest.raises(OptionError, match="mapping of symbols to answers"):
        results.report(tmp_path / "all.html", luck=swept_luck)
    with pytest.raises(OptionError, match="there is no result"):
        results.report(tmp_path / "all.html", luck={"Y": swept_luck})
    with pytest.raises(OptionError, match=r"Use what Result\.luck"):
        results.report(tmp_path / "all.html", luck={"X": "luck.json"})
    assert not list(tmp_path.iterdir())


def test_the_page_of_a_symbol_is_beside_that_of_all(tmp_path):
    assert symbol_path("SPY", tmp_path / "all.html") == tmp_path / "all-SPY.html"
    assert symbol_path("../x", tmp_path / "all.html").parent == tmp_path


def test_links_are_to_pages_that_exist(tmp_path):
    symbols = ["SPY", "a b"]
    assert find_links(symbols, tmp_path / "all.html") == {}
    symbol_path("a b", tmp_path / "all.html").touch()
    (link,) = find_links(symbols, tmp_path / "all.html").values()
    assert (tmp_path / unquote(link)).is_file()
