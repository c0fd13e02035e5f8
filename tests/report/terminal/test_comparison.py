"""Two results beside each other on a terminal."""

import io
import math
from dataclasses import replace

import pytest
from helpers.series import frame, series

import qmac
from qmac.report.terminal.comparison import (
    describe_winner,
    describe_winners,
    show_comparison,
    show_comparisons,
)
from qmac.report.terminal.console import PlainTextConsole
from qmac.results.comparison import Winner

PRICES = qmac.Prices.of(frame(series("random", 200, 2)), "SPY\x1b[31m")
GRID = qmac.Grid(windows=range(2, 9))


@pytest.mark.parametrize("width", [60, 80])
def test_what_differs_comes_first(width):
    results = [
        qmac.optimize(PRICES, GRID, rules=qmac.Rules(slippage=slippage), min_trades=1)
        for slippage in (0, 0.01)
    ]
    stream = io.StringIO()
    console = PlainTextConsole(stream)
    console.width = width
    show_comparison(qmac.compare(*results), console)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == [
        "total_return on SPY?[31m, a beside b", "slippage: 0 in a, 0.01 in b",
    ]  # fmt: skip
    assert any("median" in line for line in lines)
    assert sum(" buy " in line or " sell " in line for line in lines) >= 6


def test_winners():
    winner = Winner((2, 5, 3, 7), 0.5, 0.25, 0.9996)
    text = describe_winner("a", winner, "total_return")
    assert text == "best of a: 2 5 3 7, 50.0%; in b 25.0%, better than 99.9% of all"
    unknown = Winner((2, 5, 3, 7), 0.5, math.nan, math.nan)
    assert describe_winner("b", unknown, "total_return").endswith("not known in a")
    undefined = replace(unknown, metrics_elsewhere={"total_trades": 0.0})
    assert describe_winner("a", undefined, "total_return").endswith("undefined in b with 0 trades")
    best = describe_winner("a", replace(winner, share_worse=1.0), "total_return")
    assert best.endswith("in b 25.0%, the best there")
    filtered = describe_winner("a", replace(winner, filtered="total_trades >= 5"), "total_return")
    assert filtered.endswith("in b 25.0%, filtered there: total_trades >= 5")
    assert describe_winner("a", None, "total_return") == "best of a: none is left"


def test_one_winner_of_both_and_the_same_result():
    result = qmac.optimize(PRICES, GRID, min_trades=1)
    comparison = replace(qmac.compare(result, result), places=("runs/a", "runs/b"))
    (line,) = describe_winners(comparison)
    assert line.startswith("best of a: ") and "; the best of b, too: " in line
    stream = io.StringIO()
    show_comparison(comparison, PlainTextConsole(stream))
    lines = stream.getvalue().splitlines()
    assert lines[1:3] == [
        "a is runs/a, b is runs/b", "a and b are the same result, to the last bit.",
    ]  # fmt: skip
    assert len(lines) == 4


def test_many_symbols_are_a_row_each():
    results = qmac.Results(
        {"X\x1b": lambda: qmac.optimize(PRICES, GRID), "Y": lambda: None}, {}, ["Z"]
    )
    other = qmac.Results({"X\x1b": lambda: qmac.optimize(PRICES, GRID, top=3)}, {})
    stream = io.StringIO()
    show_comparisons(qmac.compare_many(results, other), PlainTextConsole(stream))
    text = stream.getvalue()
    assert text.startswith("total_return of 1 symbol, a beside b\nRules and constraints are the s")
    assert "only in a: Y" in text and "a: not done yet: Z" in text and "\x1b" not in text
