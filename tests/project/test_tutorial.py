"""The tutorial runs, its conclusions match its numbers, and it is stored without outputs."""

import json
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOK = DOCS / "tutorial.ipynb"
HOOK = runpy.run_path(str(DOCS / "hooks" / "notebook.py"))


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """Return its page, and the names that its cells define."""
    names: dict = {}
    return HOOK["build_page"](NOTEBOOK, tmp_path_factory.mktemp("tutorial"), names), names


def test_cells_show_something(tutorial):
    page, _ = tutorial
    assert "vendor.csv has no Close column" in page and "Close is empty in row 101" in page
    assert page.count('class="plotly-graph-div"') == 4
    assert page.count("<table>") >= 8


def test_conclusions_match_the_numbers(tutorial):
    """The text of the last cell contains numbers."""
    _, names = tutorial
    around, best = names["around"], names["result"].top["total_return"].iloc[0]
    assert around.loc[around["steps"] == 1, "total_return"].median() < best / 2
    assert (names["above_median"], names["above_hold"]) == (0.81, 0.05)
    assert round(names["answer"].p, 2) == 0.65  # "on 65 of 100"
    assert names["answer"].verdict == "luck_alone_brings_this"
    forward = names["forward"]
    assert forward.above_median == (4, 7)
    followed, held = (forward.metrics[name]["total_return"] for name in ("followed", "hold"))
    assert (round(followed, 2), round(held, 2)) == (0.52, 1.28)
    judged, hold = names["judged"]["total_return"], names["later"].hold["total_return"]
    assert judged["highest plateau"] > judged["highest return"] and judged.max() < hold


def test_save_and_resume_give_the_same(tutorial):
    _, names = tutorial
    assert names["same"] is True


def test_a_cell_that_fails_is_named(tmp_path):
    book = {"cells": [{"cell_type": "code", "source": ["x = 1\n", "x / 0"]}]}
    (tmp_path / "bad.ipynb").write_text(json.dumps(book))
    message = r"bad.ipynb: this cell failed with ZeroDivisionError.*\nx = 1\nx / 0"
    with pytest.raises(RuntimeError, match=message):
        HOOK["build_page"](tmp_path / "bad.ipynb", tmp_path)


def test_it_is_stored_without_outputs():
    code = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    assert code
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


def test_lines_are_short():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    lines = [line.rstrip("\n") for cell in cells for line in cell["source"]]
    assert [line for line in lines if len(line) > 100] == []
