"""What was read, on a terminal: one below the other, or a table of many."""

import io
import weakref
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest

import qmac
from qmac.data.origin import Origin
from qmac.data.symbols import Symbols
from qmac.errors import PricesError
from qmac.report.terminal.console import PlainTextConsole
from qmac.report.terminal.prices import show_symbols


def read(name, closes=(100.0, 101, 102), **origin):
    index = pd.date_range("2024-01-02", periods=len(closes), freq="B")
    return qmac.Prices(pd.DataFrame({"Close": closes}, index=index), name, Origin(**origin))


def show(symbols, width):
    console = PlainTextConsole(io.StringIO())
    console.width = width
    show_symbols(symbols, console)
    return console.file.getvalue()


ODD = read("QQQ", (400.0, 404, 408, 103, 104, 105), layout="Stooq", left_out={"High": "row 1"})


@pytest.mark.parametrize("width", [40, 60, 80, 1000])
def test_few_symbols_are_shown_in_full(width):
    bad = {"BAD": PricesError("BAD.csv has no Close column.")}
    text = show(Symbols({"SPY": read("SPY", adjusted=True), "QQQ": ODD}, bad), width)
    words = " ".join(text.split())
    for part in (
        "layout frame closes Close, adjusted bars 3 first 2024-01-02 last 2024-01-04",
        "warnings none",
        "layout Stooq closes Close, not known if adjusted",
        "left out High: row 1",
        "QQQ: row 4 (2024-01-05) closes at 103",
        "left out: BAD.csv has no Close column.",
    ):
        assert part in words
    assert max(map(len, text.splitlines()[:-1])) <= width


@pytest.mark.parametrize("width", [40, 60, 80])
def test_many_symbols_are_a_table_with_every_warning_below(width):
    prices = {name: replace(ODD, name=name) for name in (*"ABCDEFG", "a name that is\x1b long" * 3)}
    lines = show(Symbols(prices, {}), width).splitlines()
    assert sum(line.startswith("warning: ") for line in lines) == 8
    table = [line for line in lines if not line.startswith("warning: ")]
    assert max(map(len, table)) <= max(width, 58)
    assert "symbol" in table[1] and "first" in table[1] and ("adjusted" in table[1]) == (width > 79)
    assert all(line.isprintable() for line in lines)


def test_none_is_valid():
    assert show(Symbols({}, {"BAD": PricesError("no\x1b")}), 80) == "left out: no?\n"


@pytest.mark.parametrize("count", [2, 5])
def test_prices_that_are_not_held_are_in_memory_one_at_a_time(count):
    class Read(Mapping):
        def __getitem__(self, name):
            assert sum(each() is not None for each in alive) <= 1, "the one before, at most"
            prices = read(name)
            alive.append(weakref.ref(prices))
            return prices

        def __iter__(self):
            return iter([f"S{number}" for number in range(count)])

        def __len__(self):
            return count

    alive = []
    assert "S1" in show(Symbols(Read(), {}), 100) and len(alive) == count
