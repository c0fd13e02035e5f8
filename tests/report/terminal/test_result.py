"""A result on a terminal."""

import io
import time
from dataclasses import replace

import pandas as pd
import pytest
from helpers.readings import fill_memory
from helpers.series import frame, series
from rich.console import Console

import qmac
from qmac.errors import OutOfMemoryError
from qmac.report.terminal import result as terminal
from qmac.results.collection import Results

GRID = qmac.Grid(windows=(3, 5, 8, 13, 21))


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(frame(series("random", 300, 4)), GRID, top=8, threads=1)


def shown(result):
    console = Console(file=io.StringIO(), width=100)
    terminal.show_result(result, console)
    return console.file.getvalue()


def test_the_neighbourhood_is_printed_where_it_is_fast(result, monkeypatch):
    near = result.neighbourhood(radius=2)["total_return"].iloc[1:]
    line = f"within 2 steps of the winner, {len(near)} window sets: "
    line += f"median {near.median():.1%}, worst {near.min():.1%}\n"
    assert shown(result).endswith(line)
    assert "within 2 steps" not in shown(replace(result, source=None))
    monkeypatch.setattr(terminal, "MOST_BARS", len(near) * 100)
    assert "within 2 steps" not in shown(result)


def test_many_rows_are_not_all_printed_and_take_no_minute(result):
    many = replace(result, top=pd.concat([result.top] * 1000, ignore_index=True))
    began = time.perf_counter()
    assert "20 of 8,000 rows; --rows shows more" in shown(many)
    console = Console(file=io.StringIO(), width=80)
    terminal.build_top_table(many.top, many.objective, console)
    assert time.perf_counter() - began < 10
    assert "shows more" not in shown(result)


def test_threads_are_counted_in_words(result):
    assert " on 1 thread\n" in shown(result) and " on 2 threads\n" in shown(
        replace(result, threads=2)
    )


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_windows_and_values_are_whole_in_a_narrow_terminal(result, width):
    results = Results(
        {"AAA": lambda: result, "a name that goes on and on, and on": lambda: result}, {}
    )
    run = qmac.backtest(frame(series("random", 300, 4)), result.best)
    for show in (
        lambda console: terminal.show_symbols(results, console),
        lambda console: terminal.show_result(result, console),
        lambda console: terminal.show_backtest(run, result.hold, console),
    ):
        console = Console(file=io.StringIO(), width=width)
        show(console)
        lines = [line for line in console.file.getvalue().splitlines() if " a name" not in line]
        assert not any("…" in line for line in lines), lines
    assert all(str(window) in console.file.getvalue() for window in result.best)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_reason_is_broken_between_words_on_a_terminal_and_whole_in_a_pipe(result, is_terminal):
    reason = "B has 40 bars, but window 102 needs at least 103. Add history, or use less windows."
    console = Console(
        file=io.StringIO(), width=60, force_terminal=is_terminal, color_system=None, highlight=False
    )
    terminal.show_symbols(Results({"A": lambda: result}, {"B": reason}), console)
    text = console.file.getvalue()
    assert (f"left out: {reason}" in text) != is_terminal
    lines = [line.strip() for line in text.splitlines()[-2:]]
    assert f"left out: {reason}" in " ".join(lines)
    assert max(map(len, lines)) <= 60 or not is_terminal


def test_untrusted_text_moves_no_cursor(result):
    named = replace(
        result,
        prices=result.prices | {"name": "a\x1b[2J", "last": "2018\n\x1b[A", "averages": "\x1b[A"},
        source=None,
    )
    console = Console(file=io.StringIO(), width=100)
    terminal.show_symbols(Results({"a\x1b[2J": lambda: named}, {"b": "why\x1b[2J"}), console)
    assert "\x1b" not in shown(named) + console.file.getvalue() and "a?[2J" in shown(named)


def test_what_removed_all_combinations_is_said_of_each_symbol():
    grid = qmac.Grid(windows=[2, 5, 9, 14])
    prices = {"A": frame(series("random", 99, 4)), "B": frame(series("random", 99, 5))}
    results = qmac.optimize_many(prices, grid, constraints={"total_return": (50, None)})
    console = Console(file=io.StringIO(), width=100)
    terminal.show_symbols(results, console)
    text = " ".join(console.file.getvalue().split())
    for name in prices:
        assert f"{name}: No combination is left: {results[name].filtered} are filtered" in text
        assert "is undefined or infinite" not in text  # none is
    assert "total_return is a fraction: 50 is 5,000%." in text
    assert "total_return >= 50" in text and "fill close" in text  # the settings of all
    assert text.count("Each round trip costs 0.5 %.") == 1


def test_a_table_that_does_not_fit_into_memory_is_refused_before_a_line_is_printed(
    result, monkeypatch
):
    console = Console(file=io.StringIO(), width=100)
    run = qmac.backtest(frame(series("random", 300, 4)), result.best)
    fill_memory(monkeypatch)
    with pytest.raises(OutOfMemoryError, match=r"a table of 8 rows needs .*, or show fewer: --row"):
        terminal.show_result(result, console, rows=100)
    with pytest.raises(OutOfMemoryError, match=r"a table of \d rows"):
        terminal.show_backtest(run, result.hold, console, rows=3)
    assert console.file.getvalue() == ""
