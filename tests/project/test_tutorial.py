"""The tutorial runs, says what is so, and is stored without what it shows."""

import json
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOK = DOCS / "tutorial.ipynb"
HOOK = runpy.run_path(str(DOCS / "hooks" / "notebook.py"))


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """Its page, and the names that its cells define."""
    names: dict = {}
    return HOOK["page_of"](NOTEBOOK, tmp_path_factory.mktemp("tutorial"), names), names


def test_cells_show_something(tutorial):
    page, _ = tutorial
    assert "vendor has no Close column" in page and "Open is empty in row 101" in page
    assert page.count('class="plotly-graph-div"') == 2
    assert page.count("<table>") >= 8


def test_its_verdict_is_so(tutorial):
    """The text of the last cell names numbers."""
    _, names = tutorial
    around, best = names["around"], names["result"].top["total_return"].iloc[0]
    assert around.loc[around["steps"] == 1, "total_return"].median() < best / 2
    assert (names["above_median"], names["above_hold"]) == (0.59, 0.04)
    judged, hold = names["judged"]["total_return"], names["later"].hold["total_return"]
    assert judged["widest plateau"] > judged["highest return"] and judged.max() < hold


def test_save_and_resume_give_the_same(tutorial):
    _, names = tutorial
    assert names["same"] is True


def test_a_cell_that_fails_is_named(tmp_path):
    book = {"cells": [{"cell_type": "code", "source": ["x = 1\n", "x / 0"]}]}
    (tmp_path / "bad.ipynb").write_text(json.dumps(book))
    with pytest.raises(
        RuntimeError, match=r"bad.ipynb: this cell failed with ZeroDivisionError.*\nx = 1\nx / 0"
    ):
        HOOK["page_of"](tmp_path / "bad.ipynb", tmp_path)


def test_it_is_stored_without_outputs():
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == (
            [],
            None,
        )
