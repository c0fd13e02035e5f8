"""``qmac explore`` as its users meet it."""

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from helpers.faults import GRID, PRICES
from helpers.terminal import inside

import qmac
from qmac.cli.commands import explore
from qmac.cli.options.job import JobOptions
from qmac.cli.options.tables import READING
from qmac.explorer import server
from qmac.explorer.explorer import Explorer
from qmac.runtime.resources.limits import Limits

pytest.importorskip("uvicorn", reason='pip install "qmac[explore]"')


@pytest.fixture
def served(monkeypatch):
    """What would be served."""
    seen = []
    monkeypatch.setattr(server, "serve", lambda *arguments: seen.append(arguments))
    return seen


def explorer_of(served):
    ((explorer, *_),) = served
    assert isinstance(explorer, Explorer)
    return explorer


def test_prices_and_options_are_what_the_page_begins_with(served, csv):
    done = inside(
        "explore", csv, "--windows", "2:21", "--objective", "sharpe_ratio", "--fees", "0.001",
        "--min-trades", 3, "--no-browser",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    explorer = explorer_of(served)
    assert explorer.first.objective == "sharpe_ratio"
    assert explorer.first.rules == qmac.Rules(fees=0.001)
    assert explorer.first.min_trades == 3
    words = shlex.split(explorer.build_command(explorer.first))
    assert words[:3] == ["qmac", "optimize", str(csv)]
    expected = json.loads(
        inside("optimize", csv, "--windows", "2:21", "--objective", "sharpe_ratio", "--fees",
               "0.001", "--min-trades", 3, "--json").stdout
    )  # fmt: skip
    assert json.loads(inside(*words[1:], "--json").stdout)["digest"] == expected["digest"]


def test_a_run_is_what_the_page_begins_with(served, tmp_path):
    rules = qmac.Rules(fees=0.002)
    result = qmac.optimize(PRICES, GRID, rules=rules, top=20, out=tmp_path / "my run")
    done = inside("explore", tmp_path / "my run")
    assert done.returncode == 0, done.stderr
    explorer = explorer_of(served)
    assert explorer.grid == GRID
    assert explorer.first.rules == rules
    words = shlex.split(explorer.build_command(explorer.first))
    assert json.loads(inside(*words[1:], "--json").stdout)["digest"] == result.digest


def test_options_of_reading_are_part_of_the_command():
    reading = {name: option.default for name, option in READING.items()}
    values = {"prices": ["a b.txt"], "sample": False, **reading, "separator": ";", "sort": True}
    options = JobOptions(Limits(), values)
    words = explore._list_words(options, None, "a", None, qmac.Grid(windows=range(2, 253)))
    assert words == ["a b.txt", "--separator", ";", "--sort"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "prices are missing"),
        (["--sample", "--port", "70000"], "--port must be in [0, 65535]"),
        (["--sample", "--host", "nowhere.invalid"], "cannot be listened on"),
        (["--sample", "--prices", "a.csv"], "--prices goes with the directory"),
    ],
)
def test_mistakes_end_in_one_line(served, arguments, says):
    done = inside("explore", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_many_series_are_refused(served, tmp_path):
    for name in ("a", "b"):
        PRICES.to_csv(tmp_path / f"{name}.csv", index_label="Date")
    done = inside("explore", tmp_path / "a.csv", tmp_path / "b.csv", "--windows", "2:9")
    assert done.returncode == 2
    assert "shows one series, and there are 2: a, b" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(number, tmp_path):
    command = [sys.executable, "-m", "qmac", "explore", "--sample", "--windows", "10:60:10"]
    with subprocess.Popen(
        [*command, "--no-browser", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=tmp_path, env={**os.environ, "DISPLAY": ""},
    ) as process:  # fmt: skip
        address = json.loads(process.stdout.readline())["address"]
        host, _, path = address.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("GET", f"/{path}")
        assert connection.getresponse().status == 200
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(60) == 0
        assert time.monotonic() - began < 30
        assert process.stderr.read() == ""
