"""Checked prices: frames, series, moments."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.data.origin import FRAME
from qmac.data.prices import Prices, replace_values
from qmac.errors import PricesError

GOOD = frame(series("random", 30, 1))


def test_bad_objects():
    with pytest.raises(PricesError, match="list"):
        Prices.of([1, 2, 3])
    with pytest.raises(PricesError, match="not dates"):
        Prices.of(pd.Series([1.0, 2.0]))


def test_columns_and_their_bytes():
    prices = Prices.of(GOOD)
    assert prices.nbytes == GOOD.memory_usage().sum()
    assert list(prices.columns) == list(GOOD.columns)
    assert prices.columns["Close"] is prices.close and not prices.close.flags.writeable
    with pytest.raises(TypeError):
        prices.columns["Close"] = prices.close


def test_too_few_bars_and_late_start():
    grid = qmac.Grid(windows=[2, 3, 5, 30])
    with pytest.raises(PricesError, match="has 30 bars, but window 30 needs at least 31"):
        qmac.optimize(GOOD, grid)
    with pytest.raises(PricesError, match="ends at"):
        qmac.backtest(GOOD, (2, 3, 4, 5), qmac.Rules(start="2044-01-01"))


def test_series_and_time_zones():
    zoned = GOOD["Close"].tz_localize("America/New_York")
    run = qmac.backtest(zoned, (1, 2, 3, 4), qmac.Rules(start="2001-01-15"))
    assert len(run.equity) == 20


def test_prices_of_prices_are_the_same():
    prices = Prices.of(GOOD, "SPY")
    assert Prices.of(prices, "other") is prices
    assert Prices.of(GOOD["Close"], "SPY").frame.equals(prices.frame)


def test_columns():
    prices = Prices.of(GOOD.assign(high=GOOD["Close"] + 1, Note="x"))
    assert list(prices.frame.columns) == ["High", "Close"]
    assert prices.column("High").tolist() == (GOOD["Close"] + 1).tolist()
    assert prices.column("Open") is None and prices.column("Note") is None
    assert len(prices.tail(4)) == 4 and prices.tail(4).index[-1] == GOOD.index[-1]


ZONED = Prices.of(GOOD["Close"].tz_localize("America/New_York"), "SPY")


def test_moments_have_the_unit_and_the_zone_of_the_index():
    plain = Prices.of(GOOD.set_index(GOOD.index.as_unit("s")), "SPY")
    assert plain.moment("2001-01-15 10:30:00.75") == pd.Timestamp("2001-01-15 10:30:00")
    with pytest.raises(PricesError, match="but the dates of SPY have none. Leave it out"):
        plain.moment("2001-01-15 10:30+00:00")
    there = ZONED.moment("2001-01-15 10:30")
    assert there == pd.Timestamp("2001-01-15 15:30", tz="UTC")
    assert ZONED.moment("2001-01-15 15:30+00:00") == there


def test_moments_where_the_clock_is_changed():
    with pytest.raises(PricesError, match="not one moment in America/New_York"):
        ZONED.moment("2001-10-28 01:30")
    with pytest.raises(PricesError, match="Use a moment before or after"):
        ZONED.moment("2001-04-01 02:30")
    havana = Prices.of(GOOD["Close"].tz_localize("America/Havana"))
    assert havana.moment("2001-04-01") == pd.Timestamp("2001-04-01 01:00", tz="America/Havana")


@pytest.mark.parametrize("bars", [0, -5, 2.5, True, "5", None])
def test_a_tail_has_a_bar_at_least(bars):
    with pytest.raises(PricesError, match="^bars must be "):
        Prices.of(frame(series("random", 60, 3))).tail(bars)


@pytest.mark.parametrize("content", [None, [1.0], pd.DataFrame({"Close": [1.0]}), "spy.csv"])
def test_prices_are_made_of_a_frame_by_dates(content):
    with pytest.raises(PricesError, match="^frame must be a DataFrame with a Close column"):
        Prices(content, "SPY")


@pytest.mark.parametrize("index", [GOOD.index, GOOD.index.tz_localize("America/New_York")])
def test_other_values_on_the_same_dates(index):
    prices = Prices.of(GOOD.set_index(index), "SPY")
    values = np.stack((2 * prices.close, 3 * prices.close))
    other = replace_values(prices, ("Open", "Close"), values)
    checked = Prices.of(pd.DataFrame({"Open": values[0], "Close": values[1]}, index), "SPY")
    for each in (other, pickle.loads(pickle.dumps(other))):
        pd.testing.assert_frame_equal(each.frame, checked.frame)
        assert (each.name, each.origin, each.warnings) == ("SPY", FRAME, checked.warnings)
        assert each.index.equals(checked.index)
        assert each.bars_per_year == checked.bars_per_year
        assert each.column("Low") is None
        assert (each.column("Open") == values[0]).all() and (each.close == values[1]).all()
    with pytest.raises(ValueError, match="read-only"):
        other.close[0] = 1.0


@pytest.mark.parametrize("warm", [False, True], ids=["as made", "after its closes were read"])
def test_nothing_of_pickled_prices_can_be_changed(warm):
    prices = Prices.of(GOOD, "SPY")
    if warm:
        assert prices.close.size == prices.column("Close").size
    again = pickle.loads(pickle.dumps(prices))
    with pytest.raises(ValueError, match="read-only"):
        again.close[0] = 1.0
    assert (again.close == prices.close).all()


def test_a_split_beside_adjusted_closes_is_one_warning():
    closes = 100 + np.sin(np.arange(60)) / 10
    closes[30:] /= 2
    days = pd.bdate_range("2024-01-02", periods=60)
    raw = pd.DataFrame({"Close": closes}, index=days)
    assert len(Prices.of(raw).warnings) == 1
    (warning,) = Prices.of(
        raw.assign(**{"Adj Close": np.minimum(closes, closes[30:].max())})
    ).warnings
    assert "Adj Close is not Close: from row 30 to row 31 (" in warning and "--adjusted" in warning
