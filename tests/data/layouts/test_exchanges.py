"""Each layout of the table reads its example, as a file and as a frame."""

import pytest
from helpers.layouts import check_frame, check_layout

from qmac.data.layouts import exchanges
from qmac.data.readers import read_prices
from qmac.errors import PricesError

FRAMES = [each for each in exchanges.LAYOUTS if not each.refusal and not each.needs_place]


@pytest.mark.parametrize("layout", exchanges.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", FRAMES, ids=lambda layout: layout.name)
def test_frame(layout):
    check_frame(layout)


def read(text, tmp_path, name="a.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_prices(path)


END = ",1,1,1,1,0"


@pytest.mark.parametrize(
    ("layout", "text", "last"),
    [
        (
            "Binance klines",  # which changes its unit with the year
            (
                f"1735603200000,100,102,99,101,5,1735689599999{END}\n"
                f"1735689600000000,100,102,99,101,5,1735775999999999{END}\n"
            ),
            "2025-01-01 00:00:00+00:00",
        ),
        (
            "CryptoDataDownload",
            (
                "unix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n"
                "1704499200,2024-01-06 00:00:00,BTC/USD,100,102,99,101,6,606\n"
                "1704412800,2024-01-05 00:00:00,BTC/USD,100,102,99,101,5,500\n"
            ),
            "2024-01-06 00:00:00+00:00",
        ),
        (
            "CryptoDataDownload",  # seconds and milliseconds
            (
                "http://www.CryptoDataDownload.com\n"
                "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount\n"
                "1704499200000,2024-01-06 00:00:00,BTCUSDT,100,102,99,101,6,606,4\n"
                "1704412800.0,2024-01-05 00:00:00,BTCUSDT,100,102,99,101,5,500,4\n"
            ),
            "2024-01-06 00:00:00+00:00",
        ),
        (
            "ccxt and freqtrade arrays",
            "1704412800,100,102,99,101,5\n1704499200,100,102,99,101,6\n",
            "2024-01-06 00:00:00+00:00",
        ),
        (
            "Kraken",
            "1704412800,101.0,101.0,101.0,101.0,0.1,1\n1704499200,100.0,102.0,99.0,101.0,1e-05,1\n",
            "2024-01-06 00:00:00+00:00",
        ),
        (
            "LEAN",
            "20240105 00:00,100,102,99,101,5.5\n20240106 00:00,100,102,99,101,6.5\n",
            "2024-01-06 00:00:00",
        ),
        (
            "columns by name",  # dates that are texts prove no exchange
            (
                "timestamp,open,high,low,close,volume\n2024-01-05,100,102,99,101,5\n"
                "2024-01-06,100,102,99,101,5\n"
            ),
            "2024-01-06 00:00:00",
        ),
    ],
)
def test_other_forms(layout, text, last, tmp_path):
    prices = read(text, tmp_path)
    assert prices.origin.layout == layout
    assert prices.close.tolist() == [101, 101]
    assert str(prices.index[-1]) == last


@pytest.mark.parametrize(
    "text",
    [
        "1704412800000,100,100,100,100,5\n1704499200000,101,101,101,101,6\n",  # any order
        "1704412800000,100,102,99,101,5\n1704499200000,101,99,103,100,6\n",  # two orders
        "1704412800,5,101,102,99,100\n1704499200,6,102,103,100,101\n",  # Gate: volume first
        "20240102 00:00,100,102,99,101,5\n20240103 00:00,100,102,99,101,5\n",  # cents or not
        "20240102,10000,10200,9900,10100,5\n20240103,10000,10200,9900,10100,5\n",
    ],
)
def test_numbers_that_prove_nothing_are_refused(text, tmp_path):
    with pytest.raises(PricesError, match="has no header, .*--columns"):
        read(text, tmp_path)


def test_minutes_without_a_trade_are_no_bars(tmp_path):
    layout = next(each for each in exchanges.LAYOUTS if each.has_empty_rows)
    prices = read(layout.example, tmp_path)
    assert "1 rows without any price are left out" in prices.origin.notes[0]
    damaged = layout.example.replace("101,6", "NaN,6").replace("100,102,6", "100,NaN,6")
    with pytest.raises(PricesError, match="Close is empty in row 2"):
        read(damaged, tmp_path)


def test_prices_of_lean_are_divided(tmp_path):
    layout = next(each for each in exchanges.LAYOUTS if each.example_file == "aaa.zip")
    with pytest.raises(PricesError, match="no header"):  # others write whole prices, too
        read(layout.example, tmp_path)
    prices = read(layout.example, tmp_path, "aaa.zip")
    assert prices.column("High").tolist() == [102, 103, 104]
    assert prices.column("Volume").tolist() == [5000, 6000, 7000]


def test_prices_of_lean_are_divided_where_that_is_proven(tmp_path):
    """Only those of equities are multiplied, and bitcoin in whole yen looks like one of them."""
    yen = (
        "20240105 00:00,6312500,6412500,6212500,6400001,50\n"
        "20240106 00:00,6400000,6412500,6312500,6350000,60\n"
    )
    with pytest.raises(PricesError, match="LEAN, market not known: .*--col"):
        read(yen, tmp_path, "btcjpy.zip")
    won = yen.replace("6400001", "6400000")  # whole cents, but on a Saturday
    with pytest.raises(PricesError, match="row 2 .* is on a weekend"):
        read(won, tmp_path, "btckrw.zip")
    with pytest.raises(PricesError, match="market not known"):
        read(won.replace("0106", "0104"), tmp_path, "btckrw_trade.zip")
