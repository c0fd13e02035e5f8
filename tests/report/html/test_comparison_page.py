"""The page of two results beside each other, and that of many symbols."""

import pytest
from helpers.pages import figures_in, without_data

import qmac
from qmac.errors import WriteError


@pytest.fixture(scope="module")
def costly(named, swept):
    return qmac.optimize(named, swept.grid, rules=qmac.Rules(slippage=0.01), top=60, min_trades=1)


def test_page_of_two_results(swept, costly, tmp_path):
    path = tmp_path / "page.html"
    assert qmac.compare(swept, costly).report(path) == path
    text = path.read_text()
    assert set(figures_in(text)) == {"distributions", *(f"map-{number}" for number in range(6))}
    shown = without_data(text)
    assert "<script>alert" not in shown and '<td class="left">slippage</td>' in shown
    assert "best of a: total return" in shown and "better than" in shown


def test_page_without_a_winner_and_of_the_same(named, swept, tmp_path):
    empty = qmac.optimize(named, swept.grid, min_trades=10_000)
    text = qmac.compare(empty, swept).report(tmp_path / "page.html").read_text()
    assert figures_in(text) == {} and "a has no combination that is left to rank" in text
    text = qmac.compare(swept, swept).report(tmp_path / "page.html").read_text()
    assert "a and b are the same result" in text and "the same best combination" in text
    with pytest.raises(WriteError, match="there is no directory"):
        qmac.compare(swept, swept).report(tmp_path / "none" / "page.html")


def test_page_of_many_symbols(swept, costly, tmp_path):
    one = qmac.Results({"<b>X</b>": lambda: swept, "Y": lambda: swept}, {})
    other = qmac.Results({"<b>X</b>": lambda: costly}, {})
    text = qmac.compare_many(one, other).report(tmp_path / "page.html").read_text()
    assert list(figures_in(text)) == ["medians"] and "<b>X" not in text
    assert "only in a: Y" in text and " ".join(map(str, swept.best)) in text
