"""Pages of answers, which the report draws."""

import pytest

from qmac import _views
from qmac.errors import OptionError, WriteError
from qmac.results.pages import Reported, check_page, write_page


@pytest.fixture
def drawn(monkeypatch):
    """Return what is drawn: the view and its arguments."""
    calls = []

    def draw(view, *shown):
        calls.append((view, *shown))
        return shown[1]() if view == "page" else "HTML"

    monkeypatch.setattr(_views, "draw", draw)
    return calls


def test_an_answer_is_drawn_when_its_page_is_written(drawn, tmp_path):
    class Answer(Reported):
        _page = "answer page"

    answer = Answer()
    assert answer.report(tmp_path / "page.html") == "HTML"
    assert drawn[0][:2] == ("page", tmp_path / "page.html")
    assert drawn[1:] == [("answer page", answer)]


def test_a_path_is_checked_before_anything_is_drawn(drawn):
    with pytest.raises(OptionError, match="path must be"):
        write_page(3, "answer page")
    assert drawn == []


def test_a_page_replaces_pages_only(tmp_path):
    for name in ("page.html", "PAGE.HTM"):
        (tmp_path / name).write_text("an older page")
        assert check_page(tmp_path / name) == tmp_path / name
    assert check_page(tmp_path / "report") == tmp_path / "report"
    (tmp_path / "prices.csv").write_text("Date,Close")
    for path, message in (
        (tmp_path, "is a directory"),
        (tmp_path / "none" / "page.html", "there is no directory"),
        (tmp_path / "prices.csv", "exists and is no page"),
    ):
        with pytest.raises(WriteError, match=message):
            check_page(path)
