"""Exports of charting and trading platforms, and files in their formats."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

NUMBER = r"\d[\d.]*(?:[eE][-+]?\d+)?"
BRACKETED = {
    "<TICKER>": "Symbol",
    "<DATE>": "Date",
    "<DTYYYYMMDD>": "Date",
    "<TIME>": "Time",
    "<OPEN>": "Open",
    "<HIGH>": "High",
    "<LOW>": "Low",
    "<CLOSE>": "Close",
}
METASTOCK = "<TICKER>,<PER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
FOREXITE = "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>"
METASTOCK_DAYS = "<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
METATRADER_5 = "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>"
INTERACTIVE_BROKERS = "date,open,high,low,close,volume"
METATRADER_4_ROW = rf"\d{{4}}\.\d\d\.\d\d,\d\d:\d\d(,{NUMBER}){{4}},\d+(\.0+)?"
NINJATRADER_ROW = rf"\d{{8}}( \d{{6}})?(;{NUMBER}){{4}};{NUMBER}"
EST = "-05:00"
"""New York without summer time."""

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="TradingView",
        headers=(
            "time,open,high,low,close",
            "time,open,high,low,close,Volume",
            "time,open,high,low,close,Volume,...",
        ),
        roles={"time": "Date"},
        example=(
            "time,open,high,low,close,Volume,Volume MA,Plot,Plot\n"
            "1704326400,100,102,99,101,5000,NaN,1,1\n"
            "1704412800,101,103,100,102,6000,5500,1,1\n"
            "1704499200,102,104,101,103,7000,6500,1,1\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-04 00:00:00+00:00", "2024-01-06 00:00:00+00:00"),
        bars_per_year=365,
    ),
    Layout(
        name="MetaTrader 5",
        headers=(METATRADER_5, METATRADER_5.replace("<TIME>,", "")),
        roles={**BRACKETED, "<TICKVOL>": "Volume"},
        separators="\t,",
        example=(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
            "2024.01.02\t00:00:00\t1.1010\t1.1030\t1.1000\t1.1020\t50\t0\t4\n"
            "2024.01.02\t01:00:00\t1.1020\t1.1040\t1.1010\t1.1030\t60\t0\t4\n"
            "2024.01.02\t02:00:00\t1.1030\t1.1050\t1.1020\t1.1040\t70\t0\t5\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 00:00:00", "2024-01-02 02:00:00"),
    ),
    Layout(
        name="MetaTrader 5 in Python",
        headers=("time,open,high,low,close,tick_volume,spread,real_volume",),
        roles={"time": "Date", "tick_volume": "Volume"},
        example=(
            "time,open,high,low,close,tick_volume,spread,real_volume\n"
            "1704153600,1.1010,1.1030,1.1000,1.1020,50,4,0\n"
            "1704157200,1.1020,1.1040,1.1010,1.1030,60,4,0\n"
            "1704160800,1.1030,1.1050,1.1020,1.1040,70,5,0\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 00:00:00+00:00", "2024-01-02 02:00:00+00:00"),
    ),
    Layout(
        name="HistData for MetaTrader",
        first_row=METATRADER_4_ROW,
        file_name=r"(DAT|HISTDATA_COM)_MT_[A-Z]+_M1",  # else it is MetaTrader 4, of any zone
        columns="date,time,open,high,low,close,volume",
        timezone=EST,
        example_file="DAT_MT_EURUSD_M1_202401.csv",
        example=(
            "2024.01.02,17:00,1.1010,1.1030,1.1000,1.1020,0\n"
            "2024.01.02,17:01,1.1020,1.1040,1.1010,1.1030,0\n"
            "2024.01.02,17:02,1.1030,1.1050,1.1020,1.1040,0\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 17:00:00-05:00", "2024-01-02 17:02:00-05:00"),
    ),
    Layout(
        name="HistData",
        first_row=NINJATRADER_ROW,
        file_name=r"(DAT|HISTDATA_COM)_(ASCII|NT)_[A-Z]+_M1",  # else it is NinjaTrader
        columns="date,open,high,low,close,volume",
        separators=";",
        timezone=EST,
        example_file="DAT_ASCII_EURUSD_M1_202401.csv",
        example=(
            "20240102 170000;1.1010;1.1030;1.1000;1.1020;0\n"
            "20240102 170100;1.1020;1.1040;1.1010;1.1030;0\n"
            "20240102 170200;1.1030;1.1050;1.1020;1.1040;0\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 17:00:00-05:00", "2024-01-02 17:02:00-05:00"),
    ),
    Layout(
        name="MetaTrader 4",  # the backtests of cTrader read and HistData writes the same text
        first_row=METATRADER_4_ROW,
        columns="date,time,open,high,low,close,volume",
        example=(
            "2024.01.02,00:00,1.1010,1.1030,1.1000,1.1020,50\n"
            "2024.01.03,00:00,1.1020,1.1040,1.1010,1.1030,60\n"
            "2024.01.04,00:00,1.1030,1.1050,1.1020,1.1040,70\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        bars_per_year=252,
    ),
    Layout(
        name="NinjaTrader",
        first_row=NINJATRADER_ROW,
        columns="date,open,high,low,close,volume",
        separators=";",
        example=(
            "20240102;100;102;99;101;5000\n"
            "20240103;101;103;100;102;6000\n"
            "20240104;102;104;101;103;7000\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        bars_per_year=252,
    ),
    Layout(
        name="Interactive Brokers",
        headers=tuple(
            f"{INTERACTIVE_BROKERS},{end}"
            for end in ("average,barCount", "barCount,average", "barCount,wap")
        ),
        example=(
            "date,open,high,low,close,volume,average,barCount\n"
            "20240102  09:30:00 US/Eastern,100,102,99,101,5000,100.5,40\n"
            "20240102  10:00:00 US/Eastern,101,103,100,102,6000,101.5,50\n"
            "20240102  10:30:00 US/Eastern,102,104,101,103,7000,102.5,60\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 09:30:00-05:00", "2024-01-02 10:30:00-05:00"),
    ),
    Layout(
        name="Dukascopy",
        headers=("Gmt time,Open,High,Low,Close,Volume",),
        roles={"Gmt time": "Date"},
        date_format="%d.%m.%Y %H:%M:%S.%f",
        timezone="UTC",
        example=(
            "Gmt time,Open,High,Low,Close,Volume\n"
            "02.01.2024 00:00:00.000,1.1010,1.1030,1.1000,1.1020,500.5\n"
            "03.01.2024 00:00:00.000,1.1020,1.1040,1.1010,1.1030,600.5\n"
            "04.01.2024 00:00:00.000,1.1030,1.1050,1.1020,1.1040,700.5\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 00:00:00+00:00", "2024-01-04 00:00:00+00:00"),
        bars_per_year=252,
    ),
    Layout(
        name="Dukascopy, local time",
        headers=("Local time,Open,High,Low,Close,Volume",),
        roles={"Local time": "Date"},
        date_format="%d.%m.%Y %H:%M:%S.%f",
        example=(
            "Local time,Open,High,Low,Close,Volume\n"
            "02.01.2024 00:00:00.000 GMT+0100,1.1010,1.1030,1.1000,1.1020,500.5\n"
            "02.01.2024 01:00:00.000 GMT+0100,1.1020,1.1040,1.1010,1.1030,600.5\n"
            "02.01.2024 02:00:00.000 GMT+0100,1.1030,1.1050,1.1020,1.1040,700.5\n"
        ),
        closes=(1.102, 1.103, 1.104),
        dates=("2024-01-02 00:00:00+01:00", "2024-01-02 02:00:00+01:00"),
    ),
    *(
        Layout(
            name=f"Dukascopy JForex, {zone}",
            headers=(f"Time ({zone}),Open,High,Low,Close,Volume",),
            roles={f"Time ({zone})": "Date"},
            date_format="%Y.%m.%d %H:%M:%S",
            timezone=timezone,
            example=(
                f"Time ({zone}),Open,High,Low,Close,Volume \n"
                "2024.07.02 00:00:00,1.1010,1.1030,1.1000,1.1020,500.5\n"
                "2024.07.03 00:00:00,1.1020,1.1040,1.1010,1.1030,600.5\n"
                "2024.07.04 00:00:00,1.1030,1.1050,1.1020,1.1040,700.5\n"
            ),
            closes=(1.102, 1.103, 1.104),
            dates=(f"2024-07-02 00:00:00{offset}", f"2024-07-04 00:00:00{offset}"),
        )
        for zone, timezone, offset in (
            ("EET", "Europe/Athens", "+03:00"),  # with summer time
            ("UTC", "UTC", "+00:00"),
            ("GMT", "UTC", "+00:00"),
        )
    ),
    Layout(
        name="Sierra Chart",
        headers=("Date,Time,Open,High,Low,Last,Volume,NumberOfTrades,BidVolume,AskVolume,...",),
        roles={"Last": "Close"},
        example=(
            "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
            "2024/1/2, 09:30:00, 100.25, 102.00, 99.00, 101.00, 5000, 400, 2400, 2600\n"
            "2024/1/2, 10:00:00, 101.00, 103.00, 100.00, 102.00, 6000, 500, 2900, 3100\n"
            "2024/1/2, 10:30:00, 102.00, 104.00, 101.00, 103.00, 7000, 600, 3400, 3600\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 09:30:00", "2024-01-02 10:30:00"),
    ),
    Layout(
        name="AmiBroker and MetaStock",
        headers=(
            METASTOCK,
            f"{METASTOCK},<OPENINT>",
            METASTOCK.replace("<TIME>,", ""),
            FOREXITE,
            f"{FOREXITE},<VOL>",
            METASTOCK_DAYS,
            f"{METASTOCK_DAYS},<OPENINT>",
            "<Ticker>,<DTYYYYMMDD>,<Open>,<High>,<Low>,<Close>,<Volume>",
        ),
        roles={
            **BRACKETED,
            **{name.title(): role for name, role in BRACKETED.items()},
            "<VOL>": "Volume",
            "<Volume>": "Volume",
        },
        example=(
            "<TICKER>,<PER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
            "AAA,D,20240102,000000,100,102,99,101,5000,0\n"
            "AAA,D,20240103,000000,101,103,100,102,6000,0\n"
            "AAA,D,20240104,000000,102,104,101,103,7000,0\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        symbol="AAA",
        bars_per_year=252,
    ),
    Layout(
        name="thinkorswim",
        first_row="Strategy report.*",
        refusal=(
            "its strategy report lists trades, not the bars of a chart. Take the prices from "
            "another source, as a file with dates and a column called Close."
        ),
        example="Strategy report Symbol: AAA\n\nId;Strategy;Side;Amount;Price;Date/Time\n",
    ),
)
