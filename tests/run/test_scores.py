"""Every score on disk equals the score of its combination, in whatever order chunks were written."""

import json
import warnings

import numpy as np
import pytest
from conftest import frame, series

import qmac
from qmac.errors import GridError, OptionError, ResultError
from qmac.run.limits import Limits
from qmac.run.scores import ScoreWriter


@pytest.fixture
def prices():
    return qmac.Prices.of(frame(series("random", 200, 3)), "SPY")


@pytest.mark.parametrize("shared", [False, True])
def test_every_score_is_that_of_its_combination(prices, tmp_path, shared):
    grid = qmac.Grid(
        buy_fast=[2, 3, 5], buy_slow=range(6, 14), sell_fast=range(2, 9), sell_slow=range(9, 14), shared_windows=shared
    )
    result = qmac.optimize(prices, grid, top=10**6, out=tmp_path / "run", save_grid="float64")
    again = qmac.load(tmp_path / "run").scores
    ranked = dict(
        zip(result.top.iloc[:, :4].itertuples(index=False, name=None), result.top["total_return"], strict=True)
    )
    assert len(ranked) > 100
    for k in range(grid.size):
        combination = grid.combination(k)
        expected = ranked.get(combination, np.nan)
        assert again[combination] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    sell = grid.sells.pair(0)
    column = again.of_sell(*sell)
    assert column.size == grid.buys.size
    for buy, value in column.items():
        assert value == pytest.approx(ranked.get((*buy, *sell), np.nan), abs=1e-12, nan_ok=True)


def test_filtered_and_lowest(prices, tmp_path):
    grid = qmac.Grid(windows=range(2, 14))
    constraints = {"total_trades": (6, None)}
    result = qmac.optimize(
        prices, grid, "max_drawdown", maximize=False, constraints=constraints, top=10**6, out=tmp_path / "run", save_grid="float32",
    )  # fmt: skip
    assert 0 < result.scored < grid.size
    kept = qmac.load(tmp_path / "run").scores
    values = np.array([kept[grid.combination(k)] for k in range(grid.size)])
    assert np.count_nonzero(~np.isnan(values)) == result.scored
    assert np.sort(values[~np.isnan(values)])[:50] == pytest.approx(
        result.top["max_drawdown"].to_numpy()[:50], abs=1e-6
    )


def test_layout_is_that_of_zarr(prices, tmp_path):
    qmac.optimize(prices, qmac.Grid(windows=range(2, 14)), out=tmp_path / "run", save_grid="float32")
    folder = next((tmp_path / "run" / "results").iterdir()) / "scores"
    about = json.loads((folder / ".zarray").read_text())
    blocks = -(-about["shape"][1] // about["chunks"][1])
    assert about["zarr_format"] == 2 and about["dtype"] == "<f4"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [".zarray", "buys.npy", "sells.npy", *(f"0.{k}" for k in range(blocks))]
    )
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    assert zarr.open(str(folder), mode="r").shape == tuple(about["shape"])


def test_what_cannot_be_written_is_dropped_and_said(prices, tmp_path, monkeypatch):
    grid = qmac.Grid(windows=range(2, 14))
    plain = qmac.optimize(prices, grid)
    monkeypatch.setattr(ScoreWriter, "__call__", lambda writer, block, scores: writer.drop("No space left on device"))
    with pytest.warns(UserWarning, match="not whole"):
        result = qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float32")
    assert result.digest == plain.digest and result.scores is None
    assert any("No space left" in entry["reason"] for entry in result.degradations)
    assert not any((tmp_path / "run" / "scores").iterdir())


def test_a_damaged_chunk_is_an_error(prices, tmp_path):
    grid = qmac.Grid(windows=range(2, 14))
    qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float32")
    folder = next((tmp_path / "run" / "results").iterdir()) / "scores"
    (folder / "0.0").write_bytes(b"no chunk")
    with pytest.raises(ResultError, match="damaged"):
        [qmac.load(tmp_path / "run").scores[grid.combination(k)] for k in range(grid.size)]
    (folder / ".zarray").write_text("{}")
    with pytest.raises(ResultError, match="no scores"):
        qmac.load(tmp_path / "run")


def test_bad_input(prices, tmp_path):
    grid = qmac.Grid(windows=range(2, 14))
    with pytest.raises(OptionError, match="float32"):
        qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float23")
    with pytest.raises(OptionError, match="no directory"):
        qmac.optimize(prices, grid, save_grid="float32")
    assert not (tmp_path / "run").exists()
    qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float32", limits=Limits(threads=1))
    with pytest.raises(GridError, match="not in the grid"):
        qmac.load(tmp_path / "run").scores.of_sell(3, 90)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert qmac.load(tmp_path / "run").scores is not None
