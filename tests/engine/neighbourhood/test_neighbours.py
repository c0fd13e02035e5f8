"""Neighbourhoods against the definition: every combination of the grid, looked at one by one."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.engine.neighbourhood.neighbours import Neighbourhood, find_neighbours
from qmac.errors import GridError, OptionError, ResultError
from qmac.strategy.grid import ROLES

PRICES = frame(series("random", 250, 5))
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34))
ODD = qmac.Grid(
    buy_fast=(2, 5, 9),
    buy_slow=(4, 9, 12, 20),
    sell_fast=(3, 4),
    sell_slow=(9, 10, 30),
    shared_windows=True,
)


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES, GRID, top=40)


def by_definition(grid, combination, radius):
    """How far each combination of the grid is, where it is near enough."""
    found = {}
    for index in range(grid.size):
        other = grid.combination(index)
        steps = [
            abs(grid.roles[role].index(there) - grid.roles[role].index(here))
            for role, there, here in zip(ROLES, other, combination, strict=True)
        ]
        if max(steps) <= radius:
            found[other] = max(steps)
    return found


@pytest.mark.parametrize("grid", [GRID, ODD])
@pytest.mark.parametrize("radius", [0, 1, 2, 5])
def test_neighbours(grid, radius):
    for index in range(0, grid.size, 17):
        combination = grid.combination(index)
        windows, steps = find_neighbours(grid, combination, radius)
        found = dict(zip(map(tuple, windows.tolist()), steps.tolist(), strict=True))
        assert found == by_definition(grid, combination, radius)
        assert len(found) == len(windows) and tuple(windows[0]) == combination
        assert (np.diff(steps) >= 0).all()


def test_not_in_the_grid():
    with pytest.raises(GridError, match="not in"):
        find_neighbours(GRID, (2, 4, 5, 8))
    with pytest.raises(OptionError, match="radius must be at least 0, got -1"):
        find_neighbours(GRID, (2, 3, 5, 8), -1)


def test_neighbourhood_is_exact(result):
    near = result.neighbourhood(radius=2)
    again = qmac.evaluate(PRICES, near, result.rules)
    pd.testing.assert_frame_equal(near.drop(columns="steps"), again)
    assert tuple(near.iloc[0, :4]) == result.best
    assert near["total_return"].iloc[0] == pytest.approx(result.top["total_return"].iloc[0])
    assert near["total_return"].max() <= result.top["total_return"].iloc[0] * (1 + 1e-12)
    elsewhere = result.neighbourhood((3, 5, 8, 13), radius=1)
    assert tuple(elsewhere.iloc[0, :4]) == (3, 5, 8, 13) and len(elsewhere) < len(near)


@pytest.mark.parametrize(("metric", "maximize"), [("total_return", True), ("max_drawdown", False)])
def test_ranked_by_plateau(metric, maximize):
    result = qmac.optimize(PRICES, GRID, metric, top=25, maximize=maximize)
    ranked = result.ranked("plateau")
    wider = result.ranked("plateau", radius=3)
    for row in ranked.itertuples():
        near = result.neighbourhood(row[1:5])[metric].to_numpy()[1:]
        assert row.plateau == pytest.approx(np.median(near))
    for row in wider.itertuples():
        near = result.neighbourhood(row[1:5], radius=3)[metric].to_numpy()[1:]
        assert row.plateau == pytest.approx(np.median(near))
    values = ranked["plateau"].to_numpy()
    assert (np.diff(values) <= 0).all() if maximize else (np.diff(values) >= 0).all()
    columns = list(ROLES)
    assert sorted(map(tuple, ranked[columns].to_numpy())) == sorted(
        map(tuple, result.top[columns].to_numpy())
    )
    assert result.ranked("objective").equals(result.top)
    assert result.summary("plateau")["top"][0]["plateau"] == pytest.approx(values[0])
    with pytest.raises(OptionError, match="Did you mean 'plateau'"):
        result.ranked("plato")


def test_surroundings():
    found = Neighbourhood.from_values(np.array([0.1, 0.3, -0.2, 0.5]), maximize=True)
    assert (found.neighbours, found.undefined, found.worst, found.best) == (4, 0, -0.2, 0.5)
    assert (found.median, found.share_positive) == (pytest.approx(0.2), 0.75)
    down = Neighbourhood.from_values(np.array([0.1, 0.3, -0.2, 0.5]), maximize=False)
    assert (down.worst, down.best, down.median) == (0.5, -0.2, pytest.approx(0.2))


def test_undefined_neighbours_are_the_worst():
    one = Neighbourhood.from_values(np.array([1.0, np.nan, 3.0, 2.0, np.inf]), maximize=True)
    assert (one.undefined, one.median, one.worst, one.share_positive) == (2, 1.0, 1.0, 0.6)
    most = Neighbourhood.from_values(np.array([1.0, np.nan, np.nan]), maximize=True)
    assert np.isnan(most.median) and most.worst == 1.0
    none = Neighbourhood.from_values(np.array([]), maximize=True)
    assert none.neighbours == 0 and np.isnan(none.median)


def test_nothing_scored():
    flat = qmac.optimize(frame(series("constant", 60, 1)), qmac.Grid(windows=range(2, 8)))
    assert flat.ranked("plateau").empty
    with pytest.raises(ResultError, match="no best"):
        flat.neighbourhood()
    assert len(flat.neighbourhood((2, 3, 4, 5), 1)) > 1


@pytest.mark.parametrize("sign", [1, -1])
def test_infinite_neighbours_are_told_from_undefined_ones(sign):
    found = Neighbourhood.from_values(sign * np.array([np.inf, np.nan, -np.inf, 1.0]), sign > 0)
    assert (found.undefined, found.infinite, found.best) == (3, 1, sign)
