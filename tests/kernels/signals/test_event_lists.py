"""Event lists, each once: the pairs behind them, and that a sweep of lists equals one of pairs."""

import functools

import numpy as np
import pytest
from helpers.series import KINDS, frame, series
from helpers.sweeps import dataset_of
from helpers.tallies import assert_same, spec_on, swept
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.dataset import dataset
from qmac.engine.dataset.dataset import build_side, walking_order
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.signals.crosses import Crosses
from qmac.kernels.signals.event_lists import LEAST_SPLIT, MOST_PAIRS, build_lists, limit_pairs

# from bar 1 on: a cross looks one bar back
events = st.lists(
    st.lists(st.integers(1, 4), max_size=3, unique=True).map(sorted), min_size=10, max_size=10
)
FAST, SLOW = (array.astype(np.int32) for array in np.triu_indices(5, 1))


def crosses(lists):
    starts = np.concatenate(([0], np.cumsum([len(bars) for bars in lists])))
    return Crosses(starts.astype(np.int64), np.array(sum(lists, []), np.uint16))


@given(events, st.integers(1, 12), st.booleans())
def test_every_pair_keeps_its_list(lists, most, ordered):
    side = build_side(
        crosses(lists),
        (FAST, SLOW),
        most,
        functools.partial(walking_order, bars=5) if ordered else None,
    )
    (found,) = build_lists([side], 5)
    bars = [
        found.crosses.bars[a:b].tolist()
        for a, b in zip(found.crosses.starts, found.crosses.starts[1:])
    ]
    starts, pairs = found.pairs.starts, found.pairs.pairs
    assert sorted(pairs.tolist()) == list(range(10))
    for n, own in enumerate(bars):
        members = pairs[starts[n] : starts[n + 1]].tolist()
        assert 0 < len(members) <= most and members == sorted(members)
        assert all(lists[p] == own for p in members)
        assert found.pairs.fast[starts[n] : starts[n + 1]].tolist() == FAST[members].tolist()
        assert found.pairs.slow[starts[n] : starts[n + 1]].tolist() == SLOW[members].tolist()
        for slices, windows, others in ((found.by_fast, FAST, SLOW), (found.by_slow, SLOW, FAST)):
            shown = [
                (slices.windows[j], other)
                for j in range(slices.starts[n], slices.starts[n + 1])
                for other in slices.others[slices.begins[j] : slices.begins[j + 1]]
            ]
            assert sorted(shown) == sorted(zip(windows[members], others[members], strict=True))
    if most >= 10:
        assert len(bars) == len({tuple(bars) for bars in lists})
    if ordered:
        assert bars == sorted(bars)
    else:
        assert pairs[starts[:-1]].tolist() == sorted(pairs[starts[:-1]].tolist())
    for holders, slices in (
        (found.fast_holders, found.by_fast),
        (found.slow_holders, found.by_slow),
    ):
        for window in range(5):
            held = range(holders.starts[window], holders.starts[window + 1])
            assert [slices.windows[holders.slices[k]] for k in held] == [window] * len(held)
            assert (
                sorted(set(holders.lists[held.start : held.stop]))
                == holders.lists[held.start : held.stop].tolist()
            )


def test_weights_of_a_row_fit_their_integers():
    assert 32 * MOST_PAIRS**2 <= 2**30
    assert (
        limit_pairs(4) == LEAST_SPLIT
        and limit_pairs(251) == 62
        and limit_pairs(10**6) == MOST_PAIRS
    )


def apart(crosses, most):
    """In place of ``find_equal_lists``: every pair has a list of its own."""
    pairs = crosses.starts.size - 1
    return np.arange(pairs, dtype=np.int32), np.arange(pairs, dtype=np.int32)


@pytest.mark.parametrize("kind", [*KINDS, "market"])
@pytest.mark.parametrize("shared_windows", [False, True])
def test_lists_give_what_pairs_give(kind, shared_windows, monkeypatch):
    prices = (
        qmac.sample_prices().tail(420)
        if kind == "market"
        else Prices.of(frame(series(kind, 200, 4)))
    )
    grid = qmac.Grid(windows=range(2, 30), shared_windows=shared_windows)
    spec = spec_on(grid)
    data = dataset_of(prices, grid, spec.rules, spec.statistics)
    scale = Evaluator(data, spec).scale
    together = swept(data, spec, scale)
    monkeypatch.setattr(dataset, "limit_pairs", lambda windows: 3)
    monkeypatch.setattr(dataset, "MOST_PAIRS", 5)
    assert_same(
        swept(dataset_of(prices, grid, spec.rules, spec.statistics), spec, scale),
        together,
    )
    monkeypatch.setattr(dataset, "find_equal_lists", apart)
    every = dataset_of(prices, grid, spec.rules, spec.statistics)
    assert every.buys.pairs.starts.size == grid.buys.size + 1 >= data.buys.count + 1
    assert_same(swept(every, spec, scale), together)


@pytest.mark.parametrize(
    "roles", [{"sell_fast": [3, 9], "sell_slow": range(5, 30, 4)}, {"buy_slow": [7, 11, 13]}]
)
def test_windows_of_their_own_for_each_average(roles, monkeypatch):
    prices, grid = qmac.sample_prices().tail(420), qmac.Grid(windows=range(2, 30), **roles)
    spec = spec_on(grid)
    data = dataset_of(prices, grid, spec.rules, spec.statistics)
    scale = Evaluator(data, spec).scale
    together = swept(data, spec, scale)
    assert together[0].totals.counts[0] == grid.size
    monkeypatch.setattr(dataset, "find_equal_lists", apart)
    assert_same(
        swept(dataset_of(prices, grid, spec.rules, spec.statistics), spec, scale),
        together,
    )
