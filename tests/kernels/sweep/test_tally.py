"""Tallies: the heap of the best, sums as integers, histograms; against NumPy."""

import numpy as np
import pytest
from helpers.compiled import compiled
from hypothesis import given
from hypothesis import strategies as st

from qmac.engine.sweep import reductions
from qmac.kernels.compiler.lanes import SUBHISTOGRAMS, load
from qmac.kernels.sweep.tally import (
    BINS,
    BlockSums,
    add_sums,
    close_sums,
    convert_to_metric,
    offer,
    split_sum,
)

LANES = 8
WIDTH = (0,) * LANES


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.7, 2.0]), st.integers(0, 50)), max_size=60),
    st.integers(1, 12),
)
def test_the_heap_has_the_best(offers, top):
    tally = reductions.empty(1, 1, 1, top)
    unique = list(dict.fromkeys(offers))
    for score, index in unique:
        offer(tally.heap, score, index)
    expected = sorted(unique, key=lambda row: (-row[0], row[1]))[:top]
    assert (
        list(zip(*(array.tolist() for array in reductions.ranked_top(tally)), strict=True))
        == expected
    )


@compiled
def split(packed, shift):
    return split_sum(packed, shift)


@given(st.integers(-(2**30), 2**30), st.integers(0, 2**20))
def test_a_sum_and_a_count_share_an_integer(units, count):
    assert split(units + (count << 40), 40) == (units, count)


def test_scores_become_the_metric():
    scores = np.array([[1.5, -np.inf, -0.0], [0.0, -2.0, 3.0]])
    convert_to_metric(scores, -1.0)
    assert np.array_equal(scores, [[-1.5, np.nan, 0.0], [0.0, 2.0, -3.0]], equal_nan=True)
    assert not np.signbit(scores[scores == 0]).any()


@compiled
def add_and_close(width, scores, counts, pairs, sums, scale, totals, sign):
    units = 0
    for row in range(scores.shape[0]):
        values = load(scores, row, width)
        weights = load(counts, row, width)
        scored = values > -1e300
        add_sums(
            weights, counts[row : row + 1], 1, scored, scored, scored & (values > 0.0), values,
            sums, scale,
        )  # fmt: skip
    close_sums(sign, pairs, sums, totals)
    return units


@pytest.mark.parametrize("limit", [None, 2.0])
def test_sums_of_a_block_are_exact_and_can_be_taken_off(limit):
    rng = np.random.default_rng(5)
    scores = rng.normal(0, 1.5, (20, LANES))
    scores[rng.random((20, LANES)) < 0.2] = -np.inf
    counts = rng.integers(1, 9, (20, LANES)).astype(np.int32)
    pairs = np.array([[1, 2, 3, 1, 1, 7, 0, 2]], np.int32)
    units = reductions.Units.from_bound(limit or 10.0, 50)
    scale = units.build_scale(-3.0, 3.0, limit)
    rows = {"passed": np.int32, "positive": np.int32, "squares": np.int64}
    arrays = {name: np.zeros((1, LANES), dtype) for name, dtype in rows.items()}
    histogram = np.zeros((SUBHISTOGRAMS, BINS + 1), np.uint32)
    sums = BlockSums(**arrays, removed=np.zeros((1, LANES), np.int32), histogram=histogram)
    totals = reductions.empty(1, 1, 1, 1).totals
    add_and_close(WIDTH, scores, counts, pairs, sums, scale, totals, 1)
    scored = scores > -np.inf
    weights = counts * pairs
    assert totals.counts[1] == weights[scored].sum()
    assert totals.counts[3] == weights[scored & (scores > 0)].sum()
    limited = scores if limit is None else np.clip(scores, -limit, limit)
    squares = np.round(limited[scored] ** 2 * 2.0**units.square_bits).astype(np.int64)
    found = (int(totals.squares[0]) << 32) + int(totals.squares[1])
    assert found == sum(map(int, squares * weights[scored]))
    bins = np.clip((scores[scored] + 3) * (BINS / 6), 0, BINS - 1).astype(int)
    assert np.array_equal(totals.histogram, np.bincount(bins, counts[scored], BINS))
    assert all((array == 0).all() for array in sums)
    add_and_close(WIDTH, scores, counts, pairs, sums, scale, totals, -1)
    assert all((array == 0).all() for array in totals)
