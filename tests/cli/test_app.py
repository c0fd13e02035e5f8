"""Every command: documented, with help, one line for a mistake."""

import re
from pathlib import Path

import pytest
from helpers.terminal import inside, qmac
from typer.main import get_command

from qmac.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[2]


NAMES = sorted(command.__name__.replace("_", "-") for command in COMMANDS)


def test_the_commands():
    wanted = (
        "optimize explore backtest evaluate signal resume watch show report luck verify estimate "
        "runs export compare fetch prices doctor walk-forward save"
    )
    assert sorted(wanted.split()) == NAMES


def test_the_commands_are_documented():
    page = (ROOT / "docs" / "command-line.md").read_text()
    table = page.partition("| command |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_and_json(name):
    done = inside(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"Example: qmac {name}" in done.stdout and "--json" in done.stdout
    assert "\x1b" not in done.stdout and max(map(len, done.stdout.splitlines())) <= 80


SMALL = ["--sample", "--windows", "2:9"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optimise"], "No such command 'optimise'. Did you mean 'optimize'?"),
        (["optimize"], "prices are missing"),
        (["optimize", "none.csv"], "no such file"),
        (["optimize", "--sample", "--windows", "0:9"], "must be in [1, 2**31), got 0."),
        (["optimize", "--sample", "--windows", "2:4"], "four different"),
        (["optimize", "--sample", "--windows", "9:2"], "upward"),
        (["optimize", "--sample", "--windows", "2:9:0"], "upward"),
        (["optimize", "--sample", "--windows", "two"], "no range of windows"),
        (["optimize", "--sample", "--windows", ""], "no range of windows"),
        (["optimize", "--sample", "--windows"], "requires an argument"),
        (["optimize", *SMALL, "--objective", "totalreturn"], "Did you mean"),
        (["optimize", *SMALL, "--fees", "1"], "fees must be in [0, 1), got 1."),
        (["optimize", *SMALL, "--fees", "much"], "--fees must be a number, got 'much'."),
        (["optimize", *SMALL, "--top", "0"], "top must be at least 1, got 0"),
        (["optimize", *SMALL, "--top", "1.5"], "--top must be a whole number, got '1.5'."),
        (["optimize", *SMALL, "--threads", "0"], "threads must be at least 1, got 0"),
        (["optimize", *SMALL, "--out", "."], "not empty"),
        (["optimize", *SMALL, "--memory", "4 cups"], "unit"),
        (["optimize", *SMALL, "--report", "none/page.html"], "there is no directory none"),
        (["optimize", *SMALL, "--report", "."], "is a directory. Name a file"),
        (["optimize", *SMALL, "--save-grid", "float32"], "--out"),
        (["optimize", "--nonsense"], "No such option: --nonsense"),
        (["optimize", *SMALL, "--window", "3"], "No such option: --window"),
        (["optimize", *SMALL, "--where", "trades > 3"], "unknown metric 'trades'"),
        (["optimize", *SMALL, "--where", "win_rate"], "is not understood"),
        (["optimize", *SMALL, "--where", "win_rate > 2", "--where", "win_rate < 1"], "contradict"),
        (["optimize", *SMALL, "--stop-loss", "5"], "stop_loss must be in (0, 1), got 5."),
        (["optimize", *SMALL, "--fixed-fees", "1"], "no longer add up"),
        (["optimize", *SMALL, "--end", "1990-01-01"], "Use a later end"),
        (["optimize", *SMALL, "--start", "yesterday"], "must be a date"),
        (["optimize", "a.toml", "b.toml"], "one job file"),
        (["optimize", "none.toml"], "no such file"),
        (["backtest", "--sample", "1", "2", "3"], "four windows"),
        (["backtest", "--sample", "1", "2", "3", "x"], "whole numbers"),
        (["backtest", "--sample", "9", "2", "3", "4"], "below"),
        (["backtest", "10", "50", "20", "100"], "prices are missing"),
        (["backtest", "none.csv", "10", "50", "20", "100"], "no such file"),
        (["backtest"], "Missing argument"),
        (["compare", "none", "nothing"], "none does not exist"),
        (["signal", "none"], "none does not exist"),
        (["signal", "--sample", "1", "2", "3"], "four windows"),
        (["evaluate", "--sample"], "combinations are missing"),
        (["evaluate", "--sample", "1", "2", "3", "4", "5"], "every combination takes four"),
        (["evaluate", "--sample", "--from", "none.csv"], "no such file"),
        (["evaluate", "--sample", "1", "2", "3", "4", "--csv", "--json"], "Use one of them"),
        (["evaluate", "--sample", "1", "2", "3", "9999"], "needs at least 10000"),
        (["show", "."], "holds no result"),
        (["show", "nowhere"], "nowhere does not exist"),
        (["verify", __file__], "is a file"),
        (["show"], "there is no last result"),
        (["show", ".", "--rows", "0"], "--rows must be at least 1, got '0'."),
        (["resume", "."], "holds no run"),
        (["watch", "."], "holds no run"),
        (["verify", "."], "holds no result"),
        (["runs", "nowhere"], "does not exist"),
        (["runs", __file__], "is a file"),
        (["export", "."], "holds no result"),
        (["export", ".", "--out", "x.doc"], "Add --format"),
        (["export", ".", "--format", "xls"], "Did you mean 'xlsx'?"),
        (["export", ".", "--format", "parquet"], "needs a file"),
        (["doctor", "me"], "unexpected extra argument"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(arguments, says, tmp_path, monkeypatch):
    (tmp_path / "something").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path / "none"))
    done = inside(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.startswith("qmac: ") and done.stderr.count("\n") == 1 and done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


def test_no_command_is_help():
    done = qmac()
    assert done.returncode == 2 and "doctor" in done.stdout and done.stderr == ""


def takes_one(option):
    is_flag = getattr(option, "is_flag", True)  # an argument has no name to write twice
    return not is_flag and not option.multiple and option.nargs == 1


ONE_VALUE = [
    (command.name, option.opts[0])
    for command in get_command(app).commands.values()
    for option in command.params
    if takes_one(option)
]


@pytest.mark.parametrize(("name", "option"), ONE_VALUE)
def test_an_option_of_one_value_is_refused_twice(name, option):
    done = inside(name, option, "1", option, "2")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"qmac: {option} takes one value, got 2. Leave all but one out.\n"


def test_lists_and_flags_may_be_repeated():
    assert len(ONE_VALUE) > 100
    where = ["--where", "total_trades > 1", "--where", "total_trades < 900"]
    done = inside("estimate", "--sample", "--windows", "2:9", *where, "--json", "--json")
    assert done.returncode == 0, done.stderr


def test_help_has_colours_on_a_terminal_only(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1" in qmac("show", "--help").stdout
