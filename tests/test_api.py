"""The public functions that sweep: their arguments, one series or many, and a run to be resumed."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from helpers.faults import PRICES, slow
from helpers.series import frame, ohlc, series

import qmac
from qmac.results import reader

BARS = ohlc("random", 300, 4)
SMALL = qmac.Grid(windows=range(2, 12))


@pytest.fixture
def slowly(monkeypatch):
    slow(monkeypatch)


def test_a_run_in_a_directory_is_the_one_in_memory(market, tmp_path):
    prices, grid = market
    in_memory = qmac.optimize(prices, grid, top=5)
    on_disk = qmac.optimize(prices, grid, top=5, out=tmp_path / "run")
    (resumed,) = qmac.resume(tmp_path / "run").values()
    assert in_memory.digest == on_disk.digest == resumed.digest
    assert len(in_memory.top) == 5


def test_own_averages(sample):
    grid = qmac.Grid(windows=[5, 10, 20, 40])
    close = sample.frame["Close"]
    own = {
        window: close.ewm(span=window, adjust=False, min_periods=window).mean()
        for window in grid.windows
    }
    ours = qmac.optimize(sample, grid, rules=qmac.Rules(average="ema"), top=grid.size)
    by_window = qmac.optimize(sample, grid, averages=own, top=grid.size)
    by_row = qmac.optimize(sample, grid, averages=np.array(list(own.values())), top=grid.size)
    assert by_window.digest == by_row.digest == ours.digest
    assert by_window.prices["averages"] == "own"
    with pytest.raises(qmac.InputError, match="no window 40"):
        qmac.optimize(sample, grid, averages={5: own[5], 10: own[10], 20: own[20]})
    with pytest.raises(qmac.InputError, match=r"need \(4, 5031\)"):
        qmac.optimize(sample, grid, averages=np.ones((3, 7)))


def test_interrupt_stops_the_kernels(sample):
    def interrupt(status):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qmac.optimize(sample, qmac.Grid(windows=range(2, 253)), progress=interrupt)


def test_the_best_so_far_is_the_best_of_all(market):
    """Also where every pair shares a window with some other pair of its list."""
    prices, _ = market
    for series_, grid in (
        (prices, qmac.Grid(windows=range(2, 8))),
        (prices.tail(60), qmac.Grid(windows=range(2, 20))),
    ):
        seen = []
        result = qmac.optimize(series_, grid, progress=seen.append)
        assert seen[-1].best == pytest.approx(result.distribution.max)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"objective": "totl_return"}, "Did you mean 'total_return'"),
        ({"objective": "sharp"}, "Did you mean 'sharpe_ratio'"),
        ({"constraints": {"win_rat": (0, 1)}}, "Did you mean 'win_rate'"),
        ({"constraints": {"win_rate": (0.9, 0.1)}}, "contradict"),
        ({"constraints": {"win_rate": 0.9}}, "lowest, highest"),
        ({"constraints": {"win_rate": (math.nan, 1)}}, "not a number"),
        ({"constraints": {"total_trades": (None, 3)}, "min_trades": 4}, "contradict"),
        ({"rules": qmac.Rules(end="1990-01-01")}, "Use a later end"),
        ({"rules": qmac.Rules(start="2002-01-01", end="2001-12-31")}, "Use a later end"),
        ({"rules": qmac.Rules(end="2001-01-15")}, "needs at least"),
        ({"rules": qmac.Rules(start="2050-01-01")}, "Use an earlier start"),
        ({"top": 0}, "top must be at least 1, got 0"),
        ({"top": 2.5}, "whole number"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"min_trades": -1}, "min_trades must be at least 0, got -1"),
    ],
)
def test_bad_options(market, arguments, says):
    with pytest.raises(qmac.InputError, match=says):
        qmac.optimize(*market, **arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"constraints": ["total_trades >= 10"]}, "must be a mapping"),
        ({"constraints": {"total_trades": (math.inf, None)}}, "no finite value satisfies"),
        ({"constraints": {"best_trade": (0.1, None)}}, "computed for the best rows only"),
        ({"objective": ["total_return"]}, "not known"),
        ({"rules": {"fees": 0}}, "must be qmac.Rules"),
        (
            {"averages": {w: np.ones(399) for w in range(2, 22)}},
            r"window 2 have the shape \(399,\)",
        ),
        ({"averages": {w: ["x"] * 400 for w in range(2, 22)}}, "not a number"),
        ({"averages": np.full((20, 400), np.inf)}, "infinite"),
        ({"averages": pd.DataFrame(np.ones((400, 20)), columns=range(2, 22))}, "other dates"),
        ({"averages": 3}, "averages must be an array, .*got int"),
    ],
)
def test_bad_arguments(market, arguments, says):
    with pytest.raises(qmac.InputError, match=says):
        qmac.optimize(*market, **arguments)


def test_total_trades_are_whole(market):
    bounds = {"win_rate": (0, 1)}  # with them the kernel is one that other tests use, too
    result = qmac.optimize(*market, objective="total_trades", constraints=bounds, top=3)
    assert result.top["total_trades"].dtype == np.int64


def test_many_equal_single_ones(tmp_path, slowly):
    frames = {
        "SPY": PRICES,
        "a/b": frame(series("ticks", 300, 1)),
        "spy": BARS,
        "flat": frame(series("constant", 60, 1)),
    }
    single = {name: qmac.optimize(table, SMALL, top=20) for name, table in frames.items()}
    many = qmac.optimize_many(frames, SMALL, top=20, threads=2)
    kept = qmac.optimize_many(frames, SMALL, top=20, out=tmp_path / "run")
    again = qmac.resume(tmp_path / "run")
    for results in (many, kept, again, reader.read_results(tmp_path / "run")):
        assert list(results) == list(frames) and results.left_out == {}
        assert {name: result.digest for name, result in results.items()} == {
            n: r.digest for n, r in single.items()
        }
        table = results.winners
        assert list(table.index) == list(frames)
        for name, result in single.items():
            row = tuple(table.loc[name, ["buy_fast", "buy_slow", "sell_fast", "sell_slow"]])
            assert result.best in (None, row)
            assert table.loc[name, "buy_and_hold"] == pytest.approx(result.hold["total_return"])
    assert json.loads(json.dumps(many.summary()))["digests"] == {
        n: r.digest for n, r in single.items()
    }


def test_symbols_that_cannot_be_used_are_left_out(tmp_path, slowly):
    frames = {"good": PRICES, "bad": -PRICES, "short": PRICES.iloc[:11], "late": PRICES.iloc[:200]}
    rules = qmac.Rules(start="2001-11-01")
    with pytest.warns(UserWarning, match="left out: "):
        results = qmac.optimize_many(frames, SMALL, rules=rules, top=5, out=tmp_path / "run")
    assert list(results) == ["good"] and set(results.left_out) == {"bad", "short", "late"}
    assert "Close is -" in results.left_out["bad"] and "12" in results.left_out["short"]
    assert (
        qmac.resume(tmp_path / "run").left_out
        == results.left_out
        == reader.read_results(tmp_path / "run").left_out
    )
    with pytest.raises(qmac.InputError, match="Close is -"):
        qmac.optimize_many(frames, SMALL, strict=True, out=tmp_path / "strict")
    assert not (tmp_path / "strict").exists()
    with pytest.raises(qmac.InputError):
        qmac.optimize_many({"bad": -PRICES, "short": PRICES.iloc[:5]}, SMALL)
