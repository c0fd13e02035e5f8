"""Today's signal on the command line: of a run, of prices, of many symbols; and its exit codes."""

import json
import os

import pandas as pd
import pytest
from helpers.series import frame, ohlc, series
from helpers.terminal import inside

import qmac
from qmac.cli import exits
from qmac.cli.commands.signal import is_open

WINDOWS = (5, 20, 10, 30)


def test_of_prices(csv):
    shown = inside("signal", csv, *WINDOWS, "--fees", 0.001)
    signal = qmac.backtest(qmac.read_prices(csv), WINDOWS, qmac.Rules(fees=0.001)).signal
    assert shown.returncode == 0 and f"5 20 10 30: {signal.position}" in shown.stdout
    assert "entry cross" in shown.stdout
    answer = json.loads(inside("signal", csv, *WINDOWS, "--fees", 0.001, "--json").stdout)
    expected = json.loads(json.dumps(signal.to_dict()))
    assert answer["signals"]["spy"] | {"prices": None} == expected | {"prices": None}
    assert answer["signals"]["spy"]["prices"]["bars"] == 300 and answer["left_out"] == {}


def test_of_a_run(csv, one_run, tmp_path):
    shown = inside("signal", one_run)
    best = qmac.load(one_run).best
    assert f"{' '.join(map(str, best))}, the best combination: " in shown.stdout
    assert "note" not in shown.stdout + shown.stderr
    longer = tmp_path / "longer.csv"
    frame(series("random", 300, 4)).to_csv(longer)
    table = pd.read_csv(longer, index_col=0, parse_dates=True)
    date = table.index[-1] + pd.offsets.BDay()
    pd.concat([table, table.tail(1).set_index([[date]])]).to_csv(longer, index_label="Date")
    os.utime(longer, (date.timestamp(), date.timestamp()))
    shown = inside("signal", one_run, "--prices", longer, "--combination", "2 5, 8 11")
    assert f"2 5 8 11: {'flat' if 'flat' in shown.stdout else 'long'} since" in shown.stdout
    assert str(date.date()) in shown.stdout and shown.stderr == ""
    assert "1 bar after" in shown.stdout and "did not see" in shown.stdout


def test_a_last_bar_that_is_older_than_its_file_is_noted(csv, tmp_path):
    path = tmp_path / "p.csv"
    table = frame(series("random", 80, 4))
    table.to_csv(path)
    for days, is_old in ((2, False), (30, True)):
        written = (table.index[-1] + pd.Timedelta(days=days)).timestamp()
        os.utime(path, (written, written))
        notes = inside("signal", path, *WINDOWS).stderr
        assert ("30 days before the file was written" in notes) == is_old
    end = str(table.index[-5].date())
    assert "note" not in inside("signal", path, *WINDOWS, "--end", end).stderr


def test_of_many_symbols(tmp_path):
    for name, bars, seed in (("AAA", 120, 1), ("BBB", 100, 2), ("CCC", 20, 3)):
        ohlc("random", bars, seed).to_csv(tmp_path / f"{name}.csv")
    shown = inside("signal", tmp_path, *WINDOWS)
    assert shown.returncode == exits.LEFT_OUT
    assert "AAA" in shown.stdout and "left out: CCC has 20 bars" in shown.stdout
    assert "the last bar of BBB is 28 days before that of AAA" in shown.stderr
    answer = json.loads(inside("signal", tmp_path, *WINDOWS, "--json").stdout)
    assert list(answer["signals"]) == ["AAA", "BBB"] and list(answer["left_out"]) == ["CCC"]


def test_of_a_run_of_many(run_of_many):
    shown = inside("signal", run_of_many)
    assert shown.returncode == exits.LEFT_OUT
    one = inside("signal", run_of_many, "--symbol", "AAA")
    assert one.returncode == 0 and "the best combination" in one.stdout


def test_exit_codes_say_what_a_signal_is(tmp_path):
    """Each of flat, long and a signal, at some bar of a series."""
    table, codes = frame(series("random", 200, 4)), {}
    path = tmp_path / "p.csv"
    for bars in range(120, 200):
        table.head(bars).to_csv(path)
        signal = qmac.backtest(table.head(bars), WINDOWS).signal
        state = signal.today or signal.position
        if state in codes:
            continue
        codes[state] = inside("signal", path, *WINDOWS, "--exit-code").returncode
        assert inside("signal", path, *WINDOWS).returncode == 0
    assert codes == {
        "flat": exits.FLAT, "long": exits.LONG, "buy": exits.SIGNAL, "sell": exits.SIGNAL,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["RUN", "--fees", 0.1], "--fees goes with prices and four windows"),
        (["CSV", *WINDOWS, "--symbol", "SPY"], "--symbol goes with the directory of a run"),
        (["CSV", *WINDOWS, "--prices", "CSV"], "--prices goes with a run, and four windows follow"),
        (["CSV"], "is no directory of a run"),
        (["CSV", 5, 20, 10], "four windows"),
        (["RUN", "--combination", "5 20"], "--combination must be four windows, got '5 20'"),
        (["RUN", "--combination", "5 20 x 3"], "whole numbers"),
        (["RUN", "--symbol", "QQQ"], "QQQ"),
    ],
)
def test_mistakes(csv, one_run, arguments, says):
    places = {"RUN": one_run, "CSV": csv}
    done = inside("signal", *(places.get(word, word) for word in arguments))
    assert done.returncode == exits.INPUT and says in done.stderr and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_a_bar_that_may_be_open_is_noted(tmp_path):
    days = pd.bdate_range("2020-01-01", periods=300)
    friday, monday = pd.Timestamp("2021-01-08"), pd.Timestamp("2021-01-11")
    assert is_open(friday, days, pd.Timestamp("2021-01-08 15:00"))
    assert not is_open(friday, days, pd.Timestamp("2021-01-09 00:00"))
    assert not is_open(monday, days, friday) and not is_open(friday, days[:1], friday)
    minutes = pd.date_range("2021-01-08 09:30", periods=9, freq="min", tz="America/New_York")
    assert is_open(minutes[-1], minutes, minutes[-1] + pd.Timedelta("59s"))
    assert not is_open(minutes[-1], minutes, minutes[-1] + pd.Timedelta("60s"))
    table = frame(series("random", 60, 4))
    table.index = pd.date_range(end=pd.Timestamp.now().normalize(), periods=60, name="Date")
    table.to_csv(tmp_path / "now.csv")
    done = inside("signal", tmp_path / "now.csv", 3, 8, 5, 13)
    assert done.returncode == 0 and "may not be over" in done.stderr
