"""No text of a file, a name, an argument or the environment is a command to a terminal.

Every command runs on hostile prices, symbols, directories and arguments.
"""

import json
import os
import re
import shutil
import tomllib

import pytest
from helpers.series import frame, series
from helpers.terminal import inside, qmac

from qmac.cli.app import COMMANDS

CODES = "\x1b[31;7m\x1b]0;title\x07\x9b2J\u202e\u2066\u200b\u2028\x7f\r\b"
SYMBOL = f"=A{CODES}<script>alert(1)</script>\n\t\"'\\[/b]:bomb:"
OWN = re.compile("\x1b\\[[0-9;]*m|\x1b\\[\\?25[lh]|\r?(\x1b\\[1A)?\x1b\\[2K")
"""Colours, and what a progress bar writes to draw itself again."""
WINDOWS = ["--windows", "5,10,20,40"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="file names of Windows have no such text")


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """A directory of a good and a bad file, all of whose texts are hostile."""
    folder = tmp_path_factory.mktemp("untrusted") / f"data{CODES}\nqmac: all is well"
    folder.mkdir()
    cell = CODES.replace("\r", "")  # which ends a row
    table = frame(series("random", 200, 4)).assign(**{f"Note{cell}": cell})
    table.to_csv(folder / f"{SYMBOL.replace('/', '')}.csv")
    (folder / f"bad{CODES}.csv").write_bytes(b"Date,Close\n2001-01-01,\x1b[31;7m\x9b2J\n")
    return folder


@pytest.fixture(scope="module")
def run(prices):
    out = prices.parent / f"run{CODES}\nqmac: all is well"
    done = inside("optimize", prices, *WINDOWS, "--out", out)
    assert done.returncode == 3, done.stderr
    return out


@pytest.fixture(scope="module")
def forged(run):
    """A copy whose files say hostile things of the run, of another process, and of its progress."""
    copy = run.with_name(f"forged{CODES}")
    shutil.copytree(run, copy)
    header = json.loads((copy / "run.json").read_text())
    header |= dict.fromkeys(("qmac", "machine", "host"), f"{CODES}\nqmac: all is well")
    (copy / "run.json").write_text(json.dumps(header))
    (copy / "lock").write_text(f"process 1{CODES}")
    line = {"state": f"done{CODES}", "time": 0, "name": CODES, "reason": CODES}
    (copy / "progress.jsonl").write_text(json.dumps(line) + "\n")
    return copy


def file(prices, start):
    return next(path for path in prices.iterdir() if path.name.startswith(start))


CALLS = {
    "optimize": [
        lambda prices, run, forged: [prices, *WINDOWS],
        lambda prices, run, forged: [file(prices, "bad")],
        lambda prices, run, forged: [prices, "--where", f"win_rate{CODES} > 3"],
        lambda prices, run, forged: [prices, "--windows", CODES],
        lambda prices, run, forged: [prices, f"--{CODES}"],
        lambda prices, run, forged: [f"{CODES}.toml"],
    ],
    "estimate": [lambda prices, run, forged: [prices, *WINDOWS, "--strict"]],
    "backtest": [
        lambda prices, run, forged: [file(prices, "=A"), 5, 20, 10, 40],
        lambda prices, run, forged: [file(prices, "=A"), 5, 20, 10, CODES],
    ],
    "evaluate": [
        lambda prices, run, forged: [file(prices, "=A"), 5, 20, 10, 40],
        lambda prices, run, forged: [file(prices, "=A"), "--from", file(prices, "bad")],
    ],
    "signal": [
        lambda prices, run, forged: [run],
        lambda prices, run, forged: [forged],
        lambda prices, run, forged: [prices, 5, 20, 10, 40],
        lambda prices, run, forged: [run, "--prices", file(prices, "=A")],
        lambda prices, run, forged: [run, "--combination", CODES],
        lambda prices, run, forged: [CODES],
    ],
    "resume": [
        lambda prices, run, forged: [run],
        lambda prices, run, forged: [forged],
    ],
    "watch": [lambda prices, run, forged: [run], lambda prices, run, forged: [forged]],
    "runs": [lambda prices, run, forged: [run.parent], lambda prices, run, forged: [CODES]],
    "show": [
        lambda prices, run, forged: [run],
        lambda prices, run, forged: [run, "--toml"],
        lambda prices, run, forged: [run, "--symbol", CODES],
        lambda prices, run, forged: [forged],
    ],
    "compare": [
        lambda prices, run, forged: [run, run],
        lambda prices, run, forged: [forged, run],
        lambda prices, run, forged: [run, CODES],
    ],
    "report": [
        lambda prices, run, forged: [run, "--each"],
        lambda prices, run, forged: [run, "--png", run / CODES],
    ],
    "luck": [
        lambda prices, run, forged: [run, "--resamples", 19],
        lambda prices, run, forged: [forged],
        lambda prices, run, forged: [file(prices, "bad")],
        lambda prices, run, forged: [run, "--symbol", CODES],
        lambda prices, run, forged: [run, "--nulls", CODES],
    ],
    "walk-forward": [
        lambda prices, run, forged: [run, "--train", 60, "--test", 30],
        lambda prices, run, forged: [prices, *WINDOWS, "--train", 60, "--test", 30],
        lambda prices, run, forged: [forged, "--holdout", 0.3],
        lambda prices, run, forged: [prices, "--holdout", CODES],
        lambda prices, run, forged: [run, "--train", CODES, "--test", 30],
    ],
    "export": [
        lambda prices, run, forged: [run],
        lambda prices, run, forged: [run, "--format", "json"],
        lambda prices, run, forged: [run, "--what", "pine", "--combination", f"2 3 2 {CODES}"],
        lambda prices, run, forged: [run, "--what", "vectorbt"],
        lambda prices, run, forged: [run, "--out", run / f"top{CODES}.csv"],
    ],
    "save": [lambda prices, run, forged: [run.parent / CODES], lambda prices, run, forged: [run]],
    "verify": [lambda prices, run, forged: [run, "--rows", 1]],
    "doctor": [lambda prices, run, forged: []],
    "prices": [
        lambda prices, run, forged: [prices.parent],
        lambda prices, run, forged: [prices, "--close", CODES],
    ],
    "fetch": [lambda prices, run, forged: [f"nowhere:{CODES}"]],
    "explore": [  # each is refused: none serves a page
        lambda prices, run, forged: [file(prices, "bad"), "--no-browser"],
        lambda prices, run, forged: [prices, "--no-browser", "--windows", CODES],
        lambda prices, run, forged: [run, "--no-browser", "--symbol", CODES],
    ],
}
PLAIN = [(name, call, False) for name, calls in CALLS.items() for call in calls]
COLORED = [(name, calls[0], True) for name, calls in CALLS.items()]


def test_every_command_is_tried():
    assert set(CALLS) == {command.__name__.replace("_", "-") for command in COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "call", "colored"), [*PLAIN, *COLORED])
def test_no_command_prints_what_moves_the_cursor(
    name, call, colored, prices, run, forged, monkeypatch
):
    if colored:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("QMAC_NOTE", CODES)
    done = inside(name, *call(prices, run, forged))
    text = done.stdout + done.stderr
    assert "Traceback" not in text and "\x1b[31;7m" not in text
    if colored:
        text = OWN.sub("", text)
    assert text.replace("\n", "").replace("\t", "").isprintable()
    assert "\nqmac: all is well" not in text


@pytest.mark.parametrize("name", ["show", "signal", "runs"])
def test_the_last_result_is_no_exception(name, run, tmp_path, monkeypatch):
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path))
    monkeypatch.setenv("QMAC_LAST_RESULTS", "10")
    last = tmp_path / f"20260101-000000-000000-{CODES}"
    shutil.copytree(run, last)
    (last / ".last").touch()
    words = {"runs": ["--last"], "signal": ["--combination", "5 20 10 40"]}
    done = inside(name, *words.get(name, []))
    assert (
        done.returncode in (0, 3) and f"{done.stdout}{done.stderr}".replace("\n", "").isprintable()
    )
    assert ("last result: " in done.stderr) == (name != "runs")


def test_of_a_process_too(prices):
    done = qmac("optimize", file(prices, "bad"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.replace("\n", "").isprintable() and done.stdout == ""


def test_json_and_toml_have_the_same_symbol(prices, run):
    symbol = file(prices, "=A").stem
    shown = json.loads(inside("show", run, "--json").stdout)
    assert [row["symbol"] for row in shown["winners"]] == [symbol]
    assert list(tomllib.loads(inside("show", run, "--toml").stdout)["prices"]) == [symbol]


def test_a_page_has_no_tags_of_others(run):
    inside("report", run, "--out", run / "page.html")
    page = (run / "page.html").read_text("utf-8")
    assert page.replace("\n", "").replace("\t", "").isprintable()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
