"""verify finds what is wrong, and nothing else; doctor says what is there."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series
from helpers.terminal import inside

import qmac
from qmac.cli.commands import checks
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.strategy.metrics import METRICS
from qmac.verification import doctor, vectorbt

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setattr(
        checks, "NOTE_SECONDS", 60.0
    )  # a busy machine is no reason to say how far it is


@pytest.mark.slow
def test_a_slow_replay_says_how_far_it_is(one_run, monkeypatch):
    monkeypatch.setattr(checks, "NOTE_SECONDS", 0.0)
    assert "qmac: replaying row 2 of 2 of spy" in inside("verify", one_run, "--rows", 2).stderr


@pytest.mark.slow
def test_verify(one_run):
    done = inside("verify", one_run)
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 rows agree with the reference" in done.stdout
    answer = json.loads(inside("verify", one_run, "--rows", 2, "--json").stdout)
    assert answer["agrees"] and answer["rows"] == 2
    assert {
        entry["metric"] for entry in answer["differences"] if entry["against"] == "reference"
    } == set(METRICS)
    assert all(
        entry["relative"] <= 1e-9
        for entry in answer["differences"]
        if entry["against"] == "reference"
    )


@pytest.mark.slow
def test_verify_one_symbol(run_of_many):
    answer = json.loads(
        inside("verify", run_of_many, "--symbol", "b c", "--rows", 1, "--json").stdout
    )
    assert {entry["symbol"] for entry in answer["differences"]} == {"b c"}
    done = inside("verify", run_of_many, "--symbol", "AAB")
    assert done.returncode == 2 and "Did you mean 'AAA'?" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("without", [True, False])
def test_verify_finds_what_is_wrong(csv, tmp_path, monkeypatch, without):
    """A result whose numbers were changed, and whose checksums fit."""
    if without:
        monkeypatch.setattr(vectorbt, "is_installed", lambda: False)
    else:
        pytest.importorskip("vectorbt")
    assert (
        inside(
            "optimize", csv, "--windows", "2:20:3", "--out", tmp_path / "run", "--top", 3
        ).returncode
        == 0
    )
    directory = RunDirectory.open(tmp_path / "run")
    place = directory.result(Task("spy"))
    result = qmac.load(place)
    top = result.top
    top.loc[1, "max_drawdown"] *= 1 + 3e-9
    top.loc[2, "sharpe_ratio"] = np.nan
    result = dataclasses.replace(result, top=top)
    directory.drop_result(Task("spy"))
    result.save(place)
    done = inside("verify", tmp_path / "run")
    assert done.returncode == 1
    windows = tuple(int(window) for window in result.top.iloc[2, :4])
    assert (
        f"sharpe_ratio of {windows} on spy is nan, but" in done.stderr
        and "Please report it" in done.stderr
    )
    assert "3e-09" in done.stdout and "not finite" in done.stdout
    assert ("pip install vectorbt" in done.stdout) == without
    answer = json.loads(inside("verify", tmp_path / "run", "--json").stdout)
    wrong = {entry["metric"] for entry in answer["differences"] if not entry["agrees"]}
    assert wrong == {"max_drawdown", "sharpe_ratio"} and not answer["agrees"]
    assert inside("verify", tmp_path / "run", "--rows", 1).returncode == 0


def test_a_vectorbt_that_cannot_be_imported(one_run, monkeypatch):
    def broken(name):
        raise AttributeError(f"{name} needs a NumPy of its own\nand more")

    monkeypatch.setattr(vectorbt, "find_spec", lambda name: True)
    monkeypatch.setattr(vectorbt, "import_module", broken)
    vectorbt.is_installed.cache_clear()
    try:
        done = inside("verify", one_run, "--rows", 1)
    finally:
        vectorbt.is_installed.cache_clear()
    assert done.returncode == 0 and "agree with the reference to" in done.stdout
    assert (
        done.stderr.count("\n") == 1
        and "vectorbt needs a NumPy of its own). It is left out." in done.stderr
    )


def test_a_result_that_was_saved_by_itself(csv, tmp_path):
    result = qmac.optimize(qmac.read_prices(csv), qmac.Grid(windows=[2, 5, 9, 14]), top=4)
    done = inside("verify", result.save(tmp_path / "result"))
    assert (done.returncode, done.stderr) == (0, "") and "4 rows agree" in done.stdout
    done = inside("verify", dataclasses.replace(result, source=None).save(tmp_path / "old"))
    assert done.returncode == 2 and "without its prices" in done.stderr


def test_one_result_of_a_run(run_of_many):
    place = run_of_many / "results" / "AAA"
    answer = json.loads(inside("verify", place, "--rows", 2, "--json").stdout)
    assert answer["agrees"] and {entry["symbol"] for entry in answer["differences"]} == {"AAA"}


def test_own_averages_replay(tmp_path):
    prices, windows = qmac.Prices.of(frame(series("random", 120, 5))), [2, 4, 7, 11]
    own = np.stack(
        [pd.Series(prices.close).rolling(window).median().to_numpy() for window in windows]
    )
    result = qmac.optimize(
        prices, qmac.Grid(windows=windows), averages=own, top=4, min_trades=0, out=tmp_path / "run"
    )
    for place in (tmp_path / "run", result.save(tmp_path / "result")):
        answer = json.loads(inside("verify", place, "--json").stdout)
        assert answer["agrees"] and answer["rows"] == 4
    done = inside("optimize", tmp_path / "run" / "job.toml")
    assert done.returncode == 2 and "averages of the user's own" in done.stderr


def test_a_result_without_rows(tmp_path):
    """Nothing is left to replay, or to export; the columns and their types are there."""
    frame(series("constant", 60, 1)).to_csv(tmp_path / "flat.csv")
    assert (
        inside(
            "optimize", tmp_path / "flat.csv", "--windows", "2:9", "--out", tmp_path / "run"
        ).returncode
        == 0
    )
    done = inside("verify", tmp_path / "run")
    assert (done.returncode, done.stderr) == (0, "") and "nothing to replay" in done.stdout
    assert json.loads(inside("verify", tmp_path / "run", "--json").stdout)["rows"] == 0
    full = qmac.optimize(frame(series("random", 60, 1)), qmac.Grid(windows=[2, 3, 5, 8])).top
    for kind in ("csv", "parquet", "json"):
        assert inside("export", tmp_path / "run", "--out", tmp_path / f"top.{kind}").returncode == 0
    empty = pd.read_parquet(next((tmp_path / "run").glob("results/*/top.parquet")))
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert (
        pd.read_parquet(tmp_path / "top.parquet").dtypes.iloc[2:].to_dict() == full.dtypes.to_dict()
    )
    assert "finished" in inside("runs", tmp_path).stdout


# -- doctor


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(doctor, "BARS", 150)
    monkeypatch.setattr(doctor, "WINDOWS", range(2, 20))
    monkeypatch.setattr(doctor, "SPEED_SECONDS", 0.05)
    monkeypatch.setattr(doctor, "SLOW", 1.0)


def test_doctor(quick):
    done = inside("doctor")
    assert done.returncode == 0, done.stdout
    for words in (
        "Python",
        "qmac",
        "numba",
        "CPU",
        "vectors",
        "kernels",
        "memory",
        "CPUs",
        "ray",
        "speed",
    ):
        assert words in done.stdout
    answer = json.loads(inside("doctor", "--json").stdout)
    found = {finding["name"]: finding for finding in answer["findings"]}
    assert answer["healthy"] and found["speed"]["facts"]["combinations_per_second"] > 0
    assert found["kernels"]["facts"]["writable"] and found["vectors"]["facts"]["bits"] in (
        64,
        128,
        256,
        512,
    )


def test_doctor_finds_kernels_that_are_wrong(quick, monkeypatch):
    def wrong(*_, **__):
        raise qmac.errors.InternalError("the compiled kernels give wrong answers.")

    monkeypatch.setattr(doctor, "optimize", wrong)
    done = inside("doctor")
    assert done.returncode == 1 and "bad" in done.stdout and "wrong answers" in done.stdout


def test_a_replay_that_does_not_fit_into_memory_is_refused(one_run, monkeypatch):
    monkeypatch.setattr(checks, "BAR_BYTES", 2**50)
    done = inside("verify", one_run, "--rows", 3)
    assert (done.returncode, done.stdout) == (2, "")
    assert "qmac: replaying 3 rows of spy needs" in done.stderr
    assert "TiB of memory" in done.stderr and "or replay fewer: --rows." in done.stderr
