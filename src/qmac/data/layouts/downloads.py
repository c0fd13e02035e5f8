"""Files that are downloaded from web pages, or written by libraries that download."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

NSE_ARCHIVE = "Symbol,Series,Date,Prev Close,Open Price,High Price,Low Price,Last Price,Close Price"
NSE_ROLES = {
    "Open Price": "Open",
    "High Price": "High",
    "Low Price": "Low",
    "Close Price": "Close",
    "Total Traded Quantity": "Volume",
}

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="yfinance history",
        headers=(
            "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits,...",
            "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits,...",
            "Date,Close,Dividends,High,Low,Open,Stock Splits,Volume",
        ),
        roles={"Datetime": "Date"},
        adjusted=True,
        example=(
            "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits,Capital Gains\n"
            "2024-03-07 00:00:00-05:00,100.0,102.0,99.0,101.25,5000,0.0,0.0,0.0\n"
            "2024-03-08 00:00:00-05:00,101.0,103.0,100.0,102.5,6000,0.25,0.0,0.0\n"
            "2024-03-11 00:00:00-04:00,102.0,104.0,101.0,103.75,7000,0.0,4.0,0.0\n"
        ),
        closes=(101.25, 102.5, 103.75),
        dates=("2024-03-07 00:00:00", "2024-03-11 00:00:00"),
    ),
    Layout(
        name="yfinance history, not adjusted",
        headers=(
            "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,...",
            "Datetime,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,...",
        ),
        roles={"Datetime": "Date"},
        adjusted=False,
        example=(
            "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n"
            "2024-03-07 00:00:00-05:00,100.0,102.0,99.0,101.0,100.5,5000,0.0,0.0\n"
            "2024-03-08 00:00:00-05:00,101.0,103.0,100.0,102.0,102.0,6000,0.5,0.0\n"
            "2024-03-11 00:00:00-04:00,102.0,104.0,101.0,103.0,103.0,7000,0.0,0.0\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-03-07 00:00:00", "2024-03-11 00:00:00"),
    ),
    Layout(
        name="Yahoo Finance",
        headers=(
            "Date,Open,High,Low,Close,Adj Close,Volume",
            "Date,Open,High,Low,Close*,Adj Close**,Volume",
            "Date,Adj Close,Close,High,Low,Open,Volume",
        ),
        roles={"Close*": "Close", "Adj Close**": "Adj Close"},
        separators=",\t",
        has_empty_rows=True,
        adjusted=False,
        example=(
            "Date,Open,High,Low,Close*,Adj Close**,Volume\n"
            '"Jan 4, 2024",102.00,104.00,101.00,103.00,103.00,"7,000,000"\n'
            '"Jan 3, 2024",101.00,103.00,100.00,102.00,102.00,"6,000,000"\n'
            '"Jan 2, 2024",100.00,102.00,99.00,101.00,100.50,"5,000,000"\n'
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Stooq, in Polish",
        headers=(
            "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen",
            "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie",
        ),
        roles={
            "Data": "Date",
            "Otwarcie": "Open",
            "Najwyzszy": "High",
            "Najnizszy": "Low",
            "Zamkniecie": "Close",
            "Wolumen": "Volume",
        },
        separators=",;",
        example=(
            "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n"
            "2024-01-02,100,102,99,101.5,5000\n"
            "2024-01-03,101,103,100,102.5,6000\n"
            "2024-01-04,102,104,101,103.5,7000\n"
        ),
        closes=(101.5, 102.5, 103.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Stooq and Finam text",
        headers=(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>",
            "<TICKER>,<PER>,<DATE>,<TIME>,<CLOSE>,<VOL>",
            "<TICKER>,<PER>,<DATE>,<TIME>,<CLOSE>",
            "<TICKER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>",
        ),
        roles={
            "<TICKER>": "Symbol",
            "<DATE>": "Date",
            "<TIME>": "Time",
            "<OPEN>": "Open",
            "<HIGH>": "High",
            "<LOW>": "Low",
            "<CLOSE>": "Close",
            "<VOL>": "Volume",
        },
        separators=",;\t|",
        example=(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
            "AAA.US,60,20240102,093000,100,102,99,101.5,5000,0\n"
            "AAA.US,60,20240102,103000,101,103,100,102.5,6000,0\n"
            "BBB.US,60,20240102,093000,50,52,49,51.5,6000,0\n"
            "BBB.US,60,20240102,103000,51,53,50,52.5,7000,0\n"
        ),
        closes=(51.5, 52.5),
        dates=("2024-01-02 09:30:00", "2024-01-02 10:30:00"),
        symbol="BBB.US",
    ),
    # Dates of the English pages have the day or the month first, as the country of the page has it.
    Layout(
        name="Investing.com",
        headers=(
            "Date,Price,Open,High,Low,Vol.,Change %",
            "Date,Price,Open,High,Low,Change %",
        ),
        roles={"Price": "Close", "Vol.": "Volume"},
        decimal=".",
        example=(
            '"Date","Price","Open","High","Low","Vol.","Change %"\n'
            '"01/17/2024","1,003.50","1,002.00","1,004.00","1,001.00","1.20M","0.10%"\n'
            '"01/16/2024","1,002.50","1,001.00","1,003.00","1,000.00","","0.10%"\n'
            '"01/12/2024","1,001.50","1,000.00","1,002.00","999.00","950.00K","-0.10%"\n'
        ),
        closes=(1001.5, 1002.5, 1003.5),
        dates=("2024-01-12 00:00:00", "2024-01-17 00:00:00"),
    ),
    Layout(
        name="Investing.com, in German",
        headers=(
            "Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.,+/- %",
            "Datum,Zuletzt,Eröffn.,Hoch,Tief,+/- %",
        ),
        roles={
            "Datum": "Date",
            "Zuletzt": "Close",
            "Eröffn.": "Open",
            "Hoch": "High",
            "Tief": "Low",
            "Vol.": "Volume",
        },
        date_format="%d.%m.%Y",
        decimal=",",
        example=(
            '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n'
            '"04.01.2024","1.003,50","1.002,00","1.004,00","1.001,00","1,20M","0,10%"\n'
            '"03.01.2024","1.002,50","1.001,00","1.003,00","1.000,00","","0,10%"\n'
            '"02.01.2024","1.001,50","1.000,00","1.002,00","999,00","950,00K","-0,10%"\n'
        ),
        closes=(1001.5, 1002.5, 1003.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Investing.com, in Spanish",
        headers=(
            "Fecha,Último,Apertura,Máximo,Mínimo,Vol.,% var.",
            "Fecha,Último,Apertura,Máximo,Mínimo,% var.",
        ),
        roles={
            "Fecha": "Date",
            "Último": "Close",
            "Apertura": "Open",
            "Máximo": "High",
            "Mínimo": "Low",
            "Vol.": "Volume",
        },
        # no decimal mark: that of Spain is a comma, and that of Mexico a point
        date_format="%d.%m.%Y",
        example=(
            '"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."\n'
            '"04.01.2024","10,35","10,20","10,40","10,10","1,20M","0,99%"\n'
            '"03.01.2024","10,25","10,10","10,30","10,00","1,10M","1,00%"\n'
            '"02.01.2024","10,15","10,00","10,20","9,99","950,00K","-0,10%"\n'
        ),
        closes=(10.15, 10.25, 10.35),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Investing.com, in Portuguese",
        headers=(
            "Data,Último,Abertura,Máxima,Mínima,Vol.,Var%",
            "Data,Último,Abertura,Máxima,Mínima,Var%",
        ),
        roles={
            "Data": "Date",
            "Último": "Close",
            "Abertura": "Open",
            "Máxima": "High",
            "Mínima": "Low",
            "Vol.": "Volume",
        },
        date_format="%d.%m.%Y",
        decimal=",",
        example=(
            '"Data","Último","Abertura","Máxima","Mínima","Vol.","Var%"\n'
            '"04.01.2024","101.350","101.200","101.400","101.100","12,75M","0,10%"\n'
            '"03.01.2024","101.248","101.100","101.300","101.000","12,10M","0,10%"\n'
            '"02.01.2024","101.147","101.000","101.200","100.987","11,50M","-0,10%"\n'
        ),
        closes=(101147.0, 101248.0, 101350.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Investing.com, in French",
        headers=(
            "Date,Dernier,Ouv.,Plus Haut,Plus Bas,Vol.,Variation %",
            "Date,Dernier,Ouv.,Plus Haut,Plus Bas,Variation %",
        ),
        roles={
            "Dernier": "Close",
            "Ouv.": "Open",
            "Plus Haut": "High",
            "Plus Bas": "Low",
            "Vol.": "Volume",
        },
        date_format="%d/%m/%Y",
        decimal=",",
        example=(
            '"Date","Dernier","Ouv."," Plus Haut","Plus Bas","Vol.","Variation %"\n'
            '"04/01/2024","7.503,50","7.502,00","7.504,00","7.501,00","1,20M","0,10%"\n'
            '"03/01/2024","7.502,50","7.501,00","7.503,00","7.500,00","","0,10%"\n'
            '"02/01/2024","7.501,50","7.500,00","7.502,00","7.499,00","950,00K","-0,10%"\n'
        ),
        closes=(7501.5, 7502.5, 7503.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Investing.com, in Italian",
        headers=(
            "Data,Ultimo,Apertura,Massimo,Minimo,Vol.,Var. %",
            "Data,Ultimo,Apertura,Massimo,Minimo,Var. %",
        ),
        roles={
            "Data": "Date",
            "Ultimo": "Close",
            "Apertura": "Open",
            "Massimo": "High",
            "Minimo": "Low",
            "Vol.": "Volume",
        },
        date_format="%d.%m.%Y",
        decimal=",",
        example=(
            '"Data","Ultimo","Apertura","Massimo","Minimo","Vol.","Var. %"\n'
            '"04.01.2024","30.350","30.200","30.400","30.100","1,20M","0,33%"\n'
            '"03.01.2024","30.250","30.100","30.300","30.000","1,10M","0,33%"\n'
            '"02.01.2024","30.150","30.000","30.200","29.900","950,00K","-0,10%"\n'
        ),
        closes=(30150.0, 30250.0, 30350.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Investing.com, in Russian",
        headers=(
            "Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %",
            "Дата,Цена,Откр.,Макс.,Мин.,Изм. %",
        ),
        roles={
            "Дата": "Date",
            "Цена": "Close",
            "Откр.": "Open",
            "Макс.": "High",
            "Мин.": "Low",
            "Объём": "Volume",
        },
        date_format="%d.%m.%Y",
        decimal=",",
        example=(
            '"Дата","Цена","Откр.","Макс.","Мин.","Объём","Изм. %"\n'
            '"04.01.2024","3.103,50","3.102,00","3.104,00","3.101,00","1,20M","0,03%"\n'
            '"03.01.2024","3.102,50","3.101,00","3.103,00","3.100,00","-","0,03%"\n'
            '"02.01.2024","3.101,50","3.100,00","3.102,00","3.099,00","950,00K","-0,10%"\n'
        ),
        closes=(3101.5, 3102.5, 3103.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Nasdaq.com",
        headers=("Date,Close/Last,Volume,Open,High,Low", "Date,Close/Last,Open,High,Low"),
        roles={"Close/Last": "Close"},
        date_format="%m/%d/%Y",
        example=(
            "Date,Close/Last,Volume,Open,High,Low\n"
            "01/04/2024,$102.00,4000000,$102.00,$104.00,$101.00\n"
            "01/03/2024,$101.00,7000000,$101.00,$103.00,$100.00\n"
            "01/02/2024,$100.00,5000000,$100.00,$102.00,$99.00\n"
        ),
        closes=(100.0, 101.0, 102.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="Barchart",
        headers=(
            "Time,Open,High,Low,Last,Change,%Chg,Volume,...",
            "Time,Open,High,Low,Latest,Change,%Change,Volume,...",
            "Symbol,Time,Open,High,Low,Last,Change,%Chg,Volume,...",
            "Symbol,Time,Open,High,Low,Latest,Change,%Change,Volume,...",
        ),
        roles={"Time": "Date", "Last": "Close", "Latest": "Close"},
        footer=r'"?Downloaded from Barchart\.com[^\n]*',
        example=(
            "Time,Open,High,Low,Last,Change,%Chg,Volume\n"
            "01/17/2024,102,104,101,103.5,1,+0.98%,7000\n"
            "01/16/2024,101,103,100,102.5,1,+0.99%,6000\n"
            "01/12/2024,100,102,99,101.5,1,-1.00%,5000\n"
            '"Downloaded from Barchart.com as of 01-18-2024 04:00am CST"\n'
        ),
        closes=(101.5, 102.5, 103.5),
        dates=("2024-01-12 00:00:00", "2024-01-17 00:00:00"),
    ),
    Layout(
        name="Ariva",
        headers=(
            "Datum,Erster,Hoch,Tief,Schlusskurs,Stuecke,Volumen",
            "Datum,Erster,Hoch,Tief,Schlusskurs",
        ),
        roles={
            "Datum": "Date",
            "Erster": "Open",
            "Hoch": "High",
            "Tief": "Low",
            "Schlusskurs": "Close",
            "Stuecke": "Volume",
        },
        separators=";|\t",
        decimal=",",
        example=(
            "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n"
            "2024-01-04;13,279;13,2835;13,247;13,250;1.234;16.400\n"
            "2024-01-03;13,287;13,287;13,275;13,279;;\n"
            "2024-01-02;13,100;13,300;13,100;13,290;500;6.700\n"
        ),
        closes=(13.29, 13.279, 13.25),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="FRED",
        headers=(
            "observation_date,...",
            "DATE,SP500",
            "DATE,DJIA",
            "DATE,NASDAQCOM",
            "DATE,NASDAQ100",
            "DATE,VIXCLS",
            "DATE,WILL5000IND",
            "DATE,DEXUSEU",
            "DATE,DEXJPUS",
            "DATE,DEXUSUK",
            "DATE,DCOILWTICO",
            "DATE,CBBTCUSD",
        ),
        roles={"observation_date": "Date", "DATE": "Date"},
        others="Close",
        example=(
            "observation_date,SP500,DJIA\n"
            "2024-01-01,,\n"
            "2024-01-02,100.5,1000.5\n"
            "2024-01-03,.,1001.5\n"
            "2024-01-04,102.5,1002.5\n"
            "2024-01-05,103.5,1003.5\n"
        ),
        closes=(100.5, 102.5, 103.5),
        dates=("2024-01-02 00:00:00", "2024-01-05 00:00:00"),
        symbol="SP500",
    ),
    Layout(
        name="NSE India",
        headers=(
            "Date,series,OPEN,HIGH,LOW,PREV. CLOSE,ltp,close,vwap,52W H,52W L,...",
            "Date,Series,OPEN,HIGH,LOW,PREV. CLOSE,ltp,close,vwap,52W H,52W L,...",
            "DATE,SERIES,OPEN,HIGH,LOW,PREV. CLOSE,LTP,CLOSE,VWAP,52W H,52W L,...",
        ),
        example=(
            '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ",'
            '"52W H ","52W L ","VOLUME ","VALUE ","No of trades "\n'
            '"04-Jan-2024","EQ","1,002.00","1,004.00","1,001.00","1,002.50","1,003.45",'
            '"1,003.50","1,002.90","1,200.00","800.00","7,000","7,020,300.00","70"\n'
            '"03-Jan-2024","EQ","1,001.00","1,003.00","1,000.00","1,001.50","1,002.45",'
            '"1,002.50","1,001.90","1,200.00","800.00","6,000","6,011,400.00","60"\n'
            '"02-Jan-2024","EQ","1,000.00","1,002.00","999.00","1,000.50","1,001.45",'
            '"1,001.50","1,000.90","1,200.00","800.00","5,000","5,004,500.00","50"\n'
        ),
        closes=(1001.5, 1002.5, 1003.5),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
    Layout(
        name="NSE India archive",
        headers=(NSE_ARCHIVE + ",...", NSE_ARCHIVE.upper() + ",..."),
        roles={**NSE_ROLES, **{each.upper(): role for each, role in NSE_ROLES.items()}},
        example=(
            '"Symbol  ","Series  ","Date  ","Prev Close  ","Open Price  ","High Price  ",'
            '"Low Price  ","Last Price  ","Close Price  ","Average Price ",'
            '"Total Traded Quantity  ","Turnover ₹  "\n'
            '"AAA","EQ","03-Jan-2024","1,001.50","1,001.00","1,003.00","1,000.00",'
            '"1,002.45","1,002.50","1,001.90","1,23,456","12,36,91,689.00"\n'
            '"AAA","EQ","02-Jan-2024","990.50","990.00","1,002.00","980.00",'
            '"1,001.45","1,001.50","1,000.90","1,20,000","12,01,08,000.00"\n'
        ),
        closes=(1001.5, 1002.5),
        dates=("2024-01-02 00:00:00", "2024-01-03 00:00:00"),
        symbol="AAA",
    ),
    Layout(
        name="tushare",
        headers=(
            "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount,...",
            "ts_code,trade_date,close,open,high,low,pre_close,change,pct_chg,vol,amount,...",
        ),
        roles={"ts_code": "Symbol", "trade_date": "Date", "vol": "Volume"},
        example=(
            ",ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount\n"
            "0,000001.SZ,20240104,10.2,10.4,10.1,10.35,10.25,0.1,0.98,7000.0,72000.5\n"
            "1,000001.SZ,20240103,10.1,10.3,10.0,10.25,10.15,0.1,0.99,6000.0,61000.5\n"
            "2,000001.SZ,20240102,10.0,10.2,9.9,10.15,10.05,0.1,1.0,5000.0,50500.5\n"
            "0,600000.SH,20240104,7.2,7.4,7.1,7.35,7.25,0.1,1.38,7000.0,51000.5\n"
            "1,600000.SH,20240103,7.1,7.3,7.0,7.25,7.15,0.1,1.4,6000.0,43000.5\n"
        ),
        closes=(10.15, 10.25, 10.35),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        symbol="000001.SZ",
    ),
    Layout(
        name="AKShare",
        headers=(
            "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,...",
            "日期,开盘,收盘,最高,最低,成交量,成交额,...",
            "时间,开盘,收盘,最高,最低,成交量,成交额,...",
        ),
        roles={
            "日期": "Date",
            "时间": "Date",
            "股票代码": "Symbol",
            "开盘": "Open",
            "收盘": "Close",
            "最高": "High",
            "最低": "Low",
            "成交量": "Volume",
        },
        example=(
            "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率\n"
            "2024-01-02,000001,10.0,10.15,10.2,9.9,5000,50500.5,3.0,1.0,0.1,0.2\n"
            "2024-01-03,000001,10.1,10.25,10.3,10.0,6000,61000.5,3.0,0.99,0.1,0.2\n"
            "2024-01-04,000001,10.2,10.35,10.4,10.1,7000,72000.5,3.0,0.98,0.1,0.2\n"
        ),
        closes=(10.15, 10.25, 10.35),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        symbol="000001",
    ),
    Layout(
        name="BaoStock",
        headers=("date,code,open,high,low,close,preclose,volume,amount,adjustflag,...",),
        roles={"code": "Symbol"},
        example=(
            "date,code,open,high,low,close,preclose,volume,amount,adjustflag,turn,pctChg\n"
            "2024-01-02,sh.600000,7.0,7.2,6.9,7.15,7.05,5000,35500.5,3,0.1,1.4\n"
            "2024-01-03,sh.600000,7.1,7.3,7.0,7.25,7.15,6000,43000.5,3,0.1,1.4\n"
            "2024-01-04,sh.600000,7.2,7.4,7.1,7.35,7.25,7000,51000.5,3,0.1,1.4\n"
        ),
        closes=(7.15, 7.25, 7.35),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
        symbol="sh.600000",
    ),
)
