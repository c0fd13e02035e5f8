"""Averages, computed or the user's own, and their crosses."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.engine.dataset import signals
from qmac.engine.dataset.series import PreparedSeries
from qmac.engine.dataset.signals import check_averages
from qmac.errors import GridError

WINDOWS = (2, 5)
PRICES = qmac.Prices.of(frame(series("random", 60, 3)))
ROWS = np.ones((2, 60))


@pytest.mark.parametrize(
    ("averages", "says"),
    [
        (7, "got int"),
        (np.ones((2, 59)), r"need \(2, 60\)"),
        ({2: ROWS[0]}, "no window 5. Add one row of 60 bars"),
        ({2: ROWS[0], 5: ROWS[1, 1:]}, r"window 5 have the shape \(59,\), not \(60,\)"),
        (ROWS.astype(str).astype(object) + "x", "not a number"),
        (ROWS * np.inf, "infinite"),
        (pd.DataFrame(ROWS.T, columns=WINDOWS), "other dates"),
    ],
)
def test_averages_that_do_not_fit_are_refused(averages, says):
    with pytest.raises(GridError, match=says):
        check_averages(averages, WINDOWS, PRICES)


def test_averages_that_fit_are_not_copied():
    assert check_averages(ROWS, WINDOWS, PRICES) is ROWS
    by_window = check_averages({5: ROWS[1], 2: ROWS[0] * 3, 9: None}, WINDOWS, PRICES)
    assert by_window[:, 0].tolist() == [3, 1]  # in the order of the windows


def test_averages_in_parts_are_the_same(monkeypatch):
    windows = tuple(range(2, 20))
    whole = signals.compute_averages(PRICES, windows, "ema")
    monkeypatch.setattr(signals, "AVERAGED_BARS", 130)
    assert np.array_equal(signals.compute_averages(PRICES, windows, "ema"), whole, equal_nan=True)


@pytest.mark.parametrize("start", [None, "2001-02-01"])
def test_crosses_in_parts_are_the_same(monkeypatch, start):
    grid = qmac.Grid(windows=range(2, 12))
    prepared = PreparedSeries.build(PRICES, grid.windows, qmac.Rules(start=start))
    averages, pairs = prepared.compute_averages(grid.windows), grid.buys.positions(grid.windows)
    both = signals.find_all_crosses(averages, pairs, prepared.period)
    monkeypatch.setattr(signals, "BUFFERED_BARS", 100)
    parts = signals.find_all_crosses(averages, pairs, prepared.period)
    (below,) = signals.find_all_crosses(
        averages, pairs, prepared.period, directions=(signals.BELOW,)
    )
    assert both[0].bars.size and both[1].bars.size
    for found, expected in ((parts[0], both[0]), (parts[1], both[1]), (below, both[1])):
        assert np.array_equal(found.starts, expected.starts)
        assert np.array_equal(found.bars, expected.bars)


@pytest.mark.parametrize("kind", [complex, bool, "U3", "datetime64[D]", "timedelta64[D]"])
def test_averages_are_real_numbers(kind):
    with pytest.raises(GridError, match="averages hold something that is not a number"):
        check_averages(np.ones((2, 60)).astype(int).astype(kind), WINDOWS, PRICES)


def test_averages_of_a_window_have_the_dates_of_the_prices():
    close = PRICES.frame["Close"]
    later = close.set_axis(PRICES.index + pd.Timedelta(days=1))
    assert check_averages({2: close, 5: close.tolist()}, WINDOWS, PRICES).shape == (2, 60)
    with pytest.raises(GridError, match="averages of window 5 have other dates"):
        check_averages({2: close, 5: later}, WINDOWS, PRICES)
    with pytest.raises(GridError, match="window 5 must be a row of numbers, got 'no'"):
        check_averages({2: close, 5: "no"}, WINDOWS, PRICES)
