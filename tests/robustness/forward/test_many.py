"""The walk-forwards of many symbols, and what they say together."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.series import frame, series
from helpers.terminal import inside

import qmac
from qmac.errors import OptionError, SymbolError
from qmac.jobs.job import Job
from qmac.robustness.forward.folds import Layout
from qmac.robustness.forward.many import Forwards, plan_each, read_walk, walk_forward_many
from qmac.strategy.request import check_request

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))
PRICES = {
    "AAA": frame(series("random", 300, 4)),
    "b c": frame(series("random", 260, 5)),
    "short": frame(series("random", 120, 6)),
}
LENGTHS = {"train": 100, "test": 60}


@pytest.fixture(scope="module")
def forwards():
    with pytest.warns(UserWarning, match="left out: there is no whole fold"):
        return walk_forward_many(PRICES, GRID, **LENGTHS)


def test_each_is_that_of_its_symbol(forwards):
    assert isinstance(forwards, Forwards) and list(forwards) == ["AAA", "b c"]
    for name, forward in forwards.items():
        alone = qmac.walk_forward(qmac.Prices.of(PRICES[name], name), GRID, **LENGTHS)
        assert alone.digest == forward.digest
    assert "short has" in forwards.left_out["short"]
    with pytest.raises(SymbolError):
        forwards["none"]


def test_a_row_for_each_and_sentences(forwards):
    table = forwards.table
    assert table.index.tolist() == ["AAA", "b c"] and table["folds"].tolist() == [3, 2]
    for name, forward in forwards.items():
        assert table["followed"][name] == forward.metrics["followed"]["total_return"]
    better = int((table["followed"] > table["hold"]).sum())
    above = int(table["above_median"].sum())
    assert forwards.sentences[0].endswith(f"more than buy & hold in {better}.")
    assert forwards.sentences[1].endswith(f"in {above} of 5 folds.")
    median = table["kept_share"].median()
    assert forwards.sentences[2].startswith(f"The median kept share of 2 symbols is {median:.2f};")
    assert repr(forwards).startswith("Forwards(2 symbols: AAA, b c; ")
    summary = forwards.summary()
    assert [entry["name"] for entry in summary["walk_forward"]] == ["AAA", "b c"]
    assert summary["sentences"] == forwards.sentences and "short" in summary["left_out"]


def test_folds_are_planned_before_anything_is_swept():
    prices = {name: qmac.Prices.of(table, name) for name, table in PRICES.items()}
    job = Job(prices, check_request(GRID, "total_return", None, 100, 1))
    assert list(plan_each(job, Layout.check(100, 60))) == ["AAA", "b c"]
    with pytest.raises(OptionError, match="no whole fold"):
        plan_each(job, Layout.check(1000, 60))


KILLED = """
import os, sys
import qmac
from helpers.series import frame, series

def kill(status):
    if status.part > 1:  # in the second symbol
        os.kill(os.getpid(), 9)

prices = {name: frame(series("random", 300, seed)) for name, seed in (("AAA", 4), ("b c", 5))}
grid = qmac.Grid(windows=(2, 3, 5, 8, 13))
qmac.walk_forward_many(prices, grid, train=100, test=60, out=sys.argv[1], progress=kill)
"""


@pytest.mark.slow
def test_a_new_directory_is_a_run_that_is_resumed_after_a_kill(tmp_path):
    out = tmp_path / "out"
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parents[2])])
    environment = os.environ | {"PYTHONPATH": paths}
    killed = subprocess.run([sys.executable, "-c", KILLED, out], env=environment)
    assert killed.returncode == -signal.SIGKILL
    prices = {"AAA": PRICES["AAA"], "b c": frame(series("random", 300, 5))}
    expected = walk_forward_many(prices, GRID, **LENGTHS)
    begun = qmac.load(out)
    assert list(begun) == ["AAA"] and "b c" in begun.left_out
    resumed = inside("resume", out)
    assert resumed.returncode == 0, resumed.stderr
    digests = {name: forward.digest for name, forward in expected.items()}
    assert {name: forward.digest for name, forward in qmac.load(out).items()} == digests
    again = walk_forward_many(prices, GRID, **LENGTHS, out=out)
    assert again["AAA"].elapsed == qmac.load(out)["AAA"].elapsed  # what is stored


def test_what_has_no_answer_says_why_as_its_run_did(tmp_path):
    out = tmp_path / "out"
    with pytest.warns(UserWarning, match="left out: there is no whole fold"):
        asked = walk_forward_many(PRICES, GRID, **LENGTHS, out=out)
    assert read_walk(out).left_out == asked.left_out
    next((out / "forward").glob("b*/*.json")).unlink()
    left_out = read_walk(out).left_out
    assert left_out.pop("b c") == f"b c is not swept yet. Go on with it: qmac resume {out}"
    assert left_out == asked.left_out


def test_nothing_is_written_without_a_whole_fold(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(OptionError, match="no whole fold"):
        walk_forward_many(PRICES, GRID, train=1000, test=60, out=out)
    assert not out.exists()


def test_a_run_that_has_the_series_takes_some_of_them(tmp_path):
    out = tmp_path / "out"
    two = {name: PRICES[name] for name in ("AAA", "b c")}
    qmac.optimize_many(two, GRID, out=out)
    one = {"AAA": PRICES["AAA"]}
    (forward,) = walk_forward_many(one, GRID, **LENGTHS, out=out).values()
    assert list((out / "forward").iterdir())
    assert forward.digest == walk_forward_many(one, GRID, **LENGTHS)["AAA"].digest
