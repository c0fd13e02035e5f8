"""The column ``plateau`` against the definition: every neighbour replayed bar by bar."""

import numpy as np
import pytest
from helpers.faults import LONG
from helpers.series import frame, ohlc, series

import qmac
from qmac.engine.neighbourhood import plateau
from qmac.engine.neighbourhood.neighbours import Neighbourhood

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34))
ODD = qmac.Grid(
    buy_fast=(2, 5, 9),
    buy_slow=(4, 9, 12, 20),
    sell_fast=(3, 4),
    sell_slow=(9, 10, 30),
    shared_windows=True,
)
PRICES = qmac.Prices.of(ohlc("random", 250, 5))


def check(result):
    assert result.top.columns[-1] == "plateau" and len(result.top) > 5
    for row in result.top.itertuples():
        near = result.neighbourhood(row[1:5])[result.objective].to_numpy(np.float64)[1:]
        expected = Neighbourhood.from_values(near, result.maximize).median
        assert row.plateau == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("grid", [GRID, ODD])
@pytest.mark.parametrize(
    ("objective", "maximize"),
    [
        ("total_return", True),
        ("total_return", False),
        ("sharpe_ratio", True),
        ("max_drawdown", False),
        ("win_rate", True),
    ],
)
def test_it_is_the_median_of_all_neighbours(grid, objective, maximize):
    check(qmac.optimize(PRICES, grid, objective, maximize=maximize, top=40, min_trades=0))


RULES = [qmac.Rules(conflict="opposite", fill="next_open"), qmac.Rules(trailing_stop=0.05)]


@pytest.mark.parametrize("rules", RULES if LONG else RULES[:1])
def test_under_rules_and_constraints(rules):
    bounds = {"total_trades": (3, 20), "win_rate": (0.3, None)}
    check(qmac.optimize(PRICES, GRID, rules=rules, constraints=bounds, top=40))


def test_neighbours_that_do_not_trade_are_the_worst():
    rising = qmac.Prices.of(frame(series("steps", 90, 2)))
    result = qmac.optimize(
        rising, qmac.Grid(windows=range(2, 40, 5)), "win_rate", top=400, min_trades=1
    )
    assert result.top["plateau"].isna().any()
    check(result)


@pytest.mark.parametrize("metric", ["win_rate", "profit_factor"] if LONG else ["win_rate"])
def test_a_constraint_that_is_undefined_for_a_neighbour(metric):
    few = qmac.Prices.of(ohlc("random", 60, 3))
    # the other bound removes nothing: with it the kernel is one that other tests use, too
    bounds = {metric: (0, None), "total_trades": (0, None)}
    result = qmac.optimize(
        few, qmac.Grid(windows=(3, 5, 8, 12, 20, 30)), constraints=bounds, min_trades=0
    )
    assert result.filtered_by[metric] > 0
    check(result)


def test_in_pieces(monkeypatch):
    whole = qmac.optimize(PRICES, GRID, top=200).top["plateau"]
    monkeypatch.setattr(plateau, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(plateau, "MOST_SWEPT", 40)
    assert qmac.optimize(PRICES, GRID, top=200).top["plateau"].equals(whole)


def test_a_winner_without_neighbours():
    lonely = qmac.optimize(
        PRICES, qmac.Grid(buy_fast=(5,), buy_slow=(20,), sell_fast=(4,), sell_slow=(30,)), top=5
    )
    assert lonely.top["plateau"].isna().all()


def test_it_is_there_where_the_prices_are_not(tmp_path):
    result = qmac.optimize(PRICES, GRID, top=20)
    result.save(tmp_path / "kept")
    kept = qmac.load(tmp_path / "kept")
    assert kept.ranked("plateau").equals(result.ranked("plateau"))
