"""Maps of two windows: either way round, in parts, and messages for those that do not exist."""

import numpy as np
import pytest
from helpers.sweeps import GRID, PRICES, done, evaluator_of, run_sweep

import qmac
from qmac.engine.sweep import window_maps
from qmac.errors import OptionError
from qmac.strategy.grid import ROLES


@pytest.fixture(scope="module")
def result():
    grid = qmac.Grid(buy_fast=[2, 3, 4], buy_slow=[6, 9], sell_fast=[2, 5], sell_slow=[7, 8, 9])
    return run_sweep(PRICES, grid, qmac.Rules())


@pytest.mark.parametrize("stat", ["max", "mean", "count"])
def test_a_map_turned_over_is_its_transpose(result, stat):
    for rows in ROLES:
        for columns in set(ROLES) - {rows}:
            found = result.map(rows, columns, stat)
            assert found.equals(result.map(columns, rows, stat).T)
            assert found.index.tolist() == list(result.grid.roles[rows])


def test_counts_of_every_map_are_all_that_is_scored(result):
    for pair in (("buy_fast", "buy_slow"), ("sell_slow", "buy_fast")):
        assert result.map(*pair, "count").to_numpy().sum() == result.scored
    best = result.map("buy_fast", "sell_slow", "max").to_numpy()
    assert np.nanmax(best) == result.distribution.max


def test_mean_scores_are_before_their_conversion(result):
    scores = result.maps.mean_scores(result.grid, "buy_fast", "sell_slow")
    means = result.map("buy_fast", "sell_slow", "mean")
    assert np.allclose(np.expm1(scores), means, equal_nan=True)


@pytest.mark.parametrize("shared_windows", [False, True])
def test_lists_added_in_parts_give_the_same(monkeypatch, shared_windows):
    grid = qmac.Grid(windows=GRID.windows, shared_windows=shared_windows)
    evaluator = evaluator_of(PRICES, grid)
    cells, data = evaluator.counts.size, evaluator.dataset

    def build():
        tally = done(evaluator, (0, cells))
        return window_maps.build_maps(tally, data.buys, data.sells, shared_windows)

    whole = build()
    monkeypatch.setattr(window_maps, "ADDED_LISTS", 7)
    for array, expected in zip(build(), whole, strict=True):
        assert np.array_equal(array, expected)
    same = np.arange(len(grid.windows))
    assert (whole.counts[2:, same, same] > 0).any() == shared_windows


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("buy_fst", "buy_slow"), "Did you mean 'buy_fast'"),
        (("buy_fast", "buy_fast"), "two different windows"),
        (("buy_fast", "buy_slow", "min"), "stat 'min' is not known"),
        (("buy_fast", "buy_slow", "meen"), "Did you mean 'mean'"),
    ],
)
def test_maps_that_do_not_exist(result, arguments, says):
    with pytest.raises(OptionError, match=says):
        result.map(*arguments)


def test_best_is_another_name_of_the_extreme(result):
    stat = "max" if result.maximize else "min"
    assert result.map("buy_fast", "sell_slow", "best").equals(
        result.map("buy_fast", "sell_slow", stat)
    )
    with pytest.raises(OptionError, match="Known: best, max, mean, count"):
        result.map("buy_fast", "sell_slow", "zzz")
