"""The command line as its users meet it: a process, two streams, an exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import frame, series
from terminal import qmac


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("prices") / "spy.csv"
    frame(series("random", 300, 4)).to_csv(path)
    return path


def test_optimize_show_json(csv, tmp_path):
    out = tmp_path / "run"
    done = qmac("optimize", csv, "--windows", "2:30:3", "--out", out, "--top", 5)
    assert done.returncode == 0, done.stderr
    for words in ("profitable", "quantiles", "buy & hold", f"qmac show {out}", "digest"):
        assert words in done.stdout
    shown = qmac("show", out)
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[2:-1] == done.stdout.splitlines()[2:-2]
    answer = json.loads(qmac("show", out, "--json").stdout)
    again = json.loads(qmac("optimize", csv, "--windows", "2:30:3", "--json", "--top", 5, "--threads", 1).stdout)
    assert answer["digest"] == again["digest"]
    assert set(again) >= {
        "evaluated", "scored", "unscored", "digest", "elapsed", "combinations_per_second", "best", "top"
    }  # fmt: skip
    assert len(again["top"]) == 5


def test_objectives_constraints_and_stops(csv, tmp_path):
    done = qmac(
        "optimize", csv, "--windows", "2:30:3", "--objective", "sharpe_ratio", "--where", "total_trades >= 3",
        "--where", "max_drawdown > -0.5", "--stop-loss", 0.1, "--max-bars", 40, "--average", "ema", "--out", tmp_path / "r",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in (
        "highest sharpe_ratio",
        "stop_loss 0.1",
        "max_bars 40",
        "ema",
        "total_trades >= 3",
        "max_drawdown >= -0.5",
    ):
        assert words in done.stdout
    answer = json.loads(qmac("show", tmp_path / "r", "--json").stdout)
    assert answer["filtered"] == answer["evaluated"] - answer["scored"] - answer["unscored"]
    assert set(answer["filtered_by"]) == {"total_trades", "max_drawdown"}
    assert all(row["total_trades"] >= 3 and row["max_drawdown"] > -0.5 for row in answer["top"])
    assert answer["rules"]["stop_loss"] == 0.1


def test_backtest(csv):
    assert "total_return" in qmac("backtest", csv, 5, 20, 10, 30).stdout
    answer = json.loads(qmac("backtest", csv, 5, 20, 10, 30, "--json").stdout)
    assert len(answer["trades"]) == answer["metrics"]["total_trades"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optimize"], "no prices"),
        (["optimize", "none.csv"], "no such file"),
        (["optimize", "--sample", "--windows", "0:9"], "at least 1 bar"),
        (["optimize", "--sample", "--windows", "2:4"], "four different"),
        (["optimize", "--sample", "--windows", "2:9", "--objective", "totalreturn"], "Did you mean"),
        (["optimize", "--sample", "--windows", "2:9", "--fees", "1"], "fees is 1"),
        (["optimize", "--sample", "--windows", "2:9", "--top", "0"], "top is 0"),
        (["optimize", "--sample", "--windows", "2:9", "--threads", "0"], "threads is 0"),
        (["optimize", "--sample", "--windows", "2:9", "--out", "."], "not empty"),
        (["optimize", "--nonsense"], "No such option"),
        (["optimize", "--sample", "--windows", "2:9", "--where", "trades > 3"], "no such metric"),
        (["optimize", "--sample", "--windows", "2:9", "--where", "win_rate"], "is not understood"),
        (
            ["optimize", "--sample", "--windows", "2:9", "--where", "win_rate > 2", "--where", "win_rate < 1"],
            "contradict",
        ),
        (["optimize", "--sample", "--windows", "2:9", "--stop-loss", "5"], "stop_loss is 5"),
        (["optimize", "--sample", "--windows", "2:9", "--fixed-fees", "1"], "no longer add up"),
        (["optimize", "--sample", "--windows", "2:9", "--end", "1990-01-01"], "Give a later end"),
        (["backtest", "--sample", "1", "2", "3"], "four windows"),
        (["backtest", "--sample", "1", "2", "3", "x"], "whole numbers"),
        (["backtest", "--sample", "9", "2", "3", "4"], "below"),
        (["show", "."], "holds no result"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(arguments, says):
    done = qmac(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""


def test_nothing_is_written_on_bad_input(tmp_path):
    assert qmac("optimize", "--sample", "--windows", "2:9000", "--out", tmp_path / "run").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_interrupt(tmp_path):
    command = [
        sys.executable,
        "-m",
        "qmac",
        "optimize",
        "--sample",
        "--slippage",
        "0.001",
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        [*command, "--windows", "2:700"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = iter(process.stderr.readline, "")
    assert any("left" in line for line in lines)  # the sweep runs
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 1.5
    assert process.returncode == 75
    assert f"Go on with: qmac resume {tmp_path / 'run'}" in errors and "Traceback" not in errors


def test_a_reader_that_leaves(csv):
    command = f"{sys.executable} -m qmac optimize {csv} --windows 2:30:3 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert "combinations on spy" in done.stdout
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_small_terminal(csv):
    done = qmac("optimize", csv, "--windows", "2:30:3", env={**os.environ, "COLUMNS": "40"})
    assert done.returncode == 0
    assert "…" not in done.stdout.split("quantiles")[0]  # the windows above all
    assert max(map(len, done.stdout.splitlines()[3:-2])) <= 60


def test_without_a_writable_cache(csv):
    done = qmac("optimize", csv, "--windows", "5,10,20,40", env={**os.environ, "QMAC_CACHE_DIR": "/proc/none"})
    assert done.returncode == 0, done.stderr
