"""JSON of bars in the shapes that servers and libraries write; answers without bars are shown."""

import gzip
import json

import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.data.containers import admit_all
from qmac.data.json_file import is_json
from qmac.data.options import ReadOptions
from qmac.data.readers import read_prices
from qmac.data.symbols import read_symbols
from qmac.errors import PricesError

CLOSES = [101.0, 102.25, 103.0, 104.5]
DAYS = [f"2024-01-0{day}" for day in range(2, 6)]
MS = [1_704_153_600_000 + 86_400_000 * place for place in range(4)]
BARS = [[ms, c - 1, c + 1, c - 2, c, 5] for ms, c in zip(MS, CLOSES, strict=True)]
OBJECTS = [
    {"date": day, "open": c - 1, "high": c + 1, "low": c - 2, "close": c, "volume": 5}
    for day, c in zip(DAYS, CLOSES, strict=True)
]
LETTERS = [dict(zip("tohlcv", bar, strict=True)) | {"n": 7, "x": [1]} for bar in BARS]
TEXTS = [{key: str(value) for key, value in row.items()} for row in OBJECTS]
FRAME = pd.DataFrame(OBJECTS).set_index("date")
SHAPES = {
    "ccxt": BARS,
    "Binance": [[*bar[:1], *map(str, bar[1:]), bar[0] + 1, "1.0", 3, "1.0", "2.0", "0"]
                for bar in BARS],
    "header": [list(OBJECTS[0]), *[list(row.values()) for row in OBJECTS]],
    "records": OBJECTS,
    "Polygon": {"ticker": "A", "results": LETTERS, "resultsCount": 4, "status": "OK"},
    "Alpaca": {"bars": LETTERS, "symbol": "A", "next_page_token": None},
    "FMP": {"symbol": "A", "historical": OBJECTS[::-1]},
    "Schwab": {"candles": OBJECTS, "symbol": "A", "empty": False},
    "Twelve Data": {"meta": {"symbol": "A"}, "values": TEXTS[::-1], "status": "ok"},
    "deep": {"data": {"item": {"bars": OBJECTS}}, "code": 0},
    "Tiingo crypto": [{"ticker": "a", "priceData": OBJECTS}],
    "beside others": {"splits": [{"date": "2020-01-01", "ratio": 2}], "bars": OBJECTS},
    "Alpha Vantage": {
        "Meta Data": {"1. Information": "Daily Prices", "2. Symbol": "A"},
        "Time Series (Daily)": {
            row["date"]: {f"{place}. {key}": row[key]
                          for place, key in enumerate(("open", "high", "low", "close", "volume"))}
            for row in TEXTS[::-1]
        },
    },
    "Finnhub": {"s": "ok", **{key: [row[key] for row in LETTERS] for key in "tohlcv"}},
    "Yahoo": {"chart": {"error": None, "result": [{
        "meta": {"exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"},
        "timestamp": [ms // 1000 + 52_200 for ms in MS],
        "indicators": {"quote": [{"close": CLOSES, "open": CLOSES}],
                       "adjclose": [{"adjclose": CLOSES}]}}]}},
    "table": json.loads(FRAME.to_json(orient="table")),
    **{orient: json.loads(FRAME.to_json(orient=orient))
       for orient in ("index", "columns", "split")},
    **{f"counted {orient}": json.loads(FRAME.reset_index().to_json(orient=orient))
       for orient in ("index", "columns", "split")},
}  # fmt: skip


def write(tmp_path, value, name="a.json"):
    (tmp_path / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return tmp_path / name


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, tmp_path):
    prices = qmac.read_prices(write(tmp_path, SHAPES[shape]))
    assert prices.close.tolist() == CLOSES
    assert [f"{date:%Y-%m-%d}" for date in prices.index] == DAYS
    assert prices.name == "a"


@pytest.mark.parametrize("rows", [OBJECTS, BARS])
def test_lines(rows, tmp_path):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert qmac.read_prices(write(tmp_path, text)).close.tolist() == CLOSES
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode("utf-16")))
    assert qmac.read_prices(tmp_path / "a.jsonl.gz").close.tolist() == CLOSES


def test_the_content_counts_and_not_the_ending(tmp_path):
    assert qmac.read_prices(write(tmp_path, BARS, "a.csv")).close.tolist() == CLOSES
    assert qmac.read_prices(write(tmp_path, "Date,Close\n2024-01-02,5\n")).close.tolist() == [5]
    assert is_json(b" {}") and not is_json(b"[x],[y]\n") and not is_json(b"{'a': 1}")


def test_all_digits_are_kept(tmp_path):
    data = frame(series("random", 300, 1))
    data.reset_index(names="date").to_json(tmp_path / "a.json", orient="records",
                                           date_format="iso", double_precision=15)  # fmt: skip
    text = (tmp_path / "a.json").read_text()
    closes = [row["Close"] for row in json.loads(text)]
    assert qmac.read_prices(tmp_path / "a.json").close.tolist() == closes


def test_many_symbols(tmp_path):
    path = write(tmp_path, {"bars": {"SPY": LETTERS, "QQQ": LETTERS[1:]}})
    prices = read_symbols(path).prices
    assert {name: len(each) for name, each in prices.items()} == {"SPY": 4, "QQQ": 3}
    assert prices["QQQ"].close.tolist() == CLOSES[1:]


@pytest.mark.parametrize(
    ("order", "layout"), [("ohlc", "ccxt"), ("ochl", "Bitfinex"), ("colh", "")]
)
def test_the_order_of_arrays_is_proven(order, layout, tmp_path):
    places = {"o": 1, "h": 2, "l": 3, "c": 4}
    path = write(tmp_path, [[bar[0], *[bar[places[each]] for each in order], 5] for bar in BARS])
    if layout:
        prices = qmac.read_prices(path)
        assert prices.close.tolist() == CLOSES and prices.origin.layout.startswith(layout)
        return
    with pytest.raises(PricesError, match="has no header.*--columns"):
        qmac.read_prices(path)
    options = ReadOptions(columns="date,close,open,low,high,volume")
    assert read_prices(path, options=options).close.tolist() == CLOSES


def test_notes(tmp_path):
    page = {"results": LETTERS, "next_url": "https://api.example.com/2"}
    assert "one page" in qmac.read_prices(write(tmp_path, page)).origin.notes[0]
    chart = json.loads(json.dumps(SHAPES["Yahoo"]))
    quote = chart["chart"]["result"][0]["indicators"]
    for column in (*quote["quote"][0].values(), quote["adjclose"][0]["adjclose"]):
        column[1] = None
    prices = qmac.read_prices(write(tmp_path, chart))
    assert len(prices) == 3 and "1 rows without any price" in prices.origin.notes[0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"error": "Unknown API key"}, "a server's answer: 'Unknown API key'"),
        ({"code": -1121, "msg": "Invalid symbol."}, "'Invalid symbol'"),
        ({"Note": "Thank you! Our rate limit is 5 calls."}, "'Thank you! Our rate limit"),
        ({"status": "error", "data": {"message": "no\nway"}}, "'no way'"),
        ({"errors": ["one", "three"]}, "'three'"),
        ({"chart": {"result": None, "error": {"description": "No data"}}}, "'No data'"),
        ([], "has no rows"),
        ({}, "has no rows"),
        ({"results": [], "status": "OK"}, "has no rows"),
        ({"a": 1, "b": {"c": 2}}, "its names are a, b"),
        ({"chart": {"result": [{"meta": {}}]}}, "Yahoo Finance without prices"),
        ({"a": OBJECTS, "b": LETTERS}, "holds 2 tables: a, b"),
        ([OBJECTS[0], []], "not all of one kind"),
        ([OBJECTS[0], {}], "not all of one kind"),
        ([["date", "close"], ["2024-01-02", 5], ["2024-01-03"]], "row 2 has 1 fields"),
        ('[{"date": "2024-01-02", "close": 5, "close": 6}]', "the name 'close' twice"),
        ('{"2024-01-02": {"close": 5}, "2024-01-02": {"close": 6}}', "'2024-01-02' twice"),
        ('[{"date": "2024-01-02", "close": NaN}]', "Close is empty in row 1"),
        ('[{"date": "2024-01-02", "close": Infinity}]', "Close is inf"),
        ('[{"date": "2024-01-02", "close": null}]', "Close is empty"),
        ('[{"date": "2024-01-02", "close": [5]}]', "Close is empty"),
        ('[{"date": "2024-01-02", "close": 5}', "damaged JSON: .* line 1, column"),
        ("[" * 200_000, "too many levels"),
        ('{"a":' * 200_000, "too many levels"),
        ("[" + "[" * 900 + "]" * 900 + "]", "no rows"),
        ("[[1704153600000,1,1,1," + "9" * 5000 + ",1]]", "has no header"),
    ],
)
def test_what_is_no_prices_is_said(value, says, tmp_path):
    with pytest.raises(PricesError, match=says) as error:
        qmac.read_prices(write(tmp_path, value))
    assert len(str(error.value)) < 600 and "\n" not in str(error.value)


def test_names_without_number_are_refused(tmp_path):
    """A table of them would have a cell for each of 4,000,000 pairs."""
    rows = [{"date": "2024-01-02", f"k{place}": 1} for place in range(2000)]
    with pytest.raises(PricesError, match="2,000 bars have 2,001 names"):
        qmac.read_prices(write(tmp_path, rows))


def test_memory_is_checked_before_it_is_taken(tmp_path):
    asked = []
    path = write(tmp_path, BARS * 50)
    with pytest.raises(PricesError, match="not sorted"):
        read_prices(path, lambda what, needed: asked.append((what, needed)))
    assert "of JSON" in asked[0][0] and asked[0][1] >= 20 * path.stat().st_size
    admit_all("nothing", 1)
