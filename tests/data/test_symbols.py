"""Many symbols: what is read from files, directories and frames, and what stops no other."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.data.symbols import find_symbols, from_frame, from_frames, read_symbols
from qmac.errors import PricesError

SPY, QQQ, EFA = (frame(series("random", 30, seed)) for seed in (1, 2, 3))
ONE = "Date,Close\n2001-01-01,5\n2001-01-02,6\n"


def long(frames, column="Symbol"):
    """Interleaved by date, as vendors deliver."""
    parts = [data.assign(**{column: name}) for name, data in frames.items()]
    return pd.concat(parts).sort_index(kind="stable").reset_index()


def same(prices, data):
    return np.array_equal(prices.close, data["Close"]) and list(prices.index) == list(data.index)


# -- files and directories


def test_files_in_the_order_given(tmp_path):
    SPY.to_csv(tmp_path / "SPY.csv")
    QQQ.to_parquet(tmp_path / "QQQ.parquet")
    symbols = read_symbols([tmp_path / "SPY.csv", tmp_path / "QQQ.parquet"])
    assert list(symbols.prices) == ["SPY", "QQQ"] and not symbols.bad
    assert [prices.name for prices in symbols.prices.values()] == ["SPY", "QQQ"]
    assert same(symbols.prices["SPY"], SPY) and same(symbols.prices["QQQ"], QQQ)
    assert list(read_symbols([tmp_path / "QQQ.parquet", str(tmp_path / "SPY.csv")]).prices) == [
        "QQQ",
        "SPY",
    ]


def test_one_file_is_what_read_prices_gives(tmp_path):
    SPY.to_csv(tmp_path / "SPY.csv", sep=";")
    one = read_symbols(tmp_path / "SPY.csv").prices["SPY"]
    pd.testing.assert_frame_equal(one.frame, qmac.read_prices(tmp_path / "SPY.csv").frame)


def test_directory(tmp_path):
    SPY.to_csv(tmp_path / "SPY.csv")
    (tmp_path / "BRK.B.csv.gz").write_bytes(gzip.compress(ONE.encode()))
    EFA.to_parquet(tmp_path / "EFA.parquet")
    long({"GLD": QQQ, "AGG": EFA}).to_csv(tmp_path / "FUNDS.CSV", index=False)
    (tmp_path / "notes.txt").write_text("not prices")
    (tmp_path / "._SPY.csv").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "more.csv").mkdir()
    (tmp_path / "more.csv" / "TLT.csv").write_text(ONE)
    symbols = read_symbols([tmp_path])
    assert list(symbols.prices) == ["BRK.B", "EFA", "GLD", "AGG", "SPY"] and not symbols.bad
    assert same(symbols.prices["GLD"], QQQ)


def test_directory_without_files(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "SPY.csv").write_text(ONE)
    with pytest.raises(PricesError, match=r"empty holds no file that ends in \.csv"):
        read_symbols([tmp_path / "SPY.csv", tmp_path / "empty"])


def test_a_missing_file_is_bad_among_several_and_an_error_alone(tmp_path):
    (tmp_path / "SPY.csv").write_text(ONE)
    symbols = read_symbols([tmp_path / "none.csv", tmp_path / "SPY.csv"])
    assert list(symbols.prices) == ["SPY"]
    assert "there is no such file" in str(symbols.bad["none"])
    with pytest.raises(PricesError, match=r"^\S*none\.csv: there is no such file"):
        read_symbols([tmp_path / "none.csv"])
    with pytest.raises(
        PricesError,
        match=r"none of 2 symbols is valid\. The first, a: .*a\.csv: there is no such",
    ):
        read_symbols([tmp_path / "a.csv", tmp_path / "b.csv"])
    with pytest.raises(PricesError, match="there are no symbols"):
        read_symbols([])


def test_bad_files_stop_no_other(tmp_path):
    contents = {
        "a.csv": "",
        "b.csv": "Date,Close\n2001-01-01,-5\n",
        "c.parquet": "not parquet",
        "d.csv": ONE,
        "e.csv": "Date,Symbol,Close\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    symbols = read_symbols([tmp_path])
    assert list(symbols.prices) == ["d"]
    says = {
        "a": "is empty",
        "b": "Close is -5",
        "c": "cannot be read as Parquet",
        "e": "has no rows",
    }
    assert list(symbols.bad) == list(says)
    assert all(text in str(symbols.bad[name]) for name, text in says.items())


def test_duplicates_name_both_places(tmp_path):
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "SPY.csv").write_text(ONE)
    with pytest.raises(
        PricesError, match=r"symbol SPY is there twice: in \S*old\S*SPY.csv and in \S*new\S*SPY.csv"
    ):
        read_symbols([tmp_path / "old", tmp_path / "new"])
    with pytest.raises(PricesError, match="SPY is there twice"):
        read_symbols([tmp_path / "old" / "SPY.csv"] * 2)
    long({"QQQ": QQQ, "SPY": SPY}).to_csv(tmp_path / "all.csv")
    with pytest.raises(PricesError, match=r"SPY is there twice: in \S*SPY\.csv and in \S*all\.csv"):
        read_symbols([tmp_path / "old", tmp_path / "all.csv"])
    (tmp_path / "new" / "SPY.csv").write_text("")  # a bad one is still the same symbol
    with pytest.raises(PricesError, match="SPY is there twice"):
        read_symbols([tmp_path / "old", tmp_path / "new"])


# -- long files


@pytest.mark.parametrize(
    "form", ["csv", "semicolon", "parquet", "dates-in-index", "symbol-in-index"]
)
@pytest.mark.parametrize("column", ["Symbol", "symbol", "TICKER", " Ticker "])
def test_long_files(tmp_path, form, column):
    """Interleaved, and each symbol with gaps of its own."""
    frames = {"SPY": SPY, "EFA": EFA.iloc[4:], "QQQ": QQQ.drop(QQQ.index[7:15])}
    data, path = long(frames, column), tmp_path / "all.parquet"
    match form:
        case "csv" | "semicolon":
            path = tmp_path / "all.csv"
            data.to_csv(path, index=False, sep="," if form == "csv" else ";")
        case "parquet":
            data.to_parquet(path)
        case "dates-in-index":
            data.set_index("Date").to_parquet(path)
        case _:
            data.set_index([column, "Date"]).to_parquet(path)
    symbols = read_symbols([path])
    assert list(symbols.prices) == ["SPY", "QQQ", "EFA"] and not symbols.bad
    assert all(
        same(prices, frames[name]) and prices.name == name
        for name, prices in symbols.prices.items()
    )


def test_one_bad_symbol_among_good_ones(tmp_path):
    data = long({"SPY": SPY, "QQQ": QQQ, "EFA": EFA})
    data.loc[data[data["Symbol"] == "QQQ"].index[2], "Close"] = -5
    data.to_csv(tmp_path / "all.csv", index=False)
    symbols = read_symbols([tmp_path / "all.csv"])
    assert list(symbols.prices) == ["SPY", "EFA"] and same(symbols.prices["EFA"], EFA)
    assert re.match(
        r"QQQ in all\.csv: Close is -5\.0 in row 3 \(2001-01-03", str(symbols.bad["QQQ"])
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("20010103,B,x", "Close is x"),
        ("20010103,B,", "Close is empty"),
        ("20010101,B,7", "is there twice"),
        ("soon,B,7", "'soon'"),
        (",B,7", "row 2 has no date"),
    ],
)
def test_texts_and_blanks_of_one_symbol_leave_the_others(tmp_path, row, says):
    (tmp_path / "all.csv").write_text(
        f"Date,Symbol,Close\n20010101,A,5\n20010101,B,6\n{row}\n20010102,A,5.5\n"
    )
    symbols = read_symbols([tmp_path / "all.csv"])
    assert list(symbols.prices["A"].index) == [
        pd.Timestamp("2001-01-01"),
        pd.Timestamp("2001-01-02"),
    ]
    assert says in str(symbols.bad["B"])


def test_rows_without_a_symbol(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("Date,Symbol,Close\n2001-01-01,A,5\n2001-01-01,,6\n2001-01-02,  ,7\n")
    symbols = read_symbols([path])
    assert list(symbols.prices) == ["A"]
    assert "has no symbol in 2 of its rows" in str(symbols.bad[str(path)])


def test_all_symbols_bad(tmp_path):
    (tmp_path / "all.csv").write_text("Date,Symbol,Price\n2001-01-01,A,5\n2001-01-01,B,6\n")
    with pytest.raises(PricesError, match=r"all\.csv has no Close column. .*--close 'Price'"):
        read_symbols([tmp_path / "all.csv"])


ODD = ["NA", "TRUE", "005930", "null", "BRK/B", "^GSPC", "../x", "1e5", "Ünï", "spy", "SPY", "A B"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_odd_symbols_stay_as_written(tmp_path, form):
    data = pd.DataFrame({"Symbol": ODD, "Date": "2001-01-01", "Close": 5.0})
    path = tmp_path / f"all.{form}"
    data.to_csv(path, index=False) if form == "csv" else data.to_parquet(path)
    symbols = read_symbols([path])
    assert list(symbols.prices) == ODD and not symbols.bad


@pytest.mark.parametrize("symbol", ["NA", "TRUE", "005930"])
def test_a_column_of_nothing_else_stays_as_written(tmp_path, symbol):
    (tmp_path / "all.csv").write_text(
        f"Date,Symbol,Close\n2001-01-01,{symbol},5\n2001-01-02,{symbol} ,6\n"
    )
    symbols = read_symbols([tmp_path / "all.csv"])
    assert {name: len(prices) for name, prices in symbols.prices.items()} == {
        symbol: 2
    } and not symbols.bad


# -- frames


def test_frames():
    given_ = {
        "SPY": SPY,
        "qqq ": QQQ["Close"],
        "sample": qmac.sample_prices(),
        "bad": -EFA,
        "list": [1, 2],
    }
    symbols = from_frames(given_)
    assert {name: prices.name for name, prices in symbols.prices.items()} == {
        "SPY": "SPY", "qqq ": "qqq ", "sample": "sample",
    }  # fmt: skip
    assert list(symbols.bad) == ["bad", "list"]
    assert str(symbols.bad["bad"]).startswith("bad: Close is -")
    assert given_["sample"].name == "sp500"


@pytest.mark.parametrize("name", ["", 7, None])
def test_frames_need_names(name):
    with pytest.raises(PricesError, match=f"{name!r} does not name a symbol"):
        from_frames({"SPY": SPY, name: QQQ})


def test_frames_that_are_none():
    with pytest.raises(PricesError, match="there are no symbols"):
        from_frames({})
    with pytest.raises(PricesError, match="prices must be a dict, got list"):
        from_frames([SPY])
    with pytest.raises(PricesError, match=r"^SPY: Close is -"):
        from_frames({"SPY": -SPY})


@pytest.mark.parametrize("index", [None, "Date", "Symbol", ["Symbol", "Date"], ["Date", "Symbol"]])
@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_long_frames(index, kind):
    data = long({"SPY": SPY, "QQQ": QQQ.iloc[3:]}).astype({"Symbol": kind})
    symbols = from_frame(data if index is None else data.set_index(index))
    assert list(symbols.prices) == ["SPY", "QQQ"]
    assert same(symbols.prices["SPY"], SPY) and same(symbols.prices["QQQ"], QQQ.iloc[3:])


def test_long_frames_that_are_bad():
    with pytest.raises(PricesError, match="no column called Symbol or Ticker"):
        from_frame(SPY)
    with pytest.raises(PricesError, match="no rows"):
        from_frame(long({"SPY": SPY}).iloc[:0])
    symbols = from_frame(long({"SPY": SPY, None: QQQ}))
    assert list(symbols.prices) == ["SPY"] and list(symbols.bad) == ["the frame"]


def test_dates_that_are_objects():
    data = long({"SPY": SPY, "QQQ": QQQ})
    data["Date"] = data["Date"].dt.date
    assert same(from_frame(data).prices["QQQ"], QQQ)
    assert same(from_frame(data.set_index("Date")).prices["QQQ"], QQQ)


def test_symbols_are_found_where_none_is_valid(tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    symbols = find_symbols(paths)
    assert not symbols.prices and list(symbols.bad) == ["a", "b"]
    with pytest.raises(PricesError, match="none of 2 symbols is valid"):
        read_symbols(paths)


def test_a_column_of_instruments_is_split_or_refused(tmp_path):
    """Rows of two contracts are never one series without a word."""
    path = tmp_path / "a.csv"

    def read_rows(*rows):
        path.write_text("Date,Contract,Close\n" + "".join(f"2024-01-0{row}\n" for row in rows))
        return find_symbols(path)

    both = read_rows("2,ESH4,100", "3,ESH4,101", "2,ESM4,200", "3,ESM4,201")
    assert [prices.close.tolist() for prices in both.prices.values()] == [[100, 101], [200, 201]]
    rolled = read_rows("2,ESH4,100", "3,ESH4,101", "4,ESM4,102", "5,ESM4,103").prices["a"]
    assert "'ESH4' in row 2 and 'ESM4' in row 3 (2024-01-04" in rolled.warnings[0]
    mixed = read_rows("2,ESH4,100", "3,ESM4,101", "4,ESH4,102", "5,ESM4,103").bad["a"]
    assert "has bars of several series: 'ESH4' in row 1 and 'ESM4' in row 2" in str(mixed)


def test_one_file_has_one_order_of_days_and_months(tmp_path):
    path = tmp_path / "a.csv"
    head = "Date,Symbol,Close\n13/02/2024,A,1\n14/02/2024,A,2\n"
    path.write_text(f"{head}02/03/2024,B,3\n03/03/2024,B,4\n")
    assert str(find_symbols(path).prices["B"].index[0]) == "2024-03-02 00:00:00"
    path.write_text(f"{head}02/13/2024,B,3\n02/14/2024,B,4\n")
    assert list(find_symbols(path).bad) == ["A", "B"]
