"""What every command keeps: help, one line for a mistake, exit codes, completion, colours, a fast start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.terminal import inside, qmac

from qmac.cli import exits
from qmac.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
NAMES = sorted(command.__name__ for command in COMMANDS)


def test_the_commands():
    wanted = (
        "optimize backtest evaluate resume watch show report verify estimate runs export doctor"
    )
    assert sorted(wanted.split()) == NAMES


def test_the_commands_are_documented():
    page = (ROOT / "docs" / "command-line.md").read_text()
    table = page.partition("| command |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_and_json(name):
    done = inside(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"Example: qmac {name}" in done.stdout and "--json" in done.stdout
    assert "\x1b" not in done.stdout and max(map(len, done.stdout.splitlines())) <= 80


def test_exit_codes_are_documented():
    page = (ROOT / "docs" / "command-line.md").read_text()
    assert {
        int(code): words for code, words in re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    } == exits.MEANINGS


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
        (["evaluate", "--sample"], "combinations are missing"),
        (["evaluate", "--sample", "1", "2", "3", "4", "5"], "every combination takes four"),
        (["evaluate", "--sample", "--from", "none.csv"], "no such file"),
        (["evaluate", "--sample", "1", "2", "3", "4", "--csv", "--json"], "Use one of them"),
        (["evaluate", "--sample", "1", "2", "3", "9999"], "needs at least 10000"),
        (["show", "."], "holds no result"),
        (["show", "nowhere"], "nowhere does not exist"),
        (["verify", __file__], "is a file"),
        (["show"], "Missing argument"),
        (["show", ".", "--rows", "0"], "--rows must be at least 1, got '0'."),
        (["resume", "."], "holds no run"),
        (["watch", "."], "holds no run"),
        (["verify", "."], "holds no result"),
        (["runs", "nowhere"], "is not there"),
        (["runs", __file__], "is a file"),
        (["export", "."], "holds no result"),
        (["export", ".", "--out", "x.doc"], "Add --format"),
        (["export", ".", "--format", "xls"], "Did you mean 'xlsx'?"),
        (["export", ".", "--format", "parquet"], "needs a file"),
        (["doctor", "me"], "unexpected extra argument"),
    ],
)  # fmt: skip
def test_mistakes_end_in_one_line_and_code_2(arguments, says, tmp_path, monkeypatch):
    (tmp_path / "something").touch()
    monkeypatch.chdir(tmp_path)
    done = inside(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.startswith("qmac: ") and done.stderr.count("\n") == 1 and done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


def test_a_mistake_in_a_process():
    done = qmac("optimize", "--nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr.startswith("qmac: No such option: --nonsense. See: ")
        and done.stderr.count("\n") == 1
    )


def test_no_command_is_help():
    done = qmac()
    assert done.returncode == 2 and "doctor" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["optimize", "--help"]])
def test_nothing_heavy_is_imported(arguments):
    code = f"import sys; sys.argv = ['qmac', *{arguments!r}]\nfrom qmac.cli.app import run\nrun()\n"
    code += "print([name for name in ('numpy', 'numba', 'pandas', 'plotly', 'ray') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


ASKED = {  # how each shell's script asks for what may follow
    "bash": lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
    "zsh": lambda words: {"_TYPER_COMPLETE_ARGS": words},
    "fish": lambda words: {
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    },
}


@pytest.mark.parametrize("shell", ASKED)
def test_completion(shell):
    def completed(words):
        asked = {"_QMAC_COMPLETE": f"complete_{shell}", **ASKED[shell](words)}
        code = "import sys; sys.argv = ['qmac']\nfrom qmac.cli.app import app\napp()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, **asked},
        )
        return re.findall(
            r'^"?([\w-]+)', done.stdout.removeprefix("_arguments '*: :(("), re.MULTILINE
        )

    assert completed("qmac e") == ["evaluate", "export", "estimate"]
    assert completed("qmac optimize --objective sor") == ["sortino_ratio"]
    assert "--where" in completed("qmac optimize --w")
    assert completed("qmac optimize sp") == (
        ["_files"] if shell == "zsh" else []
    )  # left to the shell: files


def test_a_reader_that_leaves(csv):
    command = (
        f"{sys.executable} -m qmac evaluate {csv} 2 5 3 9 --csv | true; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    said = [
        line for line in done.stderr.splitlines() if not line.startswith("qmac: compiling")
    ]  # the first run ever
    assert done.stdout == f"{exits.PIPE}\n" and said == []


@pytest.mark.parametrize(
    ("where", "code"), [("> /dev/full", exits.OUTPUT), (">&-", exits.DONE), ("2>&-", exits.DONE)]
)
def test_streams_that_take_nothing(one_run, where, code):
    command = f"{sys.executable} -m qmac runs {one_run} {where}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == code and "Traceback" not in done.stderr


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_on_a_terminal_only(tmp_path, environment, coloured):
    pty = pytest.importorskip("pty")
    (tmp_path / "prices").mkdir()
    (tmp_path / "run.json").write_text("damaged, and so red")
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "qmac", "runs", str(tmp_path)]
    known = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")
    }
    subprocess.run(
        command,
        stdout=slave,
        env={**known, "TERM": "xterm", "COLUMNS": "80", **environment},
        check=True,
    )
    os.close(slave)
    shown = os.read(master, 1 << 16)
    os.close(master)
    assert (b"\x1b[31mdamaged" in shown) == coloured and b"damaged" in shown
    assert "\x1b" not in inside(*command[3:]).stdout
