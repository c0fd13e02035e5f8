"""show and export: other programs read what the result holds, and no file is lost."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.terminal import inside

import qmac
from qmac.results import reader
from qmac.results.exports import build_table, encode
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.storage import atomic
from qmac.storage.json_text import to_json, to_json_values

READERS = {
    "csv": pd.read_csv,
    "parquet": pd.read_parquet,
    "json": lambda path: pd.DataFrame(json.loads(path.read_text())),
    "xlsx": pd.read_excel,
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("what", ["top", "winners", "maps", "distribution"])
def test_what_is_written_is_read(run_of_many, tmp_path, kind, what):
    if kind == "xlsx":
        pytest.importorskip("openpyxl")
        pytest.importorskip("xlsxwriter")
    path = tmp_path / f"table.{kind}"
    done = inside("export", run_of_many, "--out", path, "--what", what)
    assert done.returncode == 0, done.stderr
    expected = build_table(reader.read_results(run_of_many), what)
    found = READERS[kind](path)
    assert list(found.columns) == list(expected.columns)
    assert found["symbol"].tolist() == expected["symbol"].tolist()
    for column in expected.columns[1:]:
        if not pd.api.types.is_numeric_dtype(expected[column]):
            assert found[column].tolist() == expected[column].tolist()
            continue
        wanted, values = (
            frame[column].to_numpy(np.float64, na_value=np.nan)
            for frame in (expected, found.replace("inf", np.inf))
        )
        if kind == "json":
            wanted = np.where(np.isinf(wanted), np.nan, wanted)
        digits = 1e-14 if kind == "xlsx" else 0  # a sheet has 16 digits
        assert np.allclose(values, wanted, digits, 0, equal_nan=True), column


def test_one_symbol_of_many(run_of_many):
    one = reader.read_results(run_of_many)["AAA"]
    shown = inside("show", run_of_many, "--symbol", "AAA", "--verbose")
    assert shown.returncode == 0 and one.digest in shown.stdout and "quantiles" in shown.stdout
    text = inside("export", run_of_many, "--symbol", "AAA").stdout
    assert {line.split(",")[0] for line in text.splitlines()[1:]} == {"AAA"}
    for command in ("show", "export", "verify", "report"):
        done = inside(command, run_of_many, "--symbol", "AAB")
        assert (
            done.returncode == 2 and "holds no result of 'AAB'. Did you mean 'AAA'?" in done.stderr
        )


def test_on_standard_output(one_run):
    text = inside("export", one_run).stdout
    assert text == encode(build_table(reader.read_results(one_run)), "csv").decode()
    assert len(json.loads(inside("export", one_run, "--format", "json", "--out", "-").stdout)) == 7


def test_nothing_is_replaced_unless_asked(one_run, tmp_path):
    path = tmp_path / "top.csv"
    path.write_text("mine")
    done = inside("export", one_run, "--out", path)
    assert done.returncode == 2 and "--force" in done.stderr and path.read_text() == "mine"
    answer = json.loads(inside("export", one_run, "--out", path, "--force", "--json").stdout)
    assert answer == {"file": str(path), "what": "top", "format": "csv", "rows": 7}
    assert inside("export", one_run, "--out", tmp_path, "--format", "csv").returncode == 2
    assert inside("export", one_run, "--out", tmp_path / "no" / "top.csv").returncode == 2
    assert [file.name for file in tmp_path.iterdir()] == ["top.csv"]


@pytest.mark.parametrize("step", ["open", "write", "fsync", "rename"])
def test_a_full_disk_leaves_what_was_there(one_run, tmp_path, monkeypatch, step):
    path = tmp_path / "top.parquet"
    path.write_text("mine")

    def full(now):
        if now == step:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "step", full)
    done = inside("export", one_run, "--out", path, "--force")
    assert done.returncode == 74 and "Make room" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == [
        "top.parquet"
    ] and path.read_text() == "mine"


def test_without_xlsxwriter(one_run, tmp_path, monkeypatch):
    monkeypatch.setattr("qmac.results.exports.find_spec", lambda name: None)
    done = inside("export", one_run, "--out", tmp_path / "top.xlsx")
    assert (
        done.returncode == 2
        and "pip install 'qmac[xlsx]'" in done.stderr
        and not list(tmp_path.iterdir())
    )


def test_winners_fit_into_80_columns(run_of_many):
    """A pipe has no width; a number that is cut off is no number."""
    shown = inside("show", run_of_many).stdout.partition("left out")[0]
    table = shown[shown.index(" symbol ") :]
    assert max(map(len, table.splitlines())) <= 80 and "\N{HORIZONTAL ELLIPSIS}" not in table


def test_show_says_what_repeats_it(one_run, run_of_many, csv, tmp_path):
    inside_run = next(one_run.glob("results/*"))
    for path, more in ((one_run, []), (inside_run, [csv])):
        (tmp_path / "again.toml").write_text(inside("show", path, "--toml").stdout)
        done = inside("optimize", tmp_path / "again.toml", *more, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["digest"] == qmac.load(one_run).digest
    answer = json.loads(inside("show", run_of_many, "--toml", "--json").stdout)
    assert "[prices]" in answer["toml"] and "left out: " in answer["toml"]


def test_one_damaged_result_hides_no_other(run_of_many, tmp_path):
    run = shutil.copytree(run_of_many, tmp_path / "run")
    damaged = run / "results" / "AAA" / "top.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-7])
    done = inside("show", run)
    assert done.returncode == 3, done.stderr
    assert "b c" in done.stdout and f"left out: {damaged} is damaged" in done.stdout
    assert f"qmac resume {run}" in done.stderr
    answer = json.loads(inside("show", run, "--json").stdout)
    assert [row["symbol"] for row in answer["winners"]] == ["b c"] and "damaged" in answer[
        "left_out"
    ]["AAA"]
    assert inside("show", run, "--symbol", "AAA").returncode == 2
    for place in (run / "results").iterdir():
        (place / "top.parquet").write_bytes(b"")
    assert inside("show", run).returncode == 2


def test_json_of_many_rows_is_written_row_by_row(one_run, monkeypatch):
    """All of them as dicts were 3 KiB a row."""
    monkeypatch.setattr("qmac.results.result.ROWS_AT_ONCE", 3)
    held = []
    monkeypatch.setattr(
        "qmac.cli.streams.to_json", lambda value: held.append(value) or to_json(value)
    )
    text = inside("show", one_run, "--json").stdout
    assert (
        json.loads(text)["top"] == to_json_values(qmac.load(one_run).summary()["top"])
        and text.count("\n") == 1
    )
    assert [len(value) for value in held[1:]] == [
        len(qmac.load(one_run).top.columns)
    ] * 7 and "top" not in held[0]


def test_a_job_of_many_has_one_shape(run_of_many, tmp_path):
    """And says what is missing, and how to compute it."""
    run = shutil.copytree(run_of_many, tmp_path / "run")
    whole = json.loads(inside("show", run, "--json").stdout)
    shutil.rmtree(run / "results" / "AAA")
    shown = inside("show", run, "--json")
    answer = json.loads(shown.stdout)
    assert shown.returncode == 0 and answer.keys() == whole.keys()
    assert (whole["missing"], answer["missing"]) == ([], ["AAA"])
    assert [row["symbol"] for row in answer["winners"]] == list(answer["digests"]) == ["b c"]
    command = f"to compute what is not done yet: qmac resume {run}"
    assert command in shown.stderr
    table = inside("show", run)
    assert "not done yet: AAA" in table.stdout and command in table.stderr
    exported = inside("export", run, "--what", "winners")
    assert "AAA" not in exported.stdout and "not done yet: AAA" in exported.stderr
    page = json.loads(inside("report", run, "--json").stdout)
    assert page["left_out"][-1] == "not done yet: AAA"
    assert "digest" in json.loads(inside("show", run, "--symbol", "b c", "--json").stdout)
    refused = inside("show", run, "--symbol", "AAA")
    assert refused.returncode == 2 and "no result of AAA yet. Resume the run" in refused.stderr
    resumed = json.loads(inside("resume", run, "--json").stdout)
    assert resumed.keys() == whole.keys() and resumed["winners"] == whole["winners"]


def test_what_is_missing_while_the_run_goes_on(run_of_many, tmp_path):
    run = shutil.copytree(run_of_many, tmp_path / "run")
    shutil.rmtree(run / "results" / "AAA")
    with RunDirectory.open(run).locked():
        assert f"is being computed; watch it: qmac watch {run}" in inside("show", run).stderr
        refused = inside("show", run, "--symbol", "AAA")
        assert f"no result of AAA yet. The run is going on. Watch it: qmac watch {run}" in (
            refused.stderr
        )


def test_a_result_that_answers_something_else(run_of_many, tmp_path):
    run = shutil.copytree(run_of_many, tmp_path / "run")
    place = RunDirectory.open(run).result(Task("b c"))
    shutil.rmtree(place)
    shutil.copytree(run / "results" / "AAA", place)
    message = f"{place} is the result of AAA, not of b c"
    shown = inside("show", run)
    assert shown.returncode == 3 and message in shown.stdout.replace("\n", " ")
    for command in ("verify", "export", "report"):
        done = inside(command, run)
        assert done.returncode == 2 and message in done.stderr, command
    for words in (("runs", run), ("watch", run, "--once")):
        assert f"{place.name} is the result of AAA, not of b c" in inside(*words).stdout
    resumed = inside("resume", run, "--json")
    assert resumed.returncode == 3 and f"b c is done again: {message}" in resumed.stderr
    assert "Compute it again" not in resumed.stderr  # that is what this command does
    before = json.loads(inside("show", run_of_many, "--json").stdout)
    assert json.loads(resumed.stdout)["digests"] == before["digests"]
    assert inside("verify", run, "--rows", 1).returncode == 0


def test_a_script_is_exported(one_run, tmp_path):
    done = inside("export", one_run, "--what", "pine")
    assert done.returncode == 0 and done.stdout.startswith("//@version=6\n// QMAC ")
    path = tmp_path / "winner.py"
    done = inside("export", one_run, "--what", "vectorbt", "--out", path)
    assert done.returncode == 0 and done.stdout.endswith("winner.py: a script for vectorbt\n")
    assert str(next((one_run / "prices").iterdir())) in path.read_text()
    windows = inside("export", one_run, "--what", "pine", "--combination", "2,3,2,4", "--json")
    assert "QMAC 2/3 > 2/4" in json.loads(windows.stdout)["script"]


def test_a_script_is_for_one_symbol(run_of_many, one_run):
    done = inside("export", run_of_many, "--what", "pine")
    assert done.returncode == 2 and "Name one: --symbol NAME" in done.stderr
    assert inside("export", run_of_many, "--what", "pine", "--symbol", "AAA").returncode == 0
    for options in (["--what", "pine", "--format", "csv"], ["--combination", "2 3 2 4"]):
        assert inside("export", one_run, *options).returncode == 2
