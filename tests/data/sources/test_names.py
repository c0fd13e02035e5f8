"""Names of prices at a source, and what looks like one."""

from pathlib import Path, PureWindowsPath

import pytest

from qmac.data.sources.names import (
    SourceName,
    interval_seconds,
    is_source_name,
    label_names,
    parse_age,
    parse_interval,
    parse_names,
)
from qmac.errors import OptionError, SourceError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("yahoo:SPY", [("yahoo", "SPY", "1d")]),
        ("Yahoo:SPY,QQQ", [("yahoo", "SPY", "1d"), ("yahoo", "QQQ", "1d")]),
        ("yahoo:^GSPC, BRK-B", [("yahoo", "^GSPC", "1d"), ("yahoo", "BRK-B", "1d")]),
        ("binance:BTC/USDT:1h", [("binance", "BTC/USDT", "1h")]),
        ("binance:BTC/USDT:USDT:4h", [("binance", "BTC/USDT:USDT", "4h")]),
        ("binance:BTC/USDT:USDT", [("binance", "BTC/USDT:USDT", "1d")]),
        ("yahoo:SPY,QQQ:1h", [("yahoo", "SPY", "1h"), ("yahoo", "QQQ", "1h")]),
        ("yahoo:SPY:1d,QQQ:1h", [("yahoo", "SPY", "1d"), ("yahoo", "QQQ", "1h")]),
        ("my-own_source:X", [("my-own_source", "X", "1d")]),
    ],
)
def test_names(text, names):
    assert parse_names(text) == [SourceName(*name) for name in names]
    assert parse_names(Path(text)) == parse_names(text)


@pytest.mark.parametrize("text", ["binance:BTC/USDT:1h", "yahoo:SPY,QQQ", "yahoo:^GSPC"])
def test_names_survive_as_paths_of_windows(text):
    path = PureWindowsPath(text)
    assert is_source_name(path) and parse_names(path) == parse_names(text)


@pytest.mark.parametrize(
    "text",
    ["spy.csv", "C:\\prices.csv", "C:/prices.csv", "C:prices.csv", "c:", "https://a.b/c", "s3:/a/b",
     "./yahoo:SPY", "/data/yahoo:SPY", "data\\x:y", ":SPY", "a b:SPY", "1x:SPY", "é" * 2 + ":SPY",
     "longdrive:\\prices.csv"],
)  # fmt: skip
def test_paths_and_addresses_are_no_names(text):
    assert not is_source_name(text)
    if "//" not in text and not text.startswith("./"):  # which pathlib leaves out
        assert not is_source_name(Path(text)) and not is_source_name(PureWindowsPath(text))
    with pytest.raises(SourceError, match="names no prices at a source"):
        parse_names(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yahoo:", "has the symbol ''"),
        ("yahoo:SPY,,QQQ", "has the symbol ''"),
        ("yahoo:SPY QQQ", "no spaces"),
        ("yahoo:S\x1bPY", "has the symbol"),
        ("yahoo:" + "A" * 65, "1 to 64 characters"),
        ("yahoo:SPY:1hour", "'1hour' is no interval. Use 1m, 15m, 1h, 1d, 1w or 1mo."),
        ("yahoo:SPY:0m", "no interval"),
        ("yahoo:1h", None),
    ],
)
def test_invalid_names(text, says):
    if says is None:  # a symbol may look like an interval
        assert parse_names(text)[0].symbol == "1h"
        return
    with pytest.raises(SourceError, match=says.replace("(", r"\(")):
        parse_names(text)


@pytest.mark.parametrize(
    ("text", "usual", "seconds"),
    [("60m", "1h", 3600), ("24h", "1d", 86400), ("1M", "1mo", 2592000), ("1m", "1m", 60),
     ("1wk", "1w", 604800), ("90min", "90m", 5400), ("30s", "30s", 30), ("3600s", "1h", 3600)],
)  # fmt: skip
def test_intervals_have_one_spelling(text, usual, seconds):
    assert parse_interval(text) == usual and interval_seconds(usual) == seconds


def test_ages():
    assert [parse_age(value) for value in ("12h", "1d", "0", 0, 1.5)] == [43200, 86400, 0, 0, 1.5]
    for wrong in ("soon", -1, "", None, True, float("nan"), "1 fortnight", []):
        with pytest.raises(OptionError, match="max_age must be 30min, 12h, 2d or seconds"):
            parse_age(wrong)


def test_labels_are_symbols_where_these_are_enough():
    assert list(label_names(parse_names("yahoo:SPY,QQQ"))) == ["SPY", "QQQ"]
    two = parse_names("yahoo:SPY") + parse_names("other:SPY,QQQ")
    assert list(label_names(two)) == ["yahoo:SPY", "other:SPY", "QQQ"]
    with pytest.raises(SourceError, match="yahoo:SPY is there twice"):
        label_names(parse_names("yahoo:SPY,SPY"))
