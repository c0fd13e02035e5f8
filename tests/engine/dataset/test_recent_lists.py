"""Lists that outlive a question are those that another dataset would build."""

import random

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import ohlc
from helpers.sweeps import prepared

import qmac
from qmac.engine.dataset import recent_lists as module
from qmac.engine.dataset.dataset import Dataset
from qmac.engine.dataset.recent_lists import RecentLists

PRICES = qmac.Prices.of(ohlc("ticks", 400, 3))
DATES = [str(date)[:10] for date in PRICES.index]
GRIDS = [
    qmac.Grid(windows=range(2, 20)),
    qmac.Grid(buy_fast=[3, 5], buy_slow=[9, 30], sell_fast=[2, 4, 6], sell_slow=[8, 12]),
]


def draw_rules(draw):
    start, end = (draw.choice([None, *DATES[:200]]), draw.choice([None, *DATES[201:]]))
    average = draw.choice(["sma", "sma", "ema"])
    return qmac.Rules(fill=draw.choice(["close", "next_open"]), average=average, start=start,
        end=end, fees=draw.choice([0, 0.01]))  # fmt: skip


@pytest.mark.parametrize("grid", GRIDS)
def test_any_question_after_any_other(grid):
    draw, recent = random.Random(2), RecentLists(grid)
    for _ in range(400 if LONG else 40):
        series = prepared(PRICES, grid, draw_rules(draw))
        expected = Dataset.build(series, grid, {"gain"})
        found = Dataset.build(series, grid, {"gain"}, lists=recent.build(series))
        assert found.bars == expected.bars
        assert found.facts == expected.facts
        check_same(found.buys, expected.buys)
        check_same(found.sells, expected.sells)


def check_same(found, expected):
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            check_same(one, other)
        return
    assert np.array_equal(found, expected)
    assert getattr(found, "dtype", None) == getattr(expected, "dtype", None)


def test_what_does_not_change_the_lists_builds_none(monkeypatch):
    grid = GRIDS[0]
    recent = RecentLists(grid)
    lists = recent.build(prepared(PRICES, grid))
    monkeypatch.setattr(module, "find_grid_crosses", None)
    dates = recent.build(prepared(PRICES, grid, qmac.Rules(start=DATES[50])))
    assert dates is not lists
    monkeypatch.setattr(module, "build_event_lists", None)
    costs = qmac.Rules(start=DATES[50], slippage=0.01, stop_loss=0.1, conflict="opposite")
    assert recent.build(prepared(PRICES, grid, costs)) is dates


def test_long_series_have_codes_of_their_own_length():
    """A cut of a long series has the codes of a short one."""
    prices = qmac.Prices.of(ohlc("random", 40_000, 1))
    grid = qmac.Grid(windows=[10, 30, 90, 200])
    recent = RecentLists(grid)
    assert recent.build(prepared(prices, grid)).buys.crosses.bars.dtype == np.uint32
    late = prepared(prices, grid, qmac.Rules(start=str(prices.index[39_000])[:10]))
    assert recent.build(late).buys.crosses.bars.dtype == np.uint16
    check_same(recent.build(late).buys, Dataset.build(late, grid, {"gain"}).buys)
