"""Where a bound of trades leaves nothing, the most active combination is counted."""

import dataclasses

import pytest
from helpers.series import frame, series

import qmac
from qmac.report.sections import activity
from qmac.report.sections.activity import find_most_trades

PRICES, GRID = frame(series("random", 120, 3)), qmac.Grid(windows=(2, 3, 5, 8))


@pytest.fixture(scope="module")
def empty():
    return qmac.optimize(PRICES, GRID, min_trades=1000, threads=1)


def test_the_most_active_combination_is_counted(empty):
    every = [GRID.combination(index) for index in range(GRID.size)]
    most = int(qmac.evaluate(PRICES, every)["total_trades"].max())
    assert empty.best is None and most > 1
    assert find_most_trades(empty) == most
    assert qmac.optimize(PRICES, GRID, min_trades=most).best is not None
    assert qmac.optimize(PRICES, GRID, min_trades=most + 1).best is None


def test_nothing_is_swept_where_it_does_not_help(empty, monkeypatch):
    assert find_most_trades(qmac.optimize(PRICES, GRID, min_trades=1)) is None
    narrow = {"win_rate": (2, None)}
    with pytest.warns(UserWarning, match="fraction"):
        assert find_most_trades(qmac.optimize(PRICES, GRID, constraints=narrow)) is None
    assert find_most_trades(dataclasses.replace(empty, source=None)) is None
    monkeypatch.setattr(activity, "MOST_CPU_SECONDS", 0.0)
    assert find_most_trades(empty) is None
