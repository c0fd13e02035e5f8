"""Index arithmetic against lists of everything, and at sizes where lists are impossible."""

import random
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.errors import GridError
from qmac.strategy.grid import PairSet, parse_windows

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
    make = lambda: qmac.Grid(
        buy_fast=a, buy_slow=b, sell_fast=c, sell_slow=d, shared_windows=shared
    )  # noqa: E731
    if not expected:
        with pytest.raises(GridError):
            make()
        return
    grid = make()
    assert [grid.combination(i) for i in range(grid.size)] == expected
    assert [grid.index(combination) for combination in expected] == list(range(grid.size))
    assert qmac.Grid(**grid.to_dict()) == grid


@given(window_sets, window_sets)
def test_pairs_at_once_are_pairs_one_by_one(fast, slow):
    pairs = PairSet(tuple(fast), tuple(slow))
    expected = [(f, s) for f, s in product(fast, slow) if f < s]
    assert [pairs.pair(rank) for rank in range(pairs.size)] == expected
    assert [tuple(pair) for pair in pairs.pairs(np.arange(pairs.size)).tolist()] == expected
    windows = sorted({*fast, *slow, 13})
    of_fast, of_slow = pairs.positions(tuple(windows))
    assert [(windows[f], windows[s]) for f, s in zip(of_fast, of_slow, strict=True)] == expected


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
    ("text", "windows"),
    [
        ("2:5", (2, 3, 4, 5)),
        ("2:12:5", (2, 7, 12)),
        ("20,5,10", (5, 10, 20)),
        ("2:4,9", (2, 3, 4, 9)),
        ("7:7", (7,)),
    ],
)
def test_windows_from_text(text, windows):
    assert parse_windows(text) == windows


@pytest.mark.parametrize(
    "text", ["", "a", "5:2", "2:9:0", "2:9:-1", "1:2:3:4", "2.5:9", "0:3", "-4", "1:9999999999"]
)
def test_bad_text(text):
    with pytest.raises(GridError):
        parse_windows(text)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "buy_fast has no windows"),
        ({"windows": [0, 1, 2, 3]}, "holds 0"),
        ({"windows": [-1, 1, 2, 3]}, "holds -1"),
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
