"""A layout is proven, or the file is refused with the way out."""

from pathlib import Path

import pytest

from qmac.data.layouts.find import (
    LAYOUTS,
    SIDE_BY_SIDE,
    select_given,
    select_names,
    select_text,
    show_lines,
)
from qmac.data.layouts.layout import MORE
from qmac.data.options import DEFAULT, ReadOptions
from qmac.errors import PricesError


def test_names_are_unique_and_every_layout_has_an_example():
    names = [layout.name for layout in LAYOUTS]
    assert len(set(names)) == len(names)
    assert all(layout.example for layout in LAYOUTS)
    assert all(layout.refusal or (layout.closes and layout.dates) for layout in LAYOUTS)


def test_every_layout_is_in_the_documentation():
    text = (Path(__file__).parents[3] / "docs" / "prices.md").read_text(encoding="utf-8")
    missing = [layout.name for layout in LAYOUTS if layout.name.split(", ")[0] not in text]
    assert not missing, "add a row to docs/prices.md"


def test_no_example_is_read_as_another_layout():
    for layout in LAYOUTS:
        if layout.container == "csv":
            lines = [line for line in layout.example.splitlines() if line.strip()]
            known = [other for other in LAYOUTS if other.find_header(lines, layout.example_file)]
            assert known[0] is layout, layout.name


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["2024-01-02,5", "2024-01-03,6"], "has no header, .*--columns"),
        (["Prices", "Date,Close", "2024-01-02,5"], "a line above the header: 'Prices'"),
        (["Date,Price", "2024-01-02,5"], "no Close column. .*--close 'Price'"),
        (["Date,Adj Close", "2024-01-02,5"], "Did you mean 'Adj Close'"),
        (["Date,Bid,Ask", "2024-01-02,5,6"], "no Close column"),
        (["code,trade_date,close", "A.SZ,20240102,5"], "holds 'A.SZ'. Did you mean 'trade_date'"),
        (["Close,Open", "5,6"], "no column of dates"),
        (["Date,Close", "2024-01-02,5,6"], "row 1 has 3 fields, but the header has 2"),
        (["Date,Close,Close", "2024-01-02,5,6"], "Close twice"),
    ],
)
def test_what_is_not_known_is_refused(lines, says):
    with pytest.raises(PricesError, match=says):
        select_text(lines, DEFAULT, "a.csv")


@pytest.mark.parametrize("row", ['2024-01-02,5,""', "2024-01-02,5,", '"2024-01-02","5",""'])
def test_the_last_field_may_be_empty(row):
    assert select_text(["Date,Close,Note", row], DEFAULT, "a").selection.close == "Close"


def test_options_name_the_columns():
    lines = ["when,last,close", "2024-01-02,5,6"]
    found = select_text(lines, ReadOptions(close="last", date="when"), "a.csv")
    assert found.selection.close == "last"
    bare = ["2024-01-02;x;5"]
    found = select_text(bare, ReadOptions(columns="date,-,close"), "a.csv")
    assert (found.header_lines, found.separator) == (0, ";")
    assert [column.place for column in found.selection.columns] == [0, 2]
    with pytest.raises(PricesError, match="no column called 'no'"):
        select_text(lines, ReadOptions(close="no"), "a.csv")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["date", "closs"], "Did you mean 'close'"),
        (["date", "close", "close"], "twice"),
        (["date"], "but a.csv has 3"),
        (["date", "open", "-"], "names no close"),
    ],
)
def test_bad_names_of_columns(words, says):
    with pytest.raises(PricesError, match=says):
        select_given(words, 3, "a.csv")


ROWS = [["2024-01-02", "5", ""], ["2024-01-03", "nan", "6"]]


@pytest.mark.parametrize(
    "names",
    [
        ["AAA", "BBB"],
        ["BRK.B", "^GSPC"],
        ["600519", "000001"],
        ["EUR/USD", "BTC-USD"],
        ["ES=F", "S&P 500"],
        ["spy", "qqq"],
    ],
)
@pytest.mark.parametrize("first", ["Date", "", "Unnamed: 0"])
def test_closes_side_by_side(names, first):
    selection = select_names([first, *names], ROWS, DEFAULT, "a")
    assert selection.layout is SIDE_BY_SIDE and selection.close == "each column"
    assert [column.symbol for column in selection.columns] == ["", *names]
    counted = [[str(number), *row] for number, row in enumerate(ROWS)]
    selection = select_names(["Unnamed: 0", "Date", *names], counted, DEFAULT, "a")
    assert [column.symbol for column in selection.columns] == ["", *names]


def test_a_word_is_a_symbol_among_many():
    many = [*(f"A{number}" for number in range(9)), "LOW"]
    assert select_names(["Date", *many], [], DEFAULT, "a").layout is SIDE_BY_SIDE
    for names in (many[1:], [*many[:9], "low"]):
        with pytest.raises(PricesError, match="no Close column"):
            select_names(["Date", *names], [], DEFAULT, "a")


@pytest.mark.parametrize(
    "names",
    [
        ["SPY"],
        ["SPY", "SPY"],
        ["SPY", ""],
        ["SMA20", "RSI"],
        ["Temperature", "Humidity"],
        ["BidPrice", "AskPrice"],
        ["OPEN", "HIGH", "LOW"],
        ["year", "month"],
    ],
)
def test_columns_that_are_no_symbols(names):
    with pytest.raises(PricesError, match="no Close column"):
        select_names(["Date", *names], [], DEFAULT, "a")


def test_side_by_side_are_numbers():
    with pytest.raises(PricesError, match="no Close column"):
        select_names(["Date", "AAA", "BBB"], [["2024-01-02", "5", "x"]], DEFAULT, "a")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_header_has_dates_and_closes(layout):
    for header in layout.headers:
        names = [name for name in header.split(",") if name != MORE]
        names += ["close"] if header.endswith(MORE) and not layout.others else []
        roles = [column.role for column in layout.select(names)]
        assert roles.count("Date") == 1
        assert layout.others or roles.count("Close") == 1


def test_lines_are_cut():
    assert show_lines(["a" * 99, "b", "c"]) == f"'{'a' * 57}...' and 'b'"


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Date,O,H,L,C,V", ["2024-01-02,100,102,99,101,5000"] * 3),
        ("FECHA,APERTURA,MAXIMO,MINIMO,CIERRE", ["2024-01-02,100,102,99,101"] * 3),
        ("Date,PRC,RET", ["2024-01-02,100,0.1"] * 3),
        ("Date,AA,BB,CC,DD", ["2024-01-02,100,102,99,101", "2024-01-03,101,103,100,102",
                              "2024-01-04,102,104,101,103"]),
        ("日期,开盘,最高,最低,收盘", ["2024-01-02,100,102,99,101"] * 3),
    ],
)  # fmt: skip
def test_bars_are_not_taken_for_symbols(header, rows):
    with pytest.raises(PricesError, match="no Close column"):
        select_text([header, *rows], DEFAULT, "a.csv")


def test_closes_of_symbols_that_are_near_each_other_are_read():
    lines = ["Date,AAA,BBB,CCC", "2024-01-02,100,100,100", "2024-01-03,101,99,102",
             "2024-01-04,99,101,98"]  # fmt: skip
    assert select_text(lines, DEFAULT, "a.csv").selection.layout is SIDE_BY_SIDE


def test_columns_that_options_name_keep_the_units_of_a_known_layout():
    scaled = next(each for each in LAYOUTS if each.scale != 1 and each.headers)
    lines = scaled.example.splitlines()
    found = select_text(lines, ReadOptions(close="open"), "a.csv").selection
    assert found.layout.name == "columns as the options say"
    assert found.layout.scale == scaled.scale


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("日期,收盘,成交量", "2024-01-02,100.5,5000000"),
        ("Date,AAA,BBB", "2024-01-02,100.5,5000000"),
        ("updated,trade_date,close", "2024-01-03,2024-01-02,100"),
    ],
)
def test_columns_that_are_not_certain_are_refused(header, row):
    with pytest.raises(PricesError, match="no Close column|Did you mean 'trade_date'"):
        select_text([header, row], DEFAULT, "a.csv")


def test_columns_of_the_user_that_the_header_contradicts():
    lines = ["Date,Close,High,Low,Open", "2024-01-02,101,102,99,100"]
    with pytest.raises(PricesError, match="columns says 'open' where the header .* says 'Close'"):
        select_text(lines, ReadOptions(columns="date,open,high,low,close"), "a.csv")


def test_open_and_close_that_changed_places_are_no_layout():
    opens = [100.0, 103, 101, 105, 102, 104]
    closes = [103.2, 101.1, 104.8, 102.1, 104.2, 101]
    rows = [(1704153600 + 86400 * place, opens[place], 106, 99, closes[place], 5000)
            for place in range(6)]  # fmt: skip
    good = [",".join(map(str, row)) for row in rows]
    bad = [",".join(map(str, (row[0], row[4], *row[2:4], row[1], row[5]))) for row in rows]
    for lines in (good, good[::-1]):
        assert select_text(lines, DEFAULT, "a.csv").selection.layout.name.startswith("ccxt")
    for lines in (bad, bad[::-1]):
        with pytest.raises(PricesError, match="no header"):
            select_text(lines, DEFAULT, "a.csv")


@pytest.mark.parametrize(
    ("titles", "says"),
    [
        (["SPX Index,,"], "a line above the header: 'SPX Index,,'. Remove it, so that"),
        (["SPX Index,,", "Start Date,2023-01-02,", ",,"], "3 lines above the header: .* them, so"),
        (["Prices", "Source: a vendor, of 2024", "Period,D"], "3 lines above the header"),
        (["Security,SPX Index", "Start Date,2023-01-02"], "2 lines above the header"),
    ],
)
def test_all_lines_above_the_header_are_named_at_once(titles, says):
    lines = [*titles, "Date,PX_LAST,Close", "2024-01-02,5,6", "2024-01-03,5,6"]
    with pytest.raises(PricesError, match=f"{says}.*begins 'Date,PX_LAST,Close'"):
        select_text(lines, DEFAULT, "a.csv")


def write_side_by_side(closes):
    rows = [",".join(map(str, row)) for row in closes]
    lines = [f"2024-01-{day:02},{row}" for day, row in enumerate(rows, 2)]
    return ["Date,SPY,VOO,IVV", *lines]


def test_closes_of_similar_funds_are_told_from_bars():
    """Bars have their open and close anywhere between high and low."""
    funds = [(470 + day, round(0.9195 * (470 + day), 2), 472.4 + day) for day in range(11)]
    found = select_text(write_side_by_side(funds), DEFAULT, "a.csv").selection
    assert found.layout is SIDE_BY_SIDE
    bars = [(462 + 5 * (day % 4), 460, 480) for day in range(10)]
    middles = [(470, 460 - day, 480 + day) for day in range(10)]
    for rows in (bars, middles, funds[:9]):
        with pytest.raises(PricesError, match="no Close column"):
            select_text(write_side_by_side(rows), DEFAULT, "a.csv")
