"""Signals of a result: on its prices, on the same with later bars, and on prices that changed."""

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import PricesError, ResultError

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES.iloc[:150], GRID, rules=qmac.Rules(end="2001-06-29"))


def test_the_winner_is_the_default_and_the_end_of_the_search_no_end(result):
    signal = result.signal()
    assert signal.combination == result.best
    assert signal.date == PRICES.index[149] > np.datetime64("2001-06-29")
    assert signal.rules.end is None and signal.rules.slippage == result.rules.slippage
    run = qmac.backtest(PRICES.iloc[:150], result.best)
    assert (signal.position, signal.buys, signal.bars) == (
        run.signal.position, run.signal.buys, run.signal.bars,
    )  # fmt: skip
    new = int((PRICES.index[:150] > "2001-06-29").sum())
    assert signal.notes == (f"{new} bars after 2001-06-29 are new: the search did not see them.",)
    assert result.signal((2, 5, 3, 7)).combination == (2, 5, 3, 7)


def test_later_prices(result):
    signal = result.signal(prices=PRICES)
    assert (signal.date, len(signal.notes)) == (PRICES.index[-1], 1)
    (note,) = result.signal(prices=PRICES.iloc[:90]).notes[:1]
    assert "before the last bar of the search, 2001-06-29" in note


def test_prices_that_changed_are_noted(result):
    changed = PRICES.copy()
    changed.iloc[:40] *= 0.97
    *_, note = result.signal(prices=changed.drop(PRICES.index[50])).notes
    assert "40 of the 150 closes of the search are others" in note and "1 are missing" in note


def test_what_has_no_signal():
    constant = qmac.optimize(frame(series("constant", 60, 1)), GRID)
    with pytest.raises(ResultError, match="no combination was scored"):
        constant.signal()
    assert constant.signal((2, 5, 3, 7)).position == "flat"
    own = PRICES["Close"].rolling(3).median()
    result = qmac.optimize(PRICES, GRID, averages=np.tile(own, (len(GRID.windows), 1)))
    assert result.signal((2, 5, 3, 7)).entry is None
    with pytest.raises(ResultError, match="averages of your own"):
        result.signal((2, 5, 3, 7), PRICES)


def test_later_prices_without_a_zone_name_the_option():
    zoned = PRICES.tz_localize("America/New_York")
    result = qmac.optimize(zoned.iloc[:150], GRID)
    with pytest.raises(PricesError, match="later have no time zone, .*: --timezone America/New"):
        result.signal(prices=qmac.Prices.of(PRICES, "later"))
    assert "50 bars" in result.signal(prices=zoned).notes[0]
