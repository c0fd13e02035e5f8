"""Results keep the prices they were found on, or say how to give them."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, ohlc, series

import qmac
from qmac.errors import ResultError

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))
OWN = np.array(
    [pd.Series(PRICES["Close"]).rolling(window).median().to_numpy() for window in GRID.windows]
)


def test_saved_and_read_again(tmp_path):
    result = qmac.optimize(ohlc("random", 200, 3), GRID, rules=qmac.Rules(stop_loss=0.05))
    again = qmac.load(result.save(tmp_path / "run"))
    assert again.series.prices.frame.equals(result.series.prices.frame)
    assert again.neighbourhood().equals(result.neighbourhood())
    assert again.machine == result.machine != ""
    assert pickle.loads(pickle.dumps(again)).digest == result.digest  # noqa: S301


def test_own_averages(tmp_path):
    result = qmac.optimize(PRICES, GRID, averages=OWN, top=3)
    for again in (
        qmac.load(result.save(tmp_path / "a")),
        qmac.optimize(PRICES, GRID, averages=OWN, top=3, out=tmp_path / "b"),
    ):
        near = again.neighbourhood(radius=1)
        assert near["total_return"].iloc[0] == pytest.approx(result.top["total_return"].iloc[0])
        assert again.series.averages.keys() == set(GRID.windows)


def test_a_run_directory_holds_them_once(tmp_path):
    result = qmac.optimize(PRICES, GRID, out=tmp_path / "run")
    assert len(list(tmp_path.rglob("*.parquet"))) == 2  # prices and top
    for again in (result, qmac.load(tmp_path / "run")):
        assert again.series.prices.close.tolist() == PRICES["Close"].tolist()


def test_results_without_prices(tmp_path):
    """As earlier versions wrote them."""
    result = qmac.optimize(PRICES, GRID)
    old = qmac.load(replace(result, source=None).save(tmp_path / "old"))
    assert old.digest == result.digest and old.top.equals(result.top)
    with pytest.raises(ResultError, match="--prices FILE"):
        old.neighbourhood()
    assert old.with_prices(PRICES).neighbourhood().equals(result.neighbourhood())
    with pytest.raises(ResultError, match="not the prices of this result: bars is 199, not 200"):
        old.with_prices(PRICES.iloc[1:])
    with pytest.raises(ResultError, match="best combination makes"):
        old.with_prices(PRICES + np.linspace(0, 30, 200)[:, None])
    with pytest.raises(ResultError, match="averages of your own"):
        replace(qmac.optimize(PRICES, GRID, averages=OWN), source=None).with_prices(PRICES)


def test_damaged_prices(tmp_path):
    path = qmac.optimize(PRICES, GRID).save(tmp_path / "run")
    content = bytearray((path / "prices.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (path / "prices.parquet").write_bytes(content)
    with pytest.raises(ResultError, match="damaged"):
        qmac.load(path)
