"""Files of vendors of market data."""

from __future__ import annotations

from dataclasses import replace

from qmac.data.layouts.layout import Layout

NEW_YORK = "America/New_York"
_POLYGON = Layout(
    name="Polygon flat file",
    headers=("ticker,volume,open,close,high,low,window_start,transactions",),
    roles={"window_start": "Date"},
    timezone=NEW_YORK,
    example=(
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAA,5000,100,101.5,102,99,1704171600000000000,50\n"
        "BBB,5000,50,51.5,52,49,1704171600000000000,50\n"
        "AAA,6000,101,102.5,103,100,1720065600000000000,60\n"
        "BBB,6000,51,52.5,53,50,1720065600000000000,60\n"
    ),
    closes=(101.5, 102.5),
    dates=("2024-01-02 00:00:00-05:00", "2024-07-04 00:00:00-04:00"),
    symbol="AAA",
)
_DATABENTO = Layout(
    name="Databento",
    headers=("ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",),
    roles={"ts_event": "Date"},
    first_row=r"[^,]+(,\d+){3}(,-?\d+\.\d+){4},\d+,[^,]*",
    example=(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "2024-01-02T00:00:00.000000000Z,35,1,11,100.000000000,102.000000000,99.000000000,"
        "101.250000000,5000,AAA\n"
        "2024-01-02T00:00:00.000000000Z,35,1,12,50.000000000,52.000000000,49.000000000,"
        "51.250000000,5000,BBB\n"
        "2024-01-03T00:00:00.000000000Z,35,1,11,101.000000000,103.000000000,100.000000000,"
        "102.250000000,6000,AAA\n"
        "2024-01-03T00:00:00.000000000Z,35,1,12,51.000000000,53.000000000,50.000000000,"
        "52.250000000,6000,BBB\n"
    ),
    closes=(51.25, 52.25),
    dates=("2024-01-02 00:00:00+00:00", "2024-01-03 00:00:00+00:00"),
    symbol="BBB",
)
_DATABENTO_FIXED = replace(
    _DATABENTO,
    name="Databento, fixed point",
    first_row=r"[^,]+(,-?\d+){8},[^,]*",
    scale=1e9,
    example=(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "1704205800000000000,33,1,11,100000000000,102000000000,99000000000,101250000000,5,AAA\n"
        "1704205860000000000,33,1,11,101000000000,103000000000,100000000000,102250000000,6,AAA\n"
        "1704205920000000000,33,1,11,102000000000,104000000000,101000000000,103250000000,7,AAA\n"
    ),
    closes=(101.25, 102.25, 103.25),
    dates=("2024-01-02 14:30:00+00:00", "2024-01-02 14:32:00+00:00"),
    symbol="AAA",
)
_BY_INSTRUMENT = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume"

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="Alpha Vantage, adjusted",
        headers=(
            "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
            "timestamp,open,high,low,close,adjusted close,volume,dividend amount",
        ),
        roles={"timestamp": "Date"},
        adjusted=False,
        example=(
            "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,"
            "split_coefficient\n"
            "2024-01-04,51.0,52.0,50.5,51.5,51.5,14000,0.0000,2.0\n"
            "2024-01-03,101.0,103.0,100.0,102.0,51.0,6000,0.0000,1.0\n"
            "2024-01-02,100.0,102.0,99.0,101.0,50.5,5000,0.0000,1.0\n"
        ),
        closes=(101.0, 102.0, 51.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    replace(
        _POLYGON,
        name="Polygon flat file, of cryptocurrency and forex",
        first_row=r"(\d+,)?[XC]:.*",
        timezone=None,
        example=(
            "ticker,volume,open,close,high,low,window_start,transactions\n"
            "X:BTC-USD,5.5,100,101.5,102,99,1704153600000000000,50\n"
            "X:BTC-USD,6.5,101,102.5,103,100,1704240000000000000,60\n"
        ),
        dates=("2024-01-02 00:00:00+00:00", "2024-01-03 00:00:00+00:00"),
        symbol="X:BTC-USD",
    ),
    _POLYGON,
    Layout(
        name="EODHD",
        headers=("Date,Open,High,Low,Close,Adjusted_close,Volume",),
        adjusted=False,
        example=(
            "Date,Open,High,Low,Close,Adjusted_close,Volume\n"
            "2024-01-02,100,102,99,101,100.5,5000\n"
            "2024-01-03,101,103,100,102,102,6000\n"
            "2024-01-04,102,104,101,103,103,7000\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="EODHD intraday",
        headers=("Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume",),
        roles={"Timestamp": "Date", "Datetime": ""},
        date_format="s",
        example=(
            "Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume\n"
            '1704205800,0,"2024-01-02 14:30:00",100,102,99,101.5,5000\n'
            '1704206100,0,"2024-01-02 14:35:00",101,103,100,102.5,6000\n'
            '1704206400,0,"2024-01-02 14:40:00",102,104,101,103.5,7000\n'
        ),
        closes=(101.5, 102.5, 103.5),
        dates=("2024-01-02 14:30:00+00:00", "2024-01-02 14:40:00+00:00"),
    ),
    Layout(
        name="Tiingo",
        headers=("date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,...",),
        adjusted=False,
        example=(
            "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
            "splitFactor\n"
            "2024-01-02,101.0,102.0,99.0,100.0,5000,50.5,51.0,49.5,50.0,10000,0.0,1.0\n"
            "2024-01-03,102.0,103.0,100.0,101.0,6000,51.0,51.5,50.0,50.5,12000,0.0,1.0\n"
            "2024-01-04,51.5,52.0,50.5,51.0,14000,51.5,52.0,50.5,51.0,14000,0.0,2.0\n"
        ),
        closes=(101.0, 102.0, 51.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    _DATABENTO,
    _DATABENTO_FIXED,
    replace(
        _DATABENTO,
        name="Databento, by instrument",
        headers=(_BY_INSTRUMENT,),
        roles={"ts_event": "Date", "instrument_id": "Symbol"},
        first_row=r"[^,]+(,\d+){3}(,-?\d+\.\d+){4},\d+",
        example=(
            f"{_BY_INSTRUMENT}\n"
            "2024-01-02T00:00:00.000000000Z,35,1,11,100.000000000,102.000000000,99.000000000,"
            "101.250000000,5000\n"
            "2024-01-03T00:00:00.000000000Z,35,1,11,101.000000000,103.000000000,100.000000000,"
            "102.250000000,6000\n"
        ),
        closes=(101.25, 102.25),
        symbol="11",
    ),
    replace(
        _DATABENTO_FIXED,
        name="Databento, fixed point, by instrument",
        headers=(_BY_INSTRUMENT,),
        roles={"ts_event": "Date", "instrument_id": "Symbol"},
        first_row=r"[^,]+(,-?\d+){8}",
        example=(
            f"{_BY_INSTRUMENT}\n"
            "1704205800000000000,33,1,11,100000000000,102000000000,99000000000,101250000000,5\n"
            "1704205860000000000,33,1,11,101000000000,103000000000,100000000000,102250000000,6\n"
        ),
        closes=(101.25, 102.25),
        dates=("2024-01-02 14:30:00+00:00", "2024-01-02 14:31:00+00:00"),
        symbol="11",
    ),
    Layout(
        name="Alpaca",
        headers=(
            "symbol,timestamp,open,high,low,close,volume,trade_count,vwap",
            "timestamp,open,high,low,close,volume,trade_count,vwap",
        ),
        roles={"timestamp": "Date"},
        timezone=NEW_YORK,
        example=(
            "symbol,timestamp,open,high,low,close,volume,trade_count,vwap\n"
            "AAA,2024-03-08 05:00:00+00:00,100.0,102.0,99.0,101.5,5000.0,50.0,100.5\n"
            "AAA,2024-03-11 04:00:00+00:00,101.0,103.0,100.0,102.5,6000.0,60.0,101.5\n"
            "BBB,2024-03-08 05:00:00+00:00,50.0,52.0,49.0,51.5,5000.0,50.0,50.5\n"
            "BBB,2024-03-11 04:00:00+00:00,51.0,53.0,50.0,52.5,6000.0,60.0,51.5\n"
        ),
        closes=(51.5, 52.5),
        dates=("2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"),
        symbol="BBB",
    ),
    Layout(
        name="Quandl WIKI",
        headers=(
            "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,...",
            "ticker,date,open,high,low,close,volume,ex-dividend,split_ratio,adj_open,...",
        ),
        adjusted=False,
        example=(
            "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,"
            "Adj. Close,Adj. Volume\n"
            "2018-01-02,100.0,102.0,99.0,101.0,5000.0,0.0,1.0,50.0,51.0,49.5,50.5,10000.0\n"
            "2018-01-03,101.0,103.0,100.0,102.0,6000.0,0.0,1.0,50.5,51.5,50.0,51.0,12000.0\n"
            "2018-01-04,51.0,52.0,50.5,51.5,14000.0,0.0,2.0,51.0,52.0,50.5,51.5,14000.0\n"
        ),
        closes=(101.0, 102.0, 51.5),
        dates=("2018-01-02 00:00:00", "2018-01-04 00:00:00"),
    ),
    Layout(
        name="Sharadar",
        headers=("ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated",),
        roles={"closeadj": "Adj Close"},
        adjusted=False,
        example=(
            "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated\n"
            "AAA,2024-01-04,102.0,104.0,101.0,103.0,7000.0,103.0,206.0,2024-02-01\n"
            "AAA,2024-01-03,101.0,103.0,100.0,102.0,6000.0,101.5,204.0,2024-02-01\n"
            "AAA,2024-01-02,100.0,102.0,99.0,101.0,5000.0,100.5,202.0,2024-02-01\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        symbol="AAA",
    ),
    # Volume as a whole number, and a time without seconds: those of MetaTrader have points in
    # their dates. Whether the month or the day is first, the dates must show.
    Layout(
        name="Kibot intraday",
        first_row=r"\d\d/\d\d/\d{4},\d\d:\d\d(,\d+(\.\d+)?){4},\d+",
        needs_bars=True,
        columns="date,time,open,high,low,close,volume",
        example=(
            "01/12/2024,15:59,100.5,102,99,101.5,5000\n"
            "01/16/2024,09:30,101.5,103,100,102.5,6000\n"
            "01/16/2024,09:31,102.5,104,101,103.5,7000\n"
        ),
        closes=(101.5, 102.5, 103.5),
        dates=("2024-01-12 15:59:00", "2024-01-16 09:31:00"),
    ),
    Layout(
        name="MOEX candles",
        headers=("open,close,high,low,value,volume,begin,end",),
        roles={"begin": "Date"},
        above=("candles",),
        is_above_needed=False,
        separators=";,",
        example=(
            "candles\n\n"
            "open;close;high;low;value;volume;begin;end\n"
            "100;101.5;102;99;507500;5000;2024-01-03 10:00:00;2024-01-03 10:59:59\n"
            "101;102.5;103;100;615000;6000;2024-01-03 11:00:00;2024-01-03 11:59:59\n"
            "102;103.5;104;101;724500;7000;2024-01-03 12:00:00;2024-01-03 12:59:59\n"
        ),
        closes=(101.5, 102.5, 103.5),
        dates=("2024-01-03 10:00:00", "2024-01-03 12:00:00"),
    ),
    Layout(
        name="MOEX history",
        headers=(
            "BOARDID,TRADEDATE,SHORTNAME,SECID,NUMTRADES,VALUE,OPEN,LOW,HIGH,LEGALCLOSEPRICE,...",
        ),
        roles={"TRADEDATE": "Date", "SECID": "Symbol"},
        above=("history",),
        is_above_needed=False,
        footer=r"history\.cursor\s+INDEX;TOTAL;PAGESIZE;?\s+\d+;\d+;\d+;?",
        has_empty_rows=True,
        separators=";,",
        example=(
            "history\n\n"
            "BOARDID;TRADEDATE;SHORTNAME;SECID;NUMTRADES;VALUE;OPEN;LOW;HIGH;LEGALCLOSEPRICE;"
            "WAPRICE;CLOSE;VOLUME;\n"
            "TQBR;2024-01-03;Aaa;AAA;50;507500;100;99;102;101.4;101;101.5;5000;\n"
            "TQBR;2024-01-04;Aaa;AAA;60;615000;101;100;103;102.4;102;102.5;6000;\n"
            "\nhistory.cursor\n\nINDEX;TOTAL;PAGESIZE;\n0;2;100;\n\n"
        ),
        closes=(101.5, 102.5),
        dates=("2024-01-03 00:00:00", "2024-01-04 00:00:00"),
        symbol="AAA",
    ),
)
