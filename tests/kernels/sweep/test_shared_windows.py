"""Combinations that share a window are taken off again: rows, lanes and weights by definition."""

import numpy as np
import pytest
from helpers.compiled import compiled
from helpers.series import frame, series
from helpers.sweeps import dataset_of
from helpers.tallies import spec_on, swept

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep.evaluator import Evaluator
from qmac.kernels.sweep.shared_windows import (
    FAST,
    SLOW,
    SharedLanes,
    Visit,
    open_shared,
    visit_window,
    weigh_row,
)
from qmac.kernels.sweep.tally import BlockLanes

GRID = qmac.Grid(windows=range(2, 9))
WINDOWS, LANES = 7, 8


@pytest.fixture(scope="module")
def data():
    spec = spec_on(GRID)
    prices = Prices.of(frame(series("ticks", 120, 6)))
    return dataset_of(prices, GRID, spec.rules, spec.statistics)


@compiled
def visit_alone(window, crosses, fast, slow, visit):
    return visit_window(window, crosses, fast, slow, 63, visit)


@compiled
def open_alone(window, role, first, exits, lanes, shared):
    return open_shared(window, role, first, exits, lanes, shared)


@compiled
def weigh_alone(i, role, by_fast, by_slow, slices, pairs, places, weights):
    weigh_row(i, role, by_fast, by_slow, slices, pairs, places, weights)


def visited(entries, window):
    count = entries.count
    visit = Visit(np.zeros(count, np.int32), np.zeros(count + 1, np.int32),
                  np.zeros((2, count), np.int64))  # fmt: skip
    rows = visit_alone(window, entries.crosses, entries.fast_holders, entries.slow_holders, visit)
    return visit, rows


def opened(exits, window, role, first=0):
    lanes = BlockLanes(
        np.zeros(LANES, np.int32),
        np.zeros((1, LANES), np.int32),
        np.zeros((1, LANES), np.uint16),
        np.zeros((WINDOWS, LANES), np.uint16),
    )
    shared = SharedLanes(
        np.zeros(LANES, np.int32), np.zeros(WINDOWS, np.int32), *np.ones((2, 2, LANES), np.int64)
    )
    return open_alone(window, role, first, exits, lanes, shared), lanes, shared


def pairs_of(lists, n):
    """Return the pairs of list ``n``, as places of their windows."""
    own = slice(lists.pairs.starts[n], lists.pairs.starts[n + 1])
    fast, slow = lists.pairs.fast[own], lists.pairs.slow[own]
    return list(zip(fast.tolist(), slow.tolist(), strict=True))


@pytest.mark.parametrize("window", range(WINDOWS))
def test_rows_are_the_lists_with_a_pair_of_the_window(data, window):
    visit, rows = visited(data.buys, window)
    holding = [
        n for n in range(data.buys.count) if any(window in p for p in pairs_of(data.buys, n))
    ]
    assert visit.rows[:rows].tolist() == holding
    bars = data.buys.crosses
    for i, n in enumerate(holding):
        lists = [bars.bars[bars.starts[m] : bars.starts[m + 1]].tolist()
                 for m in ((holding[i - 1], n) if i else ())]  # fmt: skip
        same = [a == b for a, b in zip(*lists)] if lists else []
        assert visit.prefixes[i] == [*same, False].index(False)
    assert visit.prefixes[rows] == 0


@pytest.mark.parametrize("window", [0, 3, 6])
@pytest.mark.parametrize("role", [FAST, SLOW])
def test_lanes_and_weights_are_the_pairs_that_share(data, window, role):
    sharing = [
        pair for n in range(data.sells.count) for pair in pairs_of(data.sells, n)
        if pair[role] == window
    ]  # fmt: skip
    is_open, lanes, shared = opened(data.sells, window, role)
    assert is_open == bool(sharing) and len(sharing) <= LANES
    taken = lanes.lists >= 0
    assert sorted(shared.others[taken]) == sorted(pair[1 - role] for pair in sharing)
    assert not opened(data.sells, window, role, first=len(sharing))[0]
    assert (shared.sums == 0).all() and lanes.pairs.sum() == len(sharing)
    visit, rows = visited(data.buys, window)
    for i in range(rows):
        weights = np.zeros((1, LANES), np.int32)
        weigh_alone(i, role, data.buys.by_fast, data.buys.by_slow, visit.slices, lanes.pairs,
                    shared.places, weights)  # fmt: skip
        own = [pair for pair in pairs_of(data.buys, visit.rows[i]) if window in pair]
        for lane in np.flatnonzero(taken):
            exit_pair = (window, shared.others[lane])[:: 1 if role == FAST else -1]
            met_before = role == SLOW and exit_pair in own
            assert weights[0, lane] == len(own) - met_before


def test_what_is_left_shares_no_window(data):
    spec = spec_on(GRID)
    tally, maps = swept(data, spec, Evaluator(data, spec).scale)
    assert tally.totals.counts[0] == GRID.size
    same = np.arange(WINDOWS)
    assert (maps.counts[2:, same, same] == 0).all()
    assert maps.counts.sum(axis=(1, 2)).tolist() == [tally.totals.counts[2]] * 6
