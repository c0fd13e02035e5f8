"""A dataset is what the kernels read of a series."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import frame, series
from helpers.sweeps import dataset_of, prepared

import qmac
from qmac.engine.dataset.dataset import Dataset

OBJECTIVES = ["sharpe_ratio", "total_return"] if LONG else ["sharpe_ratio"]
"""Another test of a long series uses the kernel of the first."""


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_series_longer_than_two_byte_codes(objective):
    close = series("random", 40_000, 8)
    grid = qmac.Grid(windows=[10, 30, 90, 200, 210])
    result = qmac.optimize(frame(close, "1900-01-01"), grid, objective, top=grid.size)
    short = qmac.optimize(frame(close[-30_000:], "1900-01-01"), grid, objective, top=grid.size)
    assert short.evaluated == result.evaluated == grid.size
    for table, found in (
        (frame(close, "1900-01-01"), result),
        (frame(close[-30_000:], "1900-01-01"), short),
    ):
        again = qmac.evaluate(table, found.top.iloc[:, :4].to_numpy())
        for name in ("total_return", objective):
            assert again[name].to_numpy() == pytest.approx(found.top[name].to_numpy(), rel=1e-11)


def test_entries_and_exits_of_other_windows_are_found_apart(sample):
    """The lists of a grid whose sides differ are those of the grid of all pairs."""
    prices = sample.tail(600)
    grid = qmac.Grid(buy_fast=[5, 8], buy_slow=[20, 30], sell_fast=[3], sell_slow=[10, 40])
    every = qmac.Grid(windows=grid.windows)
    found, whole = (dataset_of(prices, each, None, {"gain"}) for each in (grid, every))
    for side in ("buys", "sells"):
        lists, all_lists = event_lists(getattr(found, side)), event_lists(getattr(whole, side))
        assert lists and all(all_lists[pair] == bars for pair, bars in lists.items())
    assert (found.bars, found.facts) == (whole.bars, whole.facts)


def event_lists(side):
    """Return the bars of each pair of places of windows."""
    lists, pairs = side.crosses, side.pairs
    found = {}
    for n in range(side.count):
        bars = lists.bars[lists.starts[n] : lists.starts[n + 1]].tolist()
        for k in range(pairs.starts[n], pairs.starts[n + 1]):
            found[int(pairs.fast[k]), int(pairs.slow[k])] = bars
    return found


def test_only_what_the_statistics_need_is_built(sample):
    prices, grid = sample.tail(300), qmac.Grid(windows=[2, 3, 5, 8])
    plain = dataset_of(prices, grid, None, {"gain"})
    assert plain.stops is None and plain.trade_values.sums.returns is None
    full = dataset_of(prices, grid, qmac.Rules(stop_loss=0.1), {"returns", "worst", "paid"})
    assert full.trade_values.sums.gain is None and full.trade_values.levels.size == full.bars
    assert full.stops.code.dtype == np.uint16


def test_threads_build_the_same(sample):
    grid = qmac.Grid(windows=range(2, 30))
    series = prepared(sample.tail(500), grid)
    alone = Dataset.build(series, grid, {"gain"})
    with ThreadPoolExecutor(3) as pool:
        spread = Dataset.build(series, grid, {"gain"}, pool.map)
    for side in ("buys", "sells"):
        assert event_lists(getattr(alone, side)) == event_lists(getattr(spread, side))
        assert np.array_equal(getattr(alone, side).prefixes, getattr(spread, side).prefixes)
