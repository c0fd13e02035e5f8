"""Results are loaded whole, and a damaged one never."""

import dataclasses
import json
import re
import shutil
import warnings
from pathlib import Path

import pytest
from helpers.readings import fill_memory
from helpers.run_directories import created
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, OutOfMemoryError, ResultError
from qmac.results.reader import load, read_results, read_series
from qmac.storage.json_text import compute_checksum

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(
        PRICES, qmac.Grid(windows=range(2, 12)), "win_rate", top=15, maximize=False,
        constraints={"total_trades": (2, None)},
    )  # fmt: skip


def change(path, **entries):
    """Change entries of a header, as another version would have written it."""
    header = {**json.loads(path.read_text()), **entries}
    header["checksum"] = compute_checksum(header)
    path.write_text(json.dumps(header))


@pytest.mark.slow
def test_round_trip(result, tmp_path):
    again = load(result.save(tmp_path / "deep" / "run"))
    assert again.digest == result.digest
    assert again.top.equals(result.top)
    assert again.summary() == result.summary()
    assert again.map("buy_fast", "sell_slow", "mean").equals(
        result.map("buy_fast", "sell_slow", "mean")
    )
    assert again.hold == pytest.approx(result.hold, nan_ok=True)
    assert (again.grid, again.rules, again.best) == (result.grid, result.rules, result.best)
    assert not list(tmp_path.glob("deep/.*"))


@pytest.mark.parametrize("name", ["result.json", "top.parquet", "arrays.npz", "prices.parquet"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damage_is_detected(result, tmp_path, name, damage):
    path = result.save(tmp_path / "run") / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        place = content.index(b'"scored": ') + 10 if name == "result.json" else len(content) // 2
        content[place] ^= 3
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(ResultError):
        load(tmp_path / "run")


def test_damaged_prices(tmp_path):
    path = qmac.optimize(PRICES, GRID).save(tmp_path / "run")
    content = bytearray((path / "prices.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (path / "prices.parquet").write_bytes(content)
    with pytest.raises(ResultError, match="damaged"):
        load(path)


def test_prices_that_are_damaged_after_the_result_was_loaded(result, tmp_path):
    path = result.save(tmp_path / "run")
    again = load(path)
    (path / "prices.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultError, match="prices.parquet is damaged"):
        again.series  # noqa: B018
    with pytest.raises(ResultError, match="prices.parquet is damaged"):
        read_series(path, "prices")


def test_not_a_result(tmp_path):
    with pytest.raises(ResultError, match="holds no result: there is no result.json"):
        load(tmp_path)
    with pytest.raises(ResultError, match="does not exist"):
        load(tmp_path / "no")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="is a file, not a directory"):
        load(tmp_path / "file")


def test_what_is_no_result_says_what_to_do(result, run_of_many, tmp_path):
    saved = result.save(tmp_path / "runs" / "one")
    with pytest.raises(ResultError, match=rf"Name its directory: {saved}$"):
        load(saved / "result.json")
    with pytest.raises(ResultError, match=rf"Name one, such as {saved}, .* qmac runs "):
        load(tmp_path / "runs")
    prices = tmp_path / "prices.csv"
    PRICES.to_csv(prices)
    with pytest.raises(ResultError, match=r"Prices are read by qmac\.read_prices"):
        load(prices)
    with pytest.raises(ResultError, match=r"no result.json\. Name a directory"):
        load(saved.parent.parent)
    with pytest.raises(ResultError, match=r"read all of them: qmac\.resume\(directory\)"):
        load(run_of_many)


def test_an_unfinished_run_says_so(tmp_path):
    run = created(tmp_path / "run")
    again = rf"the run is unfinished\. Resume it: qmac resume {run.path}$"
    for read in (load, read_results):
        with pytest.raises(ResultError, match=again):
            read(run.path)
        with run.locked(), pytest.raises(ResultError, match=rf"Watch it: qmac watch {run.path}$"):
            read(run.path)


def test_a_run_of_many_of_which_one_is_done_is_no_result(run_of_many, tmp_path):
    run = shutil.copytree(run_of_many, tmp_path / "run")
    shutil.rmtree(run / "results" / "AAA")
    with pytest.raises(ResultError, match="holds 1 of 2 results. Name one, such as .*b_c"):
        load(run)
    results = read_results(run)
    assert list(results) == ["b c"] and results.missing == ("AAA",) and not results.is_single
    assert repr(results).endswith("b c; 1 left out, 1 not done yet)")


def test_a_newer_result_is_refused(result, tmp_path):
    path = result.save(tmp_path / "run") / "result.json"
    change(path, format=4, qmac="9.0")
    with pytest.raises(ResultError, match=r"was written by qmac 9\.0\. Update qmac to read it"):
        load(tmp_path / "run")


def test_a_result_of_an_earlier_version_is_read(result, tmp_path):
    """Without the entries that later versions write."""
    path = result.save(tmp_path / "run") / "result.json"
    header = json.loads(path.read_text())
    for name in ("degradations", "failed", "machine"):
        del header[name]
    path.write_text(json.dumps({**header, "checksum": compute_checksum(header)}))
    again = load(tmp_path / "run")
    assert (again.degradations, again.failed, again.machine) == ([], [], "")


def test_a_header_that_fits_other_arrays_is_refused(result, tmp_path):
    path = result.save(tmp_path / "run") / "result.json"
    change(path, scored=result.scored + 1)
    with pytest.raises(ResultError, match="its digest is"):
        load(tmp_path / "run")


def test_a_run_directory_holds_the_prices_once(tmp_path):
    result = qmac.optimize(PRICES, GRID, out=tmp_path / "run")
    assert len(list(tmp_path.rglob("*.parquet"))) == 2  # prices and top
    for again in (result, load(tmp_path / "run")):
        assert again.series.prices.close.tolist() == PRICES["Close"].tolist()


def test_a_run_of_many_symbols_is_no_result(run_of_many):
    with pytest.raises(ResultError, match="holds 2 results. Name one, such as .*results"):
        load(run_of_many)
    names = {load(place).prices["name"] for place in run_of_many.glob("results/*")}
    assert names == {"AAA", "b c"}


def test_the_results_of_a_directory(run_of_many, one_run):
    many = read_results(run_of_many)
    assert list(many) == ["AAA", "b c"] and list(many.left_out) == ["BAD"]
    one = read_results(run_of_many, "b c")
    assert list(one) == ["b c"] and one.left_out == {}
    assert list(read_results(Path(one_run))) == ["spy"]
    with pytest.raises(OptionError, match=r"holds no result of 'AAB'. Did you mean 'AAA'\?"):
        read_results(run_of_many, "AAB")


def test_a_run_without_a_result(one_run, tmp_path):
    (tmp_path / "run.json").write_bytes((one_run / "run.json").read_bytes())
    with pytest.raises(ResultError, match="holds no result yet"):
        read_results(tmp_path)


def test_a_run_that_cannot_be_resumed_is_to_be_repeated(tmp_path):
    """Its kernels are others: 'qmac resume' refuses it."""
    header = created(tmp_path / "run").header
    other = dataclasses.replace(header.fingerprint, kernels="other")
    values = dataclasses.replace(header, fingerprint=other).to_dict()
    (tmp_path / "run" / "run.json").write_text(json.dumps(values))
    with pytest.raises(ResultError, match="Repeat the run: qmac optimize .*job.toml") as refused:
        load(tmp_path / "run")
    assert "qmac resume" not in str(refused.value)


def test_scores_that_are_missing_are_said_and_those_not_yet_moved_are_read(tmp_path):
    run = tmp_path / "run"
    prices = qmac.Prices.of(PRICES, "SPY")
    best = qmac.optimize(prices, GRID, out=run, save_grid="float32").best
    scores = run / "results" / "SPY" / "scores"
    scores.rename(run / "scores" / "SPY")  # a process was killed before it moved them
    value = load(run).scores[best]
    assert value == pytest.approx(load(run).top["total_return"].iloc[0], rel=1e-5)
    (run / "scores" / "SPY").rename(tmp_path / "elsewhere")
    with pytest.warns(UserWarning, match=r"results/SPY/scores is missing.*--save-grid"):
        again = load(run)
    assert again.scores is None and again.best == best
    with pytest.warns(UserWarning, match="is missing"):
        assert qmac.resume(run)["SPY"].best == best
    steps = [{"reason": "scores were not kept: No space left on device"}]
    change(scores.parent / "result.json", degradations=steps)
    with warnings.catch_warnings(action="error"):
        assert load(run).scores is None
        copied = shutil.copytree(run / "results" / "SPY", tmp_path / "copy")
        assert load(copied).scores is None  # not in a run: nothing says that there were any


def test_what_does_not_fit_into_memory_is_refused_and_not_taken_for_damage(tmp_path, monkeypatch):
    run = tmp_path / "run"
    result = qmac.optimize(qmac.Prices.of(PRICES, "SPY"), GRID, out=run)
    saved = result.save(tmp_path / "saved")
    names = sorted(path for path in run.rglob("*") if path.name != "lock")
    again = load(run), load(saved)
    fill_memory(monkeypatch)
    for read in (lambda: load(run), lambda: load(saved), lambda: qmac.resume(run)):
        with pytest.raises(OutOfMemoryError, match=r"^reading \S+ needs .*B of memory, but 0 B "):
            read()
    for one, what in zip(again, ("the prices of SPY", str(saved)), strict=True):
        with pytest.raises(OutOfMemoryError, match=f"^reading {what} needs"):
            one.series  # noqa: B018
    assert sorted(path for path in run.rglob("*") if path.name != "lock") == names
    monkeypatch.undo()
    assert load(run).digest == result.digest and again[0].series.prices.name == "SPY"


def test_damage_is_described_without_names_of_python(tmp_path):
    saved = qmac.optimize(PRICES, GRID).save(tmp_path / "saved")
    for damage in ({"objective": None}, {"grid": {}}, {"rules": 3}, {"checksums": {}}):
        copied = shutil.copytree(saved, tmp_path / "copy")
        change(copied / "result.json", **damage)
        with pytest.raises(ResultError, match="is damaged") as caught:
            load(copied)
        assert not re.search(r"[A-Z][a-z]+Error", str(caught.value))
        shutil.rmtree(copied)
    (saved / "top.parquet").unlink()
    with pytest.raises(ResultError, match=r"is damaged \(top.parquet: No such file or directory\)"):
        load(saved)
