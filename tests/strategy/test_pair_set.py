"""Arithmetic of pairs against the list of all of them."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qmac.strategy.pair_set import PairSet

window_sets = st.sets(st.integers(1, 12), min_size=1, max_size=7).map(sorted)


@given(window_sets, window_sets)
def test_pairs_at_once_are_pairs_one_by_one(fast, slow):
    pairs = PairSet(tuple(fast), tuple(slow))
    expected = [(f, s) for f, s in product(fast, slow) if f < s]
    assert [pairs.pair(rank) for rank in range(pairs.size)] == expected
    assert [tuple(pair) for pair in pairs.pairs(np.arange(pairs.size)).tolist()] == expected
    windows = sorted({*fast, *slow, 13})
    of_fast, of_slow = pairs.positions(tuple(windows))
    assert [(windows[f], windows[s]) for f, s in zip(of_fast, of_slow, strict=True)] == expected


@given(window_sets, window_sets, st.integers(0, 6), st.integers(1, 13))
def test_counts_are_those_of_the_list(fast, slow, row, second):
    """Also before and with pairs and windows that are not in the set."""
    pairs, first = PairSet(tuple(fast), tuple(slow)), fast[row % len(fast)]
    every = [pairs.pair(rank) for rank in range(pairs.size)]
    before = [pair for pair in every if pair < (first, second)]
    assert pairs.rank(first, second) == len(before)
    for window in range(1, 14):
        assert ((first, window) in pairs) == ((first, window) in every)
        assert pairs.count_with(window) == sum(window in pair for pair in every)
        expected = sum(window in pair for pair in before)
        assert pairs.count_with_before(window, first, second) == expected
        avoided = (window, window + 2)
        expected = sum(not set(avoided) & set(pair) for pair in before)
        assert pairs.count_without_before(avoided, first, second) == expected
