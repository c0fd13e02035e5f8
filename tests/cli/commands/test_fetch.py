"""``qmac fetch``, and names in place of files in the other commands."""

import json
import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.terminal import inside
from helpers.vendors import TOO_MANY, Klines, yahoo_days

import qmac

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SMALL = ["--windows", "2:9", "--top", "3"]


@pytest.fixture
def market(vendors, clock, tmp_path, monkeypatch):
    """Three symbols of Yahoo and one of Binance, in an empty working directory."""
    for place, symbol in enumerate(("SPY", "QQQ", "IWM")):
        vendors.yahoo[symbol] = yahoo_days("2024-01-05", 50, place)
    vendors.klines["BTC/USDT"] = Klines(pd.Timestamp("2024-03-01", tz="UTC"), 500)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return vendors


def test_a_line_each(market, tmp_path):
    done = inside("fetch", "yahoo:SPY,QQQ", "binance:BTC/USDT:1h", "--since", "2010")
    assert done.returncode == 0 and done.stderr == ""
    copies = tmp_path / "copies"
    first, second, third = done.stdout.splitlines()
    assert first == (
        "yahoo:SPY: 50 bars, 2024-01-05 to 2024-03-14, adjusted (for splits and dividends), "
        f"{copies}/yahoo/SPY.1d.parquet"
    )
    assert second.startswith("yahoo:QQQ: 50 bars")
    assert third.startswith(
        "binance:BTC/USDT:1h: 348 bars, 2024-03-01 00:00 UTC to 2024-03-15 11:00 UTC, raw "
        "(as traded), "
    )


def find_documented():
    """Return the commands of the pages that name prices."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    lines = re.findall(r"^(?:\| `\w+` \|.*\| `)?qmac ([^`\n]*yahoo:[^`\n]*)", text, re.MULTILINE)
    return list(dict.fromkeys(lines))


DOCUMENTED = find_documented()


@pytest.mark.parametrize("line", DOCUMENTED)
def test_documented_commands_run(market, line):
    words = shlex.split(line, comments=True)
    windows = ["--windows", "2:9"] if words[0] == "optimize" else []
    if words[0] == "backtest":
        words[2:] = ["2", "5", "3", "8"]
    done = inside(*words, *windows)
    assert done.returncode == 0, done.stderr


def test_several_commands_are_documented():
    assert len(DOCUMENTED) >= 4


@pytest.mark.parametrize("page", ["sources.md"])
def test_documented_python_runs(market, page):
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL
    )
    names = {"qmac": qmac}
    for block in blocks:
        exec(compile(block, page, "exec"), names)  # noqa: S102
    assert len(names["prices"]) == 50 and list(names["many"]) == ["SPY", "QQQ", "IWM"]


def test_the_source_of_contributing_works(tmp_path, monkeypatch):
    from qmac.data.sources import fetching

    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## A source of prices")[2]
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    bar = (pd.Timestamp("2024-01-02"), 1.0, 2.0, 0.5, 1.5, 10)
    names = {"download": lambda symbol, interval, since: [bar] if symbol == "SPY" else []}
    exec(compile(block, "CONTRIBUTING.md", "exec"), names)  # noqa: S102
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(fetching, "find_source", lambda name: names["Mine"]())
    assert qmac.fetch("mine:SPY").close.tolist() == [1.5]
    with pytest.raises(qmac.InputError, match="mine has no symbol QQQ"):
        qmac.fetch("mine:QQQ")


def test_raw_is_said(market):
    done = inside("fetch", "yahoo:SPY", "--raw")
    assert "raw (for splits only)" in done.stdout and "SPY.1d.raw.parquet" in done.stdout


def test_json(market):
    done = inside("fetch", "yahoo:SPY,NOPE", "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    (price,) = answer["prices"]
    assert (price["name"], price["bars"], price["adjusted"]) == ("yahoo:SPY", 50, True)
    assert Path(price["path"]).is_file() and list(answer["failed"]) == ["yahoo:NOPE"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["yahoo:NOPE"], 2, "yahoo has no"),
        (["yahoo:NOPE,NIX"], 2, "yahoo:NIX: yahoo has no"),
        (["yahoo:NOPE,SPY"], 3, "yahoo:NOPE: yahoo has no"),
        (["spy.csv"], 2, "'spy.csv' names no prices at a source. Use a name such as yahoo:SPY"),
        (["nowhere:SPY"], 2, "nowhere is no source of prices."),
        (["yahoo:SPY", "--since", "soon"], 2, "since must be a day"),
        (["yahoo:SPY", "--max-age", "soon"], 2, "max_age must be 30min, 12h, 2d"),
        (["yahoo:SPY", "--offline"], 2, "has no copy on this machine"),
        (["yahoo:SPY", "--offline", "--refresh"], 2, "exclude each other"),
        (["yahoo:SPY,SPY"], 2, "yahoo:SPY is there twice"),
    ],
)
def test_mistakes_are_one_line_each(market, arguments, code, says):
    done = inside("fetch", *arguments)
    assert done.returncode == code and says in done.stderr, done.stderr
    assert all(line.startswith("qmac: ") for line in done.stderr.splitlines())


def test_a_missing_extra_is_one_line(market, monkeypatch):
    monkeypatch.setitem(sys.modules, "yfinance", None)
    done = inside("optimize", "yahoo:SPY", *SMALL)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "qmac: yahoo needs yfinance. Install it: pip install 'qmac[yahoo]'\n"


def test_the_copy_is_used_and_that_is_said(market, clock):
    assert inside("fetch", "yahoo:SPY").returncode == 0
    market.faults += [TOO_MANY] * 99
    clock("2024-03-18 12:00")
    done = inside("fetch", "yahoo:SPY")
    assert done.returncode == 0 and "50 bars" in done.stdout
    assert done.stderr == (
        "qmac: note: yahoo answers that there are too many requests. The copy of yahoo:SPY from "
        "2024-03-15T12:00 UTC is used: 50 bars, 2024-01-05 to 2024-03-14.\n"
    )


def test_a_run_of_names_repeats_without_the_network(market, monkeypatch, tmp_path):
    """The run's directory has the bars: neither the source nor the copy is needed any more."""
    done = inside("optimize", "yahoo:SPY,QQQ,IWM", *SMALL, "--out", "etf", "--json")
    assert done.returncode == 0, done.stderr
    first = qmac.load("etf/results/SPY")
    assert len(qmac.resume("etf")) == 3
    count = len(market.requests)
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path / "nothing"))
    monkeypatch.setattr(market, "redirect", lambda address: "http://127.0.0.1:1/")
    again = inside("optimize", "etf/job.toml", "--out", "again")
    assert again.returncode == 0, again.stderr
    assert qmac.load("again/results/SPY").digest == first.digest
    assert inside("report", "etf", "--symbol", "SPY").returncode == 0
    assert len(market.requests) == count and not (tmp_path / "nothing").exists()


def test_names_files_and_folders_are_one_job(market):
    (prices := qmac.sample_prices().tail(90).frame).to_csv("spx.csv")
    Path("more").mkdir()
    prices.to_csv("more/ndx.csv")
    done = inside("optimize", "yahoo:SPY", "spx.csv", "more", *SMALL, "--out", "mixed")
    assert done.returncode == 0, done.stderr
    assert set(qmac.resume("mixed")) == {"SPY", "spx", "ndx"}


def test_a_symbol_without_prices_is_left_out(market):
    done = inside("optimize", "yahoo:SPY,NOPE", *SMALL, "--out", "two")
    assert done.returncode == 3 and "NOPE" in done.stderr
    assert list(qmac.resume("two")) == ["SPY"]
    done = inside("optimize", "yahoo:SPY,NOPE", *SMALL, "--strict")
    assert done.returncode == 2 and "yahoo has no" in done.stderr


def test_a_file_of_such_a_name_wins(market):
    qmac.sample_prices().tail(60).frame.to_csv("yahoo:SPY")
    done = inside("estimate", "yahoo:SPY", "--windows", "2:9", "--json")
    assert done.returncode == 0 and market.requests == []


@pytest.mark.parametrize("command", ["backtest", "evaluate"])
def test_single_combinations_of_a_name(market, command):
    done = inside(command, "yahoo:SPY", 2, 5, 3, 8, "--json")
    assert done.returncode == 0, done.stderr
    expected = qmac.backtest(qmac.fetch("yahoo:SPY"), (2, 5, 3, 8)).metrics["total_return"]
    answer = json.loads(done.stdout)
    rows = answer["combinations"] if command == "evaluate" else [answer["metrics"]]
    assert rows[0]["total_return"] == expected
    done = inside(command, "yahoo:SPY,QQQ", 2, 5, 3, 8)
    assert done.returncode == 2 and "yahoo:SPY,QQQ names 2 symbols" in done.stderr


def test_two_lengths_of_bars_are_two_symbols(market):
    market.klines["BTC/USDT"].seconds = 3600
    done = inside("fetch", "binance:BTC/USDT:1h,BTC/USDT:1h")
    assert done.returncode == 2 and "is there twice" in done.stderr


def test_a_job_file_fetches_nothing(market):
    for prices in ('"yahoo:SPY"', '["yahoo:SPY"]', '{SPY = "yahoo:SPY"}'):
        Path("job.toml").write_text(f'prices = {prices}\nwindows = "2:9"\n')
        done = inside("optimize", "job.toml")
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr == (
            "qmac: job.toml: prices names yahoo:SPY, and a job file fetches nothing. Fetch first, "
            "and name the file that this prints: qmac fetch yahoo:SPY\n"
        )
    assert market.requests == []
    Path("job.toml").write_text('windows = "2:9"\n')
    assert inside("optimize", "job.toml", "yahoo:SPY").returncode == 0  # typed by the user


@pytest.mark.parametrize("path", ["C:\\prices.csv", "C:prices.csv", "https://a.example/spy.csv"])
def test_drives_and_addresses_are_no_names(market, path):
    done = inside("optimize", path, *SMALL)
    assert done.returncode == 2 and market.requests == []
    assert "no such file" in done.stderr or "opens no address" in done.stderr
