"""Files of exchanges of cryptocurrencies, and of libraries and collections of their prices."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

NUMBER = r"\d[\d.]*(?:[eE][-+]?\d+)?"
SECONDS = r"\d{10}(\.0)?"
"""Since 1970."""
MILLISECONDS = r"\d{13}(\.0)?"
MICROSECONDS = r"\d{16}(\.0)?"
LEAN_DATE = r"\d{8} \d\d:\d\d"
LEAN_WHOLE_ROW = rf"{LEAN_DATE}(,\d{{5,}}(\.0)?){{4}},\d+(\.0)?"
LEAN_SCALE = 10_000
KLINE_END = "1,1,1,1,0\n"

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="Binance klines",
        first_row=rf"({MILLISECONDS}|{MICROSECONDS})(,{NUMBER}){{5}},\d{{13,16}}(\.0)?"
        rf"(,{NUMBER}){{5}}",
        columns="date,open,high,low,close,volume,-,-,-,-,-,-",
        example=(
            f"1735776000000000,100,102,99,101,5,1735862399999999,{KLINE_END}"
            f"1735862400000000,101,103,100,102,5,1735948799999999,{KLINE_END}"
            f"1735948800000000,102,104,101,103,5,1736035199999999,{KLINE_END}"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2025-01-02 00:00:00+00:00", "2025-01-04 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="Binance klines with a header",
        headers=(
            "open_time,open,high,low,close,volume,close_time,...",
            "Open time,Open,High,Low,Close,Volume,Close time,...",
        ),
        roles={"open_time": "Date", "Open time": "Date"},
        example=(
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
            "taker_buy_volume,taker_buy_quote_volume,ignore\n"
            f"1704412800000,100,102,99,101,5,1704499199999,{KLINE_END}"
            f"1704499200000,101,103,100,102,5,1704585599999,{KLINE_END}"
            f"1704585600000,102,104,101,103,5,1704671999999,{KLINE_END}"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="CryptoDataDownload",
        above=(r"https?://www\.CryptoDataDownload\.com.*",),
        is_above_needed=False,
        headers=(
            "unix,date,symbol,open,high,low,close,...",
            "Unix,Date,Symbol,Open,High,Low,Close,...",
            "Unix Timestamp,Date,Symbol,Open,High,Low,Close,...",
        ),
        roles={"unix": "Date", "Unix": "Date", "Unix Timestamp": "Date", "date": "", "Date": ""},
        example=(
            "https://www.CryptoDataDownload.com\n"
            "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount\n"
            "1704585600000,2024-01-07 00:00:00,BTC/USDT,102,104,101,103,7,714,30\n"
            "1704499200000,2024-01-06 00:00:00,BTC/USDT,101,103,100,102,6,606,20\n"
            "1704412800000,2024-01-05 00:00:00,BTC/USDT,100,102,99,101,5,500,10\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        symbol="BTC/USDT",
        bars_per_year=365,
    ),
    Layout(
        name="CryptoDataDownload, hours of twelve",
        above=(r"https?://www\.CryptoDataDownload\.com.*",),
        is_above_needed=False,
        headers=("Date,Symbol,Open,High,Low,Close,...",),
        first_row=r"\d{4}-\d\d-\d\d \d\d-[AP]M,.*",
        date_format="%Y-%m-%d %I-%p",
        timezone="UTC",
        example=(
            "https://www.CryptoDataDownload.com\n"
            "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD\n"
            "2024-01-05 01-PM,BTCUSD,102,104,101,103,7,714\n"
            "2024-01-05 12-PM,BTCUSD,101,103,100,102,6,606\n"
            "2024-01-05 11-AM,BTCUSD,100,102,99,101,5,500\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 11:00:00+00:00", "2024-01-05 13:00:00+00:00"),
        symbol="BTCUSD",
    ),
    Layout(
        name="Kaggle, minutes of bitcoin",
        headers=("Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price",),
        roles={"Timestamp": "Date", "Volume_(BTC)": "Volume"},
        has_empty_rows=True,
        example=(
            "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n"
            "1325317920,100,102,99,101,5,500,100.5\n"
            "1325317980,NaN,NaN,NaN,NaN,NaN,NaN,NaN\n"
            "1325318040,101,103,100,102,6,606,101.5\n"
            "1325318100,102,104,101,103,7,714,102.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2011-12-31 07:52:00+00:00", "2011-12-31 07:55:00+00:00"),
    ),
    Layout(
        name="Kaggle, minutes of bitcoin since 2024",
        headers=("Timestamp,Open,High,Low,Close,Volume",),
        roles={"Timestamp": "Date"},
        first_row=rf"{SECONDS}(,{NUMBER}){{5}}",
        example=(
            "Timestamp,Open,High,Low,Close,Volume\n"
            "1325412060.0,100,102,99,101,5.0\n"
            "1325412120.0,101,103,100,102,0.0\n"
            "1325412180.0,102,104,101,103,7.0\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2012-01-01 10:01:00+00:00", "2012-01-01 10:03:00+00:00"),
    ),
    Layout(
        name="ccxt and Bitstamp",
        headers=("timestamp,open,high,low,close,volume",),
        roles={"timestamp": "Date"},
        first_row=rf"({SECONDS}|{MILLISECONDS})(,{NUMBER}){{5}}",
        example=(
            "timestamp,open,high,low,close,volume\n"
            "1704412800000,100,102,99,101,5.5\n"
            "1704499200000,101,103,100,102,6.5\n"
            "1704585600000,102,104,101,103,7.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="ccxt and freqtrade arrays",
        first_row=rf"({SECONDS}|{MILLISECONDS})(,{NUMBER}){{5}}",
        needs_bars=True,
        columns="date,open,high,low,close,volume",
        example=(
            "1704412800000,100,102,99,101,5.5\n"
            "1704499200000,101,103,100,102,6.5\n"
            "1704585600000,102,104,101,103,7.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="Bitfinex",
        headers=("MTS,OPEN,CLOSE,HIGH,LOW,VOLUME", "mts,open,close,high,low,volume"),
        roles={"MTS": "Date", "mts": "Date"},
        example=(
            "MTS,OPEN,CLOSE,HIGH,LOW,VOLUME\n"
            "1704585600000,102,103,104,101,7.5\n"
            "1704499200000,101,102,103,100,6.5\n"
            "1704412800000,100,101,102,99,5.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="Bitfinex arrays",
        first_row=rf"{MILLISECONDS}(,{NUMBER}){{5}}",
        needs_bars=True,
        columns="date,open,close,high,low,volume",
        example=(
            "1704585600000,102,103,104,101,7.5\n"
            "1704499200000,101,102,103,100,6.5\n"
            "1704412800000,100,101,102,99,5.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="Kraken",
        first_row=rf"{SECONDS}(,{NUMBER}){{5}},\d+(\.0)?",
        needs_bars=True,
        columns="date,open,high,low,close,volume,-",
        example=(
            "1704412800,100.0,102.0,99.0,101.0,5.5,40\n"
            "1704499200,101.0,103.0,100.0,102.0,6.5,50\n"
            "1704585600,102.0,104.0,101.0,103.0,7.5,60\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="KuCoin arrays",
        first_row=rf"{SECONDS}(,{NUMBER}){{6}}",
        needs_bars=True,
        columns="date,open,close,high,low,volume,-",
        example=(
            "1704585600,102,103,104,101,7.5,765.5\n"
            "1704499200,101,102,103,100,6.5,656.5\n"
            "1704412800,100,101,102,99,5.5,550.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="Coinbase",
        headers=("time,low,high,open,close,volume", "timestamp,low,high,open,close,volume"),
        roles={"time": "Date", "timestamp": "Date"},
        example=(
            "time,low,high,open,close,volume\n"
            "1704585600,101,104,102,103,7.5\n"
            "1704499200,100,103,101,102,6.5\n"
            "1704412800,99,102,100,101,5.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="Coinbase arrays",
        first_row=rf"{SECONDS}(,{NUMBER}){{5}}",
        needs_bars=True,
        columns="date,low,high,open,close,volume",
        example=(
            "1704585600,101,104,102,103,7.5\n"
            "1704499200,100,103,101,102,6.5\n"
            "1704412800,99,102,100,101,5.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00+00:00", "2024-01-07 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="LEAN equity by its folder",
        first_row=LEAN_WHOLE_ROW,
        needs_bars=True,
        folder=r"equity/usa/(daily|hour)",
        example_file="equity/usa/daily/aaa.zip",
        columns="date,open,high,low,close,volume",
        scale=LEAN_SCALE,
        example=(
            "20240102 00:00,1000050,1020000,990000,1010050,5000\n"
            "20240103 00:00,1010050,1030000,1000000,1020050,6000\n"
            "20240104 00:00,1020050,1040000,1010000,1030550,7000\n"
        ),
        closes=(101.005, 102.005, 103.055),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        bars_per_year=252,
    ),
    Layout(
        name="LEAN by its folder",  # whose prices are never multiplied
        first_row=LEAN_WHOLE_ROW,
        needs_bars=True,
        folder=r"(crypto|cryptofuture|forex|cfd)/\w+/(daily|hour)",
        example_file="crypto/bitflyer/daily/btcjpy_trade.zip",
        columns="date,open,high,low,close,volume",
        example=(
            "20240105 00:00,6312500,6412500,6212500,6400000,50\n"
            "20240106 00:00,6400000,6412500,6312500,6350000,60\n"
            "20240107 00:00,6350000,6412500,6312500,6400000,70\n"
        ),
        closes=(6400000.0, 6350000.0, 6400000.0),
        dates=("2024-01-05 00:00:00", "2024-01-07 00:00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="LEAN equity, prices times 10,000",
        # whole cents, as no other market of LEAN has them: one more on a weekend refuses the file
        first_row=rf"{LEAN_DATE}(,\d{{3,}}00(\.0)?){{4}},\d+(\.0)?",
        needs_bars=True,
        file_name=r"(?!.*_(trade|quote)\b).*\.zip",  # others write whole prices of five digits
        example_file="aaa.zip",
        columns="date,open,high,low,close,volume",
        scale=LEAN_SCALE,
        example=(
            "20240102 00:00,1000000,1020000,990000,1010000,5000\n"
            "20240103 00:00,1010000,1030000,1000000,1020000,6000\n"
            "20240104 00:00,1020000,1040000,1010000,1030500,7000\n"
        ),
        closes=(101.0, 102.0, 103.05),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        bars_per_year=252,
    ),
    Layout(
        name="LEAN, market not known",
        first_row=LEAN_WHOLE_ROW,
        file_name=r".*\.zip",
        refusal=(
            "its prices are whole numbers, which LEAN multiplies by 10,000 for equities of the USA "
            "and for no other market. Put it where LEAN has it, such as equity/usa/daily or "
            "crypto/coinbase/daily, or read the numbers as they are: --columns "
            "date,open,high,low,close,volume."
        ),
        example_file="btcusd_trade.zip",
        example="20240102 00:00,16546,16655,16500,16600,1000\n",
    ),
    Layout(
        name="LEAN",
        # a fraction, which those of equities never have: other whole numbers may be either
        first_row=rf"(?=.*\.\d*[1-9]){LEAN_DATE}(,{NUMBER}){{5}}",
        columns="date,open,high,low,close,volume",
        example=(
            "20240105 00:00,100.25,102,99.5,101,5.5\n"
            "20240106 00:00,101,103.5,100,102,6.5\n"
            "20240107 00:00,102,104,101.75,103,7.5\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-05 00:00:00", "2024-01-07 00:00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="LEAN minutes",
        first_row=r"\d{4,5}000(,\d{5,}){4},\d+",
        refusal=(
            "its rows count milliseconds since midnight, and the day is in the name of the file "
            "alone. Join the days into one file with dates such as 2024-01-02 09:30."
        ),
        example="34200000,1000000,1020000,990000,1010000,5000\n",
    ),
)
