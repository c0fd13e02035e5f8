"""Reductions merge exactly, in any order and any partition."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.series import frame, series
from helpers.sweeps import dataset_of
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep import reductions, window_maps
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.spec import SweepSpec
from qmac.kernels.sweep.tally import offer
from qmac.strategy.objective import Objective


def same(a, b):
    kept = [reductions.ranked_top(tally) for tally in (a, b)]
    assert all(np.array_equal(x, y) for x, y in zip(*kept, strict=True))
    for name in ("counts", "removed", "histogram"):
        assert np.array_equal(getattr(a.totals, name), getattr(b.totals, name)), name
    assert reductions.sum_of_squares(a) == reductions.sum_of_squares(b) and a.lowest == b.lowest


def whole(evaluator, tally):
    data = evaluator.dataset
    return window_maps.build_maps(tally, data.buys, data.sells, evaluator.spec.shared_windows)


def same_maps(evaluator, a, b):
    for x, y in zip(whole(evaluator, a), whole(evaluator, b), strict=True):
        assert np.array_equal(x, y)


@pytest.fixture(scope="module")
def evaluator():
    grid = qmac.Grid(windows=range(2, 25))
    prices = Prices.of(frame(series("random", 150, 9)))
    spec = SweepSpec(
        qmac.Rules(),
        Objective("total_return", True, 1.0),
        False,
        40,
        {"total_trades": (1.0, np.inf)},
        lanes=8,
    )
    return Evaluator(dataset_of(prices, grid, spec.rules, spec.statistics), spec)


def tallied(evaluator, blocks):
    worker = evaluator.worker()
    for block in blocks:
        worker.evaluate((block, block + 1))
    return worker.tally


@given(seed=st.integers(0, 1000), parts=st.integers(1, 6))
def test_any_partition_merges_to_the_same(evaluator, seed, parts):
    expected = tallied(evaluator, range(evaluator.worker().cells))
    order = np.random.default_rng(seed).permutation(evaluator.worker().cells)
    merged = copy.deepcopy(tallied(evaluator, []))
    for part in np.array_split(order, parts):
        reductions.merge(merged, tallied(evaluator, part.tolist()))
    same(merged, expected)
    same_maps(evaluator, merged, expected)


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_many_are_merged_at_once_a_part_each(evaluator, parts):
    cells = evaluator.worker().cells
    pieces = [tallied(evaluator, range(k, cells, 5)) for k in range(5)]
    with ThreadPoolExecutor(2) as pool:
        merged = reductions.merge(*pieces, mapped=pool.map, parts=parts)
    assert merged is pieces[0]
    same(merged, expected := tallied(evaluator, range(cells)))
    same_maps(evaluator, merged, expected)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0.1, 0.5, 2.0]), st.integers(0, 50)), max_size=20),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 12),
    st.tuples(st.sampled_from([0.1, 0.7]), st.integers(51, 60)),
)
def test_merged_heaps_keep_the_best_and_go_on(parts, top, another):
    tallies, seen = [], set()
    for offers in parts:
        tallies.append(reductions.empty(1, 1, 1, top))
        for row in dict.fromkeys(offers):
            if row not in seen:
                offer(tallies[-1].heap, *row)
            seen.add(row)
    reductions.merge(*tallies)
    offer(tallies[0].heap, *another)
    expected = sorted(seen | {another}, key=lambda row: (-row[0], row[1]))[:top]
    assert (
        list(zip(*(array.tolist() for array in reductions.ranked_top(tallies[0])), strict=True))
        == expected
    )


def test_merging_nothing_changes_nothing(evaluator):
    expected = tallied(evaluator, range(evaluator.worker().cells))
    merged = reductions.merge(copy.deepcopy(expected), tallied(evaluator, []))
    same(merged, expected)
    same_maps(evaluator, merged, expected)


@pytest.mark.parametrize("windows", [4, 31, 251, 1416, 5000])
@pytest.mark.parametrize("bound", [1e-7, 0.3, 41.0, 9e4])
def test_sums_fit_their_integers(windows, bound):
    units = reductions.Units.from_bound(bound, windows)
    score = bound * 2.0**units.score_bits
    assert windows * score <= 2 ** (
        units.count_shift - 1
    )  # a cell of a block: sum below half a count
    assert (windows + 1) << units.count_shift < 2**63
    assert windows**2 * score < 2**63  # a cell of a map
    assert windows**2 * bound**2 * 2.0**units.square_bits < 2**63
    assert score < 2**51 and bound**2 * 2.0**units.square_bits < 2**51
