"""Lists on a terminal."""

import io
from pathlib import Path

import pytest
from helpers.series import frame, series
from rich.console import Console

import qmac
from qmac.report.terminal import result as terminal
from qmac.report.terminal import tables
from qmac.results.collection import Results
from qmac.verification.replay import Difference

GRID = qmac.Grid(windows=(3, 5, 8, 13, 21))
from qmac.jobs.listing import Entry
from qmac.strategy.metrics import METRICS


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(frame(series("random", 300, 4)), GRID, top=8, threads=1)


def test_a_symbol_of_200_characters_leaves_room_for_the_rest(result):
    name = "X" * 200
    results = Results({name: lambda: result, "AAA": lambda: result}, {})
    apart = [
        (symbol, Difference("total_return", "reference", 0.1, result.best, 1.0, 1.1))
        for symbol in results
    ]
    for show in (
        lambda console: terminal.show_symbols(results, console),
        lambda console: tables.show_differences(apart, console),
    ):
        console = Console(file=io.StringIO(), width=80)
        show(console)
        text = console.file.getvalue()
        assert "XXXX…" in text and text.count("X") <= 16
        assert " ".join(str(window) for window in result.best) in " ".join(text.split())


def test_runs_and_their_progress(tmp_path):
    entries = [
        Entry(tmp_path / "a", "running", "total_return, 2:9", "total_return", 3, 1, 0.25),
        Entry(tmp_path / "b", "damaged", message="run.json is no JSON"),
    ]
    console = Console(file=io.StringIO(), width=300)
    tables.show_runs(entries, console)
    text = console.file.getvalue()
    assert "1/3 25%" in text and "total_return, 2:9" in text
    assert text.endswith("b: run.json is no JSON\n")


def test_a_path_that_is_long_is_on_a_line_of_its_own():
    path = Path("/home/anna/.cache/qmac/results/20261128-090619-402023-SPY")
    entries = [
        Entry(path, "finished", "total_return, 2:9", "total_return", 1, 1, best=0.25),
        Entry(path.with_suffix(".old"), "damaged", message="run.json is no JSON"),
    ]
    console = Console(file=io.StringIO(), width=80)
    tables.show_runs(entries, console)
    lines = console.file.getvalue().splitlines()
    assert lines[:2] == [str(path), "  finished  1/1  best 25.0%  total_return, 2:9"]
    assert lines[2:] == [f"{path}.old", "  damaged", f"{path}.old: run.json is no JSON"]


def test_notes_name_few_metrics_and_count_many():
    names = list(METRICS)

    def shown(metrics):
        entries = [
            ("A", Difference(name, "vectorbt", float("nan"), (2, 3, 4, 5), 1.0, 1.0, "fees"))
            for name in metrics
        ]
        console = Console(file=io.StringIO(), width=200)
        tables.show_differences(entries, console)
        return console.file.getvalue()

    few, many = shown(names[:2]), shown(names)
    assert f"vectorbt: fees ({names[0]}, {names[1]})" in few and "not compared" in few
    assert f"vectorbt: fees ({len(names)} of {len(names)} metrics)" in many
    assert "Where vectorbt differs" in many


def test_combinations_that_do_not_fit_become_rows(result):
    console = Console(file=io.StringIO(), width=60)
    tables.show_combinations(result.top, result.hold, console)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60 and len(lines) == len(result.top) + 4
    wide = Console(file=io.StringIO(), width=400)
    tables.show_combinations(result.top, result.hold, wide)
    assert "buy & hold" in wide.file.getvalue() and "buy & hold" not in console.file.getvalue()
