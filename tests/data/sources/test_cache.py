"""Copies on disk: whole or not there, named after their series, never of another one."""

import json
import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from qmac.data.sources import cache
from qmac.data.sources.base import Bars, BarsRequest
from qmac.data.sources.cache import find_copy, hold_copy, read_copy, write_copy
from qmac.data.sources.names import SourceName
from qmac.errors import SourceError, WriteError
from qmac.storage import atomic

pytestmark = pytest.mark.slow

NOW = pd.Timestamp("2024-03-15 12:00")
NAME = SourceName("yahoo", "SPY")
REQUEST = BarsRequest(NAME)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path / "copies"))
    monkeypatch.setattr(cache, "READ_SECONDS", 0.0)
    return tmp_path / "copies"


def bars(days=5, scale=1.0):
    index = pd.date_range("2024-03-04", periods=days, unit="ns")
    columns = {name: np.linspace(10, 11, days) * scale for name in ("Open", "High", "Low", "Close")}
    return Bars(pd.DataFrame(columns | {"Volume": 5.0}, index), True, "for splits and dividends")


def store(request=REQUEST, days=5, scale=1.0):
    return write_copy(request, bars(days, scale), "yfinance 1.7.0", NOW, is_complete=True)


def test_a_copy_is_read_as_it_was_written():
    written, read = store(), read_copy(NAME, is_raw=False)
    assert read.facts == written.facts and read.path == written.path
    pd.testing.assert_frame_equal(read.frame, written.frame, check_freq=False)
    assert read.frame.index.name == "Date" and read.frame.index.tz is None
    assert list(read.frame) == ["Open", "High", "Low", "Close", "Volume"]
    assert read.compute_age(NOW + pd.Timedelta("2h")) == 7200 and read.since is None


def test_the_facts_are_in_both_files():
    path = store(replace(REQUEST, since=pd.Timestamp("2010-01-01"))).path
    header = json.loads(path.with_suffix(".json").read_text())
    stored = json.loads(pq.read_schema(path).metadata[b"qmac"])
    assert len(header.pop("checksum")) == 64 and header == stored
    assert header == {
        "source": "yahoo", "symbol": "SPY", "interval": "1d", "since": "2010-01-01", "raw": False,
        "adjusted": True, "adjustment": "for splits and dividends", "library": "yfinance 1.7.0",
        "fetched": "2024-03-15T12:00:00", "complete": True, "bars": 5, "first": "2024-03-04",
        "last": "2024-03-08", "format": 1,
    }  # fmt: skip


def test_raw_and_adjusted_prices_are_two_copies():
    store()
    assert read_copy(NAME, is_raw=True) is None
    store(replace(REQUEST, is_raw=True), scale=2.0)
    closes = [read_copy(NAME, is_raw=raw).frame["Close"].iloc[0] for raw in (False, True)]
    assert closes == [10, 20]


@pytest.mark.parametrize(
    "symbol",
    ["../../etc/passwd", "..", ".", "a/b", "a\\b", "CON", "nul.txt", "~root", "-rf", "%s", "*", "|",
     "X" * 64, "ä" * 64, "$(reboot)", "a:b", ".hidden", "spy", "Spy", "\u202ecod"],
)  # fmt: skip
def test_hostile_symbols_are_plain_names_in_one_folder(symbol, folder):
    name = SourceName("yahoo", symbol)
    path = store(BarsRequest(name)).path
    assert path.parent == folder / "yahoo" and path.is_file()
    assert len(path.name.encode()) < 100 and read_copy(name, is_raw=False).facts.symbol == symbol
    assert {file.parent for file in folder.rglob("*.*")} == {folder / "yahoo"}


def test_no_two_symbols_share_a_file():
    symbols = ["SPY", "spy", "Spy", "SP/Y", "SP_Y", "SP:Y", "S" * 41, "S" * 42]
    names = [find_copy(SourceName("x1", symbol), is_raw=False).name for symbol in symbols]
    assert len({name.lower() for name in names}) == len(symbols)


def damage_checksum(path):
    header = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(header | {"checksum": "0" * 64}))


def write_other_facts(path):
    header = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(header | {"symbol": "QQQ"}))


def write_other_moment(path):
    header = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(header | {"fetched": "2o24"}))


def replace_by_link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(path.read_bytes()[:100] + b"?" + path.read_bytes()[101:]),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[]"),
        lambda path: path.with_suffix(".json").write_text('{"checksum": 1}'),
        lambda path: path.with_suffix(".json").write_bytes(b"\xff\xfe"),
        damage_checksum,
        write_other_facts,
        write_other_moment,
        replace_by_link,
    ],
)
def test_a_damaged_copy_is_not_used_and_that_is_said(harm):
    harm(store().path)
    with pytest.warns(UserWarning, match=r"SPY\.1d\.parquet is damaged and not used: ."):
        assert read_copy(NAME, is_raw=False) is None
    assert store().facts.bars == 5 if harm is not replace_by_link else True


@pytest.mark.parametrize("missing", [".parquet", ".json"])
def test_half_a_copy_is_none(missing):
    store().path.with_suffix(missing).unlink()
    assert read_copy(NAME, is_raw=False) is None


class Cut(BaseException):
    """The process ends."""


@pytest.mark.parametrize("step", atomic.STEPS)
@pytest.mark.parametrize("file", [".parquet", ".json"])
@pytest.mark.filterwarnings("ignore:.*is damaged and not used")
def test_a_write_that_ends_on_its_way_leaves_one_whole_copy_or_a_damaged_one(
    step, file, monkeypatch, folder
):
    """Never a mixture: the checksum holds both files together."""
    store(days=5)
    seen = []

    def cut(name):
        seen.append(name)
        if name == step and seen.count("open") == (1 if file == ".parquet" else 2):
            raise Cut

    monkeypatch.setattr(atomic, "step", cut)
    with pytest.raises(Cut):
        store(days=7)
    monkeypatch.undo()
    monkeypatch.setenv("QMAC_DATA_DIR", str(folder))
    copy = read_copy(NAME, is_raw=False)
    assert copy is None or (copy.facts.bars == len(copy.frame) and copy.facts.bars in (5, 7))
    if file == ".parquet" and step in atomic.STEPS[:6]:
        assert copy.facts.bars == 5
    assert store(days=8).facts.bars == 8


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(WriteError, match="cannot be written"):
        store()
    with pytest.raises(WriteError, match="cannot be written"), hold_copy(NAME, is_raw=False):
        pass


def test_without_the_variable_copies_lie_beside_the_compiled_kernels(tmp_path, monkeypatch):
    from qmac.kernels.compiler.cache import cache_directory

    monkeypatch.delenv("QMAC_DATA_DIR")
    monkeypatch.delenv("QMAC_CACHE_DIR", raising=False)
    for name, value in (("XDG_CACHE_HOME", str(tmp_path)), ("XDG_CACHE_HOME", "")):
        monkeypatch.setenv(name, value)
        place = find_copy(NAME, is_raw=False)
        assert place.parents[1] == cache_directory().parent / "prices"


def hold(folder, ready, release):
    os.environ["QMAC_DATA_DIR"] = str(folder)
    with hold_copy(NAME, is_raw=False):
        ready.set()
        release.wait(30)


def test_one_process_fetches_a_series_at_a_time(folder, monkeypatch):
    pytest.importorskip("fcntl")
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(folder, ready, release))
    process.start()
    assert ready.wait(30)
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.1)
    refused = pytest.raises(SourceError, match="yahoo:SPY is being fetched by another process")
    with refused, hold_copy(NAME, is_raw=False):
        pass
    with hold_copy(NAME, is_raw=True):  # another series
        pass
    release.set()
    monkeypatch.setattr(cache, "LOCK_SECONDS", 30.0)
    with hold_copy(NAME, is_raw=False):
        process.join(30)
    assert process.exitcode == 0
