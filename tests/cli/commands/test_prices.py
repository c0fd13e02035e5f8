"""What was read is said: by ``qmac prices``, by the head of every command, in JSON, in results."""

import json
import os
import shutil
from pathlib import Path

import pytest
from helpers.terminal import inside, qmac

from qmac.data.options import ReadOptions
from qmac.results.reader import load

pytestmark = pytest.mark.slow

FILES = Path(__file__).parents[2] / "data" / "price_files"
FACTS = {"layout", "close", "adjusted", "bars", "first", "last", "zone", "bars_per_year", "basis"}
FACTS |= {"warnings"}
ROWS = [400.0, 404, 408, 103, 104, 105, 106, 107, 108, 109]
"""With a split of 4:1."""


def write(path, closes=ROWS, head="Date,Close"):
    lines = [f"2024-01-{day:02},{close}" for day, close in enumerate(closes, 8)]
    path.write_text("\n".join([head, *lines, ""]))
    return path


@pytest.fixture
def split(tmp_path):
    return write(tmp_path / "SPLIT.csv")


def test_prices(split, tmp_path):
    good = write(tmp_path / "GOOD.csv", range(100, 110))
    done = inside("prices", split, good)
    assert done.returncode == 0 and done.stderr == ""
    assert "columns by name" in done.stdout and "Close, not known if adjusted" in done.stdout
    assert done.stdout.count("  warning ") == 1 and done.stdout.count("none") == 3
    answer = json.loads(inside("prices", split, good, "--json").stdout)
    assert list(answer["prices"]) == ["SPLIT", "GOOD"] and answer["left_out"] == {}
    facts = answer["prices"]["SPLIT"]
    assert set(facts) == FACTS | {"columns", "left_out"}
    assert "row 4 (2024-01-11) closes at 103 after 408" in facts["warnings"][0]


def test_columns_that_were_left_out(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Date,Open,Close\n2024-01-02,0,5\n2024-01-03,5,5.1\n2024-01-04,5,5.2\n")
    assert "left out   Open: " in inside("prices", path).stdout
    (facts,) = json.loads(inside("prices", path, "--json").stdout)["prices"].values()
    assert facts["columns"] == ["Close"] and "row 1" in facts["left_out"]["Open"]


def test_bad_files_stand_beside_good_ones(split, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("Date,Close\n2024-01-02,-5\n")
    done = inside("prices", bad, split)
    assert done.returncode == 3 and f"left out: {bad}: Close is -5 in row 1" in done.stdout
    answer = inside("prices", split, bad, "--json")
    assert answer.returncode == 3 and list(json.loads(answer.stdout)["left_out"]) == ["bad"]
    only = inside("prices", bad)
    assert only.returncode == 2 and "Close is -5" in only.stdout
    assert inside("prices", tmp_path / "none.csv").returncode == 2
    assert inside("prices").returncode == 2


def test_many_symbols_are_a_table(tmp_path):
    for name in "ABCDE":
        write(tmp_path / f"{name}.csv")
    done = inside("prices", tmp_path)
    assert done.stdout.count("warning: ") == 5 and "adjusted" in done.stdout
    answer = inside("prices", tmp_path, "--strict-prices")
    assert answer.returncode == 2 and "errors with --strict-prices" in answer.stderr


def test_layouts_by_name():
    lines = inside("prices", "--layouts").stdout.splitlines()
    assert "Binance klines" in lines and "yfinance download" in lines
    assert json.loads(inside("prices", "--layouts", "--json").stdout)["layouts"] == lines


@pytest.mark.parametrize(
    "command",
    [
        ("optimize", "--windows", "2:5", "--min-trades", 0),
        ("estimate", "--windows", "2:5"),
        ("backtest", 2, 4, 3, 5),
        ("evaluate", 2, 4, 3, 5),
    ],
)
def test_the_head_of_every_command(split, command):
    name, *more = command
    done = inside(name, split, *more)
    lines = done.stdout.splitlines()
    assert any("10 bars 2024-01-08 to 2024-01-17" in line for line in lines[:2])
    assert "read as columns by name, closes from Close, not known if adjusted" in lines[:2]
    assert "qmac: warning: SPLIT: row 4 (2024-01-11) closes at 103" in done.stderr
    facts = json.loads(inside(name, split, *more, "--json").stdout)["prices"]
    facts = facts.get("SPLIT", facts)
    assert facts["bars"] == 10 and set(facts) >= FACTS
    strict = inside(name, split, *more, "--strict-prices")
    assert strict.returncode == 2 and "leave --strict-prices out" in strict.stderr
    assert strict.stdout == ""


def test_evaluate_as_csv_has_its_head_beside_it(split):
    done = inside("evaluate", split, 2, 4, 3, 5, "--csv")
    assert done.stdout.startswith("buy_fast,") and "qmac: read as columns" in done.stderr


def test_strict_prices_write_nothing(split, tmp_path):
    out = tmp_path / "run"
    assert inside("optimize", split, "--strict-prices", "--out", out).returncode == 2
    assert not out.exists()
    job = tmp_path / "job.toml"
    job.write_text('prices = "SPLIT.csv"\nwindows = "2:5"\nstrict-prices = true\nout = "run"\n')
    assert inside("optimize", job).returncode == 2 and not out.exists()


def test_many_warnings_are_the_first_few_and_a_count(tmp_path):
    for name in "ABCDEFG":
        write(tmp_path / f"{name}.csv")
    done = inside("optimize", tmp_path, "--windows", "2:5", "--min-trades", 0)
    assert done.stderr.count("qmac: warning: ") == 6
    assert "qmac: warning: 2 more warnings: qmac prices shows all" in done.stderr
    assert done.stdout.startswith("7 symbols of 10 bars, 2024-01-08 to 2024-01-17\nread as ")
    answer = inside("optimize", tmp_path, "--windows", "2:5", "--min-trades", 0, "--json")
    prices = json.loads(answer.stdout)["prices"]
    assert list(prices) == list("ABCDEFG") and len(prices["G"]["warnings"]) == 1


def test_a_run_keeps_what_was_read(tmp_path):
    """A resumed run, its results, and one that its job file repeats say the same."""
    path = tmp_path / "x.csv"
    lines = [f"2024-01-{day:02},{close},0" for day, close in enumerate(ROWS, 8)]
    path.write_text("\n".join(["Day,Last,Open", *lines, ""]))
    run = tmp_path / "run"
    options = ["--windows", "2:5", "--min-trades", 0, "--close", "Last", "--json"]
    first = json.loads(inside("optimize", path, *options, "--out", run).stdout)["prices"]
    assert first["close"] == "Last" and first["layout"] == "columns as the options say"
    assert len(first["warnings"]) == 2 and "Open is not read" in first["warnings"][0]
    path.unlink()
    assert json.loads(inside("show", run, "--json").stdout)["prices"] == first
    assert load(run).series.prices.origin.left_out.keys() == {"Open"}
    shutil.rmtree(run / "results")
    resumed = json.loads(inside("resume", run, "--json").stdout)["prices"]
    again = json.loads(inside("optimize", run / "job.toml", "--json").stdout)["prices"]
    assert resumed == again == first
    shown = inside("show", run).stdout
    assert "closes from Last" in shown and shown.count("warning: ") == 2
    stopped = inside("optimize", run / "job.toml", "--stop-loss", 0.1)
    assert stopped.returncode == 2 and "stops look at Open" in stopped.stderr


def test_every_option_of_reading_is_one_of_every_command(split, tmp_path):
    for name in ("optimize", "estimate", "backtest", "evaluate", "report", "prices"):
        text = inside(name, "--help").stdout
        assert "\nPrice files:\n" in text
        for option in (*vars(ReadOptions()), "strict_prices", "offline"):
            assert f"--{option.replace('_', '-')}" in text
    done = inside("backtest", split, 2, 4, 3, 5, "--date-format", "DD")
    assert done.returncode == 2 and "qmac: --date-format must have parts" in done.stderr
    path = tmp_path / "x.txt"
    path.write_text("".join(f"{day:02}.01.2024|{100 + day},5\n" for day in range(8, 18)))
    options = ["--columns", "date,close", "--separator", "pipe", "--decimal", ",", "--json"]
    answer = json.loads(inside("prices", path, *options).stdout)
    assert answer["prices"]["x"]["first"] == "2024-01-08 00:00:00"
    job = tmp_path / "job.toml"
    job.write_text(
        'prices = "x.txt"\nwindows = "2:5"\ncolumns = "date,close"\nseparator = "|"\ndecimal = ","'
    )
    assert json.loads(inside("optimize", job, "--json").stdout)["prices"]["bars"] == 10


def test_a_report_reads_its_prices_by_the_options(split, tmp_path):
    run = tmp_path / "run"
    inside("optimize", split, "--windows", "2:5", "--min-trades", 0, "--out", run)
    other = write(tmp_path / "other.csv", head="Day,Last")
    done = inside("report", run, "--prices", other, "--close", "Last", "--json")
    assert "qmac: warning: other: row 4" in done.stderr
    cautions = json.loads(done.stdout)["cautions"]
    assert [each["name"] for each in cautions].count("prices") == 1


@pytest.mark.parametrize("text", ["2019Q1", "Jan 2, 2024 5pm", "093000", "10/11/12"])
def test_no_note_of_pandas_is_seen(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(f"Date,Close\n{text},1\n{text}x,2\n{text},3\n")
    assert "infer" not in inside("prices", path).stdout + inside("prices", path).stderr


@pytest.mark.slow
def test_a_pipe_and_a_narrow_terminal(split):
    narrow = qmac("prices", split, env={**os.environ, "COLUMNS": "60"})
    assert max(map(len, narrow.stdout.splitlines())) <= 60
    piped = qmac("prices", split)
    assert any("  warning" in line and "after 408" in line for line in piped.stdout.splitlines())
