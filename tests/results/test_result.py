"""A result: its figures, and what it says of its prices."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, ohlc, series

import qmac
from qmac.engine.dataset.series import Series
from qmac.errors import OptionError, ResultError
from qmac.results.result import are_close

PRICES = frame(series("random", 200, 2))
GRID = qmac.Grid(windows=range(2, 9))
OWN = np.array(
    [pd.Series(PRICES["Close"]).rolling(window).median().to_numpy() for window in GRID.windows]
)


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(
        PRICES, qmac.Grid(windows=range(2, 12)), "win_rate", top=15, maximize=False,
        constraints={"total_trades": (2, None)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def flat():
    """A result in which nothing was scored."""
    return qmac.optimize(frame(series("constant", 60, 1)), qmac.Grid(windows=range(2, 8)))


def test_shown_in_one_line(result, flat):
    """In a terminal; a notebook shows a table."""
    assert repr(result) == f"Result(prices: win_rate of 1,260 combinations, best {result.best})"
    assert "best None" in repr(flat)


@pytest.mark.parametrize(
    "arguments",
    [("buy", "sell_fast"), ("buy_fast", "buy_fast"), ("buy_fast", "buy_slow", "median")],
)
def test_bad_maps(result, arguments):
    with pytest.raises(OptionError):
        result.map(*arguments)


def test_nothing_scored(flat):
    assert (flat.scored, flat.filtered, flat.best) == (0, flat.evaluated, None)
    assert flat.top.empty and flat.summary()["best"] is None
    assert flat.distribution.mean != flat.distribution.mean
    assert flat.map("buy_fast", "buy_slow").isna().all().all()
    with pytest.raises(ResultError, match="Name one"):
        flat.neighbourhood()
    assert flat.ranked("plateau").empty and list(flat.rows()) == []


def test_the_digest_depends_on_every_figure(result):
    maps, distribution = result.maps, result.distribution
    others = [
        replace(result, scored=result.scored + 1),
        replace(result, filtered_by={"total_trades": 1}),
        replace(result, top=result.top.iloc[::-1]),
        replace(result, top_scores=result.top_scores + 1),
        replace(result, maps=replace(maps, best=maps.best * 2)),
        replace(result, distribution=replace(distribution, score_std=0.5)),
    ]
    assert len({other.digest for other in [result, *others]}) == 7
    assert replace(result, elapsed=9.0, threads=7, machine="another").digest == result.digest


def test_prices_and_digest_are_computed_once(result):
    reads = []

    def read():
        reads.append(1)
        return Series(qmac.Prices.of(PRICES))

    again = replace(result, source=read)
    assert again.series is again.series and again.digest is again.digest
    assert again.job is again.job and len(reads) == 1
    assert pickle.loads(pickle.dumps(result)).digest == result.digest  # noqa: S301


def test_rows_are_the_ranked_ones_as_plain_values(result, monkeypatch):
    monkeypatch.setattr("qmac.results.result.ROWS_AT_ONCE", 4)
    for by in ("objective", "plateau"):
        rows, ranked = list(result.rows(by)), result.ranked(by)
        assert len(rows) == 15 and [row["win_rate"] for row in rows] == ranked["win_rate"].tolist()
        assert result.summary(by)["top"] == rows
        assert {type(row["buy_fast"]) for row in rows} == {int}
    gap = replace(result, top=result.top.assign(sharpe_ratio=np.nan))
    assert {row["sharpe_ratio"] for row in gap.rows()} == {None}


def test_ranked_by_another_radius_is_computed_anew(result):
    assert result.ranked("objective").equals(result.top)
    near = result.ranked(radius=1)
    assert sorted(near.index) == sorted(result.top.index)
    assert near["plateau"].is_monotonic_increasing  # the lowest is the best
    older = replace(result, top=result.top.drop(columns="plateau"))
    assert older.ranked().equals(result.ranked()[older.ranked().columns])
    with pytest.raises(OptionError, match="rank by 'plato' is not known"):
        result.ranked("plato")
    with pytest.raises(ResultError, match="--prices FILE"):
        replace(result, source=None).ranked(radius=1)


def test_the_job_file_names_the_settings(result):
    lines = result.job.splitlines()
    assert "# Repeats a result, on the same prices: prices, 200 bars, 2001-01-01 to" in lines[0]
    for line in ('objective = "win_rate"', "minimize = true", 'windows = "2:11"', "top = 15"):
        assert line in lines


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


def test_prices_of_other_days_are_others(tmp_path):
    result = replace(qmac.optimize(PRICES, GRID), source=None)
    later = PRICES.set_axis(PRICES.index + pd.Timedelta(7, "D"))
    with pytest.raises(ResultError, match="first is 2001-01-08 00:00:00, not 2001-01-01 00:00:00"):
        result.with_prices(later)
    with pytest.raises(ResultError, match="not the prices of this result: "):
        result.with_prices(PRICES.iloc[:5])


def test_own_averages(tmp_path):
    result = qmac.optimize(PRICES, GRID, averages=OWN, top=3)
    for again in (
        qmac.load(result.save(tmp_path / "a")),
        qmac.optimize(PRICES, GRID, averages=OWN, top=3, out=tmp_path / "b"),
    ):
        near = again.neighbourhood(radius=1)
        assert near["total_return"].iloc[0] == pytest.approx(result.top["total_return"].iloc[0])
        assert again.series.averages.keys() == set(GRID.windows)


def test_neighbourhoods_are_the_same_after_a_save(tmp_path):
    result = qmac.optimize(ohlc("random", 200, 3), GRID, rules=qmac.Rules(stop_loss=0.05))
    again = qmac.load(result.save(tmp_path / "run"))
    assert again.series.prices.frame.equals(result.series.prices.frame)
    assert again.neighbourhood().equals(result.neighbourhood())
    assert again.machine == result.machine != ""
    assert pickle.loads(pickle.dumps(again)).digest == result.digest  # noqa: S301


def spoil(value):
    """Change a value in place in whatever way it allows."""
    if isinstance(value, np.ndarray):
        with pytest.raises(ValueError, match="read-only"):
            value[...] = 0
    elif isinstance(value, pd.DataFrame):
        value.iloc[0] = value.iloc[-1]
        value.pop(value.columns[0])
    elif isinstance(value, pd.Series):
        value.iloc[:] = 0
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            spoil(inner)
        value.clear()


def spoil_all(thing):
    """Change every public attribute in place; return how many there were that could be changed."""
    spoilt = 0
    for name in dir(thing):
        value = None if name.startswith("_") else getattr(thing, name)
        if isinstance(value, np.ndarray | pd.DataFrame | pd.Series | dict | list):
            is_copy = name in ("edges", "about")  # computed at each call
            if not (is_copy and isinstance(value, np.ndarray)):
                spoil(value)
            spoilt += 1
    return spoilt


def test_a_result_cannot_be_changed_by_looking_at_it(tmp_path):
    prices = qmac.Prices.of(frame(series("random", 200, 2)), "SPY")
    grid = qmac.Grid(windows=range(2, 9))
    result = qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float64")
    again = qmac.load(tmp_path / "run")
    for one in (result, again):
        before, top, best = one.summary(), one.top, one.best
        parts = (one, one.distribution, one.maps, one.series, one.request, one.fingerprint.request)
        counted = [spoil_all(part) for part in (*parts, one.grid, one.series.prices, one.rules)]
        assert counted[:3] == [9, 3, 3] and sum(counted) > 18
        spoil(one.summary())
        spoil(one.ranked("objective"))
        spoil(one.map("buy_fast", "buy_slow"))
        one.top.pop("plateau")
        assert one.summary() == before and one.top.equals(top) and one.best == best
        assert one.grid == grid and one.series.prices.frame.equals(prices.frame)
    spoil(again.scores.of_sell(2, 3))
    assert again.scores[again.best] == pytest.approx(again.top["total_return"].iloc[0])
    saved = qmac.load(result.save(tmp_path / "saved"))
    assert saved.top.equals(result.top) and saved.digest == result.digest


def test_grids_and_backtests_cannot_be_changed_either():
    grid = qmac.Grid(windows=range(2, 9))
    grid.roles.clear()
    with pytest.raises(AttributeError, match=r"a grid cannot be changed: size\."):
        grid.size = 1
    assert pickle.loads(pickle.dumps(grid)) == grid and grid.index((2, 3, 4, 5)) == 0
    run = qmac.backtest(frame(series("random", 200, 2)), (2, 5, 3, 8))
    before = [run.metrics, run.equity, run.trades, run.bars]
    assert spoil_all(run) == 4
    after = [run.metrics, run.equity, run.trades, run.bars]
    assert all(one.equals(other) for one, other in zip(before, after, strict=True))
    results = qmac.optimize_many({"A": frame(series("random", 200, 2))}, grid)
    spoil(results.left_out)
    spoil(results.winners)
    assert list(results) == ["A"] and results.winners["buy_fast"].notna().all()


def test_a_result_is_replayed_with_its_bars_a_year(swept):
    older = replace(swept, periods_per_year=300.0)
    assert older.replay_rules == replace(swept.rules, periods_per_year=300.0)
    assert swept.replay_rules.periods_per_year == swept.periods_per_year == 252


def test_figures_are_equal_but_for_rounding():
    infinite, undefined = math.inf, math.nan
    for one, other in ((1, 1 + 9e-7), (1e9, 1e9 + 900), (0, 9e-7), (infinite, infinite), ([], [])):
        assert are_close(one, other, 1e-6)
    for one, other in (
        (1, 1 + 2e-6),
        (0, 2e-6),
        (1, infinite),
        (undefined, undefined),
        (1, undefined),
    ):
        assert not are_close(one, other, 1e-6) and not are_close(other, one, 1e-6)
    assert are_close([1, 2], 1.0, 2) and not are_close([1, 2], 1.0, 0.5)
