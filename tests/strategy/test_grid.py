"""Index arithmetic against lists of everything, and at sizes where lists are impossible."""

import random
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.errors import GridError, OptionError
from qmac.strategy.grid import ROLES, check_combination, choose_grid

window_sets = st.sets(st.integers(1, 12), min_size=1, max_size=7).map(sorted)


def listed(roles, shared):
    return [
        (a, b, c, d)
        for a, b, c, d in product(*roles)
        if a < b and c < d and (shared or not {a, b} & {c, d})
    ]


@given(window_sets, window_sets, window_sets, window_sets, st.booleans())
def test_grid_is_its_list(a, b, c, d, shared):
    expected = listed((a, b, c, d), shared)
    arguments = dict(zip(ROLES, (a, b, c, d), strict=True))
    if not expected:
        with pytest.raises(GridError):
            qmac.Grid(**arguments, shared_windows=shared)
        return
    grid = qmac.Grid(**arguments, shared_windows=shared)
    assert [grid.combination(i) for i in range(grid.size)] == expected
    assert [grid.index(combination) for combination in expected] == list(range(grid.size))
    assert qmac.Grid(**grid.to_dict()) == grid


@given(window_sets, window_sets, window_sets, window_sets)
def test_pair_indices_count_every_pair_of_pairs(a, b, c, d):
    try:
        grid = qmac.Grid(**dict(zip(ROLES, (a, b, c, d), strict=True)), shared_windows=True)
    except GridError:
        return
    combinations = grid.combinations_at(np.arange(grid.size))
    assert [tuple(row) for row in combinations.tolist()] == listed((a, b, c, d), True)
    assert [grid.pair_index(row) for row in combinations.tolist()] == list(range(grid.size))


def test_pair_indices_of_windows_that_are_not_shared_have_gaps():
    grid = qmac.Grid(windows=(2, 3, 5, 8))
    indices = np.array([grid.pair_index(grid.combination(i)) for i in range(grid.size)])
    assert indices.tolist() == [5, 10, 15, 20, 25, 30]
    rows = grid.combinations_at(indices).tolist()
    assert [grid.index(row) for row in rows] == list(range(grid.size))


def test_slow_windows_below_all_fast_ones():
    grid = qmac.Grid(
        buy_fast=(3,), buy_slow=(1, 2, 5, 6, 7, 8), sell_fast=(2,), sell_slow=(1, 3, 4)
    )
    expected = listed(grid.roles.values(), False)
    assert [grid.combination(i) for i in range(grid.size)] == expected  # the first was (3, 1, 2, 4)


@pytest.mark.parametrize(
    ("windows", "size"),
    [
        (range(2, 253), 968_734_500),
        (range(2, 253, 5), 1_499_400),
        (range(1, 1417), None),
        ((3, 5, 7, 900), 6),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_index_and_combination_are_inverse(windows, size, shared):
    grid = qmac.Grid(windows=windows, shared_windows=shared)
    if size and not shared:
        assert grid.size == size
    if size is None:
        assert 0.99e12 < grid.size < 1.02e12
    rng = random.Random(1)
    indices = {0, 1, grid.size - 1, *(rng.randrange(grid.size) for _ in range(300))}
    for index in indices:
        combination = grid.combination(index)
        assert grid.index(combination) == index
        assert shared or len(set(combination)) == 4


def test_memory_of_a_trillion():
    tracemalloc.start()
    grid = qmac.Grid(windows=range(1, 1417))
    for index in (0, grid.size // 3, grid.size - 1):
        grid.combination(index)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_order_is_buy_pair_then_sell_pair():
    grid = qmac.Grid(windows=range(2, 20))
    sample = [grid.combination(i) for i in range(0, grid.size, 37)]
    assert sample == sorted(sample)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "buy_fast has no windows"),
        ({"windows": [0, 1, 2, 3]}, r"windows must be in \[1, 2\*\*31\), got 0"),
        ({"windows": [-1, 1, 2, 3]}, r"must be in \[1, 2\*\*31\), got -1"),
        ({"windows": [2.5, 3, 4, 5]}, "whole number"),
        ({"windows": [True, 3, 4, 5]}, "whole number"),
        ({"windows": []}, "is empty"),
        ({"windows": [2, 3, 4]}, "four different"),
        ({"windows": [2]}, "Fewer than two"),
        ({"windows": [2, 3], "buy_fast": [9], "buy_slow": [4]}, "No fast window is below"),
    ],
)
def test_bad_grids(arguments, says):
    with pytest.raises(GridError, match=says):
        qmac.Grid(**arguments)


@pytest.mark.parametrize(
    "bad", [(1, 2, 3), (5, 2, 3, 4), (2, 3, 2, 4), (2, 3, 4, 99), (2, 3, 4.5, 5)]
)
def test_bad_combinations(bad):
    with pytest.raises(GridError):
        qmac.Grid(windows=range(2, 30)).index(bad)


@pytest.mark.parametrize("index", [-1, 968_734_500])
def test_bad_indices(index):
    with pytest.raises(GridError, match="outside"):
        qmac.Grid(windows=range(2, 253)).combination(index)


@pytest.mark.parametrize(
    ("combination", "says"),
    [
        (5, r"must be four windows \(buy_fast, .*\), got 5"),
        ((1, 2, 3), r"got 3: \(1, 2, 3\)"),
        ((5, 2, 3, 4), "a fast window must be below its slow one"),
        ((2, 3, 4.5, 5), "must be whole numbers of bars, got 4.5"),
    ],
)
def test_what_is_no_combination(combination, says):
    with pytest.raises(GridError, match=says):
        check_combination(combination)


def test_text_of_a_grid():
    assert repr(qmac.Grid(windows=range(2, 9, 2))) == "Grid(windows=2:8:2)"
    one = {"buy_fast": (2, 3), "buy_slow": (5, 6), "sell_fast": (2,), "sell_slow": (9,)}
    assert repr(qmac.Grid(**one, shared_windows=True)) == (
        "Grid(buy_fast=2,3, buy_slow=5,6, sell_fast=2, sell_slow=9, shared_windows=True)"
    )


@pytest.mark.parametrize(
    "combination", [{2, 3, 4, 5}, frozenset({2, 3}), b"\x02\x04\x03\x05", "2345"]
)
def test_a_combination_has_an_order(combination):
    with pytest.raises(GridError, match="a combination must be four windows .*, got "):
        check_combination(combination)


@pytest.mark.parametrize(
    "indices", [[0, 1], np.array([0.0]), np.array([[0]]), np.array([-1]), np.array([10**6]), True]
)
def test_bad_pair_indices(indices):
    with pytest.raises(GridError, match=r"^pair_indices must be .*, got .*\.$"):
        qmac.Grid(windows=range(2, 9)).combinations_at(indices)


def test_a_pair_that_is_not_in_the_grid():
    grid = qmac.Grid(windows=range(2, 9))
    with pytest.raises(GridError, match="not in Grid"):
        grid.pair_index((2, 9, 3, 5))


def test_a_grid_or_its_windows():
    grid = qmac.Grid(windows=range(2, 9))
    assert choose_grid(grid) is grid
    assert choose_grid(None, "2:8").to_dict() == grid.to_dict()
    assert choose_grid(None).windows == tuple(range(2, 253))
    with pytest.raises(OptionError, match="exclude each other, got windows='2:8'"):
        choose_grid(grid, "2:8")
    with pytest.raises(OptionError, match="got a str. Or use windows"):
        choose_grid("2:8")
