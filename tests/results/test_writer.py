"""Results are written whole, or not at all."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError, WriteError
from qmac.results import writer
from qmac.results.writer import build_header, compute_file_checksum, write_series

PRICES = frame(series("random", 200, 2))


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES, qmac.Grid(windows=range(2, 8)), top=5)


def test_only_into_new_or_empty_directories(result, tmp_path):
    (tmp_path / "empty").mkdir()
    result.save(tmp_path / "empty")
    for taken in (tmp_path / "empty", tmp_path / "empty" / "result.json"):
        with pytest.raises(ResultError, match="Name a new directory"):
            result.save(taken)


def test_the_files_and_their_checksums(result, tmp_path):
    path = result.save(tmp_path / "run")
    header = json.loads((path / "result.json").read_text())
    names = {"top.parquet", "arrays.npz", "prices.parquet"}
    assert {file.name for file in path.iterdir()} == names | {"result.json"}
    assert header["checksums"] == {name: compute_file_checksum(path / name) for name in names}
    assert header["digest"] == result.digest and "best" not in header


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("name", ["top.parquet", "arrays.npz", "result.json"])
def test_a_full_disk_leaves_no_result(result, tmp_path, monkeypatch, existed, name):
    path = tmp_path / "run"
    if existed:
        path.mkdir()

    def full(place):
        if Path(place).name == name:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "sync", full)
    with pytest.raises(WriteError, match="cannot be written: No space left on device. Make room"):
        result.save(path)
    assert list(path.iterdir()) == [] if existed else not path.exists()
    assert [file for file in tmp_path.iterdir() if file != path] == []


def test_numbers_that_json_has_not():
    about = {"best": [1, 2, 3, 4], "constraints": {"win_rate": (0.5, math.inf)}, "scored": 3}
    hold = {"total_return": 0.5, "profit_factor": math.inf, "sharpe_ratio": math.nan}
    header = build_header(about, {"threads": 2, "hold": hold})
    assert header["constraints"] == {"win_rate": [0.5, None]} and "best" not in header
    assert header["hold"] == {"total_return": 0.5, "profit_factor": "inf", "sharpe_ratio": "nan"}
    assert list(header)[:2] == ["format", "qmac"] and header["scored"] == 3
    json.dumps(header, allow_nan=False)


def test_averages_are_written_beside_the_prices(tmp_path):
    grid = qmac.Grid(windows=(2, 4, 6, 8))
    own = np.cumsum(np.ones((4, 200)), axis=1)
    own += np.sin(np.arange(200)) * np.arange(4)[:, None]
    series = qmac.optimize(PRICES, grid, averages=own).series
    assert write_series(series, tmp_path) == ["prices.parquet", "averages.npz"]
    with np.load(tmp_path / "averages.npz") as arrays:
        assert {int(name): row.tolist() for name, row in arrays.items()} == {
            window: row.tolist() for window, row in zip(grid.windows, own, strict=True)
        }


def test_the_schema_of_the_best_rows_is_documented(one_run):
    """docs/results.md has every column of top.parquet, in order, with its type."""
    page = (
        (Path(__file__).parents[2] / "docs" / "results.md")
        .read_text()
        .partition("## top.parquet")[2]
        .partition("\n## ")[0]
    )
    documented = [
        (name, kind)
        for names, kind in re.findall(r"^\| (`[^|]*) \| (\w+) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    ]
    schema = pyarrow.parquet.read_schema(next(one_run.glob("results/*/top.parquet")))
    assert documented == [(field.name, str(field.type)) for field in schema]
