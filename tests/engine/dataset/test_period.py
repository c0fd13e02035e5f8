"""The trading period: dates, opens, bars whose columns disagree."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, ohlc, series

import qmac
from qmac.data.readers import write_stored
from qmac.engine.dataset.period import bar_after, build_period, code_dtype
from qmac.errors import PricesWarning


@pytest.mark.parametrize(
    ("rules", "says"), [({"stop_loss": 0.1}, "but Low is"), ({"fill": "next_open"}, "but Low is")]
)
def test_bars_in_pieces(market, rules, says):
    prices, grid = market
    table = prices.frame.assign(Close=prices.frame["Close"] * 0.7)
    with pytest.raises(qmac.InputError, match=says):
        qmac.optimize(table, grid, rules=qmac.Rules(**rules))
    assert qmac.optimize(table, grid).evaluated == grid.size  # nothing but the close is looked at


def test_the_last_date_that_can_be_written_leaves_all_bars(market):
    prices, _ = market
    assert bar_after(qmac.Prices.of(prices), "9999-12-31") == len(prices.index)


@pytest.mark.parametrize(
    ("zone", "end", "last"),
    [
        ("America/New_York", "2020-03-08", "2020-03-08 23:00"),  # 23 hours
        ("America/New_York", "2020-11-01", "2020-11-01 23:00"),  # 25 hours
        ("America/Sao_Paulo", "2018-11-03", "2018-11-03 23:00"),  # the next day has no midnight
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04 23:00"),
        ("America/New_York", "2020-03-07T00:00:00", "2020-03-07 00:00"),
    ],
)
def test_end_is_all_of_the_day(zone, end, last):
    index = (
        pd.date_range(pd.Timestamp(end) - pd.Timedelta(days=5), periods=240, freq="h")
        .tz_localize("UTC")
        .tz_convert(zone)
    )
    prices = pd.Series(series("random", 240, 2), index)
    result = qmac.optimize(prices, qmac.Grid(windows=[2, 3, 5, 6]), rules=qmac.Rules(end=end))
    assert result.prices["last"][:16] == last


def test_moments_that_are_none():
    index = pd.date_range("2020-03-05", periods=240, freq="h", tz="America/New_York")
    prices, grid = pd.Series(series("random", 240, 2), index), qmac.Grid(windows=[2, 3, 5, 6])
    with pytest.raises(qmac.InputError, match="is not one moment"):
        qmac.optimize(prices, grid, rules=qmac.Rules(start="2020-03-08T02:30"))
    with pytest.raises(qmac.InputError, match="has a time zone, but the dates of prices have none"):
        qmac.optimize(
            prices.tz_localize(None), grid, rules=qmac.Rules(start="2020-03-06T12:00+09:00")
        )
    with pytest.raises(qmac.InputError, match="must be a date"):
        qmac.Rules(end=pd.NaT)


def test_next_open_needs_opens():
    with pytest.raises(qmac.InputError, match="no Open column"):
        qmac.optimize(
            frame(series("random", 90, 1)),
            qmac.Grid(windows=range(2, 9)),
            rules=qmac.Rules(fill="next_open"),
        )


def test_a_bar_of_warm_up_leads_where_there_is_one(sample):
    whole = build_period(sample, qmac.Rules(), (2, 5))
    later = build_period(sample, qmac.Rules(start="2010-01-04", fill="next_open"), (2, 5))
    assert (whole.first, whole.start, whole.delay, whole.bars) == (0, 0, 0, len(sample))
    assert (later.start, later.delay, later.bars) == (1, 1, later.close.size - 1)
    assert str(sample.index[later.first + 1]) == "2010-01-04 00:00:00"
    assert later.fill[1] == sample.column("Open")[later.first + 1]


def test_without_highs_and_lows_the_body_of_a_bar_is_all_there_is():
    prices = qmac.Prices.of(frame(series("random", 30, 1)))
    period = build_period(prices, qmac.Rules(stop_loss=0.1), (2, 5))
    for column in (period.opens, period.highs, period.lows):
        assert np.array_equal(column, period.close)


def test_codes_of_exits_are_as_small_as_they_can_be():
    assert code_dtype(32_766) is np.uint16 and code_dtype(32_767) is np.uint32


@pytest.mark.parametrize("column", ["Open", "High", "Low"])
def test_stops_do_not_fall_back_to_closes_where_a_column_was_left_out(tmp_path, column):
    """Nor where a run is repeated from the prices that it stored without the column."""
    table = ohlc("random", 60, 4)
    table.iloc[5, table.columns.get_loc(column)] = 0
    table.to_csv(tmp_path / "spy.csv", index_label="Date")
    with pytest.warns(PricesWarning, match=f"{column} is not read"):
        prices = qmac.read_prices(tmp_path / "spy.csv")
    assert prices.column(column) is None
    with pytest.raises(qmac.InputError, match=f"^stops look at {column}, but .* row 6 "):
        build_period(prices, qmac.Rules(stop_loss=0.1), (2, 5))
    build_period(prices, qmac.Rules(), (2, 5))
    with (tmp_path / "stored.parquet").open("wb") as file:
        write_stored(prices, file)
    with pytest.warns(PricesWarning, match=f"{column} is not read"):
        again = qmac.read_prices(tmp_path / "stored.parquet")
    with pytest.raises(qmac.InputError, match=f"^stops look at {column}, but .* row 6 "):
        build_period(again, qmac.Rules(trailing_stop=0.1), (2, 5))
    if column == "Open":
        with pytest.raises(qmac.InputError, match=r"next_open.*Open was left out: .* in row 6"):
            build_period(again, qmac.Rules(fill="next_open"), (2, 5))


def test_stops_on_closes_alone_are_as_ever():
    prices = qmac.Prices.of(ohlc("random", 60, 4)[["Close"]])
    period = build_period(prices, qmac.Rules(stop_loss=0.1), (2, 5))
    assert period.highs.tolist() == prices.close.tolist()
