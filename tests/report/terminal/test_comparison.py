"""Two results beside each other on a terminal."""

import io
import math

import pytest
from helpers.series import frame, series

import qmac
from qmac.report.terminal.comparison import describe_winner, show_comparison
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
    assert describe_winner("a", None, "total_return") == "best of a: none is left"
