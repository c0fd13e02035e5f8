"""Columns with two levels of names, in files and in frames."""

import pandas as pd
import pytest
from helpers.layouts import check_layout

from qmac.data.layouts import levels
from qmac.data.prices import Prices
from qmac.data.symbols import from_frame, read_symbols
from qmac.errors import PricesError

DAYS = pd.date_range("2024-01-02", periods=3, name="Date")


def make(tickers, names=("Close", "Open"), *, tickers_first=False):
    pairs = [(name, ticker) for name in names for ticker in tickers]
    if tickers_first:
        pairs = [pair[::-1] for pair in pairs]
    values = [[100.0 * (place + 1) + row for place in range(len(pairs))] for row in range(3)]
    return pd.DataFrame(values, DAYS, pd.MultiIndex.from_tuples(pairs))


def test_example(tmp_path):
    check_layout(levels.YFINANCE, tmp_path)


@pytest.mark.parametrize("tickers_first", [False, True])
def test_frames_of_one_and_of_many_tickers(tickers_first):
    prices = Prices.of(make(["AAA"], tickers_first=tickers_first))
    assert prices.close.tolist() == [100, 101, 102]
    assert prices.column("Open").tolist() == [200, 201, 202]
    many = make(["AAA", "BBB"], tickers_first=tickers_first)
    assert from_frame(many).prices["BBB"].close.tolist() == [200, 201, 202]
    with pytest.raises(PricesError, match="holds 2 symbols: AAA, BBB"):
        Prices.of(many)


def test_adjusted_closes_beside_closes():
    frame = make(["AAA"], ["Adj Close", "Close"])
    prices = Prices.of(frame)
    assert prices.close.tolist() == [200, 201, 202]
    assert prices.origin.adjusted is False
    assert Prices.of(make(["AAA"])).origin.adjusted is True


@pytest.mark.parametrize("head", ["Price,Close,Open", "Ticker,AAA,AAA", ",Close,Open"])
def test_heading_rows(head, tmp_path):
    first, second = (head, "Ticker,AAA,AAA")
    if head.startswith("Ticker"):
        second = "Price,Close,Open"
    path = tmp_path / "a.csv"
    path.write_text(f"{first}\n{second}\nDate,,\n2024-01-02,5,6\n2024-01-03,6,7\n")
    assert read_symbols(path).prices["AAA"].close.tolist() == [5, 6]


def test_a_market_that_is_closed_has_no_bar():
    frame = make(["AAA", "BBB"])
    frame.iloc[1, [1, 3]] = float("nan")
    prices = from_frame(frame).prices
    assert len(prices["AAA"]) == 3
    assert prices["BBB"].index.tolist() == [DAYS[0], DAYS[2]]


def test_other_levels_are_refused():
    frame = make(["AAA"], ["High", "Low"])
    with pytest.raises(PricesError, match="no Close column in either level"):
        Prices.of(frame)


@pytest.mark.parametrize("group_by", ["column", "ticker"])
@pytest.mark.parametrize("dates", ["Date", "Datetime"])
def test_what_pandas_writes_of_a_download(group_by, dates, tmp_path):
    frame = make(["AAA", "BBB"], ["Close", "High", "Low", "Open", "Volume"])
    frame.columns.names = ["Price", "Ticker"]
    frame.index = pd.date_range("2024-03-08 14:30", periods=3, freq="h", tz="UTC", name=dates)
    if group_by == "ticker":
        frame = frame.swaplevel(axis=1).sort_index(axis=1)
    frame.iloc[0, 0] = float("nan")  # of AAA, whose market is closed
    frame.loc[frame.index[0], [pair for pair in frame if "AAA" in pair]] = float("nan")
    frame.to_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "a.parquet")
    own = pd.read_csv(tmp_path / "a.csv", header=[0, 1], index_col=0)
    read = [read_symbols(tmp_path / name).prices for name in ("a.csv", "a.parquet")]
    frames = [frame, own, *(pd.read_csv(tmp_path / "a.csv", index_col=each) for each in (None, 0))]
    for prices in (*read, *(from_frame(each).prices for each in frames)):
        assert prices["AAA"].close.tolist() == [101, 102]
        assert prices["BBB"].close.tolist() == [200, 201, 202]
        assert prices["BBB"].column("Open").tolist() == [800, 801, 802]
        assert (prices["BBB"].index == frame.index).all()
        assert prices["AAA"].origin.layout == "yfinance download, adjusted"


def test_heading_rows_of_one_ticker_in_a_frame(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "Price,Close,Open,Volume\nTicker,AAA,AAA,AAA\nDate,,,\n"
        "2024-01-02,5.5,6.5,1000\n2024-01-03,6.5,7.5,2000\n"
    )
    prices = Prices.of(pd.read_csv(path))
    assert prices.close.tolist() == [5.5, 6.5] and prices.column("Volume").tolist() == [1000, 2000]
    assert prices.origin.layout == "yfinance download, adjusted"
