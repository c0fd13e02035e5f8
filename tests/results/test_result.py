"""Saving and loading: all of it or nothing, and never a damaged answer."""

import re

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, ResultError


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(
        frame(series("random", 200, 2)), qmac.Grid(windows=range(2, 12)), "win_rate", top=15, maximize=False,
        constraints={"max_drawdown": (-0.9, None)},
    )  # fmt: skip


def test_round_trip(result, tmp_path):
    again = qmac.load(result.save(tmp_path / "deep" / "run"))
    assert again.digest == result.digest
    assert again.top.equals(result.top)
    assert again.summary() == result.summary()
    assert again.map("buy_fast", "sell_slow", "mean").equals(
        result.map("buy_fast", "sell_slow", "mean")
    )
    assert again.hold == pytest.approx(result.hold, nan_ok=True)
    assert (again.grid, again.rules, again.best) == (result.grid, result.rules, result.best)
    assert not list(tmp_path.glob("deep/.*"))


def test_shown_in_one_line(result):
    """In a terminal; a notebook shows a table."""
    assert repr(result) == f"Result(prices: win_rate of 1,260 combinations, best {result.best})"
    assert "best None" in repr(
        qmac.optimize(frame(series("constant", 60, 1)), qmac.Grid(windows=(2, 3, 4, 5)))
    )
    run = qmac.backtest(frame(series("random", 200, 2)), (2, 5, 3, 9))
    assert re.fullmatch(
        r"Backtest\(\(2, 5, 3, 9\): total_return -?\d+\.\d% in \d+ trades\)", repr(run)
    )
    many = {f"S{n}": frame(series("random", 60, n)) for n in range(6)}
    assert (
        repr(qmac.optimize_many(many, qmac.Grid(windows=(2, 3, 4, 5))))
        == "Results(6 symbols: S0, S1, S2, S3, S4, ...; 0 left out)"
    )


def test_only_into_new_or_empty_directories(result, tmp_path):
    (tmp_path / "empty").mkdir()
    result.save(tmp_path / "empty")
    for taken in (tmp_path / "empty", tmp_path / "empty" / "result.json"):
        with pytest.raises(ResultError, match="Name a new directory"):
            result.save(taken)


@pytest.mark.parametrize("name", ["result.json", "top.parquet", "arrays.npz"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damage_is_found(result, tmp_path, name, damage):
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
        qmac.load(tmp_path / "run")


def test_not_a_result(tmp_path):
    with pytest.raises(ResultError, match="holds no result"):
        qmac.load(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [("buy", "sell_fast"), ("buy_fast", "buy_fast"), ("buy_fast", "buy_slow", "median")],
)
def test_bad_maps(result, arguments):
    with pytest.raises(OptionError):
        result.map(*arguments)


def test_nothing_scored():
    flat = qmac.optimize(frame(series("constant", 60, 1)), qmac.Grid(windows=range(2, 8)))
    assert (flat.scored, flat.filtered, flat.best) == (0, flat.evaluated, None)
    assert flat.top.empty and flat.summary()["best"] is None
    assert flat.distribution.mean != flat.distribution.mean
    assert flat.map("buy_fast", "buy_slow").isna().all().all()
